//! Keys while a file name is typed.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Focus, TerminalRequest, Top};
use super::edit::edit;

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    match key.code {
        KeyCode::Enter => {
            let name = top.log.file_name.text();
            if !name.is_empty() {
                top.request = Some(TerminalRequest::Save(name));
            }
            top.focus = Focus::Log;
        }
        KeyCode::Esc => top.focus = Focus::Log,
        _ => _ = edit(&mut top.log.file_name, key),
    }
}
