//! The column chooser.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::state::Top;
use super::lines::draw_lines;
use super::theme::{TITLE, under_cursor};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top) {
    let choices = top.columns.choices();
    // The line of the cursor stays on the screen.
    let first = (top.columns.cursor + 1).saturating_sub(area.height.into());
    let shown = choices.iter().enumerate().skip(first);
    let lines = shown.map(|(place, column)| {
        let format = column.format();
        let is_current = place == top.columns.cursor;
        let cursor = if is_current { '>' } else { ' ' };
        let mark = if top.columns.shown.contains(column) {
            'x'
        } else {
            ' '
        };
        let sorted = match (
            top.table.arrangement.by == *column,
            top.table.arrangement.descending,
        ) {
            (false, _) => "",
            (true, false) => " (sorted)",
            (true, true) => " (sorted, largest first)",
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
    draw_lines(frame, area, lines);
}
