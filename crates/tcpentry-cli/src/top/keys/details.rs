//! Keys of the details of a connection.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Request, Top};

pub(super) fn press(top: &mut Top, key: KeyEvent, now: Instant) {
    let Some(pane) = &top.details else {
        return top.hide_details();
    };
    match (key.code, super::scrolled(key, top.height)) {
        (_, Some(lines)) => top.scroll(lines),
        (KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'i'), None) => top.hide_details(),
        (KeyCode::Char('c'), None) => {
            let command = pane
                .details
                .as_ref()
                .and_then(|details| details.command.clone());
            if let Some(command) = command {
                top.request = Some(Request::Copy(command));
                top.say(
                    "copied, if the terminal lets programs do that (OSC 52)",
                    now,
                );
            }
        }
        (KeyCode::Char('d') | KeyCode::Delete, None) => {
            let target = pane.target.clone();
            top.hide_details();
            top.prepare_deletion_of(vec![target]);
        }
        _ => {}
    }
}
