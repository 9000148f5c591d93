# 50 hosts with an sshd each; here the database that all of them are connected to. The same connections end by `--on`, and by
# the playbook.
# shellcheck source=integrations/test/lib.sh
. "$(dirname "$0")/../test/lib.sh"
# shellcheck source=integrations/test/hosts.sh
. "$here/../test/hosts.sh"
set -E

mapfile -t hosts < <(printf 'h%s\n' {1..50})
each=10
export HOME=$LAB/home ANSIBLE_COLLECTIONS_PATH=$LAB/collections ANSIBLE_INVENTORY=$LAB/inventory ANSIBLE_NOCOLOR=1 \
    ANSIBLE_RETRY_FILES_ENABLED=0 LC_ALL=C.UTF-8
log $LAB/out $LAB/err $LAB/play
address_of() { printf '10.99.1.%s' "${1#h}"; }
prepare_ssh

# ssh and Ansible know the hosts by the same keys.
options="-F $LAB/ssh_config"
cat >$LAB/ssh_config <<END
User root
IdentityFile $LAB/key
UserKnownHostsFile $LAB/known_hosts
StrictHostKeyChecking yes
LogLevel ERROR
END
printf '[app]\n' >$LAB/inventory
for host in "${hosts[@]}"; do
    printf '%s ansible_host=%s\n' "$host" "$(address_of "$host")" >>$LAB/inventory
    printf 'Host %s\n HostName %s\n' "$host" "$(address_of "$host")" >>$LAB/ssh_config
done
cat >>$LAB/inventory <<END
[all:vars]
ansible_user=root
ansible_become=false
ansible_python_interpreter=${ANSIBLE_TARGET_PYTHON:-/usr/bin/python3}
ansible_ssh_common_args="$options"
END
export TCPENTRY_SSH="ssh $options"
all=$(IFS=, && printf '%s' "${hosts[*]}")
make_lan
start_hosts
(cd $LAB && ansible-galaxy collection build "$here/../ansible" && ansible-galaxy collection install --offline tcpentry-tcpentry-*.tar.gz) \
    >$LAB/galaxy 2>&1 || fail "ansible-galaxy: $(cat $LAB/galaxy)"

# The database, and a server whose connections have to live.
for port in 5432 8080; do
    /usr/bin/python3 -c '
import socket, sys
listener = socket.create_server(("10.99.0.1", int(sys.argv[1])), backlog=1000)
held = []
while True:
    held.append(listener.accept())' $port &
    within 20 bash -c "exec 3<>/dev/tcp/10.99.0.1/$port" || fail "no server on port $port"
done

# Prints how many connections there are to a port here.
left() { ss -Htn state established sport = ":$1" | wc -l; }
is_left() { [ "$(left "$1")" = "$2" ]; }

