//! Deleting many connections: the deletion of one, with the questions of many sent together.
//!
//! `SOCK_DESTROY` of one connection costs two system calls and a wait for its answer; a batch shares
//! them. Whatever is not plainly done in a batch goes the way of a single connection afterwards, which
//! looks again and decides: so there is one place that knows what an answer means.

mod helper;
pub(crate) mod item;
mod queue;
mod run;
mod verdict;

use std::collections::VecDeque;
use std::ops::ControlFlow;

use self::item::{Action, Item};
use self::queue::{PendingRows, Recent};
use self::run::BatchRun;
use super::{Deleted, Ending, Mode, Options};
use crate::connection::Connection;
use crate::error::{Error, Operation};
use crate::sock_diag::DESTROY_BATCH;
use crate::table::TcpTable;
use crate::table::dumps::Dumps;
use crate::table::find::Target;
use crate::table::query::Query;

/// The completeness of a dump.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DumpCompleteness {
    /// Everything that was asked for came with the kernel's first answer, so that none that stayed was missed, but in a hash
    /// chain of more than sixteen.
    Complete,
    /// The kernel paused: under churn it may have missed one that stays (see
    /// [`connections`](TcpTable::connections)). Another dump would hardly miss the same.
    Paused,
}

impl TcpTable {
    /// Deletes all connections of the table that are selected, while the table is dumped.
    ///
    /// `select` sees each row of the query, and each socket is selected at most once. `report` is called for each that was
    /// selected or refused, in the order of the table, with the connection as it was last seen and what became of it; `Ok` only
    /// after the kernel has confirmed it. When it returns `Break`, nothing more is deleted, but what the kernel may already have
    /// done is still found out and reported.
    ///
    /// A row is deleted some milliseconds after it was seen; after a twentieth of a second it is
    /// looked at again first. Its cookie protects every other socket in that time. What it can't tell is
    /// that the owner has disconnected this very socket and made a listener of it meanwhile:
    /// [`delete`](Self::delete) leaves only microseconds for that.
    ///
    /// Where there are many and a second processor, another thread destroys some of them, over a socket that is
    /// opened for it; the closures are called on this one only.
    ///
    /// Apart from eight bytes for each row it needs no more memory for a million connections than for
    /// a thousand; a caller that may only borrow also remembers the sockets of all processes that it may see.
    ///
    /// ```no_run
    /// use std::ops::ControlFlow;
    /// use tcpentry::{Options, Query, TcpTable, Action};
    ///
    /// let select = |row: &tcpentry::Connection| match row.peer().port() {
    ///     5432 => Action::Delete,
    ///     _ => Action::Skip,
    /// };
    /// let mut table = TcpTable::open()?;
    /// table.delete_matching(&Query::default(), &Options::default(), select, |connection, result| {
    ///     match result {
    ///         Ok(ending) => println!("{connection}: deleted by {}", ending.method),
    ///         Err(error) => println!("{error}"),
    ///     }
    ///     ControlFlow::Continue(())
    /// })?;
    /// # Ok::<(), tcpentry::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails where the dump itself does, after everything that was taken before has been deleted and reported.
    pub fn delete_matching(
        &mut self,
        query: &Query,
        options: &Options,
        select: impl FnMut(&Connection) -> Action,
        report: impl FnMut(&Connection, Result<Ending, Error>) -> ControlFlow<()>,
    ) -> Result<DumpCompleteness, Error> {
        self.matching(query, options, Mode::Act, select, report)
    }

    /// Finds out what [`delete_matching`](Self::delete_matching) would do, as [`check`](Self::check)
    /// does for one.
    pub fn check_matching(
        &mut self,
        query: &Query,
        options: &Options,
        select: impl FnMut(&Connection) -> Action,
        report: impl FnMut(&Connection, Result<Ending, Error>) -> ControlFlow<()>,
    ) -> Result<DumpCompleteness, Error> {
        self.matching(query, options, Mode::Rehearse, select, report)
    }

    /// Deletes each of these connections, which were listed or found at any time before.
    ///
    /// As [`delete`](Self::delete) does with one: each is looked at again, and only that very socket is
    /// deleted. `report` is called once for each, in their order, with the connection as it was last
    /// seen and what became of it. When it returns `Break`, nothing more is deleted, but what
    /// the kernel may already have done is still found out and reported.
    ///
    /// One that is missed is `NotFound` only after some 10 milliseconds and another look, as in [`find`](Self::find). Those
    /// that are missed wait together, at most once in 50 milliseconds; until then it and what was done after it are not reported.
    pub fn delete_all(
        &mut self,
        connections: impl IntoIterator<Item = Connection>,
        options: &Options,
        report: impl FnMut(&Connection, Result<Ending, Error>) -> ControlFlow<()>,
    ) {
        self.all(connections, options, Mode::Act, report);
    }

