//! Connections of a real SSH server: spared by what looks by itself, ended by a ban.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tcpentry_testkit::link::Neighbour;
use tcpentry_testkit::sshd::SshServer;
use tcpentry_testkit::{isolated, skip, until};

use super::{Service, rule};
use crate::util::{program, run};

#[test]
fn a_rule_that_looks_spares_an_ssh_server_and_a_ban_does_not() {
    isolated(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
        let unpacked = target.unwrap().join("unpacked/root");
        // Its name in /run: that of the program is the folder of the service.
        let copy = std::env::temp_dir().join(format!("tcpentry-of-ssh-{}", std::process::id()));
        std::fs::copy(env!("CARGO_BIN_EXE_tcpentry"), &copy).unwrap();
        let server = SshServer::start(&copy, &unpacked);
        std::fs::remove_file(copy).unwrap();
        let server = match server {
            Ok(server) => server,
            Err(reason) => skip!("{reason}"),
        };
        let neighbour = Neighbour::new();
        let mut client = server.client("root@10.0.0.1", &[], "echo here; exec sleep 50");
        let mut client = neighbour.there.run(move || {
            client
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        });
        let mut line = [0; 5];
        client
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut line)
            .unwrap();
        let rules = "[rule.all]\nevery = \"200ms\"\ndelete = \"sport = :22\"\n\
                     [rule.bans]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n";
        let service = Service::start(program(), rules);
        service.logs("rule all: guarded: ");
        until("it has looked several times", || number("all", "looks") > 3);
        assert!(
            service.log().contains("an SSH server holds it"),
            "{}",
            service.log()
        );
        assert_eq!(number("all", "guarded"), 1, "said once: {}", service.log());
        assert!(client.try_wait().unwrap().is_none());
        ban("add 10.0.0.2\n");
        service.logs("rule bans: deleted: ");
        until("ssh says that its connection is gone", || {
            client
                .try_wait()
                .unwrap()
                .is_some_and(|it| it.code() == Some(255))
        });
        // One's own rule may say otherwise.
        let mut session = server.session("root");
        service.logs_times("rule all: guarded: ", 2);
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
