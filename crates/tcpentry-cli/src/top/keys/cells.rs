//! Keys while a cell to narrow by is chosen.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Focus, Top};

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    let sorted = top.table.arrangement.by;
    let mut cells = top.cells.cells.iter();
    let chosen = match key.code {
        KeyCode::Char(letter) => cells.find(|cell| cell.letter == letter),
        KeyCode::Enter => cells.find(|cell| cell.column == sorted),
        KeyCode::Esc => return top.focus = Focus::Table,
        _ => None,
    };
    if let Some(cell) = chosen.cloned() {
        top.narrow_to(&cell);
    }
}
