//! Keys while the name of a file is typed.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Mode, Request, Top};

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    match key.code {
        KeyCode::Enter => {
            let name = top.save.text();
            if !name.is_empty() {
                top.request = Some(Request::Save(name));
            }
            top.mode = Mode::Log;
        }
        KeyCode::Esc => top.mode = Mode::Log,
        _ => _ = super::edit(&mut top.save, key),
    }
}
