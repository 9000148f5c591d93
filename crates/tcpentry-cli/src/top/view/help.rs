//! All keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::help::HELP;
use super::super::state::Top;
use super::Theme;
use super::theme::TITLE;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme) {
    let lines = HELP.iter().skip(top.help);
    for ((key, what), y) in lines.zip(area.y..area.bottom()) {
        let line = if key.is_empty() {
            Line::styled(*what, TITLE)
        } else {
            Line::from(vec![
                Span::styled(format!("  {key:<15} "), theme.aside()),
                Span::raw(*what),
            ])
        };
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
