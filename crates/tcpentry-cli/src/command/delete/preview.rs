//! The question before several are deleted, and the table above it.

use std::io::{BufWriter, Write as _};

use tcpentry::{Attribution, Connection, Error};

use super::report::Report;
use crate::args::DeleteArgs;
use crate::output::{Cells, ColumnSpec, Columns, Shape, exact_duration};
use crate::pace;
use crate::stream::Stderr;

/// Shows the first of so many connections on standard error: standard output is for the outcomes.
pub(super) fn show(
    args: &DeleteArgs,
    rows: &[(usize, Connection)],
    count: u64,
    report: &mut Report,
    attribution: &mut Attribution,
) -> Result<(), Error> {
    let shape = Shape::Human { color: false };
    let view = report.view(0);
    let mut columns = vec![
        ColumnSpec::left("STATE"),
        ColumnSpec::left("LOCAL"),
        ColumnSpec::left("PEER"),
    ];
    columns.extend(view.columns());
    let header = !args.output.no_header && !rows.is_empty();
    let mut out = Columns::new(BufWriter::new(Stderr), shape, columns, header);
    let mut cells = Cells::default();
    for (table, connection) in rows {
        let view = report.view(*table);
        cells.clear();
        cells.put(connection.state);
        view.put_local(&connection.pair, &mut cells);
        cells.put(connection.peer());
        view.put(Some(connection), attribution, &mut cells)?;
        // Where standard error can't be written, nobody can confirm either.
        let _ = out.row(&cells);
    }
    let _ = out.flush();
    if let Some(more @ 1..) = count.checked_sub(rows.len() as u64) {
        let _ = writeln!(Stderr, "... and {more} more");
    }
    Ok(())
}

/// Returns the question.
pub(super) fn question(args: &DeleteArgs, count: u64) -> String {
    let these = match count {
        0 => "None matches now. Delete".to_owned(),
        1 => "Delete this connection".to_owned(),
        _ => format!("Delete these {count} connections"),
    };
    let limits = [
        (args.period, "for"),
        (args.until_quiet, "until nothing has matched for"),
    ];
    let limits = limits.map(|(limit, what)| Some(format!("{what} {}", exact_duration(limit?))));
    let limits: Vec<_> = limits.into_iter().flatten().collect();
    let these = these + &pace::describe(&args.pace, count);
    match (count, limits.is_empty()) {
        (_, true) => format!("{these}?"),
        (0, false) => format!("{these} what comes to match, {}?", limits.join(" or ")),
        (_, false) => format!("{these}, and what comes to match {}?", limits.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn asked(options: &str, count: u64) -> String {
        let words = format!("tcpentry delete {options} dport = :80");
        match Args::parse_from(words.split_whitespace()).command {
            Some(Command::Delete(args)) => question(&args, count),
            _ => panic!("{words}"),
        }
    }

    #[test]
    fn the_question_says_what_a_yes_means() {
        for (options, count, question) in [
            ("", 2, "Delete these 2 connections?"),
            (
                "--rate 20/s",
                200,
                "Delete these 200 connections at 20/s, in about 10s?",
            ),
            (
                "--for 10m",
                1,
                "Delete this connection, and what comes to match for 10m?",
            ),
            (
                "--for 90s",
                0,
                "None matches now. Delete what comes to match, for 90s?",
            ),
            (
                "--until-quiet 1500ms",
                3,
                "Delete these 3 connections, and what comes to match until nothing has matched for 1500ms?",
            ),
            (
                "--for 1d --until-quiet 2h",
                2,
                "Delete these 2 connections, and what comes to match for 1d or until nothing has matched for 2h?",
            ),
        ] {
            assert_eq!(asked(options, count), question);
        }
    }
}
