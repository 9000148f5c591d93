//! What is about to be deleted, shown to the person who has to confirm it.

use std::io::{self, Write as _};

use tcpentry::{Connection, Error, Knowledge};

use super::report::Report;
use crate::args::DeleteArgs;
use crate::output::{Column, Columns, Shape};

/// Shows the connections, on standard error: standard output is for what became of them.
pub(super) fn show(
    args: &DeleteArgs,
    doomed: &[Connection],
    report: &mut Report,
    knowledge: &mut Knowledge,
) -> Result<(), Error> {
    let shape = Shape::Human { color: false };
    let view = report.view();
    let mut columns = vec![
        Column::left("STATE"),
        Column::left("LOCAL"),
        Column::left("PEER"),
    ];
    columns.extend(view.columns());
    let header = !args.output.no_header && !doomed.is_empty();
    let mut out = Columns::new(io::stderr(), shape, columns, header);
    for connection in doomed.iter().take(SHOWN) {
        let mut cells = vec![
            connection.state.into(),
            view.local(&connection.pair).into(),
            connection.peer().into(),
        ];
        cells.extend(view.cells(Some(connection), knowledge)?);
        // Who can't be shown them can't confirm either.
        let _ = out.row(cells);
    }
    let _ = out.flush();
    if let Some(more @ 1..) = doomed.len().checked_sub(SHOWN) {
        let _ = writeln!(io::stderr(), "... and {more} more");
    }
    Ok(())
}

/// The question, as far as its mark.
pub(super) fn question(args: &DeleteArgs, count: u64) -> String {
    let these = match count {
        0 => "None matches now. Delete".to_owned(),
        1 => "Delete this connection".to_owned(),
        _ => format!("Delete these {count} connections"),
    };
    let until = match (args.period, args.until_quiet) {
        (None, None) => String::new(),
        (Some(period), None) => format!("for {period:?}"),
        (None, Some(quiet)) => format!("until nothing has matched for {quiet:?}"),
        (Some(period), Some(quiet)) => {
            format!("for {period:?}, or until nothing has matched for {quiet:?}")
        }
    };
    match (count, until.is_empty()) {
        (_, true) => format!("{these}?"),
        (0, false) => format!("{these} what comes to match, {until}?"),
        (_, false) => format!("{these}, and what comes to match {until}?"),
    }
}

/// As many as a screen or two can hold.
const SHOWN: usize = 60;
