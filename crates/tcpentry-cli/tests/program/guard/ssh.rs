//! Connections of a real SSH server: spared by what looks by itself, ended by a ban.

use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::Value;
use tcpentry_testkit::sshd::SshServer;
use tcpentry_testkit::{isolated, skip, until};

use super::{Service, rule};
use crate::util::{program, run};

#[test]
fn a_rule_that_looks_spares_an_ssh_server_and_a_ban_does_not() {
    isolated(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
        let unpacked = target.unwrap().join("unpacked/root");
        let tcpentry = Path::new(env!("CARGO_BIN_EXE_tcpentry"));
        let server = match SshServer::start(tcpentry, &unpacked) {
            Ok(server) => server,
            Err(reason) => skip!("{reason}"),
        };
        let mut session = server.session("root");
        let rules = "[rule.all]\nevery = \"200ms\"\ndelete = \"sport = :22\"\n\
                     [rule.bans]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n";
        let service = Service::start(program(), rules);
        service.logs("rule all: guarded: ");
        until("it has looked several times", || number("all", "looks") > 3);
        assert!(service.log().contains("an SSH server holds it"), "{}", service.log());
        // What stays protected is said once.
        assert_eq!(number("all", "guarded"), 1, "{}", service.log());
        assert!(session.is_alive());
        // Its peer is loopback, which is never banned: the other way lifts the protection.
        ban("add 127.0.0.1\n");
        service.logs("rule bans: not taken: 127.0.0.1 ");
        assert!(session.is_alive());
        service.reload(&rules.replace("[rule.bans]", "ssh-sessions = true\n[rule.bans]"));
        service.logs("rule all: deleted: ");
        assert!(!session.is_alive());
    });
}

fn number(name: &str, key: &str) -> u64 {
    let status: Value = run("guard status --json").objects().remove(0);
    rule(&status, name)[key].as_u64().unwrap()
}

fn ban(lines: &str) {
    let socket = std::os::unix::net::UnixStream::connect("/run/tcpentry/guard.sock");
    let mut socket = socket.unwrap();
    write!(socket, "ban\n{lines}\n").unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
}
