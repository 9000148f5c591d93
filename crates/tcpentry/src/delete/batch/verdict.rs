//! The results, held back in order as long as one of them may be wrong: "gone" is confirmed for many at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::delete::Ending;
use crate::delete::single::{Deleter, is_connection, still_there_error};
use crate::error::{Error, Operation};
use crate::table::lookup::Sought;

/// The result for one connection.
pub(super) struct Verdict {
    pub(super) connection: Connection,
    pub(super) result: Result<Ending, Error>,
    /// The number of grace periods after which the connection must be missed again, or the result is wrong; 0 where it is certain.
    pub(super) doubt: u32,
}

/// The verdicts that are not reported yet: the first is in doubt, and those behind it keep their order.
///
/// A grace period costs the same for one as for thousands, so it is waited for when many are here, or the first has been
/// here for a while. Meanwhile the run goes on: there is no need for a thread that waits.
///
/// No dump answers instead. It takes the lock of each hash chain, but passes a chain without it that looks empty, as that
/// of a single request does while it is accepted; it leaves out an entry of TIME_WAIT whose reference count is not yet set; and it
/// describes after the lock was given back what has left the table by then. So what it does not show may be there.
///
/// An acknowledgement of the kernel is certain: it has closed the very socket. A request is the exception: where it was
/// accepted at that moment, the kernel acknowledges as well, and the accepted socket lives.
#[derive(Default)]
pub(super) struct Verdicts {
    held: VecDeque<Verdict>,
    since: Option<Instant>,
}

impl Verdicts {
    pub(super) fn push(&mut self, verdict: Verdict) {
        self.since.get_or_insert_with(Instant::now);
        self.held.push_back(verdict);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Returns true once they are worth a wait.
    pub(super) fn are_due(&self) -> bool {
        self.held.len() >= MAX_HELD || self.since.is_some_and(|since| since.elapsed() >= MAX_AGE)
    }

    /// Waits until each is certain, deletes what is there after all and still selected, and hands all over in order.
    ///
    /// Where nothing more may be deleted, what is there after all is left out: as if it had never been tried.
    pub(super) fn settle(&mut self, deleter: &mut Deleter<'_>, may_delete: bool) -> Vec<Verdict> {
        self.since = None;
        let mut held: Vec<_> = self.held.drain(..).map(Some).collect();
        loop {
            let in_doubt: Vec<_> = held
                .iter_mut()
                .filter(|held| held.as_ref().is_some_and(|verdict| verdict.doubt > 0))
                .collect();
            if in_doubt.is_empty() {
                break;
            }
            deleter.lookup.diag.await_grace_period();
            let connections = in_doubt
                .iter()
                .filter_map(|held| held.as_ref().map(|verdict| &verdict.connection));
            let (names, states): (Vec<_>, Vec<_>) = connections
                .map(|it| ((it.pair, it.cookie), it.state))
                .unzip();
            let state = |place: usize| states.get(place).copied();
            let sought = deleter.lookup.seek_many(&names, state);
            for (held, sought) in in_doubt.into_iter().zip(sought) {
                let verdict = held.take();
                *held = verdict.and_then(|verdict| verdict.after(sought, deleter, may_delete));
            }
        }
        held.into_iter().flatten().collect()
    }
}

impl Verdict {
    /// Returns the verdict after another look.
    fn after(
        self,
        sought: Result<Sought, Error>,
        deleter: &mut Deleter<'_>,
        may_delete: bool,
    ) -> Option<Self> {
        let Self {
            connection,
            result,
            doubt,
        } = self;
        let failed = |error: Error| Err(error.during(Operation::Delete).about(connection.pair));
        let (connection, result, doubt) = match sought {
            Ok(Sought::Missed(left)) => (connection, result, left.min(doubt - 1)),
            Ok(Sought::There(now)) if !is_connection(&now) => (connection, result, 0),
            Ok(Sought::There(_)) if result.is_ok() => {
                let result = failed(still_there_error());
                (connection, result, 0)
            }
            Ok(Sought::There(_)) if !may_delete => return None,
            Ok(Sought::There(now)) => match deleter.accept(&connection, now) {
                Ok(now) => {
                    let result = deleter.delete_if_selected(&now);
                    (now, result, 0)
                }
                Err(spared) => (connection, Err(spared), 0),
            },
            Err(error) => {
                let result = failed(error);
                (connection, result, 0)
            }
        };
        Some(Self {
            connection,
            result,
            doubt,
        })
    }
}

/// The most that are held: as many as wait in batches, of a quarter KiB each.
const MAX_HELD: usize = 2048;
/// The longest time for which one is held, so that a grace period is at most a third of the time.
const MAX_AGE: Duration = Duration::from_millis(50);
