//! Cursor, marks, filter and deletion while the table changes and answers come late.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyModifiers};
use tcpentry::delete::Ending;
use tcpentry::{Method, Outcome, Pair, State};

use super::super::message::{DetailText, SocketKind, SocketTarget, Update, WorkerCommand};
use super::super::model::testing::{key, row, row_of};
use super::super::model::{
    Arranged, Arrangement, Baseline, Deletability, Find, HolderNames, NotDeleted, Resolved, Row,
};
use super::super::testing::{Desk, answer, cookies, guarded, problem};
use super::{Focus, INTERVALS};
use crate::args::{Grouping, TopColumn};

/// Returns another socket between the same ends, as when a client reconnects from the same port.
fn successor(of: u64, cookie: u64) -> Row {
    let mut row = row(of);
    row.key = key(cookie);
    row
}

fn rows(cookies: impl IntoIterator<Item = u64>) -> Vec<Row> {
    cookies.into_iter().map(row).collect()
}

/// Delivers these outcomes.
fn report(desk: &mut Desk, serial: u64, targets: &[SocketTarget], outcomes: &[Outcome]) {
    for (target, outcome) in targets.iter().zip(outcomes) {
        let result = match outcome {
            Outcome::Deleted => Ok(Ending::foreseen(Method::SockDiag)),
            outcome => Err(NotDeleted {
                outcome: *outcome,
                ..guarded()
            }),
        };
        let target = Box::new(target.clone());
        desk.receive(Update::Outcome {
            serial,
            target,
            result,
        });
    }
}

// The cursor.

#[test]
fn the_cursor_stays_on_its_connection_while_rows_come_and_go() {
    let mut desk = Desk::with(rows([3, 5, 7]));
    desk.press(KeyCode::Down);
    assert_eq!(desk.current(), Some(5));
    desk.read(rows([1, 2, 3, 4, 5, 7]));
    assert_eq!((desk.current(), desk.top.table.cursor), (Some(5), 4));
    desk.wait(10);
    desk.read(rows([5, 7]));
    desk.wait(10);
    desk.read(rows([5, 7]));
    assert_eq!((desk.lines(), desk.top.table.cursor), (vec![5, 7], 0));
}

/// Returns the cookie under the cursor, the line of the cursor and the first line on the screen.
fn place(desk: &Desk) -> (Option<u64>, usize, usize) {
    let table = &desk.top.table;
    (desk.current(), table.cursor, table.first)
}

#[test]
fn until_the_cursor_is_moved_the_top_is_shown_whatever_comes_there() {
    let mut desk = Desk::with(rows(50..=99));
    assert_eq!(place(&desk), (Some(50), 0, 0));
    desk.read(rows(30..=99));
    assert_eq!(place(&desk), (Some(30), 0, 0));
    // Home gives it back.
    desk.press(KeyCode::Down);
    desk.press(KeyCode::Home);
    desk.read(rows(20..=99));
    assert_eq!(place(&desk), (Some(20), 0, 0));
}

#[test]
fn a_change_of_what_is_shown_shows_the_top() {
    let changes: [fn(&mut Desk); 6] = [
        |desk| desk.type_in("r"),
        |desk| desk.type_in(">"),
        |desk| desk.press(KeyCode::Tab),
        |desk| desk.type_in("s"),
        |desk| desk.type_in("a"),
        |desk| desk.apply_filter("port = :443"),
    ];
    for change in changes {
        let mut desk = Desk::with(rows(1..=99));
        desk.top.table.move_to(50);
        change(&mut desk);
        desk.show_again();
        let (_, cursor, first) = place(&desk);
        assert_eq!((cursor, first), (0, 0));
        // It stays there until somebody moves the cursor.
        desk.read(rows(1..=120));
        let (_, cursor, first) = place(&desk);
        assert_eq!((cursor, first), (0, 0));
    }
}

#[test]
fn the_screen_does_not_scroll_after_the_row_under_the_cursor() {
    let mut desk = Desk::with(rows(50..=99));
    desk.top.table.set_height(10);
    desk.top.table.move_to(20);
    let (_, _, first) = place(&desk);
    assert_eq!(first, 11);
    // It moves on the screen, and the cursor with it.
    desk.read(rows([50, 51].into_iter().chain(55..=99)));
    desk.wait(10);
    desk.read(rows([50, 51].into_iter().chain(55..=99)));
    assert_eq!(place(&desk), (Some(70), 17, 11));
    // It leaves the screen: the cursor stays.
    desk.read(rows(30..=99));
    assert_eq!(place(&desk), (Some(47), 17, 11));
}

#[test]
fn what_is_followed_takes_the_screen_along_until_the_cursor_is_moved() {
    let mut desk = Desk::with(rows(50..=99));
    desk.top.table.set_height(10);
    desk.top.table.move_to(20);
    desk.type_in("F");
    assert!(desk.draw(120, 12).contains("following"));
    desk.top.table.set_height(10);
    let on_screen = desk.top.table.cursor - desk.top.table.first;
    desk.read(rows(30..=99));
    assert_eq!((desk.current(), desk.top.table.cursor), (Some(70), 40));
    assert_eq!(desk.top.table.cursor - desk.top.table.first, on_screen);
    desk.type_in("r");
    assert_eq!(desk.current(), Some(70), "another order, too");
    desk.press(KeyCode::Down);
    assert!(!desk.draw(120, 12).contains("following"));
    desk.type_in("F");
    desk.type_in("F");
    assert!(!desk.draw(120, 12).contains("following"));
}

#[test]
fn what_has_left_is_no_longer_followed() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.press(KeyCode::Down);
    desk.type_in("F");
    desk.read(rows([1, 3]));
    desk.wait(10);
    desk.read(rows([1, 3]));
    assert_eq!(place(&desk), (Some(3), 1, 0));
    assert!(!desk.draw(120, 12).contains("following"));
}

#[test]
fn what_is_followed_stays_under_the_cursor_whatever_it_is_sorted_by() {
    let mut desk = Desk::with(rows(1..=9));
    desk.top.table.move_to(2);
    desk.type_in("F");
    desk.press(KeyCode::Char('r'));
    assert_eq!((desk.current(), desk.top.table.cursor), (Some(3), 6));
    for column in TopColumn::all() {
        for descending in [false, true] {
            desk.top.arrange(Arrangement {
                by: *column,
                descending,
                ..Arrangement::default()
            });
            assert_eq!(desk.current(), Some(3), "{column:?}");
        }
    }
    // It moves because its state has.
    desk.top.arrange(Arrangement::default());
    let mut changed = rows(1..=9);
    changed[2] = row_of(3, State::CloseWait);
    desk.read(changed);
    assert_eq!((desk.current(), desk.top.table.cursor), (Some(3), 0));
}

#[test]
fn a_connection_between_the_same_ends_is_another_one() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.press(KeyCode::Down);
    desk.press(KeyCode::Char(' '));
    desk.press(KeyCode::Up);
    desk.read(vec![row(1), successor(2, 9), row(3)]);
    assert_eq!(desk.current(), Some(2), "it is shown for a while");
    desk.wait(10);
    desk.read(vec![row(1), successor(2, 9), row(3)]);
    assert_eq!(desk.lines(), [1, 9, 3]);
    assert!(desk.marked().is_empty(), "a mark is not inherited");
}

