//! Connections of which both ends are rows, shown as one: how they are counted, found, grouped, marked and deleted.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyCode;
use tcpentry::{Pair, State};

use super::super::message::WorkerCommand;
use super::super::model::testing::{key, row};
use super::super::model::{HolderNames, Row};
use super::super::testing::{Desk, answer, cookies};

fn held_by(row: &mut Row, text: &str) {
    let (pid, first) = text.split_once(' ').unwrap();
    row.resolved.holders = Some(Arc::new(HolderNames {
        text: text.to_owned(),
        first: first.into(),
        tree: pid.parse().unwrap(),
        ..HolderNames::default()
    }));
}

/// Returns client and server of a connection within the host, with these cookies.
fn ends(client: u64, server: u64, port: u16) -> [Row; 2] {
    let (one, other) = (format!("127.0.0.1:{port}"), "127.0.0.1:5432".to_owned());
    let end = |cookie: u64, local: &str, peer: &str, holder: &str| {
        let mut row = row(cookie);
        row.connection.pair = Pair::new(local.parse().unwrap(), peer.parse().unwrap()).unwrap();
        held_by(&mut row, holder);
        row
    };
    [
        end(client, &one, &other, "7 psql"),
        end(server, &other, &one, "8 postgres"),
    ]
}

/// Returns a connection within the host, and one with another host.
fn rows() -> Vec<Row> {
    ends(1, 2, 40_000).into_iter().chain([row(3)]).collect()
}

fn desk() -> Desk {
    let mut desk = Desk::with(rows());
    desk.type_in("b");
    desk.draw(120, 20);
    desk
}

#[test]
fn a_connection_counts_once_and_shows_client_and_server() {
    let read = |desk: &mut Desk, bytes: u64| {
        let mut rows = rows();
        for row in &mut rows {
            row.read_at = desk.now.into();
            row.counters.as_mut().unwrap().bytes_received = bytes;
        }
        desk.read(rows);
    };
    let mut desk = Desk::with(Vec::new());
    read(&mut desk, 0);
    desk.wait(1);
    read(&mut desk, 1000);
    let received = |desk: &Desk| desk.top.table.rates().map(|rates| rates.received);
    assert_eq!((desk.lines().len(), received(&desk)), (3, Some(3000.0)));
    desk.type_in("b");
    assert_eq!(desk.lines(), [1, 3], "the client's end");
    assert_eq!(
        (desk.top.table.present(), received(&desk)),
        (2, Some(2000.0))
    );
    let drawn = desk.draw(160, 24);
    assert!(
        drawn.contains("tcpentry  2 connections  1-2 of 2"),
        "{drawn}"
    );
    assert!(drawn.contains("2 estb"), "{drawn}");
    assert!(drawn.contains("7 psql → 8 postgres"), "{drawn}");
    assert!(
        drawn.contains("both ends of 1 connection are one row"),
        "{drawn}"
    );
    // Closing is seen at both ends.
    let mut closing = rows();
    closing[0].connection.state = State::FinWait2;
    closing[1].connection.state = State::CloseWait;
    desk.read(closing);
    assert_eq!(desk.top.table.present(), 3);
    desk.type_in("b");
    assert_eq!(desk.top.table.present(), 3);
}

#[test]
fn holders_of_both_ends_are_looked_up() {
    let mut unknown = rows();
    for row in &mut unknown {
        row.resolved.holders = None;
    }
    let mut desk = Desk::with(unknown);
    desk.type_in("b");
    desk.draw(120, 20);
    desk.top.request_unresolved();
    let asked = desk
        .requested()
        .into_iter()
        .find_map(|command| match command {
            WorkerCommand::Resolve(keys) => Some(keys),
            _ => None,
        });
    assert_eq!(asked, Some(vec![key(1), key(2), key(3)]));
}

#[test]
fn the_words_of_both_ends_are_on_the_row() {
    for (words, found) in [
        ("psql", &[1][..]),
        ("postgres", &[1]),
        ("postgres psql 40000", &[1]),
        ("198.51", &[3]),
        ("postgres 198.51", &[]),
    ] {
        let mut desk = desk();
        desk.type_in("/");
        desk.type_in(words);
        desk.press(KeyCode::Enter);
        assert_eq!(desk.lines(), found, "{words}");
        assert_eq!(desk.top.table.present(), found.len());
    }
}

