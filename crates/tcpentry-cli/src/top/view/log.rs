//! The log of deletions, the latest at the bottom.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::state::{Focus, LogEntry, Top};
use super::Theme;
use super::lines::draw_lines;
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
    // Each entry takes a line, and one more for its hint.
    let mut lines: Vec<_> = shown
        .iter()
        .rev()
        .flat_map(|entry| {
            let hint = entry.hint.as_ref();
            let hint = hint.map(|hint| Line::styled(format!("    {hint}"), theme.aside()));
            hint.into_iter().chain([entry_line(entry, theme)])
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

fn entry_line(entry: &LogEntry, theme: Theme) -> Line<'static> {
    let text = entry.to_string();
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