#[test]
fn where_the_connection_has_left_the_cursor_stays_in_its_place() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.press(KeyCode::Down);
    desk.read(rows([1, 3]));
    assert_eq!(desk.current(), Some(2), "it is to be seen that it has left");
    desk.wait(10);
    desk.read(rows([1, 3]));
    assert_eq!((desk.current(), desk.top.table.cursor), (Some(3), 1));
    desk.wait(10);
    desk.read(Vec::new());
    desk.wait(10);
    desk.read(Vec::new());
    assert_eq!((desk.current(), desk.top.table.cursor), (None, 0));
    desk.read(rows([4]));
    assert_eq!(desk.current(), Some(4));
}

#[test]
fn the_cursor_is_always_visible() {
    let mut desk = Desk::with(rows(1..=99));
    for height in [0, 1, 2, 10, 98, 99, 100, 1000] {
        desk.top.table.set_height(height);
        for line in [0, 1, 9, 10, 50, 97, 98, usize::MAX] {
            desk.top.table.move_to(line);
            let Desk { top, .. } = &desk;
            let shown = top.table.first..top.table.first + top.table.height;
            assert!(shown.contains(&top.table.cursor), "{line} on {height}");
            assert!(top.table.visible().len() <= top.table.height.min(99));
        }
    }
}

// What has left.

#[test]
fn what_has_left_is_at_the_end_as_far_as_there_is_room_beside_the_living() {
    let mut desk = Desk::with(rows(1..=60));
    desk.top.table.set_height(26);
    desk.read(rows(31..=60));
    assert_eq!(desk.lines(), (31..=60).collect::<Vec<_>>(), "there is none");
    desk.read(rows(40..=60));
    let living: Vec<_> = (40..=60).collect();
    assert_eq!(desk.lines()[..21], living);
    assert_eq!(desk.lines().len(), 26);
    desk.top.table.set_height(23);
    assert_eq!(desk.lines().len(), 23);
    desk.top.table.set_height(10);
    assert_eq!(desk.lines(), living);
    // A key hides them.
    desk.top.table.set_height(26);
    desk.type_in("e");
    assert_eq!(desk.lines(), living);
}

#[test]
fn what_has_left_is_never_under_a_cursor_that_nobody_has_moved() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.read(rows([2, 3]));
    assert_eq!((desk.current(), desk.lines()), (Some(2), vec![2, 3, 1]));
    // The one that was chosen is seen to leave in its place.
    desk.press(KeyCode::Down);
    desk.press(KeyCode::Up);
    desk.read(rows([3]));
    assert_eq!((desk.current(), desk.lines()), (Some(2), vec![2, 3, 1]));
}

#[test]
fn a_group_of_which_all_have_left_is_gone() {
    let mut desk = Desk::with(two_groups());
    by_state(&mut desk);
    assert_eq!(desk.lines(), [0, 0]);
    desk.read(rows([1]));
    assert_eq!(desk.lines(), [0]);
    desk.press(KeyCode::Enter);
    assert_eq!(desk.lines(), [0, 1]);
}

#[test]
fn the_last_thousand_that_left_are_kept_once() {
    let mut desk = Desk::with(Vec::new());
    desk.read(rows(1..=200));
    for _ in 0..3 {
        desk.wait(1);
        desk.read(rows(3..=200));
    }
    let left = |desk: &Desk| desk.top.left.entries.len();
    assert_eq!(left(&desk), 2);
    // Another selection is no end.
    desk.read_after(rows([7]), Baseline::Reset);
    assert_eq!(left(&desk), 2);
    for round in 0..20 {
        desk.wait(10);
        desk.read(rows(if round % 2 == 0 { 1..=254 } else { 7..=7 }));
    }
    assert_eq!(left(&desk), 1000);
}

// Marks.

#[test]
fn marks_vanish_with_their_rows_and_stay_on_what_another_filter_hides() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.type_in("*");
    assert_eq!(desk.marked(), [1, 2, 3]);
    desk.read(rows([1, 2]));
    desk.wait(10);
    desk.read(rows([1, 2]));
    assert_eq!(desk.marked(), [1, 2]);
    desk.read_after(rows([2]), Baseline::Reset);
    assert_eq!(desk.marked(), [1, 2]);
    assert!(desk.draw(80, 24).contains("  2 marked (1 not shown)  "));
    // They are previewed as well, after the others.
    desk.type_in("d");
    let (_, targets) = desk.requested_preview();
    assert_eq!(cookies(targets.iter()), [2, 1]);
    desk.press(KeyCode::Esc);
    desk.read_after(rows([1, 2]), Baseline::Reset);
    assert_eq!(desk.marked(), [1, 2]);
    assert!(desk.draw(80, 24).contains("  2 marked  "));
    desk.read(rows([2]));
    desk.wait(10);
    desk.read(rows([2]));
    assert_eq!(desk.marked(), [2]);
    // What has left before is no longer there to be hidden.
    desk.read_after(Vec::new(), Baseline::Reset);
    desk.read(Vec::new());
    assert_eq!(desk.marked(), [2]);
    desk.press(KeyCode::Esc);
    assert!(desk.marked().is_empty());
}

#[test]
fn space_marks_and_goes_on_and_unmarks() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.type_in("  ");
    assert_eq!((desk.marked(), desk.current()), (vec![1, 2], Some(3)));
    desk.press(KeyCode::Up);
    desk.type_in(" ");
    assert_eq!(desk.marked(), [1]);
    desk.type_in("u");
    assert!(desk.marked().is_empty());
}

#[test]
fn what_has_left_is_neither_marked_with_all_nor_deleted() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.read(rows([2, 3]));
    desk.type_in("*");
    assert_eq!(desk.marked(), [2, 3]);
    desk.read(rows([3]));
    desk.type_in("d");
    let (_, targets) = desk.requested_preview();
    assert_eq!(cookies(targets.iter()), [3]);
}

#[test]
fn a_deletion_of_what_has_left_asks_nothing() {
    let mut desk = Desk::with(rows([1]));
    desk.read(Vec::new());
    desk.type_in("d");
    assert_eq!(desk.top.focus, Focus::Table);
    assert!(desk.requested().is_empty());
    assert!(desk.draw(80, 24).contains("nothing to delete"));
}

// Groups.

fn by_state(desk: &mut Desk) {
    desk.top.group_by(Grouping::State);
}

fn two_groups() -> Vec<Row> {
    let closing = |cookie| row_of(cookie, State::CloseWait);
    vec![row(1), row(2), row(3), closing(4), closing(5)]
}

#[test]
fn a_group_is_marked_and_unmarked_as_one_also_while_it_is_closed() {
    let mut desk = Desk::with(two_groups());
    by_state(&mut desk);
    assert_eq!(desk.lines(), [0, 0]);
    desk.press(KeyCode::Down);
    desk.type_in(" ");
    assert_eq!(desk.marked(), [4, 5]);
    desk.type_in(" ");
    assert!(desk.marked().is_empty());
    desk.type_in(" d");
    let (_, targets) = desk.requested_preview();
    assert_eq!(cookies(targets.iter()), [4, 5]);
}

#[test]
fn a_group_of_which_a_part_is_marked_is_marked_as_a_whole() {
    let mut desk = Desk::with(two_groups());
    desk.type_in(" ");
    by_state(&mut desk);
    desk.top.table.move_to(0);
    desk.type_in(" ");
    assert_eq!(desk.marked(), [1, 2, 3]);
}

