//! Keys of the table.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent};

use super::super::model::Arrangement;
use super::super::state::{Mode, Request, Top};
use crate::args::Column;

pub(super) fn press(top: &mut Top, key: KeyEvent, now: Instant) {
    let page = isize::try_from(top.height.saturating_sub(1).max(1)).unwrap_or(1);
    match key.code {
        KeyCode::Up | KeyCode::Char('k') => top.move_by(-1),
        KeyCode::Down | KeyCode::Char('j') => top.move_by(1),
        KeyCode::PageUp => top.move_by(-page),
        KeyCode::PageDown => top.move_by(page),
        KeyCode::Home | KeyCode::Char('g') => top.move_to(0),
        KeyCode::End | KeyCode::Char('G') => top.move_to(usize::MAX),
        KeyCode::Char(' ') => top.toggle_mark(),
        KeyCode::Char('*') => top.mark_all(),
        KeyCode::Char('u') => top.unmark_all(),
        KeyCode::Char('d') | KeyCode::Delete => top.prepare_deletion(now),
        KeyCode::Enter | KeyCode::Char('i') => top.enter(),
        KeyCode::Char('/') => top.start_typing(),
        KeyCode::Esc => escape(top),
        KeyCode::Tab => top.arrange(Arrangement {
            grouping: top.arrangement.grouping.next(),
            ..top.arrangement
        }),
        KeyCode::Char('<') => sort_by_neighbour(top, -1),
        KeyCode::Char('>') => sort_by_neighbour(top, 1),
        KeyCode::Char('r') => top.arrange(top.arrangement.sorted_by(top.arrangement.by)),
        KeyCode::Char('s') => top.show(top.shown.next(), now),
        KeyCode::Char('a') => top.toggle_netns(now),
        KeyCode::Char('c') => top.mode = Mode::Columns,
        KeyCode::Char('l') => top.mode = Mode::Log,
        KeyCode::Char('p') => top.toggle_pause(),
        KeyCode::Char('+') => top.change_interval(true),
        KeyCode::Char('-') => top.change_interval(false),
        KeyCode::F(5) => top.refresh(),
        KeyCode::Char('h') => top.show_help(),
        KeyCode::Char('q') | KeyCode::F(10) => top.request = Some(Request::Quit),
        _ => {}
    }
}

/// One step back: the marks first, then the filter.
fn escape(top: &mut Top) {
    if !top.marks.is_empty() {
        top.unmark_all();
    } else if !top.filter.applied.is_empty() {
        top.clear_filter();
    }
}

/// Sorts by the next column that is shown.
fn sort_by_neighbour(top: &mut Top, step: isize) {
    let count = top.columns.len();
    let place = top
        .columns
        .iter()
        .position(|column| *column == top.arrangement.by);
    let next = match place {
        Some(place) => (place + count).saturating_add_signed(step) % count,
        None => 0,
    };
    let column: Column = top.columns[next];
    let arrangement = Arrangement {
        by: column,
        descending: column.format().largest_first,
        ..top.arrangement
    };
    top.arrange(arrangement);
}
