//! The text on the screen: of every size, with the focus on each part, with any names.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use tcpentry::{Method, Pair, State};

use super::super::message::{DetailText, FilterProblem, Section, Update};
use super::super::model::testing::{row, row_of};
use super::super::model::{Deletability, HolderNames, HostName, Resolved, Row};
use super::super::state::Focus;
use super::super::testing::{Desk, problem};
use super::Theme;
use crate::args::{Palette, TopColumn};

fn held_by(mut row: Row, name: &str) -> Row {
    row.resolved = Resolved {
        holders: Some(Arc::new(HolderNames {
            text: format!("7 {name}"),
            others: 0,
            first: name.into(),
            tree: 7,
            unit: Some("nginx.service".into()),
        })),
        deletability: Some(Deletability::By(Method::SockDiag)),
    };
    row
}

/// Returns the connections of a server with three clients.
fn served() -> Vec<Row> {
    let mut slow = held_by(row_of(3, State::CloseWait), "python3");
    let counters = slow.counters.as_mut().unwrap();
    counters.idle = 700_000;
    counters.total_retransmits = 4;
    slow.connection.recv_queue = 1_234_567;
    let mut nobodys = row_of(2, State::TimeWait);
    nobodys.connection.inode = None;
    nobodys.counters = None;
    nobodys.names_mut().user = None;
    vec![held_by(row(1), "nginx"), nobodys, slow]
}

/// Returns a screen with them a second later: one is new, one has changed, one has left.
fn moving() -> Desk {
    let mut desk = Desk::with(served());
    desk.wait(1);
    let mut changed = served().swap_remove(0);
    changed.connection.state = State::FinWait1;
    desk.read(vec![
        changed,
        served().swap_remove(2),
        held_by(row(4), "nginx"),
    ]);
    desk
}

/// Returns the connections between full addresses of IPv6.
fn long_ends() -> Vec<Row> {
    let pair = |cookie: u64| {
        let local = "[2001:db8:aaaa:bbbb:cccc:dddd:1:1]:443".parse().unwrap();
        let peer = format!("[2001:db8:1111:2222:3333:4444:5555:{cookie}]:50000");
        Pair::new(local, peer.parse().unwrap()).unwrap()
    };
    let rows = [(11, "nginx"), (12, "python3")].into_iter();
    rows.map(|(cookie, name)| {
        let mut row = held_by(row(cookie), name);
        row.connection.pair = pair(cookie);
        row
    })
    .collect()
}

/// Asserts the lines of a screen other than empty ones.
fn assert_reads(drawn: &str, expected: &[&str]) {
    let lines = drawn.lines().filter(|line| !line.is_empty());
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines, expected, "\n{drawn}");
}

/// Returns all symbols of a line of the screen, also trailing spaces.
fn cells(buffer: &Buffer, y: u16) -> Vec<&str> {
    let line = 0..buffer.area.width;
    line.map(|x| buffer[(x, y)].symbol()).collect()
}

// All sizes.

/// Returns screens with the focus on each part, and much in them.
fn in_all_parts() -> Vec<Desk> {
    let mut desks: Vec<_> = (0..15).map(|_| moving()).collect();
    desks[1].type_in("/port = :443 日本語");
    desks[2].type_in("/not x");
    let (serial, _) = desks[2].requested_filter();
    let result = Err(problem(500, 500));
    desks[2].receive(Update::Filter { serial, result });
    desks[3].type_in("*d");
    desks[4].type_in("*");
    desks[4].open_preview(&[3]);
    desks[5].type_in("*");
    desks[5].open_preview(&[3]);
    desks[5].type_in("y");
    desks[6].press(KeyCode::Enter);
    let details = Box::new(details());
    let key = desks[6].top.details.as_ref().unwrap().target.key;
    desks[6].receive(Update::Details { key, details });
    desks[7].type_in("?");
    desks[8].type_in("c");
    desks[8].top.columns.cursor = 14;
    desks[9].type_in("l");
    desks[10].press(KeyCode::Tab);
    desks[10].press(KeyCode::Enter);
    desks[11].top.columns.shown = TopColumn::all().to_vec();
    desks[12].apply_filter("state established");
    desks[14].type_in("o");
    desks[13].receive(Update::Trouble("日本語".repeat(50)));
    desks
}

