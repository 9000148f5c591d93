//! Keys of the log.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Mode, Top};

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    match (key.code, super::scrolled(key, top.table.height)) {
        (_, Some(lines)) => top.scroll(lines),
        (KeyCode::Char('s'), None) if !top.log.entries.is_empty() => {
            top.log.propose_file_name();
            top.mode = Mode::Save;
        }
        (KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'l'), None) => top.mode = Mode::Table,
        _ => {}
    }
}
