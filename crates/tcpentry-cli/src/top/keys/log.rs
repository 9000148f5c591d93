//! Keys of the log.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Focus, Top};
use super::scroll::scrolled;

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    match (key.code, scrolled(key, top.table.height)) {
        (_, Some(lines)) => top.scroll(lines),
        (KeyCode::Char('s'), None) if !top.log.entries.is_empty() => {
            top.log.propose_file_name();
            top.focus = Focus::Save;
        }
        (KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'l'), None) => {
            top.focus = Focus::Table;
        }
        _ => {}
    }
}
