//! Choices, each of which has a letter.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Theme;
use super::lines::draw_lines;
use super::text::{Cut, fitted};
use super::theme::TITLE;

/// A choice, with a description for where there is room.
pub(super) struct Choice {
    pub(super) letter: char,
    /// It is the one in effect.
    pub(super) is_current: bool,
    pub(super) name: String,
    pub(super) description: String,
}

/// Draws choices below a title, in several columns where they do not fit in one.
pub(super) fn draw_choices(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    choices: &[Choice],
    theme: Theme,
) {
    let title = Line::styled(title.to_owned(), TITLE);
    let height = usize::from(area.height).saturating_sub(1).max(1);
    let columns = choices.len().div_ceil(height).max(1);
    let wide = usize::from(area.width) / columns;
    let names = choices
        .iter()
        .map(|choice| super::text::width(&choice.name));
    let widest = names.max().unwrap_or(0);
    let line = |row: usize| {
        let of_row = choices.iter().skip(row).step_by(height);
        let spans = of_row.flat_map(|choice| {
            let sign = if choice.is_current { '>' } else { ' ' };
            let text = if columns == 1 {
                let name = fitted(&choice.name, widest, false, Cut::End, theme.signs);
                format!("{name}  {}", choice.description)
            } else {
                choice.name.clone()
            };
            let room = wide.saturating_sub(4);
            let text = fitted(&text, room, false, Cut::End, theme.signs);
            [
                Span::styled(format!("{sign}{} ", choice.letter), theme.aside()),
                Span::raw(format!(" {text}")),
            ]
        });
        Line::from(spans.collect::<Vec<_>>())
    };
    let lines = (0..height.min(choices.len())).map(line);
    draw_lines(frame, area, [title].into_iter().chain(lines));
}
