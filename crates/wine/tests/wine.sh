#!/bin/sh
# Tests `tcpentry wine` with the real Wine and with Windows programs that know nothing of it, compiled by mingw-w64.
# `cargo xtask wine` runs this as root in network, mount and process namespaces of its own:
#
#   wine.sh STAGE PROGRAMS WORK    an installation of tcpentry; the programs; an empty folder, which is kept
#
# A line for each check: `ok`, `FAILED` or `skipped: REASON`.
set -u
stage=$1 programs=$2 work=$3
tcpentry=$stage/bin/tcpentry
linux_end=$stage/libexec/tcpentry/tcpentry-wine
failed=0

check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then
        echo "ok       $1"
    else
        echo "FAILED   $1"
        echo "         expected: $2"
        echo "         found:    $3"
        failed=$((failed + 1))
    fi
}

holds() { # NAME COMMAND...
    name=$1
    shift
    if "$@"; then check "$name" yes yes; else check "$name" yes no; fi
}

# Runs a Windows program of this test, and prints what it prints.
windows() {
    timeout -s KILL 600 wine "$programs/closer-$processor.exe" "$@" 2>>"$work/wine.log" | tr -d '\r'
}

# Prints the last line of a Windows program.
code() {
    windows "$@" | tail -n 1
}

# Prints the contents of all files of the prefix but its registry, which Wine's server writes when it likes, and links.
contents() {
    (cd "$WINEPREFIX" && find . -type f ! -name '*.reg' ! -name 'reg*.tmp' ! -path './drive_c/users/*' -print0 | sort -z | xargs -0 sha256sum)
}

# Starts a Linux program with a connection to itself, and sets `near` and `away` to the words of its ends. It prints what
# became of each end.
connect() {
    rm -f "$work/ends"
    # shellcheck disable=SC2086
    ${1:-} timeout -s KILL 600 python3 -c '
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
ends = ["%s %s" % it.getsockname() for it in (client, server)]
with open(sys.argv[1] + ".new", "w") as file:
    print(*ends, sep="\n", file=file)
os.rename(sys.argv[1] + ".new", sys.argv[1])
for end in (client, server):
    end.settimeout(500)
    try:
        print(len(end.recv(1)), end=" ")
    except OSError as error:
        print(type(error).__name__, end=" ")
    sys.stdout.flush()
' "$work/ends" >"$work/said" &
    holder=$!
    until [ -s "$work/ends" ]; do sleep 0.1; done
    near=$(sed -n 1p "$work/ends")
    away=$(sed -n 2p "$work/ends")
}

# Prints the number of Linux ends, once that is what is expected, or after a while.
linux_ends() { # EXPECTED
    for _ in $(seq 100); do
        [ "$(pgrep -cx tcpentry-wine)" = "$1" ] && break
        sleep 0.1
    done
    # The name is cut to 15 bytes.
    pgrep -cx tcpentry-wine
}

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p "$work/home"
chmod 0755 "$work"
export HOME="$work/home" WINEPREFIX="$work/prefix" WINEDEBUG=-all
export WINEDLLOVERRIDES="mscoree,mshtml="
# With TMPDIR Wine 10.0 aborts: "free(): invalid pointer".
unset TMPDIR DISPLAY WAYLAND_DISPLAY WINEARCH WINELOADER WINESERVER
ip link set lo up
wine --version
wine wineboot -i >>"$work/wine.log" 2>&1
processor=x86_64
folder=$WINEPREFIX/drive_c/windows/system32
# Without 32-bit parts there is no such folder, or nothing runs from it.
processors=x86_64
if [ -e "$WINEPREFIX/drive_c/windows/syswow64/iphlpapi.dll" ]; then
    processors="x86_64 i686"
else
    echo "skipped: 32-bit programs: this Wine has none of its 32-bit DLLs (Debian: wine32:i386)"
fi

