//! `delete LOCAL PEER` and `delete --id`: connections that were named exactly, in their order.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use tcpentry::delete::{Ending, Subflows};
use tcpentry::error::{CallerGuard, Guard, Operation};
use tcpentry::{
    Attribution, Connection, Error, ErrorKind, Method, Options, State, Target, TcpTable,
};

use super::attempt::Attempt;
use super::confirm;
use super::interrupt::Interrupt;
use super::report::Report;
use super::sample::{self, Sampler};
use super::target::NamedTarget;
use super::turn::await_turn;
use crate::args::DeleteArgs;
use crate::exit::Exit;
use crate::message::{notice, print_error};
use crate::own_session::{self, SessionGuard};
use crate::pace::Pacer;
use crate::tables::selection::load_owners;
use crate::tables::{NamespaceTable, Tables};

/// Deletes each named connection, and returns the exit code.
pub(super) fn run(args: &DeleteArgs, tables: Tables, mut names: Vec<NamedTarget>) -> Exit {
    let Tables {
        opened: mut tables,
        left_out,
        ..
    } = tables;
    let is_empty = names.is_empty();
    let (seed, rng) = args.sampling.random();
    if let Some(size) = args.sampling.sample {
        let of = names.len();
        let places: Vec<_> = (0..of).collect();
        let mut is_taken = Sampler::new(size, rng.clone()).choose(&places).into_iter();
        names.retain(|_| is_taken.next() == Some(true));
        if !args.report.quiet {
            notice(&sample::describe(names.len() as u64, of as u64, seed));
        }
    }
    if let Some(refusal) = refuse_too_many(args, &mut tables, &names) {
        return refusal;
    }
    let mut report = match Report::new(args, tables.iter_mut()) {
        Ok(report) if names.len() == 1 => report.without_summary(),
        Ok(report) => report,
        Err(exit) => return exit,
    };
    let attribution = RefCell::new(Attribution::new());
    let interrupt = Interrupt::install();
    let mut deleter = NamedDeletion {
        args,
        left_out,
        options: args.options(),
        session: SessionGuard::new(args.own_session).speaking(),
        is_confirmed: args.yes || args.dry_run,
        interrupt: &interrupt,
        attribution: &attribution,
        ended: Vec::new(),
    };
    let mut pacer = Pacer::new(&args.pace, rng).filter(|_| !args.dry_run);
    if let Some(pacer) = &mut pacer {
        let mut order: Vec<_> = names.into_iter().enumerate().collect();
        pacer.arrange(&mut order, |(place, _)| *place);
        names = order.into_iter().map(|(_, name)| name).collect();
        pacer.begin(Instant::now(), names.len(), None);
    }
    let at_once = if pacer.is_some() { 1 } else { AT_ONCE };
    let mut left = names.len();
    for some in names.chunks(at_once) {
        if let Some(pacer) = &pacer {
            await_turn(pacer, left, &interrupt, &mut report);
        }
        left -= some.len();
        let before = report.deleted();
        if !interrupt.is_set() {
            deleter.delete_some(&mut tables, some, &mut report);
        }
        if interrupt.is_set() {
            report.notice("interrupted: the rest was not tried");
            report.end();
            return interrupt.exit();
        }
        if let Some(pacer) = &mut pacer {
            report.flush();
            if report.deleted() > before {
                pacer.took(Instant::now(), left);
            }
        }
    }
    if is_empty {
        notice("standard input names no connection");
    }
    interrupt.exit_or(report.end())
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
    // Where they can't be read, the deletion can't either, and says so.
    let subflows = tables
        .iter_mut()
        .map(|table| table.table.subflows().unwrap_or_default());
    let subflows: Vec<_> = subflows.collect();
    if subflows.iter().all(Subflows::is_empty) {
        return 0;
    }
    let mut others = HashSet::new();
    let mut named = HashSet::new();
    for some in names.chunks(AT_ONCE) {
        for (index, _, found) in find(tables, some).into_iter().flatten() {
            if let Ok(found) = found {
                let ended = subflows[index].others_of(&found);
                others.extend(ended.map(|it| (index, it.cookie)));
                named.insert((index, found.cookie));
            }
        }
    }
    others.difference(&named).count() as u64
}

/// The deletion of named connections under the guards.
struct NamedDeletion<'a> {
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

