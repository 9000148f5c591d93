//! Charts of the connection whose details are open: a name, the value now, the largest one, and the course of it.

use std::time::Duration;

use ratatui::text::{Line, Span};

use super::super::state::{ChartKind, DetailHistory};
use super::Theme;
use super::graph::chart;
use super::text::{Cut, fitted, width};
use super::theme::TITLE;
use crate::output::amount;

/// Returns the lines of the charts for an area of this size.
pub(super) fn lines(
    history: &DetailHistory,
    columns: usize,
    height: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    let is_narrow = columns < MIN_COLUMNS_BESIDE;
    let room = columns.saturating_sub(if is_narrow { INDENT } else { INDENT + LEGEND });
    // Far from its legend it would be nobody's.
    let room = room.min(MAX_CHART);
    let tall = if height >= MIN_HEIGHT_OF_TALL { 2 } else { 1 };
    let mut lines = Vec::new();
    for kind in ChartKind::ALL {
        let Some(series) = history.series(kind, 2 * room) else {
            continue;
        };
        let text = |value: Option<f32>| value.map_or("-".to_owned(), |value| format(kind, value));
        let legend = legend(name(kind), &text(series.now), &text(series.largest), theme);
        let mut drawn = chart(&series.steps, tall, theme.signs).into_iter();
        if is_narrow {
            lines.push(legend);
            lines.extend(drawn.map(|line| Line::raw(format!("{:INDENT$}{line}", ""))));
            continue;
        }
        let mut first = legend;
        first.push_span(Span::raw(drawn.next().unwrap_or_default()));
        lines.push(first);
        lines.extend(drawn.map(|line| Line::raw(format!("{:1$}{line}", "", INDENT + LEGEND))));
    }
    if !lines.is_empty() {
        let heading = format!("{:INDENT$}{:NAME$}", "", "");
        let heading = format!("{heading}  {:>VALUE$}  {:>VALUE$}  ", "now", "largest");
        let time = time(history);
        if is_narrow {
            lines.insert(0, Line::styled(time, TITLE));
            lines.insert(1, Line::styled(heading, theme.aside()));
        } else {
            let heading = Span::styled(heading, theme.aside());
            lines.insert(0, Line::from(vec![heading, Span::styled(time, TITLE)]));
        }
        lines.push(Line::raw(""));
    }
    lines
}

/// Says which time is shown.
fn time(history: &DetailHistory) -> String {
    let span = history.span();
    let shown = match span.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    };
    if history.has_ended {
        format!("{shown}, not read since")
    } else if history.is_cut {
        format!("last {shown}")
    } else if span < Duration::from_secs(1) {
        "since this was opened".to_owned()
    } else {
        format!("last {shown}, since this was opened")
    }
}

fn legend(name: &str, now: &str, largest: &str, theme: Theme) -> Line<'static> {
    let name = fitted(name, NAME, false, Cut::End, theme.signs);
    let right = |text: &str| {
        let padding = VALUE.saturating_sub(width(text));
        format!("  {}{text}", " ".repeat(padding))
    };
    Line::from(vec![
        Span::styled(format!("{:INDENT$}{name}", ""), theme.aside()),
        Span::raw(format!("{}{}  ", right(now), right(largest))),
    ])
}

const fn name(kind: ChartKind) -> &'static str {
    match kind {
        ChartKind::RoundTrip => "round trip",
        ChartKind::CongestionWindow => "cwnd, segments",
        ChartKind::DeliveryRate => "delivery rate",
        ChartKind::Sent => "sent",
        ChartKind::Received => "received",
        ChartKind::SendQueue => "send queue",
        ChartKind::RecvQueue => "receive queue",
        ChartKind::AcceptQueue => "not accepted",
    }
}

fn format(kind: ChartKind, value: f32) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a number of the kernel, or a part of one"
    )]
    let whole = value.round() as u64;
    match kind {
        ChartKind::RoundTrip => amount::time(Duration::from_secs_f32(value)),
        ChartKind::CongestionWindow | ChartKind::AcceptQueue => amount::count(whole),
        ChartKind::DeliveryRate | ChartKind::Sent | ChartKind::Received => amount::rate(whole),
        ChartKind::SendQueue | ChartKind::RecvQueue => amount::bytes(whole),
    }
}

/// The width of a chart at most.
const MAX_CHART: usize = 100;
/// The spaces before a line.
const INDENT: usize = 2;
/// The widths of the parts of a legend.
const NAME: usize = 14;
const VALUE: usize = 9;
/// The width of a legend, with two spaces before each value and at the end.
const LEGEND: usize = NAME + 2 * (VALUE + 2) + 2;
/// The width from which a chart stands beside its legend.
const MIN_COLUMNS_BESIDE: usize = 64;
/// The height from which a chart has two lines.
const MIN_HEIGHT_OF_TALL: usize = 36;