echo "# before"
contents >"$work/before"
connect
check "Wine's own SetTcpEntry returns 0" "code 0" "$(code close $near $away)"
holds "and the connection lives" kill -0 "$holder"
"$tcpentry" wine status >"$work/status"
check "status of nothing" 1 $?
holds "it says so" grep -q "^missing	system32	not installed" "$work/status"

echo "# install"
# Wine's server has files open there, and would keep the one mount or the other.
wineserver -k
wineserver -w
mount --bind "$WINEPREFIX" "$WINEPREFIX"
mount -o remount,bind,ro "$WINEPREFIX"
"$tcpentry" wine install 2>"$work/said.install"
check "a read-only prefix is refused" 7 $?
wineserver -k
wineserver -w
umount "$WINEPREFIX"
contents | cmp -s - "$work/before"
check "and left as it was" 0 $?
"$tcpentry" wine install 2>"$work/said.install"
check "install" 0 $?
"$tcpentry" wine status >"$work/status"
check "status" 0 $?
holds "it names Wine's version" grep -q "^ok	system32	installed for 64-bit programs, from Wine [0-9]" "$work/status"
contents >"$work/once"
"$tcpentry" wine install 2>/dev/null
check "install again" 0 $?
contents | cmp -s - "$work/once"
check "is the same" 0 $?

for processor in $processors; do
    echo "# programs, $processor"
    check "a live row, which GetTcpTable lists" "code 0" "$(processor=$processor windows table | grep -q "^5 $(echo "$near $away" | sed 's/\([0-9.]*\) \([0-9]*\) \([0-9.]*\) \([0-9]*\)/\1:\2 \3:\4/')\$" && code listed GetTcpTable $near $away || code close $near $away)"
    wait "$holder"
    check "both ends are dead" "ConnectionAbortedError ConnectionResetError " "$(cat "$work/said")"
    check "the same row again" "code 317" "$(code close $near $away)"
    check "a state other than 12" "code 87" "$(code close $near $away 5)"
    check "no row" "code 87" "$(code null)"
    connect
    listener=$(echo "$away" | cut -d ' ' -f 2)
    check "a listener" "code 317" "$(code close 127.0.0.1 "$listener" 0.0.0.0 0)"
    holds "which lives" sh -c "ss -tlnH sport = :$listener | grep -q LISTEN"
    windows own 300 >"$work/own"
    check "300 connections of its own" "code 0" "$(tail -n 1 "$work/own")"
    check "all of them are dead" "" "$(grep lives "$work/own")"
    echo "         $(sed -n '/^first/p' "$work/own"), $(sed -n '/^others/p' "$work/own")"
    check "300 rows that are not there" "code 317" "$(code missing 300)"
    check "not one of them was answered otherwise" "" "$(windows missing 300 | grep call)"
done
processor=x86_64

echo "# two sockets with the same ends, on two devices"
if ip link add veth-a type veth peer name veth-b 2>/dev/null; then
    ip addr add 192.0.2.1/24 dev veth-a
    ip link set veth-a up
    ip link set veth-b up
    # Nobody answers, so that both wait for it; where nobody were there at all they would end after seconds.
    for device in veth-a veth-b; do
        ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev "$device" nud permanent
    done
    timeout -s KILL 600 python3 -c '
import socket, time
kept = []
for device in (b"veth-a", b"veth-b"):
    it = socket.socket()
    it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    it.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
    it.bind(("192.0.2.1", 4000))
    it.setblocking(False)
    it.connect_ex(("192.0.2.2", 5000))
    kept.append(it)
print("ready", flush=True)
time.sleep(600)
' >"$work/two" &
    holder=$!
    until [ -s "$work/two" ]; do sleep 0.1; done
    for processor in $processors; do
        check "are ambiguous, $processor" "code 1168" "$(code close 192.0.2.1 4000 192.0.2.2 5000)"
    done
    check "both live" 2 "$(ss -tnH state syn-sent | grep -c 192.0.2.2:5000)"
    kill "$holder"
    ip link del veth-a
else
    echo "skipped: no devices can be made"
fi
processor=x86_64

