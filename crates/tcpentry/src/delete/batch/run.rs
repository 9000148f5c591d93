//! A run of deletions in batches: what is sent, what the kernel replies, and the report in order.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::thread;
use std::time::Instant;

use rustix::io::Errno;

use super::helper::{Batch, DestroyWorker, NotSent, Replies};
use super::item::{Item, ItemState, invalidate, is_ready, may_be_accepted, may_be_plain};
use super::queue::{DATAGRAM_LAG, PendingRows, ROW_MAX_AGE};
use super::verdict::{Verdict, Verdicts};
use crate::connection::Connection;
use crate::connection::state::State;
use crate::delete::holders::HolderSource;
use crate::delete::kernel::{lists_mptcp, may_leave_orphans};
use crate::delete::recheck::{NO_LONGER_MATCHES, Recheck};
use crate::delete::single::Deleter;
use crate::delete::{Ending, Method, MethodChoice, Mode, Options, PeerReset};
use crate::error::{Error, ErrorKind, Operation};
use crate::sock_diag::DESTROY_BATCH;
use crate::table::Another;
use crate::table::lookup::{Lookup, replacements_after};

/// A run of deletions in batches.
pub(super) struct BatchRun<'t, R> {
    deleter: Deleter<'t>,
    report: R,
    /// Set while batches are of use: the kernel has not refused them for want of rights.
    together: bool,
    /// A second processor, once there is enough to do for it.
    pub(super) help: Help<'t>,
    /// The batches that have been sent and not been reported, the oldest first.
    pending: VecDeque<PendingBatch>,
    /// The results of those before that are not reported yet.
    verdicts: Verdicts,
    /// `Break` once the report asked for an end.
    flow: ControlFlow<()>,
}

/// The help of a second processor.
pub(super) enum Help<'t> {
    /// It may, once it is of use: over another socket of this namespace.
    Possible(&'t mut Another),
    Running(DestroyWorker),
    None,
}

/// A batch that has been sent, or rehearsed, and not been reported.
struct PendingBatch {
    items: Vec<Item>,
    /// The places of those that were sent.
    sent: Vec<usize>,
    /// The kernel's replies; `None` as long as the worker has none.
    replies: Option<Result<Replies, NotSent>>,
}

impl<'t, R: FnMut(&Connection, Result<Ending, Error>) -> ControlFlow<()>> BatchRun<'t, R> {
    pub(super) fn new(
        lookup: &'t mut Lookup,
        options: &'t Options,
        mode: Mode,
        another: &'t mut Another,
        report: R,
    ) -> Self {
        Self {
            deleter: Deleter::new(lookup, options, mode, HolderSource::for_many()),
            report,
            together: options.method != MethodChoice::Borrow,
            help: if options.prompt_reports {
                Help::None
            } else {
                Help::Possible(another)
            },
            pending: VecDeque::new(),
            verdicts: Verdicts::default(),
            flow: ControlFlow::Continue(()),
        }
    }

    pub(super) fn flush_due(&mut self, waiting: &mut PendingRows) -> ControlFlow<()> {
        if waiting.are_enough_settled() {
            self.flush(waiting, DATAGRAM_LAG)?;
        }
        ControlFlow::Continue(())
    }

    /// Returns true if no connection of this namespace is MPTCP's as of now: then no socket that was seen before is a
    /// part of one, except a request that has been accepted since.
    pub(super) fn rules_out_mptcp(&mut self) -> bool {
        lists_mptcp() && self.deleter.lookup.diag.has_mptcp() == Ok(false)
    }

    /// Deletes what is left: after the dump, nothing has to be waited for.
    pub(super) fn flush_all(&mut self, waiting: &mut PendingRows) -> ControlFlow<()> {
        self.flush(waiting, 0)
    }

    fn flush(&mut self, waiting: &mut PendingRows, distance: u64) -> ControlFlow<()> {
        if waiting.is_mptcp_unknown_of_any() && self.rules_out_mptcp() {
            waiting.rule_out_mptcp();
        }
        loop {
            let batch = waiting.batch(distance);
            if batch.is_empty() {
                return ControlFlow::Continue(());
            }
            self.delete(batch)?;
        }
    }