#[test]
fn it_is_drawn_on_a_terminal_of_any_size() {
    let some: Vec<u16> = (1..=7).chain([24, 60]).collect();
    let widths: Vec<u16> = (1..=8).chain([20, 40, 80, 200]).collect();
    for mut desk in in_all_parts() {
        for lines in &some {
            for columns in &widths {
                desk.buffer(*columns, *lines);
                desk.top.table.move_by(1);
                desk.top.scroll(-1);
            }
        }
    }
}

#[test]
fn a_wide_terminal_has_as_many_columns_as_there_is_room_for() {
    assert_reads(
        &moving().draw(120, 20),
        &[
            "tcpentry  3 connections  1-4 of 4  sort: peer ^  every 1s  in 0/s out 0/s",
            "    STATE       LOCAL         PEER^              PROCESS    IDLE  RECV-Q SEND-Q  IN/s OUT/s RETRANS USER UNIT          >",
            "> ~ fin-wait-1  192.0.2.1:443 198.51.100.1:50000 7 nginx     0us       0      0     0     0     0/0 root nginx.service",
            "    close-wait  192.0.2.1:443 198.51.100.3:50000 7 python3   11m 1234567      0     0     0     0/4 root nginx.service",
            "  + established 192.0.2.1:443 198.51.100.4:50000 7 nginx     0us       0      0     -     -     0/0 root nginx.service",
            "  - time-wait   192.0.2.1:443 198.51.100.2:50000 -             -       0      0     -     -       - -    -",
            "/ find  d delete  ? help  q quit  Enter details  Space mark  Tab group  o sort  a all namespaces  c columns  p pause",
        ],
    );
}

#[test]
fn a_usual_terminal_leaves_out_what_is_of_least_use() {
    assert_reads(
        &moving().draw(80, 23),
        &[
            "tcpentry  3 connections  1-4 of 4  sort: peer ^  every 1s  in 0/s out 0/s",
            "    STATE       LOCAL         PEER^              PROCESS    IDLE  IN/s OUT/s   >",
            "> ~ fin-wait-1  192.0.2.1:443 198.51.100.1:50000 7 nginx     0us     0     0",
            "    close-wait  192.0.2.1:443 198.51.100.3:50000 7 python3   11m     0     0",
            "  + established 192.0.2.1:443 198.51.100.4:50000 7 nginx     0us     -     -",
            "  - time-wait   192.0.2.1:443 198.51.100.2:50000 -             -     -     -",
            "/ find  d delete  ? help  q quit  Enter details  Space mark  Tab group  o sort",
        ],
    );
}

#[test]
fn the_second_line_has_the_totals_of_states_and_the_rates_over_time() {
    let mut desk = moving();
    let second = |desk: &mut Desk| desk.draw(80, 24).lines().nth(1).unwrap().to_owned();
    assert_eq!(second(&mut desk), "1 clsw  1 fin1  1 estb  in 0/s out 0/s");
    let mut bytes = 0;
    for more in [0, 4000, 1000, 2000, 1] {
        desk.wait(1);
        bytes += more;
        let mut read = served();
        for row in &mut read {
            row.read_at = desk.now.into();
            if let Some(counters) = &mut row.counters {
                counters.bytes_received = bytes;
            }
        }
        desk.read(read);
    }
    let line = second(&mut desk);
    assert!(line.contains("1 clsw  1 estb  1 timw  in 2/s"), "{line}");
    assert!(line.ends_with("   ⣇⣄"), "{line}");
}

#[test]
fn the_first_line_has_the_position_and_the_order() {
    let mut desk = Desk::with((1..=99).map(row).collect());
    let first = |desk: &mut Desk| desk.draw(80, 24).lines().next().unwrap().to_owned();
    assert_eq!(
        first(&mut desk),
        "tcpentry  99 connections  1-20 of 99  sort: peer ^  every 1s"
    );
    desk.press(KeyCode::End);
    desk.type_in("F");
    assert_eq!(
        first(&mut desk),
        "tcpentry  99 connections  80-99 of 99  following  sort: peer ^  every 1s"
    );
    desk.type_in("Fr");
    assert!(first(&mut desk).contains("  1-20 of 99  sort: peer v"));
}

#[test]
fn a_small_terminal_has_what_names_a_connection() {
    assert_reads(
        &moving().draw(40, 10),
        &[
            "tcpentry  3 connections  1-4 of 4",
            "    STATE PEER^              PROCESS   >",
            "> ~ fin1  198.51.100.1:50000 7 nginx",
            "    clsw  198.51.100.3:50000 7 python3",
            "  + estb  198.51.100.4:50000 7 nginx",
            "  - timw  198.51.100.2:50000 -",
            "/ find  d delete  ? help  q quit",
        ],
    );
}

