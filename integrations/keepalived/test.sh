# keepalived on two nodes that share an IPv4 and an IPv6 address, and a client on their bridge.
# shellcheck source=integrations/test/lib.sh
. "$(dirname "$0")/../test/lib.sh"
# shellcheck source=integrations/test/cluster.sh
. "$(dirname "$0")/../test/cluster.sh"

hook=/etc/keepalived/tcpentry-keepalived
install -D -o root -m 755 "$here/tcpentry-keepalived" $hook
log $LAB/n1.log $LAB/n2.log $LAB/hooks

ip link add bridge type bridge
ip link set bridge up
add_machine() {
    ip netns add "$1"
    ip link add "$1" type veth peer name eth0 netns "$1"
    ip link set "$1" master bridge up
    ip -n "$1" link set lo up
    ip -n "$1" address add "10.98.0.$2/24" dev eth0
    ip -n "$1" address add "fd98::$2/64" dev eth0 nodad
    ip -n "$1" link set eth0 up
}
add_machine client 2
add_machine n1 11
add_machine n2 12
node=(ip netns exec n1)
device=eth0

# Writes a configuration: configure NODE STATE PRIORITY LINES...
configure() {
    cat >"$LAB/$1.conf" <<END
global_defs {
    script_user root
    enable_script_security
    vrrp_garp_master_delay 1
}
vrrp_script healthy {
    script "${check:-/usr/bin/test ! -e $LAB/ill.$1}"
    interval 1
    fall 2
    rise 1
}
vrrp_instance moving {
    interface eth0
    state $2
    priority $3
    virtual_router_id 7
    advert_int 1
    virtual_ipaddress {
        $vip4/24
    }
    virtual_ipaddress_excluded {
        $vip6/64
    }
    track_script {
        healthy
    }
    $4
}
END
}

# Starts keepalived on a node: start NODE
start() {
    rm -f "$LAB/ill.$1"
    ip netns exec "$1" keepalived --dont-fork --log-console --no-syslog --vrrp --use-file "$LAB/$1.conf" \
        --pid "$LAB/$1.pid" --vrrp_pid "$LAB/$1.vrrp.pid" >>"$LAB/$1.log" 2>&1 &
    within 10 test -s "$LAB/$1.pid" || fail "keepalived on $1 did not start"
}

stop() {
    local pid
    pid=$(cat "$LAB/$1.pid")
    kill "$pid"
    within 10 test ! -e "/proc/$pid" || fail "keepalived on $1 does not end"
}

# Opens a waiting connection to each address, which n1 has.
open_both() {
    within 20 has_addresses || fail "n1 has no addresses: $(ip -n n1 address)"
    wait_on ipv4 $vip4 8080
    wait_on ipv6 $vip6 8080
    watch_addresses
    mark
}

serve -n n1 8080

notify="notify_backup \"$hook left $vip4 $vip6\"
    notify_fault \"$hook left $vip4 $vip6\"
    notify_stop \"$hook left $vip4 $vip6\""
configure n2 BACKUP 50 ""
start n2

configure n1 MASTER 100 ""
start n1
open_both
stop n1
addresses_left "stock, SIGTERM"
expect_hung "stock, SIGTERM" ipv4 ipv6

configure n1 MASTER 100 "$notify"
start n1
open_both
queue_one
stop n1
expect_ended "notify_stop" ipv4 ipv6
queued_hangs "notify_stop"
addresses_left "notify_stop"

start n1
open_both
touch "$LAB/ill.n1"
expect_ended "notify_fault" ipv4 ipv6
addresses_left "notify_fault"
rm "$LAB/ill.n1"

stop n2
open_both
configure n2 BACKUP 200 ""
start n2
expect_ended "notify_backup" ipv4 ipv6
addresses_left "notify_backup"
stop n1
stop n2

# The check, without any hook: both ends learn of it while the address is still here, at the second failure.
: >"$LAB/n1.log"
configure n2 BACKUP 50 ""
start n2
check="$hook check --fall 2 $vip4 $vip6 -- /usr/bin/test ! -e $LAB/ill.n1"
configure n1 MASTER 100 ""
start n1
open_both
queue_one
touch "$LAB/ill.n1"
expect_ended "check script" ipv4 ipv6
queued_ends "check script"
addresses_left "check script"
grep -q "now returning 0" "$LAB/n1.log" && fail "the check did not hand on a failure"
stop n1
stop n2

# A health check that hangs is ended by keepalived, and has failed.
printf '#!/bin/sh\n[ ! -e %s ] || exec sleep 1000\n' "$LAB/ill.n1" >$LAB/health
chmod 755 $LAB/health
start n2
check="$hook check --fall 2 $vip4 $vip6 -- $LAB/health"
configure n1 MASTER 100 ""
start n1
open_both
queue_one
touch "$LAB/ill.n1"
expect_ended "check script that hangs" ipv4 ipv6
queued_ends "check script that hangs"
addresses_left "check script that hangs"
stop n1
stop n2

grep -hiE "error|unsafe|insecure" "$LAB"/n?.log && fail "keepalived complains"

# The command's exit code is handed on, at the failure that ends connections as at any other.
for fall in 1 2; do
    code=0
    $hook check --fall $fall $vip4 -- sh -c "exit 3" || code=$?
    [ $code = 3 ] || fail "check --fall $fall: exit code $code of a command that exits with 3"
done
$hook check $vip4 -- true || fail "check: exit code $? of a command that succeeds"
# What is counted may be anything.
for count in "" 08 99999999999999999999 "1 2" x; do
    $hook check --fall 3 $vip4 -- false || true
    for file in /run/tcpentry-keepalived/*; do printf '%s\n' "$count" >"$file"; done
    code=0
    $hook check --fall 3 $vip4 -- sh -c "exit 3" || code=$?
    [ $code = 3 ] || fail "check: exit code $code of a command that exits with 3, with '$count' failures before"
done

# An address that has come back keeps its connections.
ip -n n1 address add $vip4/24 dev eth0
ip -n client neigh flush dev eth0
wait_on ipv4 $vip4 8080
"${node[@]}" $hook left $vip4 $vip6 2>$LAB/said || fail "left: exit code $?: $(cat $LAB/said)"
grep -q "$vip4 is here again" $LAB/said || fail "left says nothing of an address that is here"
sleep 1
is_open ipv4 || fail "left: ends the connections of an address that is here"
say "left, but the address is here again: server established, client waits"
ip -n n1 address del $vip4/24 dev eth0
mark
"${node[@]}" $hook left $vip4 $vip6 || fail "left: exit code $?"
expect_ended "left" ipv4

# What is refused, without a deletion.
refused() {
    local said code=0
    said=$("$hook" "$@" 2>&1) || code=$?
    [ $code = 2 ] || fail "refused: $*: exit code $code: $said"
    say "refused: ${*@Q}: ${said#tcpentry-keepalived: }"
}
refused
refused left
refused left ""
refused left 10.98.0.0/24
refused left "10.98.0.1 or src 0.0.0.0/0"
refused left "\$(touch $LAB/hacked)" 10.98.0.1
refused check --fall 0 10.98.0.1 -- true
refused check 10.98.0.1 --
refused check -- true
[ ! -e "$LAB/hacked" ] || fail "a word was run as a command"
