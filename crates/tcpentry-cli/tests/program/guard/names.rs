//! Names that move: what hangs on the former addresses ends, and what a round-robin gives in turn does not.

use std::time::Duration;

use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::until;

use super::{Service, rule};
use crate::lab::{CLIENT, HERE, OTHER, RESET, Stage, on_a_stage, told};
use crate::util::is_alive;

/// Connects from this host to a port of the client's, as to a database.
fn call(stage: &Stage, address: &str, port: u16) -> Ends {
    let at = std::net::SocketAddr::new(address.parse().unwrap(), port);
    let listener = stage.client.run(move || tcp::listen(at));
    let server = std::net::TcpStream::connect(at).unwrap();
    let (client, _) = listener.accept().unwrap();
    // The end that waits for news is the far one.
    Ends::new(client, server)
}

/// Has the resolver of the stage give these addresses from now on.
fn answer(stage: &Stage, addresses: &[&str]) {
    let lines: Vec<_> = addresses
        .iter()
        .map(|it| format!("{it} db.internal"))
        .collect();
    let text = lines.join("\n");
    // In place: the file is mounted.
    stage.world.must(&format!(
        "touch /run/hosts; echo '127.0.0.1 localhost\n{text}' >/run/hosts; \
         mountpoint -q /etc/hosts || mount --bind /run/hosts /etc/hosts"
    ));
}

/// The service is in a pid namespace of its own: who holds a connection it can't see.
const RULE: &str = "[rule.moved]\nwhen = \"name-changed db.internal\"\nabsent-for = \"2s\"\n\
                    delete = \"dst $former dport = :5432\"\nssh-sessions = true\n";

fn status(stage: &Stage) -> serde_json::Value {
    stage.run("guard status --json").objects().remove(0)
}

#[test]
fn what_hangs_on_the_former_address_ends_and_on_its_other_ports_does_not() {
    on_a_stage(|stage| {
        let (old, other) = (call(stage, CLIENT, 5432), call(stage, CLIENT, 80));
        answer(stage, &[CLIENT]);
        let service = Service::start(stage.command(&[]), RULE);
        std::thread::sleep(Duration::from_millis(1500));
        answer(stage, &[OTHER]);
        let new = call(stage, OTHER, 5432);
        until("the old one has ended", || told(&old) == RESET);
        assert!(is_alive(&new) && is_alive(&other));
        assert_eq!(rule(&status(stage), "moved")["last_event_text"], CLIENT);
        service.logs("deleted: ");
        assert_eq!(service.counts("deleted: "), 1);
    });
}

#[test]
fn a_connection_of_roots_whose_holder_is_not_seen_may_be_a_sessions() {
    on_a_stage(|stage| {
        let old = call(stage, CLIENT, 5432);
        answer(stage, &[CLIENT]);
        let rule = RULE.replace("ssh-sessions = true", "");
        let service = Service::start(stage.command(&[]), &rule);
        service
            .logs("rule moved: it can't see who holds the connections of others: a pid namespace");
        std::thread::sleep(Duration::from_millis(1500));
        answer(stage, &[OTHER]);
        service.logs("who holds it can't be seen, and may be an SSH server");
        assert!(is_alive(&old) && service.counts("deleted: ") == 0);
    });
}

#[test]
fn a_name_that_is_given_in_turn_or_not_at_all_ends_nothing() {
    on_a_stage(|stage| {
        let all = [call(stage, CLIENT, 5432), call(stage, OTHER, 5432)];
        answer(stage, &[CLIENT, OTHER]);
        let service = Service::start(stage.command(&[]), RULE);
        for turn in 0..6 {
            std::thread::sleep(Duration::from_millis(1100));
            answer(stage, &[[CLIENT, OTHER][turn % 2]]);
        }
        // Then there is no answer for longer than an address has to be absent.
        answer(stage, &[]);
        std::thread::sleep(Duration::from_secs(5));
        assert!(all.iter().all(is_alive), "{}", service.log());
        assert_eq!(rule(&status(stage), "moved")["looks"], 0);
        assert!(!service.log().contains(HERE), "{}", service.log());
    });
}
