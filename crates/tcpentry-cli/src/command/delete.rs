//! `tcpentry delete`: exactly what is named, and what became of each.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;
use tcpentry::{
    Connection, Devices, Error, Guard, Method, Operation, Options, Outcome, Target, TcpTable,
};

use crate::args::DeleteArgs;
use crate::exit::{Exit, Tally};
use crate::output::{
    Align, Cell, Column, Columns, Deletion, Name, Shape, Socket, complain, complain_of, hint_at,
    hint_of, line, local, stdout, style_of,
};
use crate::session::OwnSession;
use crate::target;

pub(crate) fn run(args: &DeleteArgs) -> Exit {
    let mut table = match TcpTable::open() {
        Ok(table) => table,
        Err(error) => {
            complain_of(&error);
            return Exit::of_deletion(&error);
        }
    };
    let mut input = target::standard_input();
    let targets = match target::read(&args.words, &args.id, &table, &mut input) {
        Ok(targets) => targets,
        Err(usage) => {
            complain(&usage);
            return Exit::Usage;
        }
    };
    let mut report = Report::new(args, &table);
    let mut tally = Tally::default();
    let mut deleter = Deleter::new(args);
    let interrupted = interruption();
    for target in &targets {
        if interrupted.load(Ordering::Relaxed) {
            complain("interrupted: the rest was not tried");
            return Exit::Interrupted;
        }
        let attempt = deleter.delete(&mut table, target);
        tally.count(attempt.outcome());
        report.add(&mut table, target, &attempt);
    }
    if targets.is_empty() {
        complain("standard input named nothing");
    }
    if args.dry_run && !args.output.json {
        complain("dry run: nothing was deleted");
    }
    tally.exit()
}

/// Becomes true at Ctrl-C: the deletion that is running is still done and reported.
fn interruption() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    // Where no handler can be set, Ctrl-C ends the program as it ends others.
    let _ = signal_hook::flag::register(SIGINT, Arc::clone(&interrupted));
    interrupted
}

/// What was found under a name, and what became of it.
struct Attempt {
    found: Option<Connection>,
    result: Result<Method, Error>,
}

impl Attempt {
    fn outcome(&self) -> Outcome {
        match &self.result {
            Ok(_) => Outcome::Deleted,
            Err(error) => error.outcome(),
        }
    }
}

/// Deletes one after the other, under the guards.
struct Deleter {
    options: Options,
    dry_run: bool,
    /// Looked for when the first connection is found.
    session: Option<OwnSession>,
    spare_session: bool,
}

impl Deleter {
    fn new(args: &DeleteArgs) -> Self {
        let options = Options::default().by(args.method.into());
        Self {
            options: if args.listeners {
                options.with_listeners()
            } else {
                options
            },
            dry_run: args.dry_run,
            session: None,
            spare_session: !args.own_session,
        }
    }

    fn delete(&mut self, table: &mut TcpTable, target: &Target) -> Attempt {
        let found = match table.find(target) {
            Ok(found) => found,
            Err(error) => {
                return Attempt {
                    found: None,
                    result: Err(error.during(Operation::Delete)),
                };
            }
        };
        let result = self.delete_found(table, &found);
        Attempt {
            found: Some(found),
            result,
        }
    }

    fn delete_found(&mut self, table: &mut TcpTable, found: &Connection) -> Result<Method, Error> {
        if self.spare_session {
            let session = self.session.get_or_insert_with(OwnSession::find);
            if session.is_carried_by(found) {
                return Err(Error::refused(Guard::OwnSession, found.pair));
            }
        }
        if self.dry_run {
            table.check(found, &self.options)
        } else {
            table
                .delete(found, &self.options)
                .map(|deleted| deleted.method)
        }
    }
}

/// Reports each deletion as soon as it is done.
///
/// A reader who goes away stops the report, never the deletions.
struct Report<W: Write> {
    to: To<W>,
    devices: Devices,
    dry_run: bool,
    quiet: bool,
}

enum To<W: Write> {
    Lines(Columns<W>),
    Json(W),
}