#[test]
fn a_tiny_terminal_has_a_peer_and_its_state() {
    assert_reads(
        &moving().draw(20, 5),
        &[
            "tcpentry  3 connecti",
            "    STATE PEER^",
            "> ~ fin1  …0.1:50000",
            "    clsw  …0.3:50000",
            "/ find  d delete",
        ],
    );
}

#[test]
fn long_addresses_are_shortened_in_the_middle_before_a_process_or_rates_are_left_out() {
    let mut desk = Desk::with(long_ends());
    assert_reads(
        &desk.draw(80, 23),
        &[
            "tcpentry  2 connections  1-2 of 2  sort: peer ^  every 1s  in - out -",
            "    STATE LOCAL            PEER^                     PROCESS    IDLE  IN/s OUT/s",
            ">   estb  [2001:d…1:1]:443 [2001:db8:11…55:11]:50000 7 nginx     0us     -     -",
            "    estb  [2001:d…1:1]:443 [2001:db8:11…55:12]:50000 7 python3   0us     -     -",
            "/ find  d delete  ? help  q quit  Enter details  Space mark  Tab group  o sort",
        ],
    );
    assert!(
        desk.draw(160, 24)
            .contains("[2001:db8:1111:2222:3333:4444:5555:11]:50000")
    );
}

#[test]
fn the_column_of_the_order_is_shown_before_others() {
    let mut desk = moving();
    desk.top.sort_by(TopColumn::RecvQueue);
    let drawn = desk.draw(40, 10);
    assert!(
        drawn.contains("RECV-Qv") && drawn.contains("PEER"),
        "{drawn}"
    );
    let drawn = desk.draw(80, 10);
    assert!(
        drawn.contains("RECV-Qv") && drawn.contains("OUT/s"),
        "{drawn}"
    );
}

#[test]
fn columns_are_scrolled_while_state_peer_and_order_stay() {
    let mut desk = moving();
    let titles = |desk: &mut Desk| {
        let drawn = desk.draw(80, 23);
        drawn.lines().nth(1).unwrap().trim_end().to_owned()
    };
    let unscrolled = titles(&mut desk);
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let shown = titles(&mut desk);
        assert!(
            shown.contains("STATE") && shown.contains("PEER^"),
            "{shown}"
        );
        seen.extend(shown.split_whitespace().map(str::to_owned));
        desk.press(KeyCode::Right);
    }
    assert!(seen.contains("UNIT") && seen.contains("RECV-Q"), "{seen:?}");
    let last = titles(&mut desk);
    assert!(last.starts_with('<') && last.ends_with("UNIT"), "{last}");
    for _ in 0..20 {
        desk.press(KeyCode::Left);
        titles(&mut desk);
    }
    assert_eq!(titles(&mut desk), unscrolled);
    // Where all columns fit, there is nothing to be scrolled.
    desk.draw(200, 24);
    desk.press(KeyCode::Right);
    assert!(desk.draw(200, 24).contains("LOCAL"));
}

#[test]
fn no_row_is_drawn_over_the_lines_around_the_table() {
    for lines in 3..8 {
        let mut desk = moving();
        let drawn = desk.draw(60, lines);
        let last = drawn.lines().last().unwrap();
        assert_eq!(
            last,
            "/ find  d delete  ? help  q quit  Enter details  Space mark"
        );
        assert!(drawn.starts_with("tcpentry  3 connections"), "{drawn}");
    }
}

