//! `tcpentry delete`: names, reports, standard input, interruption.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddrV6;
use std::process::Stdio;

use rustix::process::{Pid, Signal};
use tcpentry_testkit::link::{LINK_LOCAL_HERE, Neighbour};
use tcpentry_testkit::{isolated, tcp};

use crate::util::{ends, identity, index_of, is_alive, program, run, run_with_input};

#[test]
fn each_notation_deletes() {
    isolated(|| {
        let listener = tcp::listen("[::]:0".parse().unwrap());
        let port = listener.local_addr().unwrap().port();
        for notation in [
            "127.0.0.1:{l} 127.0.0.1:{p}",
            "127.0.0.1 {l} 127.0.0.1 {p}",
            "[::ffff:127.0.0.1]:{l} [::ffff:127.0.0.1]:{p}",
            "[::ffff:127.0.0.1]:{l} 127.0.0.1:{p}",
            "::ffff:127.0.0.1 {l} ::ffff:127.0.0.1 {p}",
        ] {
            let client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (local, peer) = tcp::addresses(&client);
            let words = notation
                .replace("{l}", &local.port().to_string())
                .replace("{p}", &peer.port().to_string());
            // Nobody has accepted it: held by the program's parent alone, it may carry its input.
            let done = run(&format!("delete --own-session {words}"));
            assert_eq!(done.code, 0, "{words}: {}", done.err);
            let expected = [
                "deleted",
                "established",
                &local.to_string(),
                &peer.to_string(),
                "sock-diag",
            ];
            assert_eq!(done.rows(), [expected]);
        }
    });
}

#[test]
fn ipv6_with_and_without_scope() {
    isolated(|| {
        let neighbour = Neighbour::new();
        for notation in [
            "[fe80::1%veth0]:{l} [fe80::2]:{p}",
            "[fe80::1]%veth0:{l} [fe80::2]:{p}",
            "[fe80::1]%veth0:{l} [fe80::2%veth0]:{p}",
            "[fe80::1]:{l} [fe80::2]:{p}",
            "fe80::1%veth0 {l} fe80::2 {p}",
        ] {
            let at = SocketAddrV6::new(LINK_LOCAL_HERE, 0, 0, index_of("veth0"));
            let listener = tcp::listen(at.into());
            let port = listener.local_addr().unwrap().port();
            let client = neighbour.there.run(move || {
                let to = SocketAddrV6::new(LINK_LOCAL_HERE, port, 0, index_of("veth0"));
                std::net::TcpStream::connect(to).unwrap()
            });
            let (local, peer) = tcp::addresses(&listener.accept().unwrap().0);
            drop(client);
            let words = notation
                .replace("{l}", &local.port().to_string())
                .replace("{p}", &peer.port().to_string());
            // Nobody has accepted it: held by the program's parent alone, it may carry its input.
            let done = run(&format!("delete --own-session {words}"));
            assert_eq!(done.code, 0, "{words}: {}", done.err);
            assert_eq!(done.rows()[0][2], format!("[fe80::1]%veth0:{port}"));
        }
        let connection = tcp::connect_to(&tcp::listen("[::1]:0".parse().unwrap()));
        assert_eq!(run(&format!("kill {}", ends(&connection.client))).code, 0);
    });
}

#[test]
fn a_dry_run_deletes_nothing_and_says_what_would_happen() {
    isolated(|| {
        let connection = tcp::connected();
        let words = ends(&connection.client);
        let rehearsed = run(&format!("delete -n {words}"));
        let expected = "tcpentry: dry run: nothing was deleted\n";
        assert_eq!((rehearsed.code, rehearsed.err.as_str()), (0, expected));
        assert!(is_alive(&connection));
        let done = run(&format!("delete {words}"));
        assert_eq!(done.rows(), rehearsed.rows(), "the same output");
        assert!(rehearsed.out.starts_with("DRY-RUN\t") && done.out.starts_with("OUTCOME\t"));
        assert_eq!(run(&format!("delete -n {words}")).code, 1);
    });
}

