//! Each exit code of the contract, provoked for real.

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, seccomp, skip, tcp};

use crate::util::{connections, ends, identity, is_alive, local, opened, run, run_opened};

#[test]
fn zero_for_deleted_and_for_deleted_beside_gone() {
    isolated(|| {
        let connection = tcp::connected();
        let client = identity(connection.client.local_addr().unwrap());
        let server = identity(connection.server.local_addr().unwrap());
        assert_eq!(run(&format!("delete --id {client}")).code, 0);
        let again = tcp::connected();
        let other = identity(again.client.local_addr().unwrap());
        let done = run(&format!("delete --id {other} {server}"));
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
        // By a filter: its other half is in `terminal.rs`, where one ends during the question.
        let (_ends, _listener, port) = connections(2);
        assert_eq!(run(&format!("delete --yes dport = :{port}")).code, 0);
    });
}

#[test]
fn one_for_nothing_there() {
    isolated(|| {
        let _others = connections(1);
        for words in [
            "delete 127.0.0.1:1 127.0.0.1:2",
            "delete dport = :1",
            "delete --yes dport = :1",
            "delete -n dport = :1",
            "delete --yes --max 0 dport = :1",
            "delete --yes --for 10ms dport = :1",
            "delete --yes --until-quiet 10ms --json dport = :1",
        ] {
            let nothing = run(words);
            assert_eq!((nothing.code, nothing.out.lines().count() < 3), (1, true));
        }
        let quiet = run("delete -q dport = :1");
        assert_eq!(
            (quiet.code, quiet.out.as_str(), quiet.err.as_str()),
            (1, "", "")
        );
    });
}

#[test]
fn two_for_usage() {
    isolated(|| {
        for words in [
            "delete",
            "delete 127.0.0.1:1",
            "nonsense",
            "list --nonsense",
            "list state",
            "delete --yes state",
            "delete --yes dport = :1 or dport = :2 src 192.0.2.1",
            "delete --yes idle",
        ] {
            assert_eq!(run(words).code, 2, "{words}");
        }
    });
}

#[test]
fn three_for_a_guard() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let at = listener.local_addr().unwrap();
        let refused = run(&format!("delete {at} 0.0.0.0:*"));
        assert_eq!(refused.code, 3);
        assert!(refused.err.contains("--listeners"), "{}", refused.err);
        assert!(is_alive(&tcp::connect_to(&listener)));
        // The own session alone is in `own_session/`, a question declined in `terminal.rs`.
        let (ends, _listener, port) = connections(2);
        for options in [
            "",
            "--max 1 --yes",
            "--max 1",
            "--max 1 -n",
            "--for 10ms",
            "--json",
            "-q",
        ] {
            let refused = run(&format!("delete {options} dport = :{port}"));
            assert_eq!(refused.code, 3, "{options}: {}", refused.err);
            assert!(ends.iter().all(is_alive), "{options}");
        }
    });
}

#[test]
fn four_for_not_permitted() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let connection = tcp::connected();
        let holder = Holder::of(&connection.client, None);
        let words = format!("delete {}", ends(&connection.client));
        let program = opened();
        for words in [words.clone(), format!("{words} -n")] {
            let denied = User::new(4004).run(|| run_opened(&program, &words));
            assert_eq!(denied.code, 4, "{}", denied.err);
            assert_eq!(denied.rows()[0][0], "denied");
            assert!(denied.err.contains("run it as root"), "{}", denied.err);
        }
        drop(holder);
        assert!(is_alive(&connection));

        let (ends, _listener, port) = connections(2);
        let denied = |words: &str, rows: usize| {
            let denied = User::new(4004).run(|| run_opened(&program, words));
            assert_eq!(denied.code, 4, "{words}: {}", denied.err);
            let outcomes: Vec<_> = denied.rows().iter().map(|row| row[0].to_owned()).collect();
            assert_eq!(outcomes, vec!["denied"; rows], "{words}");
            let reasons = denied.err.lines().filter(|line| line.contains("cannot "));
            assert_eq!(reasons.count(), 1, "{words}: {}", denied.err);
        };
        denied(&format!("delete src {}", local(&ends[0])), 1);
        denied(&format!("delete --yes dport = :{port}"), 2);
        denied(&format!("delete --yes -n dport = :{port}"), 2);
        // What can't be deleted is told once, not in each round.
        denied(&format!("delete --yes --for 350ms dport = :{port}"), 2);
        denied(
            &format!("delete --yes --until-quiet 350ms --max 9 dport = :{port}"),
            2,
        );
        let unseen = format!("delete --yes dport = :{port} process *");
        let unseen = User::new(4004).run(|| run_opened(&program, &unseen));
        assert_eq!(
            (unseen.code, unseen.out.as_str()),
            (4, ""),
            "{}",
            unseen.err
        );
        assert!(ends.iter().all(is_alive));
    });
}

