//! The reasons why nothing was installed or removed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The reason why something could not be done to a prefix, and the way out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SetupError {
    text: String,
    hint: Option<SetupHint>,
    is_denied: bool,
}

/// The way out of an error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SetupHint {
    /// A sentence.
    Text(String),
    /// A command in a prefix, and what it does.
    Command {
        /// The prefix, for the variable `WINEPREFIX`.
        prefix: PathBuf,
        /// The command and its words.
        words: Vec<&'static str>,
        /// Its effect, after the command: a predicate.
        effect: &'static str,
    },
}

impl SetupError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            hint: None,
            is_denied: false,
        }
    }

    /// Makes the error of a file.
    pub(super) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self {
            is_denied: error.kind() == io::ErrorKind::PermissionDenied,
            ..Self::new(format!("cannot {doing} {}: {error}", path.display()))
        }
    }

    /// Makes the error of a prefix that belongs to somebody else.
    pub(super) fn denied(text: impl Into<String>) -> Self {
        Self {
            is_denied: true,
            ..Self::new(text)
        }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(SetupHint::Text(hint.into())),
            ..self
        }
    }

    /// Adds a command in a prefix as the way out.
    pub(super) fn with_command(
        self,
        prefix: &Path,
        words: &[&'static str],
        effect: &'static str,
    ) -> Self {
        let hint = SetupHint::Command {
            prefix: prefix.to_owned(),
            words: words.to_vec(),
            effect,
        };
        Self {
            hint: Some(hint),
            ..self
        }
    }

    /// Adds what could not be undone either.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.text = format!("{}; and then {other}", self.text);
        self
    }

    /// Returns the way out.
    pub fn hint(&self) -> Option<&SetupHint> {
        self.hint.as_ref()
    }

    /// Returns true where a right is missing.
    pub fn is_denied(&self) -> bool {
        self.is_denied
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for SetupError {}
