//! `tcpentry why`: what holds a connection up, in a sentence, after it was watched for a while.

use std::io::{self, BufWriter, Write};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use tcpentry::filter::Truth;
use tcpentry::why::{Cause, Diagnosis, GivenUp, RetryLimits, Watch};
use tcpentry::{Attribution, Connection, Error, ErrorKind};

use super::delete::target::{self, NamedTarget, Operands};
use crate::args::line::Line;
use crate::args::operands::Purpose;
use crate::args::{ShowArgs, WhyArgs};
use crate::exit::Exit;
use crate::message::{exit_after, notice, print_error, print_failure, print_hint};
use crate::output::{Cells, ColumnSpec, Columns, Shape, SocketObject, View, line, stdout};
use crate::stream::Stdout;
use crate::tables::selection::{self, FilterInput, Hosts, SelectionError};
use crate::tables::sets::{self, Sets};
use crate::tables::{self, NamespaceTable, rows};
use crate::usage;

/// Runs the command, and returns the exit code.
pub(crate) fn run(args: &WhyArgs, line: &Line) -> Exit {
    let sets = match sets::read(&args.select.sets) {
        Ok(sets) => sets,
        Err(exit) => return exit,
    };
    let mut tables = match tables::open(&args.netns) {
        Ok(tables) => tables.opened,
        Err(error) => {
            print_failure(&error);
            return Exit::of_listing(&error);
        }
    };
    let mut input = target::standard_input();
    let operands = target::read(&args.words, &args.id, Purpose::Explain, &tables, &mut input);
    let (found, exit) = match operands {
        Ok(Operands::Names(names)) => match only_for_filters(args) {
            None => by_name(&mut tables, names),
            Some(option) => {
                print_error(&format!(
                    "{option} needs a filter, but the words name connections exactly"
                ));
                return Exit::Usage;
            }
        },
        Ok(Operands::Filter(words)) => match by_filter(args, &words, &sets, &mut tables) {
            Ok(found) => found,
            Err(refusal) => return usage::print_refusal(&refusal, Exit::of_listing),
        },
        Err(answer) => return usage::print_answer(answer.on_line(line)),
    };
    let watched = watch(&mut tables, found, args.period);
    let exit = if watched.ended > 0 && exit == Exit::Done && watched.rows.is_empty() {
        Exit::Nothing
    } else {
        exit
    };
    match watched.ended {
        0 => {}
        1 => notice("1 connection ended while it was watched"),
        many => notice(&format!("{many} connections ended while they were watched")),
    }
    match print(args, &mut tables, &watched.rows) {
        Ok(written) => exit_after(written, exit),
        Err(error) => {
            print_failure(&error);
            Exit::of_listing(&error)
        }
    }
}

/// Returns an option that was given and means nothing without a filter.
fn only_for_filters(args: &WhyArgs) -> Option<&'static str> {
    let select = &args.select;
    let given = [
        (!select.sets.is_empty(), "--in"),
        (select.all, "--all"),
        (select.listening, "--listening"),
        (select.ipv4, "--ipv4"),
        (select.ipv6, "--ipv6"),
    ];
    given
        .into_iter()
        .find_map(|(given, option)| given.then_some(option))
}

/// A connection, with the index of its table.
type FoundRow = (usize, Connection);

/// Finds what is named. One that is not there is reported, and makes the exit code 1.
fn by_name(tables: &mut [NamespaceTable], names: Vec<NamedTarget>) -> (Vec<FoundRow>, Exit) {
    let mut found = Vec::new();
    let mut exit = Exit::Done;
    for NamedTarget(meanings) in names {
        let before = found.len();
        let mut failure = None;
        for (index, target) in meanings {
            match tables[index].table.find(&target) {
                Ok(connection) => found.push((index, connection)),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    failure = failure.or(Some(error));
                }
                Err(error) => failure = Some(error),
            }
        }
        if let (Some(error), true) = (failure, found.len() == before) {
            print_failure(&error);
            exit = Exit::of_deletion(&error);
        }
    }
    (found, exit)
}

/// Finds what a filter selects, as `list` does.
fn by_filter(
    args: &WhyArgs,
    words: &[String],
    sets: &Sets,
    tables: &mut [NamespaceTable],
) -> Result<(Vec<FoundRow>, Exit), SelectionError> {
    let input = FilterInput {
        words,
        args: &args.select,
        sets,
    };
    let selections = selection::prepare_all(input, args.select.states(), tables, Hosts::LookUp)?;
    let mut attribution = match selections.first() {
        Some(selection) => selection::attribution(selection, &args.show),
        None => Attribution::new(),
    };
    let queries: Vec<_> = selections.iter().map(|it| it.query().clone()).collect();
    let dumps = tables.iter_mut().zip(&queries).collect();
    let (mut found, mut hidden) = (Vec::new(), 0);
    let failures = rows::each_row(dumps, |index, row| {
        match selections[index].judge(row, &mut attribution)? {
            Truth::True => found.push((index, row.clone())),
            Truth::Hidden => hidden += 1,
            Truth::False | Truth::Unknown => {}
        }
        Ok::<_, Error>(())
    })
    .map_err(SelectionError::Table)?;
    if hidden > 0 {
        print_error(&selection::describe_hidden(hidden, "they are not shown"));
        print_hint(&selection::hidden_hint());
    } else if found.is_empty() && !args.output.json {
        notice("no connection matches");
    }
    Ok((found, failures.first().map_or(Exit::Done, Exit::of_listing)))
}

