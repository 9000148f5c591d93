//! The result of one check: its status, what was found, and the command that fixes it.

use anstyle::{AnsiColor, Style};
use serde::Serialize;

/// The result of one check.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) status: Status,
    pub(super) detail: String,
    /// The command that helps.
    pub(super) fix: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    Missing,
    Note,
}

impl Finding {
    pub(super) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, detail, None)
    }

    pub(super) fn note(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Note, detail, None)
    }

    pub(super) fn missing(
        check: &'static str,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(check, Status::Missing, detail, Some(fix.into()))
    }

    fn new(
        check: &'static str,
        status: Status,
        detail: impl Into<String>,
        fix: Option<String>,
    ) -> Self {
        Self {
            check,
            status,
            detail: detail.into(),
            fix,
        }
    }
}

impl Status {
    /// Returns the word and its colour.
    pub(super) fn word(self) -> (&'static str, Style) {
        match self {
            Self::Ok => ("ok", AnsiColor::Green.on_default()),
            Self::Missing => ("missing", AnsiColor::Red.on_default()),
            Self::Note => ("note", Style::new()),
        }
    }
}
