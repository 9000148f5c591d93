//! The choice of columns.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::state::Top;
use super::theme::{TITLE, under_cursor};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top) {
    let choices = top.choices();
    // The chosen one is always to be seen.
    let first = (top.chooser + 1).saturating_sub(area.height.into());
    let shown = choices.iter().enumerate().skip(first);
    let lines = shown.map(|(place, column)| {
        let format = column.format();
        let is_current = place == top.chooser;
        let cursor = if is_current { '>' } else { ' ' };
        let mark = if top.columns.contains(column) {
            'x'
        } else {
            ' '
        };
        let sorted = match (top.arrangement.by == *column, top.arrangement.descending) {
            (false, _) => "",
            (true, false) => ", sorted by it",
            (true, true) => ", sorted by it, the largest first",
        };
        let text = format!(
            "{cursor}[{mark}] {:<10} {}{sorted}",
            format.title,
            column.description()
        );
        let style = if is_current {
            under_cursor(TITLE)
        } else {
            ratatui::style::Style::new()
        };
        Line::styled(text, style)
    });
    super::draw_lines(frame, area, lines);
}