#[test]
fn groups_are_counted_and_opened() {
    let mut desk = moving();
    desk.press(KeyCode::Tab);
    // Rows are grouped once all holders are known.
    assert!(desk.current().is_some(), "a row");
    desk.show_again();
    desk.press(KeyCode::Enter);
    assert_reads(
        &desk.draw(80, 12),
        &[
            "tcpentry  3 connections  1-4 of 4  sort: count v  group: process  every 1s",
            "    PROCESS   COUNTv STATE         PEER                IDLE  IN/s OUT/s   RTT  >",
            "> ▾ 7 nginx        2 1 fin1 1 estb several              0us     0     0   0us",
            "  ~ 7 nginx          fin-wait-1    198.51.100.1:50000   0us     0     0   0us",
            "  + 7 nginx          established   198.51.100.4:50000   0us     -     -   0us",
            "  ▸ 7 python3      1 1 clsw        198.51.100.3:50000   11m     0     0   0us",
            "/ find  d delete  ? help  q quit  Enter details  Space mark  Tab group  o sort",
        ],
    );
    // A part of the group does not look like all of it.
    let mark_of_group = |desk: &mut Desk| {
        let drawn = desk.draw(80, 12);
        let line = drawn.lines().find(|line| line.contains("7 nginx        2"));
        line.and_then(|line| line.chars().nth(1))
    };
    desk.press(KeyCode::Down);
    for mark in ['-', '*'] {
        desk.type_in(" ");
        assert_eq!(mark_of_group(&mut desk), Some(mark));
    }
}

#[test]
fn a_preview_takes_more_lines_rather_than_hide_a_peer_or_a_process() {
    let mut desk = Desk::with(long_ends());
    desk.type_in("*");
    desk.open_preview(&[12]);
    assert_reads(
        &desk.draw(80, 24),
        &[
            "tcpentry  2 connections  2 marked  sort: peer ^  every 1s  in - out -",
            "Delete 1 of 2 connections, and leave 1 alone?  y / n",
            "held by  7 nginx",
            "by       sock-diag",
            "guarded  1: it carries your own session",
            "         --own-session takes that guard away",
            "sock-diag established  [2001:db8:aaaa:bbbb:cccc:dddd:1:1]:443",
            "          [2001:db8:1111:2222:3333:4444:5555:11]:50000  7 nginx  root",
            "guarded   established  [2001:db8:aaaa:bbbb:cccc:dddd:1:1]:443",
            "          [2001:db8:1111:2222:3333:4444:5555:12]:50000  7 nginx  root",
            "y delete  n cancel  h hold off",
        ],
    );
    let drawn = desk.draw(40, 10);
    assert!(
        drawn.contains("alone?") && drawn.contains("y / n"),
        "{drawn}"
    );
    assert!(drawn.contains("[2001:db8:11"), "{drawn}");
    assert!(drawn.contains(":11]:50000"), "{drawn}");
    desk.type_in("y");
    assert_eq!(desk.requested_deletions(), [[11]], "it has been shown");
}

#[test]
fn a_preview_shows_count_holders_methods_and_what_is_protected_and_why() {
    let mut desk = moving();
    desk.type_in("*");
    desk.open_preview(&[3]);
    assert_reads(
        &desk.draw(100, 12),
        &[
            "tcpentry  3 connections  3 marked  sort: peer ^  every 1s  in 0/s out 0/s",
            "Delete 2 of 3 connections, and leave 1 alone?  y / n",
            "held by  7 nginx (2)",
            "by       sock-diag (2)",
            "guarded  1: it carries your own session",
            "         --own-session takes that guard away",
            "sock-diag fin-wait-1   192.0.2.1:443  198.51.100.1:50000  7 nginx  root",
            "guarded   close-wait   192.0.2.1:443  198.51.100.3:50000  7 nginx  root",
            "sock-diag established  192.0.2.1:443  198.51.100.4:50000  7 nginx  root",
            "y delete  n cancel  h hold off",
        ],
    );
    desk.type_in("y");
    assert_reads(
        &desk.draw(100, 6),
        &[
            "tcpentry  3 connections  3 marked  sort: peer ^  every 1s  in 0/s out 0/s",
            "0 deleted, 0 already gone, 1 not deleted, of 3 ...",
            "guarded  192.0.2.1:443 198.51.100.3:50000 (close-wait) because it carries your own session",
            "Esc close",
        ],
    );
}

fn details() -> DetailText {
    DetailText {
        command: Some("tcpentry delete --id 7".to_owned()),
        sections: vec![
            Section {
                title: "delete it",
                lines: vec![(String::new(), "tcpentry delete --id 7".to_owned())],
            },
            Section {
                title: "held by",
                lines: vec![
                    ("pid 7".to_owned(), "日本語".to_owned()),
                    ("user".to_owned(), "0".to_owned()),
                ],
            },
        ],
        ..DetailText::default()
    }
}