#[test]
fn what_is_gone_is_said_to_be_gone() {
    isolated(|| {
        let gone = run("delete 127.0.0.1:1 127.0.0.1:2");
        assert_eq!(gone.code, 1);
        assert_eq!(
            gone.rows(),
            [["gone", "-", "127.0.0.1:1", "127.0.0.1:2", "-"]]
        );
        let expected = "tcpentry: cannot delete 127.0.0.1:1 127.0.0.1:2: no such connection\n";
        assert_eq!(gone.err, expected);
    });
}

#[test]
fn a_name_that_is_nearly_right_gets_a_hint() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        let (local, peer) = tcp::addresses(&ends.server);
        let swapped = run(&format!("delete {peer} {local}"));
        assert_eq!(swapped.code, 1);
        assert!(
            swapped.err.contains("the other way round"),
            "{}",
            swapped.err
        );

        let name = format!("{}%lo:{}", local.ip(), local.port());
        let bound = run(&format!("delete {name} {peer}"));
        assert_eq!(bound.code, 1);
        assert!(
            bound
                .err
                .contains(&format!("cannot delete {name} {peer}: ")),
            "{}",
            bound.err
        );
        assert!(
            bound.err.contains("name it without the device"),
            "{}",
            bound.err
        );
        assert!(is_alive(&ends));
    });
}

#[test]
fn empty_input_is_not_silent() {
    isolated(|| {
        let nothing = run_with_input("delete --id -", "\n");
        let expected = "tcpentry: standard input names no connection\n";
        assert_eq!((nothing.code, nothing.err.as_str()), (1, expected));
    });
}

#[test]
fn what_a_deleted_socket_leaves_behind_is_bound_and_says_so() {
    isolated(|| {
        let connection = tcp::connected();
        let local = connection.client.local_addr().unwrap();
        assert_eq!(run(&format!("delete {}", ends(&connection.client))).code, 0);
        let listed = run("list -a --id");
        if let Some(row) = listed.rows().iter().find(|row| row[3] == local.to_string()) {
            assert_eq!((row[0], row[4]), ("bound-inactive", "0.0.0.0:*"));
            assert_eq!(run(&format!("delete --id {}", row[5])).code, 5);
        }
    });
}

#[test]
fn quiet_reports_only_what_was_not_deleted() {
    isolated(|| {
        let connection = tcp::connected();
        let words = ends(&connection.client);
        let done = run(&format!("delete -q {words}"));
        assert_eq!(
            (done.code, done.out.as_str(), done.err.as_str()),
            (0, "", "")
        );
        let gone = run(&format!("delete -q {words}"));
        assert_eq!((gone.code, gone.out.lines().count()), (1, 1));
    });
}

#[test]
fn a_listing_can_be_piped_into_a_deletion() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let doomed: Vec<_> = (0..3).map(|_| tcp::connect_to(&listener)).collect();
        let listing = run("list --json").out;
        let spared = tcp::connect_to(&listener);
        let done = run_with_input("delete --id -", &listing);
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(doomed.iter().all(|ends| !is_alive(ends)) && is_alive(&spared));
        assert_eq!(run_with_input("delete --id -", &listing).code, 1);
    });
}

/// Those that are gone share a wait, and those between them are deleted: the report keeps the order of the names.
#[test]
fn each_name_is_reported_in_its_turn() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let mut all: Vec<_> = (0..40).map(|_| tcp::connect_to(&listener)).collect();
        let ids: Vec<_> = all
            .iter()
            .map(|ends| identity(ends.client.local_addr().unwrap()))
            .collect();
        for number in (1..40).step_by(2) {
            assert_eq!(run(&format!("delete --id {}", ids[number])).code, 0);
        }
        let input = ids.join("\n");
        for words in ["delete -n --json --id -", "delete --json --id -"] {
            let done = run_with_input(words, &input);
            let reported: Vec<_> = done
                .out
                .lines()
                .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
                .map(|row| row["outcome"].as_str().unwrap().to_owned())
                .collect();
            let expected = (0..40).map(|number| ["deleted", "gone"][number % 2]);
            let expected: Vec<_> = expected.collect();
            assert_eq!(reported, expected, "{words}: {}", done.out);
        }
        all.retain(is_alive);
        assert!(all.is_empty());
    });
}

