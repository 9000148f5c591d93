# Hosts that are reached by ssh, for tests that source it after lib.sh: each has an sshd, and processes and names of network
# namespaces of its own. A test defines `hosts` (h1, h2 ...) and `address_of`, which prints the address of one.

# Writes what the package of sshd writes at its installation, and the keys: both are checked, as everywhere.
prepare_ssh() {
    mkdir -p "$HOME" /run/sshd
    touch /run/utmp /var/log/wtmp /var/log/lastlog
    getent passwd sshd >/dev/null || useradd -r -d /run/sshd -s /usr/sbin/nologin sshd
    ssh-keygen -q -t ed25519 -N '' -f $LAB/host_key
    ssh-keygen -q -t ed25519 -N '' -f $LAB/key
    chmod 755 $LAB
    install -m 644 $LAB/key.pub $LAB/authorized_keys
    cat >$LAB/sshd_config <<END
HostKey $LAB/host_key
AuthorizedKeysFile $LAB/authorized_keys
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
END
    local host
    for host in "${hosts[@]}"; do
        printf '%s %s\n' "$(address_of "$host")" "$(cat $LAB/host_key.pub)" >>$LAB/known_hosts
    done
}

# Creates the network of the hosts, with this one at 10.99.0.1.
make_lan() {
    local host
    ip link add name lan type bridge
    ip address add 10.99.0.1/16 dev lan
    ip link set lan up
    for host in "${hosts[@]}"; do
        ip netns add "$host"
        ip link add "$host" master lan type veth peer name eth0 netns "$host"
        ip link set "$host" up
        ip -n "$host" address add "$(address_of "$host")/16" dev eth0
        ip -n "$host" link set eth0 up
        ip -n "$host" link set lo up
    done
}

# Starts the hosts.
start_hosts() {
    local host
    inside=()
    for host in "${hosts[@]}"; do
        start_host "$host"
    done
}

start_host() {
    log "$LAB/sshd.$1"
    ip netns exec "$1" unshare -p -f -m -u --mount-proc --kill-child bash -c "
        hostname $1
        mount -t tmpfs tmpfs /run/netns
        exec /usr/sbin/sshd -D -e -f $LAB/sshd_config" 2>"$LAB/sshd.$1" &
    local outer=$!
    within 10 grep -q . /proc/$outer/task/$outer/children || fail "$1: not started"
    inside[${1#h}]=$(tr -d ' ' </proc/$outer/task/$outer/children)
    within 10 bash -c "exec 3<>/dev/tcp/$(address_of "$1")/22" || fail "$1: no sshd"
}

# Runs a command on a host: on HOST COMMAND...
on() { nsenter --all -t "${inside[${1#h}]}" -- "${@:2}"; }
