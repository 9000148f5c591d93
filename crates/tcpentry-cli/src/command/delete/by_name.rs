//! `delete LOCAL PEER` and `delete --id`: connections that were named exactly, one after the other.

use std::cell::RefCell;

use tcpentry::error::{Guard, Operation};
use tcpentry::{Attribution, Connection, Error, ErrorKind, Method, Options, TcpTable};

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
    for named in names {
        if interrupt.is_set() {
            report.notice("interrupted: the rest was not tried");
            report.end();
            return interrupt.exit();
        }
        let attempt = deleter.delete(&mut tables, named);
        report.add(&attempt, &attribution);
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

impl Deleter<'_> {
    /// Finds a connection and deletes it.
    fn delete(
        &mut self,
        tables: &mut [NamespaceTable],
        NamedTarget(meanings): &NamedTarget,
    ) -> Attempt {
        let mut found = Vec::new();
        let mut failure = None;
        for (index, target) in meanings {
            match tables[*index].table.find(target) {
                Ok(connection) => found.push((*index, *target, connection)),
                // "Not found" says less than "could not look" or "several".
                Err(error) if failure.is_none() || error.kind() != ErrorKind::NotFound => {
                    failure = Some((*index, *target, error));
                }
                Err(_) => {}
            }
        }
        let is_ambiguous = |error: &Error| error.kind() == ErrorKind::Ambiguous;
        match (failure, found.len()) {
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
                let (index, target, found) = found.remove(0);
                let result = self.delete_found(&mut tables[index].table, &found);
                Attempt::on_target(index, target, found, result)
            }
            (_, count) => {
                let (index, target, _) = found[0];
                let error = Error::ambiguous_netns(target.pair(), count);
                let found = found.into_iter().map(|(index, _, found)| (index, found));
                Attempt::not_found(index, target, error).with_candidates(found.collect())
            }
        }
    }

    fn delete_found(&mut self, table: &mut TcpTable, found: &Connection) -> Result<Method, Error> {
        self.session.admit(found)?;
        if !self.is_confirmed && self.session.is_in_doubt() && confirm::not_a_terminal().is_none() {
            self.is_confirmed = confirm::confirm("Delete it anyway?", self.interrupt.flag());
            if !self.is_confirmed {
                return Err(Error::refused(Guard::OwnSession, found.pair));
            }
        }
        load_owners(&self.args.show, &mut self.attribution.borrow_mut());
        if self.args.dry_run {
            table.check(found, &self.options)
        } else {
            table
                .delete(found, &self.options)
                .map(|deleted| deleted.method)
        }
    }
}
