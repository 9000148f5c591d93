//! Keys of the column chooser.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Focus, Top};

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    let columns = &mut top.columns;
    match key.code {
        KeyCode::Up | KeyCode::Char('k') => columns.move_cursor(-1),
        KeyCode::Down | KeyCode::Char('j') => columns.move_cursor(1),
        KeyCode::Char(' ') => columns.toggle(),
        KeyCode::Left | KeyCode::Char('<' | 'K') => columns.move_left(),
        KeyCode::Right | KeyCode::Char('>' | 'J') => columns.move_right(),
        KeyCode::Char('s') => {
            if let Some(column) = columns.current() {
                top.sort_by(column);
            }
        }
        KeyCode::Char('r') => top.reverse(),
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'c') => top.focus = Focus::Table,
        _ => {}
    }
}
