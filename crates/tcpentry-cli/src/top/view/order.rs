//! The choice of a column to sort by: each has a letter.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::state::Top;
use super::Theme;
use super::lines::draw_lines;
use super::theme::TITLE;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme) {
    let choices = top.order_choices();
    let title = Line::styled("sort by; the current one again: reverse", TITLE);
    // In two columns where they do not fit in one.
    let height = usize::from(area.height).saturating_sub(1).max(1);
    let columns = choices.len().div_ceil(height).max(1);
    let wide = usize::from(area.width) / columns;
    let line = |row: usize| {
        let of_row = choices.iter().skip(row).step_by(height);
        let spans = of_row.flat_map(|column| {
            let is_current = top.table.arrangement.by == *column;
            let sign = if is_current { '>' } else { ' ' };
            let text = if columns == 1 {
                format!("{:<10} {}", column.format().title, column.description())
            } else {
                column.format().title.to_owned()
            };
            let room = wide.saturating_sub(4);
            let text: String = text.chars().take(room).collect();
            [
                Span::styled(format!("{sign}{} ", column.letter()), theme.aside()),
                Span::raw(format!(" {text:<room$}")),
            ]
        });
        Line::from(spans.collect::<Vec<_>>())
    };
    let lines = (0..height.min(choices.len())).map(line);
    draw_lines(frame, area, [title].into_iter().chain(lines));
}