    /// Deletes a batch, and reports on each of it when those before have been reported.
    pub(super) fn delete(&mut self, mut items: Vec<Item>) -> ControlFlow<()> {
        let (sent, replies) = match self.deleter.mode {
            Mode::Act => {
                let (sent, names) = self.prepare(&mut items);
                let recheck = self.deleter.recheck.as_ref();
                if recheck.is_some_and(Recheck::is_about_holders) {
                    let replies = self.destroy_each(&mut items, &sent);
                    (sent, Some(Ok(replies)))
                } else {
                    (sent, self.send(names))
                }
            }
            Mode::Rehearse => {
                // Only a look-up shows that the kernel would find it.
                invalidate(&mut items);
                self.look(&mut items);
                self.rehearse(&mut items);
                (Vec::new(), Some(Ok(Replies::new())))
            }
        };
        self.pending.push_back(PendingBatch {
            items,
            sent,
            replies,
        });
        self.report_finished();
        // Without the worker each batch is done by now.
        while self.pending.len() > MAX_PENDING_BATCHES && self.flow.is_continue() {
            self.report_first();
        }
        if self.verdicts.are_due() || self.deleter.options.prompt_reports {
            self.settle();
        }
        if self.flow.is_break() {
            self.stop();
        }
        self.flow
    }

    /// Returns the places and the names of those that may be destroyed together as of now.
    fn prepare(&mut self, items: &mut [Item]) -> (Vec<usize>, Batch) {
        self.look(items);
        self.evaluate(items);
        let options = self.deleter.options;
        let mut prepared = (Vec::new(), Batch::new());
        for (place, item) in items.iter_mut().enumerate() {
            if !(self.together && is_ready(item, options)) {
                continue;
            }
            item.reset = match self.deleter.is_address_local(&item.connection) {
                Some(true) => PeerReset::of_destroy(&item.connection),
                // Where its descriptor is needed for a reset to leave, the single way takes care of it.
                Some(false) => continue,
                None => PeerReset::Unknown,
            };
            prepared.0.push(place);
            prepared.1.push(item.name());
        }
        prepared
    }

    /// Spares those that were looked at just now and that the selection no longer selects.
    ///
    /// A row that is as the dump showed it has been evaluated by the caller, but for its holders.
    fn evaluate(&mut self, items: &mut [Item]) {
        let Some(recheck) = &mut self.deleter.recheck else {
            return;
        };
        let items = items.iter_mut();
        let mut items: Vec<_> = items
            .filter(|item| matches!(item.progress, ItemState::Seen))
            .collect();
        let rows: Vec<_> = items.iter().map(|item| &item.connection).collect();
        let evaluated = recheck.evaluate(&rows);
        let spared = |pair| Error::spared(NO_LONGER_MATCHES, pair);
        for (place, item) in items.iter_mut().enumerate() {
            let error = match &evaluated {
                Ok(selected) if selected[place] => continue,
                Ok(_) => spared(item.connection.pair),
                Err(error) => error.clone().about(item.connection.pair),
            };
            item.progress = ItemState::Decided(Err(error));
        }
    }

