//! The first line of the screen, about the table.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::message::SocketKind;
use super::super::model::{Arrangement, HostCount, describe_rates};
use super::super::state::{Focus, Top};
use super::theme::TITLE;
use super::{text, theme};
use crate::args::Grouping;
use crate::output::duration;

/// Draws the line. The rates are left out where the totals have a line of their own.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, has_totals: bool, now: Instant) {
    let mut spans = vec![Span::styled("tcpentry", TITLE)];
    let mut taken = text::width("tcpentry");
    for part in parts(top, has_totals, now) {
        taken += text::width(&part) + 2;
        // A number that is cut off would mislead.
        if taken > area.width.into() && spans.len() > 1 {
            break;
        }
        spans.push(Span::raw(format!("  {part}")));
    }
    frame.render_widget(Line::from(spans), area);
}

/// Returns the parts of the first line, the most important first.
fn parts(top: &Top, has_totals: bool, now: Instant) -> Vec<String> {
    let (table, frame) = (&top.table, &top.table.frame);
    let present = table.present();
    let mut parts = vec![format!("{present} {}", kind(top, present))];
    let age = frame.read_at.map(|at| now.saturating_duration_since(at));
    let age = age.unwrap_or_default();
    let is_old = !top.pace.paused && age > 2 * top.pace.interval;
    if is_old {
        parts.push(format!("{} old", duration(age)));
    }
    if let Some(HostCount { answering, all }) = frame.hosts {
        parts.push(if answering == all {
            format!("{all} hosts")
        } else {
            format!("{answering} of {all} hosts")
        });
    }
    if let Some(progress) = top.deletion.progress(now) {
        parts.push(format!("{progress} (x: stop)"));
    }
    parts.extend(top.holds.progress(now));
    if !top.marks.is_empty() {
        let hidden = match top.count_hidden_marks() {
            0 => String::new(),
            hidden => format!(" ({hidden} not shown)"),
        };
        parts.push(format!("{} marked{hidden}", top.marks.count()));
    }
    let shown = table.visible().len();
    if shown > 0 && matches!(top.focus, Focus::Table | Focus::Filter) {
        let last = table.first + shown;
        parts.push(format!(
            "{}-{last} of {}",
            table.first + 1,
            table.lines.len()
        ));
    }
    if frame.hidden > 0 {
        parts.push(format!("{} hidden", frame.hidden));
    }
    match (top.names.are_on(), top.names.awaited()) {
        (true, 0) => parts.push("names".to_owned()),
        (true, awaited) => parts.push(format!("names ({awaited} to come)")),
        (false, _) => {}
    }
    if table.is_following() {
        parts.push("following".to_owned());
    }
    let Arrangement {
        by,
        descending,
        grouping,
        joins_ends,
    } = table.arrangement;
    let arrow = theme::arrow(descending);
    parts.push(format!("sort: {} {arrow}", by.name()));
    if grouping != Grouping::None {
        parts.push(format!("group: {}", grouping.name()));
    }
    if joins_ends {
        parts.push("both ends in one row".to_owned());
    }
    if top.namespaces.all {
        parts.push("all namespaces".to_owned());
    }
    parts.extend(if top.pace.paused {
        Some(format!("paused, {} old", duration(age)))
    } else if is_old {
        None
    } else {
        let interval = format!("every {}", duration(top.pace.interval));
        Some(if frame.read_time >= NOTABLE_READ_TIME {
            format!("{interval} (took {})", duration(frame.read_time))
        } else {
            interval
        })
    });
    if !has_totals {
        parts.push(describe_rates(table.rates()));
    }
    parts
}

fn kind(top: &Top, count: usize) -> &'static str {
    match (top.kind, count) {
        _ if !top.filter.applied.is_empty() => "selected",
        (SocketKind::Connections, 1) => "connection",
        (SocketKind::Connections, _) => "connections",
        (SocketKind::Listening, 1) => "listener",
        (SocketKind::Listening, _) => "listeners",
        (SocketKind::All, 1) => "socket",
        (SocketKind::All, _) => "sockets",
    }
}

/// The time from which reading the table is noticed.
const NOTABLE_READ_TIME: Duration = Duration::from_millis(100);
