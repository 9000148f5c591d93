//! One connection of a batch: the action on it, and its progress.

use crate::connection::endpoint::Pair;
use crate::connection::state::State;
use crate::connection::{Connection, Cookie};
use crate::delete::single::guard;
use crate::delete::{Ending, Options, PeerReset};
use crate::error::{Error, Operation};
use crate::table::lookup::{is_exact, replacements_after};

/// The action on a row of the table, chosen by the caller's selection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action {
    /// It is not selected, and is not reported.
    Skip,
    /// Delete it.
    Delete,
    /// It is selected, but left alone: this is reported in its turn.
    Refuse(Error),
    /// The run ends here: what was taken before and still waits for its turn is left alone, and not reported.
    Stop,
}

/// One that was selected.
pub(super) struct Item {
    pub(super) connection: Connection,
    pub(super) progress: ItemState,
    /// Set when the kernel may have destroyed it, so that its fate has to be reported.
    pub(super) sent: bool,
    /// Set when a look-up or a deletion has missed it.
    pub(super) missed: bool,
    /// The grace periods that have to pass before what was decided is certain.
    pub(super) doubt: u32,
    /// The reset that a batch sends by destroying it.
    pub(super) reset: PeerReset,
}

pub(super) enum ItemState {
    /// It was seen at some time.
    Named,
    /// It was seen just now.
    Seen,
    /// Nothing is left to be done but to report it.
    Decided(Result<Ending, Error>),
}

impl Item {
    pub(super) fn named(connection: Connection) -> Self {
        Self {
            connection,
            progress: ItemState::Named,
            sent: false,
            missed: false,
            doubt: 0,
            reset: PeerReset::Unknown,
        }
    }

    pub(super) fn refused(connection: Connection, error: Error) -> Self {
        let error = error.during(Operation::Delete).about(connection.pair);
        Self {
            connection,
            progress: ItemState::Decided(Err(error)),
            sent: false,
            missed: false,
            doubt: 0,
            reset: PeerReset::Unknown,
        }
    }

    /// Returns the number of grace periods after which it is gone, if it is missed after each; `None` where it has not been missed,
    /// or only by a look-up that does not reach every socket.
    pub(super) fn replacements(&self) -> Option<u32> {
        let is_known = self.missed && is_exact(&self.connection.pair);
        is_known.then(|| replacements_after(self.connection.state))
    }

    /// Returns its exact name.
    pub(super) fn name(&self) -> (Pair, Cookie) {
        (self.connection.pair, self.connection.cookie)
    }
}

/// Marks what was seen just now as seen some time ago, so that it is looked at again.
pub(super) fn invalidate(items: &mut [Item]) {
    for item in items {
        if matches!(item.progress, ItemState::Seen) {
            item.progress = ItemState::Named;
        }
    }
}

/// Returns true for a connection that may turn out to be one that a batch can destroy.
pub(super) fn may_be_plain(connection: &Connection, options: &Options) -> bool {
    // A listener is looked for under many names.
    connection.state != State::Listening
        && connection.mptcp != Some(true)
        && guard(connection, options).is_ok()
}

/// Returns true for one that nobody holds, and that somebody may come to hold: a listener's owner accepts it.
pub(super) fn may_be_accepted(connection: &Connection) -> bool {
    let is_in_queue = matches!(
        connection.state,
        State::SynRecv | State::Established | State::CloseWait
    );
    connection.inode.is_none() && is_in_queue
}

/// Returns true for one that a batch can destroy: a connection, known to be no part of a larger one.
pub(super) fn is_ready(item: &Item, options: &Options) -> bool {
    let connection = &item.connection;
    matches!(item.progress, ItemState::Seen)
        && connection.mptcp == Some(false)
        && may_be_plain(connection, options)
}
