//! The ways by which an operator comes that no list of names foresees, each with the real thing.

use std::fs;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::link::{HERE, Neighbour};
use tcpentry_testkit::sshd::{OTHER_PORT, Session, SshServer};
use tcpentry_testkit::stage::{OPERATOR, OPERATOR_UID};
use tcpentry_testkit::tcp::Ends;
use tcpentry_testkit::user::User;
use tcpentry_testkit::{isolated, proc_net, skip, tcp, until};

use super::{OWN, assert_guarded, assert_says_why, code, detached, has, server};
use crate::util::{ELSEWHERE, Run, ends, program, run};

#[test]
fn a_jump_over_the_same_host_guards_both_its_connections() {
    with_server!(|server: &SshServer| {
        let mut other = server.session("root");
        let jump = format!(
            "ProxyCommand={} -W %h:%p",
            words(&server.client("root@127.0.0.1", &[], ""))
        );
        let delete = format!("{} delete --yes sport = :22", server.program());
        let output = server
            .client(
                "root@127.0.0.1",
                &["-o", &jump],
                &format!("unset SSH_CONNECTION; {delete}"),
            )
            .output()
            .unwrap();
        assert_eq!(code(&output), 6, "{output:?}");
        assert_eq!(outcomes(&output, "guarded"), 2, "{output:?}");
        assert_eq!(outcomes(&output, "deleted"), 1, "{output:?}");
        assert!(!other.is_alive());
    });
}

#[test]
fn a_jump_by_a_program_between_is_followed_through_its_pipes() {
    with_server!(|server: &SshServer| {
        let mut other = server.session("root");
        let jump = format!(
            "ProxyCommand={} nc 127.0.0.1 22",
            words(&server.client("root@127.0.0.1", &[], ""))
        );
        let delete = format!("{} delete --yes sport = :22", server.program());
        let output = server
            .client(
                "root@127.0.0.1",
                &["-o", &jump],
                &format!("unset SSH_CONNECTION; {delete}"),
            )
            .output()
            .unwrap();
        assert_eq!(code(&output), 6, "{output:?}");
        assert_eq!(outcomes(&output, "guarded"), 2, "{output:?}");
        assert!(!other.is_alive());
    });
}

#[test]
fn the_carrier_of_a_reverse_tunnel_is_guarded() {
    with_server!(|server: &SshServer| {
        let options = ["-N", "-R", "4022:127.0.0.1:22"];
        let _tunnel = Running(
            server
                .client("root@127.0.0.1", &options, "")
                .spawn()
                .unwrap(),
        );
        until("the tunnel is open", || is_listening(4022));
        let mut other = server.session("root");
        let delete = format!("{} delete --yes state established", server.program());
        let output = server
            .client(
                "root@127.0.0.1",
                &["-p", "4022"],
                &format!("unset SSH_CONNECTION; {delete}"),
            )
            .output()
            .unwrap();
        // Of the session behind the tunnel, of the tunnel and of who came by it both ends.
        assert_eq!(code(&output), 6, "{output:?}");
        assert_eq!(outcomes(&output, "guarded"), 6, "{output:?}");
        assert!(!other.is_alive());
    });
}

#[test]
fn what_the_own_server_forwards_can_be_deleted() {
    for user in ["root", OPERATOR] {
        with_server!(|server: &SshServer| {
            let sudo = match user {
                "root" => "",
                _ if has("sudo") => "sudo -n ",
                _ => skip!("sudo is neither installed nor unpacked"),
            };
            let neighbour = Neighbour::new();
            let database = TcpListener::bind((Ipv4Addr::LOCALHOST, 5432)).unwrap();
            let program = server.program();
            let command = format!(
                "until [ -e /run/go ]; do sleep 0.05; done; {sudo}{program} delete --yes sport = :22; echo $?; \
                 {sudo}{program} delete --yes dport = :5432; echo $?; echo end"
            );
            let forward = ["-L", "15432:127.0.0.1:5432"];
            let client = server.client(&format!("{user}@{HERE}"), &forward, &command);
            let mut session = inside(&neighbour, &client).spawn().unwrap();
            let mut out = session.stdout.take().unwrap();
            let session = Running(session);
            let mut query = None;
            until("it forwards", || {
                let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, 15432));
                query = neighbour.there.run(connect).ok();
                query.is_some()
            });
            let served = database.accept().unwrap().0;
            // Its other end is another's.
            let _held = Holder::of(&served, None);
            drop(served);
            fs::write("/run/go", "").unwrap();
            let said = read_until(&mut out, "end\n");
            let codes: Vec<_> = said.lines().filter(|line| line.len() == 1).collect();
            assert_eq!(codes, ["3", "0"], "{user}: {said}");
            assert_eq!(said.matches("deleted\t").count(), 1, "{user}: {said}");
            drop(session);
        });
    }
}

#[test]
fn an_own_pid_namespace_guards_every_session() {
    with_server!(|server: &SshServer| {
        let program = server.program();
        let delete = format!(
            "{OWN} unset SSH_CONNECTION; exec unshare -pf --mount-proc {program} delete $OWN"
        );
        for port in ["22", "2022"] {
            let output = server
                .client("root@127.0.0.1", &["-p", port], &delete)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert_guarded(&output);
        }
        let other = server.session(OPERATOR);
        let delete = format!("unshare -pf --mount-proc {program} delete {}", other.ends());
        let output = server.run("root", &detached(&delete));
        assert_guarded(&output);
        assert_says_why(&output);
    });
}

