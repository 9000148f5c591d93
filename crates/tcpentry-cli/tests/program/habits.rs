//! Habits of people who come from `ss`, `netstat`, `lsof`, `kill` and others: what they type is understood, or answered
//! with commands that work. Each is typed into a real shell, and so is each command that an answer shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tcpentry_testkit::isolated;
use tcpentry_testkit::named::Named;
use tcpentry_testkit::tcp;

use crate::util::{ELSEWHERE, Run};

/// The expectation of a habit.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// It lists the connection, or selects it for a deletion.
    Finds,
    /// It is understood, and is not about the connection.
    Works,
    /// It is answered with commands, and the first of them finds the connection.
    Answered,
    /// It is answered with commands that work.
    Hinted,
    /// It is answered with commands, and this is at the end of the first of them.
    HintedAs(&'static str),
    /// It is answered in words, with this among them.
    Says(&'static str),
    /// It is answered in words, with this among them, and without a command.
    SaysAlone(&'static str),
    /// It prints this first.
    Prints(&'static str),
}

use Expected::{Answered, Finds, Hinted, HintedAs, Prints, Says, SaysAlone, Works};

/// A habit as it stands in a shell, with the ends of the connection as {c} and {s}, their ports as {cp} and {sp}, and the
/// process that holds {c} as {pid}; the ports of one over IPv6 are {c6} and {s6}.
#[rustfmt::skip]
const HABITS: &[(&str, Expected)] = &[
    // ss: what it lists.
    ("tcpentry -t", Finds),
    ("tcpentry -n", Finds),
    ("tcpentry -tn", Finds),
    ("tcpentry -ntp", Finds),
    ("tcpentry -tnp", Finds),
    ("tcpentry -tan", Finds),
    ("tcpentry -tnH", Finds),
    ("tcpentry -H", Finds),
    ("tcpentry --tcp --numeric", Finds),
    ("tcpentry --tcp --all --processes", Finds),
    ("tcpentry -tln", Works),
    ("tcpentry -tlnp", Works),
    ("tcpentry -tulpn", Works),
    ("tcpentry -4tn", Finds),
    ("tcpentry -tn6", Works),
    ("tcpentry -tO state established", Finds),
    ("tcpentry -tn state established '( sport = :{sp} or dport = :{sp} )'", Finds),
    ("tcpentry -tn dst 127.0.0.1:{sp}", Finds),
    ("tcpentry -n sport = :{cp}", Finds),
    ("tcpentry -o state established", Answered),
    ("tcpentry -ton dport = :{sp}", Answered),
    ("tcpentry -e", Answered),
    ("tcpentry -m", Answered),
    ("tcpentry -r", Answered),
    ("tcpentry -s", Answered),
    ("tcpentry -tr dst 127.0.0.1", Answered),
    ("tcpentry -tinmoe", Answered),
    ("tcpentry --extended", Answered),
    ("tcpentry --options --memory", Answered),
    ("tcpentry --resolve", Answered),
    ("tcpentry --summary", Answered),
    ("tcpentry --cgroup", Answered),
    ("tcpentry -B", Hinted),
    ("tcpentry -Z", Answered),
    ("tcpentry -b", Hinted),
    ("tcpentry -E", Answered),
    ("tcpentry -x", Answered),
    ("tcpentry -w", Answered),
    ("tcpentry --udp", Answered),
    ("tcpentry -A tcp", Answered),
    ("tcpentry -f inet", Answered),
    ("tcpentry --family=inet state established", Answered),
    ("tcpentry -F filter.txt", Answered),
    ("tcpentry ss -tnp", Answered),
    // ss: what it ends.
    ("tcpentry -K dst 127.0.0.1 dport = :{sp}", Answered),
    ("tcpentry -K dport = {sp}", Answered),
    ("tcpentry -tK dst 127.0.0.1:{sp}", Answered),
    ("tcpentry --kill dport = :{sp}", Answered),
    ("tcpentry -K", Hinted),
    ("tcpentry -K '[127.0.0.1]'", Answered),
    ("tcpentry -K dst '[127.0.0.1]'", Answered),
    ("tcpentry ss -K dst 127.0.0.1", Answered),
    ("tcpentry delete -n dst '[127.0.0.1]:{sp}'", Finds),
    ("tcpentry kill -tn dport = :{sp}", Finds),
    ("tcpentry delete -n -K dport = :{sp}", Answered),
    // Filters.
    ("tcpentry dport in {sp},443", Answered),
    ("tcpentry 'dport in {sp},443'", Answered),
    ("tcpentry dport in {sp}", Answered),
    ("tcpentry dport {sp},443", Answered),
    ("tcpentry dport = {sp},443", Answered),
    ("tcpentry delete -n dport = :{sp},:443", Answered),
    ("tcpentry sport 1024-65535", Answered),
    ("tcpentry sport = :1024:65535", Answered),
    ("tcpentry dst 127.0.0.0/255.0.0.0", Finds),
    ("tcpentry delete -n dst 127.0.0.0/255.255.255.0", Finds),
    ("tcpentry src 127.0.0.0/0.255.255.255", Answered),
    ("tcpentry peer 127.0.0.1:{sp}", Answered),
    ("tcpentry local 127.0.0.1:{cp}", Answered),
    ("tcpentry remote 127.0.0.1", Answered),
    ("tcpentry source 127.0.0.1 rport {sp}", Answered),
    ("tcpentry delete -n peer 127.0.0.1 peerport {sp}", Answered),
    ("tcpentry daddr 127.0.0.1", Answered),
    ("tcpentry net 127.0.0.0/8", Answered),
    ("tcpentry src host 127.0.0.1 and dst port {sp}", Answered),
    ("tcpentry tcp port {sp}", Answered),
    ("tcpentry tcp and port {sp}", Answered),
    ("tcpentry dport = :{sp} and state established", Answered),
    ("tcpentry dport {sp} state established", Answered),
    ("tcpentry state established and dport = :{sp}", Answered),
    ("tcpentry state ESTABLISHED", Finds),
    ("tcpentry state estab,syn-sent", Answered),
    ("tcpentry established", Answered),
    ("tcpentry ESTAB", Answered),
    ("tcpentry port {sp} established", Answered),
    ("tcpentry prot {sp}", Answered),
    ("tcpentry dst = any", Answered),
    ("tcpentry dst 127.0", Answered),
    ("tcpentry dport = 127.0.0.1", Answered),
    ("tcpentry dport {sp}/tcp", Answered),
    ("tcpentry dst 127.0.0.1.{sp}", Answered),
    ("tcpentry 'sport => 1024'", Answered),
    ("tcpentry sport => 1024", Says("quote the filter")),
    ("tcpentry command habitual", Answered),
    ("tcpentry src ::1", Hinted),
    // One end, one number, one name.
    ("tcpentry 127.0.0.1", Answered),
    ("tcpentry 127.0.0.1:{sp}", Answered),
    ("tcpentry :{sp}", Answered),
    ("tcpentry {sp}", Answered),
    ("tcpentry tcp:{sp}", Answered),
    ("tcpentry habitual", Answered),
    ("tcpentry localhost", Answered),
    ("tcpentry {c} {s}", Answered),
    ("tcpentry delete {sp}", Answered),
    ("tcpentry delete :{sp}", Answered),
    ("tcpentry delete {sp}/tcp", Answered),
    ("tcpentry delete 127.0.0.1", Answered),
    ("tcpentry delete '[127.0.0.1]'", Answered),
    ("tcpentry delete '[127.0.0.1]:{sp}'", Answered),
    ("tcpentry delete ::1", Hinted),
    ("tcpentry delete 127.0.0.0/8", Answered),
    ("tcpentry delete '*'", Answered),
    ("tcpentry delete '*:*'", Answered),
    ("tcpentry delete '*' '*'", Answered),
    ("tcpentry delete '*:*' '*:*'", Answered),
    ("tcpentry delete {c} '*:*'", Answered),
    ("tcpentry delete {c} {sp}", Answered),
    ("tcpentry delete {cp} {s}", Answered),
    ("tcpentry delete {cp} {sp}", Answered),
    ("tcpentry delete {c} 8", Hinted),
    ("tcpentry dst {sp}", Answered),
    ("tcpentry dst 8", Hinted),
    ("tcpentry delete all", Answered),
    ("tcpentry delete habitual", Answered),
    ("tcpentry delete localhost", Answered),
    ("tcpentry delete established", Answered),
    ("tcpentry delete localhost:{cp} localhost:{sp}", Answered),
    ("tcpentry delete", Hinted),
    // Both ends, as tools print them.
    ("tcpentry delete -n {c} {s}", Finds),
    ("tcpentry delete -n '{c} {s}'", Finds),
    ("tcpentry delete -n '{c}->{s}'", Finds),
    ("tcpentry delete -n {c}->{s}", Answered),
    ("tcpentry delete -n '[127.0.0.1]:{cp}' '[127.0.0.1]:{sp}'", Finds),
    ("tcpentry delete -n 127.0.0.1.{cp} 127.0.0.1.{sp}", Finds),
    ("tcpentry delete -n ::1.{c6} ::1.{s6}", Works),
    ("tcpentry delete -n ::1:{c6} ::1:{s6}", Hinted),
    ("tcpentry delete -n 127.0.0.1 {cp} 127.0.0.1 {sp}", Finds),
    ("tcpentry delete -n ESTAB 0 0 {c} {s}", Finds),
    ("tcpentry delete -n 'ESTAB 0      0         {c}     {s}   users:((\"a\",pid=1,fd=3))'", Finds),
    ("tcpentry delete -n tcp ESTAB 0 0 {c} {s}", Finds),
    ("tcpentry delete -n tcp 0 0 {c} {s} ESTABLISHED", Finds),
    ("tcpentry delete -n tcp 0 0 {c} {s} ESTABLISHED 123/nginx", Finds),
    ("tcpentry delete -n tcp6 0 0 ::1:{c6} ::1:{s6} ESTABLISHED", Works),
    ("tcpentry delete -n tcp4 0 0 127.0.0.1.{cp} 127.0.0.1.{sp} ESTABLISHED", Finds),
    ("tcpentry delete -n 'sh 9 root 3u IPv4 4711 0t0 TCP {c}->{s} (ESTABLISHED)'", Finds),
    ("tcpentry delete -n root sshd 123 3 tcp4 {c} {s}", Finds),
    ("tcpentry delete udp 0 0 {c} {s}", Says("not a TCP connection")),
    ("tcpentry ESTAB 0 0 {c} {s}", Answered),
    ("tcpentry tcp 0 0 {c} {s} ESTABLISHED", Answered),
    ("tcpentry delete tcp 6 431999 ESTABLISHED src=127.0.0.1 dst=127.0.0.1 sport={cp} dport={sp} src=1.1.1.1", Answered),
    // kill and its like.
    ("tcpentry kill {pid}", Answered),
    ("tcpentry kill -9 {pid}", Answered),
    ("tcpentry kill -15 {pid}", Answered),
    ("tcpentry kill -TERM {pid}", Answered),
    ("tcpentry kill -SIGKILL {pid}", Answered),
    ("tcpentry kill --signal 9 {pid}", Answered),
    ("tcpentry kill -9 habitual", Answered),
    ("tcpentry -9 {pid}", Hinted),
    ("tcpentry pkill habitual", Answered),
    ("tcpentry killall -9 habitual", Answered),
    ("tcpentry delete --pid {pid}", Answered),
    ("tcpentry delete --pid={pid}", Answered),
    ("tcpentry --pid {pid}", Answered),
    ("tcpentry -p {pid}", Answered),
    ("tcpentry delete --force {c} {s}", Answered),
    ("tcpentry delete -f dport = :{sp}", Answered),
    // killport, fuser, lsof, netstat, tcpdrop, tcpkill, conntrack.
    ("tcpentry killport {sp}", Answered),
    ("tcpentry --port {sp}", Answered),
    ("tcpentry delete --port {sp}", Answered),
    ("tcpentry delete --dport {sp} --src 127.0.0.1", Answered),
    ("tcpentry fuser -k {sp}/tcp", Answered),
    ("tcpentry fuser -k -n {sp}/tcp", Answered),
    ("tcpentry lsof -nP -iTCP:{sp} -sTCP:ESTABLISHED", Answered),
    ("tcpentry -nP -i:{sp}", Answered),
    ("tcpentry -i @127.0.0.1:{sp}", Answered),
    ("tcpentry -i@127.0.0.1:{sp}", Answered),
    ("tcpentry -i tcp:{sp}", Answered),
    ("tcpentry -i :{sp}", Answered),
    ("tcpentry -c habitual", Answered),
    ("tcpentry netstat -tnpW", Answered),
    ("tcpentry -tnW", Finds),
    ("tcpentry tcpdrop 127.0.0.1 {cp} 127.0.0.1 {sp}", Answered),
    ("tcpentry tcpkill -9 port {sp}", Answered),
    ("tcpentry tcpkill -i lo host 127.0.0.1 and port {sp}", Answered),
    ("tcpentry conntrack -D --dst 127.0.0.1", Answered),
    ("tcpentry conntrack -D -s 127.0.0.1 -d 127.0.0.1", Answered),
    ("tcpentry conntrack -D -s127.0.0.1 -d127.0.0.0/8", Answered),
    ("tcpentry conntrack -D -p tcp --dport {sp}", Answered),
    ("tcpentry conntrack -D -p tcp -s 127.0.0.1 --sport {cp} --dport {sp}", Answered),
    ("tcpentry conntrack -D -p tcp --orig-src 127.0.0.1 --orig-port-dst {sp}", Answered),
    ("tcpentry conntrack -D --orig-src=127.0.0.1 --orig-dst=127.0.0.1", Answered),
    ("tcpentry conntrack -D -f ipv4 -d 127.0.0.1", Answered),
    ("tcpentry conntrack -D -r 127.0.0.1", Answered),
    ("tcpentry conntrack -D --reply-src 127.0.0.1 --reply-port-src {sp}", Answered),
    ("tcpentry conntrack --delete --proto tcp --src 127.0.0.1", Answered),
    ("tcpentry conntrack -L", Answered),
    ("tcpentry conntrack -L -p tcp --dport {sp} --state ESTABLISHED", Answered),
    ("tcpentry conntrack -E -p tcp", Answered),
    ("tcpentry conntrack -F", Hinted),
    ("tcpentry delete -s 127.0.0.1 -d 127.0.0.1", Answered),
    ("tcpentry delete -d 127.0.0.0/8", Answered),
    ("tcpentry delete -d ::1", Hinted),
    ("tcpentry delete -p tcp --dport {sp}", Answered),
    ("tcpentry delete -p tcp --orig-src 127.0.0.1", Answered),
    ("tcpentry -s 127.0.0.1 -d 127.0.0.1", Answered),
    ("tcpentry -p tcp dport = :{sp}", Answered),
    ("tcpentry -tn -d 127.0.0.1", Answered),
    ("tcpentry -L", Answered),
    // Commands, misspelt or of others.
    ("tcpentry help", Works),
    ("tcpentry help delete", Works),
    ("tcpentry help delte", Hinted),
    ("tcpentry ls", Finds),
    ("tcpentry ls dport = :{sp}", Finds),
    ("tcpentry del -n {c} {s}", Finds),
    ("tcpentry rm -n dport = :{sp}", Finds),
    ("tcpentry remove {c} {s}", Answered),
    ("tcpentry delte port {sp}", Answered),
    ("tcpentry dlete {c} {s}", Answered),
    ("tcpentry kil {pid}", Answered),
    ("tcpentry lits", Answered),
    ("tcpentry lst port {sp}", Answered),
    ("tcpentry show", Answered),
    ("tcpentry docter", Hinted),
    ("tcpentry delete {c} {s} {c}", Answered),
    ("tcpentry delete {c} {s} src {c}", Answered),
    ("tcpentry delete {c} src {c}", Answered),
    ("tcpentry delete {c} {s} established sport = :{cp}", Hinted),
    ("tcpentry -aa -p -nn --process", Finds),
    ("tcpentry delete -nn -y --dry-run --yes port {sp}", Finds),
    ("tcpentry delete -n --max 1 --max 2 port {sp}", Says("--max is given twice")),
    ("tcpentry --jsn", Answered),
    ("tcpentry delete --dryrun {c} {s}", Finds),
    ("tcpentry delete --max few port {sp}", Says("--max takes a number")),
    ("tcpentry --frobnicate", Says("there is no option --frobnicate")),
    ("tcpentry doctor now", Says("`doctor` takes no arguments")),
    // What other tools mean by their options.
    ("tcpentry pkill -u root", HintedAs("-n user root")),
    ("tcpentry pkill -9 -u root habitual", HintedAs("user root process habitual")),
    ("tcpentry pkill -P 1", SaysAlone("selects connections by this")),
    ("tcpentry pkill --cgroup x habitual", SaysAlone("no command `pkill`")),
    ("tcpentry ban --pid 1", SaysAlone("`pid`")),
    ("tcpentry killall -s KILL habitual", Answered),
    ("tcpentry killall habitual other", HintedAs("'( process habitual or process other )'")),
    ("tcpentry conntrack -D -p 6 --dport {sp}", HintedAs("-n dport {sp}")),
    ("tcpentry conntrack -D -p 17 --dport {sp}", SaysAlone("selects connections by this")),
    ("tcpentry conntrack -D -m 1", SaysAlone("selects connections by this")),
    ("tcpentry conntrack -D -f ipv6 -d ::1", HintedAs("-n -6 'dst [::1]'")),
    ("tcpentry conntrack -D -p tcp --state TIME_WAIT --dport {sp}", HintedAs("state time-wait dport {sp}")),
    ("tcpentry tcpdrop -C cubic", SaysAlone("selects connections by this")),
    ("tcpentry tcpdrop -s ESTABLISHED", Answered),
    ("tcpentry delete -s 127.0.0.1 -p tcp --dport {sp} -j DROP", HintedAs("host 127.0.0.1 port {sp}")),
    ("tcpentry iptables -A INPUT -s 127.0.0.1 -p tcp --dport {sp} -j DROP", HintedAs("dst 127.0.0.1 sport {sp}")),
    ("tcpentry iptables -I OUTPUT -d 127.0.0.1 -p tcp --dport {sp} -j REJECT", Answered),
    ("tcpentry iptables -A INPUT -s 127.0.0.1 -m conntrack --ctstate NEW -j DROP", SaysAlone("no command `iptables`")),
    ("tcpentry --container web", HintedAs("tcpentry container web")),
    ("tcpentry --process habitual", Answered),
    ("tcpentry --user root", HintedAs("tcpentry user root")),
    ("tcpentry --container list", Finds),
    ("tcpentry --process dport = :{sp}", Finds),
    ("tcpentry -o json", Finds),
    ("tcpentry --output json", Finds),
    ("tcpentry --output=json dport = :{sp}", Finds),
    ("tcpentry top -d 2 --once", HintedAs("tcpentry top --interval=2s --once")),
    ("tcpentry --watch --once", HintedAs("tcpentry top --once")),
    ("tcpentry kill 123 {pid}", HintedAs("-n pid 123 or pid {pid}")),
    ("tcpentry kill 123 456 {pid}", Answered),
    ("tcpentry kill -s KILL {pid}", HintedAs("-n pid {pid}")),
    ("tcpentry kill -s 9 {pid}", HintedAs("-n pid {pid}")),
    ("tcpentry kill -0 {pid}", HintedAs("-n pid {pid}")),
    ("tcpentry kill -USR1 {pid}", HintedAs("-n pid {pid}")),
    ("tcpentry man", SaysAlone("man tcpentry")),
    ("tcpentry docker ps", SaysAlone("no command `docker`")),
    ("tcpentry docker web", HintedAs("container web")),
    ("tcpentry nft list ruleset", SaysAlone("no command `nft`")),
    ("tcpentry version", Prints("tcpentry ")),
    // Several of a kind.
    ("tcpentry port {sp} 443", HintedAs("'( port {sp} or port 443 )'")),
    ("tcpentry delete -n dport 443 {sp} 80", Answered),
    ("tcpentry dst 127.0.0.1 192.0.2.1", HintedAs("'( dst 127.0.0.1 or dst 192.0.2.1 )'")),
    ("tcpentry pid 123 {pid}", Answered),
    ("tcpentry user 00", HintedAs("tcpentry user 0")),
    // States.
    ("tcpentry delete close_wait", HintedAs("-n state close-wait")),
    ("tcpentry delete CLOSE_WAIT", HintedAs("-n state close-wait")),
    ("tcpentry delete TIME_WAIT", HintedAs("-n state time-wait")),
    ("tcpentry delete FIN_WAIT1", HintedAs("-n state fin-wait-1")),
    ("tcpentry CLOSE_WAIT", HintedAs("tcpentry state close-wait")),
    ("tcpentry dport {sp} TIME_WAIT", HintedAs("state time-wait dport {sp}")),
    ("tcpentry state=established", HintedAs("tcpentry state established")),
    ("tcpentry state = established", Answered),
    ("tcpentry 'state = established'", Answered),
    ("tcpentry state != time-wait", HintedAs("tcpentry exclude time-wait")),
    ("tcpentry delete -n state=established dport = :{sp}", Answered),
    // With a colon, or glued.
    ("tcpentry dport:{sp}", HintedAs("tcpentry dport {sp}")),
    ("tcpentry delete dport:{sp}", HintedAs("-n dport {sp}")),
    ("tcpentry state:established", Answered),
    ("tcpentry delete state:established", Answered),
    ("tcpentry pid:{pid}", Answered),
    ("tcpentry port={sp}", Finds),
    ("tcpentry delete -n port={sp}", Finds),
    ("tcpentry dports {sp}", HintedAs("tcpentry dport {sp}")),
    ("tcpentry sports {cp}", Answered),
    // Addresses, times.
    ("tcpentry dst '127.*'", HintedAs("tcpentry dst 127/8")),
    ("tcpentry dst '127.0.*'", HintedAs("tcpentry dst 127.0/16")),
    ("tcpentry dst 127.0.0.1,192.0.2.1", HintedAs("'( dst 127.0.0.1 or dst 192.0.2.1 )'")),
    ("tcpentry dst != 127.0.0.1,192.0.2.1", HintedAs("'not ( dst 127.0.0.1 or dst 192.0.2.1 )'")),
    ("tcpentry dst 127.0.0.0-127.0.0.255", HintedAs("tcpentry dst 127.0.0.0/24")),
    ("tcpentry dst 127.0.0.1-127.0.0.2", HintedAs("'( dst 127.0.0.1 or dst 127.0.0.2 )'")),
    ("tcpentry dst 127.0.0.1-3", HintedAs("'( dst 127.0.0.1 or dst 127.0.0.2/31 )'")),
    ("tcpentry idle 10m", HintedAs("tcpentry idle gt 10m")),
    ("tcpentry idle gt 600", HintedAs("tcpentry idle gt 600s")),
    ("tcpentry idle gt 10min", HintedAs("tcpentry idle gt 10m")),
    ("tcpentry rtt gt 200", HintedAs("tcpentry rtt gt 200ms")),
    // lsof, fuser, killport, and what Windows has.
    ("tcpentry lsof -i TCP:{sp}", Answered),
    ("tcpentry lsof -ti:{sp}", Answered),
    ("tcpentry lsof -i tcp@127.0.0.1:{sp}", HintedAs("host 127.0.0.1:{sp}")),
    ("tcpentry -i TCP:{sp}", Answered),
    ("tcpentry fuser -k -n tcp {sp}", HintedAs("-n port {sp}")),
    ("tcpentry fuser -kn tcp {sp}", HintedAs("-n port {sp}")),
    ("tcpentry fuser {sp}/tcp", HintedAs("tcpentry port {sp}")),
    ("tcpentry killport -s SIGTERM {sp}", HintedAs("-n port {sp}")),
    ("tcpentry killport {sp} 443", Answered),
    ("tcpentry taskkill /PID {pid} /F", HintedAs("-n pid {pid}")),
    ("tcpentry taskkill /F /IM habitual", Answered),
    ("tcpentry Get-NetTCPConnection -LocalPort {sp} -State Established", HintedAs("state established sport {sp}")),
    ("tcpentry Get-NetTCPConnection -State CloseWait", HintedAs("tcpentry state close-wait")),
    ("tcpentry /close 127.0.0.1 {cp} 127.0.0.1 {sp}", HintedAs("-n src {c} dst {s}")),
    ("tcpentry /close '*' '*' 127.0.0.1 {sp}", HintedAs("-n dst {s}")),
    ("tcpentry /close '*' {cp} '*' '*' habitual", HintedAs("-n sport {cp} process habitual")),
    ("tcpentry cutter 127.0.0.1 {sp}", HintedAs("-n host {s}")),
    ("tcpentry cutter 127.0.0.1 {sp} 127.0.0.1 {cp}", Answered),
    // Both ends.
    ("tcpentry delete -n '{c} -> {s}'", Finds),
    ("tcpentry delete -n {c} '->' {s}", Finds),
    ("tcpentry delete -n {c} to {s}", Finds),
    ("tcpentry delete -n from {c} to {s}", Finds),
    ("tcpentry delete -n {c}, {s}", Finds),
    ("tcpentry {c} to {s}", Answered),
    ("tcpentry delete '127.0.0.1.{cp} > 127.0.0.1.{sp}'", HintedAs("-n host {c} host {s}")),
    ("tcpentry delete '12:00:00.1 IP 127.0.0.1.{cp} > 127.0.0.1.{sp}: Flags [.]'", HintedAs("-n host {c} host {s}")),
    ("tcpentry delete -n 'sh 9 root 3u IPv4 4711 0t0 TCP localhost:{cp}->localhost:{sp} (ESTABLISHED)'", Answered),
    ("tcpentry delete 'sh 9 root 3u IPv4 4711 0t0 TCP 127.0.0.1:{sp} (LISTEN)'", Hinted),
    ("tcpentry 'sh 9 root 3u IPv4 4711 0t0 TCP *:{sp} (LISTEN)'", HintedAs("tcpentry -l sport {sp}")),
];

#[test]
fn a_habit_is_understood_or_answered_with_a_command_that_works() {
    assert!(HABITS.len() >= 120);
    isolated(|| {
        let stage = Stage::new();
        let mut failures = Vec::new();
        for (habit, expected) in HABITS {
            if let Err(failure) = stage.check(&stage.fill(habit), *expected) {
                failures.push(failure);
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    });
}

/// A connection over IPv4 and one over IPv6, of other processes, and an empty folder.
struct Stage {
    folder: PathBuf,
    names: Vec<(&'static str, String)>,
    _holders: [Named; 4],
}

impl Stage {
    fn new() -> Self {
        let listener = tcp::listen(tcp::loopback(0));
        let ends = tcp::connect_to(&listener);
        let listener6 = tcp::listen("[::1]:0".parse().unwrap());
        let ends6 = tcp::connect_to(&listener6);
        let (client, server) = tcp::addresses(&ends.client);
        let (client6, server6) = tcp::addresses(&ends6.client);
        let holder = Named::holding(&ends.client, b"habitual");
        let folder = std::env::temp_dir().join(format!("tcpentry-habits-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let names = vec![
            ("{c}", client.to_string()),
            ("{s}", server.to_string()),
            ("{cp}", client.port().to_string()),
            ("{sp}", server.port().to_string()),
            ("{c6}", client6.port().to_string()),
            ("{s6}", server6.port().to_string()),
            ("{pid}", holder.pid().to_string()),
        ];
        let others = [&ends.server, &ends6.client, &ends6.server];
        let [server, client6, server6] = others.map(|socket| Named::holding(socket, b"other"));
        Self {
            folder,
            names,
            _holders: [holder, server, client6, server6],
        }
    }

    fn fill(&self, habit: &str) -> String {
        let names = self.names.iter();
        names.fold(habit.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    }

    fn name(&self, name: &str) -> &str {
        let mut names = self.names.iter();
        &names.find(|(it, _)| *it == name).unwrap().1
    }

    /// Types a line into a shell.
    fn run(&self, line: &str) -> Run {
        let program = Path::new(env!("CARGO_BIN_EXE_tcpentry"));
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(&self.folder)
            .env(
                "PATH",
                format!("{}:{path}", program.parent().unwrap().display()),
            )
            .env("SSH_CONNECTION", ELSEWHERE)
            .stdin(Stdio::null())
            .output();
        output.unwrap().into()
    }

    fn check(&self, line: &str, expected: Expected) -> Result<(), String> {
        let run = self.run(line);
        let fail = |why: &str| {
            Err(format!(
                "$ {line}\n{why} [{}]\n{}{}",
                run.code, run.out, run.err
            ))
        };
        for foreign in ["error:", "tip:", "Usage:", "unexpected argument", "found"] {
            let is_foreign = run
                .err
                .lines()
                .any(|it| it.starts_with(foreign) || it.trim().starts_with("tip:"));
            if is_foreign {
                return fail("this is not our voice");
            }
        }
        // The shell may have made a file of the habit itself.
        for file in fs::read_dir(&self.folder).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        let hinted = hinted(&run.err);
        let understood = run.code == 0 && hinted.is_empty();
        match expected {
            Finds if understood && self.is_found(&run) => return Ok(()),
            Works if understood => return Ok(()),
            Prints(text) if understood && run.out.starts_with(text) => return Ok(()),
            Says(text) if run.code == 2 && run.err.contains(text) => {}
            SaysAlone(text) if run.code == 2 && hinted.is_empty() && run.err.contains(text) => {}
            HintedAs(end)
                if run.code == 2
                    && (hinted.first()).is_some_and(|hint| hint.ends_with(&self.fill(end))) => {}
            Answered | Hinted if run.code == 2 && !hinted.is_empty() => {}
            _ => return fail(&format!("{expected:?}")),
        }
        for (index, hint) in hinted.iter().enumerate() {
            let hinted = self.run(hint);
            if !matches!(hinted.code, 0 | 1) || hinted.err.contains("hint: tcpentry") {
                return fail(&format!("`{hint}` does not work: {}", hinted.err));
            }
            let changes = hint.contains("tcpentry delete")
                && !hint.contains(" -n ")
                && !hint.contains("--help");
            if changes {
                return fail(&format!("`{hint}` deletes at once"));
            }
            let finds = matches!(expected, Answered) && index == 0;
            if finds && !self.is_found(&hinted) {
                return fail(&format!(
                    "`{hint}` does not find it: {}{}",
                    hinted.out, hinted.err
                ));
            }
            if fs::read_dir(&self.folder).unwrap().next().is_some() {
                return fail(&format!("`{hint}` has made a file"));
            }
        }
        Ok(())
    }

    /// Returns true where the connection is in the table.
    fn is_found(&self, run: &Run) -> bool {
        let ends = [self.name("{c}"), self.name("{s}")];
        run.out.lines().any(|line| {
            ends.iter()
                .all(|end| line.split(['\t', '"']).any(|cell| cell == *end))
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns the commands that an answer shows.
fn hinted(answer: &str) -> Vec<String> {
    let hints = answer
        .lines()
        .filter_map(|line| line.strip_prefix("hint: "));
    let commands = hints.filter_map(|hint| {
        let at = if hint.starts_with("tcpentry") {
            0
        } else {
            hint.find(":  tcpentry")? + 3
        };
        Some(hint[at..].to_owned())
    });
    commands.collect()
}
