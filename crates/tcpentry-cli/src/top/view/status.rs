//! The first line: what is shown. The last line: what has happened, or what can be done.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::message::Shown;
use super::super::model::{May, bytes};
use super::super::state::{Mode, Top};
use super::theme::TITLE;
use super::{Theme, text};
use crate::args::Grouping;
use crate::output::duration;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top) {
    let table = &top.frame;
    let mut parts = vec![format!("{} {}", table.there, kind(top, table.there))];
    if !top.marks.is_empty() {
        parts.push(format!("{} marked", top.marks.len()));
    }
    parts.push(if top.paused {
        "paused".to_owned()
    } else {
        format!(
            "every {} (took {})",
            duration(top.interval),
            duration(table.took)
        )
    });
    parts.push(format!(
        "in {}/s out {}/s",
        bytes(table.rates.received),
        bytes(table.rates.sent)
    ));
    if top.all_netns {
        parts.push("all namespaces".to_owned());
    }
    if top.arrangement.grouping != Grouping::None {
        parts.push(format!("by {}", top.arrangement.grouping.name()));
    }
    if table.unseen > 0 {
        parts.push(format!("{} unseen", table.unseen));
    }
    let mut spans = vec![Span::styled("tcpentry", TITLE)];
    let mut taken = text::width("tcpentry");
    for part in parts {
        taken += text::width(&part) + 2;
        // Half a number is worse than none.
        if taken > area.width.into() && spans.len() > 1 {
            break;
        }
        spans.push(Span::raw(format!("  {part}")));
    }
    frame.render_widget(Line::from(spans), area);
}

fn kind(top: &Top, count: usize) -> &'static str {
    match (top.shown, count) {
        _ if !top.filter.applied.is_empty() => "selected",
        (Shown::Connections, 1) => "connection",
        (Shown::Connections, _) => "connections",
        (Shown::Listening, 1) => "listener",
        (Shown::Listening, _) => "listeners",
        (Shown::All, 1) => "socket",
        (Shown::All, _) => "sockets",
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
        .notice
        .as_ref()
        .filter(|(_, since)| now - *since < NOTICED);
    let trouble = top.trouble.as_ref().or(top.frame.notes.first());
    let line = match (trouble, notice) {
        (_, Some((notice, _))) => Line::styled(notice.clone(), TITLE),
        (Some(trouble), None) => Line::styled(trouble.clone(), theme.error()),
        (None, None) => match refusal(top) {
            Some(why) => Line::from(vec![
                Span::styled("?", TITLE),
                Span::raw(" help  "),
                Span::styled(why, theme.error()),
            ]),
            None => keys(top, area.width.into()),
        },
    };
    frame.render_widget(line, area);
}

/// Why the row under the cursor can't be deleted.
fn refusal(top: &Top) -> Option<String> {
    let row = top
        .current()
        .filter(|_| top.mode == Mode::Table && top.marks.is_empty())?;
    match top.facts(row).may? {
        May::No(refusal) => {
            let hint = refusal.hint.map(|hint| format!(" ({hint})"));
            let hint = hint.unwrap_or_default();
            Some(format!("{}: {}{hint}", refusal.outcome, refusal.cause))
        }
        May::By(_) => None,
    }
}

/// The keys of a mode, as many as there is room for.
fn keys(top: &Top, room: usize) -> Line<'static> {
    let keys: &[(&str, &str)] = match top.mode {
        Mode::Table if !top.marks.is_empty() => &[
            ("d", "delete the marked"),
            ("Space", "mark"),
            ("u", "unmark all"),
            ("?", "help"),
        ],
        Mode::Table => &[
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
        Mode::Filter => &[
            ("Enter", "keep"),
            ("Esc", "back"),
            ("Tab", "take the suggestion"),
        ],
        Mode::Preview => match &top.preview {
            Some(preview) if preview.running.is_some() => &[("Esc", "close")],
            Some(preview) if preview.deletable() > 0 => &[("y", "delete"), ("n", "leave alone")],
            _ => &[("Esc", "close")],
        },
        Mode::Details => &[
            ("d", "delete"),
            ("c", "copy the command"),
            ("Esc", "close"),
            ("↑↓", "scroll"),
        ],
        Mode::Help => &[("Esc", "close"), ("↑↓", "scroll")],
        Mode::Columns => &[
            ("Space", "show or hide"),
            ("←→", "move"),
            ("s", "sort by"),
            ("Esc", "close"),
        ],
        Mode::Log => &[("s", "save"), ("Esc", "close"), ("↑↓", "scroll")],
        Mode::Save => &[("Enter", "save"), ("Esc", "back")],
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

/// How long something is said.
const NOTICED: Duration = Duration::from_secs(6);
