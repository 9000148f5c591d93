//! Transcripts of the program, and statements about `ss`, in README.md and docs/, word by word. docs/PROMISES.md has the
//! rest.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use tcpentry_testkit::named::Named;
use tcpentry_testkit::pty::Terminal;
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, kernel, link, skip, tcp, until};

use crate::util::{ELSEWHERE, connections, is_alive, opened, run, run_opened};

const README: &str = include_str!("../../../../README.md");
const ENDS: &str = include_str!("../../../../docs/ENDS.md");
const FAQ: &str = include_str!("../../../../docs/FAQ.md");
const RECIPES: &str = include_str!("../../../../docs/recipes.md");

/// Returns what stands between two marks of a page.
fn between<'p>(page: &'p str, before: &str, behind: &str) -> &'p str {
    let (_, text) = page.split_once(before).unwrap();
    text.split_once(behind).unwrap().0
}

/// Puts one space for many, and one sign for the numbers that differ from run to run.
fn general(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let mut digits = String::new();
        for character in words.join(" ").chars().chain(['\n']) {
            if character.is_ascii_digit() {
                digits.push(character);
                continue;
            }
            lines += if digits.len() > 1 { "#" } else { &digits };
            digits.clear();
            lines.push(character);
        }
    }
    lines
}

#[test]
fn the_demo_shows_an_ordinary_user_what_the_page_shows() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        if !kernel::is_at_least(6, 8) {
            skip!("on this kernel an owner whose descriptor is borrowed sees the end of file");
        }
        let program = opened();
        let shown = User::new(4020).run(|| run_opened(&program, "demo"));
        assert_eq!((shown.code, shown.err.as_str()), (0, ""), "{}", shown.out);
        let demo = between(ENDS, "```console\n$ tcpentry demo\n", "```");
        assert_eq!(general(&shown.out), general(demo));
    });
}

/// Runs the program at a terminal, with words as a shell splits them, and returns what the terminal shows, and the exit
/// code.
fn at_a_terminal(words: &str) -> (String, i32) {
    let terminal = Terminal::open();
    let mut child = terminal
        .command(env!("CARGO_BIN_EXE_tcpentry"))
        .args(words.split_whitespace())
        .env("SSH_CONNECTION", ELSEWHERE)
        .env("NO_COLOR", "1")
        .spawn()
        .unwrap();
    let mut code = None;
    until("it ends", || {
        // A terminal that nobody reads takes no more.
        terminal.screen();
        code = child.try_wait().unwrap();
        code.is_some()
    });
    let screen = terminal.screen().replace("\r\n", "\n");
    (screen, code.unwrap().code().unwrap())
}

