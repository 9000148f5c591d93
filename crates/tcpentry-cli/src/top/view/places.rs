//! The list of network namespaces and containers.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::model::describe_rates;
use super::super::state::Top;
use super::Theme;
use super::lines::draw_lines;
use super::text::{Cut, fitted, width};
use super::theme::{TITLE, under_cursor};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme) {
    let list = &top.places;
    let title = "network namespaces and containers that have connections";
    let names = list.places.iter().map(|place| width(&place.term));
    // The counts and the rates have room beside them.
    let widest = names.max().unwrap_or(0);
    let widest = widest.min(usize::from(area.width).saturating_sub(NUMBERS_WIDTH));
    let height = usize::from(area.height).saturating_sub(1);
    // The line of the cursor stays on the screen.
    let first = (list.cursor + 1).saturating_sub(height);
    let shown = list.places.iter().enumerate().skip(first);
    let lines = shown.map(|(line, place)| {
        let name = fitted(&place.term, widest, false, Cut::End, theme.signs);
        let (cursor, style) = if line == list.cursor {
            ('>', under_cursor(Style::new()))
        } else {
            (' ', Style::new())
        };
        let rates = describe_rates(place.rates);
        Line::styled(
            format!("{cursor} {name} {:>7}  {rates}", place.count),
            style,
        )
    });
    let title = Line::styled(title, TITLE);
    draw_lines(frame, area, [title].into_iter().chain(lines));
}

/// The width of a count, of rates and of what is between them.
const NUMBERS_WIDTH: usize = 34;
