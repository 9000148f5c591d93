//! The result of one check: its status, what was found, and the command that fixes it; and a report of several.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::args::OutputArgs;
use crate::output::{Cells, ColumnSpec, Columns, Shape, line, stdout};

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

/// Prints the findings as a table or as JSON.
pub(super) fn print(findings: &[Finding], args: &OutputArgs) -> io::Result<()> {
    let shape = Shape::of(args);
    let mut out = stdout();
    if shape == Shape::Json {
        findings
            .iter()
            .try_for_each(|finding| line(&mut out, finding))?;
        return out.flush();
    }
    let names = ["STATUS", "CHECK", "DETAIL"];
    let columns = names.map(ColumnSpec::left);
    let mut columns = Columns::new(out, shape, columns.to_vec(), !args.no_header);
    let mut cells = Cells::default();
    for finding in findings {
        let (word, style) = finding.status.word();
        let detail = match &finding.fix {
            Some(fix) => format!("{} -> {fix}", finding.detail),
            None => finding.detail.clone(),
        };
        cells.clear();
        cells.styled(word, style);
        cells.put(finding.check);
        cells.put(detail);
        columns.row(&cells)?;
    }
    columns.flush()
}