    /// Finds out what [`delete_all`](Self::delete_all) would do, as [`check`](Self::check) does for one.
    pub fn check_all(
        &mut self,
        connections: impl IntoIterator<Item = Connection>,
        options: &Options,
        report: impl FnMut(&Connection, Result<Ending, Error>) -> ControlFlow<()>,
    ) {
        self.all(connections, options, Mode::Rehearse, report);
    }

    /// Finds and deletes many: [`find_all`](Self::find_all) and [`delete_all`](Self::delete_all). The results are in their order.
    pub fn find_and_delete_all(
        &mut self,
        targets: &[Target],
        options: &Options,
    ) -> Vec<Result<Deleted, Error>> {
        let found = self.find_all(targets).into_iter();
        let found = found.map(|found| found.map_err(|error| error.during(Operation::Delete)));
        let found = found.collect();
        self.delete_found(found, options)
    }

    /// Deletes those that were found, and returns the results with the errors of the others between them.
    pub(crate) fn delete_found(
        &mut self,
        found: Vec<Result<Connection, Error>>,
        options: &Options,
    ) -> Vec<Result<Deleted, Error>> {
        let connections: Vec<_> = found.iter().flatten().cloned().collect();
        let mut deleted = VecDeque::with_capacity(connections.len());
        self.delete_all(connections, options, |connection, result| {
            let connection = connection.clone();
            deleted.push_back(result.map(|Ending { method, reset }| Deleted {
                connection,
                method,
                reset,
            }));
            ControlFlow::Continue(())
        });
        let mut results = Vec::with_capacity(found.len());
        for found in found {
            match found {
                Ok(_) => results.extend(deleted.pop_front()),
                Err(error) => results.push(Err(error)),
            }
        }
        results
    }

    fn all(
        &mut self,
        connections: impl IntoIterator<Item = Connection>,
        options: &Options,
        mode: Mode,
        report: impl FnMut(&Connection, Result<Ending, Error>) -> ControlFlow<()>,
    ) {
        let another = &mut *self.another;
        let mut run = BatchRun::new(&mut self.lookup, options, mode, another, report);
        let mut connections = connections.into_iter();
        loop {
            let some = connections.by_ref().take(DESTROY_BATCH);
            let batch: Vec<_> = some.map(Item::named).collect();
            if batch.is_empty() || run.delete(batch).is_break() {
                break;
            }
        }
        run.finish();
    }

    fn matching(
        &mut self,
        query: &Query,
        options: &Options,
        mode: Mode,
        mut select: impl FnMut(&Connection) -> Action,
        report: impl FnMut(&Connection, Result<Ending, Error>) -> ControlFlow<()>,
    ) -> Result<DumpCompleteness, Error> {
        let another = &mut *self.another;
        let mut run = BatchRun::new(&mut self.lookup, options, mode, another, report);
        // A row shows MPTCP only with the counters, which cost half as much again.
        let query = if run.rules_out_mptcp() {
            query.clone()
        } else {
            query.clone().with_info()
        };
        let mut rows = Dumps::start(&mut self.dumper, &query)?;
        let mut waiting = PendingRows::new();
        let mut recent = Recent::default();
        let mut result = Ok(DumpCompleteness::Complete);
        while let Some(row) = rows.next() {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            };
            if waiting.has_moved_on(rows.datagram()) && run.flush_due(&mut waiting).is_break() {
                // What is pending has been reported.
                return Ok(DumpCompleteness::Paused);
            }
            if recent.contains(row.cookie) {
                continue;
            }
            let item = match select(&row) {
                Action::Skip => continue,
                Action::Delete => Item::named(row),
                Action::Refuse(error) => Item::refused(row, error),
                Action::Stop => {
                    run.stop();
                    return Ok(DumpCompleteness::Paused);
                }
            };
            recent.remember(item.connection.cookie);
            waiting.push(item);
        }
        if rows.datagram() > 1 {
            result = result.and(Ok(DumpCompleteness::Paused));
        }
        drop(rows);
        let _ = run.flush_all(&mut waiting);
        run.finish();
        result
    }
}

#[cfg(test)]
mod tests;
