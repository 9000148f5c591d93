//! `delete LOCAL PEER` and `delete --id`: connections that were named exactly, in their order.

use std::cell::RefCell;
use std::collections::VecDeque;

use tcpentry::error::{Guard, Operation};
use tcpentry::{Attribution, Connection, Error, ErrorKind, Method, Options, Target, TcpTable};

use super::attempt::Attempt;
use super::confirm;
use super::interrupt::Interrupt;
use super::report::Report;
use super::target::NamedTarget;
use crate::args::DeleteArgs;
use crate::exit::Exit;
use crate::message::{notice, print_error};
use crate::own_session::SessionGuard;
use crate::tables::selection::load_owners;
use crate::tables::{NamespaceTable, Tables};

/// Deletes each named connection, and returns the exit code.
pub(super) fn run(args: &DeleteArgs, tables: Tables, names: &[NamedTarget]) -> Exit {
    let Tables {
        opened: mut tables,
        left_out,
        ..
    } = tables;
    if let Some(refusal) = refuse_too_many(args, names.len() as u64) {
        return refusal;
    }
    let mut report = match Report::new(args, tables.iter_mut()) {
        Ok(report) if names.len() == 1 => report.without_summary(),
        Ok(report) => report,
        Err(exit) => return exit,
    };
    let attribution = RefCell::new(Attribution::new());
    let interrupt = Interrupt::install();
    let mut deleter = Deleter {
        args,
        left_out,
        options: args.method.options(args.listeners),
        session: SessionGuard::new(args.own_session).speaking(),
        is_confirmed: args.yes || args.dry_run,
        interrupt: &interrupt,
        attribution: &attribution,
    };
    for some in names.chunks(AT_ONCE) {
        if !interrupt.is_set() {
            deleter.delete_some(&mut tables, some, &mut report);
        }
        if interrupt.is_set() {
            report.notice("interrupted: the rest was not tried");
            report.end();
            return interrupt.exit();
        }
    }
    if names.is_empty() {
        notice("standard input names no connection");
    }
    report.end()
}

fn refuse_too_many(args: &DeleteArgs, count: u64) -> Option<Exit> {
    let max = args.max.filter(|&max| count > max)?;
    print_error(&format!(
        "refused: {count} are named, more than --max {max}; nothing was deleted"
    ));
    Some(Exit::Guarded)
}

/// The deletion of named connections under the guards.
struct Deleter<'a> {
    args: &'a DeleteArgs,
    left_out: bool,
    options: Options,
    session: SessionGuard,
    /// Set once the operator accepts that a connection may carry their session in a way that can't be followed.
    is_confirmed: bool,
    interrupt: &'a Interrupt,
    attribution: &'a RefCell<Attribution>,
}

/// What is to be done about one name.
enum Step {
    /// There is nothing to be deleted.
    Report(Box<Attempt>),
    Delete {
        table: usize,
        target: Target,
        found: Box<Connection>,
    },
}