impl Report<Box<dyn Write>> {
    fn new(args: &DeleteArgs, table: &TcpTable) -> Self {
        let shape = Shape::of(&args.output);
        let out: Box<dyn Write> = Box::new(stdout());
        let to = if shape == Shape::Json {
            To::Json(out)
        } else {
            let header = !args.output.no_header && !args.quiet;
            To::Lines(Columns::new(out, shape, columns(args.dry_run), header))
        };
        Self {
            to,
            devices: table.devices(),
            dry_run: args.dry_run,
            quiet: args.quiet,
        }
    }
}

impl<W: Write> Report<W> {
    fn add(&mut self, table: &mut TcpTable, target: &Target, attempt: &Attempt) {
        if self.quiet && attempt.result.is_ok() {
            return;
        }
        let candidates = attempt
            .result
            .as_ref()
            .err()
            .map_or(&[][..], Error::candidates);
        let candidates: Vec<Candidate> = candidates
            .iter()
            .filter_map(|connection| {
                Some(Candidate {
                    id: table.identity(connection).ok()?.to_string(),
                    local: local(&connection.pair, &mut self.devices),
                    peer: connection.peer().to_string(),
                })
            })
            .collect();
        let written = match &mut self.to {
            To::Json(out) => {
                let object = object(
                    table,
                    target,
                    attempt,
                    &mut self.devices,
                    self.dry_run,
                    &candidates,
                );
                line(out, &object).and_then(|()| out.flush())
            }
            To::Lines(columns) => {
                let cells = cells(target, attempt, &mut self.devices);
                let written = columns.row(cells).and_then(|()| columns.flush());
                if let Err(error) = &attempt.result {
                    // The row's own notation, with the device's name.
                    let name = local(&target.pair(), &mut self.devices);
                    let (operation, peer) = (error.operation(), target.pair().peer());
                    let cause = error.cause();
                    complain(&format!("cannot {operation} {name} {peer}: {cause}"));
                    if let Some(hint) = hint_of(error) {
                        hint_at(hint);
                    }
                    list_candidates(&candidates);
                }
                written
            }
        };
        // Not an error of the deletion, whose code must not change.
        drop(written);
    }
}

/// One of several sockets that a name may mean.
struct Candidate {
    id: String,
    local: String,
    peer: String,
}

fn list_candidates(candidates: &[Candidate]) {
    for Candidate { id, local, peer } in candidates {
        complain(&format!("{local} {peer} is --id {id}"));
    }
}

/// A dry run says in the name of its first column that it is one.
fn columns(dry_run: bool) -> Vec<Column> {
    let outcome = if dry_run { "WOULD-BE" } else { "OUTCOME" };
    [outcome, "STATE", "LOCAL", "PEER", "METHOD"]
        .map(|name| Column {
            name,
            align: Align::Left,
        })
        .to_vec()
}

fn cells(target: &Target, attempt: &Attempt, devices: &mut Devices) -> Vec<Cell> {
    let outcome = attempt.outcome();
    let pair = attempt
        .found
        .as_ref()
        .map_or(target.pair(), |found| found.pair);
    let method = attempt
        .result
        .as_ref()
        .map_or("-".to_owned(), Method::to_string);
    let state = attempt
        .found
        .as_ref()
        .map_or("-".to_owned(), |found| found.state.to_string());
    vec![
        Cell::styled(outcome.to_string(), style_of(outcome)),
        state.into(),
        local(&pair, devices).into(),
        pair.peer().into(),
        method.into(),
    ]
}

fn object(
    table: &mut TcpTable,
    target: &Target,
    attempt: &Attempt,
    devices: &mut Devices,
    dry_run: bool,
    candidates: &[Candidate],
) -> Deletion {
    let place = table.place();
    let name = match (&attempt.found, place) {
        (Some(found), Ok(place)) => Name::Found(Box::new(Socket::new(found, place, devices))),
        _ => Name::asked(target, devices),
    };
    match &attempt.result {
        Ok(method) => Deletion::done(name, *method, dry_run),
        Err(error) => {
            let mut deletion = Deletion::not_done(name, error, dry_run);
            deletion.candidates = candidates
                .iter()
                .map(|candidate| candidate.id.clone())
                .collect();
            deletion
        }
    }
}
