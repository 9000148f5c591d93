//! Keys while a deletion is confirmed.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::Top;
use super::scroll::scrolled;

pub(super) fn press(top: &mut Top, key: KeyEvent, now: Instant) {
    match (key.code, scrolled(key, top.table.height)) {
        // Only `y` deletes: neither Enter, which is easily pressed twice, nor Space.
        (KeyCode::Char('y'), _) => top.confirm_deletion(now),
        (_, Some(lines)) => top.scroll(lines),
        (KeyCode::Esc | KeyCode::Char('n' | 'q') | KeyCode::Enter, None) => top.close_preview(now),
        _ => {}
    }
}
