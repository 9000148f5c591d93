//! `tcpentry delete FILTER` at a terminal: what is shown before, the question, and each answer to it.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use tcpentry_testkit::pty::Terminal;
use tcpentry_testkit::{isolated, tcp, until};

use crate::util::{ELSEWHERE, connections, ends, is_alive, local, program, run};

/// The program at a terminal of its own.
pub(crate) struct Sitting {
    terminal: Terminal,
    child: Child,
}

impl Sitting {
    fn down(words: &str) -> Self {
        let terminal = Terminal::open();
        let child = terminal
            .command(env!("CARGO_BIN_EXE_tcpentry"))
            .args(words.split(' '))
            // Who has both the connections and the other end of the terminal carries a session.
            .arg("--own-session")
            .env("SSH_CONNECTION", ELSEWHERE)
            .env("NO_COLOR", "1")
            .spawn()
            .unwrap();
        Self { terminal, child }
    }

    /// Starts the program once the connections have been idle for so long, and waits for its question.
    pub(crate) fn asked_after(idle: Duration, words: &str) -> Self {
        thread::sleep(idle);
        Self::asked(words)
    }

    /// Starts the program, and waits for its question.
    pub(crate) fn asked(words: &str) -> Self {
        let sitting = Self::down(words);
        sitting.terminal.await_text("[y/N] ");
        sitting
    }

    pub(crate) fn types(&self, text: &str) {
        self.terminal.type_in(text);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let screen = self.terminal.screen();
        screen.split("\r\n").map(str::to_owned).collect()
    }

    /// Waits for its end; returns the exit code, and the lines of the screen then.
    pub(crate) fn end(mut self) -> (i32, Vec<String>) {
        let mut code = None;
        until("it ends", || {
            // A terminal that nobody reads takes no more.
            self.terminal.screen();
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        (code.unwrap().code().unwrap(), self.lines())
    }
}

fn beginning<'l>(lines: &'l [String], word: &str) -> Vec<&'l String> {
    let begins = |line: &&String| line.split_whitespace().next() == Some(word);
    lines.iter().filter(begins).collect()
}

/// Ends it for good, at once; closing would have to wait for every process that is being forked elsewhere.
fn end(client: &TcpStream) {
    assert_eq!(run(&format!("delete {}", ends(client))).code, 0);
}

#[test]
fn a_yes_deletes_exactly_what_was_shown() {
    isolated(|| {
        let (mut ends, listener, port) = connections(4);
        let sitting = Sitting::asked(&format!("delete -p dport = :{port}"));
        let shown = sitting.lines();
        let heading: Vec<_> = shown[0].split_whitespace().collect();
        assert_eq!(heading, ["STATE", "LOCAL", "PEER", "PROCESS"]);
        for ends in &ends {
            let row = shown.iter().find(|line| line.contains(&local(ends)));
            let row = row.unwrap_or_else(|| panic!("{} is not in {shown:?}", local(ends)));
            assert!(row.contains(&format!(" {} ", std::process::id())), "{row}");
        }
        assert_eq!(shown.len(), 6, "{shown:?}");
        assert_eq!(shown[5], "Delete these 4 connections? [y/N] ");

        let later = tcp::connect_to(&listener);
        let ended = ends.pop().unwrap();
        let gone = local(&ended);
        end(&ended.client);
        sitting.types("y\n");
        let (code, lines) = sitting.end();
        assert_eq!(code, 0, "{lines:?}");
        assert_eq!(beginning(&lines, "deleted").len(), 3, "{lines:?}");
        let gones = beginning(&lines, "gone");
        assert!(
            gones.len() == 1 && gones[0].contains(&gone),
            "{gone}: {lines:?}"
        );
        assert!(
            lines.contains(&"tcpentry: 3 deleted, 1 gone".to_owned()),
            "{lines:?}"
        );
        assert!(ends.iter().all(|ends| !is_alive(ends)) && is_alive(&later));
    });
}

