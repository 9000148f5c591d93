# A CTDB cluster of one node, whose public addresses are released with and without the event script.
# shellcheck source=integrations/test/lib.sh
. "$(dirname "$0")/../test/lib.sh"
# shellcheck source=integrations/test/cluster.sh
. "$(dirname "$0")/../test/cluster.sh"

events=/etc/ctdb/events/legacy
script=$events/09.tcpentry.script
ctdb_log=/var/log/ctdb/log.ctdb
log $ctdb_log $LAB/ctdbd.log

# What the packages' scripts do at their installation.
for name in iptables ip6tables; do
    [ -e /usr/sbin/$name ] || ln -s xtables-nft-multi /usr/sbin/$name
done
mkdir -p $events /var/log/ctdb /run/ctdb /var/lib/ctdb/{persistent,state,volatile,scripts}
rm -f $events/*
for name in 00.ctdb 10.interface; do
    ln -s /usr/share/ctdb/events/legacy/$name.script $events
done

make_network
echo 127.0.0.1 >/etc/ctdb/nodes
printf '%s\n' "$vip4/24 client" "$vip6/64 client" >/etc/ctdb/public_addresses
cat >/etc/ctdb/ctdb.conf <<END
[logging]
    location = file:$ctdb_log
[legacy]
    realtime scheduling = false
END
ctdbd >"$LAB/ctdbd.log" 2>&1
is_healthy() { ctdb status | grep -q "pnn:0.* OK"; }
within 90 is_healthy || fail "the node is not healthy: $(ctdb status 2>&1)"

serve 8080 445
/usr/bin/python3 "$peer" hold 9000 &
is_held() { [ "$(ss -Hltn sport = :9000 | wc -l)" = 1 ]; }
within 10 is_held || fail "no server on port 9000"

has_half_closed() { [ "$(ss -Htn state close-wait sport = :9000 | wc -l)" = "$1" ]; }

# Opens waiting connections to both addresses, once they are here: on a port, on that of SMB, and half-closed ones.
open_all() {
    within 60 has_addresses || fail "no addresses: $(ctdb ip 2>&1)"
    tcpentry delete --yes --quiet --ok-if-none state close-wait sport = :9000
    wait_on ipv4 $vip4 8080
    wait_on ipv6 $vip6 8080
    wait_on ipv4-smb $vip4 445
    wait_on ipv6-smb $vip6 445
    start_client ipv4-half $vip4 9000 half-closed
    start_client ipv6-half $vip6 9000 half-closed
    within 10 has_half_closed 2 || fail "no half-closed connections: $(ss -tan sport = :9000)"
    watch_addresses
    : >$ctdb_log
    mark
}

print_log() { grep -hoE "(09.tcpentry|10.interface): .*" $ctdb_log | sed 's/^/log: /'; }

open_all
ctdb disable
addresses_left "stock"
expect_ended "stock" ipv4 ipv6
sleep 3
for name in ipv4-smb ipv6-smb; do
    [[ $(server_end $name) == ended* && $(client_end $name) == open* ]] || fail "stock, $name: not as expected"
    say "stock, $name: the server's end ended, the client waits, $(since) s later"
done
has_half_closed 2 || fail "stock: half-closed connections: $(ss -tan sport = :9000)"
for name in ipv4-half ipv6-half; do
    [[ $(client_end $name) == open* ]] || fail "stock, $name: not as expected"
    say "stock, $name: server close-wait, client waits, $(since) s later"
done
print_log

ctdb enable
install -m 755 "$here/09.tcpentry.script" $script
open_all
ctdb disable
expect_ended "with 09.tcpentry" ipv4 ipv6 ipv4-smb ipv6-smb
within 5 has_half_closed 0 || fail "half-closed connections: $(ss -tan sport = :9000)"
for name in ipv4-half ipv6-half; do
    within 5 grep -q ended "$LAB/clients/$name" || fail "$name: client $(client_end $name)"
    read -r _ error time < <(client_end $name)
    say "with 09.tcpentry, $name: ended; client $error after $(since "$time") s"
done
addresses_left "with 09.tcpentry"
print_log
grep -q "09.tcpentry: tcpentry: ended 2/2 TCP connections of released IP $vip4; 0 remain" $ctdb_log || fail "no count of $vip4"
grep -q "09.tcpentry: tcpentry: ended 2/2 TCP connections of released IP $vip6; 0 remain" $ctdb_log || fail "no count of $vip6"
grep -q "10.interface: Killed" $ctdb_log && fail "something was left to 10.interface"

# A program that is missing, and one that fails: the event succeeds, and the node stays healthy.
for program in /nowhere /usr/bin/false; do
    echo "TCPENTRY=$program" >${script%.script}.options
    ctdb enable
    open_all
    ctdb disable
    addresses_left "program $program"
    print_log
    grep -q "$program\|exit code 1" $ctdb_log || fail "program $program: nothing in the log"
    grep -E "failed with|timed out" $ctdb_log && fail "program $program: the event failed"
done
ctdb enable
within 60 is_healthy || fail "the node is not healthy: $(ctdb status 2>&1)"
rm ${script%.script}.options

# What is refused, with exit code 0.
refused() {
    local said
    said=$($script "$@") || fail "refused: ${*@Q}: exit code $?"
    say "refused: ${*@Q}: $said"
    [[ $said == *"no connection was ended" && $said != *$'\n'* ]] || fail "not refused, or not in one line"
}
refused releaseip
refused releaseip client "" 24
refused releaseip client 10.98.0.0/24 24
refused releaseip client "::1] or src [::" 24
refused releaseip client dead.beef 24
refused releaseip client '10.98.0.100\nended' 24
refused releaseip client "\$(touch $LAB/hacked)" 24
[ ! -e "$LAB/hacked" ] || fail "a word was run as a command"
echo "TCPENTRY=(" >"${script%.script}.options"
$script releaseip client $vip4 24 2>/dev/null || fail "options with a syntax error: exit code $?"
say "options with a syntax error: exit code 0"
rm "${script%.script}.options"
for event in monitor takeip startup shutdown ""; do
    [ -z "$($script $event client $vip4 24 2>&1)" ] || fail "event '$event' does something"
done
