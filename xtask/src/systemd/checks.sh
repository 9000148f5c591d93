#!/bin/sh
# Runs as a service of the machine, after all others: installs nothing, starts the packaged unit, and says what it does.
# Each check is a function; its output goes to the results behind `# `, its status decides.

UNIT=tcpentry-guard
RULES=/etc/tcpentry/guard.d
# A program that leaks connections: it accepts them for one that never closes.
LEAKY=/usr/local/bin/busybox-leaky
DROP_INS=/etc/systemd/system/$UNIT.service.d

check() {
    "$@" >/tmp/out 2>&1
    status=$?
    sed 's/^/# /' /tmp/out
    if [ $status = 0 ]; then echo "test $1 ... ok"; else echo "test $1 ... FAILED"; fi
}

# Shows a property of the service.
property() { systemctl show "$UNIT" -P "$1"; }

# Prints both, and is true where they are equal.
is() {
    echo "$1: $2"
    [ "$2" = "$3" ] || { echo "expected: $3"; return 1; }
}

# Runs a command until it succeeds, for at most that many seconds.
within() {
    seconds=$1
    shift
    end=$(($(date +%s) + seconds))
    until "$@"; do
        [ "$(date +%s)" -lt $end ] || return 1
        sleep 0.2
    done
}

# Prints the fields that the service has given to the last record that matches.
record() {
    journalctl -o json -n 1 --no-pager "$@" | grep -oE '"(MESSAGE|PRIORITY|SYSLOG_IDENTIFIER|TCPENTRY_[A-Z_]*)":"[^"]*"' | sort
}

seconds_of() {
    begin=$(date +%s%N)
    "$@"
    code=$?
    took=$((($(date +%s%N) - begin) / 1000000))
    echo "took: $took ms"
    return $code
}

the_user_and_the_group_are_made() {
    systemd-sysusers && id tcpentry && getent group tcpentry
}

the_unit_has_no_error() {
    # There is no man here to find its pages.
    systemd-analyze verify --man=no "$UNIT.service" >/tmp/verify 2>&1
    verified=$?
    cat /tmp/verify
    [ $verified = 0 ] && [ ! -s /tmp/verify ]
}

without_a_rule_it_is_not_started() {
    systemctl start "$UNIT"
    is ActiveState "$(property ActiveState)" inactive && is ConditionResult "$(property ConditionResult)" no
}

a_start_ends_when_it_is_ready() {
    mkdir -p $RULES
    cat >$RULES/10-leak.toml <<EOF
[rule.leak]
every       = "1s"
delete      = "state close-wait process busybox-leaky"
matched-for = "2s"
EOF
    cat >$RULES/20-bans.toml <<EOF
[rule.bans]
when   = "ban"
delete = "dst \$elements"
EOF
    seconds_of systemctl start "$UNIT" || { journalctl --no-pager -u "$UNIT"; return 1; }
    tcpentry guard status && is SubState "$(property SubState)" running && is StatusText "$(property StatusText)" "2 rules"
}

its_status_is_shown() {
    systemctl status --no-pager -l "$UNIT" && systemctl status --no-pager "$UNIT" | grep -q 'Status: "2 rules"'
}

it_runs_as_its_user_with_these_rights() {
    pid=$(property MainPID)
    grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' "/proc/$pid/status"
    uid=$(id -u tcpentry)
    is Uid "$(awk '/^Uid/ { print $2, $3, $4, $5 }' "/proc/$pid/status")" "$uid $uid $uid $uid" || return
    # NET_ADMIN is 12, SYS_PTRACE 19, DAC_READ_SEARCH 2.
    for set in CapPrm CapEff CapBnd; do
        is $set "$(awk "/^$set/ { print \$2 }" "/proc/$pid/status")" 0000000000081004 || return
    done
    ls -ld /run/tcpentry /run/tcpentry/guard.sock /var/lib/tcpentry
    is socket "$(stat -c '%U %G %a' /run/tcpentry/guard.sock)" "tcpentry tcpentry 660"
}

