//! The guards: listeners, ambiguous names, the operator's own session without an SSH server
//! (with one: `own_session/`).

use std::fs;
use std::process::{Command, Stdio};

use tcpentry_testkit::{isolated, tcp};

use crate::util::{Run, ends, is_alive, program, run};

#[test]
fn a_listener_needs_to_be_named_and_allowed() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let other = tcp::listen(tcp::loopback(0));
        let at = listener.local_addr().unwrap();
        assert_eq!(run(&format!("delete {at} 0.0.0.0:0")).code, 3);
        assert_eq!(
            run(&format!("delete -n --listeners {at} 0.0.0.0:0")).code,
            0
        );
        assert!(is_alive(&tcp::connect_to(&listener)));
        assert_eq!(run(&format!("delete --listeners {at} 0.0.0.0:*")).code, 0);
        assert!(std::net::TcpStream::connect(at).is_err());
        assert!(is_alive(&tcp::connect_to(&other)));
    });
}

/// A refusal is said however little is to be said.
#[test]
fn listeners_that_are_all_that_matches_are_refused_aloud() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        for option in ["", "-q", "--json", "-q --json"] {
            let refused = run(&format!("delete -y {option} -l sport = :{port}"));
            assert_eq!(refused.code, 3, "{option}: {}", refused.err);
            let text = "only a listener matches; use --listeners to delete it";
            assert!(refused.err.contains(text), "{option}: {}", refused.err);
        }
        let quiet = run("delete -y -q -l sport = :1");
        assert_eq!((quiet.code, quiet.err.as_str()), (1, ""));
    });
}

#[test]
fn an_ambiguous_name_deletes_nothing_and_shows_the_identities() {
    isolated(|| {
        tcpentry_testkit::link::ip(&[
            "link add va type veth peer name vb",
            "link set va up",
            "link set vb up",
            "address add 10.9.0.1/24 dev va",
            "address add 10.9.0.1/24 dev vb",
        ]);
        let (local, peer) = (
            "10.9.0.1:4000".parse().unwrap(),
            "10.9.0.2:80".parse().unwrap(),
        );
        let sockets = ["va", "vb"].map(|device| {
            let socket = tcp::socket(local);
            socket.bind_device(Some(device.as_bytes())).unwrap();
            socket.set_reuse_address(true).unwrap();
            tcp::imagined(&socket, local, peer);
            socket
        });
        let refused = run("delete 10.9.0.1:4000 10.9.0.2:80");
        assert_eq!(refused.code, 3, "{}", refused.err);
        for device in ["va", "vb"] {
            let line = format!("tcpentry: 10.9.0.1%{device}:4000 10.9.0.2:80 is --id 1/");
            assert!(refused.err.contains(&line), "{}", refused.err);
        }
        let refused = run("delete --json 10.9.0.1:4000 10.9.0.2:80")
            .objects()
            .remove(0);
        assert_eq!(refused["guard"], "ambiguous");
        let candidates = refused["candidates"].as_array().unwrap();
        assert_eq!(candidates.len(), 2);
        assert_eq!(run("list").rows().len(), 2, "nothing was deleted");

        assert_eq!(
            run("delete --own-session 10.9.0.1%va:4000 10.9.0.2:80").code,
            0
        );
        assert_eq!(run("list").rows()[0][3], "10.9.0.1%vb:4000");
        let id = candidates
            .iter()
            .map(|id| id.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(
            run(&format!("delete --own-session --id {id}")).code,
            0,
            "one gone, one deleted"
        );
        drop(sockets);
    });
}

#[test]
fn the_variable_of_ssh_can_only_protect() {
    isolated(|| {
        let connection = tcp::connected();
        let (local, peer) = tcp::addresses(&connection.server);
        let variable = format!(
            "{} {} {} {}",
            peer.ip(),
            peer.port(),
            local.ip(),
            local.port()
        );
        let delete = |words: &[&str]| {
            let output = program()
                .args(words)
                .env("SSH_CONNECTION", &variable)
                .output()
                .unwrap();
            output.status.code()
        };
        let (local, peer) = (local.to_string(), peer.to_string());
        assert_eq!(delete(&["delete", &local, &peer]), Some(3));
        assert_eq!(
            delete(&["delete", &peer, &local]),
            Some(3),
            "both ends are here"
        );
        let other = tcp::connected();
        let words = ends(&other.client);
        let words: Vec<&str> = std::iter::once("delete").chain(words.split(' ')).collect();
        assert_eq!(delete(&words), Some(0));
        assert_eq!(delete(&["delete", "--own-session", &local, &peer]), Some(0));
    });
}

#[test]
fn a_process_above_that_is_called_as_an_ssh_server_is() {
    isolated(|| {
        // A shell that is called by another name, holds a connection and starts the program.
        let folder = std::env::temp_dir().join(format!("tcpentry-shell-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let shell = folder.join("sshd");
        std::os::unix::fs::symlink("/bin/bash", &shell).unwrap();
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port}; \
             {PROGRAM} --json 3<&- | grep -F '\"peer\":\"127.0.0.1:{port}\"' \
             | {PROGRAM} delete --json --id - 3<&-; exit ${{PIPESTATUS[2]}}"
        );
        let run: Run = Command::new(&shell)
            .args(["-c", &script])
            .env_remove("SSH_CONNECTION")
            .stdin(Stdio::null())
            .output()
            .unwrap()
            .into();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(run.code, 3, "{}{}", run.out, run.err);
        assert_eq!(run.objects()[0]["guard"], "own-session");
    });
}

#[test]
fn a_server_that_may_not_be_looked_into_protects_its_port() {
    isolated(|| {
        let folder = std::env::temp_dir().join(format!("tcpentry-hidden-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let shell = folder.join("sshd");
        std::os::unix::fs::symlink("/bin/bash", &shell).unwrap();
        let session = tcp::connect_to(&tcp::listen(tcp::loopback(22)));
        let other = tcp::connected();
        let only = "setpriv --inh-caps=-all,+net_admin --bounding-set=-all,+net_admin";
        let delete = |ends: &str| -> Run {
            // Two commands, or the shell would become the program instead of starting it.
            let script = format!("{only} {PROGRAM} delete -n {ends}; exit $?");
            let mut command = Command::new(&shell);
            command.args(["-c", &script]).env_remove("SSH_CONNECTION");
            command.stdin(Stdio::null()).output().unwrap().into()
        };
        let guarded = delete(&ends(&session.server));
        let free = delete(&ends(&other.server));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(guarded.code, 3, "{}{}", guarded.out, guarded.err);
        assert_eq!(free.code, 0, "{}{}", free.out, free.err);
    });
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpentry");
