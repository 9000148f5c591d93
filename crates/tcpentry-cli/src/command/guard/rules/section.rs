//! The keys of one table of a file, each read once and by its type.

use std::ops::Range;

use tcpentry::escape::escape_for_terminal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::file::ConfigFile;
use crate::args::habits::commands::nearest;

/// A table of a file, which collects the errors of its keys.
pub(super) struct KeyReader<'t> {
    pub(super) file: &'t ConfigFile,
    /// Its name, as the file has it.
    title: String,
    table: &'t DeTable<'t>,
    /// The byte at which its name stands.
    offset: usize,
    errors: Vec<ConfigError>,
}

/// A string of a file.
#[derive(Clone)]
pub(super) struct LocatedText<'t> {
    pub(super) text: &'t str,
    /// Its bytes in the file, quotes included.
    span: Range<usize>,
}

impl<'t> KeyReader<'t> {
    pub(super) fn new(
        file: &'t ConfigFile,
        title: String,
        table: &'t DeTable<'t>,
        offset: usize,
    ) -> Self {
        Self {
            file,
            title,
            table,
            offset,
            errors: Vec::new(),
        }
    }

    /// Returns the errors that were found.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        self.errors
    }

    pub(super) fn is_in_order(&self) -> bool {
        self.errors.is_empty()
    }

    /// Adds an error of the table as a whole.
    pub(super) fn fail(&mut self, cause: impl Into<String>, hint: impl Into<String>) {
        let error = self.file.error(self.offset, cause).with_hint(hint);
        self.errors.push(error);
    }

    /// Adds an error of a key; of the table, where it has no such key.
    pub(super) fn fail_at_key(
        &mut self,
        key: &str,
        cause: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let offset = self.find(key).map_or(self.offset, |(key, _)| key.start);
        let error = self.file.error(offset, cause).with_hint(hint);
        self.errors.push(error);
    }

    /// Adds an error of a character of a string.
    pub(super) fn fail_in(
        &mut self,
        text: &LocatedText<'_>,
        column: usize,
        cause: impl Into<String>,
        hint: Option<String>,
    ) {
        let offset = text.offset(&self.file.text, column);
        let error = self.file.error(offset, cause).with_any_hint(hint);
        self.errors.push(error);
    }

    /// Refuses every key but these.
    pub(super) fn allow_only(&mut self, keys: &[&str]) {
        for (key, _) in self.table {
            let name = &**key.get_ref();
            if keys.contains(&name) {
                continue;
            }
            let cause = format!("{} has no key {}", self.title, cited(name));
            let hint = match nearest(name, keys.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its keys are {}", keys.join(" ")),
            };
            let error = self.file.error(key.span().start, cause).with_hint(hint);
            self.errors.push(error);
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Returns a string; `example` is a value that would be right.
    pub(super) fn text(&mut self, key: &str, example: &str) -> Option<LocatedText<'t>> {
        let (_, value) = self.find(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(LocatedText {
                text,
                span: value.span(),
            }),
            other => {
                let found = other.type_str();
                self.fail_type(key, value.span(), "a string", found, example);
                None
            }
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let (_, value) = self.find(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => {
                let found = other.type_str();
                self.fail_type(key, value.span(), "true or false", found, "true");
                None
            }
        }
    }

    /// Returns a number of 1 or more.
    pub(super) fn count(&mut self, key: &str, example: &str) -> Option<u64> {
        let (_, value) = self.find(key)?;
        let DeValue::Integer(number) = value.get_ref() else {
            let found = value.get_ref().type_str();
            self.fail_type(key, value.span(), "a number", found, example);
            return None;
        };
        let read = i64::from_str_radix(number.as_str(), number.radix());
        let count = read.ok().and_then(|it| u64::try_from(it).ok());
        let count = count.filter(|it| *it > 0);
        if count.is_none() {
            let cause = format!("`{key}` is a number from 1 to {}", i64::MAX);
            let error = self.file.error(value.span().start, cause);
            let error = error.with_hint(format!("such as `{key} = {example}`"));
            self.errors.push(error);
        }
        count
    }

    /// Returns a list of strings. Whatever else is in it is an error; the others are returned all the same.
    pub(super) fn texts(&mut self, key: &str, example: &str) -> Option<Vec<LocatedText<'t>>> {
        let (_, value) = self.find(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            let found = value.get_ref().type_str();
            self.fail_type(key, value.span(), "a list of strings", found, example);
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => texts.push(LocatedText {
                    text,
                    span: item.span(),
                }),
                other => {
                    let found = other.type_str();
                    self.fail_type(key, item.span(), "a list of strings", found, example);
                }
            }
        }
        Some(texts)
    }

    /// Returns true for a key that has a list.
    pub(super) fn is_list(&self, key: &str) -> bool {
        self.find(key)
            .is_some_and(|(_, value)| value.get_ref().is_array())
    }

    fn fail_type(&mut self, key: &str, span: Range<usize>, due: &str, found: &str, example: &str) {
        let article = if found.starts_with(['a', 'i']) {
            "an"
        } else {
            "a"
        };
        let cause = format!("`{key}` takes {due}, found {article} {found}");
        let error = self.file.error(span.start, cause);
        let error = error.with_hint(format!("such as `{key} = {example}`"));
        self.errors.push(error);
    }

    fn find(&self, key: &str) -> Option<(Range<usize>, &'t Spanned<DeValue<'t>>)> {
        let mut all = self.table.iter();
        let (found, value) = all.find(|(name, _)| name.get_ref() == key)?;
        Some((found.span(), value))
    }
}

impl LocatedText<'_> {
    /// Returns the byte of the file at which a character of the string stands; of a string with escapes, its beginning.
    fn offset(&self, file: &str, column: usize) -> usize {
        let begin = self.span.start;
        let Some(raw) = file.get(self.span.clone()) else {
            return begin;
        };
        let is_long = raw.starts_with("\"\"\"") || raw.starts_with("'''");
        let quotes = if is_long { 3 } else { 1 };
        let inside = raw.get(quotes..).unwrap_or_default();
        // The first line break of a long string is none of its.
        let breaks = ["\r\n", "\n"].into_iter().filter(|_| is_long);
        let first = breaks
            .filter(|it| inside.starts_with(it))
            .map(str::len)
            .next();
        let skipped = first.unwrap_or(0);
        let inside = &inside[skipped..];
        if !inside.starts_with(self.text) || inside.len() != self.text.len() + quotes {
            return begin;
        }
        let within = self.text.char_indices().nth(column);
        begin + quotes + skipped + within.map_or(self.text.len(), |(at, _)| at)
    }
}

/// Returns a name as a message cites it: harmless to a terminal, and not too long.
pub(super) fn cited(name: &str) -> String {
    let mut short: String = name.chars().take(LONGEST_CITED).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    format!("`{}`", escape_for_terminal(short.as_bytes()))
}

const LONGEST_CITED: usize = 60;