echo "# the Linux end"
check "none is left" 0 "$(linux_ends 0)"
mkfifo "$work/in"
PROBE=1 timeout -s KILL 600 wine "$programs/closer-x86_64.exe" wait <"$work/in" >"$work/waits" 2>>"$work/wine.log" &
exec 3>"$work/in"
answers() { grep -c "^code $1[^0-9]*\$" "$work/waits"; }
await() { # CODE COUNT
    for _ in $(seq 200); do
        [ "$(answers "$1")" = "$2" ] && return
        sleep 0.1
    done
}
await 317 1
echo >&3
await 317 2
check "two calls" 2 "$(answers 317)"
check "one process" 1 "$(linux_ends 1)"
pid=$(pgrep -x tcpentry-wine)
check "it has not the variables of its program" "" "$(tr '\0' '\n' <"/proc/$pid/environ" | grep PROBE)"
pair=$(ss -tnpH state established | grep "pid=$pid," | awk '{print $3, $4}' | tr ':' ' ')
check "the pair of another program" "code 0" "$(code close $pair)"
echo >&3
await 317 3
check "a program whose pair was deleted starts another" 3 "$(answers 317)"
kill -KILL "$(pgrep -x tcpentry-wine)"
sleep 0.5
echo >&3
await 317 4
check "so does one whose Linux end was killed" 4 "$(answers 317)"
pid=$(pgrep -x tcpentry-wine)
kill -STOP "$pid"
echo >&3
sleep 1
kill -KILL "$pid"
await 31 1
check "a row that was lost on its way is an error" 1 "$(answers 31)"
exec 3>&-
check "it ends with its program" 0 "$(linux_ends 0)"

echo "# rights"
cp -a "$stage" "$work/stage"
tcpentry=$work/stage/bin/tcpentry
linux_end=$work/stage/libexec/tcpentry/tcpentry-wine
chmod 0755 "$work/stage"
user="setpriv --reuid 64123 --regid 64123 --clear-groups --inh-caps=-all"
mkdir -p "$work/user"
chown 64123:64123 "$work/user"
"$tcpentry" wine status "$WINEPREFIX" >"$work/status"
holds "another place of tcpentry-wine is said" grep -q "another tcpentry.dll" "$work/status"
connect
theirs="$near $away"
roots=$holder
$user "$tcpentry" wine install "$WINEPREFIX" 2>"$work/said.install"
check "somebody else's prefix is refused" 4 $?
(
    export HOME="$work/user" WINEPREFIX="$work/user/prefix"
    $user wine wineboot -i >/dev/null 2>&1
    $user "$tcpentry" wine install 2>/dev/null
)
unprivileged() {
    (export HOME="$work/user" WINEPREFIX="$work/user/prefix"
        timeout -s KILL 600 $user wine "$programs/closer-$processor.exe" "$@" 2>/dev/null | tr -d '\r' | tail -n 1)
}
chown 64123:64123 "$work"
for processor in $processors; do
    check "without a right, root's connection, $processor" "code 5" "$(unprivileged close $theirs)"
    holds "lives" kill -0 "$roots"
    check "without a right, its own, $processor" "code 0" "$(unprivileged own 20)"
    connect "$user"
    check "without a right, one of another process of theirs, $processor" "code 0" "$(unprivileged close $near $away)"
done
processor=x86_64
setcap cap_net_admin=ep "$linux_end" 2>/dev/null
HOME="$work/user" WINEPREFIX="$work/user/prefix" $user "$tcpentry" wine status >"$work/status"
holds "status tells the capability" grep -q "^ok	rights	programs can delete every connection" "$work/status"
check "with the capability, root's" "code 0" "$(unprivileged close $theirs)"
chown 0:64124 "$linux_end"
chmod 0750 "$linux_end"
check "for another group" "code 5" "$(unprivileged missing 1)"
HOME="$work/user" WINEPREFIX="$work/user/prefix" $user "$tcpentry" wine status >"$work/status"
holds "status says who may not" grep -q "^missing	rights	programs can delete nothing" "$work/status"
tcpentry=$stage/bin/tcpentry
chown 0:0 "$work"