#[test]
fn details_stand_in_two_columns() {
    let mut desk = moving();
    desk.press(KeyCode::Enter);
    let key = desk.top.details.as_ref().unwrap().target.key;
    let details = Box::new(details());
    desk.receive(Update::Details { key, details });
    assert_reads(
        &desk.draw(80, 12),
        &[
            "tcpentry  3 connections  sort: peer ^  every 1s  in 0/s out 0/s",
            "192.0.2.1:443 198.51.100.1:50000 (fin-wait-1)",
            "delete it",
            "    tcpentry delete --id 7",
            "held by",
            "  pid 7  日本語",
            "  user   0",
            "d delete  ↑↓ scroll  Esc close  c copy the command",
        ],
    );
}

#[test]
fn the_help_has_all_keys() {
    let mut desk = moving();
    desk.type_in("?");
    let drawn = desk.draw(200, 60);
    for (key, what) in super::help_text::HELP {
        assert!(drawn.contains(key) && drawn.contains(what), "{key} {what}");
    }
    desk.draw(40, 10);
    desk.press(KeyCode::End);
    assert!(desk.draw(40, 10).contains("not looked up"), "the last line");
}

#[test]
fn the_choice_shows_what_is_chosen_and_sorted_by() {
    let mut desk = moving();
    desk.type_in("cj");
    assert_reads(
        &desk.draw(60, 8),
        &[
            "tcpentry  3 connections  sort: peer ^  every 1s",
            " [x] STATE      TCP state",
            ">[x] LOCAL      Local end",
            " [x] PEER       Peer's end (sorted)",
            " [x] PROCESS    Processes that hold the socket",
            " [x] IDLE       Time since data last moved, in either direct",
            " [x] RECV-Q     Bytes received and not yet read",
            "Space show or hide  ←→ move  s sort by  Esc close",
        ],
    );
    desk.press(KeyCode::Up);
    for _ in TopColumn::all() {
        desk.press(KeyCode::Down);
        assert!(desk.draw(60, 8).contains("\n>["), "the cursor is seen");
    }
}

#[test]
fn what_has_left_is_listed_with_who_had_it_how_long_and_who_ended_it() {
    let old = row_of(2, State::CloseWait);
    let mut desk = Desk::with(vec![old.clone()]);
    let mut come = held_by(row(1), "nginx");
    let counters = come.counters.as_mut().unwrap();
    (counters.bytes_received, counters.bytes_acked) = (1_500, 20_000_000);
    desk.read(vec![old, come.clone()]);
    let closing = Row {
        read_at: come.read_at + Duration::from_secs(12),
        ..come
    };
    desk.read(vec![closing]);
    desk.wait(1);
    desk.read(Vec::new());
    desk.wait(2);
    desk.type_in("E");
    let drawn = desk.draw(120, 10);
    assert_reads(
        &drawn,
        &[
            "tcpentry  0 connections  sort: peer ^  every 1s  in 0/s out 0/s",
            "the last 2 that left: ended, or no longer selected",
            "  2s ago  198.51.100.1:50000  192.0.2.1:443  7 nginx  root  for 12s  in 1.5k out 20M",
            "  3s ago  198.51.100.2:50000  192.0.2.1:443  ...  root  for more than 0us  in 0 out 0  closed by the peer",
            "Esc close  ↑↓ scroll",
        ],
    );
}

#[test]
fn the_log_has_the_last_at_its_end() {
    let mut desk = moving();
    desk.type_in("l");
    assert!(desk.draw(80, 10).contains("nothing has been deleted yet"));
    desk.press(KeyCode::Esc);
    desk.type_in("*");
    desk.open_preview(&[1, 3, 4]);
    desk.press(KeyCode::Esc);
    desk.open_preview(&[1, 3]);
    desk.type_in("y");
    desk.press(KeyCode::Esc);
    desk.type_in("l");
    let drawn = desk.draw(120, 10);
    assert!(drawn.contains("2 entries"), "{drawn}");
    assert_eq!(drawn.matches("guarded").count(), 2, "{drawn}");
    assert_eq!(drawn.matches("--own-session").count(), 2, "{drawn}");
}

// Names.

/// Names that users may give their processes.
const NAMES: &[&str] = &[
    "日本語",
    "日本語日本語日本語日本語日本語日本語",
    "שלום עולם",
    "السلام عليكم لا لا لا لا",
    "e\u{301}\u{301}\u{301}tage",
    "👍🏽👩‍👩‍👧🇩🇪",
    "\u{1160}\u{1161}",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "a\u{202e}b\u{2066}c\u{200b}\u{feff}",
    "a\nb\rc\td\u{8}\u{7f}\u{9b}31m",
    "\u{0}",
    "",
];

