//! The mouse: a click chooses a row or sorts by a column, the wheel scrolls.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::super::state::{Mode, Top};
use super::super::view::Areas;

pub(super) fn handle(top: &mut Top, mouse: MouseEvent, areas: &Areas) {
    let at = Position::new(mouse.column, mouse.row);
    match (mouse.kind, top.mode) {
        (MouseEventKind::ScrollUp, _) => top.scroll(-WHEEL),
        (MouseEventKind::ScrollDown, _) => top.scroll(WHEEL),
        (MouseEventKind::Down(MouseButton::Left), Mode::Table) => {
            if areas.rows.contains(at) {
                let line = top.first + usize::from(at.y - areas.rows.y);
                if line >= top.lines.len() {
                    return;
                }
                // The second click opens what the first one chose.
                let again = top.clicked.replace(line) == Some(line) && line == top.cursor;
                top.move_to(line);
                if again {
                    top.enter();
                }
            } else if let Some(column) = areas.column_at(at) {
                top.arrange(top.arrangement.sorted_by(column));
            }
        }
        _ => {}
    }
}

/// Lines at a turn of the wheel.
const WHEEL: isize = 3;
