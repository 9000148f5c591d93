//! Deleting what was named exactly, one after the other.

use std::cell::RefCell;

use tcpentry::{Connection, Error, Knowledge, Method, Operation, Options, Target, TcpTable};

use super::report::{Attempt, Report};
use super::{Interruption, SessionGuard, look_for_owners, options};
use crate::args::DeleteArgs;
use crate::exit::Exit;
use crate::output::complain;

pub(super) fn run(args: &DeleteArgs, table: &mut TcpTable, targets: &[Target]) -> Exit {
    if let Some(refusal) = refuse_too_many(args, targets.len() as u64) {
        return refusal;
    }
    let mut report = match Report::new(args, table) {
        Ok(report) if targets.len() == 1 => report.of_one(),
        Ok(report) => report,
        Err(exit) => return exit,
    };
    let knowledge = RefCell::new(Knowledge::new());
    let mut deleter = Deleter {
        args,
        options: options(args),
        session: SessionGuard::new(args),
        knowledge: &knowledge,
    };
    let interruption = Interruption::expected();
    for target in targets {
        if interruption.came() {
            report.say("interrupted: the rest was not tried");
            report.end();
            return Exit::Interrupted;
        }
        let attempt = deleter.delete(table, target);
        report.add(&attempt, &knowledge);
    }
    if targets.is_empty() {
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
    options: Options,
    session: SessionGuard,
    knowledge: &'a RefCell<Knowledge>,
}

impl Deleter<'_> {
    fn delete(&mut self, table: &mut TcpTable, target: &Target) -> Attempt {
        match table.find(target) {
            Ok(found) => {
                let result = self.delete_found(table, &found);
                Attempt::on(*target, found, result)
            }
            Err(error) => Attempt::without(*target, error.during(Operation::Delete)),
        }
    }

    fn delete_found(&mut self, table: &mut TcpTable, found: &Connection) -> Result<Method, Error> {
        self.session.admit(found)?;
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
