//! `tcpentry list`

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use tcpentry_testkit::{isolated, link, tcp};

use crate::util::{ends, identity, index_of, program, run};

#[test]
fn no_command_is_list() {
    isolated(|| {
        let ends_of = tcp::connected();
        for words in ["", "list"] {
            let listed = run(words);
            assert_eq!(listed.code, 0);
            assert_eq!(
                listed.out.lines().next(),
                Some("STATE\tRECV-Q\tSEND-Q\tLOCAL\tPEER")
            );
            let rows = listed.rows();
            assert_eq!(rows.len(), 2, "{}", listed.out);
            let (local, peer) = tcp::addresses(&ends_of.client);
            let expected = [
                "established",
                "0",
                "0",
                &local.to_string(),
                &peer.to_string(),
            ];
            assert!(rows.iter().any(|row| *row == expected), "{}", listed.out);
        }
    });
}

#[test]
fn options_may_stand_before_the_command() {
    isolated(|| {
        let _ends = tcp::connected();
        assert_eq!(run("--json list").out, run("list --json").out);
        assert_eq!(
            run("--color never --no-header list").out,
            run("list --no-header").out
        );
    });
}

#[test]
fn an_empty_table_is_no_error() {
    isolated(|| {
        let listed = run("list --no-header");
        assert_eq!(
            (listed.code, listed.out.as_str(), listed.err.as_str()),
            (0, "", "")
        );
    });
}

#[test]
fn connections_listeners_or_everything() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let _ends = tcp::connect_to(&listener);
        let bound = tcp::socket(tcp::loopback(0));
        bound.bind(&tcp::loopback(0).into()).unwrap();
        let states = |words| {
            let listed = run(words);
            let mut states: Vec<String> =
                listed.rows().iter().map(|row| row[0].to_owned()).collect();
            states.sort();
            states.join(" ")
        };
        assert_eq!(states("list"), "established established");
        assert_eq!(states("list -l"), "listening");
        assert_eq!(
            states("list -a"),
            "bound-inactive established established listening"
        );
    });
}

#[test]
fn families_and_mapped_sockets() {
    isolated(|| {
        let listener = tcp::listen("[::]:0".parse().unwrap());
        let port = listener.local_addr().unwrap().port();
        let _four = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let _six = std::net::TcpStream::connect(("::1", port)).unwrap();
        let locals = |words| -> Vec<String> {
            run(words)
                .rows()
                .iter()
                .map(|row| row[3].to_owned())
                .collect()
        };
        let four = locals("list -4");
        let six = locals("list -6");
        // The accepted end of the IPv4 connection lives in an IPv6 socket, and is IPv4 all the same.
        assert!(four.contains(&format!("127.0.0.1:{port}")), "{four:?}");
        assert!(six.contains(&format!("[::1]:{port}")), "{six:?}");
        assert_eq!(
            (four.len(), six.len(), locals("list -4 -6").len()),
            (2, 2, 4)
        );
    });
}

#[test]
fn columns_that_are_asked_for() {
    isolated(|| {
        let _ends = tcp::connected();
        let listed = run("list -u -i --id");
        let header =
            "STATE\tRECV-Q\tSEND-Q\tLOCAL\tPEER\tUSER\tIDLE_MS\tRTT_US\tRETRANS\tTOTAL\tID";
        assert_eq!(listed.out.lines().next(), Some(header));
        for row in listed.rows() {
            assert_eq!(row.len(), 11);
            assert_eq!(
                row[5], "root",
                "also the one user of a user namespace is called so"
            );
            assert!(row[6].parse::<u64>().unwrap() < 60_000);
            assert!(row[7].parse::<u64>().unwrap() > 0);
            assert!(row[10].starts_with("1/"));
        }
    });
}

#[test]
fn aligned_and_coloured_when_it_is_asked_for() {
    isolated(|| {
        let _ends = tcp::connected();
        let colored = run("list --color always").out;
        assert!(
            colored.starts_with("\u{1b}[1mSTATE\u{1b}[0m        "),
            "{colored:?}"
        );
        assert!(!run("list --color never").out.contains('\u{1b}'));
    });
}

#[test]
fn the_device_of_a_bound_socket_is_shown_and_can_be_pasted_back() {
    isolated(|| {
        link::ip(&[
            "link add we]rd type veth peer name vb",
            "address add 10.9.0.1/24 dev we]rd",
            "link set we]rd up",
        ]);
        let (local, peer) = (
            "10.9.0.1:4000".parse().unwrap(),
            "10.9.0.2:80".parse().unwrap(),
        );
        let socket = tcp::socket(local);
        socket.bind_device(Some(b"we]rd")).unwrap();
        tcp::imagined(&socket, local, peer);
        let index = index_of("we]rd");
        // A name that could not be read back is shown by its number.
        let shown = format!("10.9.0.1%{index}:4000");
        let listed = run("list");
        assert!(
            listed.rows().iter().any(|row| row[3] == shown),
            "{}",
            listed.out
        );
        assert_eq!(run(&format!("delete --own-session {shown} {peer}")).code, 0);
    });
}

#[test]
fn a_reader_who_has_seen_enough_ends_a_listing_quietly() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let _ends: Vec<_> = (0..400).map(|_| tcp::connect_to(&listener)).collect();
        let mut child = program()
            .args(["list", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
    });
}

#[test]
fn a_full_disk_is_an_error() {
    isolated(|| {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        for words in [
            "list",
            "list --explain",
            "list --json",
            "delete --explain port 80",
        ] {
            let listed: crate::util::Run = program()
                .args(words.split(' '))
                .stdout(full.try_clone().unwrap())
                .stderr(Stdio::piped())
                .output()
                .unwrap()
                .into();
            // Of an empty table there is no JSON.
            let code = if words == "list --json" { 0 } else { 7 };
            assert_eq!(listed.code, code, "{words}");
            let start = "tcpentry: cannot write to standard output: ";
            assert_eq!(listed.err.starts_with(start), code == 7, "{}", listed.err);
        }
    });
}

#[test]
fn nobody_who_listens_is_no_reason_to_panic() {
    isolated(|| {
        for (words, code) in [
            ("list --explain", 0),
            ("delete --explain port 80", 0),
            ("delete --nonsense", 2),
            ("delete nonsense", 2),
            ("delete port 80", 1),
        ] {
            let (reader, writer) = UnixStream::pair().unwrap();
            drop(reader);
            let writer = OwnedFd::from(writer);
            let status = program()
                .args(words.split(' '))
                .stdout(writer.try_clone().unwrap())
                .stderr(writer)
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(code), "{words}");
        }
    });
}

#[test]
fn an_identity_of_the_table_deletes_that_socket() {
    isolated(|| {
        let connection = tcp::connected();
        let id = identity(connection.server.local_addr().unwrap());
        let names = ends(&connection.client);
        assert_eq!(run(&format!("delete --id {id}")).code, 0);
        assert_eq!(run(&format!("delete --id {id}")).code, 1);
        assert_eq!(
            run(&format!("delete {names}")).code,
            1,
            "its other end got a reset"
        );
    });
}
