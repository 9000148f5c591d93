//! `delete LOCAL PEER` and `delete --id`: connections that were named exactly, one after the other.

use std::cell::RefCell;
use std::collections::HashSet;

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
    if let Some(refusal) = refuse_too_many(args, &mut tables, names) {
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
        ended: Vec::new(),
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

/// Refuses more than `--max`, with the other subflows of the MPTCP connections that would end.
fn refuse_too_many(
    args: &DeleteArgs,
    tables: &mut [NamespaceTable],
    names: &[NamedTarget],
) -> Option<Exit> {
    let max = args.max?;
    let named = names.len() as u64;
    let count = if named > max {
        named
    } else {
        named + count_other_subflows(tables, names)
    };
    if count <= max {
        return None;
    }
    let (are, them) = match named {
        1 => ("is", "it"),
        _ => ("are", "them"),
    };
    let with_them = match count - named {
        0 => String::new(),
        1 => format!(", and another subflow of an MPTCP connection would end with {them}"),
        more => format!(", and {more} other subflows of MPTCP connections would end with {them}"),
    };
    print_error(&format!(
        "refused: {named} {are} named{with_them}, more than --max {max}; nothing was deleted"
    ));
    Some(Exit::Guarded)
}

/// Returns the number of subflows that are not named, but would end with some that are.
fn count_other_subflows(tables: &mut [NamespaceTable], names: &[NamedTarget]) -> u64 {
    let mut others = HashSet::new();
    let mut named = HashSet::new();
    for (index, table) in tables.iter_mut().enumerate() {
        // Where they can't be read, the deletion can't either, and says so.
        let subflows = table.table.subflows().unwrap_or_default();
        if subflows.is_empty() {
            continue;
        }
        let meanings = names.iter().flat_map(|NamedTarget(meanings)| meanings);
        for (_, target) in meanings.filter(|(of, _)| *of == index) {
            if let Ok(found) = table.table.find(target) {
                others.extend(subflows.others_of(&found).map(|it| (index, it.cookie)));
                named.insert((index, found.cookie));
            }
        }
    }
    others.difference(&named).count() as u64
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
    /// The subflows that ended with others of their MPTCP connections, each with the index of its table.
    ended: Vec<(usize, Connection)>,
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
                if let Some(ended) = self.ended_before(index, &target) {
                    return Attempt::on_target(index, target, ended, Ok(Method::Borrow));
                }
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
                let table = &mut tables[index].table;
                let (subflows, result) = match table.other_subflows(&found) {
                    Ok(subflows) => {
                        let result = self.delete_found(table, &found, &subflows);
                        if result.is_ok() && !self.args.dry_run {
                            let ended = subflows.iter().map(|it| (index, it.clone()));
                            self.ended.extend(ended);
                        }
                        (subflows, result)
                    }
                    Err(error) => (Vec::new(), Err(error.during(Operation::Delete))),
                };
                Attempt::on_target(index, target, found, result).with_subflows(subflows)
            }
            (_, count) => {
                let (index, target, _) = found[0];
                let error = Error::ambiguous_netns(target.pair(), count);
                let found = found.into_iter().map(|(index, _, found)| (index, found));
                Attempt::not_found(index, target, error).with_candidates(found.collect())
            }
        }
    }

    /// Returns the subflow of this name that has ended with another one of its MPTCP connection.
    fn ended_before(&self, table: usize, target: &Target) -> Option<Connection> {
        let is_named = |row: &Connection| match target {
            Target::Identity(identity) => identity.cookie == row.cookie,
            target => target.pair().same_ends(&row.pair),
        };
        let mut ended = self.ended.iter();
        let found = ended.find(|(index, row)| *index == table && is_named(row));
        found.map(|(_, row)| row.clone())
    }

    /// Deletes a connection; of MPTCP, with all its subflows.
    fn delete_found(
        &mut self,
        table: &mut TcpTable,
        found: &Connection,
        subflows: &[Connection],
    ) -> Result<Method, Error> {
        self.session.admit(found)?;
        if subflows.iter().any(|it| self.session.admit(it).is_err()) {
            return Err(Error::refused(Guard::OwnSession, found.pair));
        }
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
