//! Keys while a filter is typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::state::Top;
use super::edit::edit;

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    match key.code {
        KeyCode::Enter => top.enter_filter(),
        KeyCode::Esc => top.abandon_filter(),
        KeyCode::Tab => top.accept_suggestion(),
        KeyCode::Char('p') if is_control(key) => top.recall_filter(true),
        KeyCode::Char('n') if is_control(key) => top.recall_filter(false),
        // Where nothing is typed there is nothing that would be looked at beside it.
        KeyCode::Up if top.filter.is_recalling() => top.recall_filter(true),
        KeyCode::Down if top.filter.is_recalling() => top.recall_filter(false),
        KeyCode::Up => top.table.move_by(-1),
        KeyCode::Down => top.table.move_by(1),
        _ => {
            if edit(&mut top.filter.edit, key) == Some(true) {
                top.preview_filter();
            }
        }
    }
}

fn is_control(key: KeyEvent) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL)
}
