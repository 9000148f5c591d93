//! Errors in a filter's text: the place, what was expected, and the near miss.

use std::fmt;

use crate::escape::escape_for_terminal;

/// The error of a text that is not a filter.
///
/// ```
/// # use tcpentry::{Filter, SystemNames, TcpTable};
/// # let table = TcpTable::open()?;
/// # let names = SystemNames::new(&table);
/// let text = "dport = :80 an src 10.0.0.1";
/// let error = Filter::parse(text, &names).unwrap_err();
/// assert_eq!(error.to_string(), "expected `and`, `or` or a term, found `an`");
/// assert_eq!(error.hint(), Some("did you mean `and`?"));
/// assert_eq!(
///     error.excerpt(text),
///     "dport = :80 an src 10.0.0.1\n            ^^"
/// );
/// # Ok::<(), tcpentry::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FilterError(Box<FilterErrorFields>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct FilterErrorFields {
    span: Span,
    message: String,
    hint: Option<String>,
    /// The edits that make the text what was probably meant, from left to right.
    fix: Vec<(Span, String)>,
}

/// A piece of the text, in characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span {
    pub(super) column: usize,
    pub(super) length: usize,
}

impl Span {
    /// Returns the piece from the beginning of this one to the end of another.
    pub(super) const fn to(self, last: Self) -> Self {
        Self {
            column: self.column,
            length: last.column + last.length - self.column,
        }
    }
}

impl FilterError {
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self(Box::new(FilterErrorFields {
            span,
            message: message.into(),
            hint: None,
            fix: Vec::new(),
        }))
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds what should stand in place of a piece of the text.
    pub(super) fn with_fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.0.fix.push((span, replacement.into()));
        self
    }

    /// Takes the fix away, for another one.
    pub(super) fn without_fix(mut self) -> Self {
        self.0.fix.clear();
        self
    }

    /// Adds what was probably meant by the offending piece.
    pub(super) fn meant(self, replacement: &str) -> Self {
        let span = self.0.span;
        self.with_hint(format!("did you mean `{}`?", printable(replacement)))
            .with_fix(span, replacement)
    }

    /// Returns the number of characters before the offending piece.
    pub fn column(&self) -> usize {
        self.0.span.column
    }

    /// Returns the number of its characters; 0 where something is missing.
    pub fn length(&self) -> usize {
        self.0.span.length
    }

    /// Returns the way out.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the text as it was probably meant; `None` where that is not known. It may have another error.
    ///
    /// ```
    /// # use tcpentry::{Filter, SystemNames, TcpTable};
    /// # let table = TcpTable::open()?;
    /// # let names = SystemNames::new(&table);
    /// let text = "dport in 80,443 and src 10.0.0.1";
    /// let error = Filter::parse(text, &names).unwrap_err();
    /// let corrected = error.corrected(text);
    /// assert_eq!(corrected.as_deref(), Some("( dport = :80 or dport = :443 ) and src 10.0.0.1"));
    /// # Ok::<(), tcpentry::Error>(())
    /// ```
    pub fn corrected(&self, text: &str) -> Option<String> {
        if self.0.fix.is_empty() {
            return None;
        }
        let characters: Vec<char> = text.chars().collect();
        let mut corrected = String::new();
        let mut done = 0;
        for (span, replacement) in &self.0.fix {
            corrected.extend(characters.get(done..span.column)?);
            corrected.push_str(replacement);
            done = span.column + span.length;
        }
        corrected.extend(characters.get(done..)?);
        Some(corrected)
    }

    /// Returns the text that was parsed, and a second line with carets below the offending piece.
    ///
    /// Control characters are [escaped](crate::escape) and the carets moved accordingly. A wide character counts
    /// as one. Of a long text only the neighbourhood is shown.
    pub fn excerpt(&self, text: &str) -> String {
        let Span { column, length } = self.0.span;
        let shown = |skip, take| {
            let piece: String = text.chars().skip(skip).take(take).collect();
            escape_for_terminal(piece.as_bytes())
        };
        let start = column.saturating_sub(NEIGHBOURHOOD);
        let length = length.min(NEIGHBOURHOOD);
        let end = column + length;
        let more = |is_more: bool| if is_more { "…" } else { "" };
        let (before, piece) = (shown(start, column - start), shown(column, length));
        let after = shown(end, NEIGHBOURHOOD);
        let is_more_after = text.chars().nth(end + NEIGHBOURHOOD).is_some();
        let (first, last) = (more(start > 0), more(is_more_after));
        let blank = first.chars().count() + before.chars().count();
        format!(
            "{first}{before}{piece}{after}{last}\n{}{}",
            " ".repeat(blank),
            "^".repeat(piece.chars().count().max(1)),
        )
    }
}

