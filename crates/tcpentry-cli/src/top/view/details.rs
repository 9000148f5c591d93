//! The details of one connection.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::state::Top;
use super::Theme;
use super::lines::draw_lines;
use super::text::{Cut, fitted, width, wrapped};
use super::theme::TITLE;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &mut Top, theme: Theme) {
    let Some(pane) = &mut top.details else {
        return;
    };
    let title = wrapped(&pane.target.connection.to_string(), area.width.into()).into_iter();
    let mut lines: Vec<_> = title.map(|text| Line::styled(text, TITLE)).collect();
    match &pane.text {
        None => lines.push(Line::raw("asking the kernel ...")),
        Some(details) => {
            let mut all = Vec::new();
            for section in &details.sections {
                all.push(Line::styled(section.title, TITLE));
                let names = section.lines.iter().map(|(name, _)| width(name));
                let widest = names.max().unwrap_or(0);
                let widest = widest.min(usize::from(area.width) / 2);
                let room = usize::from(area.width).saturating_sub(widest + 4);
                for (name, value) in &section.lines {
                    for (place, text) in wrapped(value, room).into_iter().enumerate() {
                        let name = if place == 0 { name } else { "" };
                        let name = fitted(name, widest, false, Cut::End, theme.signs);
                        all.push(Line::from(vec![
                            Span::styled(format!("  {name}  "), theme.aside()),
                            Span::raw(text),
                        ]));
                    }
                }
                all.push(Line::raw(""));
            }
            pane.scroll.lines = all.len();
            lines.extend(all.into_iter().skip(pane.scroll.offset));
        }
    }
    draw_lines(frame, area, lines);
}