/// As in a container, where the operator's session is out of sight and root's services are not.
#[test]
fn in_an_own_pid_namespace_what_a_service_is_seen_to_hold_is_no_session() {
    isolated(|| {
        let Ends { server, .. } = &tcp::connected();
        let script = format!(
            "exec 9<&0 </dev/null; sleep 1000 & exec 9<&-; {} delete {}",
            env!("CARGO_BIN_EXE_tcpentry"),
            ends(server),
        );
        let shown: Run = Command::new("unshare")
            .args(["-pf", "--mount-proc", "sh", "-c", &script])
            .env("SSH_CONNECTION", ELSEWHERE)
            .stdin(OwnedFd::from(server.try_clone().unwrap()))
            .output()
            .unwrap()
            .into();
        assert_eq!(shown.code, 0, "{}", shown.err);
    });
}

#[test]
fn without_proc_every_session_is_guarded() {
    with_server!(|server: &SshServer| {
        let program = server.program();
        let other = server.session(OPERATOR);
        for ends in ["$OWN", other.ends()] {
            let delete = format!(
                "{OWN} unset SSH_CONNECTION; export OWN; \
                 exec unshare -m sh -c 'mount -t tmpfs none /proc && exec {program} delete \"$@\"' sh {ends}"
            );
            for port in ["22", "2022"] {
                let output = server
                    .client("root@127.0.0.1", &["-p", port], &delete)
                    .stdin(Stdio::null())
                    .output()
                    .unwrap();
                assert_guarded(&output);
            }
        }
    });
}

#[test]
fn somebody_elses_tmux_guards_who_is_attached() {
    with_server!(|server: &SshServer| {
        if !has("tmux") || !has("sudo") {
            skip!("tmux or sudo is neither installed nor unpacked");
        }
        let program = server.program();
        let mut other = server.session("root");
        let tmux = "tmux -u -S /run/operator/tmux -f /dev/null";
        let delete = format!(
            "until [ -e /run/go ]; do sleep 0.05; done; sudo -n {program} delete --yes sport = :22 >/run/operator/said 2>&1; \
             echo $? >/run/operator/code; sleep 1000"
        );
        let start = server.run(OPERATOR, &format!("{tmux} new-session -d '{delete}'"));
        assert_eq!(code(&start), 0, "{start:?}");
        let attach = format!("TERM=xterm {tmux} attach");
        let mut attached = server
            .client("root@127.0.0.1", &["-tt"], &attach)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map(Running)
            .unwrap();
        until("root is attached", || {
            let clients = server.run(OPERATOR, &format!("{tmux} list-clients"));
            !clients.stdout.is_empty()
        });
        fs::write("/run/go", "").unwrap();
        until("it has ended", || {
            fs::read("/run/operator/code").is_ok_and(|text| !text.is_empty())
        });
        let said = fs::read_to_string("/run/operator/said").unwrap();
        assert_eq!(
            fs::read_to_string("/run/operator/code").unwrap(),
            "6\n",
            "{said}"
        );
        assert_eq!(said.matches("\nguarded\t").count(), 1, "{said}");
        assert!(!other.is_alive());
        assert_eq!(attached.0.try_wait().unwrap(), None, "the session is there");
    });
}

#[test]
fn screen_guards_who_is_attached() {
    with_server!(|server: &SshServer| {
        if !has("screen") {
            skip!("screen is neither installed nor unpacked");
        }
        let program = server.program();
        let mut other = server.session("root");
        fs::write(
            "/run/delete",
            format!(
                "{program} delete --yes sport = :22 >/run/said 2>&1; echo $? >/run/code; sleep 1000"
            ),
        )
        .unwrap();
        let screen = "SCREENDIR=$HOME/screens TERM=xterm screen -c /dev/null sh /run/delete";
        let attached = server
            .client("root@127.0.0.1", &["-tt"], screen)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map(Running);
        let _attached = attached.unwrap();
        until("it has ended", || {
            fs::read("/run/code").is_ok_and(|text| !text.is_empty())
        });
        let said = fs::read_to_string("/run/said").unwrap();
        assert_eq!(fs::read_to_string("/run/code").unwrap(), "6\n", "{said}");
        assert_eq!(said.matches("\nguarded\t").count(), 1, "{said}");
        assert!(!other.is_alive());
    });
}

#[test]
fn who_may_delete_but_not_look_is_guarded_on_any_port() {
    with_server!(|server: &SshServer| {
        let program = server.program();
        if !has_capability(program) {
            skip!("no file can be given capabilities here");
        }
        let own = format!("{OWN} unset SSH_CONNECTION; exec {program} delete $OWN");
        let port = OTHER_PORT.to_string();
        let to = format!("{OPERATOR}@127.0.0.1");
        let output = server.client(&to, &["-p", &port], &own).output().unwrap();
        assert_guarded(&output);
        assert_says_why(&output);
        // What somebody else has accepted can't be it.
        let listener = tcp::listen(tcp::loopback(0));
        let service = User::new(55_555).run(|| tcp::connect_to(&listener));
        let words = ends(&service.client);
        let output = server.run(OPERATOR, &format!("{program} delete {words}"));
        assert_eq!(code(&output), 0, "{output:?}");
    });
}

