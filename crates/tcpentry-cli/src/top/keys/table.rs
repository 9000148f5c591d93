//! Keys of the table.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Focus, TerminalRequest, Top};
use crate::args::Grouping;

pub(super) fn press(top: &mut Top, key: KeyEvent, now: Instant) {
    let page = isize::try_from(top.table.height.saturating_sub(1).max(1)).unwrap_or(1);
    match key.code {
        KeyCode::Up | KeyCode::Char('k') => top.table.move_by(-1),
        KeyCode::Down | KeyCode::Char('j') => top.table.move_by(1),
        KeyCode::PageUp => top.table.move_by(-page),
        KeyCode::PageDown => top.table.move_by(page),
        KeyCode::Home | KeyCode::Char('g') => top.table.move_to_top(),
        KeyCode::End | KeyCode::Char('G') => top.table.move_to(usize::MAX),
        KeyCode::Left => top.columns.scroll(-1),
        KeyCode::Right => top.columns.scroll(1),
        KeyCode::Char('F') => top.table.toggle_follow(),
        KeyCode::Char(' ') => top.toggle_mark(),
        KeyCode::Char('*') => top.mark_all(),
        KeyCode::Char('u') => top.marks.clear(),
        KeyCode::Char('d') | KeyCode::Delete => top.preview_deletion(now),
        KeyCode::Enter | KeyCode::Char('i') => top.enter(),
        KeyCode::Char('/') => top.open_filter(),
        KeyCode::Char(key @ ('=' | '!')) => top.open_cells(key == '!'),
        KeyCode::Char('b') => top.toggle_joined_ends(now),
        KeyCode::Char('n') => top.toggle_names(now),
        KeyCode::Char('N') => top.open_places(now),
        KeyCode::Esc => escape(top),
        KeyCode::Tab => top.group_by(top.neighbour_grouping(Grouping::next)),
        KeyCode::BackTab => top.group_by(top.neighbour_grouping(Grouping::previous)),
        KeyCode::Char('o') => top.focus = Focus::Order,
        KeyCode::Char('<') => sort_by_neighbour(top, -1),
        KeyCode::Char('>') => sort_by_neighbour(top, 1),
        KeyCode::Char('r') => top.reverse(),
        KeyCode::Char('s') => top.show_kind(top.kind.next(), now),
        KeyCode::Char('a') => top.toggle_namespaces(now),
        KeyCode::Char('c') => top.focus = Focus::Columns,
        KeyCode::Char('e') => top.table.toggle_left(),
        KeyCode::Char('E') => {
            top.left.scroll.offset = 0;
            top.focus = Focus::Left;
        }
        KeyCode::Char('l') => top.focus = Focus::Log,
        KeyCode::Char('T') => top.change_palette(now),
        KeyCode::Char('W') => top.request = Some(TerminalRequest::Keep(top.kept())),
        KeyCode::Char('p') => top.toggle_pause(),
        KeyCode::Char('+') => top.lengthen_interval(),
        KeyCode::Char('-') => top.shorten_interval(),
        KeyCode::F(5) => top.refresh(),
        KeyCode::Char('h') => top.open_help(),
        KeyCode::Char('q') | KeyCode::F(10) => top.request = Some(TerminalRequest::Quit),
        _ => {}
    }
}

/// Goes one step back: removes the marks, or else the filter.
fn escape(top: &mut Top) {
    if !top.marks.is_empty() {
        top.marks.clear();
    } else if !top.filter.applied.is_empty() {
        top.clear_filter();
    }
}

/// Sorts by the visible column beside the current one, cyclically.
fn sort_by_neighbour(top: &mut Top, step: isize) {
    let columns = top.visible_columns();
    let count = columns.len();
    let place = columns
        .iter()
        .position(|it| *it == top.table.arrangement.by);
    let next = place.map_or(0, |place| {
        (place + count).saturating_add_signed(step) % count
    });
    top.sort_by(columns[next]);
}
