//! `tcpentry list`: the TCP table, or what a filter selects from it.

#[cfg(feature = "bench-internals")]
pub(crate) mod bench;

use std::io::{self, BufWriter, Write};

use tcpentry::{Attribution, Connection, Error, States, Truth};

use crate::args::{ListArgs, SelectArgs};
use crate::exit::Exit;
use crate::output::{
    Cells, Column, Columns, Shape, Stdout, View, complain, complain_of, hint_at, line, stdout,
};
use crate::selection::{self, Hosts, Refusal};
use crate::{sites, walk};

pub(crate) fn run(args: &ListArgs) -> Exit {
    match list(args) {
        Ok(failures) => failures.first().map_or(Exit::Done, Exit::of_listing),
        Err(Trouble::Refused(refusal)) => refusal.report(Exit::of_listing),
        Err(Trouble::Table(error)) => {
            complain_of(&error);
            Exit::of_listing(&error)
        }
        // Whoever reads has seen enough: `tcpentry list | head`.
        Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(Trouble::Output(error)) => {
            complain(&format!("cannot write to standard output: {error}"));
            Exit::Failed
        }
    }
}

/// What can end a listing.
enum Trouble {
    Refused(Refusal),
    Table(Error),
    Output(io::Error),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Table(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Lists; returns why some of the tables could not be read.
fn list(args: &ListArgs) -> Result<Vec<Error>, Trouble> {
    let text = args.filter.join(" ");
    let mut sites = sites::open(&args.netns)?.sites;
    let states = states(&args.select);
    let selections = selection::of_sites(&text, &args.select, states, &mut sites, Hosts::LookUp)?;
    if args.explain {
        selection::explain(&sites, &selections)?;
        return Ok(Vec::new());
    }
    let shape = Shape::of(&args.output);
    let mut knowledge = match selections.first() {
        Some(selection) => selection::knowledge(selection, &args.show),
        None => Attribution::new(),
    };
    let mut views = Vec::new();
    for site in &mut sites {
        views.push(View::of(&args.show, args.id, shape, site)?);
    }
    let mut rows = Rows::new(args, shape, views.first());
    let mut unseen = 0;
    let queries: Vec<_> = selections
        .iter()
        .map(|selection| selection::query(selection, &args.show))
        .collect();
    let asked = sites.iter_mut().zip(&queries).collect();
    let failures = walk::each_row(asked, |index, row| {
        match selections[index].judge(&row, &mut knowledge)? {
            Truth::True => rows.add(&mut views[index], &row, &mut knowledge)?,
            Truth::Hidden => unseen += 1,
            Truth::False | Truth::Unknown => {}
        }
        Ok::<_, Trouble>(())
    })?;
    rows.flush()?;
    if unseen > 0 {
        complain(&selection::unseen(unseen, "they are not shown"));
        hint_at(selection::SEE_MORE);
    }
    Ok(failures)
}

/// The states where the filter names none.
fn states(select: &SelectArgs) -> States {
    match (select.all, select.listening) {
        (true, _) => States::ALL_ACTIVE.union(States::BOUND_INACTIVE),
        (false, true) => States::LISTENING,
        (false, false) => States::CONNECTIONS,
    }
}

/// Where the rows go.
enum Rows<W: Write> {
    Lines(Columns<W>, Cells),
    Json(W),
}

impl Rows<BufWriter<Stdout>> {
    fn new(args: &ListArgs, shape: Shape, view: Option<&View>) -> Self {
        if shape == Shape::Json {
            Self::Json(stdout())
        } else {
            let header = !args.output.no_header;
            let columns = Columns::new(stdout(), shape, columns(view), header);
            Self::Lines(columns, Cells::default())
        }
    }
}

impl<W: Write> Rows<W> {
    fn add(
        &mut self,
        view: &mut View,
        connection: &Connection,
        knowledge: &mut Attribution,
    ) -> Result<(), Trouble> {
        match self {
            Self::Lines(columns, cells) => {
                cells.clear();
                cells.put(connection.state);
                cells.put(connection.receive_queue);
                cells.put(connection.send_queue);
                view.put_local(&connection.pair, cells);
                cells.put(connection.peer());
                view.put(Some(connection), knowledge, cells)?;
                columns.row(cells)?;
            }
            Self::Json(out) => line(out, &view.object(connection, knowledge)?)?,
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Lines(columns, _) => columns.flush(),
            Self::Json(out) => out.flush(),
        }
    }
}

fn columns(view: Option<&View>) -> Vec<Column> {
    let mut columns = vec![
        Column::left("STATE"),
        Column::right("RECV-Q"),
        Column::right("SEND-Q"),
        Column::left("LOCAL"),
        Column::left("PEER"),
    ];
    columns.extend(view.map(View::columns).unwrap_or_default());
    columns
}
