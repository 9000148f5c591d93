//! The sockets of this run that later dumps must not report again.

use std::collections::HashSet;

use tcpentry::{Connection, Outcome, State};

use super::attempt::Attempt;
use super::matches::SocketKey;

/// The sockets of this run that later dumps must not report again.
#[derive(Default)]
pub(super) struct SkipList {
    /// Sockets that could not be deleted, which has been reported.
    failed: HashSet<SocketKey>,
    /// Sockets that were deleted; empty unless their remains are dumped, too.
    deleted: HashSet<SocketKey>,
    keeps_deleted: bool,
    /// Sockets that no longer matched, in this round.
    spared: HashSet<SocketKey>,
    /// Sockets that the random sample has left out.
    left_out: HashSet<SocketKey>,
}

impl SkipList {
    /// Creates an empty list; `dumps_bound_inactive` when the dumps yield what is left of a deleted socket that its
    /// owner still holds.
    pub(super) fn new(dumps_bound_inactive: bool) -> Self {
        Self {
            keeps_deleted: dumps_bound_inactive,
            ..Self::default()
        }
    }

    /// Returns true for a socket that has been dealt with.
    pub(super) fn contains(&self, table: usize, row: &Connection) -> bool {
        let key = (table, row.cookie);
        // A socket that its owner connects anew keeps its cookie, and is to be deleted again.
        let is_left_over = || row.state == State::BoundInactive && self.deleted.contains(&key);
        let sets = [&self.failed, &self.spared, &self.left_out];
        sets.into_iter().any(|set| set.contains(&key)) || is_left_over()
    }

    /// Forgets those that were spared: in another round they may match again.
    pub(super) fn forget_spared(&mut self) {
        self.spared.clear();
    }

    /// Adds sockets that the random sample has left out.
    pub(super) fn leave_out(&mut self, keys: impl IntoIterator<Item = SocketKey>) {
        self.left_out.extend(keys);
    }

    /// Remembers an attempt. A socket that was gone may come back: it is not remembered.
    pub(super) fn remember(&mut self, attempt: &Attempt, key: SocketKey) {
        match attempt.outcome() {
            Outcome::Deleted if self.keeps_deleted => self.deleted.insert(key),
            Outcome::Deleted | Outcome::Gone => false,
            Outcome::Spared => self.spared.insert(key),
            _ => self.failed.insert(key),
        };
    }
}
