//! Keys of the help.

use crossterm::event::KeyEvent;

use super::super::state::Top;
use super::scroll::scrolled;

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    match scrolled(key, top.table.height) {
        Some(lines) => top.scroll(lines),
        None => top.close_help(),
    }
}