#[test]
fn a_deletion_under_the_cursor_is_of_the_whole_group() {
    let mut desk = Desk::with(two_groups());
    by_state(&mut desk);
    desk.top.table.move_to(0);
    desk.type_in("d");
    let (_, targets) = desk.requested_preview();
    assert_eq!(cookies(targets.iter()), [1, 2, 3]);
}

#[test]
fn the_cursor_stays_on_its_group_and_groups_stay_open() {
    let mut desk = Desk::with(two_groups());
    by_state(&mut desk);
    desk.top.table.move_to(1);
    desk.press(KeyCode::Enter);
    assert_eq!(desk.lines(), [0, 0, 4, 5]);
    // Now there are more in the other one.
    let closing = (4..=9).map(|cookie| row_of(cookie, State::CloseWait));
    desk.read([row(1)].into_iter().chain(closing).collect());
    assert_eq!(desk.top.table.cursor, 0);
    assert_eq!(desk.lines()[..3], [0, 4, 5]);
    desk.press(KeyCode::Down);
    assert_eq!(desk.current(), Some(4));
    desk.press(KeyCode::Up);
    desk.press(KeyCode::Enter);
    assert_eq!(desk.lines(), [0, 0]);
}

#[test]
fn groups_are_sorted_by_their_size_or_by_the_number_that_rows_were_sorted_by() {
    let order = |desk: &Desk| {
        let arrangement = desk.top.table.arrangement;
        (arrangement.by, arrangement.descending)
    };
    let mut desk = Desk::with(two_groups());
    desk.press(KeyCode::Tab);
    assert_eq!(order(&desk), (TopColumn::Count, true));
    desk.press(KeyCode::BackTab);
    assert_eq!(order(&desk), (TopColumn::Peer, false), "as before");
    desk.type_in("od");
    desk.press(KeyCode::Tab);
    assert_eq!(order(&desk), (TopColumn::Idle, true));
    // An order of groups is one of rows.
    desk.type_in("or");
    desk.press(KeyCode::BackTab);
    assert_eq!(order(&desk), (TopColumn::Process, false));
}

#[test]
fn groups_are_sorted_by_any_column() {
    let mut rows = two_groups();
    for (row, seconds) in rows.iter_mut().zip([5, 90, 5, 60, 60]) {
        let counters = row.counters.as_mut().unwrap();
        counters.idle = seconds * 1000;
        counters.rtt = (200 - seconds) * 1000;
        row.connection.recv_queue = 100 - seconds;
    }
    let mut desk = Desk::with(rows);
    by_state(&mut desk);
    let first = |desk: &Desk| desk.top.table.group(0).key.text();
    for (column, descending, expected) in [
        (TopColumn::Count, true, "established"),
        (TopColumn::Count, false, "close-wait"),
        (TopColumn::State, false, "close-wait"),
        // 90 s, though the others are idle for longer together.
        (TopColumn::Idle, true, "established"),
        (TopColumn::Rtt, true, "established"),
        (TopColumn::Rtt, false, "close-wait"),
        // 95 + 10 + 95, and 40 + 40.
        (TopColumn::RecvQueue, true, "established"),
        (TopColumn::RecvQueue, false, "close-wait"),
        // Both are several.
        (TopColumn::Peer, true, "established"),
    ] {
        desk.top.arrange(Arrangement {
            by: column,
            descending,
            grouping: Grouping::State,
            ..Arrangement::default()
        });
        assert_eq!(first(&desk), expected, "{column:?} {descending}");
    }
}

#[test]
fn rows_are_grouped_by_any_property() {
    let held = |mut row: Row, name: &str, tree: i32| {
        row.resolved.holders = Some(Arc::new(HolderNames {
            text: format!("{} {name}", tree + 1),
            others: 0,
            first: name.into(),
            tree,
            unit: None,
        }));
        row
    };
    let mut rows = vec![
        held(row(1), "nginx", 100),
        held(row(2), "nginx", 100),
        // Another service of that name.
        held(row(3), "nginx", 200),
    ];
    rows[0].names_mut().netns = Some("blue".into());
    rows[1].names_mut().user = Some("www".into());
    rows[2].names_mut().service = Some("https".into());
    rows[2].names_mut().unit = Some("nginx.service".into());
    for row in &mut rows[..2] {
        row.names_mut().host = Some("web1".into());
    }
    let mut mapped = row(4);
    let ends = ("[::ffff:10.0.0.1]:80", "[::ffff:198.51.100.9]:1");
    mapped.connection.pair = Pair::new(ends.0.parse().unwrap(), ends.1.parse().unwrap()).unwrap();
    let mut sixth = row(5);
    let ends = ("[::1]:80", "[2001:db8:1:2:3::4]:1");
    sixth.connection.pair = Pair::new(ends.0.parse().unwrap(), ends.1.parse().unwrap()).unwrap();
    sixth.connection.inode = None;
    sixth.names_mut().user = None;
    rows.extend([mapped, sixth]);
    let mut desk = Desk::with(rows);
    for (grouping, expected) in [
        (Grouping::Process, "2 100 nginx, 1 200 nginx, 1 ..., 1 -"),
        (Grouping::User, "3 root, 1 www, 1 -"),
        (
            Grouping::Network,
            "4 198.51.100.0/24, 1 [2001:db8:1:2::]/64",
        ),
        (Grouping::Port, "2 :80, 2 :443, 1 :443 https"),
        (Grouping::Unit, "4 -, 1 nginx.service"),
        (Grouping::Netns, "4 -, 1 blue"),
        (Grouping::Host, "3 -, 2 web1"),
        (Grouping::State, "5 established"),
    ] {
        desk.top.group_by(grouping);
        desk.show_again();
        let groups = 0..u32::try_from(desk.top.table.lines.len()).unwrap();
        let groups = groups.map(|place| {
            let group = desk.top.table.group(place);
            format!("{} {}", group.present, group.key.text())
        });
        let groups: Vec<_> = groups.collect();
        assert_eq!(groups.join(", "), expected, "{grouping:?}");
    }
}

// The filter.

