//! Each exit code of the contract, provoked for real.

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, seccomp, skip, tcp};

use crate::util::{ends, identity, is_alive, opened, run, run_opened};

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
    });
}

#[test]
fn one_for_nothing_there() {
    isolated(|| assert_eq!(run("delete 127.0.0.1:1 127.0.0.1:2").code, 1));
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

        let Ok(listener) = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)) else {
            skip!("no MPTCP here");
        };
        listener.bind(&tcp::loopback(0).into()).unwrap();
        listener.listen(1).unwrap();
        let client = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).unwrap();
        client.connect(&listener.local_addr().unwrap()).unwrap();
        let client: std::net::TcpStream = client.into();
        let refused = run(&format!("delete --method sock-diag {}", ends(&client)));
        assert_eq!(refused.code, 5, "{}", refused.err);
        assert!(refused.err.contains("MPTCP"), "{}", refused.err);
        assert_eq!(run(&format!("delete {}", ends(&client))).code, 0);
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
        for words in ["list", "delete 127.0.0.1:1 127.0.0.1:2", "doctor"] {
            let family = rustix::net::AddressFamily::NETLINK.as_raw();
            let failed = seccomp::refusing(libc_socket(), Some(family.into()), errno, || {
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

/// `SYS_socket`
fn libc_socket() -> i64 {
    libc::SYS_socket
}
