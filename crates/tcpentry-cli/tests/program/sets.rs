//! `--in`: sets of prefixes from files and standard input, and who is deleted by them.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, FileType, Mode};
use rustix::process::{Pid, Signal};
use tcpentry_testkit::tcp::Ends;
use tcpentry_testkit::{isolated, skip, tcp, until};

use crate::long::ONE_CROWD;
use crate::util::{connections, ends, is_alive, program, run, run_with_input};

/// A file of a test, which goes with it.
struct List(PathBuf);

impl List {
    fn new(text: impl AsRef<[u8]>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tcpentry-list-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the options that make it the set `bad`.
    fn option(&self) -> String {
        format!("--in bad={}", self.0.display())
    }
}

impl Drop for List {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Returns prefixes, one a line, that no socket of a test has.
fn others(count: u32) -> String {
    let line = |number: u32| format!("{}\n", Ipv4Addr::from_bits(0xc000_0000 + number * 7));
    (0..count).map(line).collect()
}

/// Opens a connection from this address to a listener, over its own family.
fn from(address: &str, listener: &TcpListener) -> Ends {
    let at: SocketAddr = (address.parse::<IpAddr>().unwrap(), 0).into();
    let mut to = match at {
        SocketAddr::V4(_) => tcp::loopback(0),
        SocketAddr::V6(_) => (Ipv6Addr::LOCALHOST, 0).into(),
    };
    to.set_port(listener.local_addr().unwrap().port());
    let socket = tcp::socket(at);
    socket.bind(&at.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    Ends::new(socket.into(), listener.accept().unwrap().0)
}

#[test]
fn exactly_the_listed_peers_are_deleted() {
    // Evaluated by the kernel, and here.
    for many in [0, 1000] {
        isolated(move || {
            for address in ["fd00::5/128", "fd00:0:0:1::5/128"] {
                let words = ["-6", "addr", "add", address, "dev", "lo", "nodad"];
                assert!(Command::new("ip").args(words).status().unwrap().success());
            }
            let v4 = tcp::listen(tcp::loopback(0));
            let v6 = tcp::listen("[::1]:0".parse().unwrap());
            let both = tcp::listen("[::]:0".parse().unwrap());
            let listed = [
                from("127.0.0.2", &v4),
                from("127.0.1.77", &v4),
                from("fd00::5", &v6),
                // Mapped, as its server sees it.
                from("127.0.0.2", &both),
            ];
            let spared = [
                from("127.0.0.3", &v4),
                from("127.0.2.77", &v4),
                from("fd00:0:0:1::5", &v6),
                from("127.0.0.3", &both),
            ];
            let list = List::new(format!(
                "# banned\r\n127.0.0.2\n127.0.1.9/24 # a neighbour\n\nfd00::/64\n{}",
                others(many)
            ));
            let words = format!("delete {} --json dst @bad", list.option());
            let rehearsed = run(&format!("{words} -n --yes"));
            assert_eq!(rehearsed.code, 0, "{}", rehearsed.err);
            let peers: HashSet<_> = rehearsed
                .objects()
                .iter()
                .map(|row| {
                    assert_eq!(
                        (&row["outcome"], &row["dry_run"]),
                        (&"deleted".into(), &true.into())
                    );
                    row["peer"].as_str().unwrap().to_owned()
                })
                .collect();
            let clients = listed.iter().map(|it| it.client.local_addr().unwrap());
            assert_eq!(peers, clients.map(|it| it.to_string()).collect());
            assert!(listed.iter().all(is_alive), "it was a dry run");

            let deleted = run(&format!("{words} --yes"));
            assert_eq!(deleted.code, 0, "{}", deleted.err);
            assert_eq!(deleted.objects().len(), listed.len());
            assert!(!listed.iter().any(is_alive));
            assert!(spared.iter().all(is_alive));

            let others = run(&format!(
                "list {} state established not host @bad",
                list.option()
            ));
            // Both ends of each.
            assert_eq!(others.rows().len(), 2 * spared.len(), "{}", others.out);
        });
    }
}

#[test]
fn a_list_of_124_000_is_one_run_over_10_000_connections() {
    const LARGE: u32 = 10_000;
    let _alone = ONE_CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    isolated(|| {
        if !tcp::room_for(LARGE.into()) {
            skip!("too few descriptors for {LARGE} connections (ulimit -n)");
        }
        let crowd = tcp::imagined_crowd(LARGE);
        let is_listed =
            |address: Ipv4Addr| address.octets()[3] % 3 == 0 || address.octets()[2] == 1;
        let addresses = (0..LARGE / 8).map(|it| Ipv4Addr::from_bits(0x7f01_0000 + it));
        let mut text = others(124_000);
        for address in addresses.filter(|it| it.octets()[3] % 3 == 0) {
            writeln!(text, "{address}").unwrap();
        }
        text.push_str("127.1.1.0/24\n");
        let list = List::new(text);
        let words = format!("delete {} --own-session --yes src @bad", list.option());
        let deleted = run(&words);
        assert_eq!(deleted.code, 0, "{}", deleted.err);
        let mut count = 0;
        for socket in &crowd {
            let local = socket.local_addr().unwrap().as_socket_ipv4().unwrap();
            assert_eq!(
                socket.peer_addr().is_err(),
                is_listed(*local.ip()),
                "{local}"
            );
            count += u32::from(is_listed(*local.ip()));
        }
        assert!(
            deleted.err.contains(&format!("{count} deleted")),
            "{}",
            deleted.err
        );
        // The others would stay for minutes, waiting for a peer that is not there.
        run("delete --own-session --yes dst 127.200.0.1:80");
    });
}

#[test]
fn a_set_comes_from_standard_input_too_but_once_only() {
    isolated(|| {
        let (all, _listener, port) = connections(2);
        let words = format!("dst @bad dport = :{port}");
        let listed = run_with_input(&format!("list --in bad=- {words}"), "127.0.0.0/8\n");
        assert_eq!((listed.code, listed.rows().len()), (0, 2), "{}", listed.err);
        let twice = run_with_input(&format!("list --in bad=- --in x=- {words}"), "127.0.0.1\n");
        assert_eq!(twice.code, 2);
        assert!(
            twice.err.contains("standard input can be read only once"),
            "{}",
            twice.err
        );
        let ids = run_with_input("delete --id - --in bad=-", "127.0.0.1\n");
        assert_eq!(ids.code, 2);
        assert!(
            ids.err.contains("--id can't be combined with --in"),
            "{}",
            ids.err
        );

        let asked = run_with_input(&format!("delete --in bad=- {words}"), "127.0.0.1\n");
        assert_eq!(asked.code, 3, "it can't be the answer as well");
        assert!(
            asked.err.contains("stdin is not a terminal"),
            "{}",
            asked.err
        );
        assert!(all.iter().all(is_alive));
        let done = run_with_input(&format!("delete --yes --in bad=- {words}"), "127.0.0.1\n");
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(!all.iter().any(is_alive));
    });
}

#[test]
fn nothing_is_done_with_half_a_list() {
    isolated(|| {
        let (all, _listener, _) = connections(1);
        let long = format!("127.0.0.1 # {}\n", "x".repeat(5000));
        for (text, error) in [
            (
                &b"127.0.0.1\n127.0.0.256\n"[..],
                "line 2, column 1: `127.0.0.256` is not an IPv4 address",
            ),
            (
                b"127.0.0.1\n\0",
                "line 2, column 1: expected an address or a prefix",
            ),
            (
                b"127.0.0.1\n\xff\xfe",
                "line 2, column 1: expected an address or a prefix",
            ),
            (b"127.0.0.1\nlocalhost", "found `localhost`"),
            (b"127.0.0.1\n<html>", "found `<html>`"),
            (b"127.0.0.1, 127.0.0.2", "found `127.0.0.1,`"),
            (
                b"127.0.0.1 127.0.0.2",
                "column 11: expected the end of the line",
            ),
            (long.as_bytes(), "line 1, column 1: longer than 4096 bytes"),
        ] {
            let list = List::new(text);
            let refused = run(&format!("delete --yes {} dst @bad", list.option()));
            assert_eq!(refused.code, 2, "{}", refused.err);
            assert!(refused.out.is_empty());
            assert!(refused.err.contains(error), "{}", refused.err);
            let file = list.path().display().to_string();
            assert!(refused.err.contains(&file), "{}", refused.err);
        }
        for (option, error) in [
            (
                "--in bad=/dev/zero",
                "/dev/zero, line 1, column 1: longer than 4096 bytes",
            ),
            ("--in bad=/", "/: Is a directory"),
            (
                "--in bad=/no/such/file",
                "/no/such/file: No such file or directory",
            ),
            ("--in bad", "expected NAME=FILE, found `bad`"),
            ("--in b@d=/dev/null", "found `b@d`"),
            (
                "--in bad=/dev/null --in bad=/dev/null",
                "the set `bad` is given twice",
            ),
            ("--in bed=/dev/null", "hint: did you mean `bed`?"),
            ("-n", "hint: define it with --in bad=FILE"),
        ] {
            let refused = run(&format!("delete --yes {option} dst @bad"));
            assert_eq!(refused.code, 2, "{option}: {}", refused.err);
            assert!(refused.err.contains(error), "{option}: {}", refused.err);
        }
        let list = List::new("127.0.0.1\n");
        let exact = run(&format!(
            "delete {} {}",
            list.option(),
            ends(&all[0].client)
        ));
        assert_eq!(exact.code, 2);
        assert!(exact.err.contains("--in needs a filter"), "{}", exact.err);
        assert!(all.iter().all(is_alive));
    });
}

#[test]
fn a_list_does_not_mean_everybody() {
    isolated(|| {
        let (all, _listener, _) = connections(2);
        for (text, address) in [("10.0.0.1\n127.0.0.1/0\n", "0.0.0.0/0"), ("::/0", "::/0")] {
            let list = List::new(text);
            let refused = run(&format!("delete --yes {} dst @bad", list.option()));
            assert_eq!(refused.code, 3, "{}", refused.err);
            let said = format!("the set @bad contains {address}, which is every");
            assert!(refused.err.contains(&said), "{}", refused.err);
            let listed = run(&format!("list {} dst @bad", list.option()));
            assert_eq!(listed.code, 0, "to look is no harm");
            // Whom it spares.
            let spared = run(&format!("delete --yes {} not dst @bad", list.option()));
            assert_ne!(spared.code, 3, "{}", spared.err);
            if address == "0.0.0.0/0" {
                assert!(all.iter().all(is_alive));
            }
        }
        let empty = List::new("# nobody\n");
        let none = run(&format!("delete --yes {} dst @bad", empty.option()));
        assert_eq!(none.code, 1, "{}", none.err);
        let rehearsed = run(&format!("delete -n {} not dst @bad", empty.option()));
        assert!(
            rehearsed
                .err
                .contains("`not` excludes nothing here: the set @bad is empty"),
            "{}",
            rehearsed.err
        );
    });
}

#[test]
fn ctrl_c_ends_the_wait_for_a_list() {
    let list = List::new("");
    fs::remove_file(list.path()).unwrap();
    rustix::fs::mknodat(CWD, list.path(), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let fifo = list.option();
    for words in [&*fifo, "--in bad=-"] {
        let mut child = program()
            .args(words.split(' '))
            .args(["dst", "@bad"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let state = || fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        until("it waits", || state().contains(") S "));
        rustix::process::kill_process(pid, Signal::INT).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(Signal::INT.as_raw()), "{words}");
    }
}
