//! Names in `tcpentry top`: not one is asked for before its key, and no resolver holds anything up.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::tmux::Tmux;
use tcpentry_testkit::{isolated, terminal, until};

use crate::top::await_shell;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpentry");

/// A server for DNS at the address that the programs of the test ask.
struct NameServer {
    /// The number of questions so far.
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    /// Answers each question for the name of an address with this one, or never.
    fn start(name: Option<&'static [&'static [u8]]>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                counted.fetch_add(1, Ordering::Relaxed);
                if let Some(name) = name {
                    let _ = socket.send_to(&answer(&question[..length], name), from);
                }
            }
        });
        Self { asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// Returns the answer to a question of which only the name is not known in advance: RFC 1035.
fn answer(question: &[u8], labels: &[&[u8]]) -> Vec<u8> {
    let name = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let mut answer = question[..2].to_vec();
    // A response without error; one question, one answer.
    answer.extend([0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    answer.extend(&question[12..name + 4]);
    // The name of the question; PTR, IN, a minute.
    answer.extend([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60]);
    let length: usize = labels.iter().map(|label| label.len() + 1).sum();
    answer.extend(u16::try_from(length + 1).unwrap().to_be_bytes());
    for label in labels {
        answer.push(u8::try_from(label.len()).unwrap());
        answer.extend(*label);
    }
    answer.push(0);
    answer
}

/// Returns a command that starts the program where the resolver asks the server of the test, and has the patience of a minute.
fn starts(tmux: &Tmux, words: &str) -> String {
    let file = tmux.folder().join("resolv.conf");
    let text = "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n";
    fs::write(&file, text).unwrap();
    let mount = format!("mount --bind {} /etc/resolv.conf", file.display());
    format!("unshare -m sh -c '{mount} && exec {PROGRAM} top {words}'")
}

/// Connects to an address that is in no file.
fn connect() -> (Ends, SocketAddr) {
    let listener = tcp::listen("127.9.8.7:0".parse().unwrap());
    let address = listener.local_addr().unwrap();
    (tcp::connect_to(&listener), address)
}

#[test]
fn nothing_resolves_a_name_before_its_key_and_names_are_on_the_screen_only() {
    isolated(|| {
        let tmux = terminal!(110, 24);
        let server = NameServer::start(Some(&[b"db-of-the-test", b"example"]));
        let (ends, address) = connect();
        let recording = tmux.folder().join("recording");
        let words = format!(
            "--record {} dport = :{}",
            recording.display(),
            address.port()
        );
        tmux.runs(&starts(&tmux, &words));
        let ip = address.to_string();
        tmux.await_text(&ip);
        // Whatever else is looked at.
        tmux.types("o");
        tmux.press("Escape");
        tmux.press("Tab");
        tmux.await_text("group: process");
        tmux.press("BTab");
        tmux.types("/9.8");
        tmux.press("Enter");
        tmux.await_text("/ find  d delete");
        tmux.press("Enter");
        tmux.await_text("send queue");
        tmux.press("Escape");
        tmux.types("d");
        tmux.await_text("Delete this connection?");
        tmux.types("n");
        tmux.await_text("nothing was deleted");
        assert_eq!(server.asked(), 0);

        tmux.types("n");
        tmux.await_text("db-of-the-test.example:");
        assert!(server.asked() > 0);
        let asked = server.asked();
        tmux.types("d");
        let preview = tmux.await_text("(db-of-the-test.example)");
        assert!(preview.contains(&ip), "{preview}");
        tmux.types("y");
        tmux.await_text("1 deleted");
        assert!(tcp::events(&ends.client) != 0);
        tmux.types("l");
        let log = tmux.await_text("1 entry");
        assert!(log.contains(&ip) && !log.contains("example"), "{log}");
        tmux.press("Escape");
        tmux.types("q");
        await_shell(&tmux);
        let text = fs::read_to_string(&recording).unwrap();
        assert!(text.contains(&ip) && !text.contains("example"), "{text}");
        assert_eq!(server.asked(), asked, "an answer is kept");

        // The names of a recording are those of this machine and of now, and asked for as well.
        tmux.runs("clear");
        tmux.runs(&starts(&tmux, &format!("--replay {}", recording.display())));
        tmux.await_text("127.9.8.7:");
        assert_eq!(server.asked(), asked);
        tmux.types("n");
        tmux.await_text("names");
        until("it is asked for", || server.asked() > asked);
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn a_resolver_that_never_answers_holds_up_no_key_no_refresh_and_not_the_end() {
    isolated(|| {
        let tmux = terminal!(110, 24);
        let server = NameServer::start(None);
        let (_ends, address) = connect();
        let words = format!("dport = :{}", address.port());
        tmux.runs(&starts(&tmux, &words));
        tmux.await_text("1 selected");
        tmux.types("n");
        tmux.await_text("names (1 to come)");
        until("it is asked", || server.asked() > 0);
        tmux.await_text(&address.to_string());
        tmux.types("o");
        tmux.await_text("sort by");
        tmux.press("Escape");
        tmux.types("/");
        tmux.press("Escape");
        tmux.types("nn");
        tmux.await_text("names (1 to come)");
        tmux.types("q");
        // Long before the resolver's patience is over.
        await_shell(&tmux);
    });
}

#[test]
fn a_name_of_escape_sequences_or_of_digits_is_text() {
    isolated(|| {
        let tmux = terminal!(110, 24);
        let (_ends, address) = connect();
        let hosts = tmux.folder().join("hosts");
        let words = format!("dport = :{}", address.port());
        // A file is not limited to what the resolver takes from DNS.
        for (name, shown) in [
            (
                "\u{1b}]0;owned\u{7}\u{1b}[2Jx",
                "\"\\u{1b}]0;owned\\u{7}\\u{1b}[2Jx\":",
            ),
            ("10.0.0.1.evil", "\"10.0.0.1.evil\":"),
            ("10.0.0.1", "127.9.8.7:"),
        ] {
            fs::write(&hosts, format!("127.9.8.7 {name}\n")).unwrap();
            let mount = format!("mount --bind {} /etc/hosts", hosts.display());
            tmux.runs(&format!(
                "unshare -m sh -c '{mount} && exec {PROGRAM} top {words}'"
            ));
            tmux.await_text("1 selected");
            tmux.types("n");
            tmux.await_screen("it is looked up", |screen| {
                screen.contains("  names  ") && screen.contains(shown)
            });
            tmux.types("q");
            await_shell(&tmux);
            tmux.runs("clear");
        }
    });
}
