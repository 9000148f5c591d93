//! All that is known of one connection.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::state::Top;
use super::Theme;
use super::text::width;
use super::theme::TITLE;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme) {
    let Some(pane) = &top.details else { return };
    let mut lines = vec![Line::styled(pane.target.connection.to_string(), TITLE)];
    match &pane.details {
        None => lines.push(Line::raw("asking the kernel ...")),
        Some(details) => {
            let mut all = Vec::new();
            for section in &details.sections {
                all.push(Line::styled(section.title, TITLE));
                let names = section.lines.iter().map(|(name, _)| width(name));
                let widest = names.max().unwrap_or(0);
                for (name, value) in &section.lines {
                    let blanks = " ".repeat(widest - width(name));
                    all.push(Line::from(vec![
                        Span::styled(format!("  {name}{blanks}  "), theme.aside()),
                        Span::raw(value.clone()),
                    ]));
                }
                all.push(Line::raw(""));
            }
            lines.extend(all.into_iter().skip(pane.scroll));
        }
    }
    for (line, y) in lines.into_iter().zip(area.y..area.bottom()) {
        frame.render_widget(
            line,
            Rect {
                y,
                height: 1,
                ..area
            },
        );
    }
}