/// Returns true for a character that does anything on a terminal other than appear in its place.
fn is_hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn no_name_does_anything_to_the_terminal() {
    for name in NAMES {
        let name = tcpentry::escape::escape_for_terminal(name.as_bytes());
        let mut desk = Desk::with(vec![held_by(row(1), &name)]);
        let drawn = desk.draw(200, 10);
        let is_hostile = |c: char| c != '\n' && is_hostile(c);
        assert!(!drawn.contains(is_hostile), "{drawn:?}");
    }
    for name in NAMES {
        let mut desk = Desk::with(vec![held_by(row(1), "x")]);
        desk.type_in("n");
        desk.receive(Update::HostName {
            address: row(1).peer_address(),
            name: HostName::of(name),
        });
        for drawn in [desk.draw(200, 10), desk.draw(40, 10)] {
            let is_hostile = |c: char| c != '\n' && is_hostile(c);
            assert!(!drawn.contains(is_hostile), "{drawn:?}");
        }
    }
    // Even a name that is not escaped reaches the terminal without control characters.
    for name in NAMES {
        for mut desk in in_all_parts() {
            desk.read(vec![held_by(row(1), name)]);
            let buffer = desk.buffer(200, 20);
            for cell in buffer.content() {
                assert!(!cell.symbol().contains(char::is_control), "{cell:?}");
            }
        }
    }
}

#[test]
fn a_preview_has_the_address_and_its_name_beside_it() {
    let mut desk = Desk::with(vec![held_by(row(1), "x")]);
    desk.type_in("n");
    desk.receive(Update::HostName {
        address: row(1).peer_address(),
        name: HostName::of("10.0.0.1.example"),
    });
    desk.open_preview(&[]);
    let drawn = desk.draw(120, 20);
    let ends = "192.0.2.1:443  198.51.100.1:50000  (\"10.0.0.1.example\")";
    assert!(drawn.contains(ends), "{drawn}");
    desk.type_in("y");
    desk.press(KeyCode::Esc);
    desk.type_in("n");
    desk.open_preview(&[]);
    let drawn = desk.draw(120, 20);
    assert!(!drawn.contains("example"), "{drawn}");
}

#[test]
fn names_are_in_the_table_and_in_groups_and_nothing_is_found_by_them() {
    let mut desk = Desk::with((1..=3).map(row).collect());
    desk.type_in("n");
    desk.top.request_names(desk.now);
    let drawn = desk.draw(80, 20);
    assert!(drawn.contains("names (3 to come)"), "{drawn}");
    for (number, name) in [(1, "c.example"), (2, "10.0.0.2"), (3, "a.example")] {
        desk.receive(Update::HostName {
            address: row(number).peer_address(),
            name: HostName::of(name),
        });
    }
    let drawn = desk.draw(80, 20);
    assert!(drawn.contains("  names  "), "{drawn}");
    let places = ["c.example:50000", "198.51.100.2:50000", "a.example:50000"];
    let places = places.map(|text| drawn.find(text).unwrap());
    assert!(places.is_sorted(), "by address: {drawn}");
    assert!(!drawn.contains("10.0.0.2"), "{drawn}");
    for _ in 0..3 {
        desk.press(KeyCode::Tab);
    }
    desk.show_again();
    let drawn = desk.draw(80, 20);
    assert!(drawn.contains("c.example "), "{drawn}");
    desk.type_in("/example");
    desk.press(KeyCode::Enter);
    assert_eq!(desk.top.table.present(), 0);
}

#[test]
fn a_name_stays_in_its_cell_and_in_its_row() {
    // As wide as the column can be, so that all other cells have the same place.
    let widest = "a name that is too long for its column";
    let mut expected = Desk::with(vec![row(1), held_by(row(2), "x"), held_by(row(3), widest)]);
    let expected = expected.buffer(160, 10);
    let titles: String = cells(&expected, 1).concat();
    let start = titles.find("PROCESS").unwrap();
    // Its own column, and the space after it.
    let own = start..titles.find(" IDLE").unwrap();
    for name in NAMES {
        for name in [
            (*name).to_owned(),
            tcpentry::escape::escape_for_terminal(name.as_bytes()),
        ] {
            let mut desk = Desk::with(vec![
                row(1),
                held_by(row(2), &name),
                held_by(row(3), widest),
            ]);
            let buffer = desk.buffer(160, 10);
            for y in 0..10 {
                let pairs = cells(&expected, y).into_iter().zip(cells(&buffer, y));
                for (x, (expected, is)) in pairs.enumerate() {
                    if y == 3 && own.contains(&x) {
                        continue;
                    }
                    assert_eq!(is, expected, "{name:?} at {x}, {y}");
                }
            }
        }
    }
}

