//! Keys while a filter is typed.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::Top;
use super::edit::edit;

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    match key.code {
        KeyCode::Enter => top.enter_filter(),
        KeyCode::Esc => top.abandon_filter(),
        KeyCode::Tab => top.accept_suggestion(),
        KeyCode::Up => top.table.move_by(-1),
        KeyCode::Down => top.table.move_by(1),
        _ => {
            if edit(&mut top.filter.edit, key) == Some(true) {
                top.preview_filter();
            }
        }
    }
}