#[test]
fn an_answer_to_an_old_text_is_ignored() {
    let mut desk = Desk::with(rows([1]));
    desk.type_in("/not ");
    desk.requested();
    desk.type_in("port");
    let asked = desk.requested();
    let serials: Vec<_> = asked
        .iter()
        .map(|command| match command {
            WorkerCommand::Filter {
                serial,
                typing: true,
                ..
            } => *serial,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(serials.len(), 4, "each key asks");
    let old = |serial, result| Update::Filter { serial, result };
    desk.receive(old(serials[2], Err(problem(0, 3))));
    desk.receive(old(serials[1], Ok(())));
    assert_eq!(desk.top.filter.problem, None);
    assert_eq!(desk.top.filter.applied, "not", "words are found at once");
    desk.receive(old(serials[3], Ok(())));
    assert_eq!(desk.top.filter.applied, "not port");
    assert_eq!(desk.top.focus, Focus::Filter, "it is being typed");
}

#[test]
fn a_filter_that_makes_no_sense_keeps_the_line_open_with_the_error() {
    let mut desk = Desk::with(rows([1]));
    desk.apply_filter("port = :443");
    assert_eq!(desk.top.focus, Focus::Table);
    desk.type_in("/not nonsense");
    desk.press(KeyCode::Enter);
    let (serial, _) = desk.requested_filter();
    let result = Err(problem(12, 8));
    desk.receive(Update::Filter { serial, result });
    assert_eq!(desk.top.focus, Focus::Filter);
    assert_eq!(desk.top.filter.problem, Some(problem(12, 8)));
    assert_eq!(desk.top.filter.applied, "not", "the last that made sense");
    assert!(desk.lines().is_empty(), "no row has it");
}

#[test]
fn esc_goes_back_to_the_filter_before() {
    let mut desk = Desk::with(rows([1]));
    desk.apply_filter("port = :443");
    desk.type_in("/not x");
    let (serial, _) = desk.requested_filter();
    let result = Err(problem(12, 1));
    desk.receive(Update::Filter { serial, result });
    desk.press(KeyCode::Esc);
    assert_eq!(desk.top.focus, Focus::Table);
    let (serial, text) = desk.requested_filter();
    assert_eq!(text, "port = :443");
    let result = Ok(());
    desk.receive(Update::Filter { serial, result });
    let filter = &desk.top.filter;
    assert_eq!((&*filter.applied, &filter.problem), ("port = :443", &None));
}

#[test]
fn a_filter_is_cleared_by_esc_after_the_marks() {
    let mut desk = Desk::with(rows([1]));
    desk.apply_filter("port = :443");
    desk.type_in(" ");
    desk.press(KeyCode::Esc);
    assert!(desk.marked().is_empty());
    assert_eq!(desk.top.filter.applied, "port = :443");
    desk.press(KeyCode::Esc);
    let (serial, text) = desk.requested_filter();
    assert_eq!(text, "");
    let result = Ok(());
    desk.receive(Update::Filter { serial, result });
    assert_eq!(desk.top.filter.applied, "");
}

#[test]
fn a_late_answer_neither_closes_the_line_that_is_open_anew_nor_changes_what_it_says() {
    let mut desk = Desk::with(rows([1]));
    desk.apply_filter("port = :443");
    desk.press(KeyCode::Esc);
    let (serial, _) = desk.requested_filter();
    desk.type_in("/");
    let result = Ok(());
    desk.receive(Update::Filter { serial, result });
    assert_eq!(desk.top.focus, Focus::Filter);
    assert_eq!(desk.top.filter.applied, "", "all is shown");
    assert_eq!(desk.top.filter.edit.text(), "");
}

#[test]
fn a_late_error_does_not_open_the_line_over_a_preview() {
    let mut desk = Desk::with(rows([1]));
    desk.apply_filter("host example.org");
    desk.type_in("/not x");
    desk.press(KeyCode::Esc);
    let (serial, _) = desk.requested_filter();
    assert_eq!(desk.top.focus, Focus::Table);
    desk.type_in("d");
    let result = Err(problem(0, 4));
    desk.receive(Update::Filter { serial, result });
    assert_eq!(desk.top.focus, Focus::Preview);
}

#[test]
fn words_are_found_on_the_rows_while_they_are_typed() {
    let mut desk = Desk::with(two_groups());
    desk.top.table.move_to(3);
    desk.type_in("/");
    for (key, found) in [
        ('c', &[4, 5][..]),
        ('l', &[4, 5]),
        (' ', &[4, 5]),
        ('5', &[4, 5]),
    ] {
        desk.press(KeyCode::Char(key));
        assert_eq!(desk.lines(), found, "{key:?}");
        assert_eq!(desk.top.table.cursor, 0);
    }
    let drawn = desk.draw(80, 12);
    assert!(
        drawn.contains("/ cl 5\n") && drawn.contains("\n2 match\n"),
        "{drawn}"
    );
    assert!(
        drawn.starts_with("tcpentry  2 selected  1-2 of 2"),
        "{drawn}"
    );
    // The worker looks up the holders of all, and sends large tables in order.
    let asked = desk.requested();
    assert!(
        matches!(asked.last(), Some(WorkerCommand::Arrange(_, find)) if *find == Find::of("cl 5")),
        "{asked:?}"
    );
    assert!(
        !asked
            .iter()
            .any(|it| matches!(it, WorkerCommand::Filter { .. }))
    );
    desk.press(KeyCode::Enter);
    assert_eq!((desk.top.focus, desk.lines()), (Focus::Table, vec![4, 5]));
    // It goes on finding, in groups, too.
    desk.read(
        [
            row(1),
            row_of(6, State::CloseWait),
            row_of(15, State::CloseWait),
        ]
        .into(),
    );
    assert_eq!(desk.lines()[..2], [6, 15]);
    by_state(&mut desk);
    assert_eq!(desk.lines(), [0]);
    desk.press(KeyCode::Esc);
    assert_eq!(desk.lines(), [0, 0]);
}

#[test]
fn words_that_were_entered_are_awaited_and_keys_wait_for_them() {
    let mut desk = Desk::with(two_groups());
    desk.finds = false;
    desk.type_in("/close");
    assert_eq!(desk.lines(), [4, 5], "what is known is shown");
    assert!(!desk.waits(KeyCode::Char('-')), "it is typed");
    desk.press(KeyCode::Enter);
    assert_eq!(desk.top.focus, Focus::Filter);
    assert!(desk.waits(KeyCode::Char('d')));
    assert!(!desk.waits(KeyCode::Esc));
    // A frame of before says nothing about them.
    let frame = Arc::clone(&desk.top.table.frame);
    let arrangement = desk.top.table.arrangement;
    let find = Find::default();
    desk.receive(Update::Frame {
        arranged: Arranged::new(&frame, arrangement, &find),
        frame,
        arrangement,
        find,
    });
    assert_eq!((desk.top.focus, desk.lines()), (Focus::Filter, vec![4, 5]));
    desk.show_again();
    assert_eq!((desk.top.focus, desk.lines()), (Focus::Table, vec![4, 5]));
    assert!(!desk.waits(KeyCode::Char('d')));
    assert_eq!(desk.top.filter.applied, "close");
}

#[test]
fn marks_survive_what_is_found() {
    let mut desk = Desk::with(two_groups());
    desk.type_in("/close-wait");
    desk.press(KeyCode::Enter);
    desk.type_in("*");
    desk.type_in("/100.1");
    desk.press(KeyCode::Enter);
    assert_eq!((desk.lines(), desk.marked()), (vec![1], vec![4, 5]));
    assert!(desk.draw(80, 12).contains("2 marked (2 not shown)"));
    desk.type_in(" d");
    let (_, targets) = desk.requested_preview();
    assert_eq!(cookies(targets.iter()), [1, 4, 5]);
}

#[test]
fn tab_shows_one_exact_reading_after_the_other() {
    let mut rows = rows([1, 2, 3]);
    rows[0].names_mut().user = Some("blue".into());
    rows[1].names_mut().netns = Some("blue".into());
    rows[2].names_mut().netns = Some("blueish".into());
    let mut desk = Desk::with(rows);
    desk.type_in("/blue");
    assert_eq!(desk.lines(), [1, 2, 3]);
    let drawn = desk.draw(80, 12);
    assert!(
        drawn.contains("\n3 match  Tab: user 1 · netns 1\n"),
        "{drawn}"
    );
    let mut tab = |next: &str| {
        desk.press(KeyCode::Tab);
        let drawn = desk.draw(80, 12);
        assert!(drawn.contains(&format!("Tab: {next}\n")), "{drawn}");
        desk.top.filter.edit.text()
    };
    assert_eq!(tab("netns blue"), "user blue");
    assert_eq!(tab("blue"), "netns blue");
    assert_eq!(tab("user blue"), "blue");
    assert_eq!(tab("netns blue"), "user blue");
    assert_eq!(desk.requested_filter().1, "user blue");
    // What is edited is another word.
    desk.press(KeyCode::Backspace);
    assert!(desk.top.filter.next_reading().is_none());
}

#[test]
fn a_word_that_is_on_no_row_is_entered_as_what_it_stands_for() {
    let mut sixth = row(1);
    let ends = ("[2001:db8::1]:80", "[2001:db8::2]:1");
    sixth.connection.pair = Pair::new(ends.0.parse().unwrap(), ends.1.parse().unwrap()).unwrap();
    let mut desk = Desk::with(vec![sixth, row(2)]);
    desk.type_in("/2001:DB8:0:0::2");
    assert!(desk.lines().is_empty());
    assert!(desk.draw(80, 12).contains("0 match  Tab: host 1"));
    desk.press(KeyCode::Enter);
    assert_eq!(desk.requested_filter().1, "host [2001:db8::2]");
}

#[test]
fn what_was_entered_before_comes_back() {
    let mut desk = Desk::with(two_groups());
    for text in ["100.1", "close-wait", "100.1"] {
        desk.type_in("/");
        desk.type_in(text);
        desk.press(KeyCode::Enter);
    }
    desk.press(KeyCode::Esc);
    desk.type_in("/");
    let text = |desk: &Desk| desk.top.filter.edit.text();
    desk.press(KeyCode::Down);
    assert_eq!(text(&desk), "");
    for (key, expected, found) in [
        (KeyCode::Up, "100.1", 1),
        (KeyCode::Up, "close-wait", 2),
        (KeyCode::Up, "close-wait", 2),
        (KeyCode::Down, "100.1", 1),
        (KeyCode::Down, "", 5),
        (KeyCode::Up, "100.1", 1),
    ] {
        desk.press(key);
        assert_eq!((&*text(&desk), desk.lines().len()), (expected, found));
    }
    // Edited, it is another text, beside which the rows are looked at.
    desk.press(KeyCode::Backspace);
    desk.press(KeyCode::Down);
    assert_eq!((&*text(&desk), desk.top.table.cursor), ("100.", 1));
    desk.press_with(KeyCode::Char('p'), KeyModifiers::CONTROL);
    assert_eq!(text(&desk), "100.1");
}

// Deletion.

#[test]
fn y_deletes_exactly_what_the_preview_allowed() {
    let mut desk = Desk::with(rows([1, 2, 3, 4]));
    desk.type_in("   ");
    let serial = desk.open_preview(&[2]);
    desk.type_in("y");
    let commands: Vec<_> = desk.requested();
    let [
        WorkerCommand::Delete {
            serial: of,
            targets,
            paced: false,
            ..
        },
    ] = &commands[..]
    else {
        panic!("{commands:?}");
    };
    assert_eq!((*of, cookies(targets.iter())), (serial, vec![1, 3]));
    assert_eq!(desk.top.log.entries.len(), 1, "what is protected is logged");
    assert_eq!(desk.top.log.entries[0].outcome, Outcome::Guarded);
}

/// Opens the preview of all of so many rows, beside others that are not marked.
fn preview_of(marked: u64, others: u64) -> Desk {
    let mut desk = Desk::with(rows(1..=marked));
    desk.type_in("*");
    desk.read(rows(1..=marked + others));
    desk.open_preview(&[]);
    desk
}

#[test]
fn of_many_or_of_all_the_number_is_typed() {
    let deleted = |desk: &mut Desk| desk.requested_deletions().first().map_or(0, Vec::len);
    for (marked, others) in [(20, 0), (21, 1), (100, 1)] {
        let mut desk = preview_of(marked, others);
        desk.type_in("y");
        assert_eq!(deleted(&mut desk) as u64, marked, "y is enough");
    }
    for (marked, others) in [(21, 0), (101, 1)] {
        let mut desk = preview_of(marked, others);
        desk.type_in("y");
        desk.type_in("7");
        desk.press(KeyCode::Enter);
        assert_eq!((deleted(&mut desk), desk.top.focus), (0, Focus::Preview));
        desk.type_in(&format!("{marked}0"));
        desk.press(KeyCode::Backspace);
        let question = desk.draw(120, 20);
        let typed = format!("Type {marked} and Enter, or n: {marked}\n");
        assert!(question.contains(&typed), "{question}");
        desk.press(KeyCode::Enter);
        assert_eq!(deleted(&mut desk) as u64, marked);
    }
    // Without a number Enter closes it, as ever.
    let mut desk = preview_of(21, 0);
    desk.press(KeyCode::Enter);
    assert_eq!((deleted(&mut desk), desk.top.focus), (0, Focus::Table));
    // Where a filter is in force it is not all.
    let mut desk = Desk::with(rows(1..=21));
    desk.apply_filter("state established");
    desk.read(rows(1..=21));
    desk.type_in("*");
    desk.open_preview(&[]);
    desk.type_in("y");
    assert_eq!(deleted(&mut desk), 21);
}

#[test]
fn a_preview_says_how_many_are_in_use_and_how_many_are_hidden() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.type_in("*");
    desk.wait(1);
    let mut next = rows([1, 2, 3]);
    for row in &mut next {
        row.read_at = desk.now.into();
    }
    let counters = next[1].counters.as_mut().unwrap();
    counters.bytes_received = 1000;
    desk.read(next.clone());
    desk.open_preview(&[]);
    let shown = desk.draw(120, 20);
    assert!(shown.contains("1 of them moved data just now"), "{shown}");
    assert!(!shown.contains("hidden"), "{shown}");
    desk.press(KeyCode::Esc);
    desk.read_after(next[..1].to_vec(), Baseline::Reset);
    desk.open_preview(&[]);
    let shown = desk.draw(120, 20);
    assert!(
        shown.contains("2 of them are marked, but hidden by the filter"),
        "{shown}"
    );
    assert!(!shown.contains("moved"), "{shown}");
}

#[test]
fn what_came_meanwhile_between_the_same_ends_is_not_deleted() {
    let mut desk = Desk::with(rows([1, 2]));
    desk.type_in("*");
    desk.open_preview(&[]);
    desk.read(vec![successor(1, 8), successor(2, 9)]);
    desk.wait(10);
    desk.read(vec![successor(1, 8), successor(2, 9)]);
    desk.draw(120, 20);
    desk.type_in("y");
    assert_eq!(
        desk.requested_deletions(),
        [[1, 2]],
        "those that were named"
    );
}

#[test]
fn y_before_the_answer_does_nothing_and_is_not_kept() {
    let mut desk = Desk::with(rows([1]));
    desk.type_in("dyyy");
    let (serial, targets) = desk.requested_preview();
    desk.draw(80, 24);
    desk.type_in("y");
    desk.receive(answer(serial, targets, &[]));
    desk.draw(80, 24);
    assert!(desk.requested_deletions().is_empty());
    desk.type_in("y");
    assert_eq!(desk.requested_deletions(), [[1]]);
}

#[test]
fn y_before_the_preview_was_drawn_does_nothing() {
    let mut desk = Desk::with(rows([1]));
    desk.type_in("d");
    let (serial, targets) = desk.requested_preview();
    desk.receive(answer(serial, targets, &[]));
    desk.type_in("y");
    assert!(desk.requested_deletions().is_empty());
}

#[test]
fn y_on_a_screen_too_small_to_read_does_nothing() {
    let mut desk = Desk::with(rows([1]));
    desk.open_preview(&[]);
    for (columns, lines) in [(19, 20), (1, 20), (80, 3), (80, 2), (80, 1)] {
        desk.draw(columns, lines);
        desk.type_in("y");
        assert!(desk.requested_deletions().is_empty(), "{columns} {lines}");
    }
    desk.draw(20, 20);
    desk.type_in("y");
    assert_eq!(desk.requested_deletions(), [[1]]);
}

#[test]
fn an_answer_for_a_closed_preview_deletes_nothing() {
    let mut desk = Desk::with(rows([1, 2]));
    desk.type_in("d");
    let (serial, targets) = desk.requested_preview();
    desk.press(KeyCode::Esc);
    desk.receive(answer(serial, targets, &[]));
    assert_eq!(desk.top.focus, Focus::Table);
    assert!(desk.top.deletion.preview.is_none());
    desk.draw(80, 24);
    desk.type_in("y");
    assert!(desk.requested_deletions().is_empty());
}

#[test]
fn an_answer_for_an_older_preview_does_not_fill_the_newer() {
    let mut desk = Desk::with(rows([1, 2]));
    desk.type_in("d");
    let (first, of_first) = desk.requested_preview();
    desk.press(KeyCode::Esc);
    desk.press(KeyCode::Down);
    desk.type_in("d");
    let (second, of_second) = desk.requested_preview();
    desk.receive(answer(first, of_first, &[]));
    desk.draw(80, 24);
    desk.type_in("y");
    assert!(desk.requested_deletions().is_empty());
    desk.receive(answer(second, of_second, &[]));
    desk.draw(80, 24);
    desk.type_in("y");
    assert_eq!(desk.requested_deletions(), [[2]]);
}

#[test]
fn a_second_y_does_nothing() {
    let mut desk = Desk::with(rows([1]));
    desk.open_preview(&[]);
    desk.type_in("yyy");
    assert_eq!(desk.requested_deletions().len(), 1);
}

#[test]
fn where_nothing_may_be_deleted_y_does_nothing() {
    let mut desk = Desk::with(rows([1]));
    desk.open_preview(&[1]);
    desk.type_in("y");
    assert!(desk.requested_deletions().is_empty());
    assert_eq!(desk.top.focus, Focus::Preview);
}

#[test]
fn outcomes_are_counted_and_shown_in_their_rows() {
    let mut desk = Desk::with(rows([1, 2, 3, 4]));
    desk.type_in("*");
    desk.press(KeyCode::Char('d'));
    let (serial, targets) = desk.requested_preview();
    desk.receive(answer(serial, targets.clone(), &[4]));
    desk.draw(120, 20);
    desk.type_in("y");
    let outcomes = [Outcome::Deleted, Outcome::Gone, Outcome::Denied];
    report(&mut desk, serial, &targets, &outcomes);
    let counts = desk.top.deletion.preview.as_ref().unwrap().counts.unwrap();
    assert_eq!((counts.deleted, counts.gone, counts.not_deleted), (1, 1, 2));
    assert_eq!(
        desk.marked(),
        [3, 4],
        "what is deleted or gone is not marked"
    );
    assert_eq!(desk.top.outcome(key(1)), Some(Outcome::Deleted));
    desk.receive(Update::Done { serial });
    assert_eq!(desk.top.focus, Focus::Preview, "not all went well");
    assert_eq!(desk.top.log.entries.len(), 4);
    desk.press(KeyCode::Esc);
    let shown = desk.draw(120, 20);
    for word in ["deleted", "gone", "guarded", "denied"] {
        assert!(shown.contains(word), "{word}:\n{shown}");
    }
    assert!(!shown.contains("not confirmed"));
}

/// Returns a desk at which one of two connections has just been deleted.
fn after_a_deletion() -> Desk {
    let mut desk = Desk::with(rows([1, 2]));
    desk.type_in("d");
    let (serial, targets) = desk.requested_preview();
    desk.receive(answer(serial, targets.clone(), &[]));
    desk.draw(80, 24);
    desk.type_in("y");
    report(&mut desk, serial, &targets, &[Outcome::Deleted]);
    desk.receive(Update::Done { serial });
    desk
}

#[test]
fn a_deletion_that_went_well_closes_its_preview() {
    let mut desk = after_a_deletion();
    assert_eq!(
        (desk.top.focus, desk.top.log.entries.len()),
        (Focus::Table, 1)
    );
    assert!(desk.draw(80, 24).contains("1 deleted"));
}

#[test]
fn the_end_of_a_closed_deletion_does_not_close_another_preview() {
    let mut desk = Desk::with(rows([1, 2]));
    let first = desk.open_preview(&[]);
    desk.type_in("y");
    desk.press(KeyCode::Esc);
    desk.press(KeyCode::Down);
    desk.open_preview(&[]);
    desk.receive(Update::Done { serial: first });
    assert_eq!(desk.top.focus, Focus::Preview);
    desk.requested();
    desk.type_in("y");
    assert_eq!(desk.requested_deletions(), [[2]]);
}

#[test]
fn closing_a_preview_says_that_nothing_was_deleted() {
    for key in [KeyCode::Esc, KeyCode::Enter, KeyCode::Char('n')] {
        let mut desk = Desk::with(rows([1]));
        desk.open_preview(&[]);
        desk.press(key);
        assert!(desk.top.deletion.preview.is_none());
        assert!(desk.draw(80, 24).contains("nothing was deleted"), "{key:?}");
        desk.type_in("y");
        assert!(desk.requested_deletions().is_empty());
    }
}

#[test]
fn an_outcome_vanishes_with_its_row() {
    let mut desk = Desk::with(rows([1]));
    let serial = desk.open_preview(&[]);
    desk.type_in("y");
    let target = SocketTarget::from(&row(1));
    report(&mut desk, serial, &[target], &[Outcome::Deleted]);
    desk.read(Vec::new());
    assert_eq!(desk.top.outcome(key(1)), Some(Outcome::Deleted));
    desk.wait(10);
    desk.read(Vec::new());
    assert_eq!(desk.top.outcome(key(1)), None);
}

// Notices.

/// Returns the last line of a screen.
fn last_line(desk: &mut Desk, columns: u16) -> String {
    let drawn = desk.draw(columns, 12);
    drawn.lines().last().unwrap().to_owned()
}

#[test]
fn a_notice_ends_with_what_it_is_about() {
    let said = "not confirmed";
    // Another part of the screen, another notice, and time.
    let ends: [fn(&mut Desk); 4] = [
        |desk| desk.type_in("l"),
        |desk| desk.type_in("?"),
        |desk| desk.type_in("s"),
        |desk| desk.wait(6),
    ];
    for end in ends {
        let mut desk = Desk::with(rows([1, 2]));
        desk.open_preview(&[]);
        desk.press(KeyCode::Esc);
        assert!(desk.draw(80, 24).contains(said));
        desk.press(KeyCode::Down);
        assert!(desk.draw(80, 24).contains(said), "it is still about this");
        end(&mut desk);
        assert!(!desk.draw(80, 24).contains(said));
        desk.press(KeyCode::Esc);
        assert!(!desk.draw(80, 24).contains(said), "nor does it come back");
    }
}

#[test]
fn a_deletion_and_its_refusal_are_not_said_beside_each_other() {
    let mut desk = after_a_deletion();
    assert!(last_line(&mut desk, 80).contains("1 deleted"));
    desk.press(KeyCode::Down);
    desk.open_preview(&[]);
    assert!(!desk.draw(80, 24).contains("1 deleted"));
    desk.press(KeyCode::Esc);
    let drawn = desk.draw(80, 24);
    assert!(drawn.contains("nothing was deleted") && !drawn.contains("1 deleted"));
}

#[test]
fn the_keys_of_a_dialog_are_never_covered() {
    for columns in [40, 80, 120] {
        let mut desk = Desk::with(rows([1]));
        desk.open_preview(&[]);
        desk.receive(Update::Trouble("the kernel is away".repeat(9)));
        assert!(last_line(&mut desk, columns).starts_with("y delete  n cancel  h hold off  the "));
        desk.press(KeyCode::Esc);
        desk.type_in("l");
        desk.top.notify("saved to x", desk.now);
        assert_eq!(
            last_line(&mut desk, columns),
            "s save  Esc close  ↑↓ scroll  saved to x"
        );
    }
}

#[test]
fn the_reason_why_not_leaves_the_keys_of_the_table() {
    let mut desk = Desk::with(rows([1]));
    desk.receive(Update::Resolved(vec![(
        key(1),
        Resolved {
            deletability: Some(guarded().into()),
            ..Resolved::default()
        },
    )]));
    let why = "guarded: it carries your own session";
    let keys = "/ find  d delete  ? help  q quit  ";
    let line = last_line(&mut desk, 120);
    assert!(
        line.starts_with(&format!("{keys}Enter details"))
            || line.starts_with(&format!("{keys}{why}"))
    );
    assert!(line.contains(why) && !line.ends_with('…'), "{line}");
    assert!(last_line(&mut desk, 80).starts_with(&format!("{keys}{why}")));
    assert!(last_line(&mut desk, 40).starts_with("/ find  guarded: it carries"));
    // What is said in the table leaves them as well.
    desk.top.notify("x".repeat(200), desk.now);
    assert!(last_line(&mut desk, 80).starts_with(&format!("{keys}xxx")));
}

// Details.

#[test]
fn details_are_those_of_the_connection_that_was_asked_about() {
    let mut desk = Desk::with(rows([1, 2]));
    desk.press(KeyCode::Enter);
    assert!(matches!(
        &desk.requested()[..],
        [WorkerCommand::Details(Some(target))] if target.key == key(1)
    ));
    let details = |key, command: &str| Update::Details {
        key,
        details: Box::new(DetailText {
            command: Some(command.to_owned()),
            ..DetailText::default()
        }),
    };
    desk.receive(details(key(2), "late"));
    assert!(desk.top.details.as_ref().unwrap().text.is_none());
    desk.receive(details(key(1), "its own"));
    let shown = desk.top.details.as_ref().unwrap().text.as_ref();
    assert_eq!(shown.unwrap().command.as_deref(), Some("its own"));
    desk.press(KeyCode::Esc);
    assert!(matches!(
        &desk.requested()[..],
        [WorkerCommand::Details(None)]
    ));
    desk.receive(details(key(1), "late"));
    assert!(desk.top.details.is_none());
}

#[test]
fn from_the_details_that_very_connection_is_deleted() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.type_in("*");
    desk.press(KeyCode::Down);
    desk.press(KeyCode::Enter);
    desk.requested();
    desk.type_in("d");
    let (_, targets) = desk.requested_preview();
    assert_eq!(cookies(targets.iter()), [2], "and not the marked");
}

