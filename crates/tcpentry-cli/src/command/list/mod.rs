//! `tcpentry list`: the TCP table, or what a filter selects from it.

#[cfg(feature = "bench-internals")]
pub(crate) mod bench;

use std::io::{self, Write};

use tcpentry::filter::Truth;
use tcpentry::{Attribution, Connection, Error, State, States};

use super::explain;
use crate::args::ListArgs;
use crate::exit::Exit;
use crate::message::{notice, print_error, print_failure, print_hint, print_hints};
use crate::output::{Cells, Columns, PlainRows, Shape, View, columns_of_list, line, stdout};
use crate::tables::selection::{self, FilterInput, Hosts, SelectionError};
use crate::tables::{self, NamespaceTable, mentions, rows, sets};
use crate::usage;

pub(crate) fn run(args: &ListArgs) -> Exit {
    match list(args) {
        Ok(exit) => exit,
        Err(ListError::Refused(refusal)) => usage::print_refusal(&refusal, Exit::of_listing),
        Err(ListError::Table(error)) => {
            print_failure(&error);
            Exit::of_listing(&error)
        }
        // The reader has seen enough: `tcpentry list | head`.
        Err(ListError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(ListError::Output(error)) => {
            print_error(&format!("cannot write to standard output: {error}"));
            Exit::Failed
        }
    }
}

/// The reason why a listing ends early.
enum ListError {
    Refused(SelectionError),
    Table(Error),
    Output(io::Error),
}

impl From<SelectionError> for ListError {
    fn from(refusal: SelectionError) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for ListError {
    fn from(error: Error) -> Self {
        Self::Table(error)
    }
}

impl From<io::Error> for ListError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Lists what is selected, and returns the exit code.
fn list(args: &ListArgs) -> Result<Exit, ListError> {
    let sets = match sets::read(&args.select.sets) {
        Ok(sets) => sets,
        Err(exit) => return Ok(exit),
    };
    let mut tables = tables::open(&args.netns)?.opened;
    let input = FilterInput {
        words: &args.filter,
        args: &args.select,
        sets: &sets,
    };
    let states = args.select.states();
    let selections = selection::prepare_all(input, states, &mut tables, Hosts::LookUp)?;
    if args.explain {
        return Ok(explain::run(&tables, &selections));
    }
    let shape = Shape::of(&args.output);
    let mut attribution = match selections.first() {
        Some(selection) => selection::attribution(selection, &args.show),
        None => Attribution::new(),
    };
    let mut views = Vec::new();
    for table in &mut tables {
        if args.id {
            // The reason why there are none is what was asked for.
            table.table.origin()?;
        }
        views.push(View::new(&args.show, args.id, shape, table));
    }
    let mut writer = ListWriter::new(stdout(), shape, views.first(), !args.output.no_header);
    let (mut hidden, mut is_empty) = (0, true);
    let queries: Vec<_> = selections
        .iter()
        .map(|selection| selection::query(selection, &args.show))
        .collect();
    let dumps = tables.iter_mut().zip(&queries).collect();
    let listed = rows::each_row(dumps, |index, row| {
        match selections[index].judge(row, &mut attribution)? {
            Truth::True => {
                writer.add(&mut views[index], row, &mut attribution)?;
                is_empty = false;
            }
            Truth::Hidden => hidden += 1,
            Truth::False | Truth::Unknown => {}
        }
        Ok::<_, ListError>(())
    });
    // Also what was read before a failure; a header alone would look like an empty table.
    if listed.is_ok() || !is_empty {
        writer.flush()?;
    }
    let failures = listed?;
    for line in mentions::partly_seen(&attribution) {
        print_error(&line);
    }
    if hidden > 0 {
        print_error(&selection::describe_hidden(hidden, "they are not shown"));
        match mentions::unseen_cgroups(&attribution) {
            Some(reason) => print_hint(&reason),
            None => print_hint(&selection::hidden_hint()),
        }
    } else if let Some(selection) = selections
        .first()
        .filter(|_| is_empty && shape != Shape::Json)
    {
        let hints = mentions::hints(selection.filter(), &args.netns, &mut attribution);
        let listeners = if input.words.is_empty() || states.contains(State::Listening) {
            0
        } else {
            count_listeners(input, &mut tables, &mut attribution)
        };
        match listeners {
            // A program that reads the rows sees that there are none.
            0 if shape.is_human() => notice("no connection matches"),
            0 => {}
            1 => notice("only a listener matches; use -l to list it"),
            many => notice(&format!("only {many} listeners match; use -l to list them")),
        }
        if listeners == 0 {
            print_hints(&hints);
        }
    }
    Ok(failures.first().map_or(Exit::Done, Exit::of_listing))
}

/// Counts the listeners that the filter would select if it asked for them; what can't be read counts for none.
fn count_listeners(
    input: FilterInput<'_>,
    tables: &mut [NamespaceTable],
    attribution: &mut Attribution,
) -> usize {
    let mut count = 0;
    for table in tables {
        let prepared = selection::prepare_elsewhere(input, States::LISTENING, table);
        let Ok(selection) = prepared else {
            continue;
        };
        let Ok(rows) = table.table.connections(selection.query()) else {
            continue;
        };
        let selected = rows
            .filter_map(Result::ok)
            .filter(|row| matches!(selection.judge(row, attribution), Ok(Truth::True)));
        count += selected.count();
    }
    count
}

/// The form in which rows are written.
enum ListWriter<W: Write> {
    Lines {
        columns: Columns<W>,
        cells: Cells,
        /// Set where most rows need no cells.
        plain: Option<PlainRows>,
    },
    Json(W),
}

impl<W: Write> ListWriter<W> {
    fn new(out: W, shape: Shape, view: Option<&View>, header: bool) -> Self {
        if shape == Shape::Json {
            return Self::Json(out);
        }
        let mut specs = columns_of_list();
        let plain = specs.len();
        specs.extend(view.map(View::columns).unwrap_or_default());
        let is_plain = shape == Shape::Tabs && specs.len() == plain;
        Self::Lines {
            columns: Columns::new(out, shape, specs, header),
            cells: Cells::default(),
            plain: is_plain.then(PlainRows::new),
        }
    }

    fn add(
        &mut self,
        view: &mut View,
        connection: &Connection,
        attribution: &mut Attribution,
    ) -> Result<(), ListError> {
        let (columns, cells, plain) = match self {
            Self::Json(out) => {
                line(out, &view.object(connection, attribution)?)?;
                return Ok(());
            }
            Self::Lines {
                columns,
                cells,
                plain,
            } => (columns, cells, plain),
        };
        if let Some(plain) = plain {
            let is_added = plain.add(connection);
            if plain.is_full() || !is_added {
                write_plain(plain, columns)?;
            }
            if is_added {
                return Ok(());
            }
        }
        cells.clear();
        cells.put(connection.state);
        cells.put(connection.recv_queue);
        cells.put(connection.send_queue);
        view.put_local(&connection.pair, cells);
        cells.put(connection.peer());
        view.put(Some(connection), attribution, cells)?;
        columns.row(cells)?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Lines { columns, plain, .. } => {
                if let Some(plain) = plain {
                    write_plain(plain, columns)?;
                }
                columns.flush()
            }
            Self::Json(out) => out.flush(),
        }
    }
}

fn write_plain<W: Write>(plain: &mut PlainRows, columns: &mut Columns<W>) -> io::Result<()> {
    let written = columns.lines(plain.lines());
    plain.clear();
    written
}
