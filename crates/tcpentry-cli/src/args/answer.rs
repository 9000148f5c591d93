//! The answer to a command line that is not run: what is wrong with it, and what was probably meant.

use super::line::Line;

/// The answer to a command line that is not run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// The errors, a line each.
    pub(crate) errors: Vec<String>,
    /// The hints, in words.
    pub(crate) hints: Vec<String>,
    /// The lines that were probably meant, the likeliest first.
    pub(crate) meant: Vec<Meant>,
}

/// A command line that was probably meant.
#[derive(Clone, Debug)]
pub(crate) struct Meant {
    /// The thing that it does, in a few words; empty where it needs none.
    pub(crate) label: &'static str,
    pub(crate) line: Line,
}

impl Answer {
    pub(crate) fn new(error: impl Into<String>) -> Self {
        Self {
            errors: vec![error.into()],
            ..Self::default()
        }
    }

    pub(crate) fn with_error(mut self, error: impl Into<String>) -> Self {
        self.errors.push(error.into());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(crate) fn with_meant(mut self, label: &'static str, line: Line) -> Self {
        self.meant.push(Meant { label, line });
        self
    }

    /// Adds words that were probably meant instead of those of the line that is answered.
    pub(crate) fn with_words(self, label: &'static str, words: &[&str]) -> Self {
        self.with_meant(label, Line::default().with_words(words))
    }

    /// Gives the command and the options of the line that is answered to what was probably meant, before its own options.
    pub(crate) fn on_line(mut self, line: &Line) -> Self {
        for meant in &mut self.meant {
            let words = std::mem::take(&mut meant.line.words);
            let options = std::mem::take(&mut meant.line.options);
            meant.line = line.with_words(words);
            meant.line.options.extend(options);
        }
        self
    }
}