#[test]
fn five_for_no_way_on_this_system() {
    isolated(|| {
        let bound = tcp::socket(tcp::loopback(0));
        bound.bind(&tcp::loopback(0).into()).unwrap();
        let id = identity(bound.local_addr().unwrap().as_socket().unwrap());
        let refused = run(&format!("delete --id {id}"));
        assert_eq!(refused.code, 5, "{}", refused.err);
        assert!(
            refused.err.contains("bound but not connected"),
            "{}",
            refused.err
        );
        let refused = run("delete state bound-inactive");
        assert_eq!(refused.code, 5, "{}", refused.err);
        assert_eq!(refused.rows()[0][..2], ["unsupported", "bound-inactive"]);
        let program = opened();
        let (doomed, _listener, port) = connections(2);
        for words in [
            format!("delete --yes --method borrow dport = :{port}"),
            format!("delete --method borrow src {}", local(&doomed[0])),
        ] {
            let errno = Errno::NOSYS.raw_os_error();
            let refused = seccomp::refusing(libc::SYS_pidfd_getfd, None, errno, || {
                run_opened(&program, &words)
            });
            assert_eq!(refused.code, 5, "{words}: {}", refused.err);
            assert!(doomed.iter().all(is_alive));
        }
        let mixed = run("delete --yes state established state bound-inactive");
        assert_eq!(mixed.code, 6, "{}", mixed.err);
        assert!(mixed.err.ends_with(", 1 unsupported\n"), "{}", mixed.err);

        let Ok(listener) = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)) else {
            skip!("no MPTCP here");
        };
        listener.bind(&tcp::loopback(0).into()).unwrap();
        listener.listen(1).unwrap();
        let client = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).unwrap();
        client.connect(&listener.local_addr().unwrap()).unwrap();
        let client: std::net::TcpStream = client.into();
        let refused = run(&format!(
            "delete --own-session --method sock-diag {}",
            ends(&client)
        ));
        assert_eq!(refused.code, 5, "{}", refused.err);
        assert!(refused.err.contains("MPTCP"), "{}", refused.err);
        let delete = format!("delete --own-session {}", ends(&client));
        assert_eq!(run(&delete).code, 0);
    });
}

#[test]
fn six_for_mixed() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let connection = tcp::connect_to(&listener);
        let doomed = identity(connection.client.local_addr().unwrap());
        let guarded = run("list -l --id").rows()[0][5].to_owned();
        let mixed = run(&format!("delete --id {doomed} {guarded}"));
        assert_eq!(mixed.code, 6, "{}", mixed.err);
        let outcomes: Vec<&str> = mixed.rows().iter().map(|row| row[0]).collect();
        assert_eq!(outcomes, ["deleted", "guarded"]);
        assert!(is_alive(&tcp::connect_to(&listener)));
    });
}

#[test]
fn seven_for_any_other_system_error() {
    isolated(|| {
        let program = opened();
        let errno = Errno::MFILE.raw_os_error();
        for words in [
            "list",
            "delete 127.0.0.1:1 127.0.0.1:2",
            "doctor",
            "delete --yes dport = :1",
            "delete --yes --for 1h dport = :1",
        ] {
            let family = rustix::net::AddressFamily::NETLINK.as_raw();
            let failed = seccomp::refusing(libc::SYS_socket, Some(family.into()), errno, || {
                run_opened(&program, words)
            });
            assert_eq!(failed.code, 7, "{words}: {}", failed.err);
            assert!(
                failed.err.contains("Too many open files"),
                "{words}: {}",
                failed.err
            );
        }
    });
}

#[test]
fn seven_when_nothing_can_be_learnt_of_owners() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        let program = opened();
        let errno = Errno::MFILE.raw_os_error();
        for options in ["--yes", "--yes --for 1h", "-n"] {
            let words = format!("delete {options} dport = :{port} process x");
            let failed = seccomp::refusing(libc::SYS_getdents64, None, errno, || {
                run_opened(&program, &words)
            });
            assert_eq!(
                (failed.code, failed.out.as_str()),
                (7, ""),
                "{}",
                failed.err
            );
            assert!(
                failed
                    .err
                    .contains("Too many open files (os error 24)\nhint: "),
                "{words}: {}",
                failed.err
            );
            assert!(ends.iter().all(is_alive));
        }
    });
}
