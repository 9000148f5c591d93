//! Keys while a deletion is confirmed.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::Top;

pub(super) fn press(top: &mut Top, key: KeyEvent, now: Instant) {
    match (key.code, super::scrolled(key, top.height)) {
        // Only `y` deletes: neither Enter, which one presses twice, nor a blank.
        (KeyCode::Char('y'), _) => top.confirm_deletion(now),
        (_, Some(lines)) => top.scroll(lines),
        (KeyCode::Esc | KeyCode::Char('n' | 'q') | KeyCode::Enter, None) => top.leave_preview(now),
        _ => {}
    }
}
