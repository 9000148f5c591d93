# A cluster of one node: corosync, Pacemaker, and a group of IPaddr2 with and without the agent.
# shellcheck source=integrations/test/lib.sh
. "$(dirname "$0")/../test/lib.sh"
# shellcheck source=integrations/test/cluster.sh
. "$(dirname "$0")/../test/cluster.sh"

export OCF_ROOT=/usr/lib/ocf
agent=$OCF_ROOT/resource.d/tcpentry/tcpentry
install -D -m 755 "$here/tcpentry" $agent
log $LAB/corosync.log $LAB/pacemakerd.log

# What the packages' scripts do at their installation.
getent group haclient >/dev/null || groupadd -r haclient
getent passwd hacluster >/dev/null || useradd -r -g haclient hacluster
install -d -o hacluster -g haclient -m 750 /run/crm /var/lib/pacemaker/{blackbox,cib,cores,pengine} /var/log/pacemaker
install -d -m 755 /run/resource-agents /var/lib/corosync /var/log/corosync

# The agent alone.
ocf-tester -n test -o ip=10.98.0.100 $agent >"$LAB/tester"
ocf-tester -n test -o ip=fd98::100 -o until_quiet=100ms $agent >>"$LAB/tester"
say "ocf-tester: passes with an IPv4 and an IPv6 address"
$agent meta-data | xmllint --noout --relaxng /usr/share/resource-agents/metadata.rng --nonet - 2>"$LAB/lint" ||
    fail "metadata.rng: $(cat "$LAB/lint")"
say "meta-data: valid by Debian's ra-api-1.dtd and metadata.rng"

# refused CODE NAME=VALUE...: validate-all refuses it with the code, start too, and stop succeeds.
refused() {
    local code=$1 said got=0
    shift
    said=$(env OCF_RESOURCE_INSTANCE=test "$@" $agent validate-all 2>&1) || got=$?
    [ $got = "$code" ] || fail "validate-all of ${*@Q}: exit code $got: $said"
    say "refused: ${*@Q}: ${said#ocf-exit-reason:}"
    got=0
    env OCF_RESOURCE_INSTANCE=test "$@" $agent start >/dev/null 2>&1 || got=$?
    [ $got = "$code" ] || fail "start of ${*@Q}: exit code $got"
    env OCF_RESOURCE_INSTANCE=test "$@" $agent stop >/dev/null 2>&1 || fail "stop of ${*@Q}: exit code $?"
}
ip=OCF_RESKEY_ip=$vip4
refused 6 OCF_RESKEY_ip=
refused 6 OCF_RESKEY_ip=10.98.0.0/24
refused 6 "OCF_RESKEY_ip=::1 or src [::]"
refused 6 "OCF_RESKEY_ip=\$(touch $LAB/hacked)"
refused 6 OCF_RESKEY_ip=1.2
refused 6 $ip OCF_RESKEY_until_quiet=-1
refused 6 $ip OCF_RESKEY_until_quiet=5
refused 6 $ip OCF_RESKEY_program=
refused 5 $ip OCF_RESKEY_program=/nowhere
printf '#!/bin/sh\necho broken >&2\nexit 7\n' >"$LAB/broken"
printf '#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 1; done\n' >"$LAB/stuck"
chmod 755 $LAB/broken $LAB/stuck
refused 5 $ip OCF_RESKEY_program=$LAB/broken
[ ! -e "$LAB/hacked" ] || fail "a parameter was run as a command"

# A stop succeeds in time whatever its time is, also with a program that does not even end when it is told to.
for timeout in 1 1500 3000; do
    mark
    env OCF_RESOURCE_INSTANCE=test $ip OCF_RESKEY_program=$LAB/stuck OCF_RESKEY_CRM_meta_timeout=$timeout \
        $agent stop >/dev/null 2>&1 || fail "stop within $timeout ms: exit code $?"
    say "a program that hangs, stop within $timeout ms: over after $(since) s"
    [ $timeout = 1 ] || [ $(($(now) - marked)) -lt $((timeout * 1000)) ] || fail "it took too long"
done
for timeout in 08 -1 1e3 99999999999999999999; do
    env OCF_RESOURCE_INSTANCE=test $ip OCF_RESKEY_CRM_meta_timeout=$timeout $agent stop >/dev/null 2>&1 ||
        fail "stop within $timeout ms: exit code $?"