echo "# somebody else at the door"
# Connects to whatever listens on loopback, all the time, as another user.
$user python3 -c '
import socket
kept = []
while True:
    for line in open("/proc/net/tcp").readlines()[1:]:
        words = line.split()
        if words[3] != "0A" or not words[1].startswith("0100007F"):
            continue
        try:
            kept = kept[-50:] + [socket.create_connection(("127.0.0.1", int(words[1][9:], 16)), 0.1)]
        except OSError:
            pass
' &
intruder=$!
check "a program is served nevertheless" "$(printf 'code 317\ncode 317\ncode 317\ncode 317\ncode 317')" \
    "$(for _ in 1 2 3 4 5; do code missing 1; done)"
kill -KILL "$intruder"

echo "# an upgrade of Wine"
own=$(for it in /usr/lib/x86_64-linux-gnu/wine /usr/lib/wine /usr/lib64/wine; do ls "$it/x86_64-windows/iphlpapi.dll" 2>/dev/null; done | head -n 1)
python3 - "$own" "$work/upgraded.dll" <<'P'
import sys
image = bytearray(open(sys.argv[1], "rb").read())
start = int.from_bytes(image[0x3c:0x40], "little")
image[start + 8] ^= 1  # its time stamp
open(sys.argv[2], "wb").write(image)
P
mount --bind "$work/upgraded.dll" "$own"
"$tcpentry" wine status >"$work/status"
check "status" 1 $?
holds "it says that Wine has another DLL" grep -q "Wine has another iphlpapi.dll by now" "$work/status"
"$tcpentry" wine install 2>/dev/null
check "install" 0 $?
"$tcpentry" wine status >"$work/status"
check "status afterwards" 0 $?
check "a program" "code 317" "$(code missing 1)"
umount "$own"

echo "# tables"
"$tcpentry" wine install --table 2>/dev/null
check "install --table" 0 $?
"$tcpentry" wine status >"$work/status"
check "status" 0 $?
holds "it tells of the tables" grep -q "^ok	system32	installed for 64-bit programs, with tables" "$work/status"
"$tcpentry" wine install 2>/dev/null
"$tcpentry" wine status | cmp -s - "$work/status"
check "install alone keeps them" 0 $?
connect
line=$(echo "$near $away" | sed 's/\([0-9.]*\) \([0-9]*\) \([0-9.]*\) \([0-9]*\)/5 \1:\2 \3:\4/')
for processor in $processors; do
    check "GetTcpTable lists a Linux program's connection, $processor" 1 "$(windows table | grep -cx "$line")"
    windows extended >"$work/extended"
    check "GetExtendedTcpTable does" 1 "$(grep -cx "$line" "$work/extended")"
    check "also that of IPv6" "code 0" "$(tail -n 1 "$work/extended")"
done
for processor in $processors; do
    for function in GetTcpTable GetTcpTable2 GetExtendedTcpTable; do
        check "the row that $function lists is closed, $processor" "code 0" "$(code listed $function $near $away)"
        wait "$holder"
        check "both ends are dead" "ConnectionAbortedError ConnectionResetError " "$(cat "$work/said")"
        connect
    done
done
processor=x86_64

# In two rounds: the second lists the pair that the first has made.
windows everything >"$work/everything"
holds "its own pair answers 5" grep -q ' 5$' "$work/everything"
check "no listener was closed" "" "$(grep '^2 .* 0$' "$work/everything")"