# Has hosts open so many connections to a port each: open_on COUNT PORT HOST...
open_on() {
    local host
    for host in "${@:3}"; do
        on "$host" /usr/bin/python3 -c '
import socket, sys
held = [socket.create_connection(("10.99.0.1", int(sys.argv[2]))) for _ in range(int(sys.argv[1]))]
for one in held:
    try:
        one.recv(1)
    except OSError:
        pass' "$1" "$2" &
    done
    within 120 is_left "$2" $((($# - 2) * $1)) || fail "$(left "$2") connections to port $2"
}
open_on_all() { open_on "$@" "${hosts[@]}"; }

# Runs tcpentry on all hosts, and keeps what it prints: fleet CODE WORD...
fleet() {
    mark
    local got=0
    tcpentry --on "$all" "${@:2}" >$LAB/out 2>$LAB/err || got=$?
    took=$(since)
    [ $got = "$1" ] || fail "${*:2}: exit $got"
}
play() {
    mark
    local got=0
    ansible-playbook -f 50 -e database=10.99.0.1 "tcpentry.tcpentry.$1" >$LAB/play 2>&1 || got=$?
    took=$(since)
    return $got
}
count=$((${#hosts[@]} * each))

open_on_all 1 8080
open_on_all $each 5432
fleet 0 list --no-header dst 10.99.0.1 dport = :5432
[ "$(wc -l <$LAB/out)" = $count ] || fail "$(wc -l <$LAB/out) rows"
[ "$(cut -f1 $LAB/out | uniq | paste -sd, -)" = "$all" ] || fail "not in the order of the hosts"
say "--on, list: ${#hosts[@]} hosts, $count connections in the order of the hosts: ${took} s"
fleet 0 top --once dst 10.99.0.1 dport = :5432
grep -q "^tcpentry  $count selected  ${#hosts[@]} hosts" $LAB/out || fail "top: $(head -1 $LAB/out)"
say "--on, top --once: one screen of ${#hosts[@]} hosts and $count connections, read twice: ${took} s"
fleet 3 delete --yes --max $((count - 1)) dst 10.99.0.1 dport = :5432
grep -q "$count connections match on ${#hosts[@]} hosts, more than --max" $LAB/err || fail "--max"
is_left 5432 $count || fail "--max: some have ended"
say "--on, --max $((count - 1)): refused, every connection lives: ${took} s"
fleet 0 delete --yes dst 10.99.0.1 dport = :5432
[ "$(grep -c deleted $LAB/out)" = $count ] || fail "--on: $(grep -c deleted $LAB/out) deleted"
within 5 is_left 5432 0 || fail "--on: $(left 5432) are left"
is_left 8080 ${#hosts[@]} || fail "--on: others have ended"
say "--on, delete --yes: ${#hosts[@]} hosts, $count connections: ${took} s; the ${#hosts[@]} others live"
fleet 0 list --no-header dst 10.99.0.1 dport = :5432
[ ! -s $LAB/out ] || fail "--on: the proof fails"
say "--on, list, after: nothing is left: ${took} s"

open_on_all $each 5432
fleet 0 delete --yes --max $count dst 10.99.0.1 dport = :5432
within 5 is_left 5432 0 || fail "--on, --max: $(left 5432) are left"
say "--on, delete --yes --max $count: counted first, then exactly those: ${took} s"

open_on_all $each 5432
play end_database || fail "end_database"
[ "$(grep -c 'changed=1 .*failed=0' $LAB/play)" = ${#hosts[@]} ] || fail "end_database"
within 5 is_left 5432 0 || fail "end_database: $(left 5432) are left"
is_left 8080 ${#hosts[@]} || fail "end_database: others have ended"
say "playbook end_database, -f 50: ${#hosts[@]} hosts, $count connections: ${took} s; the ${#hosts[@]} others live"
play prove || fail "prove"
say "playbook prove, after: nothing is left: ${took} s"

# One host is down: the others go on.
on h7 bash -c 'ip link set eth0 down'
sed -i '1i ConnectTimeout 2' $LAB/ssh_config
others=()
for host in "${hosts[@]}"; do
    [ "$host" = h7 ] || others+=("$host")
done
open_on 1 5432 "${others[@]}"
fleet 6 delete --yes dst 10.99.0.1 dport = :5432
grep -q '^tcpentry: h7: the connection of ssh has failed' $LAB/err || fail "h7 is not named"
is_left 5432 0 || fail "with a host down: $(left 5432) are left"
say "--on with a host that is down: it is named, the other $((${#hosts[@]} - 1)) are done: ${took} s (ConnectTimeout 2)"
fleet 7 top --once
grep -q '^tcpentry: h7: the connection of ssh has failed' $LAB/err || fail "top: h7 is not named"
grep -q "$((${#hosts[@]} - 1)) of ${#hosts[@]} hosts" $LAB/out || fail "top: $(head -1 $LAB/out)"
say "--on with a host that is down, top --once: it is named, the other $((${#hosts[@]} - 1)) are shown: ${took} s"
