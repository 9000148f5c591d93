# What the tests of the cluster managers share, after lib.sh: a virtual address of each family, and clients that wait.
#
# A client that talks learns by itself that an address has moved: the node that has it now resets what it does not know. One
# that waits, for a lock or for a message, never does.

: "${peer:?}"
vip4=10.98.0.100
vip6=fd98::100
# The command that enters the node which has them, and the device there.
node=()
device=client

# Succeeds if the node has both addresses, and duplicate address detection is over.
has_addresses() {
    [ "$("${node[@]}" ip -o address show dev "$device" -tentative | grep -cE " ($vip4|$vip6)/")" = 2 ]
}

# Opens a connection from the client, on which it waits and says nothing: wait_on NAME ADDRESS PORT
wait_on() {
    rm -f "$LAB/clients/$1"*
    ip netns exec client /usr/bin/python3 "$peer" wait "$1" "$2" "$3" &
    within 10 test -e "$LAB/clients/$1.port" || fail "$1: no connection to $2 port $3"
    local from=10.98.0.2
    [[ $2 != *:* ]] || from=fd98::2
    printf '%s\n' "$LAB/served/$3/$from:$(cat "$LAB/clients/$1.port")" >"$LAB/clients/$1.server"
    within 10 test -e "$(cat "$LAB/clients/$1.server")" || fail "$1: the server has not seen it"
    within 10 is_open "$1" || fail "$1: not open"
}

# Checks that a connection's ends still wait, after more time than anything that ends it takes: expect_hung WHAT NAME...
expect_hung() {
    local what=$1 name
    shift
    sleep 3
    for name; do
        is_open "$name" || fail "$what: $name: client $(client_end "$name"), server $(server_end "$name")"
        say "$what, $name: server established, client waits, $(since) s later"
    done
}

# Notes when addresses leave.
watch_addresses() {
    "${node[@]}" ip -ts -o monitor address >"$LAB/addresses" &
    watcher=$!
    sleep 0.2
}

# Waits until both addresses have left, and prints when that was against the mark: addresses_left WHAT
addresses_left() {
    local address stamp
    for address in $vip4 $vip6; do
        within 30 grep -q "Deleted.* $address/" "$LAB/addresses" || fail "$1: $address has not left"
        stamp=$(grep "Deleted.* $address/" "$LAB/addresses" | tail -n 1 | sed 's/^\[\([^]]*\)\].*/\1/')
        left[$address]=$(date -d "$stamp" +%s.%N)
        say "$1, $address: gone after $(since "${left[$address]}") s"
    done
    kill "$watcher"
}
declare -A left

# Checks that connections ended while the address was here: ended_before ADDRESS NAME...
ended_before() {
    local address=$1 name time
    shift
    for name; do
        read -r _ _ time < <(client_end "$name")
        awk "BEGIN { exit !($time < ${left[$address]}) }" || fail "$name: ended after $address had left"
    done
}
