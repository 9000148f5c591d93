//! Keys of the help.

use crossterm::event::KeyEvent;

use super::super::state::Top;

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    match super::scrolled(key, top.height) {
        Some(lines) => top.scroll(lines),
        None => top.hide_help(),
    }
}