#[test]
fn wide_names_are_cut_between_characters() {
    let name = "日本語".repeat(5);
    let mut desk = Desk::with(vec![held_by(row(1), &name), held_by(row(2), "x")]);
    let drawn = desk.draw(100, 6);
    assert!(drawn.contains("7 日本語日本語日本語日本語…"), "{drawn}");
    // As wide as it is, where there is room.
    assert!(desk.draw(120, 6).contains(&format!("7 {name} ")));
}

#[test]
fn the_number_of_other_holders_stays_where_a_name_is_cut() {
    let shared = |name: &str| {
        let mut row = held_by(row(1), name);
        row.resolved.holders = Some(Arc::new(HolderNames {
            text: format!("7 {name}, 8 {name}, 9 sh"),
            others: 2,
            first: name.into(),
            tree: 7,
            unit: None,
        }));
        row
    };
    let mut desk = Desk::with(vec![shared("nginx")]);
    assert!(desk.draw(80, 6).contains(" 7 nginx +2 "));
    // In the details, the preview and the list of those that left there is room for all.
    let mut desk = Desk::with(vec![shared("a-long-name-of-a-process")]);
    let drawn = desk.draw(60, 6);
    assert!(drawn.contains(" 7 a-long-… +2 "), "{drawn}");
    assert!(
        desk.draw(160, 6)
            .contains(" 7 a-long-name-of-a-process +2 ")
    );
    desk.top.columns.shown = vec![TopColumn::Process];
    let drawn = desk.draw(10, 6);
    assert!(drawn.contains("\n>   7 a-l…\n"), "{drawn}");
}

// The filter.

/// Returns the line of the filter, the carets below it, and the hint.
fn filtered(text: &str, problem: FilterProblem, columns: u16) -> Vec<String> {
    let mut desk = Desk::with(vec![row(1)]);
    desk.type_in("/");
    desk.type_in(text);
    let (serial, _) = desk.requested_filter();
    let result = Err(problem);
    desk.receive(Update::Filter { serial, result });
    let drawn = desk.draw(columns, 10);
    drawn.lines().skip(1).take(3).map(str::to_owned).collect()
}

#[test]
fn an_error_is_pointed_at_below_its_place() {
    assert_eq!(
        filtered("port = :80 oops", problem(11, 4), 80),
        ["/ port = :80 oops", "             ^^^^ what is that?", ""]
    );
    assert_eq!(
        filtered("process 日本 oops", problem(11, 4), 80)[..2],
        ["/ process 日本 oops", "               ^^^^ what is that?"],
        "wide characters before it"
    );
    assert_eq!(
        filtered("not 日本 x", problem(4, 2), 80)[..2],
        ["/ not 日本 x", "      ^^^^ what is that?"],
        "wide characters above it"
    );
    assert_eq!(
        filtered("not port", problem(8, 0), 80)[..2],
        ["/ not port", "          ^ what is that?"],
        "something is missing at the end"
    );
}

#[test]
fn where_there_is_no_room_behind_it_the_error_stands_before_it() {
    let lines = filtered("port = :80 and port = :81 oops", problem(26, 4), 40);
    assert_eq!(lines[0], "/ port = :80 and port = :81 oops");
    assert_eq!(lines[1], "              what is that? ^^^^");
}

#[test]
fn a_long_filter_scrolls_with_what_points_at_it() {
    let text = format!("{}oops", "port = :80 or ".repeat(10));
    let lines = filtered(&text, problem(140, 4), 40);
    assert!(lines[0].ends_with("or oops"), "{lines:?}");
    let place = lines[0].find("oops").unwrap();
    assert_eq!(lines[1].find("^^^^"), Some(place), "{lines:?}");
    // An error left of the screen is marked at its edge.
    let lines = filtered(&text, problem(0, 4), 40);
    assert_eq!(lines[1], "  ^ what is that?");
}

