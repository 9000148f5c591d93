#!/bin/sh
# As much of Wine as `tcpentry wine` asks: the version, and the override in a registry, which is a file beside this program.
folder=${0%/*}
[ ! -e "$folder/hang" ] || exec sleep 5
case "$1 $2 $3" in
"--version  ") echo "wine-8.0" ;;
"reg query "*DllOverrides)
    [ -s "$folder/override" ] || exit 1
    read -r value <"$folder/override"
    printf '\r\nHKEY_CURRENT_USER\\%s\r\n    iphlpapi    REG_SZ    %s\r\n\r\n' "$3" "$value"
    ;;
"reg query "*) ;;
"reg add "*) echo "$7" >"$folder/override" ;;
"reg delete "*) : >"$folder/override" ;;
*) exit 2 ;;
esac