    /// Destroys those at these places one by one, each immediately after a look at its holder's descriptor.
    fn destroy_each(&mut self, items: &mut [Item], places: &[usize]) -> Replies {
        let deleter = &mut self.deleter;
        let mut replies = Replies::with_capacity(places.len());
        for &place in places {
            let item = &mut items[place];
            let connection = &item.connection;
            let recheck = deleter.recheck.as_mut();
            let may_have_changed = |it: &mut Recheck<'_>| {
                may_be_accepted(connection) || !it.may_be_destroyed(connection)
            };
            if recheck.is_some_and(may_have_changed) {
                // Looked at again and evaluated anew on the single way.
                item.progress = ItemState::Named;
                replies.push(Err(Errno::STALE));
                continue;
            }
            let (pair, cookie) = item.name();
            replies.push(deleter.lookup.diag.destroy(&pair, cookie));
        }
        replies
    }

    /// Sends a batch: to the worker, whose replies come later, or to the kernel.
    fn send(&mut self, names: Batch) -> Option<Result<Replies, NotSent>> {
        if names.len() >= DESTROY_BATCH / 2 {
            if let Help::Possible(another) = &mut self.help {
                let is_alone = thread::available_parallelism().is_ok_and(|count| count.get() < 2);
                let diag = if is_alone { None } else { another() };
                let worker = diag.and_then(DestroyWorker::start);
                self.help = worker.map_or(Help::None, Help::Running);
            }
        }
        let until = Instant::now() + ROW_MAX_AGE / 2;
        let names = match &self.help {
            Help::Running(worker) if !names.is_empty() => match worker.give(names, until) {
                Ok(()) => return None,
                Err(names) => names,
            },
            _ => names,
        };
        Some(Ok(self.deleter.lookup.diag.destroy_many(&names)))
    }

    /// Reports on the batches that are done, in the order in which they were sent.
    fn report_finished(&mut self) {
        if let Help::Running(worker) = &self.help {
            let unanswered = self
                .pending
                .iter_mut()
                .filter(|batch| batch.replies.is_none());
            for batch in unanswered {
                batch.replies = worker.try_take(batch.sent.len());
                if batch.replies.is_none() {
                    break;
                }
            }
        }
        while self
            .pending
            .front()
            .is_some_and(|first| first.replies.is_some())
        {
            self.report_first();
        }
    }

    /// Waits for the batch that was sent first, and reports on it.
    fn report_first(&mut self) {
        self.await_first();
        let Some(batch) = self.pending.pop_front() else {
            return;
        };
        let PendingBatch {
            mut items,
            mut sent,
            replies,
        } = batch;
        let replies = replies.unwrap_or(Err(NotSent));
        let replies = match replies {
            Ok(replies) => replies,
            // It waited too long at the worker, and is done here.
            Err(NotSent) if self.flow.is_continue() => {
                invalidate(&mut items);
                let names;
                (sent, names) = self.prepare(&mut items);
                self.deleter.lookup.diag.destroy_many(&names)
            }
            Err(NotSent) => {
                sent.clear();
                Replies::new()
            }
        };
        self.report_on(items, &sent, replies);
    }

    /// Waits for the replies to the batch that was sent first.
    fn await_first(&mut self) {
        if let Some(batch) = self.pending.front_mut().filter(|it| it.replies.is_none()) {
            let count = batch.sent.len();
            batch.replies = Some(match &self.help {
                Help::Running(worker) => worker.take(count),
                Help::Possible(_) | Help::None => Ok(vec![Err(Errno::AGAIN); count]),
            });
        }
    }

    /// Waits for all that was sent, and reports on it.
    pub(super) fn finish(&mut self) {
        while !self.pending.is_empty() {
            self.report_first();
        }
        self.settle();
    }

    /// Waits for all that was sent, reports on it, and sends nothing more.
    pub(super) fn stop(&mut self) {
        self.flow = ControlFlow::Break(());
        if let Help::Running(worker) = &self.help {
            worker.cancel();
        }
        self.finish();
    }

    /// Reports on each of a batch, in order.
    fn report_on(&mut self, mut items: Vec<Item>, sent: &[usize], replies: Replies) {
        self.apply_replies(&mut items, sent, replies);
        let undecided = items.iter();
        let undecided = undecided.filter(|it| !matches!(it.progress, ItemState::Decided(_)));
        let wanted = undecided.filter_map(|item| item.connection.inode);
        self.deleter.holders.next_batch(wanted);
        for item in items {
            let Some(verdict) = self.decide(item) else {
                continue;
            };
            if verdict.doubt == 0 && self.verdicts.is_empty() {
                self.report(verdict);
                continue;
            }
            self.verdicts.push(verdict);
            if self.verdicts.are_due() {
                self.settle();
            }
        }
    }

    /// Does what is left to be done for one, and returns its result; `None` where nothing was done and nothing may be.
    fn decide(&mut self, item: Item) -> Option<Verdict> {
        let is_stopped = self.flow.is_break();
        if is_stopped && !item.sent {
            return None;
        }
        let replacements = item.replacements();
        let Item {
            connection,
            progress,
            doubt,
            ..
        } = item;
        if let ItemState::Decided(result) = progress {
            return Some(Verdict {
                connection,
                result,
                doubt,
            });
        }
        let deleter = &mut self.deleter;
        if let Some(doubt) = replacements {
            let error = deleter.lookup.missing();
            let error = error.during(Operation::Delete).about(connection.pair);
            return Some(Verdict {
                connection,
                result: Err(error),
                doubt,
            });
        }
        if is_stopped {
            // What was not destroyed is as if it had never been sent.
            let (error, doubt) = deleter.without_waiting(|deleter| deleter.resolve(&connection));
            return error.map(|error| Verdict {
                connection,
                result: Err(error),
                doubt,
            });
        }
        let ((connection, result), doubt) =
            deleter.without_waiting(|deleter| match deleter.recheck(&connection) {
                Ok(now) => {
                    let result = deleter.delete_if_selected(&now);
                    (now, result)
                }
                Err(error) => (connection, Err(error)),
            });
        Some(Verdict {
            connection,
            result,
            doubt,
        })
    }

    fn report(&mut self, verdict: Verdict) {
        let connection = &verdict.connection;
        let result = match verdict.result {
            // It has ended with another subflow of its connection.
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    && self.deleter.ended.contains_key(&connection.cookie) =>
            {
                let reset = self.deleter.ended.get(&connection.cookie);
                let reset = reset.copied().unwrap_or(PeerReset::Unknown);
                Ok(Ending::with(Method::Borrow, reset))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let destroyed = self.deleter.error_of_destroyed(connection);
                Err(destroyed.unwrap_or(error))
            }
            Ok(ending) if ending.reset == PeerReset::Sent && self.has_left(connection) => {
                Ok(Ending::with(ending.method, PeerReset::Unknown))
            }
            result => result,
        };
        let reported = (self.report)(connection, result);
        if reported.is_break() {
            self.flow = reported;
        }
    }

    /// Returns true where the local address has left the host since the kernel was asked about it: nobody knows whether the
    /// reset left before.
    fn has_left(&mut self, connection: &Connection) -> bool {
        self.deleter.is_address_local(connection) == Some(false)
    }

    /// Waits until the result of each is certain, and reports it.
    fn settle(&mut self) {
        let may_delete = self.flow.is_continue();
        for verdict in self.verdicts.settle(&mut self.deleter, may_delete) {
            self.report(verdict);
        }
    }

    /// Looks again at those that were seen some time ago: see [`Deleter::recheck`].
    fn look(&mut self, batch: &mut [Item]) {
        let options = self.deleter.options;
        let named = |item: &Item| {
            matches!(item.progress, ItemState::Named) && may_be_plain(&item.connection, options)
        };
        let mut items = self.select(batch, named);
        let names: Vec<_> = items.iter().map(|item| item.name()).collect();
        let found = self.deleter.lookup.diag.get_many(&names);
        for (item, found) in items.iter_mut().zip(found) {
            let was = &item.connection;
            match found {
                Ok(mut now) if now.cookie == was.cookie && now.pair.same_ends(&was.pair) => {
                    item.progress = match self.deleter.check_state(was, &now) {
                        Ok(()) => ItemState::Seen,
                        Err(spared) => ItemState::Decided(Err(spared)),
                    };
                    now.autobound = was.autobound;
                    item.connection = now;
                    item.missed = false;
                }
                // The single way finds out what that means.
                Err(Errno::NOENT) => item.missed = true,
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Records the kernel's replies on those that were sent.
    fn apply_replies(&mut self, items: &mut [Item], sent: &[usize], replies: Replies) {
        for (&place, reply) in sent.iter().zip(replies) {
            let item = &mut items[place];
            item.sent = matches!(reply, Ok(()) | Err(Errno::AGAIN));
            item.missed = matches!(reply, Err(Errno::NOENT));
            match reply {
                Ok(()) => {
                    let ending = Ending::with(Method::SockDiag, item.reset);
                    item.progress = ItemState::Decided(Ok(ending));
                }
                // It is the same for all, and for all that follow.
                Err(Errno::PERM | Errno::ACCESS) => self.together = false,
                // The single way looks again, and decides.
                Err(_) => {}
            }
        }
        self.confirm(items);
    }

    /// Checks what may be left although the kernel has acknowledged it: see [`Deleter::confirm`].
    fn confirm(&mut self, items: &mut [Item]) {
        let from_all = may_leave_orphans();
        let mut items: Vec<_> = items
            .iter_mut()
            .filter(|item| item.sent && matches!(item.progress, ItemState::Decided(Ok(_))))
            .filter(|item| from_all || item.connection.inode.is_none())
            .collect();
        let names: Vec<_> = items.iter().map(|item| item.name()).collect();
        let found = self.deleter.lookup.diag.get_many(&names);
        for (item, found) in items.iter_mut().zip(found) {
            // The look-up without a device misses none that is bound to none.
            if matches!(found, Err(Errno::NOENT)) && item.connection.interface().is_none() {
                // Of a request that was accepted at that moment the acknowledgement means nothing.
                if item.connection.state == State::SynRecv {
                    item.doubt = replacements_after(State::SynRecv);
                }
                continue;
            }
            let deleter = &mut self.deleter;
            let (confirmed, doubt) =
                deleter.without_waiting(|deleter| deleter.confirm(&item.connection));
            item.doubt = doubt;
            if let Err(error) = confirmed {
                let error = error.during(Operation::Delete).about(item.connection.pair);
                item.progress = ItemState::Decided(Err(error));
            }
        }
    }

    /// Marks what was found as destroyable, where the kernel and the right allow it.
    fn rehearse(&mut self, batch: &mut [Item]) {
        let options = self.deleter.options;
        for item in self.select(batch, |item| is_ready(item, options)) {
            let deleter = &mut self.deleter;
            let answer = deleter.probe_destroy(&item.connection);
            if answer.and_then(|()| deleter.probe_right()).is_err() {
                self.together = false;
                return;
            }
            let ending = Ending::foreseen(Method::SockDiag);
            item.progress = ItemState::Decided(Ok(ending));
        }
    }

    /// Selects those for which a question is sent together with others.
    fn select<'b>(
        &self,
        batch: &'b mut [Item],
        condition: impl Fn(&Item) -> bool,
    ) -> Vec<&'b mut Item> {
        let items = batch.iter_mut();
        items
            .filter(|item| self.together && condition(item))
            .collect()
    }
}

/// The number of batches that wait to be reported on: beyond that, the first is waited for.
const MAX_PENDING_BATCHES: usize = 8;
