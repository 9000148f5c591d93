#!/bin/sh
# Links the shared C library from the static one: rustc gives the linker a version script without a version, beside which no
# other can stand, so that the library that cargo links has symbols without versions.
#
# shared-library.sh COMPILER ARCHIVE SHARED NATIVE-LIBRARY...
set -eu
compiler=$1
archive=$2
shared=$3
shift 3
map=$(dirname "$0")/../crates/iphlpapi/iphlpapi.map
# Of an archive only what is asked for is linked.
exported=$(sed -n 's/^ *\([A-Z_a-z0-9]*\);$/-Wl,-u,\1/p' "$map")
# shellcheck disable=SC2086 # Each of them is a word.
"$compiler" -shared -o "$shared" -Wl,-soname,libiphlpapi.so.1 -Wl,--version-script="$map" $exported \
    -Wl,--gc-sections -Wl,--as-needed -Wl,--no-undefined -Wl,-O1 -Wl,-S -Wl,-z,relro,-z,now -Wl,-z,noexecstack \
    "$archive" "$@"
