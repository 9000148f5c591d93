//! Unknown facts about a socket select it neither way; its holders may change at any time.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};
use tcpentry_testkit::cgroup::Cgroup;
use tcpentry_testkit::in_flight::InFlight;
use tcpentry_testkit::named::Named;
use tcpentry_testkit::proc_net::await_state;
use tcpentry_testkit::pty::Terminal;
use tcpentry_testkit::ring::Ring;
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::{isolated, skip, until, user};

use crate::util::{ELSEWHERE, Run, is_alive, run};

#[test]
fn what_nobody_can_tell_selects_neither_with_not_nor_without() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let waiting = tcp::connect_to(&listener);
        let (time_wait, to) = tcp::addresses(&waiting.client);
        drop(waiting.client);
        drop(waiting.server);
        await_state(time_wait, to, TIME_WAIT);
        let Ends { client, server } = tcp::connect_to(&listener);
        let orphan = client.local_addr().unwrap();
        drop(client);
        await_state(orphan, server.local_addr().unwrap(), FIN_WAIT_2);
        let untaken = TcpStream::connect(to).unwrap();
        let lazy = tcp::listen(tcp::loopback(0));
        tcp::defer_accept(&lazy);
        let request = TcpStream::connect(lazy.local_addr().unwrap()).unwrap();
        let cgroup = Cgroup::fresh("some.service").ok();
        let folder = cgroup
            .as_ref()
            .map(|cgroup| cgroup.folder().to_str().unwrap());

        let of_owner = ["process sh", "process *", "pid 1", "user 0", "user 1"];
        let of_full = [
            "idle gt 0",
            "idle lt 1h",
            "rtt gt 0",
            "rtt lt 1h",
            "retrans ge 0",
            "retrans gt 9",
            "unit some",
            "container x",
        ];
        let all = [&of_owner[..], &of_full].concat();
        for (socket, terms) in [
            (format!("state time-wait src {time_wait}"), &all[..]),
            (format!("state fin-wait-2 src {orphan}"), &all),
            (
                format!("state syn-recv dst {}", request.local_addr().unwrap()),
                &all,
            ),
            (
                format!(
                    "state established src {to} dst {}",
                    untaken.local_addr().unwrap()
                ),
                &of_owner,
            ),
        ] {
            let count = |words: &str| run(&format!("list {socket} {words}")).rows().len();
            assert_eq!(count(""), 1, "{socket}");
            assert_eq!(count("not sendq gt 1M"), 1, "{socket}: that is known");
            for term in terms {
                let from_cgroup = folder.map(|folder| format!("cgroup {folder}"));
                let cgroup = from_cgroup.filter(|_| terms.len() == all.len());
                for term in cgroup.iter().map(String::as_str).chain([*term]) {
                    assert_eq!(count(term), 0, "{socket} {term}");
                    assert_eq!(count(&format!("not {term}")), 0, "{socket} not {term}");
                    let either = format!("( {term} or not {term} )");
                    assert_eq!(count(&either), 0, "{socket} {either}");
                    // Where the other half settles it, it is known.
                    let settled = format!("not ( {term} and sport = :1 )");
                    assert_eq!(count(&settled), 1, "{socket} {settled}");
                    let done = run(&format!("delete --yes {socket} not {term}"));
                    assert_eq!(
                        (done.code, done.rows().len()),
                        (1, 0),
                        "{socket} not {term}"
                    );
                }
            }
            assert_eq!(count(""), 1, "{socket} is still there");
        }
        drop((server, untaken, request));
    });
}

/// A neighbour has one for as long as it likes: no process is looked for in vain because of it.
#[test]
fn what_no_process_holds_is_no_named_process_s() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let [meant, passed, spared] = [(); 3].map(|()| tcp::connect_to(&listener));
        let held = Named::holding(&meant.client, b"meant");
        let flight = InFlight::sending(&passed.client);
        drop(meant.client);
        let passed_at = passed.client.local_addr().unwrap();
        drop(passed.client);
        if !user::sees_all_holders() {
            skip!("{}", user::NOT_ALL_HOLDERS);
        }
        let count = |words: &str| run(&format!("list dport = :{port} {words}")).rows().len();
        assert_eq!((count("process meant"), count("not process meant")), (1, 2));
        // A thread of the kernel. (A sandbox may hide the first process even from root.)
        assert_eq!((count("pid 2"), count("not pid 2")), (0, 3));
        assert_eq!(count(&format!("src {passed_at} process *")), 0);
        let done = run(&format!(
            "delete --yes --own-session dport = :{port} process meant"
        ));
        assert_eq!((done.code, done.rows().len()), (0, 1), "{}", done.err);
        drop(held);
        let own = std::process::id();
        let words = format!("delete --yes --own-session dport = :{port} not pid {own}");
        let done = run(&words);
        assert_eq!(
            (done.code, done.rows().len()),
            (0, 1),
            "{}{}",
            done.out,
            done.err
        );
        assert_eq!(done.rows()[0][2], passed_at.to_string());
        drop((flight, spared));
    });
}

