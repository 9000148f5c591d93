//! The rows of a running dump that wait for their deletion.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};

use super::item::{Item, ItemState};
use crate::connection::state::State;
use crate::connection::{Connection, Cookie};
use crate::sock_diag::DESTROY_BATCH;

/// The rows that were taken from a running dump and are not yet deleted.
///
/// The kernel's dump counts the sockets of the hash chain at which it has paused, and goes on behind
/// as many: to destroy one of that chain makes it skip another one. It fills a datagram ahead of the
/// one that is read. So a row is left alone until [`DATAGRAM_LAG`] more datagrams have come: then only a
/// chain with more sockets than fill those could still be the one.
pub(super) struct PendingRows {
    items: VecDeque<PendingRow>,
    /// The datagram that was read last.
    datagram: u64,
    read: Instant,
    /// The time at which the kernel looked at the rows of that datagram: it was filled when the one before was read.
    filled: Instant,
}

struct PendingRow {
    item: Item,
    datagram: u64,
    filled: Instant,
}

impl PendingRows {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            items: VecDeque::new(),
            datagram: 0,
            read: now,
            filled: now,
        }
    }

    /// Returns true when the dump has come to another datagram.
    pub(super) fn has_moved_on(&mut self, datagram: u64) -> bool {
        let moved = datagram != self.datagram;
        if moved {
            self.datagram = datagram;
            self.filled = self.read;
            self.read = Instant::now();
        }
        moved
    }

    /// Returns true when so many are settled that a batch is worth its questions.
    pub(super) fn are_enough_settled(&self) -> bool {
        let oldest = self.items.front();
        oldest.is_some_and(|oldest| oldest.datagram + DATAGRAM_LAG + MIN_DATAGRAMS <= self.datagram)
    }

    pub(super) fn push(&mut self, item: Item) {
        self.items.push_back(PendingRow {
            item,
            datagram: self.datagram,
            filled: self.filled,
        });
    }

    /// Takes the next batch of rows that are at least so many datagrams old.
    pub(super) fn batch(&mut self, distance: u64) -> Vec<Item> {
        let is_settled = |shown: &&PendingRow| shown.datagram + distance <= self.datagram;
        let count = self
            .items
            .iter()
            .take(DESTROY_BATCH)
            .take_while(is_settled)
            .count();
        let batch = self.items.drain(..count);
        let now = Instant::now();
        batch
            .map(|PendingRow { item, filled, .. }| match item.progress {
                // Where MPTCP has not been ruled out, another look decides.
                ItemState::Named
                    if now.duration_since(filled) < ROW_MAX_AGE / 2
                        && item.connection.mptcp.is_some() =>
                {
                    Item {
                        progress: ItemState::Seen,
                        ..item
                    }
                }
                _ => item,
            })
            .collect()
    }

    pub(super) fn is_mptcp_unknown_of_any(&self) -> bool {
        self.items
            .iter()
            .any(|shown| is_mptcp_unknown(&shown.item.connection))
    }

    pub(super) fn rule_out_mptcp(&mut self) {
        for PendingRow { item, .. } in &mut self.items {
            if is_mptcp_unknown(&item.connection) {
                item.connection.mptcp = Some(false);
            }
        }
    }
}

/// Returns true for a connection that may be MPTCP's as far as its row shows; of a request only another look can say.
fn is_mptcp_unknown(connection: &Connection) -> bool {
    connection.mptcp.is_none()
        && !matches!(
            connection.state,
            State::SynRecv | State::Listening | State::Closed | State::BoundInactive
        )
}

/// The sockets that were taken last: one that moves within the table can be shown twice in a dump.
#[derive(Default)]
pub(super) struct Recent {
    cookies: HashSet<Cookie, BuildHasherDefault<Spread>>,
    order: VecDeque<Cookie>,
}

impl Recent {
    pub(super) fn contains(&self, cookie: Cookie) -> bool {
        self.cookies.contains(&cookie)
    }

    pub(super) fn remember(&mut self, cookie: Cookie) {
        if self.order.len() == REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.cookies.remove(&oldest);
            }
        }
        self.cookies.insert(cookie);
        self.order.push_back(cookie);
    }
}

/// Hashes the kernel's numbers, which nobody chooses: in one multiplication.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 by the golden ratio: spreads consecutive numbers over all bits.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Six hundred sockets with their counters fill as many datagrams (Linux 6.18). Only in a namespace
/// whose own hash table is hundreds of times too small (`tcp_child_ehash_entries`) is a chain longer.
pub(super) const DATAGRAM_LAG: u64 = 8;
/// The rows of so many datagrams are waited for: a thousand, for which the kernel is asked once whether there is MPTCP.
const MIN_DATAGRAMS: u64 = 4;
/// The age up to which a row is taken for what is there: a half of it in hand, and a half on its way.
pub(super) const ROW_MAX_AGE: Duration = Duration::from_millis(50);
const REMEMBERED: usize = 4096;
