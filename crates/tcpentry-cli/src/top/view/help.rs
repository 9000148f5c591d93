//! The help.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::state::Top;
use super::Theme;
use super::help_text::HELP;
use super::lines::draw_lines;
use super::text::wrapped;
use super::theme::TITLE;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &mut Top, theme: Theme) {
    let lines = HELP.iter().flat_map(|(key, what)| {
        if key.is_empty() {
            return vec![Line::styled(*what, TITLE)];
        }
        let room = usize::from(area.width).saturating_sub(KEY_WIDTH);
        let texts = wrapped(what, room).into_iter().enumerate();
        let of = |place| if place == 0 { *key } else { "" };
        texts
            .map(|(place, text)| {
                let key = format!("  {:<width$}", of(place), width = KEY_WIDTH - 2);
                Line::from(vec![Span::styled(key, theme.aside()), Span::raw(text)])
            })
            .collect()
    });
    let lines: Vec<_> = lines.collect();
    top.help.scroll.lines = lines.len();
    draw_lines(frame, area, lines.into_iter().skip(top.help.scroll.offset));
}

/// The width of the column of keys.
const KEY_WIDTH: usize = 18;
