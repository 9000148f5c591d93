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

# Starts a client that waits on a connection, in place of the one of that name: start_client NAME ADDRESS PORT [half-closed]
start_client() {
    [ -z "${clients[$1]-}" ] || kill -KILL "${clients[$1]}" 2>/dev/null || true
    rm -f "$LAB/clients/$1"*
    ip netns exec client /usr/bin/python3 "$peer" wait "$@" &
    clients[$1]=$!
    disown
    within 10 test -e "$LAB/clients/$1.port" || fail "$1: no connection to $2 port $3"
}
declare -A clients

# Opens a connection from the client, on which it waits and says nothing: wait_on NAME ADDRESS PORT
wait_on() {
    start_client "$@"
    find_server "$1" "$2" "$3"
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
        say "$1, $address: gone after $(since "$(date -d "$stamp" +%s.%N)") s"
    done
    kill "$watcher"
}

# Starts a server on port 9000 that accepts nothing, and opens a connection to it: no process holds it, so that its client
# can be reset only while the IPv4 address is still here.
queue_one() {
    "${node[@]}" /usr/bin/python3 "$peer" hold 9000 &
    holder=$!
    disown
    within 10 is_held || fail "no server on port 9000"
    kill -STOP "$holder"
    start_client queued "$vip4" 9000
}
is_held() { [ "$("${node[@]}" ss -Hltn sport = :9000 | wc -l)" = 1 ]; }

# Checks that its client learns of the end, or that it does not: queued_ends WHAT, queued_hangs WHAT
queued_ends() {
    local error time
    within 5 grep -q ended "$LAB/clients/queued" || fail "$1, not accepted: client $(client_end queued)"
    read -r _ error time <"$LAB/clients/queued"
    say "$1, not accepted by the server: ended; client $error after $(since "$time") s, so the address was here"
    kill -KILL "$holder"
}
queued_hangs() {
    sleep 1
    [[ $(client_end queued) == open* ]] || fail "$1, not accepted: client $(client_end queued)"
    say "$1, not accepted by the server: client waits, $(since) s later"
    kill -KILL "$holder"
}
