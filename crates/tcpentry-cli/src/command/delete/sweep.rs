//! Deletion of matching rows while the dump that yields them goes on: nothing is held.

use tcpentry::delete::{DumpCompleteness, Ending, Subflows};
use tcpentry::filter::Truth;
use tcpentry::{Action, Connection, Error};

use super::attempt::Attempt;
use super::matches::{self, Exception};
use super::run::Run;
use super::selector::{self, RowCondition, is_protected_listener};
use super::stop::Stop;
use crate::own_session::{self, SessionGuard};
use crate::tables::selection;

impl Run<'_> {
    /// Dumps each table until nothing more is selected, at most so many times, and deletes on the way. Returns true
    /// when anything was selected.
    pub(super) fn sweep(&mut self, max_dumps: usize) -> Result<bool, Stop> {
        self.selector.listeners = 0;
        let mut anything = false;
        let tables = self.selector.scans.len();
        for number in 0..tables {
            match self.sweep_table(number, max_dumps) {
                // One of several tables can't be read: the others go on.
                Err(Stop::Failed(error)) if tables > 1 => {
                    let name = self.selector.scans[number].table.name.as_deref();
                    let name = name.unwrap_or_default();
                    self.report.notice(&format!("{name}: {error}"));
                    self.report.count_together(error.outcome(), 1);
                }
                swept => anything |= swept?,
            }
        }
        Ok(anything)
    }

    fn sweep_table(&mut self, number: usize, max_dumps: usize) -> Result<bool, Stop> {
        for dumped in 0..max_dumps {
            // A connection that was made since the last dump may carry the session by now.
            self.selector.session.forget();
            match self.sweep_once(number)? {
                (false, _) => return Ok(dumped > 0),
                (true, DumpCompleteness::Complete) => break,
                (true, _) => {}
            }
        }
        Ok(true)
    }

    /// Dumps one table once. Returns true when anything was selected, and the completeness of the dump.
    fn sweep_once(&mut self, number: usize) -> Result<(bool, DumpCompleteness), Stop> {
        let Self {
            args,
            selector,
            report,
            interrupt,
            ..
        } = self;
        let scan = &mut selector.scans[number];
        scan.read_subflows();
        let subflows = &scan.subflows;
        let (attribution, session) = (&selector.attribution, &mut selector.session);
        let (condition, spares) = (&mut selector.condition, &mut selector.spares);
        let (do_not_retry, listeners) = (&selector.do_not_retry, &mut selector.listeners);
        let names_subflows = selector.ends_whole_connections;
        let index = scan.index;
        let (mut anything, mut failure, mut hidden) = (false, None, 0);
        let decide = |row: &Connection| {
            if interrupt.is_set() {
                return Action::Stop;
            }
            if do_not_retry.borrow().contains(index, row) {
                return Action::Skip;
            }
            let truth = scan.selection.judge(row, &mut attribution.borrow_mut());
            match truth {
                Ok(Truth::True) if is_protected_listener(row, args) => {
                    *listeners += 1;
                    Action::Skip
                }
                Ok(Truth::True) => match admit(row, condition, spares, session, index, subflows) {
                    Ok(false) => Action::Skip,
                    Ok(true) => {
                        selection::load_owners(&args.show, &mut attribution.borrow_mut());
                        Action::Delete
                    }
                    Err(refusal) => Action::Refuse(refusal),
                },
                Ok(Truth::Hidden) => {
                    // It has come to be hidden since the check: nothing more is deleted.
                    hidden += 1;
                    Action::Stop
                }
                Ok(Truth::False | Truth::Unknown) => Action::Skip,
                Err(error) => {
                    failure = Some(error);
                    Action::Stop
                }
            }
        };
        let on_result = |row: &Connection, result: Result<Ending, Error>| {
            anything = true;
            let others = subflows.others_of(row).cloned().collect();
            let attempt = Attempt::on_row(index, row.clone(), result);
            let attempt = attempt.beside(others, names_subflows);
            do_not_retry
                .borrow_mut()
                .remember(&attempt, (index, row.cookie));
            report.add(&attempt, attribution);
            interrupt.control_flow()
        };
        let table = &mut scan.table.table;
        let dumped = table.delete_matching(&scan.query, &scan.options, decide, on_result);
        report.end_round();
        let completeness = dumped?;
        match (failure, hidden) {
            _ if interrupt.is_set() => Err(Stop::Interrupted),
            (Some(error), _) => Err(error.into()),
            (None, 1..) => Err(Stop::Hidden(hidden)),
            (None, 0) => Ok((anything, completeness)),
        }
    }
}

/// Admits a row that is selected, unless it carries the own session, or a subflow does that would end with it, or one is spared.
fn admit(
    row: &Connection,
    condition: &mut Option<RowCondition<'_>>,
    spares: &mut Option<Exception<'_>>,
    session: &mut SessionGuard,
    table: usize,
    subflows: &Subflows,
) -> Result<bool, Error> {
    if !selector::admit(condition, session, table, row)? {
        return Ok(false);
    }
    let mut others = subflows.others_of(row);
    if others.any(|other| session.admit(other).is_err()) {
        return Err(own_session::refused(row.pair));
    }
    let refusal = spares
        .as_mut()
        .and_then(|spares| matches::refuse_beside(spares, table, row, subflows));
    refusal.map_or(Ok(true), Err)
}
