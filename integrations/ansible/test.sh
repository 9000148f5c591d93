# Three hosts with sshd and processes of their own; on this one, the database, the clients, and ansible-core.
# shellcheck source=integrations/test/lib.sh
. "$(dirname "$0")/../test/lib.sh"
# shellcheck source=integrations/test/hosts.sh
. "$here/../test/hosts.sh"
set -E

hosts=(h1 h2 h3)
export HOME=$LAB/home ANSIBLE_COLLECTIONS_PATH=$LAB/collections ANSIBLE_INVENTORY=$LAB/inventory ANSIBLE_NOCOLOR=1 \
    ANSIBLE_RETRY_FILES_ENABLED=0 LC_ALL=C.UTF-8
log $LAB/result $LAB/play
address_of() { printf '10.99.0.1%s' "${1#h}"; }

# An account that Ansible logs in to.
prepare_ssh
useradd -m -d $LAB/ops -s /bin/bash -p '*' ops
mkdir -p /etc/sudoers.d
printf 'ops ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/ops
grep -q includedir /etc/sudoers || printf '@includedir /etc/sudoers.d\n' >>/etc/sudoers
chmod 440 /etc/sudoers /etc/sudoers.d/ops

printf '[web:children]\napp\n[app]\n' >$LAB/inventory
for host in "${hosts[@]}"; do
    printf '%s ansible_host=%s\n' "$host" "$(address_of "$host")" >>$LAB/inventory
done
cat >>$LAB/inventory <<END
[all:vars]
ansible_user=ops
ansible_python_interpreter=${ANSIBLE_TARGET_PYTHON:-/usr/bin/python3}
ansible_ssh_common_args="-F none -i $LAB/key -o UserKnownHostsFile=$LAB/known_hosts -o StrictHostKeyChecking=yes"
END

# The hosts, which have IPv6, too.
make_lan
ip address add fd99::1/64 dev lan nodad
for host in "${hosts[@]}"; do
    ip -n "$host" address add "fd99::1${host#h}/64" dev eth0 nodad
done
start_hosts