#[test]
fn an_error_beyond_the_edge_is_shown_too() {
    let mut desk = Desk::with(vec![row(1)]);
    let text = format!("{}oops", "port = :80 or ".repeat(10));
    desk.type_in("/");
    desk.type_in(&text);
    let (serial, _) = desk.requested_filter();
    let result = Err(problem(140, 4));
    desk.receive(Update::Filter { serial, result });
    desk.press(KeyCode::Home);
    let drawn = desk.draw(40, 10);
    assert!(drawn.contains("what is that? ^\n"), "{drawn}");
}

#[test]
fn what_is_typed_is_visible_on_a_terminal_of_few_lines() {
    for error in [false, true] {
        for lines in 4..8 {
            let mut desk = Desk::with(vec![row(1)]);
            desk.type_in("/not nginx");
            if error {
                let (serial, _) = desk.requested_filter();
                let result = Err(problem(0, 5));
                desk.receive(Update::Filter { serial, result });
            }
            let drawn = desk.draw(40, lines);
            assert!(drawn.contains("/ not nginx\n"), "{lines}:\n{drawn}");
        }
    }
}

#[test]
fn the_only_column_is_cut_and_not_left_out() {
    let mut desk = Desk::with(vec![held_by(row(1), "a-long-name-of-a-process")]);
    desk.top.columns.shown = vec![TopColumn::Process, TopColumn::Unit];
    let drawn = desk.draw(20, 5);
    assert!(drawn.contains(">   7 a-long-name-o…\n"), "{drawn}");
}

// Colours.

#[test]
fn a_light_background_has_colours_that_are_seen_on_it() {
    for mut desk in in_all_parts() {
        desk.top.palette = Palette::Light;
        for cell in desk.buffer(120, 30).content() {
            assert!(![Color::Yellow, Color::Cyan].contains(&cell.fg), "{cell:?}");
        }
        desk.top.palette = Palette::None;
        for cell in desk.buffer(120, 30).content() {
            assert_eq!(cell.fg, Color::Reset, "{cell:?}");
        }
    }
}

#[test]
fn without_colours_signs_say_the_same() {
    for mut desk in in_all_parts() {
        desk.theme = Theme {
            color: false,
            ..desk.theme
        };
        for cell in desk.buffer(120, 30).content() {
            let plain = (Color::Reset, Color::Reset);
            assert_eq!((cell.fg, cell.bg), plain, "{cell:?}");
        }
    }
    let mut desk = moving();
    desk.type_in(" ");
    desk.theme = Theme {
        color: false,
        ..desk.theme
    };
    let drawn = desk.draw(120, 20);
    let signs: Vec<_> = drawn
        .lines()
        .skip(2)
        .take(4)
        .map(|line| &line[..3])
        .collect();
    assert_eq!(signs, [" *~", ">  ", "  +", "  -"], "{drawn}");
}

#[test]
fn colours_are_those_that_every_terminal_has() {
    let mut seen = HashSet::new();
    for palette in [Palette::Dark, Palette::Light] {
        for mut desk in in_all_parts() {
            desk.top.palette = palette;
            for cell in desk.buffer(120, 30).content() {
                let many = |color| matches!(color, Color::Rgb(..) | Color::Indexed(_));
                assert!(!many(cell.fg) && !many(cell.bg), "{cell:?}");
                seen.insert(cell.fg);
            }
        }
    }
    for color in [Color::Green, Color::Yellow, Color::Red, Color::DarkGray] {
        assert!(seen.contains(&color), "{color:?}");
    }
}

#[test]
fn what_has_changed_has_its_colour_and_only_there() {
    let buffer = moving().buffer(120, 20);
    let colors = [Color::Yellow, Color::Reset, Color::Green, Color::Red];
    for (y, color) in (2..).zip(colors) {
        let cells = || (0..120).map(|x| &buffer[(x, y)]);
        let inked: Vec<_> = cells().filter(|cell| cell.symbol() != " ").collect();
        assert!(inked.iter().all(|cell| cell.fg == color), "{y} {color:?}");
        let is_current = cells().any(|cell| cell.modifier.contains(Modifier::REVERSED));
        assert_eq!(is_current, y == 2, "{y}");
    }
}

#[test]
fn an_empty_table_says_why() {
    let mut desk = Desk::with(Vec::new());
    assert!(desk.draw(80, 24).contains("no connection"));
    desk.apply_filter("port = :1");
    let drawn = desk.draw(80, 24);
    assert!(drawn.contains("nothing matches the filter"), "{drawn}");
    assert_eq!(desk.top.focus, Focus::Table);
}
