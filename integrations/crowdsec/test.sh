# CrowdSec with its firewall bouncer alone, and with the custom bouncer that feeds tcpentry.
. "$(dirname "$0")/../test/lib.sh"

decide() {
    local address
    for address; do cscli decisions add --ip "$address" --duration 1h --reason test >>/var/log/cscli.log 2>&1; done
}
undecide() {
    cscli decisions delete --all >>/var/log/cscli.log 2>&1
    within 20 eval '! nft list ruleset | grep -E "elements.*(10\.98\.0\.2|fd98::)"' || fail "the firewall's bouncer has not unbanned"
}
is_dropped() { nft list ruleset | grep -q 'elements.*10\.98\.0\.2' && nft list ruleset | grep -q 'elements.*fd98::2'; }

log /var/log/crowdsec.log /var/log/cscli.log /var/log/firewall.log /var/log/bouncer.log /var/log/tcpentry.log
make_network
serve 22 7000

# What the package's installation does, without its central server.
sed -i -e '/online_client:/d' -e '/online_api_credentials/d' /etc/crowdsec/config.yaml
mkdir -p /var/lib/crowdsec/data /var/lib/crowdsec/hub /etc/crowdsec/notifications /etc/crowdsec/acquis.d
echo '{}' >/var/lib/crowdsec/hub/.index.json
touch /etc/crowdsec/local_api_credentials.yaml
cscli machines add -a --force >>/var/log/cscli.log 2>&1 || fail "cscli machines add"
sed -i 's/daemonize: true/daemonize: false/; s/log_media: file/log_media: stdout/' /etc/crowdsec/config.yaml
crowdsec -no-cs >/var/log/crowdsec.log 2>&1 &
within 20 cscli decisions list || fail "CrowdSec's server does not answer"

key=$(cscli bouncers add firewall -o raw 2>>/var/log/cscli.log) || fail "cscli bouncers add"
sed -i -e "s/\${API_KEY}/$key/; s/\${BACKEND}/nftables/; s/^update_frequency: .*/update_frequency: 1s/" \
    -e 's/^log_mode: .*/log_mode: stdout/; s/^daemonize: .*/daemonize: false/' /etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml
crowdsec-firewall-bouncer -c /etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml >/var/log/firewall.log 2>&1 &
within 10 nft list table ip6 crowdsec6 || fail "the firewall's bouncer has not started"

connect IPv4 10.98.0.1 22
connect IPv6 fd98::1 22
decide 10.98.0.2 fd98::2
within 10 is_dropped || fail "the firewall's bouncer has not banned"
sleep 3
expect_open "stock" IPv4 IPv6
undecide
within 10 talks_on IPv4 || fail "the session does not go on after the unban"
say "stock, IPv4: goes on after the unban"

# As README.md has it; but a second instead of ten.
install -D -m 755 "$here/crowdsec-tcpentry" /usr/libexec/crowdsec-tcpentry
key=$(cscli bouncers add tcpentry -o raw 2>>/var/log/cscli.log)
sed "s/\${API_KEY}/$key/; s/^update_frequency: .*/update_frequency: 1s/; s/^daemonize: .*/daemonize: false/" "$here/crowdsec-tcpentry.yaml" \
    >/etc/crowdsec/bouncers/crowdsec-tcpentry.yaml
sed -i 's/^again=.*/again=3/; s|logger|& --socket /run/log.socket|' /usr/libexec/crowdsec-tcpentry
receive_log /run/log.socket /var/log/tcpentry.log
crowdsec-custom-bouncer -c /etc/crowdsec/bouncers/crowdsec-tcpentry.yaml >/var/log/bouncer.log 2>&1 &
within 10 pgrep -f 'tcpentry ban --stdin' || fail "the bouncer has not started tcpentry"

connect other 10.98.0.1 7000
mark
decide 10.98.0.2 fd98::2
expect_ended "with tcpentry" IPv4 IPv6 other
undecide

# What came back before the firewall knew.
kill -STOP "$(pgrep -f crowdsec-firewall-bouncer)"
connect back 10.98.0.1 22
mark
decide 10.98.0.2
expect_ended "with tcpentry" back
connect back 10.98.0.1 22
expect_ended "before the firewall had the decision" back
kill -CONT "$(pgrep -f crowdsec-firewall-bouncer)"
undecide
within 10 eval '! pgrep -f "^sleep 3"' || fail "a repetition is still to come"

# What comes after the program has been killed.
connect IPv4 10.98.0.1 22
kill -KILL "$(pgrep -f '^tcpentry ban --stdin')"
mark
decide 10.98.0.2
within 10 has_ended IPv4 || fail "the program was killed: the next decision ends nothing"
say "the program was killed: the next decision ended the connection after $(since) s"
undecide
within 10 eval '! pgrep -f "^sleep 3"' || fail "a repetition is still to come"
within 10 pgrep -f '^tcpentry ban --stdin' || fail "the bouncer has not started it anew"

# A captcha is no ban; a range is one.
connect IPv4 10.98.0.1 22
connect IPv6 fd98::1 22
cscli decisions add --ip 10.98.0.2 --type captcha --duration 1h >>/var/log/cscli.log 2>&1
sleep 3
expect_open "type captcha" IPv4
mark
cscli decisions add --range fd98::/64 --duration 1h >>/var/log/cscli.log 2>&1
expect_ended "a range" IPv6
grep -q 'fd98::1 is an address of this host, and is spared' /var/log/tcpentry.log || fail "the log does not say what was spared"
grep -q 'deleted.*10.98.0.1:22.10.98.0.2' /var/log/tcpentry.log || fail "the log does not say what was ended"
say "the log has what was ended, and what was spared"
