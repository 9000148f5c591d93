//! Options of other tools: taken where they can mean one thing only, answered with a line each where not.

use std::net::IpAddr;

use clap::CommandFactory as _;
use tcpentry::Filter;

use super::super::Args;
use super::signals::is_signal;
use super::tools::state;

/// The treatment of an option.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Habit {
    /// It says what is done here anyway.
    Taken,
    /// An option of ours has another name.
    Is(&'static str),
    /// It is answered: with this line, and with these options instead.
    Answered(&'static str, &'static [&'static str]),
    /// It takes a value, and is answered: this term selects by it.
    Term(&'static str),
    /// It takes a value, which has no meaning here, and is answered with this line.
    Value(&'static str),
    /// It takes a value, with which an option of ours means this.
    Ours(&'static str),
    /// It takes the seconds between two frames.
    Seconds,
    /// It takes the target of a firewall's rule, whose addresses may be of either end.
    Target,
    /// It asks for a deletion.
    Deletes,
    /// It asks for the table again and again.
    Watches,
}

use Habit::{Answered, Deletes, Is, Ours, Seconds, Taken, Target, Term, Value, Watches};

/// The options of other tools that this program does not define itself.
const OPTIONS: &[(&[&str], Habit)] = &[
    (
        &[
            "-t",
            "--tcp",
            "-n",
            "--numeric",
            "--numeric-hosts",
            "--numeric-ports",
            "-P",
            "-W",
            "--wide",
            "-O",
            "--oneline",
            "--no-pager",
        ],
        Taken,
    ),
    (
        &[
            "-H",
            "--noheader",
            "--noheaders",
            "--no-headers",
            "--no-heading",
        ],
        Is("--no-header"),
    ),
    (&["--processes", "--program", "--programs"], Is("--process")),
    (&["--listen", "--listener"], Is("--listening")),
    (&["--users"], Is("--user")),
    (&["--containers"], Is("--container")),
    (&["--inet", "--inet4", "--ip4"], Is("--ipv4")),
    (&["--inet6", "--ip6"], Is("--ipv6")),
    (
        &[
            "--dryrun",
            "--dry",
            "--simulate",
            "--just-print",
            "--no-act",
            "--what-if",
            "--check",
        ],
        Is("--dry-run"),
    ),
    (&["--all-namespaces", "--all-ns"], Is("--all-netns")),
    (&["--net", "--namespace"], Is("--netns")),
    (&["-j", "--ndjson", "--jsonl"], Is("--json")),
    (&["--colour"], Is("--color")),
    (&["-?"], Is("--help")),
    (
        &[
            "-K",
            "--kill",
            "-D",
            "--delete",
            "-k",
            "--destroy",
            "--reset",
            "--close",
        ],
        Deletes,
    ),
    (&["--watch", "--follow", "--continuous"], Watches),
    // What ss and netstat show beside the table.
    (
        &["-r", "--resolve"],
        Answered(
            "host names are not looked up: every address is shown as a number",
            &[],
        ),
    ),
    (
        &["-o", "--options", "--timers"],
        Answered(
            "timers are not shown; -i shows idle time, round-trip time and retransmits",
            &["-i"],
        ),
    ),
    (
        &["-e", "--extended", "--extend"],
        Answered(
            "there is no extended output; -u shows the user, -c container and unit, -i the counters",
            &["-u", "-c"],
        ),
    ),
    (
        &["-m", "--memory"],
        Answered(
            "socket memory is not shown; RECV-Q and SEND-Q show the queues",
            &[],
        ),
    ),
    (
        &["-s", "--summary", "--statistics", "--stats"],
        Answered(
            "there is no summary; this lists the connections, one per line",
            &[],
        ),
    ),
    (
        &["--cgroup"],
        Answered(
            "cgroups are shown by -c here, as container and unit",
            &["-c"],
        ),
    ),
    (
        &["-B", "--bound-inactive"],
        Answered(
            "-a includes sockets that are only bound, in the state bound-inactive",
            &["-a"],
        ),
    ),
    (
        &[
            "-Z",
            "--context",
            "-z",
            "--contexts",
            "--tos",
            "--inet-sockopt",
            "--tipcinfo",
        ],
        Answered(
            "this is not shown here; --json shows everything that is known about a connection",
            &["--json"],
        ),
    ),
    (
        &["-b", "--bpf"],
        Answered(
            "--explain shows which part of a filter the kernel evaluates",
            &["--explain"],
        ),
    ),
    (
        &["-E", "--events"],
        Answered(
            "events are not followed; `tcpentry top` watches the table",
            &[],
        ),
    ),
    (
        &[
            "-g",
            "-M",
            "-C",
            "-T",
            "-X",
            "--route",
            "--groups",
            "--masquerade",
            "--interfaces",
            "--verbose",
            "-v",
            "--threads",
        ],
        Answered("this option of other tools has no meaning here", &[]),
    ),
    (
        &["-R"],
        Answered(
            "there is no option -R; `tcpentry delete` ends connections",
            &[],
        ),
    ),
    // Other protocols.
    (
        &[
            "--udp",
            "--udplite",
            "-U",
            "-x",
            "--unix",
            "-w",
            "--raw",
            "-d",
            "--dccp",
            "-S",
            "--sctp",
            "-0",
            "--packet",
            "--vsock",
            "--xdp",
            "--tipc",
            "--mptcp",
            "--netlink",
        ],
        Answered(NO_OTHERS, &[]),
    ),
    (
        &[
            "-A",
            "--query",
            "--socket",
            "--family",
            "--proto",
            "--protocol",
        ],
        Value("only TCP is listed here; -4 and -6 choose the family"),
    ),
    (
        &["-F", "--filter"],
        Value("a filter is given as words; `$(cat FILE)` takes them from a file"),
    ),
    (
        &["--diag", "--interval", "--timeout"],
        Value("this option of other tools has no meaning here"),
    ),
    // Selecting by options: here it is done by the filter.
    (&["--pid", "--pids"], Term("pid")),
    (&["--port", "--ports"], Term("port")),
    (
        &[
            "--sport",
            "--lport",
            "--local-port",
            "--orig-port-src",
            "--reply-port-dst",
        ],
        Term("sport"),
    ),
    (
        &[
            "--dport",
            "--rport",
            "--peer-port",
            "--remote-port",
            "--orig-port-dst",
            "--reply-port-src",
        ],
        Term("dport"),
    ),
    (
        &[
            "--src",
            "--source",
            "--local",
            "--orig-src",
            "--reply-dst",
            "--laddr",
        ],
        Term("src"),
    ),
    (
        &[
            "--dst",
            "--dest",
            "--destination",
            "--peer",
            "--remote",
            "--orig-dst",
            "--reply-src",
            "--raddr",
        ],
        Term("dst"),
    ),
    (&["--host", "--ip", "--address", "--addr"], Term("host")),
    (&["--state", "--states"], Term("state")),
    (
        &["--name", "--process-name", "--command", "--comm"],
        Term("process"),
    ),
    (&["--unit", "--service"], Term("unit")),
    (&["--uid", "--username"], Term("user")),
    (&["--dev", "--interface", "--iface"], Term("dev")),
    (&["--cgroup-path"], Term("cgroup")),
    (&["--mark", "--fwmark"], Term("fwmark")),
    // Of those who end things.
    (
        &["-f"],
        Answered(
            "here -4 and -6 choose the family, and --yes deletes without asking",
            &[],
        ),
    ),
    (
        &["--force"],
        Answered(
            "there is no --force: --yes deletes several without asking, and each guard has an option of its own",
            &[],
        ),
    ),
    (
        &[
            "-1",
            "-2",
            "-3",
            "-9",
            "-15",
            "-HUP",
            "-INT",
            "-KILL",
            "-TERM",
            "-QUIT",
            "-SIGHUP",
            "-SIGINT",
            "-SIGKILL",
            "-SIGTERM",
            "--sigkill",
            "--sigterm",
        ],
        NO_SIGNAL,
    ),
    (
        &["--signal", "--sig"],
        Value("no signal is sent here: the connection is ended, and its process keeps running"),
    ),
    (
        &["-L", "--list", "--dump"],
        Answered("without a command, tcpentry lists the connections", &[]),
    ),
    (
        &["--flush"],
        Answered(
            "nothing here deletes everything at once; a filter selects what is deleted",
            &[],
        ),
    ),
    (
        &["--quick", "--graceful", "--gracefully", "--wait", "--retry"],
        Answered(
            "a connection is ended at once, with a reset; `--for 10s` keeps deleting those that come back",
            &[],
        ),
    ),
    (
        &["--interactive", "--ask", "--confirm"],
        Answered(
            "on a terminal, it asks by itself before it deletes more than one",
            &[],
        ),
    ),
];

pub(super) const NO_OTHERS: &str = "only TCP is listed here; UDP, UNIX and other sockets are not";

pub(super) const NO_SIGNAL: Habit = Answered(
    "no process is killed here and no signal is sent: the connection is ended, and its process keeps running",
    &[],
);

/// Returns true for an option of others whose value is the next word; `None` for one that is ours.
pub(in super::super) fn takes_value(option: &str) -> Option<bool> {
    if glued_term(option).is_some() {
        return Some(false);
    }
    habit(option).map(|habit| matches!(habit, Term(_) | Value(_)))
}

/// Returns the treatment of an option of conntrack and of firewalls that is known by the word behind it: an address, a
/// protocol, a family.
pub(in super::super) fn before(option: &str, next: Option<&str>) -> Option<Habit> {
    let next = next?;
    match option {
        "-s" if is_network(next) => Some(Term("src")),
        // Of an answer it is the source.
        "-d" | "-r" if is_network(next) => Some(Term("dst")),
        "-p" if PROTOCOLS.contains(&next) => Some(Value("only TCP is listed here")),
        "-f" if FAMILIES.contains(&next) => Some(Value("here -4 and -6 choose the family")),
        "-s" if is_signal(next) => Some(Value(
            "no signal is sent here: the connection is ended, and its process keeps running",
        )),
        "-o" | "--output" if matches!(next, "json" | "ndjson" | "jsonl") => Some(Ours("--json")),
        "-d" if next.bytes().all(|byte| byte.is_ascii_digit()) => Some(Seconds),
        "-j" if TARGETS.contains(&next) => Some(Target),
        "--container" if is_bare_name(next) => Some(Term("container")),
        "--process" if is_bare_name(next) => Some(Term("process")),
        "--user" if is_bare_name(next) => Some(Term("user")),
        _ => None,
    }
}

/// Returns true for a word behind an option that can be nothing but its value.
fn is_bare_name(word: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
    word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.bytes().all(in_name)
        && !Filter::starts_with_keyword(word)
        && state(word).is_none()
        && Args::command().find_subcommand(word).is_none()
}

/// Returns true for an address or a network, without a port.
fn is_network(word: &str) -> bool {
    let address = word.split_once('/').map_or(word, |(address, _)| address);
    address.parse::<IpAddr>().is_ok()
}

/// Returns the treatment of an option of other tools.
pub(super) fn habit(option: &str) -> Option<Habit> {
    let known = OPTIONS.iter().find(|(names, _)| names.contains(&option));
    let signal = || {
        let name = option.strip_prefix('-')?;
        is_signal(name).then_some(NO_SIGNAL)
    };
    known.map(|(_, habit)| *habit).or_else(signal)
}

/// Returns the term that stands in one word with its option.
pub(super) fn glued_term(option: &str) -> Option<(&'static str, String)> {
    let of_conntrack = || {
        let term = match option.get(..2)? {
            "-s" => "src",
            "-d" => "dst",
            _ => return None,
        };
        let network = &option[2..];
        is_network(network).then(|| (term, network.to_owned()))
    };
    of_lsof(option).or_else(of_conntrack)
}

/// Returns the term of `-iTCP:22`, `-i:22`, `-i@192.0.2.1` and `-sTCP:ESTABLISHED`.
pub(crate) fn of_lsof(option: &str) -> Option<(&'static str, String)> {
    let letters = option.strip_prefix('-')?;
    let upper = letters.to_ascii_uppercase();
    if let Some(states) = upper.strip_prefix("STCP:") {
        return Some(("state", states.to_ascii_lowercase()));
    }
    let rest = letters.strip_prefix('i')?;
    let rest = rest.trim_start_matches(['4', '6']);
    let rest = match rest.get(..3) {
        Some(tcp) if tcp.eq_ignore_ascii_case("tcp") => &rest[3..],
        _ => rest,
    };
    if let Some(host) = rest.strip_prefix('@') {
        return Some(("host", host.to_owned()));
    }
    Some(("port", rest.strip_prefix(':')?.to_owned()))
}

/// The protocols that stand behind `-p`, by their names: a number is rather a process.
const PROTOCOLS: [&str; 10] = [
    "tcp", "tcp4", "tcp6", "TCP", "udp", "UDP", "icmp", "icmpv6", "sctp", "all",
];
const TARGETS: [&str; 3] = ["DROP", "REJECT", "ACCEPT"];
const FAMILIES: [&str; 4] = ["ipv4", "ipv6", "inet", "inet6"];