/// The number of characters shown on each side of the wrong part, and at most of that part itself.
const NEIGHBOURHOOD: usize = 200;

impl fmt::Display for FilterError {
    /// Writes one line, without the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for FilterError {}

/// A value of the text, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    pub(super) column: usize,
}

impl Piece<'_> {
    pub(super) fn span(&self) -> Span {
        Span {
            column: self.column,
            length: self.text.chars().count(),
        }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError::new(self.span(), message)
    }

    /// Returns the text before a byte of it, and the text behind.
    pub(super) fn split_at(self, at: usize) -> (Self, Self) {
        let (text, behind) = self.text.split_at(at);
        let column = self.column + text.chars().count();
        let behind = Self {
            text: behind,
            column,
        };
        (Self { text, ..self }, behind)
    }

    /// Returns the text before and behind the first such character.
    pub(super) fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let (before, rest) = self.split_at(self.text.find(separator)?);
        let (_, behind) = rest.split_at(separator.len_utf8());
        Some((before, behind))
    }
}

/// Returns a piece of the text as it is cited in a message: harmless to a terminal, and not too long.
pub(super) fn quoted(piece: &str) -> String {
    let mut shown: String = piece.chars().take(LONGEST_CITED).collect();
    if shown.len() < piece.len() {
        shown.push('…');
    }
    format!("`{}`", printable(&shown))
}

/// Returns a piece of the text as it stands in a hint.
pub(super) fn printable(piece: &str) -> String {
    escape_for_terminal(piece.as_bytes())
}

const LONGEST_CITED: usize = 60;

/// Returns the valid word that is nearest to this one, if it is near at all.
pub(super) fn near_miss<'w>(word: &str, valid: &[&'w str]) -> Option<&'w str> {
    let word = word.to_lowercase().replace('_', "-");
    let letters = word.chars().count();
    if letters > LONGEST_CITED {
        return None;
    }
    valid
        .iter()
        .map(|valid| (strsim::osa_distance(&word, valid), *valid))
        // A third of the letters may be wrong, one in any case; but not all of them.
        .filter(|(distance, valid)| {
            let length = letters.max(valid.len());
            *distance <= (length / 3).max(1) && *distance < valid.len().min(letters)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, valid)| valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_what_a_finger_misses() {
        let valid = ["close-wait", "closed", "src", "dst", "dport"];
        for (word, near) in [
            ("close_wait", Some("close-wait")),
            ("CLOSED", Some("closed")),
            ("colsed", Some("closed")),
            ("dsport", Some("dport")),
            ("srcs", Some("src")),
            ("x", None),
            ("nginx", None),
        ] {
            assert_eq!(near_miss(word, &valid), near, "{word}");
        }
    }

    #[test]
    fn the_carets_stand_below_hostile_text() {
        let error = FilterError::new(
            Span {
                column: 3,
                length: 2,
            },
            "",
        );
        assert_eq!(error.excerpt("a\u{1b}b\ncd"), "a\\u{1b}b\\ncd\n        ^^^");
        assert_eq!(error.excerpt(""), "\n^");
    }
}
