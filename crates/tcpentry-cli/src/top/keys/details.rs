//! Keys of the details of a connection.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{TerminalRequest, Top};
use super::scroll::scrolled;

pub(super) fn press(top: &mut Top, key: KeyEvent, now: Instant) {
    let Some(pane) = &top.details else {
        return top.close_details();
    };
    match (key.code, scrolled(key, top.table.height)) {
        (_, Some(lines)) => top.scroll(lines),
        (KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'i'), None) => top.close_details(),
        (KeyCode::Char('c'), None) => {
            let text = pane.text.as_ref();
            if let Some(command) = text.and_then(|text| text.command.clone()) {
                top.request = Some(TerminalRequest::Copy(command));
                top.notify("copied, if the terminal permits it (OSC 52)", now);
            }
        }
        (KeyCode::Char('p'), None) => top.toggle_pause(),
        (KeyCode::Char('t'), None) => top.toggle_kernel_names(),
        (KeyCode::Char('d') | KeyCode::Delete, None) => {
            let target = pane.target.clone();
            top.close_details();
            top.preview_deletion_of(vec![target]);
        }
        _ => {}
    }
}