#[test]
fn what_has_all_ended_during_the_question_is_gone() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        let sitting = Sitting::asked(&format!("delete dport = :{port}"));
        for ends in &ends {
            end(&ends.client);
        }
        sitting.types("y\n");
        let (code, lines) = sitting.end();
        assert_eq!((code, beginning(&lines, "gone").len()), (1, 2), "{lines:?}");
    });
}

#[test]
fn anything_else_deletes_nothing() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        for answer in ["n\n", "\n", "\x04", "yes, of course\n"] {
            let sitting = Sitting::asked(&format!("delete dport = :{port}"));
            sitting.types(answer);
            let (code, lines) = sitting.end();
            assert_eq!(code, 3, "{answer:?}: {lines:?}");
            let last = lines.iter().rev().nth(1).unwrap();
            assert_eq!(last, "tcpentry: not confirmed: nothing was deleted");
            assert!(ends.iter().all(is_alive));
        }
    });
}

#[test]
fn ctrl_c_at_the_question_interrupts() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        for repeats in ["", "--for 1h "] {
            let sitting = Sitting::asked(&format!("delete {repeats}dport = :{port}"));
            sitting.types("\x03");
            let (code, lines) = sitting.end();
            assert_eq!(code, 130, "{lines:?}");
            let last = lines.iter().rev().nth(1).unwrap();
            assert_eq!(last, "tcpentry: interrupted: nothing was deleted");
            assert!(ends.iter().all(is_alive));
        }
    });
}

#[test]
fn one_match_a_yes_beforehand_and_a_dry_run_are_not_asked_about() {
    isolated(|| {
        let (ends, _listener, port) = connections(3);
        let sitting = Sitting::down(&format!("delete -n dport = :{port}"));
        let (code, lines) = sitting.end();
        assert_eq!(code, 0, "what a yes would lead to: {lines:?}");
        assert_eq!(beginning(&lines, "deleted").len(), 3);
        assert!(!lines.concat().contains("[y/N]") && ends.iter().all(is_alive));

        let sitting = Sitting::down(&format!("delete src {}", local(&ends[0])));
        let (code, lines) = sitting.end();
        assert_eq!((code, beginning(&lines, "deleted").len()), (0, 1));
        assert!(!lines.concat().contains("[y/N]"), "{lines:?}");

        let sitting = Sitting::down(&format!("delete dport = :{port} -y"));
        let (code, lines) = sitting.end();
        assert_eq!((code, beginning(&lines, "deleted").len()), (0, 2));
        assert!(!lines.concat().contains("[y/N]"), "{lines:?}");
        assert!(ends.iter().all(|ends| !is_alive(ends)));
    });
}

#[test]
fn who_can_not_answer_or_see_the_question_is_not_asked() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        let words = format!("delete dport = :{port}");
        let terminal = Terminal::open();
        let piped = program()
            .args(words.split(' '))
            .stdin(Stdio::piped())
            .stdout(terminal.inside())
            .stderr(terminal.inside())
            .status()
            .unwrap();
        assert_eq!(piped.code(), Some(3));
        let screen = terminal.screen();
        assert!(
            screen.contains("2 connections match, and stdin is not a terminal"),
            "{screen}"
        );
        let unseen: crate::util::Run = program()
            .args(words.split(' '))
            .stdin(terminal.inside())
            .stdout(terminal.inside())
            .stderr(Stdio::piped())
            .output()
            .unwrap()
            .into();
        assert_eq!(unseen.code, 3, "{}", unseen.err);
        assert!(ends.iter().all(is_alive));
    });
}

#[test]
fn of_very_many_the_first_are_shown_and_the_rest_is_counted() {
    isolated(|| {
        let (ends, _listener, port) = connections(500);
        let sitting = Sitting::asked(&format!("delete dport = :{port}"));
        let lines = sitting.lines();
        assert_eq!(beginning(&lines, "established").len(), 60);
        let [.., more, question] = &lines[..] else {
            panic!("{lines:?}")
        };
        assert_eq!(more, "... and 440 more");
        assert_eq!(question, "Delete these 500 connections? [y/N] ");
        sitting.types("y\n");
        let (code, lines) = sitting.end();
        assert_eq!((code, beginning(&lines, "deleted").len()), (0, 500));
        assert!(ends.iter().all(|ends| !is_alive(ends)));
    });
}

