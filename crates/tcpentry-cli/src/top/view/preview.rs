//! The preview of a deletion: the number of connections, their holders, the methods, and what is left alone and why.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::message::PreviewItem;
use super::super::model::Deletability;
use super::super::state::{Counts, HOLD_TIME, LogEntry, Preview, Top, describe_peers};
use super::Theme;
use super::lines::draw_lines;
use super::text::{Cut, packed, wrapped};
use super::theme::TITLE;
use crate::output::duration;

/// Returns true if it has room for at least one of the connections.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme) -> bool {
    let Some(preview) = &top.deletion.preview else {
        return false;
    };
    let columns = usize::from(area.width);
    let height = usize::from(area.height);
    let (asked, mut about) = match (&preview.items, preview.counts) {
        (None, _) => {
            let count = counted(preview.requested);
            let text = format!("checking what deleting {count} would do ...");
            (paragraph(&text, Style::new(), columns), Vec::new())
        }
        (Some(items), None) => (
            question(top, preview, items, theme, columns),
            summary(top, preview, items, theme, columns),
        ),
        (Some(items), Some(counts)) => (progress(items, counts, preview, columns), Vec::new()),
    };
    let mut below = if preview.counts.is_none() {
        let items = preview.items.iter().flatten();
        let shown = items.skip(preview.scroll).take(height);
        let lines = shown.map(|item| described(top, item, theme, columns));
        lines.collect()
    } else {
        let entries = top.log.entries.iter().rev().take(height);
        entries
            .map(|entry| outcome(entry, theme, columns))
            .collect::<Vec<_>>()
    };
    // The first connection has room, whatever else is to be said.
    let first = below.first().map_or(0, Vec::len);
    about.truncate(height.saturating_sub(asked.len() + first));
    let has_room = asked.len() + first <= height;
    let lines = asked
        .into_iter()
        .chain(about)
        .chain(below.drain(..).flatten());
    draw_lines(frame, area, lines);
    has_room
}

/// Returns a text in lines.
fn paragraph(text: &str, style: Style, columns: usize) -> Vec<Line<'static>> {
    let lines = wrapped(text, columns).into_iter();
    lines.map(|line| Line::styled(line, style)).collect()
}

/// Returns a text behind a word of nine characters, in lines.
fn labelled(label: &str, text: &str, styles: [Style; 2], columns: usize) -> Vec<Line<'static>> {
    let lines = wrapped(text, columns.saturating_sub(LABEL_WIDTH)).into_iter();
    let line = |(place, text)| {
        let label = if place == 0 { label } else { "" };
        let label = Span::styled(format!("{label:<LABEL_WIDTH$}"), styles[0]);
        Line::from(vec![label, Span::styled(text, styles[1])])
    };
    lines.enumerate().map(line).collect()
}

/// Returns the question, in lines.
fn question(
    top: &Top,
    preview: &Preview,
    items: &[PreviewItem],
    theme: Theme,
    columns: usize,
) -> Vec<Line<'static>> {
    let deletable = preview.count_deletable();
    let pace = top.deletion.describe_pace(deletable);
    let hold = if preview.held.is_empty() {
        String::new()
    } else {
        let peers = describe_peers(&preview.held);
        format!(", and hold off {peers} for {}", duration(HOLD_TIME))
    };
    let answer = preview.number_to_type().map_or_else(
        || "y / n".to_owned(),
        |number| format!("Type {number} and Enter, or n: {}", preview.typed),
    );
    let (text, style) = match (deletable, items.len() - deletable) {
        (0, _) => ("Nothing here can be deleted:".to_owned(), theme.error()),
        (_, 0) => (
            format!("Delete {}{pace}{hold}?  {answer}", these(deletable)),
            TITLE,
        ),
        (_, rest) => {
            let all = counted(items.len());
            let text = format!(
                "Delete {deletable} of {all}{pace}{hold}, and leave {rest} alone?  {answer}"
            );
            (text, TITLE)
        }
    };
    paragraph(&text, style, columns)
}

/// Returns a number and what is said of one or of several; nothing of none.
fn number_of(count: usize, one: &str, several: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        more => Some(format!("{more} {several}")),
    }
}

