//! What README.md shows of the program and says of `ss`, word by word. docs/PROMISES.md has the rest.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, kernel, skip, tcp, until};

use crate::util::{Run, connections, is_alive, opened, run, run_opened};

const README: &str = include_str!("../../../../README.md");

/// What stands between two marks.
fn between(before: &str, behind: &str) -> &'static str {
    let (_, text) = README.split_once(before).unwrap();
    text.split_once(behind).unwrap().0
}

/// With one blank for many, and one sign for the numbers that differ from run to run.
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
fn the_demo_shows_an_ordinary_user_what_the_readme_shows() {
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
        let demo = between("```console\n$ tcpentry demo\n", "```");
        assert_eq!(general(&shown.out), general(demo));
    });
}

/// A shell's command that ends with the test, with everything it started.
struct Shell(Child);

impl Shell {
    fn start(command: &str) -> Self {
        use std::os::unix::process::CommandExt as _;
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(shell.spawn().unwrap())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

#[test]
fn an_ordinary_user_deletes_his_own_as_the_readme_shows() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let program = opened();
        let deleted = User::new(4021).run(|| {
            let run = |words: &str| run_opened(&program, words);
            let _listener = Shell::start("exec nc -l 127.0.0.1 8080");
            until("nc listens", || run("list -l").rows().len() == 1);
            let _client = Shell::start("sleep 60 | nc 127.0.0.1 8080");
            until("nc is connected", || run("list").rows().len() == 2);
            let listed = run("");
            let rows = listed.rows();
            let server = rows.iter().find(|row| row[3] == "127.0.0.1:8080").unwrap();
            let ends = format!("{} {}", server[3], server[4]);
            let said = |run: &Run| format!("{}{}", run.out, run.err);
            let mut all = said(&listed);
            for words in ["delete -n", "delete", "delete"] {
                all += &said(&run(&format!("{words} {ends}")));
            }
            all + "1\n"
        });
        let shown = between("```console\n$ nc -l 127.0.0.1 8080 &\n", "```");
        let shown = shown.lines().filter(|line| !line.starts_with("$ "));
        let shown = shown.collect::<Vec<_>>().join("\n");
        assert_eq!(general(&deleted), general(&shown));
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
    let table = between("| exit code | of `tcpentry delete` |\n|---|---|\n", "\n\n");
    let codes = table
        .lines()
        .map(|row| row.split('|').nth(1).unwrap().trim());
    let sections = tcpentry_cli::manual();
    let status = sections.iter().find(|(name, _)| *name == "EXIT STATUS");
    let told = status.unwrap().1.lines();
    let told = told.filter_map(|line| Some(line.split_once(" -- ")?.0));
    assert_eq!(codes.collect::<Vec<_>>(), told.collect::<Vec<_>>());
}

/// The exit code of `ss -K` with words, split at blanks.
fn ss_kill(words: &str) -> i32 {
    let mut ss = Command::new("ss");
    ss.arg("-K").args(words.split_whitespace());
    let output = ss.stdin(Stdio::null()).output().unwrap();
    output.status.code().unwrap()
}

#[test]
fn ss_exits_0_whatever_happened_and_takes_listeners_along() {
    isolated(|| {
        assert_eq!(ss_kill("dst 192.0.2.1"), 0, "nothing matched");
        let (ends, listener, port) = connections(1);
        if user::others() {
            let denied = User::new(4022).run(|| ss_kill(&format!("dport = :{port}")));
            assert_eq!(denied, 0, "not permitted");
            assert!(is_alive(&ends[0]));
        }
        assert_eq!(ss_kill(&format!("-a sport = :{port}")), 0);
        assert!(!is_alive(&ends[0]));
        let refused = std::net::TcpStream::connect(tcp::reachable(&listener));
        assert!(refused.is_err(), "the listener is gone");
    });
}