# Opens a connection: open_from HOST NAME ADDRESS PORT [FOLDER OF THE SERVER]
open_from() {
    local from=10.99.0.1
    if [ "$1" = here ]; then
        /usr/bin/python3 "$peer" connect "${@:2:3}" &
    else
        from=$(address_of "$1")
        on "$1" /usr/bin/python3 "$peer" connect "${@:2:3}" &
    fi
    [[ $3 != *:* ]] || from=fd99::${from##*.}
    seen_at "$2" "${5:-$LAB}/served/$4/$from"
}
# Waits until both ends have a connection: seen_at NAME FILE, without the port.
seen_at() {
    within 20 test -e "$LAB/clients/$1.port" || fail "$1: no connection"
    printf '%s\n' "$2:$(cat "$LAB/clients/$1.port")" >"$LAB/clients/$1.server"
    within 20 is_open "$1" || fail "$1: the server has not seen it"
}
all_live() { local name; for name; do is_open "$name" || fail "$name has ended: $(client_end "$name"), $(server_end "$name")"; done; }
all_ended() { local name; for name; do within 5 has_ended "$name" || fail "$name lives: $(client_end "$name"), $(server_end "$name")"; done; }
end_of() { local time; read -r _ _ time < <(client_end "$1"); printf '%s' "$time"; }

# The collection, as its users get it.
(cd $LAB && ansible-galaxy collection build "$here" && ansible-galaxy collection install --offline tcpentry-tcpentry-*.tar.gz) >$LAB/galaxy 2>&1 ||
    fail "ansible-galaxy: $(cat $LAB/galaxy)"
ansible-doc -t module tcpentry.tcpentry.delete tcpentry.tcpentry.info >$LAB/doc
for word in own_session until_quiet truncated 'max: 0'; do
    grep -q "$word" $LAB/doc || fail "ansible-doc does not show $word"
done
ansible --version >$LAB/version
say "$(head -n 1 $LAB/version), $(ssh -V 2>&1 | cut -d, -f1): ansible-galaxy builds and installs the collection, ansible-doc shows it"

# Runs a module on a host, with its parameters in JSON, and keeps the result: task HOST MODULE JSON [OPTION...]
task() {
    ansible "$1" -o -b -m "tcpentry.tcpentry.$2" -a "$3" "${@:4}" >$LAB/result 2>$LAB/result.err || true
    said="$2 $3 ${*:4}"
}

# Checks the result, with a Python expression of r and of what Ansible calls it: result_is EXPRESSION
result_is() {
    /usr/bin/python3 - "$1" $LAB/result <<'END' || fail "$said: not $1"
import json, sys
head, _, text = open(sys.argv[2]).read().partition(" => ")
called, r = head.split("|")[1].strip().rstrip("!"), json.loads(text)
sys.exit(not eval(sys.argv[1]))
END
}

# Runs a playbook: play NAME [OPTION...]
play() {
    mark
    local got=0
    ansible-playbook -f 20 "${@:2}" "tcpentry.tcpentry.$1" >$LAB/play 2>&1 || got=$?
    took=$(since)
    return $got
}
database=(-e database=10.99.0.1)

serve 5432 8080
for host in "${hosts[@]}"; do
    LAB=$LAB/$host on "$host" /usr/bin/python3 "$peer" serve 443 &
    within 10 bash -c "exec 3<>/dev/tcp/$(address_of "$host")/443" || fail "$host: no server"
done

# A container on h1, with an address and a server like the database's.
on h1 ip netns add box
for command in "link set lo up" "address add 10.99.0.1/32 dev lo"; do
    # shellcheck disable=SC2086
    on h1 ip -n box $command
done
LAB=$LAB/box on h1 bash -c "ip netns exec box /usr/bin/python3 $peer serve 5432 & sleep 1000" &
within 10 on h1 ip netns exec box bash -c 'exec 3<>/dev/tcp/10.99.0.1/5432' || fail "no server in the container"
on h1 ip netns exec box /usr/bin/python3 "$peer" connect boxed 10.99.0.1 5432 &
seen_at boxed $LAB/box/served/5432/10.99.0.1

all_to_database=(boxed) others=() users=()
for host in "${hosts[@]}"; do
    for number in 1 2 3; do
        open_from "$host" "db-$host-$number" 10.99.0.1 5432
        all_to_database+=("db-$host-$number")
    done
    open_from "$host" "other-$host" 10.99.0.1 8080
    open_from "$host" "other6-$host" fd99::1 5432
    open_from here "user-$host-1" "$(address_of "$host")" 443 $LAB/"$host"
    open_from here "user-$host-2" "fd99::1${host#h}" 443 $LAB/"$host"
    others+=("other-$host" "other6-$host")
    users+=("user-$host-1" "user-$host-2")
done
living=("${all_to_database[@]}" "${others[@]}" "${users[@]}")

# A value is never language, nor an option.
cat >$LAB/hostile.yml <<'END'
- hosts: h1
  become: true
  gather_facts: false
  vars:
    values: ["", " ", "0.0.0.0/0 or src 0.0.0.0/0", "10.99.0.1 or port gt 0", "* or state all", "--listeners", "--own-session", "--", "-",
      ")", "!", "@x", "10.99.0.1\nor port gt 0", "['state', 'all']", "{'a': 1}", "état"]
  tasks:
    - tcpentry.tcpentry.delete:
        filter: [dst, "{{ item }}"]
      loop: "{{ values }}"
      ignore_errors: true
      register: as_address
    - tcpentry.tcpentry.delete:
        filter: [sport, "{{ item }}"]
      loop: "{{ values }}"
      ignore_errors: true
      register: as_port
    - tcpentry.tcpentry.delete:
        filter: [process, "{{ item }}"]
      loop: "{{ values }}"
      ignore_errors: true
      register: as_process
    - tcpentry.tcpentry.delete: "{{ item }}"
      loop:
        - {}
        - {filter: ""}
        - {filter: []}
        - {filter: [[dst, 10.99.0.1]]}
        - {filter: [not, true]}
        - {filter: "--listeners"}
        - {filter: ["--yes"]}
        - {filter: ["10.99.0.11:443", "10.99.0.1:1"]}
        - {local: state, peer: established}
        - {local: dst, peer: 10.99.0.1}
        - {local: "(", peer: ")"}
        - {local: --yes, peer: "1.2.3.4:5"}
        - {local: "10.99.0.11:443"}
        - {id: ""}
        - {id: "-"}
        - {id: "--all"}
        - {id: "1/a\n2/b"}
        - {filter: dst 10.99.0.1, local: "1.2.3.4:5", peer: "1.2.3.4:6"}
        - {filter: dst 10.99.0.1, netns: [--own-session]}
        - {filter: dst 10.99.0.1, rate: 1/s --own-session}
        - {filter: dst 10.99.0.1, spread: --own-session}
        - {filter: dst 10.99.0.1, sample: "-1"}
        - {filter: dst 10.99.0.1, max: "0 --own-session"}
        - {filter: dst 10.99.0.1, max: -1}
        - {filter: dst 10.99.0.1, report: -1}
        - {filter: dst @x, sets: {"x=/a": /dev/null}}
        - {filter: dst @x, sets: {x: "-"}}
        - {filter: dst @x, sets: {--own-session: /dev/null}}
        - {filter: dst 10.99.0.1, program: /bin/echo}
        - {filter: dst 10.99.0.1, program: /nowhere}
      ignore_errors: true
      register: as_parameters
    - assert:
        that:
          - not (as_address.results + as_port.results + as_process.results + as_parameters.results) | selectattr('changed') | list
          - as_address.results | rejectattr('failed') | list | length == 0
          - as_port.results | rejectattr('failed') | list | length == 0
          - as_parameters.results | rejectattr('failed') | list | length == 0
END
ansible-playbook $LAB/hostile.yml >$LAB/play 2>&1 || fail "hostile values"
all_live "${living[@]}"
say "hostile values: $(grep -c ^failed $LAB/play) refused, $(grep -c '^ok.*item' $LAB/play) taken as names that no process has; every connection lives"

# One host: what is looked for, refused, previewed, reported.
to_database='"filter": ["dst", "10.99.0.1", "dport", 5432]'
task h1 info "{$to_database, \"all_netns\": true, \"details\": [\"process\"]}"
result_is 'called == "SUCCESS" and not r["changed"] and r["matched"] == 4 and r["complete"] and r["states"] == {"established": 4}'
result_is '{row["processes"][0]["name"] for row in r["connections"]} == {"python3"}'
task h1 info '{"need": "all"}'
result_is 'called == "SUCCESS" and r["exit_code"] == 0 and r["checks"][-1]["check"] == "need"'
# What a process outside of this pid namespace may hold is not seen from it.
task h1 info '{"need": "all-netns"}'
result_is 'called == "FAILED" and r["exit_code"] == 4 and "pid namespace" in r["msg"]'
task h1 info '{"need": "all", "program": "tcpentry"}' -e ansible_become=false
result_is 'called == "FAILED" and r["exit_code"] == 4 and "not" in r["msg"]'
say "info need=all, without become: $(/usr/bin/python3 -c 'import json; print(json.loads(open("'$LAB'/result").read().partition(" => ")[2])["msg"])')"
task h1 info '{"filter": "not process nobody", "max": 100}' -e ansible_become=false
result_is 'called == "FAILED" and not r["complete"] and "not all could be seen" in r["msg"]'
task h1 delete '{"filter": "not process nobody"}' -e ansible_become=false
result_is 'called == "FAILED" and r["exit_code"] == 4 and r["matched"] == 0'
say "what can't be seen: info with max fails, delete refuses"

task h1 delete "{$to_database, \"max\": 2}"
result_is 'called == "FAILED" and r["exit_code"] == 3 and not r["changed"] and r["matched"] == 0 and "more than --max 2" in r["msg"]'
all_live "${living[@]}"
say "max: 3 match, more than 2: failed, and every connection lives"

task h1 delete "{$to_database}" --check
result_is 'called == "CHANGED" and r["exit_code"] == 0 and r["counts"]["deleted"] == 3 and all(row["dry_run"] for row in r["connections"])'
task h1 delete '{"filter": "dport 1"}' --check
result_is 'called == "SUCCESS" and not r["changed"] and r["exit_code"] == 1'
task h1 delete '{"filter": "dport 1"}'
result_is 'called == "SUCCESS" and not r["changed"] and r["exit_code"] == 1 and r["matched"] == 0'
task h1 delete '{"local": "10.99.0.11:1", "peer": "10.99.0.1:1"}'
result_is 'called == "SUCCESS" and not r["changed"] and r["exit_code"] == 1 and r["counts"]["gone"] == 1'
task h1 delete '{"local": "0.0.0.0:443", "peer": "0.0.0.0:*"}'
result_is 'called == "FAILED" and r["exit_code"] == 3 and r["counts"]["guarded"] == 1'
say "check mode is the dry run; nothing that matches is no change, and no failure; a listener is refused"

# The session of the task itself, and another one.
task h1 delete '{"filter": "sport 22"}'
result_is 'called == "FAILED" and r["exit_code"] == 3 and r["counts"]["guarded"] == 1 and not r["changed"]'
task h1 delete '{"filter": "sport 22"}' -B 60 -P 1
result_is 'called == "FAILED" and r["exit_code"] == 3 and r["counts"]["deleted"] == 0 and r["counts"]["guarded"] >= 1'
ssh -F none -i $LAB/key -o UserKnownHostsFile=$LAB/known_hosts ops@10.99.0.11 'echo; exec sleep 1000' >$LAB/second 2>&1 &
second=$!
within 10 test -s $LAB/second
task h1 delete '{"filter": "sport 22", "report": 1}'
result_is 'called == "FAILED" and r["exit_code"] == 6 and r["counts"]["guarded"] == 1 and r["counts"]["deleted"] == 1 and r["changed"]'
result_is 'r["truncated"] and [row["guard"] for row in r["connections"]] == ["own-session"]'
! wait $second || fail "the second session lives"
task h1 info '{"filter": "sport 22", "max": 1}'
result_is 'called == "SUCCESS" and r["matched"] == 1'
say "own session: spared, also with async; another one is ended, and the task fails as the program does (6)"

# Many: the report is capped, the counts are not; an identity names one socket.
on h1 /usr/bin/python3 -c '
import socket, time
listener = socket.create_server(("127.0.0.1", 9000), backlog=1000)
held = [socket.create_connection(("127.0.0.1", 9000)) for _ in range(600)]
time.sleep(1000)' &
within 20 bash -c "[ \$(nsenter --all -t ${inside[1]} ss -Htn dport = :9000 | wc -l) = 600 ]"
task h1 info '{"filter": "dport 9000", "report": 2}'
result_is 'r["matched"] == 600 and r["truncated"] and len(r["connections"]) == 2'
id=$(/usr/bin/python3 -c 'import json; print(json.loads(open("'$LAB'/result").read().partition(" => ")[2])["connections"][1]["id"])')
task h1 delete "{\"id\": \"$id\"}"
result_is 'called == "CHANGED" and r["matched"] == 1 and r["connections"][0]["id"] == "'"$id"'"'
task h1 delete "{\"id\": [\"$id\"]}"
result_is 'called == "SUCCESS" and r["counts"]["gone"] == 1'
task h1 delete '{"filter": "dport 9000", "sample": "10%", "rate": "1000/s", "report": 0}'
result_is 'called == "CHANGED" and r["counts"]["deleted"] == 60 and r["connections"] == [] and r["truncated"]'
task h1 delete '{"filter": "dport 9000", "report": 10}'
result_is 'r["counts"]["deleted"] == 539 and len(r["connections"]) == 10 and r["truncated"]'
all_live "${living[@]}"
say "600 connections of one host: one by its identity, a sample of 60, the other 539; 10 of them in the report"

# The three playbooks, on three hosts. First what they would do.
play end_database "${database[@]}" --check --diff || fail "end_database --check"
[ "$(grep -c '^-established .* 10.99.0.1:5432' $LAB/play)" = 10 ] || fail "end_database --check --diff does not show them"
grep -q '^+established' $LAB/play && fail "end_database --check --diff shows some that stay"
[ "$(grep -c 'changed=1 .*failed=0' $LAB/play)" = 3 ] || fail "end_database --check"
all_live "${living[@]}"
say "end_database --check --diff, 3 hosts, 10 connections: ${took} s; the difference is shown, every connection lives"
play prove "${database[@]}" && fail "prove: connections are left, and it did not say so"
[ "$(grep -c 'match, more than 0' $LAB/play)" = 3 ] || fail "prove: no reason"
say "prove, before: fails on 3 hosts with their numbers, ${took} s"

play end_database "${database[@]}" || fail "end_database"
[ "$(grep -c 'changed=1 .*failed=0' $LAB/play)" = 3 ] || fail "end_database"
all_ended "${all_to_database[@]}"
all_live "${others[@]}" "${users[@]}"
say "end_database, 3 hosts, 10 connections, one in a container: ${took} s; both ends of each know, the others live"
play prove "${database[@]}" || fail "prove"
say "prove, after: ok on 3 hosts, ${took} s"
play end_database "${database[@]}" || fail "end_database again"
[ "$(grep -c 'changed=0 .*failed=0' $LAB/play)" = 3 ] || fail "end_database again: something changed"
grep WARNING $LAB/play | grep -qv "playbook inside collection" && fail "end_database again: it warns"
say "end_database again: nothing changed, ${took} s"

play drain -e spread=1s || fail "drain"
all_ended "${users[@]}"
all_live "${others[@]}"
before=0
for host in "${hosts[@]}"; do
    for name in user-$host-1 user-$host-2; do
        awk "BEGIN { exit !($(end_of "$name") > $before) }" || fail "drain: $name ended before the host before was done"
    done
    before=$(printf '%s\n' "$(end_of "user-$host-1")" "$(end_of "user-$host-2")" | sort -n | tail -n 1)
done
say "drain, 3 hosts, 2 clients each, serial 1: ${took} s; one host after the other"
for host in "${hosts[@]}"; do
    open_from here "later-$host" "$(address_of "$host")" 443 $LAB/"$host"
done
say "drain: the listeners take new clients"
