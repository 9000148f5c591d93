//! Keys while a deletion is confirmed.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::Top;
use super::scroll::scrolled;

pub(super) fn press(top: &mut Top, key: KeyEvent, now: Instant) {
    match (key.code, scrolled(key, top.table.height)) {
        // Of many, or of all, the number is typed, and Enter alone deletes nothing.
        (KeyCode::Char(digit @ '0'..='9'), _) if top.awaits_number() => {
            top.type_number(Some(digit));
        }
        (KeyCode::Backspace, _) if top.awaits_number() => top.type_number(None),
        (KeyCode::Enter, _) if top.awaits_number() => top.enter_number(now),
        // Of others only `y` deletes: neither Enter, which is easily pressed twice, nor Space.
        (KeyCode::Char('y'), _) if !top.awaits_number() => top.confirm_deletion(now),
        (KeyCode::Char('h'), _) => top.toggle_hold(now),
        (_, Some(lines)) => top.scroll(lines),
        (KeyCode::Esc | KeyCode::Char('n' | 'q') | KeyCode::Enter, None) => top.close_preview(now),
        _ => {}
    }
}