#[test]
fn one_bad_identity_means_that_nothing_is_tried() {
    isolated(|| {
        let connection = tcp::connected();
        let id = identity(connection.client.local_addr().unwrap());
        let refused = run_with_input("delete --id -", &format!("{id}\nnonsense\n"));
        assert_eq!((refused.code, refused.out.as_str()), (2, ""));
        assert!(
            refused.err.contains("line 2: `nonsense`: not an identity"),
            "{}",
            refused.err
        );
        assert!(is_alive(&connection));
    });
}

#[test]
fn a_reader_who_goes_away_does_not_stop_a_deletion() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let doomed: Vec<_> = (0..50).map(|_| tcp::connect_to(&listener)).collect();
        let mut words = String::new();
        for ends in &doomed {
            let _ = write!(words, " {}", identity(ends.client.local_addr().unwrap()));
        }
        let mut child = program()
            .args(["delete", "--id"])
            .args(words.split_whitespace())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(doomed.iter().all(|ends| !is_alive(ends)));
    });
}

#[test]
fn an_interruption_stops_between_deletions_and_keeps_the_report() {
    isolated(|| {
        let connection = tcp::connected();
        let id = identity(connection.client.local_addr().unwrap());
        // A namespace that is not this one: thousands of refusals, long enough to fill the pipe.
        // Each names a socket of its own.
        let fields: Vec<&str> = id.split('/').collect();
        let (version, boot, ends) = (fields[0], fields[1], fields[4..].join("/"));
        let others = (1..=4000_u32).map(|it| format!("{version}/{boot}/c9999999/{it:x}/{ends}\n"));
        let others: String = others.collect();
        let mut child = program()
            .args(["delete", "--json", "--id", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = format!("{others}{id}\n");
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, input.as_bytes()).unwrap();
        drop(stdin);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::INT).unwrap();
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(rest.lines().count() < 4000);
        assert!(
            rest.is_empty() || rest.ends_with('\n'),
            "the last line is whole"
        );
        assert!(is_alive(&connection));
    });
}

#[test]
fn names_that_are_none() {
    isolated(|| {
        for (words, problem) in [
            ("", "what should be deleted?"),
            (
                "192.0.2.1",
                "`192.0.2.1` names one end; a connection has two",
            ),
            (
                "192.0.2.1:1 192.0.2.2:2 192.0.2.3:3",
                "3 words; expected two endpoints",
            ),
            ("192.0.2.1:1 [::1]:2", "one end is IPv4, the other IPv6"),
            ("::1:80 ::1:81", "`::1:80`: an IPv6 address needs brackets"),
            (
                "192.0.2.1:99999 192.0.2.1:1",
                "`192.0.2.1:99999`: the port is above 65535",
            ),
            ("192.0.2.1:http 192.0.2.1:1", "the port must be a number"),
            ("example.org:80 192.0.2.1:1", "expected a numeric address"),
            ("192.0.2.1%nope:80 192.0.2.1:1", "no device `nope` here"),
            ("--id 1/2/3", "`1/2/3`: not an identity"),
            ("--nonsense", "there is no option --nonsense"),
            (
                "--method magic 192.0.2.1:1 192.0.2.1:2",
                "`magic` is not a valid --method",
            ),
        ] {
            let refused = run(&format!("delete {words}"));
            assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{words}");
            assert!(refused.err.contains(problem), "{words}: {}", refused.err);
        }
        for words in [
            &["delete", "\u{1b}[2J:1", "1:1"][..],
            &["\u{1b}[2J"],
            &["delete", "--\u{1b}[2J"],
            &["delete", "--method", "\u{1b}[2J"],
        ] {
            let hostile: crate::util::Run = program().args(words).output().unwrap().into();
            assert_eq!(hostile.code, 2);
            assert!(!hostile.err.contains('\u{1b}'), "{:?}", hostile.err);
        }
    });
}