a_leaked_connection_ends_and_is_in_the_journal() {
    $LEAKY nc -ll -p 7000 -e $LEAKY sleep 1000 &
    daemon=$!
    sleep 1
    # The client shuts its half down, and goes.
    timeout 1 busybox nc 127.0.0.1 7000 </dev/null
    ss -tanp 'sport = :7000'
    within 20 is_deleted leak
    status=$?
    record TCPENTRY_RULE=leak
    ss -tanp 'sport = :7000'
    kill $daemon
    [ -z "$(ss -Htan state close-wait)" ] && [ $status = 0 ]
}
is_deleted() { record TCPENTRY_RULE="$1" TCPENTRY_OUTCOME=deleted | grep -q TCPENTRY_ID; }

a_reload_of_wrong_rules_fails_and_the_old_ones_stay() {
    printf '[rule.leak2]\nevery = "1s"\ndelete = "state nonsense"\n' >$RULES/30-wrong.toml
    before=$(property MainPID)
    if seconds_of systemctl reload "$UNIT"; then echo "it says nothing"; return 1; fi
    is ActiveState "$(property ActiveState)" active || return
    is MainPID "$(property MainPID)" "$before" || return
    journalctl --no-pager -o cat -n 12 -u "$UNIT"
    journalctl --no-pager -o cat -u "$UNIT" | grep -q '30-wrong.toml:3:' || return
    tcpentry guard status | tee /tmp/status
    grep -q '^leak\b' /tmp/status && grep -q '^bans\b' /tmp/status
}

the_signal_alone_keeps_the_old_ones_too() {
    kill -HUP "$(property MainPID)"
    within 10 is_shown || { property StatusText; return 1; }
    property StatusText
    journalctl --no-pager -o cat -n 3 -u "$UNIT"
    tcpentry guard status
}
is_shown() { property StatusText | grep -q 'the new configuration is wrong'; }

a_reload_ends_when_the_rules_are_read() {
    printf '[rule.banned]\nwhen = "set inet t s"\ndelete = "dst $elements"\n' >$RULES/30-wrong.toml
    before=$(property MainPID)
    seconds_of systemctl reload "$UNIT" || return
    tcpentry guard status | tee /tmp/status
    grep -q '^banned\b' /tmp/status && is MainPID "$(property MainPID)" "$before"
}

an_element_of_a_set_ends_its_connection() {
    nft add table inet t && nft add set inet t s '{ type ipv4_addr; }' || return
    ip addr add 192.0.2.1/32 dev lo
    busybox nc -ll -p 7001 -e /bin/sleep 1000 &
    daemon=$!
    sleep 1
    sleep 1000 | busybox nc 192.0.2.1 7001 &
    within 10 is_connected || return
    ss -tan 'dport = :7001'
    # An address of this host is never taken from an event.
    ip addr del 192.0.2.1/32 dev lo
    nft add element inet t s '{ 192.0.2.1 }'
    within 10 is_deleted banned
    status=$?
    record TCPENTRY_RULE=banned
    kill $daemon
    return $status
}
is_connected() { [ -n "$(ss -Htan state established 'dport = :7001')" ]; }

bans_are_taken_and_outlast_a_restart() {
    echo 'add 198.51.100.0/24 600' | tcpentry ban --stdin --format plain || return
    sleep 2
    systemctl restart "$UNIT" || return
    tcpentry guard status --json | tr ',' '\n' | grep bans
    tcpentry guard status --json | grep -q '"bans":1[,}]'
}

the_watchdog_restarts_one_that_hangs() {
    mkdir -p $DROP_INS
    printf '[Service]\nWatchdogSec=3\n' >$DROP_INS/watchdog.conf
    systemctl daemon-reload && systemctl restart "$UNIT" || return
    before=$(property MainPID)
    sleep 8
    is 'MainPID after 8 s of health' "$(property MainPID)" "$before" || return
    kill -STOP "$before"
    within 60 is_restarted || return
    is NRestarts "$(property NRestarts)" 1
    echo "MainPID: $before, then $(property MainPID)"
    journalctl --no-pager -o cat -n 10 -u "$UNIT"
    tcpentry guard status && journalctl --no-pager -o cat -u "$UNIT" | grep -q 'Watchdog timeout'
}
is_restarted() { [ "$(property MainPID)" != "$before" ] && [ "$(property SubState)" = running ]; }

