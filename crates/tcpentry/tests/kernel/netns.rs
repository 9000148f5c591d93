//! Other network namespaces: found, entered from outside, with or without a right.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use tcpentry::{Namespace, Namespaces, Options, Query, TcpTable};
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, skip, tcp};

#[test]
fn each_namespace_is_found_once_and_its_own_comes_first() {
    isolated(|| {
        let here = Namespace::own().unwrap();
        let other = tcpentry_testkit::Namespace::fresh();
        let there = other.run(|| Namespace::own().unwrap());
        let found = Namespaces::all().unwrap().found;
        assert_eq!(found[0].inode(), here.inode());
        let inodes: Vec<_> = found.iter().map(Namespace::inode).collect();
        let count = |inode| inodes.iter().filter(|it| **it == inode).count();
        assert_eq!((count(here.inode()), count(there.inode())), (1, 1));
        let there = found.iter().find(|it| it.inode() == there.inode()).unwrap();
        let pid = std::process::id().to_string();
        assert!(there.is_called(&pid), "a thread of this process is in it");
        assert_eq!(Namespace::named(&pid).unwrap().files().len(), 0);
    });
}

#[test]
fn of_identical_connections_only_that_of_the_named_namespace_dies() {
    isolated(|| {
        let connect = || {
            let listener = tcp::listen(tcp::loopback(8080));
            let socket = tcp::socket(tcp::loopback(0));
            socket.bind(&tcp::loopback(40_000).into()).unwrap();
            (
                tcp::connect_from(socket, &listener),
                Namespace::own().unwrap(),
            )
        };
        let (mine, here) = connect();
        let other = tcpentry_testkit::Namespace::fresh();
        let (theirs, there) = other.run(connect);
        let mut table = TcpTable::open_in(&there).unwrap();
        let (local, peer) = tcp::addresses(&theirs.client);
        let pair = tcpentry::Pair::new(local.into(), peer.into()).unwrap();
        let found = table.find(&pair.into()).unwrap();
        let _ = table.delete(&found, &Options::default()).unwrap();
        assert!(!is_alive(&theirs));
        assert!(is_alive(&mine));

        let mut own = TcpTable::open_in(&here).unwrap();
        assert_eq!(own.netns(), TcpTable::open().unwrap().netns());
        let mine = own.find(&pair.into()).unwrap();
        let id = own.identity(&mine).unwrap();
        let refused = table.find(&id.into()).unwrap_err();
        assert_eq!(refused.win32(), 1168, "an identity is of one namespace");
    });
}

#[test]
fn a_table_stays_with_its_namespace_when_all_others_have_left_it() {
    isolated(|| {
        let other = tcpentry_testkit::Namespace::fresh();
        let there = other.run(|| Namespace::own().unwrap());
        let mut table = TcpTable::open_in(&there).unwrap();
        drop((other, there));
        let rows = table.connections(&Query::default()).unwrap();
        assert_eq!(rows.count(), 0);
    });
}

#[test]
fn what_is_no_namespace_is_said_to_be_none() {
    for (name, cause) in [
        (
            "no-such-name",
            "no network namespace `/run/netns/no-such-name`",
        ),
        ("4194305", "no network namespace `/proc/4194305/ns/net`"),
        ("/dev/null", "`/dev/null` is no network namespace"),
        (
            "/proc/self/ns/uts",
            "`/proc/self/ns/uts` is no network namespace",
        ),
        ("/\u{1b}[2J", "no network namespace `/\\u{1b}[2J`"),
    ] {
        let error = Namespace::named(name).unwrap_err();
        assert_eq!(error.cause(), cause);
        assert_eq!(error.win32(), 87, "{name}");
    }
}

#[test]
fn who_made_the_user_namespace_of_a_container_needs_no_right_to_delete_in_it() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        User::new(4021).run(|| {
            let Some((mut container, pid)) = container() else {
                skip!("this user may not make user namespaces here");
            };
            let namespace = Namespace::named(&pid).unwrap();
            let mut table = TcpTable::open_in(&namespace).unwrap();
            let rows = table.connections(&Query::default()).unwrap();
            let rows: Vec<_> = rows.map(Result::unwrap).collect();
            assert_eq!(rows.len(), 2, "{rows:?}");
            let client = rows.iter().find(|row| row.peer().port() == 8080).unwrap();
            let deleted = table.delete(client, &Options::default()).unwrap();
            assert_eq!(deleted.method.to_string(), "sock-diag");
            let mut seen = String::new();
            let mut out = BufReader::new(container.stdout.take().unwrap());
            out.read_line(&mut seen).unwrap();
            assert!(seen.contains("Software caused connection abort"), "{seen}");
            container.wait().unwrap();
        });
    });
}

#[test]
fn who_may_not_enter_is_told_so() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let other = tcpentry_testkit::Namespace::fresh();
        let there = other.run(|| Namespace::own().unwrap());
        User::new(4022).run(move || {
            let refused = TcpTable::open_in(&there).unwrap_err();
            assert_eq!(refused.outcome().to_string(), "denied");
            assert!(refused.hint().unwrap().contains("sudo"), "{refused}");
            assert!(!Namespaces::all().unwrap().hidden.is_empty());
        });
    });
}

/// A process in user and network namespaces of its own, with a connection whose client waits in `recv` and
/// tells what it got; and its pid.
fn container() -> Option<(Child, String)> {
    const SCRIPT: &str = "ip link set lo up && exec python3 -c '
import os, socket
l = socket.create_server((\"127.0.0.1\", 8080))
c = socket.create_connection((\"127.0.0.1\", 8080)); s = l.accept()
os.write(2, b\"ready\\n\")
try: print(c.recv(1))
except OSError as error: print(error)'";
    let mut child = Command::new("unshare")
        .args(["-Urn", "sh", "-c", SCRIPT])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut out = BufReader::new(child.stderr.take().unwrap());
    out.read_line(&mut ready).unwrap();
    let pid = child.id().to_string();
    (ready == "ready\n").then_some((child, pid))
}

fn is_alive(ends: &tcp::Ends) -> bool {
    let mut byte = [0];
    (&ends.client).write_all(b"x").is_ok() && (&ends.server).read_exact(&mut byte).is_ok()
}