/// A socket that io_uring holds beside all descriptors is deleted, and keeps no search for a process from its end.
#[test]
fn what_only_io_uring_holds_is_no_process_s() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let [meant, registered] = [(); 2].map(|()| tcp::connect_to(&listener));
        let ring = match Ring::holding(&registered.client) {
            Ok(ring) => ring,
            Err(error) => skip!("no io_uring here (kernel.io_uring_disabled?): {error}"),
        };
        let (registered_at, _) = tcp::addresses(&registered.client);
        drop(registered.client);
        if !user::sees_all_holders() {
            skip!("{}", user::NOT_ALL_HOLDERS);
        }
        let held = Named::holding(&meant.client, b"meant");
        drop(meant.client);
        let listed = run(&format!("list -p src {registered_at}"));
        assert_eq!(listed.rows()[0][5], "?", "{}", listed.out);
        let count = |words: &str| run(&format!("list dport = :{port} {words}")).rows().len();
        assert_eq!((count("process meant"), count("not process meant")), (1, 1));
        assert_eq!(count(&format!("src {registered_at} process *")), 0);
        let done = run(&format!(
            "delete --yes --own-session dport = :{port} process meant"
        ));
        assert_eq!((done.code, done.rows().len()), (0, 1), "{}", done.err);
        // There is nobody to borrow from, and no right would change it.
        let exact = format!("{registered_at} 127.0.0.1:{port}");
        let refused = run(&format!("delete --own-session --method borrow {exact}"));
        assert_eq!(refused.code, 5, "{}", refused.err);
        assert!(!refused.err.contains("sudo"), "{}", refused.err);
        let done = run(&format!("delete --own-session {exact}"));
        assert_eq!((done.code, done.rows().len()), (0, 1), "{}", done.err);
        assert_eq!(
            tcp::pending_error(&registered.server),
            Some(rustix::io::Errno::CONNRESET)
        );
        drop((ring, held));
    });
}

/// Others may hold it there, whom root does not see: the hint is about that.
#[test]
fn root_of_a_pid_namespace_is_sent_to_the_host() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let ends = tcp::connect_to(&listener);
        let inside = |words: &str| -> Run {
            let mut command = Command::new("unshare");
            command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
            command.arg(env!("CARGO_BIN_EXE_tcpentry"));
            command
                .args(words.split(' '))
                .env("SSH_CONNECTION", ELSEWHERE);
            command.output().unwrap().into()
        };
        let refused = inside(&format!("delete --yes dport = :{port} process meant"));
        if refused.err.contains("unshare:") {
            skip!("no pid namespace with its own /proc here: {}", refused.err);
        }
        assert_eq!((refused.code, &*refused.out), (4, ""), "{}", refused.err);
        assert!(refused.err.contains("pid namespace"), "{}", refused.err);
        assert!(refused.err.contains("on the host"), "{}", refused.err);
        assert!(!refused.err.contains("sudo"), "{}", refused.err);
        assert!(is_alive(&ends));
    });
}

#[test]
fn a_socket_of_several_processes_shows_and_matches_each() {
    isolated(|| {
        let ends = tcp::connected();
        let local = ends.client.local_addr().unwrap();
        let held = [
            Named::holding(&ends.client, b"one"),
            Named::holding(&ends.client, b"two"),
        ];
        let own = std::process::id();
        let listed = run(&format!("-p src {local}"));
        let shown = listed.rows()[0][5].to_owned();
        for (name, pid) in [("one", held[0].pid()), ("two", held[1].pid()), ("", own)] {
            assert!(shown.contains(&format!("{pid} {name}")), "{shown}");
        }
        assert_eq!(shown.split(", ").count(), 3, "{shown}");
        let objects = run(&format!("--json -p src {local}")).objects();
        assert_eq!(objects[0]["processes"].as_array().unwrap().len(), 3);

        let count = |words: &str| run(&format!("list src {local} {words}")).rows().len();
        let pids = held.each_ref().map(Named::pid);
        for term in ["process one", "process two", "process t*o process o*"] {
            assert_eq!(count(term), 1, "{term}");
            assert_eq!(count(&format!("not ( {term} )")), 0, "{term}");
        }
        for pid in [pids[0], pids[1], own] {
            assert_eq!(count(&format!("pid {pid}")), 1);
        }
        assert_eq!(count("process three"), 0);
        assert_eq!(count("not process three"), 1);
        let [one, two] = held;
        drop(one);
        assert_eq!((count("process one"), count("not process one")), (0, 1));
        let done = run(&format!("delete -p src {local} process two"));
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(!is_alive(&ends));
        drop(two);
    });
}