with_its_drop_in_it_enters_other_namespaces() {
    cp /usr/share/doc/tcpentry/examples/tcpentry-guard-netns.conf $DROP_INS/netns.conf || return
    ip netns add other && ip -n other link set lo up || return
    sed -i '/^delete/a netns = "all"' $RULES/10-leak.toml
    systemctl daemon-reload && systemctl restart "$UNIT" || return
    grep CapEff "/proc/$(property MainPID)/status"
    ip netns exec other $LEAKY nc -ll -p 7002 -e $LEAKY sleep 1000 &
    daemon=$!
    sleep 1
    timeout 1 ip netns exec other busybox nc 127.0.0.1 7002 </dev/null
    within 20 is_deleted_elsewhere
    status=$?
    record TCPENTRY_RULE=leak
    [ $status = 0 ] || { tcpentry guard status; journalctl --no-pager -o cat -n 10 -u "$UNIT"; }
    kill $daemon
    return $status
}
is_deleted_elsewhere() { record TCPENTRY_RULE=leak TCPENTRY_OUTCOME=deleted | grep -q TCPENTRY_NETNS; }

a_stop_takes_less_than_a_second() {
    seconds_of systemctl stop "$UNIT" || return
    [ $took -lt 1000 ] || return
    # Killed, or with another exit code, it would be failed.
    is Result "$(property Result)" success &&
        is ExecMainStatus "$(property ExecMainStatus)" 0 &&
        is ActiveState "$(property ActiveState)" inactive || return
    journalctl --no-pager -o cat -n 6 -u "$UNIT"
    journalctl --no-pager -o json -n 1 -t "$UNIT" | grep -oE '"(MESSAGE|_SYSTEMD_UNIT|_PID|_SYSTEMD_CGROUP)":"[^"]*"'
    ! journalctl --no-pager -o cat -n 4 -u "$UNIT" | grep -q 'Main process exited'
}

its_exposure_is_stated() {
    rm -f $DROP_INS/netns.conf $DROP_INS/watchdog.conf
    systemctl daemon-reload
    exposure without || return
    cp /usr/share/doc/tcpentry/examples/tcpentry-guard-netns.conf $DROP_INS/netns.conf
    systemctl daemon-reload
    exposure with
}

# Prints the figure, and is true where the unit states it: the first one is without its drop-in, the second with it.
exposure() {
    systemd-analyze security --no-pager "$UNIT" | tail -1 | tee /tmp/exposure
    figure=$(grep -o '[0-9]\.[0-9]' /tmp/exposure)
    stated=$(sed -n 's/^# Exposure.*: \([0-9.]*\) (OK); with tcpentry-guard-netns.conf \([0-9.]*\).*/without \1 with \2/p' \
        "/usr/lib/systemd/system/$UNIT.service")
    echo "stated: $stated"
    case "$stated" in *"$1 $figure"*) ;; *) return 1 ;; esac
}

echo "suite systemd"
systemctl --version | sed -n '1s/^/# /p'
cp /bin/busybox $LEAKY
check the_user_and_the_group_are_made
check the_unit_has_no_error
check without_a_rule_it_is_not_started
check a_start_ends_when_it_is_ready
check its_status_is_shown
check it_runs_as_its_user_with_these_rights
check a_leaked_connection_ends_and_is_in_the_journal
check a_reload_of_wrong_rules_fails_and_the_old_ones_stay
check the_signal_alone_keeps_the_old_ones_too
check a_reload_ends_when_the_rules_are_read
check an_element_of_a_set_ends_its_connection
check bans_are_taken_and_outlast_a_restart
check the_watchdog_restarts_one_that_hangs
check with_its_drop_in_it_enters_other_namespaces
check a_stop_takes_less_than_a_second
check its_exposure_is_stated
echo "test result: "
echo "end"
sync
systemctl poweroff --force --force
