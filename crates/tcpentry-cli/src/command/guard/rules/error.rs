//! Errors of a configuration: where, why, and the way out.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use tcpentry::escape::escape_for_terminal;

use crate::exit::Exit;
use crate::message::{print_error, print_hint};

/// The error of a configuration, with its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::command::guard) struct ConfigError {
    path: PathBuf,
    /// `None` where the file or the folder as a whole is wrong.
    place: Option<LineColumn>,
    cause: String,
    hint: Option<String>,
}

/// A place in a file, counted from 1; a column is a character.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct LineColumn {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Prints the errors of a configuration, and returns the exit code.
pub(in crate::command::guard) fn report(errors: &[ConfigError]) -> Exit {
    for error in errors {
        print_error(&error.to_string());
        if let Some(hint) = error.hint() {
            print_hint(hint);
        }
    }
    Exit::Usage
}

impl ConfigError {
    pub(super) fn new(path: &Path, cause: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            place: None,
            cause: cause.into(),
            hint: None,
        }
    }

    pub(super) fn at(self, place: LineColumn) -> Self {
        Self {
            place: Some(place),
            ..self
        }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Adds the hint, if there is one.
    pub(super) fn with_any_hint(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.with_hint(hint),
            None => self,
        }
    }

    /// Returns the way out.
    pub(in crate::command::guard) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns what errors are sorted by: the file, and the place in it.
    pub(super) fn order(&self) -> (&Path, Option<LineColumn>) {
        (&self.path, self.place)
    }
}

impl fmt::Display for ConfigError {
    /// Writes `FILE:LINE:COLUMN: CAUSE`, as compilers do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.path))?;
        if let Some(place) = self.place {
            write!(f, ":{place}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Returns a path as it is printed.
pub(super) fn shown(path: &Path) -> String {
    escape_for_terminal(path.as_os_str().as_bytes())
}