#[test]
fn an_owner_that_becomes_another_program_is_called_as_that() {
    isolated(|| {
        let ends = tcp::connected();
        let (owner, local) = Turning::holding(ends.client);
        let count = |words: &str| run(&format!("list src {local} {words}")).rows().len();
        let pid = format!("pid {}", owner.0.id());
        assert_eq!((count("process sh"), count(&pid)), (1, 1));
        owner.turn();
        assert_eq!((count("process sh"), count("not process sh")), (0, 1));
        assert_eq!((count("process sleep"), count(&pid)), (1, 1));
        drop(owner);
        assert_eq!((count("process sleep"), count(&pid)), (0, 0));
        let nothing = run(&format!("delete {pid}"));
        assert_eq!(nothing.code, 1, "{}", nothing.err);
    });
}

/// Deletes a confirmed connection only if the filter still selects it: its owner runs another program by then.
#[test]
fn what_changes_while_the_question_stands() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let [first, second] = [(); 2].map(|()| tcp::connect_to(&listener));
        let servers = (first.server, second.server);
        let (stays, stays_at) = Turning::holding(first.client);
        let (ends, ends_at) = Turning::holding(second.client);
        let terminal = Terminal::open();
        let words = ["delete", "--own-session", "process", "sh", "dport", "="];
        let port = listener.local_addr().unwrap().port().to_string();
        let mut child = terminal
            .command(env!("CARGO_BIN_EXE_tcpentry"))
            .args(words)
            .arg(port)
            .env("SSH_CONNECTION", ELSEWHERE)
            .spawn()
            .unwrap();
        terminal.await_text("Delete these 2 connections?");
        stays.turn();
        // The peer ends it first, or it would be there for a minute, in TIME_WAIT.
        drop(servers.1);
        drop(ends);
        until("the other one is gone", || {
            run(&format!("list -a src {ends_at}")).rows().is_empty()
        });
        let later = tcp::connect_to(&listener);
        let (later_owner, later_at) = Turning::holding(later.client);
        terminal.type_in("y\n");
        let code = child.wait().unwrap().code();
        let screen = terminal.screen();
        assert_eq!(code, Some(1), "{screen}");
        let (_, answered) = screen.split_once("[y/N]").unwrap();
        let said = |word: &str, local: &str| {
            let mut lines = answered.lines();
            lines.any(|line| line.contains(word) && line.contains(local))
        };
        assert!(said("spared", &stays_at), "{screen}");
        assert!(said("gone", &ends_at), "{screen}");
        assert!(!screen.contains(&later_at), "{screen}");
        assert_eq!(run(&format!("list src {later_at}")).rows().len(), 1);
        drop((stays, later_owner, servers.0, later.server));
    });
}

/// A shell that holds a socket and becomes another program when it is told to.
struct Turning(Child);

impl Turning {
    /// Starts one that holds this stream; returns the local end, too.
    fn holding(stream: TcpStream) -> (Self, String) {
        let local = stream.local_addr().unwrap().to_string();
        let child = Command::new("/bin/sh")
            .args(["-c", "kill -STOP $$; exec sleep 60"])
            .stdin(std::os::fd::OwnedFd::from(stream))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let owner = Self(child);
        until("it has stopped itself", || {
            owner.file("stat").contains(") T ")
        });
        (owner, local)
    }

    fn turn(&self) {
        rustix::process::kill_process(Pid::from_child(&self.0), Signal::CONT).unwrap();
        until("it is another program", || self.file("comm") == "sleep\n");
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.0.id())).unwrap()
    }
}

impl Drop for Turning {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const FIN_WAIT_2: u8 = 5;
const TIME_WAIT: u8 = 6;
