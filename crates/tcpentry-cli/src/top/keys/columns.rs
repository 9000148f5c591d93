//! Keys of the choice of columns.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::model::Arrangement;
use super::super::state::{Mode, Top};

pub(super) fn press(top: &mut Top, key: KeyEvent) {
    let all = top.choices();
    let Some(&column) = all.get(top.chooser) else {
        return top.chooser = 0;
    };
    let last = all.len() - 1;
    let place = top.columns.iter().position(|it| *it == column);
    match (key.code, place) {
        (KeyCode::Up | KeyCode::Char('k'), _) => top.chooser = top.chooser.saturating_sub(1),
        (KeyCode::Down | KeyCode::Char('j'), _) => top.chooser = (top.chooser + 1).min(last),
        // The last one stays: a table has a column.
        (KeyCode::Char(' '), Some(place)) if top.columns.len() > 1 => {
            top.columns.remove(place);
            top.follow_choice(column);
        }
        (KeyCode::Char(' '), None) => {
            top.columns.push(column);
            top.follow_choice(column);
        }
        (KeyCode::Left | KeyCode::Char('<' | 'K'), Some(place @ 1..)) => {
            top.columns.swap(place, place - 1);
            top.chooser -= 1;
        }
        (KeyCode::Right | KeyCode::Char('>' | 'J'), Some(place))
            if place + 1 < top.columns.len() =>
        {
            top.columns.swap(place, place + 1);
            top.chooser += 1;
        }
        (KeyCode::Char('s'), _) => top.arrange(Arrangement {
            by: column,
            descending: column.format().largest_first,
            ..top.arrangement
        }),
        (KeyCode::Char('r'), _) => top.arrange(top.arrangement.sorted_by(top.arrangement.by)),
        (KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'c'), _) => top.mode = Mode::Table,
        _ => {}
    }
}
