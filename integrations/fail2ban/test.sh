# fail2ban-server with stock bans, and with tcpentry.conf after them.
. "$(dirname "$0")/../test/lib.sh"

jail() {
    printf '[%s]\nenabled = true\nfilter = test\nlogpath = /var/log/app.log\n' "$1"
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

log /var/log/fail2ban.log
# Other processes than those of this test can't be seen here.
ours='tcpentry[port="%(port)s", protocol="%(protocol)s", need=all]'

make_network
nft -f - <<'EOF'
table inet published {
    chain prerouting {
        type nat hook prerouting priority dstnat;
        ip daddr 10.98.0.1 tcp dport 8080 dnat ip to 10.97.0.2:80
        ip6 daddr fd98::1 tcp dport 8080 dnat ip6 to [fd97::2]:80
    }
}
EOF
serve 22 7000 9000
serve -n container 80

# As README.md has it.
install -m 644 "$here/tcpentry.conf" /etc/fail2ban/action.d/tcpentry.conf
: >/var/log/app.log
rm -f /etc/fail2ban/jail.d/*
printf '[Definition]\nfailregex = ^failure from <HOST>$\n' >/etc/fail2ban/filter.d/test.conf
{
    printf '[DEFAULT]\nbackend = polling\nbantime = 1h\nmaxretry = 1\nbanaction = nftables-multiport\nusedns = no\n'
    jail stock 'port = 7000,8080' 'action = %(action_)s'
    jail host 'port = 7000' 'action = %(action_)s' "         $ours"
    jail published 'port = 8080' 'action = %(action_)s' "         $ours"
    jail names 'port = ssh, 8000-8010' 'action = %(action_)s' "         $ours"
} >/etc/fail2ban/jail.local
sed -i 's/^\(enabled = \)true/\1false/' /etc/fail2ban/jail.conf
mkdir -p /run/fail2ban
fail2ban-client -x start >/dev/null || fail "fail2ban-client start"

connect IPv4 10.98.0.1 7000
connect IPv6 fd98::1 7000
connect published-IPv4 10.98.0.1 8080 80
connect published-IPv6 fd98::1 8080 80
connect other-IPv4 10.98.0.1 9000
connect ssh-IPv4 10.98.0.1 22

mark
ban stock
sleep 3
expect_open "stock" IPv4 IPv6 published-IPv4 published-IPv6
unban
within 5 talks_on IPv4 || fail "the session does not go on after the unban"
say "stock, IPv4: goes on after the unban"

mark
ban host
expect_ended "with tcpentry" IPv4 IPv6
mark
ban published
expect_ended "with tcpentry" published-IPv4 published-IPv6
expect_open "with tcpentry, another port" other-IPv4 ssh-IPv4
mark
ban names
expect_ended "with tcpentry, port = ssh" ssh-IPv4

! grep -q ERROR /var/log/fail2ban.log || fail "an error in the log"
say "no error in the log"
