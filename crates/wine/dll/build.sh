#!/bin/sh
# Builds tcpentry.dll: build.sh x86_64|i686 FILE, with mingw-w64's compiler for it (Debian: gcc-mingw-w64-x86-64,
# gcc-mingw-w64-i686). Without a C library of Windows's: it needs two DLLs that every prefix has.
set -eu
processor=$1 file=$2
cd "$(dirname "$0")"
case $processor in
    x86_64) entry=DllMain ;;
    i686) entry=_DllMain@12 ;;
    *) echo "build.sh: no such processor: $processor" >&2; exit 2 ;;
esac
# The same sources make the same bytes: no time, and no base of the name of the file. An undecorated name is what Wine's DLL forwards to.
exec "$processor-w64-mingw32-gcc" -O2 -Wall -Wextra -Werror -ffreestanding -nostdlib -shared -s \
    -Wl,--no-insert-timestamp -Wl,--disable-auto-image-base -Wl,--kill-at -Wl,--enable-stdcall-fixup -Wl,--entry="$entry" \
    -o "$file" ./*.c tcpentry.def -lws2_32 -lkernel32