#[test]
fn groups_have_it_once_under_the_client_or_the_port_of_the_service() {
    // The end that is shown has the client's port.
    for (tabs, name, other) in [(1, "7 psql", "8 postgres"), (5, ":5432", ":40000")] {
        let mut desk = desk();
        for _ in 0..tabs {
            desk.press(KeyCode::Tab);
        }
        desk.show_again();
        let drawn = desk.draw(120, 20);
        let lines = drawn.lines().filter(|line| line.contains(name));
        assert_eq!(lines.count(), 1, "{drawn}");
        assert!(!drawn.contains(other), "{drawn}");
        assert_eq!((desk.lines().len(), desk.top.table.present()), (2, 2));
    }
}

#[test]
fn marks_are_of_what_is_shown_and_those_of_hidden_ends_are_counted() {
    let mut desk = desk();
    desk.type_in("*");
    assert_eq!(desk.marked(), [1, 3]);
    desk.type_in("u");
    desk.type_in("b*");
    assert_eq!(desk.marked(), [1, 2, 3]);
    desk.type_in("b");
    assert_eq!(desk.top.count_hidden_marks(), 1);
    let drawn = desk.draw(120, 20);
    assert!(drawn.contains("3 marked (1 not shown)"), "{drawn}");
}

#[test]
fn the_row_that_is_shown_is_deleted_and_the_preview_tells_of_its_other_end() {
    let said = "1 of them has its other end in this table, too, which ends with it";
    let mut desk = desk();
    desk.press(KeyCode::Char('d'));
    let (serial, targets) = desk.requested_preview();
    assert_eq!(cookies(targets.iter()), [1]);
    desk.receive(answer(serial, targets, &[]));
    let drawn = desk.draw(120, 20);
    assert!(drawn.contains(said), "{drawn}");
    desk.type_in("y");
    assert_eq!(desk.requested_deletions(), [[1]]);
    // Also where each end is a row; not where both are meant.
    let mut desk = Desk::with(rows());
    desk.top.table.move_to(1);
    desk.open_preview(&[]);
    let drawn = desk.draw(120, 20);
    assert!(drawn.contains(said), "{drawn}");
    desk.type_in("n*");
    desk.open_preview(&[]);
    let drawn = desk.draw(120, 20);
    assert!(!drawn.contains("other end"), "{drawn}");
    // Nothing is said of what is not deleted.
    desk.type_in("nu");
    desk.top.table.move_to(0);
    desk.open_preview(&[1]);
    let drawn = desk.draw(120, 20);
    assert!(!drawn.contains("other end"), "{drawn}");
}

#[test]
fn all_connections_are_everything_though_they_are_half_of_the_rows() {
    let pairs = (1..=25_u16).flat_map(|number| {
        let cookie = u64::from(number);
        ends(cookie, cookie + 100, 40_000 + number)
    });
    let mut desk = Desk::with(pairs.collect());
    desk.type_in("b*");
    desk.open_preview(&[]);
    let drawn = desk.draw(120, 20);
    assert!(drawn.contains("Type 25 and Enter"), "{drawn}");
}

#[test]
fn a_cell_selects_both_ends_or_neither() {
    for (keys, filter) in [
        ("=P", "port = :5432"),
        ("!P", "not port = :5432"),
        ("=l", "host 127.0.0.1"),
    ] {
        let mut desk = desk();
        desk.type_in(keys);
        assert_eq!(desk.requested_filter().1, filter);
    }
    let mut desk = desk();
    desk.top.table.move_to(1);
    desk.type_in("=P");
    assert_eq!(desk.requested_filter().1, "dport = :50000");
}

#[test]
fn what_has_left_stays_one_row() {
    let mut desk = desk();
    desk.wait(1);
    desk.read(vec![row(3)]);
    assert_eq!(desk.lines(), [3, 1]);
    desk.wait(1);
    // Another connection between the same ends.
    desk.read(ends(4, 5, 40_000).into_iter().chain([row(3)]).collect());
    assert_eq!(desk.lines(), [4, 3, 1]);
    desk.now += Duration::from_secs(9);
    desk.read(vec![row(3)]);
    assert_eq!(desk.lines(), [3, 4]);
}