/// Returns what is to be known for the answer, in lines.
fn summary(
    top: &Top,
    preview: &Preview,
    items: &[PreviewItem],
    theme: Theme,
    columns: usize,
) -> Vec<Line<'static>> {
    let deletable = preview.count_deletable();
    let mut lines = Vec::new();
    let before = number_of(
        top.deletion.waiting(),
        "confirmed earlier is deleted first",
        "confirmed earlier are deleted first",
    );
    if let Some(before) = before {
        lines.extend(paragraph(&before, theme.aside(), columns));
    }
    if !preview.held.is_empty() {
        let services = preview.held.iter();
        let terms: Vec<_> = services.map(|(_, service)| service.term()).collect();
        lines.extend(labelled(
            "held off",
            &terms.join("; "),
            [theme.aside(), Style::new()],
            columns,
        ));
    }
    let moving = preview.count_moving();
    if moving > 0 {
        let moving = format!("{moving} of them moved data just now");
        lines.extend(paragraph(&moving, theme.error(), columns));
    }
    let ends = number_of(
        preview.count_with_other_end(),
        "of them has its other end in this table, too, which ends with it",
        "of them have their other ends in this table, too, which end with them",
    );
    if let Some(ends) = ends {
        lines.extend(paragraph(&ends, theme.aside(), columns));
    }
    let hidden = number_of(
        preview.hidden,
        "of them is marked, but hidden by the filter",
        "of them are marked, but hidden by the filter",
    );
    if let Some(hidden) = hidden {
        lines.extend(paragraph(&hidden, theme.aside(), columns));
    }
    let others = number_of(
        items.len().saturating_sub(preview.requested),
        "of them is another subflow",
        "of them are other subflows",
    );
    if let Some(others) = others {
        let text = format!("{others} of an MPTCP connection, which ends with all its subflows");
        lines.extend(paragraph(&text, theme.aside(), columns));
    }
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    let mut methods: BTreeMap<String, usize> = BTreeMap::new();
    let mut hosts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut refusals: BTreeMap<(String, &str, Option<&str>), usize> = BTreeMap::new();
    for item in items {
        match &item.deletability {
            Deletability::By(method) => {
                *holders.entry(&item.holders).or_default() += 1;
                *methods.entry(method.to_string()).or_default() += 1;
                if let Some(host) = &item.target.host {
                    *hosts.entry(host).or_default() += 1;
                }
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
        let styles = [theme.aside(), Style::new()];
        lines.extend(labelled("held by", &whose, styles, columns));
        let methods = listed(methods.iter().map(|(name, count)| (name.as_str(), *count)));
        lines.extend(labelled("by", &methods, styles, columns));
        if !hosts.is_empty() {
            let hosts = listed(hosts.into_iter());
            lines.extend(labelled("on", &hosts, styles, columns));
        }
    }
    for ((outcome, cause, hint), count) in refusals {
        let text = format!("{count}: {cause}");
        lines.extend(labelled(&outcome, &text, [theme.error(); 2], columns));
        if let Some(hint) = hint {
            lines.extend(labelled("", hint, [theme.aside(); 2], columns));
        }
    }
    lines.push(Line::raw(""));
    lines
}

/// Returns how far the deletion has come, in lines.
fn progress(
    items: &[PreviewItem],
    counts: Counts,
    preview: &Preview,
    columns: usize,
) -> Vec<Line<'static>> {
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
    let mut lines = paragraph(&text, TITLE, columns);
    lines.push(Line::raw(""));
    lines
}

/// Returns the outcome for one connection, in lines.
fn outcome(entry: &LogEntry, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let text = format!("{} {}", entry.name, entry.reason);
    let styles = [theme.outcome(entry.outcome), Style::new()];
    labelled(&entry.outcome.to_string(), &text, styles, columns)
}

/// Describes a connection, in as many lines as it takes: an end that is longer than a line is shortened in the middle.
fn described(top: &Top, item: &PreviewItem, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let (outcome, style) = match &item.deletability {
        Deletability::By(method) => (method.to_string(), Style::new()),
        Deletability::No(refusal) => {
            let outcome = refusal.outcome;
            (outcome.to_string(), theme.outcome(outcome))
        }
    };
    let connection = &item.target.connection;
    // Beside the address, never in its place.
    let name = top.names.of(connection.peer().address());
    let name = name.map(|name| (format!("({name})"), Cut::Host));
    let netns = item.target.netns.as_ref();
    let ends = [
        (format!("{:<11}", connection.state), Cut::End),
        (connection.local().to_string(), Cut::Middle),
        (connection.peer().to_string(), Cut::Middle),
    ];
    let holders = [
        (item.holders.clone(), Cut::End),
        (item.user.clone(), Cut::End),
    ];
    let netns = netns.map(|name| (format!("in {name}"), Cut::End));
    let host = item.target.host.as_ref();
    let host = host.map(|name| (format!("on {name}"), Cut::End));
    let room = columns.saturating_sub(LABEL_WIDTH + 1);
    let texts = packed(
        ends.into_iter()
            .chain(name)
            .chain(holders)
            .chain(netns)
            .chain(host),
        room,
        theme.signs,
    );
    let line = |(place, text): (usize, String)| {
        let outcome = if place == 0 { &*outcome } else { "" };
        let label = Span::styled(format!("{outcome:<LABEL_WIDTH$} "), style);
        Line::from(vec![label, Span::raw(text)])
    };
    texts.into_iter().enumerate().map(line).collect()
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

/// The width of the words at the left.
const LABEL_WIDTH: usize = 9;
/// The number of names in a list.
const MAX_LISTED: usize = 6;