/// The guard against identities of network namespaces that are not being read.
const NOT_SEEN: &str = "it is in none of the network namespaces that you are permitted to read, and others were left out";
static OTHER_NETNS: CallerGuard = CallerGuard {
    name: "other-netns",
    cause: "it belongs to another network namespace",
    hint: "name its namespace with -N NAME, or search all of them with --all-netns",
    // ERROR_NOT_FOUND
    win32: 1168,
};

/// The action on one name.
enum NameAction {
    /// There is nothing to be deleted.
    Report(Box<Attempt>),
    /// Deleted together with others.
    Delete(Box<Named>),
    /// Deleted by itself, with the other subflows of its MPTCP connection.
    DeleteSubflow(Box<Named>),
}

/// A connection that was found by its name, with the index of its table.
struct Named {
    table: usize,
    target: Target,
    found: Connection,
}

impl NamedDeletion<'_> {
    /// Finds some connections and deletes them, and reports on each in their order.
    ///
    /// Those that are gone share the wait of some milliseconds that it takes to be sure.
    fn delete_some(
        &mut self,
        tables: &mut [NamespaceTable],
        names: &[NamedTarget],
        report: &mut Report,
    ) {
        let looked = find(tables, names);
        let subflows = read_subflows(tables, &looked);
        let mut steps = VecDeque::new();
        for found in looked {
            // Nothing is deleted any more.
            if self.interrupt.is_set() {
                steps.retain(|step| matches!(step, NameAction::Report(_)));
                break;
            }
            steps.push_back(self.decide(found, &subflows));
        }
        if !steps
            .iter()
            .all(|step| matches!(step, NameAction::Report(_)))
        {
            load_owners(&self.args.show, &mut self.attribution.borrow_mut());
        }
        while let Some(step) = steps.pop_front() {
            match step {
                NameAction::Report(attempt) => {
                    report.add(&attempt, self.attribution);
                    // Of one in thousands of identities nobody wants to know.
                    if names.len() == 1 && self.args.id.is_empty() {
                        report.describe_near_miss(&attempt, &mut tables[attempt.table].table);
                    }
                }
                _ if self.interrupt.is_set() => return,
                NameAction::DeleteSubflow(named) => {
                    let table = &mut tables[named.table].table;
                    let attempt = self.delete_subflow(table, *named);
                    report.add(&attempt, self.attribution);
                }
                NameAction::Delete(named) => {
                    let table = named.table;
                    steps.push_front(NameAction::Delete(named));
                    self.delete_run(&mut tables[table].table, table, &mut steps, report);
                }
            }
        }
    }

    /// Deletes those in front that are in one table, and reports on each, and on those between them.
    fn delete_run(
        &self,
        table: &mut TcpTable,
        index: usize,
        steps: &mut VecDeque<NameAction>,
        report: &mut Report,
    ) {
        let run: Vec<_> = steps
            .iter()
            .map_while(|step| match step {
                NameAction::Report(_) => Some(None),
                NameAction::Delete(named) if named.table == index => {
                    Some(Some(named.found.clone()))
                }
                NameAction::Delete(_) | NameAction::DeleteSubflow(_) => None,
            })
            .flatten()
            .collect();
        let mut on_result = |row: &Connection, result: Result<Ending, Error>| {
            while let Some(step) = steps.pop_front() {
                match step {
                    NameAction::Report(attempt) => report.add(&attempt, self.attribution),
                    NameAction::Delete(named) | NameAction::DeleteSubflow(named) => {
                        let attempt = Attempt::on_target(index, named.target, row.clone(), result);
                        report.add(&attempt, self.attribution);
                        break;
                    }
                }
            }
            self.interrupt.control_flow()
        };
        let options = &self.options;
        match &run[..] {
            [one] => {
                let _ = on_result(one, self.delete_one(table, one));
            }
            _ if self.args.dry_run => table.check_all(run, options, on_result),
            _ => table.delete_all(run, options, on_result),
        }
    }

    /// Deletes a connection with the other subflows of its MPTCP connection.
    fn delete_subflow(&mut self, table: &mut TcpTable, named: Named) -> Attempt {
        let Named {
            table: index,
            target,
            found,
        } = named;
        if self.has_ended(table, index, &found) {
            let ending = Ending::foreseen(Method::Borrow);
            return Attempt::on_target(index, target, found, Ok(ending));
        }
        let (subflows, result) = match table.other_subflows(&found) {
            Ok(subflows) => {
                let admitted = self.admit(&found, &subflows);
                let result = admitted.and_then(|()| self.delete_one(table, &found));
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

    fn delete_one(&self, table: &mut TcpTable, found: &Connection) -> Result<Ending, Error> {
        if self.args.dry_run {
            let method = table.check(found, &self.options);
            method.map(Ending::foreseen)
        } else {
            let deleted = table.delete(found, &self.options);
            deleted.map(|deleted| deleted.ending())
        }
    }

    /// Returns true for a subflow that ended with another one since it was found.
    ///
    /// It was closed with its MPTCP connection, so no other entry takes its place, and one look is enough.
    fn has_ended(&self, table: &mut TcpTable, index: usize, found: &Connection) -> bool {
        let mut ended = self.ended.iter();
        if !ended.any(|(of, row)| *of == index && row.cookie == found.cookie) {
            return false;
        }
        match table.find_unconfirmed(&found.pair.into()) {
            Ok(now) => now.cookie != found.cookie,
            Err(error) => error.kind() == ErrorKind::NotFound,
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

    /// Decides the step for what was found by one name in each of its tables.
    fn decide(&mut self, looked: Vec<Looked>, subflows: &[Result<Subflows, Error>]) -> NameAction {
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
                if let Some(ended) = self.ended_before(index, &target) {
                    let ending = Ending::foreseen(Method::Borrow);
                    let attempt = Attempt::on_target(index, target, ended, Ok(ending));
                    return NameAction::Report(Box::new(attempt));
                }
                // It may be in a namespace that was left out.
                let error = match error.kind() {
                    ErrorKind::NotFound | ErrorKind::OtherNetns if self.left_out => {
                        Error::not_permitted(NOT_SEEN, target.pair())
                    }
                    ErrorKind::OtherNetns => {
                        Error::refused(Guard::Caller(&OTHER_NETNS), target.pair())
                    }
                    _ => error.during(Operation::Delete),
                };
                Attempt::not_found(index, target, error)
            }
            (_, 0 | 1) => {
                let (table, target, found) = found.remove(0);
                let has_others = match &subflows[table] {
                    Ok(subflows) => subflows.others_of(&found).next().is_some(),
                    // They are read again, and that is reported.
                    Err(_) => found.mptcp != Some(false),
                };
                let named = |found| {
                    Box::new(Named {
                        table,
                        target,
                        found,
                    })
                };
                if has_others {
                    return NameAction::DeleteSubflow(named(found));
                }
                match self.admit(&found, &[]) {
                    Ok(()) => return NameAction::Delete(named(found)),
                    Err(refusal) => Attempt::on_target(table, target, found, Err(refusal)),
                }
            }
            (_, count) => {
                let (index, target, _) = found[0];
                let cause = format!("{count} network namespaces have a socket with these ends");
                let error = Error::ambiguous(cause, target.pair())
                    .with_hint("name the network namespace, or one of the sockets by its identity");
                let found = found.into_iter().map(|(index, _, found)| (index, found));
                Attempt::not_found(index, target, error).with_candidates(found.collect())
            }
        };
        NameAction::Report(Box::new(attempt))
    }

    /// Applies the guard of the own session to a connection and those that end with it, and asks where it can't know.
    fn admit(&mut self, found: &Connection, subflows: &[Connection]) -> Result<(), Error> {
        self.session.admit(found)?;
        if subflows.iter().any(|it| self.session.admit(it).is_err()) {
            return Err(own_session::refused(found.pair));
        }
        // A listener carries no session, and is refused or was asked for.
        let may_carry = found.state != State::Listening && self.session.is_in_doubt();
        if !self.is_confirmed && may_carry {
            self.is_confirmed = confirm::not_a_terminal().is_none()
                && confirm::confirm("Delete it anyway?", self.interrupt);
            if !self.is_confirmed {
                return Err(own_session::declined(found.pair));
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

/// Reads the subflows of each table in which something was found that may be one.
fn read_subflows(
    tables: &mut [NamespaceTable],
    looked: &[Vec<Looked>],
) -> Vec<Result<Subflows, Error>> {
    let is_subflow_of = |index: usize, (of, _, found): &Looked| {
        *of == index && found.as_ref().is_ok_and(|it| it.mptcp != Some(false))
    };
    let tables = tables.iter_mut().enumerate();
    tables
        .map(|(index, table)| {
            let mut found = looked.iter().flatten();
            if found.any(|it| is_subflow_of(index, it)) {
                table.table.subflows()
            } else {
                Ok(Subflows::default())
            }
        })
        .collect()
}

/// The number of names that are looked for, and then deleted, together.
const AT_ONCE: usize = 8192;
