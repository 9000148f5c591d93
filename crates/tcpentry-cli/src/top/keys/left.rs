//! Keys of the list of connections that have left.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Focus, Top};
use super::scroll::scrolled;

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    match (key.code, scrolled(key, top.table.height)) {
        (_, Some(lines)) => top.scroll(lines),
        (KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'E'), None) => {
            top.focus = Focus::Table;
        }
        _ => {}
    }
}
