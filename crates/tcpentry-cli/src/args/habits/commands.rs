//! The first word: a command of ours, one of another tool, or a misspelt one.

use tcpentry::Filter;

use super::super::answer::Answer;
use super::super::line::Line;

/// Answers a first word that is not a command and begins no filter; `None` where it may be a word of another kind.
pub(in super::super) fn answer(line: &Line, commands: &[String]) -> Option<Answer> {
    let first = line.words.first()?.to_str()?;
    if Filter::starts_with_keyword(first) {
        return None;
    }
    let mut rest = line.with_words(&line.words[1..]);
    // Its -i is followed by a device, through which the packets go.
    if let (true, Some(at)) = (
        first == "tcpkill",
        line.options.iter().position(|it| it == "-i"),
    ) {
        rest.options.remove(at);
        rest.words = rest.words.split_off(rest.words.len().min(1));
    }
    let as_command = |command: &str, words: &[&str]| {
        let words = words.iter().map(std::ffi::OsString::from);
        Line {
            command: Some(command.to_owned()),
            ..rest.with_words(words.chain(rest.words.iter().cloned()))
        }
    };
    if first == "conntrack"
        && rest
            .options
            .iter()
            .any(|it| LISTS.iter().any(|of| it == of))
    {
        return Some(
            Answer::new("there is no command `conntrack` here")
                .with_meant("", as_command("list", &[])),
        );
    }
    if let Some((_, command, words)) = FOREIGN.iter().find(|(names, ..)| names.contains(&first)) {
        return Some(
            Answer::new(format!("there is no command `{first}` here"))
                .with_meant("", as_command(command, words)),
        );
    }
    let is_state = first
        .to_ascii_lowercase()
        .parse::<tcpentry::State>()
        .is_ok();
    if is_state || NO_COMMANDS.contains(&first) {
        return None;
    }
    let is_of_docker = |it: &&str| CONTAINER_COMMANDS.contains(it);
    match first {
        "man" => {
            return Some(
                Answer::new("there is no command `man` here")
                    .with_hint("`man tcpentry` documents filters, guards and output"),
            );
        }
        "docker" | "podman" => {
            // Else it is the container that is meant.
            let second = line.words.get(1).and_then(|it| it.to_str());
            return second
                .filter(is_of_docker)
                .map(|_| Answer::new(format!("there is no command `{first}` here")));
        }
        _ if PROGRAMS.contains(&first) => {
            return Some(Answer::new(format!("there is no command `{first}` here")));
        }
        _ => {}
    }
    let near = nearest(first, commands.iter().map(String::as_str))?;
    Some(
        Answer::new(format!("there is no command `{first}`"))
            .with_hint(format!("did you mean `{near}`?"))
            .with_meant("", as_command(near, &[])),
    )
}

/// Returns the word of ours that a finger may have missed.
pub(crate) fn nearest<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let typed = typed.to_lowercase().replace('_', "-");
    let letters = typed.chars().count();
    words
        .map(|word| (strsim::osa_distance(&typed, word), word))
        .filter(|(distance, word)| {
            // A third of the letters may be wrong; of a word of three, one.
            let length = letters.max(word.len());
            (3..=MAX_LETTERS).contains(&letters) && *distance <= (length / 3).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The most letters that a word of ours has.
const MAX_LETTERS: usize = 20;

/// The commands of other tools: their names, the command that is meant, and the words before theirs.
const FOREIGN: &[(&[&str], &str, &[&str])] = &[
    (
        &[
            "ss",
            "netstat",
            "lsof",
            "sockstat",
            "show",
            "print",
            "status",
            "stat",
            "ps",
            "dump",
            "connections",
            "conns",
        ],
        "list",
        &[],
    ),
    (
        &[
            "tcpdrop",
            "tcpkill",
            "conntrack",
            "destroy",
            "reset",
            "rst",
            "terminate",
            "end",
            "stop",
            "disconnect",
            "remove",
            "abort",
            "purge",
            "cut",
        ],
        "delete",
        &[],
    ),
    (
        &["killport", "fuser", "kill-port", "port-kill"],
        "delete",
        &["port"],
    ),
    (&["killall", "pkill"], "delete", &["process"]),
    (&["check", "info", "support"], "doctor", &[]),
    (
        &["diagnose", "explain", "analyze", "analyse", "slow"],
        "why",
        &[],
    ),
    (
        &["htop", "watch", "monitor", "tui", "ui", "iftop", "live"],
        "top",
        &[],
    ),
    (&["test", "example", "try"], "demo", &[]),
];

/// Other programs whose command lines mean nothing here, though their names are near a word of ours.
const PROGRAMS: [&str; 10] = [
    "nft",
    "ip",
    "tc",
    "ufw",
    "firewall-cmd",
    "kubectl",
    "tcpdump",
    "iptables",
    "ip6tables",
    "taskkill",
];

/// The commands of docker and podman.
const CONTAINER_COMMANDS: [&str; 14] = [
    "ps",
    "kill",
    "stop",
    "exec",
    "run",
    "logs",
    "inspect",
    "rm",
    "start",
    "restart",
    "container",
    "network",
    "compose",
    "port",
];

/// Words near a command that mean something else.
const NO_COMMANDS: [&str; 7] = [
    "tcp",
    "tcp4",
    "tcp6",
    "udp",
    "close-wait",
    "listen",
    "estab",
];

/// The options with which conntrack only lists.
const LISTS: [&str; 8] = [
    "-L", "--list", "--dump", "-G", "--get", "-E", "--event", "--events",
];
