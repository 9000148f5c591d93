//! The last line of the screen: keys, and beside them a message.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::model::Deletability;
use super::super::state::{Focus, Top};
use super::text::{Cut, clipped, width};
use super::theme::TITLE;
use super::{Signs, Theme};

/// Draws the keys that fit, and a message behind them.
///
/// In the table it takes the place of the less important keys. The keys of a dialog are never covered.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme, now: Instant) {
    let room = usize::from(area.width);
    let message = message(top, theme, now);
    let keys = keys(top, theme.signs);
    let width_of = |(key, what): &(&str, &str)| width(key) + 1 + width(what);
    let reserved = match (&message, keys.first()) {
        (Some((text, _)), Some(first)) if top.focus == Focus::Table => {
            (GAP + width(text)).min(room.saturating_sub(width_of(first)))
        }
        _ => 0,
    };
    let mut spans = Vec::new();
    let mut taken = 0;
    for (place, (key, what)) in keys.into_iter().enumerate() {
        let wide = width_of(&(key, what));
        let is_needed = reserved > 0 && place < NEEDED_KEYS && taken + wide + MIN_MESSAGE <= room;
        if taken + wide + reserved > room && !is_needed {
            break;
        }
        taken += wide + GAP;
        spans.push(Span::styled(key, TITLE));
        spans.push(Span::raw(format!(" {what}  ")));
    }
    if let Some((text, style)) = message {
        let text = clipped(&text, room.saturating_sub(taken), Cut::End, theme.signs);
        spans.push(Span::styled(text, style));
    }
    frame.render_widget(Line::from(spans), area);
}

/// Returns the message: a notice, or the reason why there is no newer frame, or why the row can't be deleted.
fn message(top: &Top, theme: Theme, now: Instant) -> Option<(String, Style)> {
    let notice = top.messages.notice.as_ref();
    if let Some((notice, _)) = notice.filter(|(_, since)| now - *since < NOTICE_SHOWN_FOR) {
        return Some((notice.clone(), TITLE));
    }
    let trouble = top.messages.trouble.as_ref();
    let trouble = trouble.or(top.table.frame.notes.first()).cloned();
    let text = trouble.or_else(|| refusal(top))?;
    Some((text, theme.error()))
}

/// Returns the reason why the row under the cursor can't be deleted.
fn refusal(top: &Top) -> Option<String> {
    let row = top
        .table
        .current_row()
        .filter(|_| top.focus == Focus::Table && top.marks.is_empty())?;
    match top.resolved(row).deletability? {
        Deletability::No(refusal) => {
            let hint = refusal.hint.as_ref().map(|hint| format!(" ({hint})"));
            let hint = hint.unwrap_or_default();
            Some(format!("{}: {}{hint}", refusal.outcome, refusal.cause))
        }
        Deletability::By(_) => None,
    }
}

/// Returns the keys of the focused part, the most important first.
fn keys(top: &Top, signs: Signs) -> Vec<(&'static str, &'static str)> {
    let keys: &[(&str, &str)] = match top.focus {
        Focus::Table if !top.marks.is_empty() => &[
            ("d", "delete the marked rows"),
            ("Space", "mark"),
            ("u", "unmark all"),
            ("?", "help"),
        ],
        Focus::Table if top.is_replay => &[
            ("/", "find"),
            (", .", "frame"),
            ("?", "help"),
            ("q", "quit"),
            ("Enter", "details"),
            ("p", "pause"),
            ("[ ]", "minute"),
            ("Tab", "group"),
            ("o", "sort"),
        ],
        Focus::Table => &[
            ("/", "find"),
            ("d", "delete"),
            ("?", "help"),
            ("q", "quit"),
            ("Enter", "details"),
            ("Space", "mark"),
            ("Tab", "group"),
            ("o", "sort"),
            ("a", "all namespaces"),
            ("c", "columns"),
            ("p", "pause"),
            ("l", "log"),
        ],
        Focus::Filter => &[("Enter", "apply"), ("Esc", "back"), ("Tab", "exact filter")],
        Focus::Preview => match &top.deletion.preview {
            Some(preview) if preview.counts.is_some() => &[("Esc", "close")],
            Some(preview) if preview.number_to_type().is_some() => {
                &[("number, Enter", "delete"), ("n", "cancel")]
            }
            Some(preview) if preview.count_deletable() > 0 => &[("y", "delete"), ("n", "cancel")],
            _ => &[("Esc", "close")],
        },
        Focus::Details if top.is_replay => &[
            (signs.up_down, "scroll"),
            ("Esc", "close"),
            (", .", "frame"),
        ],
        Focus::Details => &[("d", "delete"), (signs.up_down, "scroll"), ("Esc", "close")],
        Focus::Help | Focus::Left => &[("Esc", "close"), (signs.up_down, "scroll")],
        Focus::Order => &[("letter", "sort by it"), ("Esc", "close")],
        Focus::Cells => &[("letter", "choose"), ("Esc", "close")],
        Focus::Places => &[("Enter", "show only these"), ("Esc", "close")],
        Focus::Columns => &[
            ("Space", "show or hide"),
            (signs.left_right, "move"),
            ("s", "sort by"),
            ("Esc", "close"),
        ],
        Focus::Log => &[("s", "save"), ("Esc", "close"), (signs.up_down, "scroll")],
        Focus::Save => &[("Enter", "save"), ("Esc", "back")],
    };
    let mut keys = keys.to_vec();
    if let (Focus::Details, Some(pane)) = (top.focus, &top.details) {
        let text = pane.text.as_deref();
        if text.is_some_and(|text| text.command.is_some()) {
            keys.push(("c", "copy the command"));
        }
        if text.is_some_and(|text| !text.kernel.is_empty()) {
            let names = if pane.has_kernel_names {
                "counters in groups"
            } else {
                "names of tcp_info"
            };
            keys.push(("t", names));
        }
    }
    if top.focus == Focus::Preview && !top.can_hold().is_empty() {
        keys.push(("h", "hold off"));
    }
    keys
}

/// The number of spaces behind a key.
const GAP: usize = 2;
/// The number of keys that stay beside a message of the table where it still has some room.
const NEEDED_KEYS: usize = 4;
/// The room that a message has at least beside the needed keys.
const MIN_MESSAGE: usize = 40;
/// The time for which a notice is shown.
const NOTICE_SHOWN_FOR: Duration = Duration::from_secs(6);