impl Deleter<'_> {
    /// Finds some connections and deletes them, and reports on each in their order.
    ///
    /// What is gone takes a wait of some milliseconds to be sure of, which they share.
    fn delete_some(
        &mut self,
        tables: &mut [NamespaceTable],
        names: &[NamedTarget],
        report: &mut Report,
    ) {
        let mut steps = VecDeque::new();
        for found in find(tables, names) {
            // Nothing is deleted any more.
            if self.interrupt.is_set() {
                steps.retain(|step| matches!(step, Step::Report(_)));
                break;
            }
            steps.push_back(self.decide(found));
        }
        if steps.iter().any(|step| matches!(step, Step::Delete { .. })) {
            load_owners(&self.args.show, &mut self.attribution.borrow_mut());
        }
        while let Some(step) = steps.front() {
            if let Step::Delete { table, .. } = step {
                let table = *table;
                self.delete_run(&mut tables[table].table, table, &mut steps, report);
                if self.interrupt.is_set() {
                    return;
                }
            } else if let Some(Step::Report(attempt)) = steps.pop_front() {
                report.add(&attempt, self.attribution);
            }
        }
    }

    /// Deletes those in front that are in one table, and reports on each, and on those between them.
    fn delete_run(
        &self,
        table: &mut TcpTable,
        index: usize,
        steps: &mut VecDeque<Step>,
        report: &mut Report,
    ) {
        let run: Vec<_> = steps
            .iter()
            .map_while(|step| match step {
                Step::Report(_) => Some(None),
                Step::Delete { table, found, .. } => (*table == index).then_some(Some(found)),
            })
            .flatten()
            .map(|found| Connection::clone(found))
            .collect();
        let mut on_result = |row: &Connection, result: Result<Method, Error>| {
            while let Some(step) = steps.pop_front() {
                match step {
                    Step::Report(attempt) => report.add(&attempt, self.attribution),
                    Step::Delete { target, .. } => {
                        let attempt = Attempt::on_target(index, target, row.clone(), result);
                        report.add(&attempt, self.attribution);
                        break;
                    }
                }
            }
            self.interrupt.control_flow()
        };
        let options = &self.options;
        match &run[..] {
            [one] if self.args.dry_run => {
                let _ = on_result(one, table.check(one, options));
            }
            [one] => {
                let deleted = table.delete(one, options);
                let _ = on_result(one, deleted.map(|deleted| deleted.method));
            }
            _ if self.args.dry_run => table.check_all(run, options, on_result),
            _ => table.delete_all(run, options, on_result),
        }
    }

    /// Decides what is to be done about what was found by one name in each of its tables.
    fn decide(&mut self, looked: Vec<Looked>) -> Step {
        let mut found = Vec::new();
        let mut failure = None;
        for (index, target, result) in looked {
            match result {
                Ok(connection) => found.push((index, target, connection)),
                // "Not found" says less than "could not look" or "several".
                Err(error) if failure.is_none() || error.kind() != ErrorKind::NotFound => {
                    failure = Some((index, target, error));
                }
                Err(_) => {}
            }
        }
        let is_ambiguous = |error: &Error| error.kind() == ErrorKind::Ambiguous;
        let attempt = match (failure, found.len()) {
            (Some((index, target, error)), count) if count == 0 || is_ambiguous(&error) => {
                // It may be in a namespace that was left out.
                let elsewhere = matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::Refused(Guard::OtherNetns)
                );
                let error = if self.left_out && elsewhere {
                    Error::in_unseen_netns(target.pair())
                } else {
                    error.during(Operation::Delete)
                };
                Attempt::not_found(index, target, error)
            }
            (_, 0 | 1) => {
                let (table, target, found) = found.remove(0);
                match self.admit(&found) {
                    Ok(()) => {
                        let found = Box::new(found);
                        return Step::Delete {
                            table,
                            target,
                            found,
                        };
                    }
                    Err(refusal) => Attempt::on_target(table, target, found, Err(refusal)),
                }
            }
            (_, count) => {
                let (index, target, _) = found[0];
                let error = Error::ambiguous_netns(target.pair(), count);
                let found = found.into_iter().map(|(index, _, found)| (index, found));
                Attempt::not_found(index, target, error).with_candidates(found.collect())
            }
        };
        Step::Report(Box::new(attempt))
    }

    /// Applies the guard of the own session, and asks where it can't know.
    fn admit(&mut self, found: &Connection) -> Result<(), Error> {
        self.session.admit(found)?;
        if !self.is_confirmed && self.session.is_in_doubt() && confirm::not_a_terminal().is_none() {
            self.is_confirmed = confirm::confirm("Delete it anyway?", self.interrupt.flag());
            if !self.is_confirmed {
                return Err(Error::refused(Guard::OwnSession, found.pair));
            }
        }
        Ok(())
    }
}

/// The index of a table, what was looked for in it, and what was found.
type Looked = (usize, Target, Result<Connection, Error>);

/// Looks for each name in each of its tables.
fn find(tables: &mut [NamespaceTable], names: &[NamedTarget]) -> Vec<Vec<Looked>> {
    let meanings_in = |index: usize| {
        let names = names.iter().enumerate();
        names.flat_map(move |(place, NamedTarget(meanings))| {
            let here = meanings.iter().filter(move |(table, _)| *table == index);
            here.map(move |(_, target)| (place, *target))
        })
    };
    let asked: Vec<(Vec<usize>, Vec<Target>)> = (0..tables.len())
        .map(|index| meanings_in(index).unzip())
        .collect();
    let searches = tables.iter_mut().zip(&asked);
    let searches = searches.map(|(table, (_, targets))| (&mut table.table, &targets[..]));
    let mut looked: Vec<_> = names.iter().map(|_| Vec::new()).collect();
    for (index, found) in TcpTable::find_in_all(searches).into_iter().enumerate() {
        let (places, targets) = &asked[index];
        for ((&place, &target), found) in places.iter().zip(targets).zip(found) {
            looked[place].push((index, target, found));
        }
    }
    looked
}

/// The number of names that are looked for, and then deleted, together.
const AT_ONCE: usize = 8192;
