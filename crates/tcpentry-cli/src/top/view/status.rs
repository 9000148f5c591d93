//! The first line of the screen, about the table, and the last, with messages and keys.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::message::SocketKind;
use super::super::model::{Arrangement, Deletability, describe_rates};
use super::super::state::{Focus, Top};
use super::theme::TITLE;
use super::{Signs, Theme, text, theme};
use crate::args::Grouping;
use crate::output::duration;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, now: Instant) {
    let mut spans = vec![Span::styled("tcpentry", TITLE)];
    let mut taken = text::width("tcpentry");
    for part in parts(top, now) {
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
fn parts(top: &Top, now: Instant) -> Vec<String> {
    let (table, frame) = (&top.table, &top.table.frame);
    let mut parts = vec![format!("{} {}", frame.present, kind(top, frame.present))];
    if let Some(progress) = top.deletion.progress(now) {
        parts.push(format!("{progress} (x: stop)"));
    }
    if !top.marks.is_empty() {
        parts.push(format!("{} marked", top.marks.count()));
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
    if table.is_following() {
        parts.push("following".to_owned());
    }
    let Arrangement {
        by,
        descending,
        grouping,
    } = table.arrangement;
    let arrow = theme::arrow(descending);
    parts.push(format!("sort: {} {arrow}", by.format().title));
    if grouping != Grouping::None {
        parts.push(format!("group: {}", grouping.name()));
    }
    if top.namespaces.all {
        parts.push("all namespaces".to_owned());
    }
    parts.push(if top.pace.paused {
        "paused".to_owned()
    } else {
        let interval = format!("every {}", duration(top.pace.interval));
        if frame.read_time >= NOTABLE_READ_TIME {
            format!("{interval} (took {})", duration(frame.read_time))
        } else {
            interval
        }
    });
    parts.push(describe_rates(frame.rates));
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

pub(super) fn draw_bottom(
    frame: &mut Frame<'_>,
    area: Rect,
    top: &Top,
    theme: Theme,
    now: Instant,
) {
    let notice = top
        .messages
        .notice
        .as_ref()
        .filter(|(_, since)| now - *since < NOTICE_SHOWN_FOR);
    let trouble = top
        .messages
        .trouble
        .as_ref()
        .or(top.table.frame.notes.first());
    let line = match (trouble, notice) {
        (_, Some((notice, _))) => Line::styled(notice.clone(), TITLE),
        (Some(trouble), None) => Line::styled(trouble.clone(), theme.error()),
        (None, None) => match refusal(top) {
            Some(why) => Line::from(vec![
                Span::styled("?", TITLE),
                Span::raw(" help  "),
                Span::styled(why, theme.error()),
            ]),
            None => keys(top, area.width.into(), theme.signs),
        },
    };
    frame.render_widget(line, area);
}

/// Returns the reason why the row under the cursor can't be deleted.
fn refusal(top: &Top) -> Option<String> {
    let row = top
        .table
        .current_row()
        .filter(|_| top.focus == Focus::Table && top.marks.is_empty())?;
    match top.resolved(row).deletability? {
        Deletability::No(refusal) => {
            let hint = refusal.hint.map(|hint| format!(" ({hint})"));
            let hint = hint.unwrap_or_default();
            Some(format!("{}: {}{hint}", refusal.outcome, refusal.cause))
        }
        Deletability::By(_) => None,
    }
}

/// Returns the keys of the focused part, as many as fit.
fn keys(top: &Top, room: usize, signs: Signs) -> Line<'static> {
    let keys: &[(&str, &str)] = match top.focus {
        Focus::Table if !top.marks.is_empty() => &[
            ("d", "delete the marked rows"),
            ("Space", "mark"),
            ("u", "unmark all"),
            ("?", "help"),
        ],
        Focus::Table => &[
            ("/", "find"),
            ("d", "delete"),
            ("?", "help"),
            ("q", "quit"),
            ("Enter", "details"),
            ("Space", "mark"),
            ("Tab", "group"),
            ("<>", "sort"),
            ("a", "all namespaces"),
            ("c", "columns"),
            ("p", "pause"),
            ("l", "log"),
        ],
        Focus::Filter => &[
            ("Enter", "apply"),
            ("Esc", "back"),
            ("Tab", "accept the suggestion"),
        ],
        Focus::Preview => match &top.deletion.preview {
            Some(preview) if preview.counts.is_some() => &[("Esc", "close")],
            Some(preview) if preview.count_deletable() > 0 => &[("y", "delete"), ("n", "cancel")],
            _ => &[("Esc", "close")],
        },
        Focus::Details => &[
            ("d", "delete"),
            ("c", "copy the command"),
            ("Esc", "close"),
            (signs.up_down, "scroll"),
        ],
        Focus::Help => &[("Esc", "close"), (signs.up_down, "scroll")],
        Focus::Columns => &[
            ("Space", "show or hide"),
            (signs.left_right, "move"),
            ("s", "sort by"),
            ("Esc", "close"),
        ],
        Focus::Log => &[("s", "save"), ("Esc", "close"), (signs.up_down, "scroll")],
        Focus::Save => &[("Enter", "save"), ("Esc", "back")],
    };
    let mut spans = Vec::new();
    let mut taken = 0;
    for (key, what) in keys {
        taken += text::width(key) + text::width(what) + 3;
        if taken > room + 2 {
            break;
        }
        spans.push(Span::styled(*key, TITLE));
        spans.push(Span::raw(format!(" {what}  ")));
    }
    Line::from(spans)
}

/// The time from which reading the table is noticed.
const NOTABLE_READ_TIME: Duration = Duration::from_millis(100);
/// The time for which a notice is shown.
const NOTICE_SHOWN_FOR: Duration = Duration::from_secs(6);