done

# The cluster.
cat >/etc/corosync/corosync.conf <<END
totem {
    version: 2
    cluster_name: test
    transport: udpu
    crypto_cipher: none
    crypto_hash: none
}
nodelist {
    node {
        ring0_addr: 127.0.0.1
        name: $(uname -n)
        nodeid: 1
    }
}
quorum {
    provider: corosync_votequorum
    expected_votes: 1
}
logging {
    to_stderr: yes
    to_syslog: no
}
END
corosync -f >"$LAB/corosync.log" 2>&1 &
within 20 corosync-cfgtool -s || fail "corosync did not start"
PCMK_logfile=/var/log/pacemaker/pacemaker.log pacemakerd >"$LAB/pacemakerd.log" 2>&1 &
log /var/log/pacemaker/pacemaker.log
is_online() { crm_mon -1 2>/dev/null | grep -q "Online: .*$(uname -n)"; }
within 90 is_online || fail "the node did not come online"
crm_attribute -q -n stonith-enabled -v false
crm_resource --validate --class ocf --provider tcpentry --agent tcpentry --option ip=$vip4 >"$LAB/validate" 2>&1 ||
    fail "crm_resource --validate: $(cat "$LAB/validate")"
say "crm_resource --validate: accepts the agent"

make_network
serve 8080

primitive() {
    local id=$1 provider=$2 type=$3 attributes='' attribute
    shift 3
    for attribute; do
        attributes+="<nvpair id='$id-${attribute%%=*}' name='${attribute%%=*}' value='${attribute#*=}'/>"
    done
    printf '%s' "<primitive id='$id' class='ocf' provider='$provider' type='$type'>" \
        "<instance_attributes id='$id-parameters'>$attributes</instance_attributes>" \
        "<operations><op id='$id-stop' name='stop' interval='0' timeout='20s'/></operations></primitive>"
}
addresses=$(primitive ip4 heartbeat IPaddr2 ip=$vip4 cidr_netmask=24 nic=client)
addresses+=$(primitive ip6 heartbeat IPaddr2 ip=$vip6 cidr_netmask=64 nic=client)

# Makes a group and opens a connection to each of its addresses: make_group ID PRIMITIVES
make_group() {
    group=$1
    cibadmin --create --scope resources --xml-text "<group id='$group'>$2</group>"
    within 60 has_addresses || fail "$group: no addresses: $(crm_mon -1)"
    crm_resource --wait --timeout 60
    wait_on ipv4 $vip4 8080
    wait_on ipv6 $vip6 8080
    watch_addresses
    mark
}

stop_group() { crm_resource -r "$group" --meta -p target-role -v Stopped >/dev/null; }

remove_group() {
    crm_resource --wait --timeout 60
    crm_mon -1 | grep -A9 -i "failed" && fail "$group: an action has failed"
    cibadmin --delete --scope resources --xml-text "<group id='$group'/>"
}

make_group stock "$addresses"
stop_group
addresses_left "IPaddr2 alone"
expect_hung "IPaddr2 alone" ipv4 ipv6
remove_group

make_group ended "$addresses$(primitive end4 tcpentry tcpentry ip=$vip4)$(
    primitive end6 tcpentry tcpentry ip=$vip6 until_quiet=300ms
)"
queue_one
mark
stop_group
expect_ended "with the agent" ipv4 ipv6
queued_ends "with the agent"
addresses_left "with the agent"
remove_group

# A program that fails, and one that hangs, in a stop that may take 20 s.
ln -s "$TCPENTRY" $LAB/fails
ln -s "$TCPENTRY" $LAB/hangs
make_group broken "$addresses$(primitive end4 tcpentry tcpentry ip=$vip4 program=$LAB/fails)$(
    primitive end6 tcpentry tcpentry ip=$vip6 program=$LAB/hangs
)"
mv $LAB/broken $LAB/fails
mv $LAB/stuck $LAB/hangs
stop_group
addresses_left "a program that fails, and one that hangs"
remove_group
say "a program that fails, and one that hangs: the stop succeeded"
grep -hE "connections of" /var/log/pacemaker/pacemaker.log | sed 's/.*tcpentry(/log: tcpentry(/' | sort -u | head -n 6
