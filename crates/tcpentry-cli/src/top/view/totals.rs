//! The second line of the screen: the number of rows in each state, and the sum of their rates over time.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::model::describe_rates;
use super::super::state::Top;
use super::graph::graph;
use super::text::width;
use super::{Areas, Theme};

/// Draws the line, and notes where its states are.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme, areas: &mut Areas) {
    if area.height == 0 {
        return;
    }
    areas.totals = area;
    let room = usize::from(area.width);
    let rates = describe_rates(top.table.rates());
    let mut spans = Vec::new();
    let mut taken = 0;
    for (state, text) in top.table.states().texts() {
        let wide = width(&text);
        if taken + wide + GAP + width(&rates) > room {
            break;
        }
        let place = |at: usize| area.x + u16::try_from(at).unwrap_or(u16::MAX);
        areas
            .states
            .push((state, place(taken)..place(taken + wide)));
        spans.push(Span::styled(text, theme.aside()));
        spans.push(Span::raw(" ".repeat(GAP)));
        taken += wide + GAP;
    }
    let left = room.saturating_sub(taken + width(&rates) + GAP);
    let samples = top.table.totals.last(2 * left.min(MAX_GRAPH_WIDTH));
    spans.push(Span::raw(format!(
        "{rates}  {}",
        graph(&samples, theme.signs)
    )));
    frame.render_widget(Line::from(spans), area);
}

/// The number of spaces between two parts.
const GAP: usize = 2;
/// The width of the graph where there is room, in columns of two readings.
const MAX_GRAPH_WIDTH: usize = 60;
