# systemd as process 1 of a namespace of its own, with Debian's keepalived.service and the drop-in.
# shellcheck source=integrations/test/lib.sh
. "$(dirname "$0")/../test/lib.sh"
# shellcheck source=integrations/test/cluster.sh
. "$(dirname "$0")/../test/cluster.sh"

log $LAB/systemd.log $LAB/service.log
units=$LAB/units
make_network
serve 8080

install -D -m 644 /dev/stdin /etc/tcpentry/addresses <<<"$vip4
$vip6"
install -D -m 644 /dev/stdin /etc/keepalived/keepalived.conf <<END
vrrp_instance moving {
    interface client
    state MASTER
    priority 100
    virtual_router_id 7
    virtual_ipaddress {
        $vip4/24
    }
    virtual_ipaddress_excluded {
        $vip6/64
    }
}
END

# The drop-in as it is shipped, beside the whole of Debian's units.
install -D -m 644 "$here/tcpentry.conf" /etc/systemd/system/keepalived.service.d/tcpentry.conf
systemd-analyze verify keepalived.service >"$LAB/verify" 2>&1 || fail "systemd-analyze verify: $(cat "$LAB/verify")"
grep -i "keepalived" "$LAB/verify" && fail "systemd-analyze verify complains"
say "systemd-analyze verify: accepts keepalived.service with the drop-in"

# systemd as process 1, with no units but these, so that it touches nothing but the service. No journal runs: what the
# service writes goes to a file.
units=$LAB/units
mkdir -p $units/keepalived.service.d /run/systemd/system
cp /lib/systemd/system/keepalived.service $units
cat >$units/keepalived.service.d/test.conf <<END
[Unit]
DefaultDependencies=no
[Service]
StandardOutput=append:$LAB/service.log
StandardError=append:$LAB/service.log
END
for target in test network-online; do
    printf '[Unit]\nDefaultDependencies=no\n' >$units/$target.target
done
cat >$LAB/boot <<'END'
set -e
# The kernel's settings are the machine's: they stay as they are.
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
umount -lR /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
export container=test SYSTEMD_UNIT_PATH=$LAB/units SYSTEMD_GENERATOR_PATH=$LAB/none
exec /lib/systemd/systemd --system --unit=test.target --show-status=no --log-target=null
END

# Its control groups are below one of the test's.
groups=$LAB/groups
mkdir $groups
mount -t cgroup2 cgroup2 $groups || skip "cgroup2 can't be mounted"
group=$(mktemp -d $groups/tcpentry-systemd.XXXXXX) || skip "no control group can be made"
clean_up() {
    kill -KILL $manager
    within 5 find "$group" -depth -type d -exec rmdir {} +
}
sh -c "echo 0 >$group/cgroup.procs && exec unshare -p -f -m -C --mount-proc --kill-child sh $LAB/boot" \
    >"$LAB/systemd.log" 2>&1 </dev/null &
manager=$!
disown
trap clean_up EXIT

# Calls systemctl in systemd's namespaces, as it answers no process that it can't see.
ctl() { nsenter -t "$(pgrep -P "$manager")" -m -p systemctl --no-ask-password "$@"; }
is_running() { [ "$(ctl is-system-running)" = running ]; }
within 20 is_running || skip "systemd does not run as process 1 of a namespace here: $(ctl is-system-running 2>&1)"
say "$(systemctl --version | head -n 1), as process 1"

open_both() {
    ctl start keepalived
    within 20 has_addresses || fail "no addresses: $(ip address show dev client)"
    wait_on ipv4 $vip4 8080
    wait_on ipv6 $vip6 8080
    watch_addresses
    mark
}

open_both
ctl stop keepalived
addresses_left "keepalived.service"
expect_hung "keepalived.service" ipv4 ipv6

install -m 644 "$here/tcpentry.conf" $units/keepalived.service.d/
ctl daemon-reload
open_both
queue_one
mark
ctl stop keepalived
expect_ended "with the drop-in" ipv4 ipv6
queued_ends "with the drop-in"
addresses_left "with the drop-in"
grep "deleted" $LAB/service.log

# What can't be ended is in the log, and is no failure of the service.
echo 10.0.0.0/33 >/etc/tcpentry/addresses
open_both
ctl stop keepalived
[ "$(ctl show -P Result keepalived)" = success ] || fail "the service failed: $(ctl status keepalived)"
addresses_left "with a bad list of addresses"
grep "^tcpentry: " $LAB/service.log | tail -n 1
say "with a bad list of addresses: the service stopped with success"

# Nor is a program that hangs, or none. systemd would end it, and call that a failure.
printf '%s\n' $vip4 $vip6 >/etc/tcpentry/addresses
rm /usr/bin/tcpentry
printf '#!/bin/sh\nexec sleep 1000\n' >$LAB/hangs
chmod 755 $LAB/hangs
for program in $LAB/hangs ""; do
    [ -z "$program" ] || ln -s "$program" /usr/local/bin/tcpentry
    open_both
    ctl stop keepalived
    [ "$(ctl show -P Result keepalived)" = success ] || fail "the service failed: $(ctl status keepalived)"
    addresses_left "program '$program'"
    rm -f /usr/local/bin/tcpentry
done
tail -n 1 $LAB/service.log
