# fail2ban-server with stock bans, and with tcpentry.conf after them.
. "$(dirname "$0")/../test/lib.sh"

jail() {
    printf '[%s]\nenabled = true\nfilter = test\nlogpath = /var/log/%s.log\n' "$1" "$1"
    : >"/var/log/$1.log"
    shift
    printf '%s\n' "$@"
}

# Bans in a jail the client's addresses, or those given.
ban() {
    local jail=$1
    shift
    [ $# -gt 0 ] || set -- 10.98.0.2 fd98::2
    fail2ban-client set "$jail" banip "$@" >/dev/null
}

unban() { fail2ban-client unban --all >/dev/null; }

start() {
    # It warns of a setting that its own configuration lacks.
    fail2ban-client -x start >/run/start.log 2>&1 || fail "fail2ban-client start"
    within 10 fail2ban-client ping || fail "no server"
}

in_log() { grep -qE -- "$1" /var/log/fail2ban.log; }

log /run/start.log /var/log/fail2ban.log

make_network
publish
serve 22 7000 9000
serve -n container 80
# The alternatives of a package that is not installed.
for name in ip{,6}tables{,-save,-restore}; do [ -e /usr/sbin/$name ] || ln -s xtables-nft-multi /usr/sbin/$name; done
cp /usr/share/ufw/iptables/*.rules /usr/share/ufw/ufw.conf /etc/ufw/

# As README.md has it; but other processes than those of this test can't be seen here.
install -m 644 "$here/tcpentry.conf" /etc/fail2ban/action.d/
rm -f /etc/fail2ban/jail.d/*
printf '[Definition]\nfailregex = ^\s*failure from <HOST>$\n' >/etc/fail2ban/filter.d/test.conf
{
    sed -n '/^```ini/,/^```$/p' "$here/README.md" | grep -v '^```' | sed 's/tcpentry\[/tcpentry[need=all, /'
    printf 'backend = polling\nbantime = 1h\nmaxretry = 1\nusedns = no\nbanaction = nftables-multiport\n'
    jail stock 'port = 7000,8080' 'action = nftables-multiport[port="%(port)s", protocol="%(protocol)s"]'
    jail host 'port = 7000'
    jail published 'port = http-alt'
    jail own 'port = http-alt' 'action = tcpentry[port="%(port)s", need=all, options="--own-netns-only"]'
    jail names 'port = ssh, 8000-8010'
    jail udp 'port = 7000' 'protocol = udp'
    jail all 'port = 7000' 'protocol = all' 'banaction = iptables-allports'
    jail iptables 'port = 7000' 'banaction = iptables-multiport'
    jail stock-ufw 'port = 7000' 'action = ufw'
    jail ufw 'port = 7000' 'banaction = ufw'
    jail stock-firewalld 'port = 7000' 'action = firewallcmd-rich-rules[port="%(port)s", protocol="%(protocol)s"]'
    jail firewalld 'port = 7000' 'banaction = firewallcmd-rich-rules'
    jail log 'port = 0:65535'
    jail prefix 'port = 7000' 'action = tcpentry[port="%(port)s", need=all]'
    jail users 'port = 7000' 'action = tcpentry[port="%(port)s", need=all]'
    jail checked 'port = 7000' 'action = tcpentry[port="%(port)s"]'
    jail absent 'port = 7000' 'action = tcpentry[port="%(port)s", tcpentry=no-such-program]'
} >/etc/fail2ban/jail.local
mkdir -p /run/fail2ban
start

connect IPv4 10.98.0.1 7000
connect IPv6 fd98::1 7000
connect published-IPv4 10.98.0.1 8080 80
connect published-IPv6 fd98::1 8080 80
connect other 10.98.0.1 9000
connect ssh 10.98.0.1 22

# The start check has one jail that asks for more than can be seen here, and one without the program.
in_log "ERROR.*missing.*need.*every network namespace" || fail "the start check is not in the log"
in_log "ERROR.*no-such-program: not found" || fail "a missing program is not in the log"
say "start: what may not be deleted is in the log, and so is a missing program"
fail2ban-client stop >/dev/null
sed -i -e '/^\[checked\]/,/^$/d' -e '/^\[absent\]/,$d' /etc/fail2ban/jail.local
: >/var/log/fail2ban.log
start

mark
ban stock
sleep 3
expect_open "stock" IPv4 IPv6 published-IPv4 published-IPv6
unban
within 5 talks_on IPv4 || fail "the session does not go on after the unban"
say "stock, IPv4: goes on after the unban"

ban udp
in_log '\[udp\] Ban fd98::2' || within 5 in_log '\[udp\] Ban fd98::2' || fail "no ban of the jail with UDP"
sleep 0.5
expect_open "protocol = udp" IPv4 IPv6
unban

mark
ban host
expect_ended "with tcpentry" IPv4 IPv6
# What is no address has no connections, and is no error.
ban users root 'a user' "' \$(id) \""
within 5 in_log '\[users\] Ban .*id' || fail "no ban of a user"
ban own
within 5 in_log '\[own\] Ban fd98::2' || fail "no ban"
sleep 0.5
expect_open "options=--own-netns-only" published-IPv4
mark
ban published
expect_ended "with tcpentry" published-IPv4 published-IPv6
expect_open "with tcpentry, another port" other ssh
mark
ban names
expect_ended "port = ssh, 8000-8010" ssh
unban

connect IPv4 10.98.0.1 7000
connect IPv6 fd98::1 7000
mark
ban iptables
expect_ended "after iptables-multiport" IPv4 IPv6
iptables -S | grep -q 'REJECT' || fail "iptables has not banned"
unban
connect IPv4 10.98.0.1 7000
mark
ban all
expect_ended "protocol = all" IPv4
unban

connect IPv4 10.98.0.1 7000
connect published-IPv4 10.98.0.1 8080 80
mark
echo "$(date "+%F %T") failure from 10.98.0.2" >>/var/log/log.log
expect_ended "from the line in the log" IPv4 published-IPv4
unban

# Addresses with no connection, in all jails at once: what they take is what other bans wait.
mark
for jail in host published names iptables; do
    ban $jail 192.0.2.{1..5} 2001:db8::{1..5} &
done
ban prefix 192.0.2.0/24 2001:db8::/32
within 20 eval '[ $(grep -cE "\] Ban (192.0.2|2001:db8:)" /var/log/fail2ban.log) = 42 ]' || fail "42 bans have not been made"
say "42 bans in 5 jails, none with a connection: $(since) s"
unban

# ufw's rules accept what is established before any ban. Both it and firewalld flush what other programs have in iptables.
fail2ban-client stop iptables >/dev/null
fail2ban-client stop all >/dev/null
ufw default allow incoming >/dev/null && ufw --force enable >/dev/null || fail "ufw enable"
connect IPv4 10.98.0.1 7000
connect IPv6 fd98::1 7000
ban stock-ufw
within 10 eval '[ $(ufw status | grep -c REJECT) = 2 ]' || fail "ufw has not banned"
sleep 1
expect_open "stock ufw" IPv4 IPv6
unban
mark
ban ufw
expect_ended "after ufw" IPv4 IPv6
unban
ufw --force disable >/dev/null

# So do firewalld's. It needs D-Bus and polkit's own user, which only an installation makes.
start_firewalld() {
    mkdir -p /run/dbus
    ln -sf org.fedoraproject.FirewallD1.server.policy.choice /usr/share/polkit-1/actions/org.fedoraproject.FirewallD1.policy
    dbus-daemon --system --fork --nopidfile && firewalld --nopid >/var/log/firewalld.log 2>&1 &&
        within 5 firewall-cmd --state && firewall-cmd --set-default-zone=trusted >/dev/null
}
if (start_firewalld) 2>/dev/null; then
    connect IPv4 10.98.0.1 7000
    connect IPv6 fd98::1 7000
    ban stock-firewalld
    within 10 eval '[ $(firewall-cmd --list-rich-rules | grep -c reject) = 2 ]' || fail "firewalld has not banned"
    sleep 1
    expect_open "stock firewalld" IPv4 IPv6
    unban
    mark
    ban firewalld
    expect_ended "after firewalld" IPv4 IPv6
    unban
    pkill firewalld
else
    say "firewalld: not tested, it does not start here"
fi

# A ban that a restart restores acts on what came while the firewall was open.
ban host
within 5 in_log '\[host\] Ban fd98::2' || fail "no ban"
fail2ban-client stop >/dev/null
connect IPv4 10.98.0.1 7000
connect IPv6 fd98::1 7000
mark
start
expect_ended "restored at a restart" IPv4 IPv6
in_log 'Restore Ban fd98::2' || fail "it was not restored"
unban

! in_log 'ERROR|CRITICAL|Traceback' || fail "an error in the log: $(grep -m 8 -E 'ERROR|CRITICAL' /var/log/fail2ban.log)"
say "the log has no error"

# A refusal is one.
ban host 10.98.0.1
within 5 in_log "stderr: .tcpentry: refused: 10.98.0.1" || fail "the refusal is not in the log"
say "a ban of this host's own address is refused: $(sed -n "s/.*stderr: .\(tcpentry: refused: .*\).$/\1/p" /var/log/fail2ban.log | head -n 1)"
fail2ban-client stop >/dev/null
