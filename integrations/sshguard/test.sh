# sshguard with its own nftables backend, and with the one that also tells tcpentry.
. "$(dirname "$0")/../test/lib.sh"

start() {
    : >/var/log/auth.log
    {
        printf 'BACKEND="%s"\n' "$1"
        printf 'FILES="/var/log/auth.log"\nTHRESHOLD=30\nBLOCK_TIME=120\nDETECTION_TIME=1800\n'
    } >/etc/sshguard/sshguard.conf
    setsid sshguard >>/var/log/sshguard.log 2>&1 &
    sshguard=$!
    within 10 nft list chain ip6 sshguard blacklist || fail "the firewall's backend has not started"
    # Its reader of files begins at their end.
    within 10 pgrep -x tail || within 1 pgrep -f sshg-logtail || fail "nobody reads the log"
    sleep 1
}

stop() {
    kill "$sshguard"
    within 10 eval '! pgrep -f sshg-blocker' || fail "sshguard has not ended"
    nft delete table ip sshguard 2>/dev/null || true
    nft delete table ip6 sshguard 2>/dev/null || true
}

# Attacks, as sshd reports them: attack ADDRESS...
attack() {
    local address
    for address; do
        for port in 40001 40002 40003; do
            printf 'Nov 29 12:00:00 host sshd[4711]: Failed password for root from %s port %s ssh2\n' "$address" "$port"
        done
    done >>/var/log/auth.log
}

is_blocked() { nft list set ip sshguard attackers | grep -q 10.98.0.2 && nft list set ip6 sshguard attackers | grep -q fd98::2; }

log /var/log/sshguard.log
make_network
serve 22 7000
connect IPv4 10.98.0.1 22
connect IPv6 fd98::1 22

start /usr/libexec/sshguard/sshg-fw-nft-sets
attack 10.98.0.2 fd98::2
within 10 is_blocked || fail "sshguard has not blocked"
sleep 3
expect_open "stock" IPv4 IPv6
stop
within 5 talks_on IPv4 || fail "the session does not go on after the release"
say "stock, IPv4: goes on after the release"

# As README.md has it.
install -m 755 "$here/sshg-fw-tcpentry" /usr/libexec/sshguard/
start /usr/libexec/sshguard/sshg-fw-tcpentry
mark
attack 10.98.0.2 fd98::2
expect_ended "with tcpentry" IPv4 IPv6
within 5 is_blocked || fail "the firewall's backend has not got its lines"
stop

# Without the program the firewall goes on.
connect IPv4 10.98.0.1 22
rm /usr/bin/tcpentry
start /usr/libexec/sshguard/sshg-fw-tcpentry
attack 10.98.0.2 fd98::2
within 10 is_blocked || fail "without tcpentry the firewall gets nothing"
grep -q 'tcpentry: .*not found' /var/log/sshguard.log || fail "nothing says that tcpentry is missing"
expect_open "without the program" IPv4
say "without the program: the firewall goes on blocking, and the log says what is missing"
stop

# A blacklist comes all at once; and what is blocked just before the end stays released after it.
printf '#!/bin/sh\nexec cat >%s\n' $LAB/told >/usr/bin/tcpentry
chmod 755 /usr/bin/tcpentry
sed 's|^firewall=.*|firewall=cat|' "$here/sshg-fw-tcpentry" >$LAB/backend
{
    for number in {1..5000}; do echo "block 192.0.2.$number 4 32"; done
    sleep 2.5
    printf 'block 192.0.2.0 4 32\nflush\n'
} | bash $LAB/backend >/dev/null &
most=0
for _ in {1..30}; do
    sleep 0.05
    count=$(pgrep -c bash)
    [ "$count" -lt "$most" ] || most=$count
done
wait $!
sleep 1.2
[ "$most" -lt 50 ] || fail "$most processes for a blacklist"
[ "$(wc -l <$LAB/told)" = 10002 ] || fail "told of $(wc -l <$LAB/told) lines"
[ "$(tail -n 1 $LAB/told)" = flush ] || fail "a block is repeated after the end"
say "a blacklist of 5000: $most processes at most; after the flush at the end, no block is repeated"