/// The connections that were watched.
struct Watched {
    rows: Vec<WatchedRow>,
    /// The number of those that ended.
    ended: u64,
}

/// A connection as it was read last, and what was found.
struct WatchedRow {
    table: usize,
    connection: Connection,
    diagnosis: Diagnosis,
}

/// Reads the connections now, and then each second until the time is over.
fn watch(tables: &mut [NamespaceTable], found: Vec<FoundRow>, period: Duration) -> Watched {
    let limits: Vec<RetryLimits> = tables
        .iter()
        .map(|table| table.table.retry_limits())
        .collect();
    let mut ended = 0;
    let mut rows = Vec::new();
    for (table, connection) in found {
        match tables[table].table.details(&connection) {
            Ok(details) => {
                let watch = Watch::new(limits[table], &details, Instant::now());
                rows.push((table, details.connection, watch));
            }
            Err(error) => ended += count_or_print(&error),
        }
    }
    let end = Instant::now() + period;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || rows.is_empty() {
            break;
        }
        thread::sleep(left.min(BETWEEN_READINGS));
        rows.retain_mut(|(table, connection, watch)| {
            match tables[*table].table.details(connection) {
                Ok(details) => {
                    watch.add(&details, Instant::now());
                    *connection = details.connection;
                    true
                }
                Err(error) => {
                    ended += count_or_print(&error);
                    false
                }
            }
        });
    }
    let rows = rows
        .into_iter()
        .map(|(table, connection, watch)| WatchedRow {
            table,
            connection,
            diagnosis: watch.diagnosis(),
        });
    Watched {
        rows: rows.collect(),
        ended,
    }
}

/// Returns 1 for a connection that is gone; any other error is printed.
fn count_or_print(error: &Error) -> u64 {
    if error.kind() == ErrorKind::NotFound {
        return 1;
    }
    print_failure(error);
    0
}

/// The time between two readings.
const BETWEEN_READINGS: Duration = Duration::from_secs(1);

/// A connection and the answer.
#[derive(Debug, Serialize)]
struct WhyObject {
    #[serde(flatten)]
    socket: SocketObject,
    cause: &'static str,
    sentence: String,
    watched_ms: u128,
    next_ms: Option<u128>,
    given_up_ms: Option<u128>,
    given_up_by: Option<&'static str>,
}

/// Returns the time until the next retry, and the end of them, where the sentence has them.
fn retries(cause: Cause) -> (Option<Duration>, Option<GivenUp>) {
    match cause {
        Cause::Connecting { next, given_up, .. }
        | Cause::HandshakeUnanswered { next, given_up, .. } => (next, given_up),
        Cause::PeerSilent { next, given_up, .. } => (Some(next), Some(given_up)),
        _ => (None, None),
    }
}

/// Prints the answers; the inner error is that of standard output.
fn print(
    args: &WhyArgs,
    tables: &mut [NamespaceTable],
    rows: &[WatchedRow],
) -> Result<io::Result<()>, Error> {
    let shape = Shape::of(&args.output);
    // The counters have just been read.
    let show = ShowArgs {
        info: args.show.info || shape == Shape::Json,
        ..args.show.clone()
    };
    let mut views: Vec<_> = tables
        .iter_mut()
        .map(|table| View::new(&show, false, shape, table))
        .collect();
    let mut attribution = Attribution::new();
    if shape == Shape::Json {
        let mut out = stdout();
        for row in rows {
            let (next, given_up) = retries(row.diagnosis.cause);
            let object = WhyObject {
                socket: views[row.table].object(&row.connection, &mut attribution)?,
                cause: row.diagnosis.cause.name(),
                sentence: row.diagnosis.to_string(),
                watched_ms: row.diagnosis.watched.as_millis(),
                next_ms: next.map(|next| next.as_millis()),
                given_up_ms: given_up.map(|it| it.after.as_millis()),
                given_up_by: given_up.map(|it| it.setting),
            };
            if let Err(error) = line(&mut out, &object) {
                return Ok(Err(error));
            }
        }
        return Ok(out.flush());
    }
    if rows.is_empty() {
        return Ok(Ok(()));
    }
    let mut out = columns(shape, views.first(), !args.output.no_header);
    let mut cells = Cells::default();
    for WatchedRow {
        table,
        connection,
        diagnosis,
    } in rows
    {
        let view = &mut views[*table];
        cells.clear();
        view.put_local(&connection.pair, &mut cells);
        cells.put(connection.peer());
        view.put(Some(connection), &mut attribution, &mut cells)?;
        if !shape.is_human() {
            cells.put(diagnosis.cause.name());
        }
        cells.put(diagnosis.to_string());
        if let Err(error) = out.row(&cells) {
            return Ok(Err(error));
        }
    }
    Ok(out.flush())
}

/// Returns the columns. People read the cause in the sentence.
fn columns(shape: Shape, view: Option<&View>, header: bool) -> Columns<BufWriter<Stdout>> {
    let mut specs = ["LOCAL", "PEER"].map(ColumnSpec::left).to_vec();
    specs.extend(view.map(View::columns).unwrap_or_default());
    if !shape.is_human() {
        specs.push(ColumnSpec::left("CAUSE"));
    }
    specs.push(ColumnSpec::left("WHY"));
    Columns::new(stdout(), shape, specs, header)
}