#[test]
fn where_proc_hides_the_processes_of_others_every_session_is_guarded() {
    with_server!(|server: &SshServer| {
        let program = server.program();
        if !has_capability(program) {
            skip!("no file can be given capabilities here");
        }
        let to = format!("{OPERATOR}@127.0.0.1");
        // Only root mounts, and only a user is hidden anything.
        let own = format!(
            "{OWN} unset SSH_CONNECTION; sudo -n unshare -m sh -c \
             'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid {OPERATOR_UID} --clear-groups {program} delete \"$@\"' sh $OWN"
        );
        if !has("sudo") {
            skip!("sudo is neither installed nor unpacked");
        }
        for port in ["22", "2022"] {
            let output = server.client(&to, &["-p", port], &own).output().unwrap();
            assert_guarded(&output);
            assert_says_why(&output);
        }
    });
}

#[test]
fn a_socket_as_standard_input_is_guarded() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let session = tcp::connect_to(&listener);
        let other = tcp::connect_to(&listener);
        let words = ends(&session.server);
        let mut command = program();
        command.args(["delete"]).args(words.split(' '));
        let socket = OwnedFd::from(session.server.try_clone().unwrap());
        let done: Run = command.stdin(socket).output().unwrap().into();
        assert_eq!(done.code, 3, "{}", done.err);
        assert_eq!(run(&format!("delete {}", ends(&other.server))).code, 0);
    });
}

/// A server of no known name: it accepts, and gives each who comes a program on a pseudo-terminal.
const TERMINAL_SERVER: &str = r#"
import os, pty, socket, sys, select
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
session, _ = listener.accept()
child, terminal = pty.fork()
if child == 0:
    ends = ["%s:%d" % session.getsockname(), "%s:%d" % session.getpeername()]
    listener.close(); session.close()
    os.execv("/bin/sh", ["sh", "-c", sys.argv[1], "sh"] + ends)
while True:
    ready, _, _ = select.select([terminal, session], [], [])
    try:
        if terminal in ready: session.sendall(os.read(terminal, 4096))
        if session in ready: os.write(terminal, session.recv(4096))
    except OSError: break
"#;

#[test]
fn a_server_of_no_known_name_is_followed_through_its_terminal() {
    isolated(|| {
        // In a session of its own nothing above the terminal is an ancestor, and its other end has to be searched for.
        for start in ["exec", "setsid --fork"] {
            let held = tcp::connect_to(&tcp::listen(tcp::loopback(0)));
            let doomed = ends(&held.client);
            let holders = (
                Holder::of(&held.client, None),
                Holder::of(&held.server, None),
            );
            let (at, peer) = tcp::addresses(&held.client);
            drop(held);
            let script = format!(
                "{start} sh -c '{program} delete \"$@\"; echo own $?; {program} delete {doomed}; echo other $?; echo end; sleep 100' sh \"$@\"; sleep 100",
                program = env!("CARGO_BIN_EXE_tcpentry")
            );
            let (server, mut session) = terminal_server(&script);
            let said = read_until(&mut session, "end\r\n");
            assert!(said.contains("own 3"), "{start}: {said}");
            assert!(said.contains("other 0"), "{start}: {said}");
            assert!(proc_net::row(at, peer).is_none());
            drop((server, holders));
        }
    });
}

#[test]
fn a_terminal_that_only_the_program_itself_has_is_followed() {
    isolated(|| {
        let said = std::env::temp_dir().join(format!("tcpentry-said-{}", std::process::id()));
        // It leads a session whose terminal it has taken over, and neither its descriptors nor its parent show that.
        let script = format!(
            "setsid --fork --ctty sh -c 'exec {} delete \"$@\" </dev/null >{} 2>&1' sh \"$@\"; sleep 100",
            env!("CARGO_BIN_EXE_tcpentry"),
            said.display()
        );
        let (server, session) = terminal_server(&script);
        assert_session_named(&said);
        assert!(tcp::pending_error(&session).is_none());
        drop(server);
    });
}

/// Asserts that the program has named the own session in this file, and removes it.
fn assert_session_named(said: &Path) {
    let read = || fs::read_to_string(said).unwrap_or_default();
    until("it has said something", || read().contains('\n'));
    std::thread::sleep(std::time::Duration::from_millis(200));
    let text = read();
    let _ = fs::remove_file(said);
    assert!(text.contains("it carries your own session"), "{text}");
}

/// Starts a program that is nobody's child any more, with a unix socket as standard input.
const SOCKET_SERVER: &str = r#"
import socket, subprocess, sys, time
session = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
ours, theirs = socket.socketpair()
ends = ["%s:%d" % session.getsockname(), "%s:%d" % session.getpeername()]
script = 'exec "$0" delete "$@" >' + sys.argv[3] + ' 2>&1'
subprocess.run(["setsid", "--fork", "sh", "-c", script, sys.argv[2]] + ends, stdin=theirs)
theirs.close()
time.sleep(100)
"#;

#[test]
fn who_has_the_other_end_of_the_standard_input_is_followed() {
    isolated(|| {
        let said = std::env::temp_dir().join(format!("tcpentry-input-{}", std::process::id()));
        let listener = tcp::listen(tcp::loopback(0));
        let server = Command::new("python3")
            .args(["-c", SOCKET_SERVER])
            .arg(listener.local_addr().unwrap().port().to_string())
            .arg(env!("CARGO_BIN_EXE_tcpentry"))
            .arg(&said)
            .env_remove("SSH_CONNECTION")
            .spawn()
            .map(Running);
        let server = server.unwrap();
        let (session, _) = listener.accept().unwrap();
        assert_session_named(&said);
        assert!(tcp::pending_error(&session).is_none());
        drop(server);
    });
}

