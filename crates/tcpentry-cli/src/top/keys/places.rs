//! Keys of the list of network namespaces and containers.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::Top;
use super::scroll::scrolled;

pub(super) fn press(top: &mut Top, key: KeyEvent, now: Instant) {
    match (key.code, scrolled(key, top.table.height)) {
        (_, Some(lines)) => top.places.move_by(lines),
        (KeyCode::Enter, None) => top.enter_place(),
        (KeyCode::Esc | KeyCode::Char('q' | 'N'), None) => top.close_places(now),
        _ => {}
    }
}
