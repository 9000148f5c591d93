//! A search for words on the rows.

use std::fmt::Write as _;
use std::sync::Arc;

use super::cell::{local, short_state};
use super::row::Row;

/// Words that all have to be on a row, in any case of their letters. Without words every row is found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Find(Arc<[String]>);

impl Find {
    /// Returns the search for the words of a text.
    pub(crate) fn of(text: &str) -> Self {
        let words = text.split_whitespace();
        Self(words.map(str::to_lowercase).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A search under way, which makes the text of one row after the other.
pub(super) struct Finder<'f> {
    find: &'f Find,
    text: String,
}

impl<'f> Finder<'f> {
    pub(super) fn of(find: &'f Find) -> Self {
        Self {
            find,
            text: String::new(),
        }
    }

    /// Returns true if all words are on the row: in its ends, its state, or its names, or in those of the other end that it
    /// stands for.
    pub(super) fn finds(&mut self, row: &Row, other_end: Option<&Row>) -> bool {
        if self.find.is_empty() {
            return true;
        }
        self.text.clear();
        self.add(row);
        if let Some(row) = other_end {
            self.text.push('\n');
            self.add(row);
        }
        let text = &mut self.text;
        // That of other letters takes ten times as long, and is seldom needed.
        if text.is_ascii() {
            text.make_ascii_lowercase();
        } else {
            *text = text.to_lowercase();
        }
        // `CLOSE_WAIT` is the kernel's and netstat's name.
        let is_found = |word: &String| {
            text.contains(word.as_str())
                || word.contains('_') && text.contains(&word.replace('_', "-"))
        };
        self.find.0.iter().all(is_found)
    }

    /// Adds the words of a row.
    fn add(&mut self, row: &Row) {
        let connection = &row.connection;
        let text = &mut self.text;
        // The end of a field belongs to no word.
        let _ = write!(
            text,
            "{}\n{}\n{}\n{}",
            local(row),
            connection.peer(),
            connection.state,
            short_state(connection.state)
        );
        let holders = row.resolved.holders.as_deref();
        let names = [
            holders.map(|holders| &*holders.text),
            row.names.user.as_deref(),
            row.unit(),
            row.names.netns.as_deref(),
            row.names.host.as_deref(),
        ];
        for name in names.into_iter().flatten() {
            text.push('\n');
            text.push_str(name);
        }
    }
}