#[test]
fn repeated_deletion_asks_once() {
    isolated(|| {
        let (ends, listener, port) = connections(1);
        let words = format!("delete --until-quiet 600ms dport = :{port}");
        let sitting = Sitting::asked(&words);
        let question = "Delete this connection, and what comes to match until nothing has matched for 600ms? [y/N] ";
        assert_eq!(sitting.lines().last().unwrap(), question);
        sitting.types("y\n");
        sitting.terminal.await_text("\r\ndeleted");
        let next = tcp::connect_to(&listener);
        let (code, lines) = sitting.end();
        assert_eq!(code, 0, "{lines:?}");
        assert_eq!(beginning(&lines, "deleted").len(), 2, "{lines:?}");
        assert_eq!(lines.concat().matches("[y/N]").count(), 1);
        assert!(!is_alive(&ends[0]) && !is_alive(&next));

        let none = Sitting::asked(&format!("delete --for 50ms dport = :{port}"));
        let question = "None matches now. Delete what comes to match, for 50ms? [y/N] ";
        assert_eq!(none.lines(), [question]);
        none.types("y\n");
        assert_eq!(none.end().0, 1);
    });
}

#[test]
fn what_is_spared_is_not_asked_about() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        let (own, peer) = tcp::addresses(&ends[0].client);
        let terminal = Terminal::open();
        let variable = [peer, own].map(|end| format!("{} {}", end.ip(), end.port()));
        let status = program()
            .args(format!("delete dport = :{port}").split(' '))
            .env("SSH_CONNECTION", variable.join(" "))
            .env("NO_COLOR", "1")
            .stdin(terminal.inside())
            .stdout(terminal.inside())
            .stderr(terminal.inside())
            .status()
            .unwrap();
        let screen = terminal.screen();
        assert_eq!(status.code(), Some(6), "{screen}");
        assert!(
            !screen.contains("[y/N]") && screen.contains("guarded"),
            "{screen}"
        );
        assert!(is_alive(&ends[0]) && !is_alive(&ends[1]));
    });
}

#[test]
fn counters_are_known_before_the_question() {
    isolated(|| {
        let (_ends, _listener, port) = connections(2);
        let sitting = Sitting::asked(&format!("delete -i dport = :{port}"));
        let lines = sitting.lines();
        let heading: Vec<_> = lines[0].split_whitespace().collect();
        assert_eq!(heading[3..], ["IDLE", "RTT", "RETRANS", "TOTAL"]);
        let row: Vec<_> = lines[1].split_whitespace().collect();
        assert!(row[3].ends_with('s') && row[4].ends_with('s'), "{row:?}");
        sitting.types("n\n");
        sitting.end();
    });
}

#[test]
fn outcomes_are_aligned() {
    isolated(|| {
        let listener: TcpListener = tcp::listen(tcp::loopback(0));
        let at = listener.local_addr().unwrap();
        let _ends: Vec<_> = ["127.0.0.1:9", "127.100.100.101:10001", "127.0.0.2:99"]
            .map(|from| {
                let from = from.parse().unwrap();
                let socket = tcp::socket(from);
                socket.set_reuse_address(true).unwrap();
                socket.bind(&from.into()).unwrap();
                tcp::connect_from(socket, &listener)
            })
            .into();
        let sitting = Sitting::down(&format!("delete --yes dst {at}"));
        let (code, lines) = sitting.end();
        assert_eq!(code, 0, "{lines:?}");
        let peers: Vec<_> = beginning(&lines, "deleted")
            .iter()
            .map(|line| line.rfind("127.").unwrap())
            .collect();
        assert_eq!(peers.len(), 3);
        assert!(
            peers.iter().all(|column| *column == peers[0]),
            "{}",
            lines.join("\n")
        );
    });
}