// The rest.

#[test]
fn each_row_on_the_screen_is_looked_up_once_a_reading() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.top.table.set_height(2);
    let look = |desk: &mut Desk| {
        desk.top.request_unresolved();
        let looks = desk.requested().into_iter().map(|command| match command {
            WorkerCommand::Resolve(keys) => keys,
            other => panic!("{other:?}"),
        });
        looks.flatten().collect::<Vec<_>>()
    };
    assert_eq!(look(&mut desk), [key(1), key(2)]);
    assert!(look(&mut desk).is_empty());
    desk.top.table.move_to(2);
    // A request that waits is dropped for the next, which has all that is still needed.
    assert_eq!(look(&mut desk), [key(2), key(3)]);
    let known = Resolved {
        holders: Some(Arc::default()),
        deletability: Some(Deletability::By(Method::SockDiag)),
    };
    desk.receive(Update::Resolved(vec![(key(2), known)]));
    assert!(look(&mut desk).is_empty());
    desk.top.table.move_to(0);
    assert_eq!(look(&mut desk), [key(1)]);
    desk.top.table.move_to(2);
    desk.read(rows([1, 2, 3]));
    assert_eq!(look(&mut desk), [key(2), key(3)]);
}

#[test]
fn the_age_of_a_table_older_than_two_intervals_is_shown() {
    let mut desk = Desk::with(rows([1]));
    let first = |desk: &mut Desk| desk.draw(120, 24).lines().next().unwrap().to_owned();
    desk.wait(2);
    assert!(first(&mut desk).contains("every 1s"), "it is not older");
    desk.wait(3);
    let old = first(&mut desk);
    assert!(old.starts_with("tcpentry  1 connection  5s old  "), "{old}");
    assert!(!old.contains("every"), "{old}");
    desk.read(rows([1]));
    assert!(first(&mut desk).contains("every 1s"));
    // Of a longer interval it is as old as it should be; a pause says for how long.
    desk.type_in("+++");
    desk.wait(12);
    assert!(first(&mut desk).contains("every 10s"));
    desk.type_in("p");
    let paused = first(&mut desk);
    assert!(paused.contains("paused, 12s old"), "{paused}");
}

