//! Both ends of a connection within the host as one row of `tcpentry top`.

use std::net::TcpStream;

use tcpentry_testkit::{isolated, terminal};

use crate::top::await_shell;
use crate::util::{connections, is_alive};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpentry");

#[test]
fn three_connections_are_three_rows_of_which_one_is_deleted_with_both_its_ends() {
    isolated(|| {
        let tmux = terminal!(150, 24);
        let (all, _listener, port) = connections(3);
        tmux.runs(&format!("{PROGRAM} top"));
        tmux.await_text("6 connections");
        tmux.types("b");
        tmux.await_text("both ends of 3 connections are one row each");
        tmux.await_text("3 connections  1-3 of 3");
        // The service is the peer, and this test has both ends.
        let service = format!(" 127.0.0.1:{port} ");
        tmux.await_screen("three rows have both holders", |screen| {
            let rows = screen.lines().filter(|line| line.contains(&service));
            rows.filter(|row| row.matches("program-").count() == 2)
                .count()
                == 3
        });
        tmux.types("d");
        tmux.await_text("1 of them has its other end in this table, too, which ends with it");
        tmux.types("y");
        tmux.await_text("1 deleted");
        tmux.await_text("2 connections  1-2 of 2");
        let left: Vec<_> = all.iter().filter(|ends| is_alive(ends)).collect();
        assert_eq!(left.len(), 2);
        let is_told = |stream: &TcpStream| tcpentry_testkit::tcp::events(stream) != 0;
        let mut ended = all.iter().filter(|ends| !is_alive(ends));
        assert!(ended.all(|ends| is_told(&ends.client) && is_told(&ends.server)));
        tmux.types("b");
        tmux.await_text("4 connections");
        tmux.types("q");
        await_shell(&tmux);
    });
}
