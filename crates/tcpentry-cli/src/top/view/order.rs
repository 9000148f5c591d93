//! The choice of a column to sort by.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::super::state::Top;
use super::Theme;
use super::choices::{Choice, draw_choices};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme) {
    let choices = top.order_choices().into_iter();
    let choices = choices.map(|column| Choice {
        letter: column.letter(),
        is_current: top.table.arrangement.by == column,
        name: column.format().title.to_owned(),
        description: column.description(),
    });
    let title = "sort by; the current one again: reverse";
    draw_choices(frame, area, title, &choices.collect::<Vec<_>>(), theme);
}
