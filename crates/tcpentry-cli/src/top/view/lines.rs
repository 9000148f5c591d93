//! Lines of text in an area of the screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Draws as many of the lines as fit.
pub(super) fn draw_lines<'l>(
    frame: &mut Frame<'_>,
    area: Rect,
    lines: impl IntoIterator<Item = Line<'l>>,
) {
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
