# What the tests of the integrations share. `cargo xtask integrations` runs each in namespaces of its own.
#
# The network: this namespace is the host; `client` is a machine beside it, `container` one behind it.
#
#   client 10.98.0.2 fd98::2 -- 10.98.0.1 fd98::1 host 10.97.0.1 fd97::1 -- 10.97.0.2 fd97::2 container

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
export LAB=/run/lab
mkdir -p $LAB/clients $LAB/served
peer="$here/../test/peer.py"

# Prints a result.
say() { printf '%s\n' "$*"; }

# Names logs that are printed if the test fails.
log() { printf '%s\n' "$@" >>$LAB/logs; }

print_logs() {
    local log
    while read -r log; do
        [ ! -s "$log" ] || { say "--- $log"; tail -n 60 "$log"; }
    done <$LAB/logs
}

# Ends the test as failed, with the logs.
fail() {
    say "FAILED: $*"
    print_logs
    exit 1
}
log
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

# What a test was doing when its time was up.
(sleep "$((LIMIT - 1))" && say "FAILED: not over after $LIMIT s" && ps -eo pid,ppid,stat,etimes,args && print_logs) &

# Ends the test as skipped.
skip() {
    say "skipped: $*"
    exit 77
}

# The time in microseconds.
now() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }

# Waits until a command succeeds: within SECONDS COMMAND...
within() {
    local until=$(($(now) + $1 * 1000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(now)" -lt "$until" ] || return 1
        sleep 0.02
    done
}

# Connects the network namespaces.
make_network() {
    local name number
    for name in client:98 container:97; do
        number=${name#*:} name=${name%:*}
        ip netns add "$name"
        ip link add "$name" type veth peer name eth0 netns "$name"
        ip address add "10.$number.0.1/24" dev "$name"
        ip address add "fd$number::1/64" dev "$name" nodad
        ip link set "$name" up
        ip -n "$name" address add "10.$number.0.2/24" dev eth0
        ip -n "$name" address add "fd$number::2/64" dev eth0 nodad
        ip -n "$name" link set eth0 up
        ip -n "$name" link set lo up
        ip -n "$name" route add default via "10.$number.0.1"
        ip -n "$name" route add default via "fd$number::1"
    done
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# Publishes port 80 of the container as port 8080 of the host.
publish() {
    nft -f - <<'EOF'
table inet published {
    chain prerouting {
        type nat hook prerouting priority dstnat;
        ip daddr 10.98.0.1 tcp dport 8080 dnat ip to 10.97.0.2:80
        ip6 daddr fd98::1 tcp dport 8080 dnat ip6 to [fd97::2]:80
    }
}
EOF
}

# Starts a server in the host's namespace, or in another: serve PORT... | serve -n NAMESPACE PORT...
serve() {
    local inside=()
    if [ "$1" = -n ]; then
        inside=(ip netns exec "$2")
        shift 2
    fi
    "${inside[@]}" /usr/bin/python3 "$peer" serve "$@" &
    local port
    for port; do
        within 10 "${inside[@]}" ss -Hltn sport = ":$port" || true
        within 10 eval "[ \$(${inside[*]} ss -Hltn sport = :$port | wc -l) = 2 ]" || fail "no server on port $port"
    done
}

# Opens a connection from the client, to be named later: connect NAME ADDRESS PORT [PORT OF THE SERVER]
connect() {
    rm -f "$LAB/clients/$1"*
    ip netns exec client /usr/bin/python3 "$peer" connect "$1" "$2" "$3" &
    within 10 test -e "$LAB/clients/$1.port" || fail "$1: no connection to $2 port $3"
    find_server "$@"
    within 10 talks_on "$1" || fail "$1: no echo"
}

# Waits until the server has seen a client, and notes where it writes of it: find_server NAME ADDRESS PORT [PORT OF THE SERVER]
find_server() {
    local from=10.98.0.2
    [[ $2 != *:* ]] || from=fd98::2
    printf '%s\n' "$LAB/served/${4:-$3}/$from:$(cat "$LAB/clients/$1.port")" >"$LAB/clients/$1.server"
    within 10 test -e "$(cat "$LAB/clients/$1.server")" || fail "$1: the server has not seen it"
}

# Writes what is sent to a system log's socket into a file: receive_log SOCKET FILE
receive_log() {
    /usr/bin/python3 "$peer" log "$1" "$2" &
    within 10 test -S "$1" || fail "no socket $1"
}

# The lines of both ends.
client_end() { cat "$LAB/clients/$1"; }
server_end() { cat "$(cat "$LAB/clients/$1.server")"; }

# Succeeds if both ends of a connection are open.
is_open() { [[ $(client_end "$1") == open* && $(server_end "$1") == open* ]]; }

# Succeeds if neither end is.
has_ended() { [[ $(client_end "$1") == ended* && $(server_end "$1") == ended* ]]; }

# Succeeds if an echo comes back within half a second.
talks_on() {
    local before _
    before=$(client_end "$1")
    for _ in {1..10}; do
        sleep 0.05
        [[ $(client_end "$1") == "$before" ]] || break
    done
    [[ $(client_end "$1") == open* && $(client_end "$1") != "$before" ]]
}

# Takes the time from which ends are measured.
mark() { marked=$(now); }

# The seconds since then until a time, or until now.
since() { awk "BEGIN { printf \"%.2f\", ${1:-$(now) / 1000000} - $marked / 1000000 }"; }

# Checks that connections are still there, and prints it: expect_open WHAT NAME...
expect_open() {
    local what=$1 name
    shift
    for name; do
        is_open "$name" || fail "$what: $name has ended: client $(client_end "$name"), server $(server_end "$name")"
        if talks_on "$name"; then
            say "$what, $name: lives, and goes on talking"
        else
            say "$what, $name: lives, established at both ends"
        fi
    done
}

# Checks that both ends of connections learn of the end within 5 s, and prints when: expect_ended WHAT NAME...
expect_ended() {
    local what=$1 name client server
    shift
    for name; do
        within 5 has_ended "$name" ||
            fail "$what: $name lives: client $(client_end "$name"), server $(server_end "$name")"
        read -r _ client client_time < <(client_end "$name")
        read -r _ server server_time < <(server_end "$name")
        say "$what, $name: ended; server $server after $(since "$server_time") s, client $client after $(since "$client_time") s"
    done
}
