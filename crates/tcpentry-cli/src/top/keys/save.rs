//! Keys while a file name is typed.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Mode, TerminalRequest, Top};

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    match key.code {
        KeyCode::Enter => {
            let name = top.log.file_name.text();
            if !name.is_empty() {
                top.request = Some(TerminalRequest::Save(name));
            }
            top.mode = Mode::Log;
        }
        KeyCode::Esc => top.mode = Mode::Log,
        _ => _ = super::edit(&mut top.log.file_name, key),
    }
}