#[test]
fn a_frame_in_another_order_is_put_in_the_order_that_is_wanted() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    let old = desk.top.table.arrangement;
    desk.type_in("r");
    let frame = Arc::clone(&desk.top.table.frame);
    let arranged = Arranged::new(&frame, old, &Find::default());
    desk.receive(Update::Frame {
        frame,
        arrangement: old,
        find: Find::default(),
        arranged,
    });
    assert_eq!(desk.lines(), [3, 2, 1]);
}

#[test]
fn a_pause_is_a_pause_whatever_the_interval() {
    let mut desk = Desk::with(rows([1]));
    desk.type_in("p+");
    let paused = |command: &WorkerCommand| matches!(command, WorkerCommand::Every(None));
    assert!(desk.requested().iter().all(paused));
    desk.type_in("p");
    let asked = desk.requested();
    let two = Duration::from_secs(2);
    assert!(matches!(&asked[..], [WorkerCommand::Every(Some(it))] if *it == two));
}

#[test]
fn the_interval_ends_at_its_ends() {
    let mut desk = Desk::with(rows([1]));
    let last = INTERVALS.len() - 1;
    for (key, end) in [("+", INTERVALS[last]), ("-", INTERVALS[0])] {
        desk.type_in(&key.repeat(20));
        assert_eq!(desk.top.pace.interval, end);
    }
}