/// Starts [`TERMINAL_SERVER`] with a script, and connects to it.
fn terminal_server(script: &str) -> (Running, TcpStream) {
    connected_to(Command::new("python3").args(["-c", TERMINAL_SERVER, script]))
}

/// Starts a server that prints its port, and connects to it.
fn connected_to(server: &mut Command) -> (Running, TcpStream) {
    let mut server = server
        .env_remove("SSH_CONNECTION")
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut port = String::new();
    let mut out = std::io::BufReader::new(server.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut port).unwrap();
    let server = Running(server);
    let session = TcpStream::connect(format!("127.0.0.1:{}", port.trim())).unwrap();
    (server, session)
}

/// A server of terminals in two processes, as some on the web: one accepts, and is itself a client of a database; the
/// other, which nobody's parent has to do with, has the terminal, and a unix socket to the first.
const SERVER_BESIDE: &str = r#"
import os, pty, select, socket, sys
database = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
session, _ = listener.accept()
ends = ["%s:%d" % end for held in (session, database) for end in (held.getsockname(), held.getpeername())]
def relay(one, other):
    while True:
        for source in select.select([one, other], [], [])[0]:
            try: some = os.read(source, 4096)
            except OSError: return
            if not some: return
            os.write(other if source == one else one, some)
ours, theirs = socket.socketpair()
child = os.fork()
if child == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    for held in (session, database, listener, ours): held.close()
    inside, terminal = pty.fork()
    if inside == 0: os.execv("/bin/sh", ["sh", "-c", sys.argv[1], "sh"] + ends)
    relay(theirs.fileno(), terminal)
    os._exit(0)
os.waitpid(child, 0)
theirs.close()
relay(session.fileno(), ours.fileno())
"#;

#[test]
fn a_server_beside_the_terminal_guards_whom_it_has_accepted_and_not_where_it_is_a_client() {
    isolated(|| {
        let database = tcp::listen(tcp::loopback(0));
        let port = database.local_addr().unwrap().port().to_string();
        let script = format!(
            "{program} delete $1 $2; echo own $?; {program} delete $3 $4; echo other $?; echo end; sleep 100",
            program = env!("CARGO_BIN_EXE_tcpentry")
        );
        let mut server = Command::new("python3");
        let server = server.args(["-c", SERVER_BESIDE, &script, &port]);
        let (server, mut session) = connected_to(server);
        let said = read_until(&mut session, "end\r\n");
        assert!(said.contains("it carries your own session"), "{said}");
        assert!(said.contains("own 3"), "{said}");
        assert!(said.contains("other 0"), "{said}");
        drop(server);
    });
}

#[test]
fn telnetd_is_followed_through_its_terminal() {
    with_server!(|server: &SshServer| {
        if !std::path::Path::new("/usr/sbin/telnetd").exists() {
            skip!("telnetd is neither installed nor unpacked");
        }
        let listener = tcp::listen(tcp::loopback(0));
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let words = ends(&socket);
        let script = format!(
            "#!/bin/sh\n{} delete {words}\necho own $?\necho end\nsleep 100\n",
            server.program()
        );
        fs::write("/run/login", script).unwrap();
        super::allow("/run/login");
        let socket = OwnedFd::from(socket);
        let telnetd = Command::new("/usr/sbin/telnetd")
            .args(["-h", "-E", "/run/login"])
            .env_remove("SSH_CONNECTION")
            .stdin(socket.try_clone().unwrap())
            .stdout(socket.try_clone().unwrap())
            .stderr(socket)
            .spawn()
            .map(Running);
        let _telnetd = telnetd.unwrap();
        let said = talk_telnet(client, "end\r\n");
        assert!(said.contains("own 3"), "{said}");
    });
}

