//! Deleting what was named exactly, one after the other.

use std::cell::RefCell;

use tcpentry::{
    Connection, Error, ErrorKind, Guard, Knowledge, Method, Operation, Options, TcpTable,
};

use super::report::{Attempt, Report};
use super::{Interruption, look_for_owners, options};
use crate::args::DeleteArgs;
use crate::confirm::can_ask;
use crate::exit::Exit;
use crate::output::complain;
use crate::own_session::SessionGuard;
use crate::sites::{Site, Sites};
use crate::target::Named;

pub(super) fn run(args: &DeleteArgs, sites: Sites, names: &[Named]) -> Exit {
    let Sites {
        mut sites,
        left_out,
        ..
    } = sites;
    if let Some(refusal) = refuse_too_many(args, names.len() as u64) {
        return refusal;
    }
    let mut report = match Report::new(args, sites.iter_mut()) {
        Ok(report) if names.len() == 1 => report.of_one(),
        Ok(report) => report,
        Err(exit) => return exit,
    };
    let knowledge = RefCell::new(Knowledge::new());
    let interruption = Interruption::expected();
    let mut deleter = Deleter {
        args,
        left_out,
        options: options(args),
        session: SessionGuard::new(args.own_session).speaking(),
        is_wanted: args.yes || args.dry_run,
        interruption: &interruption,
        knowledge: &knowledge,
    };
    for named in names {
        if interruption.came() {
            report.say("interrupted: the rest was not tried");
            report.end();
            return Exit::Interrupted;
        }
        let attempt = deleter.delete(&mut sites, named);
        report.add(&attempt, &knowledge);
    }
    if names.is_empty() {
        complain("standard input named nothing");
    }
    report.end()
}

fn refuse_too_many(args: &DeleteArgs, count: u64) -> Option<Exit> {
    let max = args.max.filter(|&max| count > max)?;
    complain(&format!(
        "refused: {count} are named, more than --max {max}; nothing was deleted"
    ));
    Some(Exit::Guarded)
}

/// Finds and deletes, under the guards.
struct Deleter<'a> {
    args: &'a DeleteArgs,
    left_out: bool,
    options: Options,
    session: SessionGuard,
    /// Even if it may cut the operator off in a way that can't be foreseen.
    is_wanted: bool,
    interruption: &'a Interruption,
    knowledge: &'a RefCell<Knowledge>,
}

impl Deleter<'_> {
    fn delete(&mut self, sites: &mut [Site], Named(named): &Named) -> Attempt {
        let mut found = Vec::new();
        let mut failure = None;
        for (place, target) in named {
            match sites[*place].table.find(target) {
                Ok(connection) => found.push((*place, *target, connection)),
                // That it is not there says less than that it could not be looked for, or means several.
                Err(error) if failure.is_none() || error.kind() != ErrorKind::NotFound => {
                    failure = Some((*place, *target, error));
                }
                Err(_) => {}
            }
        }
        let is_ambiguous = |error: &Error| error.kind() == ErrorKind::Ambiguous;
        match (failure, found.len()) {
            (Some((place, target, error)), count) if count == 0 || is_ambiguous(&error) => {
                // What was not looked at may be where it is.
                let elsewhere = matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::Refused(Guard::OtherNetns)
                );
                let error = if self.left_out && elsewhere {
                    Error::in_unseen_netns(target.pair())
                } else {
                    error.during(Operation::Delete)
                };
                Attempt::without(place, target, error)
            }
            (_, 0 | 1) => {
                let (place, target, found) = found.remove(0);
                let result = self.delete_found(&mut sites[place].table, &found);
                Attempt::on(place, target, found, result)
            }
            (_, count) => {
                let (place, target, _) = found[0];
                let error = Error::ambiguous_netns(target.pair(), count);
                let found = found.into_iter().map(|(place, _, found)| (place, found));
                Attempt::without(place, target, error).among(found.collect())
            }
        }
    }

    fn delete_found(&mut self, table: &mut TcpTable, found: &Connection) -> Result<Method, Error> {
        self.session.admit(found)?;
        if !self.is_wanted && self.session.is_in_doubt() && can_ask() {
            self.is_wanted = self.interruption.confirm("Delete it all the same?");
            if !self.is_wanted {
                return Err(Error::refused(Guard::OwnSession, found.pair));
            }
        }
        look_for_owners(self.args, &mut self.knowledge.borrow_mut());
        if self.args.dry_run {
            table.check(found, &self.options)
        } else {
            table
                .delete(found, &self.options)
                .map(|deleted| deleted.method)
        }
    }
}
