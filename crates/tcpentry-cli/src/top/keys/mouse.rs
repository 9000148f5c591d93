//! The mouse: a click selects a row or sorts by a column, the wheel scrolls.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::super::state::{Focus, Top};
use super::super::view::Areas;

pub(super) fn handle(top: &mut Top, mouse: MouseEvent, areas: &Areas) {
    let at = Position::new(mouse.column, mouse.row);
    match (mouse.kind, top.focus) {
        (MouseEventKind::ScrollUp, _) => top.scroll(-WHEEL_LINES),
        (MouseEventKind::ScrollDown, _) => top.scroll(WHEEL_LINES),
        (MouseEventKind::Down(MouseButton::Left), Focus::Table) => {
            if areas.rows.contains(at) {
                let line = top.table.first + usize::from(at.y - areas.rows.y);
                if line >= top.table.lines.len() {
                    return;
                }
                // A second click opens what the first one selected.
                let again =
                    top.table.clicked.replace(line) == Some(line) && line == top.table.cursor;
                top.table.move_to(line);
                if again {
                    top.enter();
                }
            } else if let Some(state) = areas.state_at(at) {
                top.narrow_to_state(state);
            } else if let Some(column) = areas.column_at(at) {
                top.arrange(top.table.arrangement.sorted_by(column));
            }
        }
        _ => {}
    }
}

/// The number of lines that one step of the wheel scrolls.
const WHEEL_LINES: isize = 3;