#[test]
fn dropbear_guards_its_session() {
    with_server!(|server: &SshServer| {
        if !has("dropbearkey") {
            skip!("dropbear is neither installed nor unpacked");
        }
        let made = Command::new("dropbearkey")
            .args(["-t", "ed25519", "-f", "/run/dropbear"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        fs::create_dir_all("/run/root/.ssh").unwrap();
        fs::copy("/run/user.pub", "/run/root/.ssh/authorized_keys").unwrap();
        let dropbear = Command::new("/usr/sbin/dropbear")
            .args(["-F", "-E", "-r", "/run/dropbear", "-p", "3022"])
            .stderr(fs::File::create("/run/dropbear.log").unwrap())
            .spawn();
        let _dropbear = Running(dropbear.unwrap());
        until("dropbear listens", || is_listening(3022));
        let neighbour = Neighbour::new();
        let delete = format!(
            "unset SSH_CONNECTION; {} delete --yes sport = :3022",
            server.program()
        );
        let client = server.client(&format!("root@{HERE}"), &["-p", "3022"], &delete);
        let output = inside(&neighbour, &client).output().unwrap();
        assert_guarded(&output);
        let client = server.client(&format!("root@{HERE}"), &["-p", "3022"], &detached(&delete));
        let output = inside(&neighbour, &client).output().unwrap();
        assert_guarded(&output);
    });
}

#[test]
fn a_service_that_pretends_to_be_a_server_is_not_spared() {
    with_server!(|server: &SshServer| {
        // As a user may, from a file of root's: with the name, and with a login uid of their own; and as root, from a
        // file that a user may change.
        for (number, uid, owner) in [(1, OPERATOR_UID, 0), (2, 0, OPERATOR_UID)] {
            let listener = tcp::listen(tcp::loopback(0));
            let service = tcp::connect_to(&listener);
            let words = ends(&service.client);
            let folder = format!("/run/operator/{number}");
            fs::create_dir(&folder).unwrap();
            let program = format!("{folder}/sshd");
            fs::copy("/bin/sleep", &program).unwrap();
            super::allow(&program);
            std::os::unix::fs::chown(&program, Some(owner), None).unwrap();
            let pretender = Command::new("setpriv")
                .args(["--reuid", &uid.to_string(), "--clear-groups", "sh", "-c"])
                .arg(format!(
                    "echo {OPERATOR_UID} >/proc/self/loginuid; exec {program} 1000"
                ))
                .stdin(OwnedFd::from(service.client))
                .spawn()
                .map(Running);
            let pretender = pretender.unwrap();
            let comm = format!("/proc/{}/comm", pretender.0.id());
            until("it is called so", || {
                fs::read_to_string(&comm).is_ok_and(|name| name == "sshd\n")
            });
            let _held = Holder::of(&service.server, None);
            drop(service.server);
            // Whoever has the same login uid, where one can be set.
            let log_in = format!("echo {OPERATOR_UID} >/proc/self/loginuid 2>/dev/null");
            let delete = format!("{log_in}; {} delete --yes {words}", server.program());
            let output = server.run("root", &detached(&delete));
            assert_eq!(code(&output), 0, "uid {uid}: {output:?}");
        }
    });
}

#[test]
fn one_match_that_a_server_holds_is_asked_for() {
    with_server!(|server: &SshServer| {
        let mut other: Session = server.session("root");
        let (_, client) = other.ends().split_once(' ').unwrap();
        let delete = format!("{} delete dst {client} sport = :22", server.program());
        let output = server.run("root", &delete);
        assert_eq!(code(&output), 3, "{output:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("held by an SSH server"), "{output:?}");
        assert!(other.is_alive());
        let output = server.run("root", &format!("{delete} --yes"));
        assert_eq!(code(&output), 0, "{output:?}");
        assert!(!other.is_alive());
    });
}

/// Opens a connection between two processes of their own; returns its ends with them.
fn somebody_elses() -> (String, [Holder; 2]) {
    let held = tcp::connect_to(&tcp::listen(tcp::loopback(0)));
    let holders = [
        Holder::of(&held.client, None),
        Holder::of(&held.server, None),
    ];
    (ends(&held.client), holders)
}

#[test]
fn a_terminal_that_leads_nowhere_is_said_and_asked_about() {
    isolated(|| {
        let (words, _holders) = somebody_elses();
        // What is typed comes by a pipe. None of it may be held by this process, which has the connections of other tests.
        let said = Said::new("terminal");
        let script = format!(
            "(until grep -q 'y/N' {said}; do sleep 0.05; done; echo y; sleep 10) | \
             script -qfc '{program} delete {words}; echo code $?' /dev/null",
            program = env!("CARGO_BIN_EXE_tcpentry")
        );
        apart(&script, &said);
        let text = said.await_text("code ");
        assert_eq!(text.matches("this may cut you off: ").count(), 1, "{text}");
        assert!(text.contains("Delete it anyway? [y/N] "), "{text}");
        assert!(text.contains("code 0"), "{text}");
    });
}

/// Requires `--yes` for what may cut the operator off where nobody can be asked.
fn assert_asked_about(text: &str) {
    assert!(text.contains("this may cut you off: "), "{text}");
    assert!(text.contains("plain 3\n"), "{text}");
    assert!(text.contains("filter 3\n"), "{text}");
    assert!(text.contains("rehearsed 0\n"), "{text}");
    assert!(text.contains("yes 0\n"), "{text}");
}

/// Deletes a connection exactly and by a filter, without an answer and with one.
fn ask_about(words: &str) -> String {
    let program = env!("CARGO_BIN_EXE_tcpentry");
    let (local, peer) = words.split_once(' ').unwrap();
    format!(
        "{program} delete {words}; echo plain $?; {program} delete src {local} dst {peer}; echo filter $?; \
         {program} delete -n {words}; echo rehearsed $?; {program} delete --yes {words}; echo yes $?; echo end"
    )
}

#[test]
fn a_login_that_has_left_a_program_behind_is_said_and_asked_about() {
    isolated(|| {
        let (words, _holders) = somebody_elses();
        let said = Said::new("login");
        let script = format!(
            "echo {OPERATOR_UID} >/proc/self/loginuid && echo logged in; {}",
            ask_about(&words)
        );
        apart(&script, &said);
        let text = said.await_text("end\n");
        if !text.contains("logged in") {
            skip!("no login uid can be set here");
        }
        assert_asked_about(&text);
    });
}

#[test]
fn a_service_that_nobody_has_logged_in_to_is_not_asked_about() {
    isolated(|| {
        let program = env!("CARGO_BIN_EXE_tcpentry");
        // As systemd starts a service, and as daemon(7) tells a daemon to leave whoever has started it.
        for (kind, behind) in [("service", "; "), ("daemon", " & exit")] {
            let (words, _holders) = somebody_elses();
            let said = Said::new(kind);
            let script = format!("(sleep 0.3; {program} delete {words}; echo code $?){behind}");
            apart(&script, &said);
            let text = said.await_text("code ");
            assert!(text.contains("code 0"), "{kind}: {text}");
            assert!(!text.contains("cut you off"), "{kind}: {text}");
        }
    });
}

/// Accepts a connection, and brings it to a program that is nobody's child any more: by two pipes, by two FIFOs of
/// another process, or by the socket of a multiplexer that has no name.
const RELAY: &str = r#"
import os, select, socket, sys, time
way, folder, out, script = sys.argv[1:5]

def apart(run):
    child = os.fork()
    if child:
        # The session's leader would lead to this process even when it has ended.
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork(): os._exit(0)
    try: run()
    finally: os._exit(0)

def only(*kept):
    kept = [os.dup2(one, 100 + at, False) for at, one in enumerate(kept)]
    os.closerange(0, 3); os.closerange(3, 100)
    null = os.open("/dev/null", os.O_RDWR)
    for at in range(3): os.dup2(null, at)
    return kept

def relay(*pairs):
    while True:
        ready, _, _ = select.select([source for source, _ in pairs], [], [], 1)
        # The test is over.
        if not os.path.exists(folder): return
        for source, sink in pairs:
            if source in ready:
                some = os.read(source, 4096)
                if not some: return
                os.write(sink, some)

def program(number):
    os.dup2(number, 0)
    said = os.open(out, os.O_WRONLY | os.O_APPEND)
    os.dup2(said, 1); os.dup2(said, 2)
    os.closerange(3, 300)
    os.execv("/bin/sh", ["sh", "-c", script, "sh"] + ends)

def on_terminal(run):
    import pty
    child, terminal = pty.fork()
    if child == 0: run()
    return terminal

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
session, _ = listener.accept()
listener.close()
ends = ["%s:%d" % session.getsockname(), "%s:%d" % session.getpeername()]
session = session.detach()
if way == "pipes":
    inner, outer = os.pipe()
    apart(lambda: program(only(inner)[0]))
    os.close(inner)
    relay((session, outer))
elif way == "shim":
    # The program's parent has pipes to it, and FIFOs to the process with the connection.
    first = folder + "/first"
    os.mkfifo(first)
    def shim():
        only()
        source = os.open(first, os.O_RDONLY)
        inner, outer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            os.close(outer)
            program(inner)
        os.close(inner)
        relay((source, outer))
    apart(shim)
    sink = os.open(first, os.O_WRONLY)
    relay((session, sink))
elif way == "fifos":
    # A relay between: the connection's process writes to it by a FIFO.
    first, second = folder + "/first", folder + "/second"
    os.mkfifo(first); os.mkfifo(second)
    def between():
        only()
        relay((os.open(first, os.O_RDONLY), os.open(second, os.O_WRONLY)))
    def end():
        only()
        program(os.open(second, os.O_RDONLY))
    apart(between)
    apart(end)
    sink = os.open(first, os.O_WRONLY)
    relay((session, sink))
elif way == "pair":
    # Who makes the sockets leaves both ends to others, and is the program's parent.
    def maker():
        outer, inner = socket.socketpair()
        if os.fork() == 0:
            inner.close()
            relay((session, outer.detach()))
            os._exit(0)
        os.close(session)
        outer.close()
        if os.fork() == 0:
            program(inner.detach())
        inner.close()
        os.wait()
    apart(maker)
    os.close(session)
    time.sleep(100)
elif way in ("datagrams", "datagrams and pipe"):
    # A multiplexer, or a program's parent, that hears from the connection's process by datagrams.
    serving = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    serving.bind(folder + "/socket")
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(folder + "/control"); control.listen()
    def multiplexer():
        source = only(serving.fileno(), control.fileno())[0]
        if way == "datagrams":
            sink = on_terminal(lambda: program(os.dup(0)))
        else:
            inner, sink = os.pipe()
            if os.fork() == 0:
                os.close(sink)
                program(inner)
            os.close(inner)
        relay((source, sink))
    apart(multiplexer)
    serving.close(); control.close()
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    connected.connect(folder + "/socket")
    relay((session, connected.detach()))
else:
    # A multiplexer, and its client on a terminal of the server's.
    name, kind = folder + "/socket", {"stream": socket.SOCK_STREAM, "packets": socket.SOCK_SEQPACKET, "fifo": None}[way]
    def multiplexer():
        def inside():
            program(os.dup(0))
        if kind is None:
            only()
            source = os.open(name, os.O_RDONLY)
        else:
            kept = only(serving.fileno())[0]
            source = socket.socket(fileno=kept).accept()[0].detach()
        terminal = on_terminal(inside)
        relay((source, terminal))
    def client():
        if kind is None:
            sink = os.open(name, os.O_WRONLY)
        else:
            connected = socket.socket(socket.AF_UNIX, kind)
            connected.connect(name)
            sink = connected.detach()
        relay((0, sink))
    if kind is None:
        os.mkfifo(name)
    else:
        serving = socket.socket(socket.AF_UNIX, kind)
        serving.bind(name); serving.listen()
    apart(multiplexer)
    if kind is not None: serving.close()
    def alone():
        os.close(session)
        client()
    relay((session, on_terminal(alone)))
"#;

#[test]
fn a_session_over_pipes_fifos_or_any_socket_of_a_multiplexer_is_guarded() {
    isolated(|| {
        for way in [
            "pipes", "pair", "shim", "fifos", "fifo", "stream", "packets",
        ] {
            let (words, _holders) = somebody_elses();
            let program = env!("CARGO_BIN_EXE_tcpentry");
            let script = format!(
                "{program} delete \"$@\"; echo own $?; {program} delete {words}; echo other $?; echo end; sleep 100"
            );
            let text = relayed(way, &script);
            assert!(
                text.contains("it carries your own session"),
                "{way}: {text}"
            );
            assert!(text.contains("own 3\n"), "{way}: {text}");
            assert!(text.contains("other 0\n"), "{way}: {text}");
            assert!(!text.contains("cut you off"), "{way}: {text}");
        }
    });
}

#[test]
fn a_session_over_datagrams_is_said_and_asked_about() {
    isolated(|| {
        for way in ["datagrams", "datagrams and pipe"] {
            let (words, _holders) = somebody_elses();
            let program = env!("CARGO_BIN_EXE_tcpentry");
            let script = format!(
                "{program} delete \"$@\"; echo own $?; {}; sleep 100",
                ask_about(&words)
            );
            let text = relayed(way, &script);
            assert!(text.contains("own 3\n"), "{way}: {text}");
            assert!(text.contains("receives datagrams"), "{way}: {text}");
            assert_asked_about(&text);
        }
    });
}

/// Runs a script behind a relay that has accepted a connection, whose ends are its arguments, until it says that it has
/// ended. Returns what it said; the connection must have outlived it.
fn relayed(way: &str, script: &str) -> String {
    let said = Said::new(way);
    let folder = std::env::temp_dir().join(format!("tcpentry-relay-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let mut relay = Command::new("python3");
    relay.args(["-c", RELAY, way]).arg(&folder).arg(&said.0);
    let relay = relay.arg(script).stdin(Stdio::null());
    let (server, mut session) = connected_to(relay);
    session.write_all(b"\n").unwrap();
    let text = said.await_text("end\n");
    assert!(tcp::pending_error(&session).is_none(), "{way}: {text}");
    drop(server);
    fs::remove_dir_all(&folder).unwrap();
    text
}

#[test]
fn a_pipe_whose_other_end_is_out_of_sight_is_said_and_asked_about() {
    isolated(|| {
        let (words, _holders) = somebody_elses();
        let said = Said::new("severed");
        // The only writer is in flight: no process has it.
        let script = "import os, socket, array, sys, time\n\
             a, b = socket.socketpair()\n\
             r, w = os.pipe()\n\
             a.sendmsg([b'x'], [(1, 1, array.array('i', [w]))])\n\
             os.close(w)\n\
             os.dup2(r, 0)\n\
             os.close(r)\n\
             os.system(sys.argv[1])\n";
        let mut command = Command::new("setsid");
        command
            .args(["--fork", "python3", "-c", script, &ask_about(&words)])
            .env_remove("SSH_CONNECTION")
            .stdin(Stdio::null());
        said.take_from(&mut command).status().unwrap();
        assert_asked_about(&said.await_text("end\n"));
    });
}

/// As on the terminal of a web server: nobody has logged in, and the shell is gone.
#[test]
fn what_is_left_behind_on_a_terminal_is_said_and_asked_about() {
    isolated(|| {
        let (words, _holders) = somebody_elses();
        let said = Said::new("left");
        let left = said.0.with_extension("sh");
        // Once it is over, the file is gone.
        fs::write(&left, ask_about(&words)).unwrap();
        let script = format!(
            "(while sleep 0.1; do echo n; done) | \
             script -qfc 'setsid --fork sh {} >>{said} 2>&1; while [ -e {said} ] && ! grep -q end {said}; do sleep 0.1; done' /dev/null",
            left.display()
        );
        apart(&script, &said);
        let text = said.await_text("end\n");
        fs::remove_file(&left).unwrap();
        assert_asked_about(&text);
    });
}

/// As with `docker exec` and `kubectl exec` into a container that shares the host's network.
#[test]
fn what_speaks_into_a_pid_namespace_from_outside_is_said_and_asked_about() {
    isolated(|| {
        for (kind, from_outside) in [
            ("pipe", "sleep 10 | $INSIDE"),
            ("socket", "python3 -c \"$SOCKET\""),
            (
                "terminal",
                "script -qfc 'exec $INSIDE </dev/null >>$SAID 2>&1' /dev/null",
            ),
        ] {
            let (words, _holders) = somebody_elses();
            let said = Said::new(kind);
            let socket = "import os, socket\n\
                 a, b = socket.socketpair()\n\
                 if os.fork() == 0:\n    \
                     os.dup2(b.fileno(), 0); a.close(); os.system(os.environ['INSIDE'])\n";
            let inside = said.0.with_extension("sh");
            fs::write(&inside, ask_about(&words)).unwrap();
            let script = format!(
                "export SAID={said} SOCKET=\"{socket}\" INSIDE='unshare -pf --mount-proc sh {}'; {from_outside}",
                inside.display()
            );
            apart(&script, &said);
            let text = said.await_text("end\n");
            fs::remove_file(&inside).unwrap();
            assert_asked_about(&text);
        }
    });
}

/// A container's output is collected of any.
#[test]
fn a_service_in_a_pid_namespace_is_not_asked_about() {
    isolated(|| {
        let (words, _holders) = somebody_elses();
        let said = Said::new("contained");
        let script = format!(
            "unshare -pf --mount-proc {} delete {words} 2>&1 | cat; echo end",
            env!("CARGO_BIN_EXE_tcpentry")
        );
        apart(&script, &said);
        let text = said.await_text("end\n");
        assert!(text.contains("deleted"), "{text}");
        assert!(!text.contains("cut you off"), "{text}");
    });
}

/// Neither the rest of a pipeline nor who wants its output is anything to be said.
#[test]
fn an_ordinary_pipeline_is_not_asked_about() {
    isolated(|| {
        for pipeline in [
            "sleep 1 | $DELETE",
            "sleep 1 | cat | $DELETE | cat",
            "echo | $DELETE",
            "$DELETE | cat",
            "x=$($DELETE 2>&1); code=$?; echo \"$x\"; test $code = 0",
            "$DELETE > >(cat) 2> >(cat >&2)",
            "$DELETE < <(sleep 1)",
            "exec > >(cat) 2>&1; $DELETE",
            "sleep 1 | (setsid -w $DELETE)",
            "coproc cat; $DELETE <&${COPROC[0]} >&${COPROC[1]}",
        ] {
            let (words, _holders) = somebody_elses();
            let said = Said::new("pipeline");
            let program = env!("CARGO_BIN_EXE_tcpentry");
            let script = format!(
                "DELETE='{program} delete {words}'; set -o pipefail; {pipeline}; echo code $?; sleep 0.1; echo end"
            );
            let mut command = Command::new("setsid");
            command
                .args(["--fork", "bash", "-c", &script])
                .env_remove("SSH_CONNECTION")
                .stdin(Stdio::null());
            said.take_from(&mut command).status().unwrap();
            let text = said.await_text("end\n");
            assert!(text.contains("code 0"), "{pipeline}: {text}");
            assert!(!text.contains("cut you off"), "{pipeline}: {text}");
        }
    });
}

/// A file for what a program says that is nobody's child.
struct Said(std::path::PathBuf);

impl Said {
    fn new(name: &str) -> Self {
        let file = format!("tcpentry-said-{name}-{}", std::process::id());
        let said = Self(std::env::temp_dir().join(file));
        fs::write(&said.0, "").unwrap();
        said
    }

    fn take_from<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let open = || fs::File::options().append(true).open(&self.0).unwrap();
        command.stdout(open()).stderr(open())
    }

    /// Waits until it says this, and returns all of it.
    fn await_text(&self, text: &str) -> String {
        let read = || fs::read_to_string(&self.0).unwrap_or_default();
        let start = std::time::Instant::now();
        while !read().contains(text) {
            let waited = start.elapsed();
            assert!(waited < std::time::Duration::from_secs(10), "{}", read());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        read()
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs a script in a session of its own, as nobody's child.
fn apart(script: &str, said: &Said) {
    let mut command = Command::new("setsid");
    command
        .args(["--fork", "sh", "-c", script])
        .env_remove("SSH_CONNECTION")
        .stdin(Stdio::null());
    said.take_from(&mut command).status().unwrap();
}

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns a command that runs this one in the namespace of a neighbour.
fn inside(neighbour: &Neighbour, command: &Command) -> Command {
    let tid = neighbour.there.tid();
    let net = format!("--net=/proc/{}/task/{tid}/ns/net", std::process::id());
    let mut inside = Command::new("nsenter");
    inside
        .arg(net)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    inside
}

/// Formats a command as a shell takes it.
fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words
        .map(|word| word.to_str().unwrap())
        .filter(|word| !word.is_empty())
        .collect();
    words
        .join(" ")
        .replace("ssh -q", "ssh -o Compression=no -q")
}

fn is_listening(port: u16) -> bool {
    let listens = |row: proc_net::ProcNetRow| row.local.port() == port && row.state == 10;
    proc_net::rows().into_iter().any(listens)
}

fn outcomes(output: &Output, outcome: &str) -> usize {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter(|line| line.starts_with(&format!("{outcome}\t")))
        .count()
}

/// Gives the program what lets it delete and not look.
fn has_capability(program: &str) -> bool {
    let set = Command::new("setcap")
        .args(["cap_net_admin+ep", program])
        .output();
    set.is_ok_and(|set| set.status.success())
}

fn read_until(stream: &mut impl Read, end: &str) -> String {
    let mut said = Vec::new();
    let mut some = [0; 4096];
    loop {
        let length = stream.read(&mut some).unwrap_or(0);
        said.extend(&some[..length]);
        let text = String::from_utf8_lossy(&said).into_owned();
        if length == 0 || text.contains(end) {
            return text;
        }
    }
}

/// Refuses every option of telnet(1), and reads.
fn talk_telnet(mut stream: TcpStream, end: &str) -> String {
    const IAC: u8 = 255;
    let mut said = Vec::new();
    let mut byte = [0];
    while stream.read_exact(&mut byte).is_ok() {
        if byte[0] != IAC {
            said.push(byte[0]);
            if said.ends_with(end.as_bytes()) {
                break;
            }
            continue;
        }
        let mut option = [0; 2];
        if stream.read_exact(&mut option).is_err() {
            break;
        }
        let refusal = match option[0] {
            // WILL and DO, to DONT and WONT.
            251 => 254,
            253 => 252,
            _ => continue,
        };
        let _ = stream.write_all(&[IAC, refusal, option[1]]);
    }
    String::from_utf8_lossy(&said).into_owned()
}