#[test]
fn a_failure_to_read_is_shown_until_it_is_over() {
    let mut desk = Desk::with(rows([1]));
    desk.receive(Update::Trouble("the kernel is away".to_owned()));
    assert!(desk.draw(80, 24).contains("the kernel is away"));
    desk.read(rows([1]));
    assert!(!desk.draw(80, 24).contains("the kernel is away"));
}

#[test]
fn the_columns_of_the_namespaces_come_and_go_with_them() {
    let mut desk = Desk::with(rows([1]));
    let answer = |all| Update::Namespaces {
        all,
        notes: Vec::new(),
    };
    for all in [true, false] {
        desk.type_in("a");
        let asked = desk.requested();
        let is_it = |command: &WorkerCommand| matches!(command, WorkerCommand::AllNamespaces(it) if *it == all);
        assert!(asked.iter().any(is_it), "{asked:?}");
        desk.receive(answer(all));
        assert_eq!(desk.top.columns.shown.contains(&TopColumn::Netns), all);
    }
    // Where it fails, there is no column; and pressing twice goes back.
    desk.type_in("a");
    desk.receive(answer(false));
    assert!(!desk.top.columns.shown.contains(&TopColumn::Netns));
    desk.type_in("aa");
    let wanted: Vec<_> = desk.requested().into_iter().collect();
    assert!(matches!(
        wanted[wanted.len() - 2..],
        [
            WorkerCommand::AllNamespaces(true),
            WorkerCommand::AllNamespaces(false)
        ]
    ));
}