/// Returns the lines of a listing in one order, with one word for every time that is measured.
fn listing(text: &str) -> Vec<String> {
    let measured = |word: &str| {
        let unit = word.trim_start_matches(|it: char| it.is_ascii_digit());
        unit.len() < word.len() && ["us", "ms", "s", "m", "h"].contains(&unit)
    };
    let mut lines: Vec<_> = general(text)
        .lines()
        .map(|line| {
            let words = line.split(' ');
            let words = words.map(|word| {
                let digits = word.replace('#', "0");
                if measured(&digits) { "TIME" } else { word }
            });
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_four_commands_end_a_stuck_connection_as_the_readme_shows() {
    isolated(|| {
        if user::in_a_user_namespace_of_one() {
            skip!("only root is shown whose a connection is");
        }
        link::ip(&["addr add 10.0.0.5/32 dev lo", "addr add 10.0.0.9/32 dev lo"]);
        let listener = tcp::listen("10.0.0.9:5432".parse().unwrap());
        let connect = |port: u16| {
            let socket = tcp::socket(tcp::loopback(0));
            let local = std::net::SocketAddr::from(([10, 0, 0, 5], port));
            socket.bind(&local.into()).unwrap();
            tcp::connect_from(socket, &listener)
        };
        let (stuck, other) = (connect(41812), connect(41830));
        let app = [&stuck.client, &other.client].map(|end| Named::holding(end, b"app"));
        let server = [&stuck.server, &other.server].map(|end| Named::holding(end, b"postgres"));
        // The way to the operator: without one the program says that it can't be followed, and asks.
        let operator = tcp::connected();
        let ssh = Named::holding(&operator.client, b"ssh");
        drop(operator.client);
        let section = between(README, "\n## A stuck connection\n", "\n## ");
        let transcript = between(section, "```console\n$ ", "```");
        let commands: Vec<_> = transcript.split("\n$ ").collect();
        assert_eq!(commands.len(), 4);
        // The table shows the programs that hold them, and not this test: a parent's connections carry the session.
        drop((stuck, other));
        for command in commands {
            let (command, shown) = command.split_once('\n').unwrap();
            let words = command.strip_prefix("sudo tcpentry ").unwrap();
            let (screen, code) = at_a_terminal(words);
            assert_eq!(code, 0, "{command}: {screen}");
            assert_eq!(listing(&screen), listing(shown), "{command}");
        }
        drop((app, server, ssh, operator.server));
    });
}

#[test]
fn on_a_terminal_the_message_of_gone_comes_before_the_table() {
    isolated(|| {
        let (screen, code) = at_a_terminal("delete 127.0.0.1:5432 127.0.0.1:41812");
        let expected = "tcpentry: cannot delete 127.0.0.1:5432 127.0.0.1:41812: no such connection\n\
            OUTCOME STATE LOCAL PEER METHOD\n\
            gone - 127.0.0.1:5432 127.0.0.1:41812 -\n";
        assert_eq!((general(&screen), code), (general(expected), 1));
    });
}

/// Returns the commands that a page shows, one a line, without `sudo`.
fn commands(page: &str) -> Vec<&str> {
    let shown = page.split("```console\n").skip(1);
    let lines = shown.flat_map(|block| block.split("```").next().unwrap().lines());
    let commands = lines.filter_map(|line| line.strip_prefix("$ "));
    commands
        .map(|it| it.strip_prefix("sudo ").unwrap_or(it))
        .filter(|it| it.starts_with("tcpentry "))
        .collect()
}

/// A shell reads them, so that what has to be quoted is; `--explain` tells how a filter was read and does no more.
#[test]
fn every_command_of_the_pages_is_understood() {
    isolated(|| {
        // The lists that they name.
        let folder = std::env::temp_dir().join(format!("tcpentry-pages-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for list in ["blocklist.txt", "spared.txt"] {
            fs::write(folder.join(list), "192.0.2.0/24\n").unwrap();
        }
        let mut count = 0;
        for command in [README, FAQ, RECIPES].into_iter().flat_map(commands) {
            // As on each of the hosts.
            let mut words: Vec<_> = command.split(' ').collect();
            if let Some(at) = words.iter().position(|word| *word == "--on") {
                words.drain(at..words.len().min(at + 2));
            }
            let command = words.join(" ");
            let word = command.split(' ').nth(1).unwrap();
            // What shows no table, what reads a file, and what names both ends, which another test runs.
            let no_filter = ["top", "doctor", "demo", "guard", "wine"].contains(&word);
            let names_ends = ["delete 10.", "-n 10.", "30s 10."];
            if no_filter
                || command.contains("< ")
                // It says that nothing is left, which an explanation is not.
                || command.contains("left=$(")
                || names_ends.iter().any(|it| command.contains(it))
            {
                continue;
            }
            let program = env!("CARGO_BIN_EXE_tcpentry");
            let command = command.replace(" > leaked", "").replace(" --explain ", " ");
            // What is banned has no filter: a dry run, and here.
            let harmless = match word {
                "ban" => "-n --own-netns-only",
                // It changes nothing, and reads once.
                "why" => "--watch 0s",
                _ => "--explain",
            };
            let script = format!("tcpentry() {{ {program} \"$@\" {harmless}; }}; {command}");
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).env("SSH_CONNECTION", ELSEWHERE);
            shell.current_dir(&folder);
            let output = shell.stdin(Stdio::null()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{command}: {said}");
            count += 1;
        }
        assert!(count > 30, "{count} commands");
        fs::remove_dir_all(&folder).unwrap();
    });
}

#[test]
fn the_manual_has_all_terms_of_filters() {
    let refused = run("list nonsense");
    let terms = refused.err.split_once("terms are ").unwrap().1;
    let terms = terms.lines().next().unwrap();
    let terms: BTreeSet<_> = terms.split_whitespace().collect();
    assert!(terms.len() > 20, "{terms:?}");
    let sections = tcpentry_cli::manual();
    let (_, text) = sections.iter().find(|(name, _)| *name == "FILTER").unwrap();
    let told: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.split_once(" -- "))
        .flat_map(|(terms, _)| terms.split(", "))
        .map(|term| term.split(' ').next().unwrap())
        .collect();
    let missing: Vec<_> = terms.difference(&told).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_exit_codes_are_those_of_the_manual() {
    let begin = "| exit code | of `tcpentry delete` |\n|---|---|\n";
    let table = between(README, begin, "\n\n");
    let codes = table
        .lines()
        .map(|row| row.split('|').nth(1).unwrap().trim());
    let sections = tcpentry_cli::manual();
    let status = sections.iter().find(|(name, _)| *name == "EXIT STATUS");
    let told = status.unwrap().1.lines();
    let told = told.filter_map(|line| Some(line.split_once(" -- ")?.0));
    assert_eq!(codes.collect::<Vec<_>>(), told.collect::<Vec<_>>());
}

/// Returns the exit code of `ss -K` with words, split at spaces, and what it printed.
fn ss_kill(words: &str) -> (i32, String) {
    let mut ss = Command::new("ss");
    ss.args(["-K", "-H", "-n", "-t"])
        .args(words.split_whitespace());
    let output = ss.stdin(Stdio::null()).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), printed)
}

#[test]
fn ss_prints_what_it_closed_exits_0_whatever_happened_and_takes_listeners_along() {
    isolated(|| {
        let nothing = (0, String::new());
        assert_eq!(ss_kill("dst 192.0.2.1"), nothing, "nothing matched");
        let (ends, listener, port) = connections(2);
        if user::others() {
            let denied = User::new(4022).run(|| ss_kill(&format!("dport = :{port}")));
            assert_eq!(denied.0, 0, "not permitted");
            assert!(is_alive(&ends[0]));
        }
        let client = ends[0].client.local_addr().unwrap();
        let (code, printed) = ss_kill(&format!("src {client}"));
        assert_eq!((code, printed.lines().count()), (0, 1), "{printed}");
        assert!(printed.contains(&client.to_string()), "{printed}");
        assert!(!is_alive(&ends[0]));
        assert_eq!(ss_kill(&format!("-a sport = :{port}")).0, 0);
        assert!(!is_alive(&ends[1]));
        let refused = std::net::TcpStream::connect(tcp::reachable(&listener));
        assert!(refused.is_err(), "the listener is gone");
    });
}
