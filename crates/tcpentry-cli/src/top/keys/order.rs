//! Keys while a column to sort by is chosen.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::state::{Focus, Top};

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    let KeyCode::Char(letter) = key.code else {
        if matches!(key.code, KeyCode::Esc | KeyCode::Enter) {
            top.focus = Focus::Table;
        }
        return;
    };
    let mut columns = top.order_choices().into_iter();
    if let Some(column) = columns.find(|column| column.letter() == letter) {
        top.focus = Focus::Table;
        top.arrange(top.table.arrangement.sorted_by(column));
    }
}