echo "# what is lost of an installation"
wine reg delete 'HKCU\Software\Wine\DllOverrides' /v iphlpapi /f >/dev/null 2>&1
check "without the override Wine loads its own DLL, whatever lies in the prefix" "code 0" "$(code missing 1)"
"$tcpentry" wine status >"$work/status"
check "status" 1 $?
holds "it says so" grep -q "^missing	override	none: programs use Wine's own" "$work/status"
rm "$folder/tcpentry.dll"
"$tcpentry" wine install 2>/dev/null
check "install mends both" 0 $?
check "a program" "code 317" "$(code missing 1)"
rm "$folder/tcpentry.dll"
"$tcpentry" wine status >"$work/status"
holds "status says what follows" grep -q "^missing	system32	tcpentry.dll is missing, so that programs which call SetTcpEntry fail" "$work/status"
check "which is so" 0 "$(windows missing 1 | grep -c "^code")"
wine reg add 'HKCU\Software\Wine\DllOverrides' /v iphlpapi /d builtin /f >/dev/null 2>&1
"$tcpentry" wine install 2>"$work/said.install"
check "an override that was changed by hand is refused" 7 $?
holds "by its value" grep -q "iphlpapi=builtin" "$work/said.install"
# The hint works as it is.
sh -c "$(sed -n 's/^hint: `\(.*\)` deletes it.*/\1/p' "$work/said.install")" >/dev/null 2>&1
"$tcpentry" wine install 2>/dev/null
check "the hint removes it" 0 $?
rm "$folder/iphlpapi.dll"
"$tcpentry" wine status >"$work/status"
check "status without iphlpapi.dll" 1 $?
holds "says so" grep -q "^missing	system32	iphlpapi.dll is missing" "$work/status"
"$tcpentry" wine remove 2>"$work/said.install"
check "remove" 0 $?
holds "says that it is there again" grep -q "iphlpapi.dll was missing, and is there again" "$work/said.install"
contents | cmp -s - "$work/before"
check "each file is what it was" 0 $?
"$tcpentry" wine install --table 2>/dev/null
check "install" 0 $?

echo "# a prefix of 32 bits"
(
    export WINEPREFIX="$work/prefix32"
    processor=i686
    if [ "$processors" = x86_64 ] || ! WINEARCH=win32 wine wineboot -i >>"$work/wine.log" 2>&1; then
        echo "skipped: a prefix of 32 bits: this Wine makes none"
        exit "$failed"
    fi
    wineserver -w
    contents >"$work/before32"
    "$tcpentry" wine install 2>"$work/said.install"
    check "install" 0 $?
    "$tcpentry" wine status >"$work/status"
    check "status" 0 $?
    holds "it names the bits" grep -q "^ok	system32	installed for 32-bit programs, from Wine [0-9]" "$work/status"
    connect
    check "a live row" "code 0" "$(code close $near $away)"
    wait "$holder"
    check "both ends are dead" "ConnectionAbortedError ConnectionResetError " "$(cat "$work/said")"
    check "the same row again" "code 317" "$(code close $near $away)"
    "$tcpentry" wine remove 2>/dev/null
    check "remove" 0 $?
    contents | cmp -s - "$work/before32"
    check "each file is what it was" 0 $?
    exit "$failed"
)
failed=$?

echo "# remove"
"$tcpentry" wine remove 2>/dev/null
check "remove" 0 $?
contents | cmp -s - "$work/before"
check "each file is what it was" 0 $?
check "Wine's own SetTcpEntry is back" "code 0" "$(code missing 1)"
"$tcpentry" wine status >"$work/status"
holds "no override is left" grep -q "^note	override	none" "$work/status"
"$tcpentry" wine remove 2>"$work/said.install"
check "remove again" 0 $?
holds "says that there is nothing" grep -q "nothing is installed" "$work/said.install"
wine reg add 'HKCU\Software\Wine\DllOverrides' /v iphlpapi /d builtin /f >/dev/null 2>&1
"$tcpentry" wine install 2>"$work/said.install"
check "an override of somebody else is refused" 7 $?
contents | cmp -s - "$work/before"
check "and nothing is changed" 0 $?
wine reg delete 'HKCU\Software\Wine\DllOverrides' /v iphlpapi /f >/dev/null 2>&1

echo "skipped: programs in C#: wine-mono, which runs them, is no package of Debian's"
if [ "$failed" -gt 0 ]; then
    echo "$failed checks failed"
    exit 1
fi
