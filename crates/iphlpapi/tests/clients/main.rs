//! The examples as their users run them: compiled from the very files, linked or bound to the library, each in a
//! network namespace of its own.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

mod client;
mod names;
mod windows;
mod worlds;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};

use client::{Client, Run};
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::{isolated, until};

const PAGE: &str = include_str!("../../../../docs/LIBRARIES.md");

#[test]
fn the_c_program_lists_and_deletes() {
    isolated(|| drop(lists_and_deletes(&client::c("c/closeconn.c"))));
}

/// Mono finds the library by the name that Windows has for it.
#[test]
fn the_csharp_program_lists_and_deletes_unchanged() {
    isolated(|| {
        let (deleted, _) = lists_and_deletes(&client::csharp("csharp/CloseConn.cs"));
        assert!(PAGE.contains(&format!("\n{deleted}")), "{deleted}");
    });
}

#[test]
fn the_python_program_lists_and_deletes() {
    isolated(|| {
        let (_, gone) = lists_and_deletes(&client::python("python/closeconn.py"));
        assert!(PAGE.contains(&format!("\n{gone}")), "{gone}");
    });
}

#[test]
fn the_program_for_windows_deletes_what_comes_from_an_address() {
    isolated(|| {
        let client = client::c("c/windows_page.c");
        let listener = tcp::listen(tcp::loopback(0));
        let from = |address: &str| {
            let socket = tcp::socket(tcp::loopback(0));
            let at: SocketAddr = address.parse().unwrap();
            socket.bind(&at.into()).unwrap();
            tcp::connect_from(socket, &listener)
        };
        let (victim, neighbour) = (from("127.0.0.2:0"), from("127.0.0.3:0"));
        let ends = format!("{}  {}", local(&victim), peer(&victim));

        let listed = client.run(&[]);
        assert!(listed.out.contains(&format!(" 5  {ends}\n")), "{listed:?}");
        assert!(listed.out.contains(" 2  127.0.0.1:"), "{listed:?}");

        let deleted = client.run(&["127.0.0.2"]);
        assert_eq!(deleted.code, 0, "{deleted:?}");
        assert_eq!(deleted.out, format!("deleted: 12  {ends}\n"));
        assert!(is_reset(&victim));
        assert!(is_alive(&neighbour) && accepts(&listener));
        assert_eq!(client.run(&["127.0.0.2"]).out, "", "nothing left to delete");
    });
}

#[test]
fn the_example_of_the_manual_deletes_what_it_says() {
    isolated(|| {
        let client = client::manual("SetTcpEntry.3");
        let listener = tcp::listen(tcp::loopback(8080));
        let neighbour = tcp::connected();
        let victim = tcp::connect_to(&listener);
        let deleted = client.run(&[]);
        assert_eq!(deleted.code, 0, "{deleted:?}");
        assert_eq!(deleted.out, "The operation completed successfully.\n");
        assert!(is_reset(&victim));
        assert!(is_alive(&neighbour) && accepts(&listener));
    });
}

/// Checks an example: the table without arguments, and one connection with four. Returns its output for a deletion, and for
/// one more.
fn lists_and_deletes(client: &Client) -> (String, String) {
    let listener = tcp::listen(tcp::loopback(0));
    let (victim, neighbour) = (tcp::connect_to(&listener), tcp::connect_to(&listener));
    let pid = std::process::id().to_string();

    let listed = client.run(&[]);
    assert_eq!((listed.code, listed.err.as_str()), (0, ""));
    let at = listener.local_addr().unwrap().to_string();
    let row = |state: &str, local: &str, peer: &str| [state, local, peer, &pid].map(str::to_owned);
    let expected = [
        row("LISTEN", &at, "0.0.0.0:0"),
        row("ESTAB", &at, &peer(&victim)),
        row("ESTAB", &at, &peer(&neighbour)),
        row("ESTAB", &peer(&victim), &at),
        row("ESTAB", &peer(&neighbour), &at),
    ];
    let rows = rows(&listed);
    assert_eq!(rows.len(), expected.len(), "{}", listed.out);
    for row in &expected {
        assert!(rows.contains(row), "{row:?} is not in\n{}", listed.out);
    }

    let (here, there) = (local(&victim), peer(&victim));
    let words = words(&here, &there);
    let deleted = client.run(&words);
    assert_eq!(deleted.code, 0, "{deleted:?}");
    assert!(deleted.out.starts_with("0: "), "{deleted:?}");
    assert!(is_reset(&victim));
    assert!(is_alive(&neighbour) && accepts(&listener));
    until("both ends have left the table", || {
        let listed = client.run(&[]);
        !listed.out.contains(&there)
    });

    let gone = client.run(&words);
    assert_eq!(gone.code, 1, "{gone:?}");
    assert!(gone.out.starts_with("317: "), "{gone:?}");
    let no_connection = client.run(&self::words(&at, "0.0.0.0:0"));
    assert!(no_connection.out.starts_with("317: "), "{no_connection:?}");
    assert!(accepts(&listener), "a listener is not a connection");

    for nonsense in [
        &["127.0.0.1"][..],
        &["127.0.0.1", "x", "127.0.0.1", "1"],
        &["127.0.0.1", "65536", "127.0.0.1", "1"],
        &["::1", "1", "::1", "1"],
    ] {
        let refused = client.run(nonsense);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
        assert_ne!(refused.err, "", "{nonsense:?}");
    }
    assert!(is_alive(&neighbour));
    (deleted.out, gone.out)
}

fn rows(run: &Run) -> Vec<[String; 4]> {
    let row = |line: &str| {
        let fields: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        fields.try_into().unwrap()
    };
    run.out.lines().map(row).collect()
}

fn words<'a>(local: &'a str, peer: &'a str) -> Vec<&'a str> {
    [local, peer]
        .iter()
        .flat_map(|end| {
            let (address, port) = end.rsplit_once(':').unwrap();
            [address, port]
        })
        .collect()
}

/// Returns the end that was accepted.
fn local(ends: &Ends) -> String {
    ends.server.local_addr().unwrap().to_string()
}

fn peer(ends: &Ends) -> String {
    ends.server.peer_addr().unwrap().to_string()
}

fn is_reset(ends: &Ends) -> bool {
    let error = (&ends.client).read(&mut [0]).unwrap_err();
    error.kind() == std::io::ErrorKind::ConnectionReset
}

fn is_alive(ends: &Ends) -> bool {
    let mut byte = [0];
    (&ends.client).write_all(b"x").is_ok() && (&ends.server).read_exact(&mut byte).is_ok()
}

/// Returns true if a listener still accepts connections.
fn accepts(listener: &TcpListener) -> bool {
    is_alive(&tcp::connect_to(listener))
}
