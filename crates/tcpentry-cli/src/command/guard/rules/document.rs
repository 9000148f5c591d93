//! A file as TOML: its tables with their places, and what is not TOML.

use std::collections::BTreeSet;
use std::ops::Range;

use tcpentry::escape::escape_for_terminal;
use toml::de::DeTable;

use super::error::ConfigError;
use super::file::ConfigFile;
use super::section::cited;

/// A file as TOML.
pub(super) struct TomlDocument<'t> {
    /// `None` where what could be read of it would mislead.
    pub(super) root: Option<DeTable<'t>>,
    /// The tables that are there twice, by the last part of their names.
    pub(super) repeated: BTreeSet<String>,
}

/// Parses a file; whatever is not TOML in it goes to the errors.
pub(super) fn parse<'t>(file: &'t ConfigFile, errors: &mut Vec<ConfigError>) -> TomlDocument<'t> {
    let (root, found) = DeTable::parse_recoverable(&file.text);
    let mut repeated = BTreeSet::new();
    let mut is_whole = true;
    // Of a table that is there twice each key is, up to the next table.
    let mut repeated_lines = 0..0;
    for error in &found {
        let span = error.span().unwrap_or(0..0);
        if error.message() != DUPLICATE {
            is_whole = false;
            let made = file.error(span.start, format!("not TOML: {}", error.message()));
            errors.push(made.with_any_hint(way_out(error.message())));
        } else if let Some(header) = header_at(&file.text, &span) {
            let name = header.name;
            repeated_lines = span.start..next_header(&file.text, span.end);
            let cause = match (header.is_rule, name) {
                (true, name) => format!("the rule {} is named twice", cited(name)),
                (false, name) => format!("[{}] is there twice", shown(name)),
            };
            let error = file.error(span.start, cause);
            let hint = header
                .first
                .map(|first| format!("the first is at {}", file.cited(first)));
            errors.push(error.with_any_hint(hint));
            repeated.insert(name.to_owned());
        } else if !repeated_lines.contains(&span.start) {
            let key = file.text.get(span.clone()).unwrap_or_default();
            let error = file.error(span.start, format!("{} is given twice", cited(key)));
            errors.push(error.with_hint("leave one of them out"));
        }
    }
    TomlDocument {
        root: is_whole.then(|| root.into_inner()),
        repeated,
    }
}

/// Returns what to do about what is not TOML.
fn way_out(message: &str) -> Option<&'static str> {
    if message.starts_with("string values must be quoted") {
        Some("times and filters are strings, which stand in quotes: `every = \"30s\"`")
    } else if message.contains("escape") || message.starts_with("invalid basic string") {
        Some("between '...' nothing is an escape; a string ends in its line")
    } else {
        None
    }
}

/// The name of a table in brackets.
struct TableHeader<'t> {
    is_rule: bool,
    /// Its last part, without quotes.
    name: &'t str,
    /// The byte at which the first table of this name is named; `None` where that is written otherwise.
    first: Option<usize>,
}

/// Returns the header whose last key is at this place; `None` where the key is not one of a header.
fn header_at<'t>(text: &'t str, key: &Range<usize>) -> Option<TableHeader<'t>> {
    let begin = text.get(..key.start)?.rfind('\n').map_or(0, |at| at + 1);
    let before = text.get(begin..key.start)?;
    let path = before.trim_start().strip_prefix('[')?;
    let name = text.get(key.clone())?.trim_matches(['"', '\'']);
    let same = format!("{}{}]", before.trim(), text.get(key.clone())?);
    let mut at = 0;
    let lines = text.split_inclusive('\n').map(|line| {
        let start = at;
        at += line.len();
        (start, line)
    });
    let mut earlier = lines.take_while(|(start, _)| *start < begin);
    let first = earlier.find(|(_, line)| line.trim_start().starts_with(&same));
    Some(TableHeader {
        is_rule: path.trim().trim_end_matches('.').trim() == "rule",
        name,
        first: first.map(|(start, line)| {
            let indent = line.len() - line.trim_start().len();
            start + indent + same.len() - 1 - key.len()
        }),
    })
}

/// Returns the byte at which the next table begins.
fn next_header(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let next = rest.match_indices('\n').map(|(at, _)| at + 1);
    let mut headers =
        next.filter(|at| rest[*at..].trim_start_matches([' ', '\t']).starts_with('['));
    headers.next().map_or(text.len(), |at| from + at)
}

fn shown(name: &str) -> String {
    escape_for_terminal(name.as_bytes())
}

/// The message of the parser for a key or a table that is there twice.
const DUPLICATE: &str = "duplicate key";
