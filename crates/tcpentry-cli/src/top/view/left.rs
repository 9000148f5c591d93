//! The connections that have left: who had them, for how long, how much they moved, and who ended them.

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::model::describe_total;
use super::super::state::{LeftRow, Top};
use super::Theme;
use super::lines::draw_lines;
use super::text::{Cut, packed};
use super::theme::TITLE;
use crate::args::TopColumn;
use crate::output::duration;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &mut Top, theme: Theme, now: Instant) {
    let left = &mut top.left;
    let title = match left.entries.len() {
        0 => "nothing has left yet".to_owned(),
        count => format!("the last {count} that left: ended, or no longer selected"),
    };
    let lines = left
        .entries
        .iter()
        .flat_map(|entry| entry_lines(entry, theme, area.width, now));
    let lines: Vec<_> = lines.collect();
    left.scroll.lines = lines.len();
    let shown = lines.into_iter().skip(left.scroll.offset);
    draw_lines(
        frame,
        area,
        [Line::styled(title, TITLE)].into_iter().chain(shown),
    );
}

fn entry_lines(entry: &LeftRow, theme: Theme, columns: u16, now: Instant) -> Vec<Line<'static>> {
    let row = &entry.row;
    let text = |column: TopColumn| column.text(row, &entry.resolved);
    let (age, is_known) = entry.age();
    let at_least = if is_known { "" } else { "more than " };
    let ago = duration(now.saturating_duration_since(entry.left_at));
    let fields = [
        (format!("{ago:>4} ago"), Cut::End),
        (text(TopColumn::Peer), Cut::Middle),
        (text(TopColumn::Local), Cut::Middle),
        (text(TopColumn::Process), Cut::End),
        (text(TopColumn::User), Cut::End),
        (format!("for {at_least}{}", duration(age)), Cut::End),
    ];
    let moved = row.counters.as_ref().map(describe_total);
    let rest = moved.into_iter().chain(entry.ended_by().map(str::to_owned));
    let rest = rest.map(|text| (text, Cut::End));
    let room = usize::from(columns).saturating_sub(INDENT);
    let texts = packed(fields.into_iter().chain(rest), room, theme.signs);
    let line = |(place, text)| match place {
        0 => Line::raw(text),
        _ => Line::raw(format!("{:INDENT$}{text}", "")),
    };
    texts.into_iter().enumerate().map(line).collect()
}

/// The indent of the lines of an entry after its first: the time is before it.
const INDENT: usize = 10;
