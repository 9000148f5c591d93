//! The log of deletions, the latest at the bottom.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::state::{Focus, LogEntry, Top};
use super::Theme;
use super::lines::draw_lines;
use super::text::wrapped;
use super::theme::TITLE;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme) {
    let title = match (top.focus, top.log.entries.len()) {
        (Focus::Save, _) => format!("save to a new file: {}_", top.log.file_name.text()),
        (_, 0) => "nothing has been deleted yet".to_owned(),
        (_, 1) => "1 entry".to_owned(),
        (_, count) => format!("{count} entries"),
    };
    frame.render_widget(Line::styled(title, TITLE), Rect { height: 1, ..area });
    let room = usize::from(area.height).saturating_sub(1);
    let end = top.log.entries.len() - top.log.back.min(top.log.entries.len());
    let shown = &top.log.entries[..end];
    let mut lines: Vec<_> = shown
        .iter()
        .rev()
        .flat_map(|entry| {
            let mut lines = entry_lines(entry, theme, area.width.into());
            lines.reverse();
            lines
        })
        .take(room)
        .collect();
    lines.reverse();
    let below = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    };
    draw_lines(frame, below, lines);
}

/// Returns an entry and its hint, in lines.
fn entry_lines(entry: &LogEntry, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let room = columns.saturating_sub(INDENT);
    let indented = |text: String| format!("{:INDENT$}{text}", "");
    let text = entry.to_string();
    let first = wrapped(&text, columns).swap_remove(0);
    let rest = text[first.trim_end().len()..].trim_start();
    let rest = wrapped(rest, room)
        .into_iter()
        .filter(|text| !text.is_empty());
    let hint = entry.hint.iter().flat_map(|hint| wrapped(hint, room));
    let hint = hint.map(|text| Line::styled(indented(text), theme.aside()));
    let rest = rest.map(|text| Line::raw(indented(text)));
    [with_outcome(first, entry, theme)]
        .into_iter()
        .chain(rest)
        .chain(hint)
        .collect()
}

/// Returns a line in which the outcome stands out.
fn with_outcome(text: String, entry: &LogEntry, theme: Theme) -> Line<'static> {
    let outcome = entry.outcome.to_string();
    match text.split_once(&outcome) {
        Some((before, after)) => Line::from(vec![
            Span::raw(before.to_owned()),
            Span::styled(outcome, theme.outcome(entry.outcome)),
            Span::raw(after.to_owned()),
        ]),
        None => Line::raw(text),
    }
}

/// The indent of the lines of an entry after its first.
const INDENT: usize = 4;
