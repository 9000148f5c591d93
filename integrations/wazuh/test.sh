# What Wazuh's agent writes to an active response, as its documentation has it: no agent runs here.
. "$(dirname "$0")/../test/lib.sh"

# As README.md has it, in the folder of an agent.
ossec=/var/lib/ossec
mkdir -p $ossec/active-response/bin $ossec/logs
install -m 750 "$here/tcpentry" $ossec/active-response/bin/
log $ossec/logs/active-responses.log

# Runs it as the agent does, from the agent's folder; standard input may stay open for some seconds: respond MESSAGE [SECONDS]
respond() {
    { printf '%s\n' "$1"; sleep "${2:-0}"; } | (cd $ossec && timeout 2 active-response/bin/tcpentry) ||
        fail "it has not ended with 0 within two seconds"
}
of_4() {
    printf '{"version":1,"origin":{"name":"node01","module":"wazuh-execd"},"command":"%s","parameters":{"extra_args":[],' "$1"
    printf '"alert":{"timestamp":"2026-11-29T12:00:00.000+0000","rule":{"level":5,"id":"5710","groups":["sshd"]},"agent":{"id":"001"},'
    printf '"full_log":"Invalid user \\"srcip\\":\\"10.98.0.1\\"","decoder":{"name":"sshd"},"data":{"srcip":"%s","srcuser":"x"},' "$2"
    printf '"location":"/var/log/auth.log"},"program":"active-response/bin/tcpentry"}}'
}
of_5() {
    printf '{"wazuh":{"active_response":{"name":"tcpentry","executable":"tcpentry","location":"local","agent_id":"001","type":"stateless"},'
    printf '"agent":{"id":"001","name":"host"}},"source":{"ip":"%s"},"user":{"name":"x"},"command":"%s"}' "$2" "$1"
}

make_network
serve 22
for version in 4 5; do
    connect IPv4 10.98.0.1 22
    connect IPv6 fd98::1 22
    respond "$(of_$version delete 10.98.0.2)"
    expect_open "without an alert" IPv4
    command=add
    [ $version = 4 ] || command=enable
    mark
    respond "$(of_$version $command 10.98.0.2)"
    expect_ended "message of $version.x" IPv4
    mark
    respond "$(of_$version $command fd98::2)" 3
    expect_ended "message of $version.x" IPv6
done
grep -q 'deleted.*10.98.0.1:22.10.98.0.2' $ossec/logs/active-responses.log || fail "the agent's log has nothing"
respond "$(of_4 add 10.98.0.1)"
grep -q 'refused: 10.98.0.1 is an address of this host' $ossec/logs/active-responses.log || fail "a refusal is not in the agent's log"
respond '{"command":"add","parameters":{"alert":{"data":{}}}}'
grep -q 'no source address' $ossec/logs/active-responses.log || fail "an alert without an address is not in the agent's log"
respond "$(of_4 add 10.98.0.0/24)"
grep -q 'not one address: 10.98.0.0/24' $ossec/logs/active-responses.log || fail "a prefix is not refused"
say "the agent's log has what was ended, what was refused, and alerts without an address"

connect IPv4 10.98.0.1 22
mv $ossec/logs $ossec/logs.moved
mark
respond "$(of_4 add 10.98.0.2)"
expect_ended "without a log" IPv4
say "only the messages are tested: no agent of Wazuh has run"
