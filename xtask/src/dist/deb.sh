# Installs the Debian packages in a fresh tree, uses them as README.md says, upgrades, removes and purges them.
# /new and /old have the packages of this version and of one before, /test the commands of README.md.
set -euo pipefail

fail() { echo "FAILED: $*"; exit 1; }
step() { echo "== $*"; }

# Runs a command, shows what it prints, and keeps it in $said.
says() {
    echo "\$ $*"
    said=$("$@" 2>&1) || { code=$?; echo "$said"; fail "exit code $code"; }
    echo "$said"
}
has() { grep -qF -- "$1" <<<"$said" || fail "no '$1'"; }
lacks() { ! grep -qF -- "$1" <<<"$said" || fail "there is '$1'"; }

# Prints every file that is ours, less what man-db made of it.
ours() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /test -o -path /var/cache/man -o -path /var/lib/dpkg \) -prune \
        -o \( -iname '*tcpentry*' -o -iname '*iphlpapi*' -o -name 'guard.d*' \) -print
}

[ -z "$(ours)" ] || fail "the tree has files of ours: $(ours)"
! command -v cargo rustc || fail "the tree has Rust"

step "install one package, as README.md says"
begun=$SECONDS
cd /new
says apt-get install -y --no-install-recommends ./tcpentry_*_amd64.deb
says tcpentry --version
says dpkg -V tcpentry
getent passwd tcpentry || fail "no user for the service"
[ ! -e /etc/systemd/system/multi-user.target.wants/tcpentry-guard.service ] || fail "the service is enabled"
says systemd-analyze verify --man=no tcpentry-guard.service
says tcpentry guard check --config /usr/share/doc/tcpentry/examples/guard.d
says apparmor_parser -Q -K -T /usr/share/doc/tcpentry/examples/apparmor/tcpentry-guard
[ -x /usr/lib/ocf/resource.d/tcpentry/tcpentry ] || fail "the agent can't be run"
[ -f /etc/fail2ban/action.d/tcpentry.conf ] || fail "no action for fail2ban"

step "a stuck connection"
ip address add 10.0.0.5/32 dev lo
ip address add 10.0.0.9/32 dev lo
nc -lk 10.0.0.9 5432 >/dev/null &
sleep 1
for port in 41812 41830; do
    sleep 1000 | nc -s 10.0.0.5 -p $port 10.0.0.9 5432 >/dev/null &
done
sleep 1
mapfile -t commands </test/stuck
for i in 0 1 2 3; do
    says sh -c "${commands[$i]}"
    case $i in
    0) has 10.0.0.5:41812; has 10.0.0.5:41830; has ' nc' ;;
    1) has 'dry run: nothing was deleted' ;;
    2) has deleted; has 10.0.0.5:41812; took=$((SECONDS - begun)) ;;
    3) lacks 10.0.0.5:41812; has 10.0.0.5:41830 ;;
    esac
done
step "from the package to a deleted connection: $took s"
[ "$took" -lt 60 ] || fail "that is more than a minute"
says tcpentry demo

step "manuals and completions"
for page in tcpentry tcpentry-guard guard.d; do says man -w $page; done
says bash -c '. /usr/share/bash-completion/bash_completion
    { _load_completion tcpentry || __load_completion tcpentry; } >/dev/null 2>&1; complete -p tcpentry'
has tcpentry
says zsh -c 'autoload -U compinit && compinit -D && echo $_comps[tcpentry]'
has _tcpentry
says fish -c 'complete -C "tcpentry del"'
has delete

step "the C library"
says apt-get install -y --no-install-recommends ./libiphlpapi1_*_amd64.deb ./libiphlpapi-dev_*_amd64.deb
says dpkg -V libiphlpapi1 libiphlpapi-dev
for page in SetTcpEntry SetTcp6Entry GetExtendedTcpTable; do says man -w 3 $page; done
ldconfig -p | grep libiphlpapi.so.1 || fail "the loader does not know it"
cd /root
says sh -c 'gcc -Wall -Werror /test/closeconn.c -o shared $(pkg-config --cflags --libs iphlpapi) && ./shared'
# No function of the library looks up a user: a static program of glibc would die of this.
sed -i 's/^passwd:.*/passwd: files systemd/' /etc/nsswitch.conf
says sh -c 'gcc -static /test/closeconn.c -o static $(pkg-config --static --cflags --libs iphlpapi) 2>/dev/null && ./static'
# With all that is exported, and all that this reaches, there is no look-up left.
all=$(sed -n 's/^ \([A-Za-z0-9_]*\)@.*/-Wl,-u,\1/p' /var/lib/dpkg/info/libiphlpapi1:amd64.symbols)
says sh -c "gcc -static -Wl,--gc-sections $(echo $all) /test/closeconn.c -o static \$(pkg-config --static --cflags --libs iphlpapi) 2>/dev/null && ./static"
nm static >names
grep -q SetTcp6Entry names || fail "the linker has left out the library"
! grep -E ' [TW] get(pw|gr)(nam|uid|gid|ent)' names || fail "the library looks up users"

says apt-get install -y --no-install-recommends /new/libiphlpapi-dll_*_amd64.deb
says dpkg -V libiphlpapi-dll
says sh -c 'gcc -Wall -Wextra -Werror -I/usr/include/tcpentry-windows /test/windows.c -o windows -liphlpapi && ./windows'

step "remove and purge"
says dpkg --remove tcpentry libiphlpapi-dll libiphlpapi1 libiphlpapi-dev
[ -f /etc/fail2ban/action.d/tcpentry.conf ] || fail "a removal takes what only a purge may"
[ -z "$(ldconfig -p | grep iphlpapi)" ] || fail "the loader still knows it"
says dpkg --purge tcpentry libiphlpapi-dll libiphlpapi1 libiphlpapi-dev
[ -z "$(ours)" ] || fail "a purge leaves $(ours)"

step "upgrade"
says dpkg -i /old/*.deb
echo '# mine' >>/etc/fail2ban/action.d/tcpentry.conf
printf '[rule.mine]\nevery = "30s"\ndelete = "state close-wait process java"\n' >/etc/tcpentry/guard.d/10-mine.toml
mkdir -p /var/lib/tcpentry && touch /var/lib/tcpentry/guard-bans
says dpkg -i /new/*_amd64.deb
says dpkg-query -W tcpentry libiphlpapi1 libiphlpapi-dll libiphlpapi-dev
lacks '~0'
tail -1 /etc/fail2ban/action.d/tcpentry.conf | grep -qx '# mine' || fail "an upgrade takes the administrator's words"
says tcpentry guard check
says dpkg --purge tcpentry libiphlpapi-dll libiphlpapi1 libiphlpapi-dev
[ ! -e /var/lib/tcpentry ] || fail "a purge leaves the service's state"
[ "$(ours)" = /etc/tcpentry/guard.d ] || [ "$(ours | sort | tr '\n' ' ')" = "/etc/tcpentry /etc/tcpentry/guard.d " ] ||
    fail "a purge leaves $(ours)"
[ -f /etc/tcpentry/guard.d/10-mine.toml ] || fail "a purge takes the administrator's rules"
step passed
