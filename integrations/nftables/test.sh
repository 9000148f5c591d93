# nft fills sets, with a ruleset alone and with tcpentry guard beside it.
. "$(dirname "$0")/../test/lib.sh"

ban() { nft -f - <<<"add element inet filter banned4 { $1 }
add element inet filter banned6 { $2 }"; }
unban() { nft flush set inet filter banned4 && nft flush set inet filter banned6; }

log /var/log/guard.log
make_network
nft -f - <<'EOF'
table inet filter {
    set banned4 { type ipv4_addr; flags interval, timeout; }
    set banned6 { type ipv6_addr; flags interval, timeout; }
    chain input {
        type filter hook input priority filter;
        ip saddr @banned4 drop
        ip6 saddr @banned6 drop
    }
}
EOF
publish
serve 22
serve -n container 80
connect IPv4 10.98.0.1 22
connect IPv6 fd98::1 22
connect published-IPv4 10.98.0.1 8080 80
connect published-IPv6 fd98::1 8080 80

ban 10.98.0.2 fd98::2
sleep 3
expect_open "stock" IPv4 IPv6 published-IPv4 published-IPv6
unban
within 5 talks_on IPv4 || fail "the session does not go on after the unban"
say "stock, IPv4: goes on after the unban"

# As README.md has it; with the rules for other programs, too.
install -D -m 644 "$here/banned-sets.toml" /etc/tcpentry/guard.d/banned-sets.toml
sed -i 's/^#\([a-z[]\)/\1/' /etc/tcpentry/guard.d/banned-sets.toml
tcpentry guard check >/var/log/check.log 2>&1 || fail "guard check: $(cat /var/log/check.log)"
tcpentry guard run >/var/log/guard.log 2>&1 &
within 10 tcpentry guard status || fail "the service does not run"

mark
ban 10.98.0.2 fd98::2
expect_ended "with tcpentry" IPv4 IPv6 published-IPv4 published-IPv6
unban

connect IPv4 10.98.0.1 22
connect IPv6 fd98::1 22
mark
ban "10.98.0.0/24 timeout 1h" "fd98::/64 timeout 1h"
expect_ended "prefixes with this host's address inside" IPv4 IPv6
unban

# What other programs name their sets.
for set in "ip sshguard attackers ipv4_addr 10.98.0.2" "ip6 crowdsec6 crowdsec6-blacklists ipv6_addr fd98::2" \
    "inet f2b-table addr-set-sshd ipv4_addr 10.98.0.2" "inet f2b-table addr6-set-sshd ipv6_addr fd98::2"; do
    read -r family table name type address <<<"$set"
    to=10.98.0.1
    [ "$type" = ipv4_addr ] || to=fd98::1
    connect "$name" $to 22
    nft add table "$family" "$table"
    nft add set "$family" "$table" "$name" "{ type $type; flags interval; }"
    mark
    nft add element "$family" "$table" "$name" "{ $address }"
    expect_ended "$family $table" "$name"
    nft delete table "$family" "$table"
done

# What was banned before the service started.
connect IPv4 10.98.0.1 22
kill "$(pgrep -f 'tcpentry guard run')"
within 5 eval '! pgrep -f "tcpentry guard run"' || fail "the service has not ended"
ban 10.98.0.2 fd98::2
is_open IPv4 || fail "something else has ended it"
mark
tcpentry guard run >>/var/log/guard.log 2>&1 &
within 5 tcpentry guard status || fail "the service does not run"
expect_ended "banned before the start" IPv4
within 5 eval "tcpentry guard status --json | grep -q '\"name\":\"banned\".*\"deleted\":1'" ||
    fail "guard status: $(tcpentry guard status --json)"
