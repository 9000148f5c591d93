//! The preview of a deletion: the number of connections, their holders, the methods, and what is left alone and why.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::message::PreviewItem;
use super::super::model::Deletability;
use super::super::state::{Counts, Preview, Top};
use super::Theme;
use super::lines::draw_lines;
use super::theme::TITLE;

/// Returns true if it has room for at least one of the connections.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme) -> bool {
    let Some(preview) = &top.deletion.preview else {
        return false;
    };
    let mut lines = Vec::new();
    match (&preview.items, preview.counts) {
        (None, _) => lines.push(Line::raw(format!(
            "checking what deleting {} would do ...",
            counted(preview.requested)
        ))),
        (Some(items), None) => question(top, preview, items, theme, &mut lines),
        (Some(items), Some(counts)) => progress(items, counts, preview, &mut lines),
    }
    let room = usize::from(area.height).saturating_sub(lines.len());
    if preview.counts.is_none() {
        let items = preview.items.iter().flatten();
        lines.extend(
            items
                .skip(preview.scroll)
                .take(room)
                .map(|item| described(item, theme)),
        );
    } else {
        let entries = top.log.entries.iter().rev().take(room);
        lines.extend(entries.map(|entry| {
            let outcome = Span::styled(entry.outcome.to_string(), theme.outcome(entry.outcome));
            Line::from(vec![
                outcome,
                Span::raw(format!("  {} {}", entry.name, entry.reason)),
            ])
        }));
    }
    draw_lines(frame, area, lines);
    room > 0
}

fn question(
    top: &Top,
    preview: &Preview,
    items: &[PreviewItem],
    theme: Theme,
    lines: &mut Vec<Line<'_>>,
) {
    let deletable = preview.count_deletable();
    let pace = top.deletion.describe_pace(deletable);
    lines.push(match (deletable, items.len() - deletable) {
        (0, _) => Line::styled("Nothing here can be deleted:", theme.error()),
        (_, 0) => Line::styled(format!("Delete {}{pace}?  y / n", these(deletable)), TITLE),
        (_, rest) => Line::styled(
            format!(
                "Delete {} of {}{pace}, and leave {rest} alone?  y / n",
                deletable,
                counted(items.len())
            ),
            TITLE,
        ),
    });
    let before = match top.deletion.waiting() {
        0 => None,
        1 => Some("1 confirmed earlier is deleted first".to_owned()),
        more => Some(format!("{more} confirmed earlier are deleted first")),
    };
    if let Some(before) = before {
        lines.push(Line::styled(before, theme.aside()));
    }
    let others = match items.len().saturating_sub(preview.requested) {
        0 => None,
        1 => Some("1 of them is another subflow".to_owned()),
        more => Some(format!("{more} of them are other subflows")),
    };
    if let Some(others) = others {
        lines.push(Line::styled(
            format!("{others} of an MPTCP connection, which ends with all its subflows"),
            theme.aside(),
        ));
    }
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    let mut methods: BTreeMap<String, usize> = BTreeMap::new();
    let mut refusals: BTreeMap<(String, &str, Option<&str>), usize> = BTreeMap::new();
    for item in items {
        match &item.deletability {
            Deletability::By(method) => {
                *holders.entry(&item.holders).or_default() += 1;
                *methods.entry(method.to_string()).or_default() += 1;
            }
            Deletability::No(refusal) => {
                let why = (
                    refusal.outcome.to_string(),
                    &*refusal.cause,
                    refusal.hint.as_deref(),
                );
                *refusals.entry(why).or_default() += 1;
            }
        }
    }
    if deletable > 0 {
        let whose = listed(holders.iter().map(|(name, count)| (*name, *count)));
        lines.push(Line::from(vec![
            Span::styled("held by  ", theme.aside()),
            Span::raw(whose),
        ]));
        let methods = listed(methods.iter().map(|(name, count)| (name.as_str(), *count)));
        lines.push(Line::from(vec![
            Span::styled("by       ", theme.aside()),
            Span::raw(methods),
        ]));
    }
    for ((outcome, cause, hint), count) in refusals {
        lines.push(Line::styled(
            format!("{outcome:<8} {count}: {cause}"),
            theme.error(),
        ));
        if let Some(hint) = hint {
            lines.push(Line::styled(format!("         {hint}"), theme.aside()));
        }
    }
    lines.push(Line::raw(""));
}

fn progress(items: &[PreviewItem], counts: Counts, preview: &Preview, lines: &mut Vec<Line<'_>>) {
    let Counts {
        deleted,
        gone,
        not_deleted,
    } = counts;
    let of = items.len();
    let still = if preview.done { "" } else { " ..." };
    let text = format!(
        "{deleted} deleted, {gone} already gone, {not_deleted} not deleted, of {of}{still}"
    );
    lines.push(Line::styled(text, TITLE));
    lines.push(Line::raw(""));
}

fn described(item: &PreviewItem, theme: Theme) -> Line<'static> {
    let outcome = match &item.deletability {
        Deletability::By(method) => Span::raw(format!("{method:<10}")),
        Deletability::No(refusal) => Span::styled(
            format!("{:<10}", refusal.outcome),
            theme.outcome(refusal.outcome),
        ),
    };
    let connection = &item.target.connection;
    let netns = item
        .target
        .netns
        .as_ref()
        .map(|name| format!("  in {name}"))
        .unwrap_or_default();
    let text = format!(
        "{:<11}  {}  {}  {}  {}{netns}",
        connection.state,
        connection.local(),
        connection.peer(),
        item.holders,
        item.user,
    );
    Line::from(vec![outcome, Span::raw(text)])
}

/// Lists the most frequent names with their counts.
fn listed<'n>(names: impl Iterator<Item = (&'n str, usize)>) -> String {
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = names.len().saturating_sub(MAX_LISTED);
    let mut text: Vec<_> = names
        .iter()
        .take(MAX_LISTED)
        .map(|(name, count)| match count {
            1 => (*name).to_owned(),
            count => format!("{name} ({count})"),
        })
        .collect();
    if more > 0 {
        text.push(format!("and {more} more"));
    }
    text.join(", ")
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    }
}

fn these(count: usize) -> String {
    match count {
        1 => "this connection".to_owned(),
        count => format!("these {count} connections"),
    }
}

/// The number of names in a list.
const MAX_LISTED: usize = 6;