#[test]
fn states_go_round() {
    let mut desk = Desk::with(rows([1]));
    desk.type_in("sss");
    let shown: Vec<_> = desk
        .requested()
        .into_iter()
        .map(|command| match command {
            WorkerCommand::ShowKind(shown) => shown,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        shown,
        [
            SocketKind::Listening,
            SocketKind::All,
            SocketKind::Connections
        ]
    );
}

#[test]
fn hosts_are_offered_where_there_are_some() {
    let mut desk = Desk::with(rows(1..=3));
    desk.top.group_by(Grouping::Netns);
    let next = |desk: &Desk| desk.top.neighbour_grouping(Grouping::next);
    assert_eq!(next(&desk), Grouping::State);
    assert!(!desk.top.order_choices().contains(&TopColumn::Host));
    assert!(!desk.top.columns.choices().contains(&TopColumn::Host));
    desk.top.columns.offer_hosts();
    assert_eq!(next(&desk), Grouping::Host);
    assert!(desk.top.order_choices().contains(&TopColumn::Host));
    assert!(desk.top.columns.choices().contains(&TopColumn::Host));
}

#[test]
fn words_and_a_filter_apply_together_once_both_are_answered() {
    let mut desk = Desk::with(rows([1, 2, 3]));
    desk.type_in("/100.2 and port = :50000");
    desk.press(KeyCode::Enter);
    let (serial, text) = desk.requested_filter();
    assert_eq!(text, "port = :50000");
    assert_eq!(desk.lines(), [2], "the words are found at once");
    assert_eq!(desk.top.focus, Focus::Filter, "the filter is not known yet");
    let result = Ok(());
    desk.receive(Update::Filter { serial, result });
    assert_eq!(desk.top.filter.applied, "100.2 and port = :50000");
    // Narrowed, the words stay; an error is marked where it stands.
    desk.type_in("!e");
    let (serial, text) = desk.requested_filter();
    assert_eq!(text, "port = :50000 and not user root");
    assert_eq!(desk.lines(), [2]);
    let result = Err(problem(5, 1));
    desk.receive(Update::Filter { serial, result });
    assert_eq!(desk.top.focus, Focus::Filter, "to be corrected");
    let column = desk.top.filter.problem.as_ref().unwrap().column;
    assert_eq!(column, "100.2 and ".len() + 5);
    desk.press(KeyCode::Esc);
    assert_eq!(desk.requested_filter().1, "port = :50000");
}

/// Delivers the end of the deletion of one row, which was confirmed with these keys.
fn delete_one(desk: &mut Desk, keys: &str) -> Vec<WorkerCommand> {
    let serial = desk.open_preview(&[]);
    desk.type_in(keys);
    let commands = desk.requested();
    let Some(WorkerCommand::Delete { targets, .. }) = commands.first() else {
        panic!("{commands:?}");
    };
    report(desk, serial, targets, &[Outcome::Deleted]);
    desk.receive(Update::Done { serial });
    commands
}

#[test]
fn a_peer_that_is_held_off_is_counted_until_the_time_is_over() {
    let mut desk = Desk::with(rows([1, 2]));
    let commands = delete_one(&mut desk, "hy");
    let Some(WorkerCommand::Hold { serial, until, .. }) = commands.get(1) else {
        panic!("{commands:?}");
    };
    assert_eq!(*until - desk.now, Duration::from_secs(600));
    for cookie in [11, 12] {
        let target = SocketTarget::from(&successor(1, cookie));
        report(&mut desk, *serial, &[target], &[Outcome::Deleted]);
        desk.receive(Update::Done { serial: *serial });
    }
    desk.wait(60);
    let screen = desk.draw(120, 10);
    let line = "holding 198.51.100.1: 2 came back, 9m to go (x: end)";
    assert!(screen.contains(line), "{screen}");
    let ended = Update::HoldEnded {
        serial: *serial,
        reason: None,
    };
    desk.receive(ended);
    let screen = desk.draw(200, 10);
    let said = "no longer holding 198.51.100.1: 2 came back; new ones stay";
    assert!(
        screen.contains(said) && !screen.contains("to go"),
        "{screen}"
    );
    assert!(!desk.top.holds.are_any());
}

#[test]
fn a_peer_that_is_back_soon_after_a_deletion_is_told_once() {
    for (seconds, is_told) in [(3, true), (6, false)] {
        let mut desk = Desk::with(rows([1, 2]));
        delete_one(&mut desk, "y");
        desk.wait(seconds);
        desk.read(vec![successor(1, 11), row(2)]);
        let screen = desk.draw(120, 10);
        let told = "198.51.100.1 is back 3s after its deletion (d, h, y: hold it off)";
        assert_eq!(screen.contains(told), is_told, "{screen}");
        desk.top.messages.notice = None;
        desk.read(vec![successor(1, 12), row(2)]);
        assert_eq!(desk.top.messages.notice, None);
    }
}

#[test]
fn on_other_hosts_nobody_is_held_off() {
    let on_host = |mut row: Row, number: u32| {
        row.key.netns = number;
        std::sync::Arc::make_mut(&mut row.names).host = Some(format!("host{number}").into());
        row
    };
    let mut desk = Desk::with(vec![on_host(row(1), 1), on_host(row(2), 2)]);
    desk.open_preview(&[]);
    desk.type_in("h");
    let screen = desk.draw(120, 20);
    assert!(!screen.contains("h hold off"), "{screen}");
    assert!(screen.contains("and not on other hosts"), "{screen}");
    desk.press(KeyCode::Esc);
    let deleted = delete_one(&mut desk, "y");
    assert_eq!(deleted.len(), 1, "{deleted:?}");
    // Another host has the same peer.
    desk.read(vec![on_host(successor(1, 11), 2)]);
    assert!(!desk.draw(120, 10).contains("is back"));
    desk.read(vec![on_host(successor(1, 12), 1)]);
    let screen = desk.draw(120, 10);
    let told = "host1: 198.51.100.1 is back 0us after its deletion";
    assert!(
        screen.contains(told) && !screen.contains("hold it off"),
        "{screen}"
    );
}
