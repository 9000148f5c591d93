//! The choice of a cell to narrow by.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::super::state::Top;
use super::Theme;
use super::choices::{Choice, draw_choices};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme) {
    let choices = top.cells.cells.iter().map(|cell| Choice {
        letter: cell.letter,
        is_current: top.table.arrangement.by == cell.column,
        name: cell.term.clone(),
        description: cell.count.to_string(),
    });
    let title = if top.cells.is_negated {
        "show all but those with"
    } else {
        "show only those with"
    };
    draw_choices(frame, area, title, &choices.collect::<Vec<_>>(), theme);
}
