//! The connections that have left the table: ended, or no longer selected.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tcpentry::{Outcome, State};

use super::super::model::{Change, Frame, Resolved, Row};
use super::Scroll;

/// The last ones that have left, the latest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftRows {
    pub(crate) entries: VecDeque<LeftRow>,
    /// The time at which the latest was missed.
    latest: Option<Instant>,
    pub(crate) scroll: Scroll,
}

/// A connection as it was last read.
#[derive(Clone, Debug)]
pub(crate) struct LeftRow {
    pub(crate) row: Row,
    pub(crate) resolved: Resolved,
    pub(crate) left_at: Instant,
    /// The outcome of its deletion, where it was tried.
    pub(crate) outcome: Option<Outcome>,
}

impl LeftRows {
    /// Takes over the rows that the frame before still had.
    pub(super) fn add(&mut self, frame: &Frame, of: impl Fn(&Row) -> (Resolved, Option<Outcome>)) {
        let before = self.latest;
        for row in &frame.rows[frame.present..] {
            let Change::Left { since } = row.change else {
                continue;
            };
            let since = since.into();
            // They are kept in several frames.
            if before.is_some_and(|before| since <= before) {
                continue;
            }
            self.latest = self.latest.max(Some(since));
            let (resolved, outcome) = of(row);
            self.entries.push_front(LeftRow {
                row: row.clone(),
                resolved,
                left_at: since,
                outcome,
            });
        }
        self.entries.truncate(MAX_ENTRIES);
    }
}

impl LeftRow {
    /// Returns the time for which it was seen, and true where that is its age.
    pub(crate) fn age(&self) -> (Duration, bool) {
        let row = &self.row;
        let seen = row.read_at.saturating_duration_since(row.first_read_at);
        (seen, row.has_come)
    }

    /// Returns the end that ended it, as far as its last state or its deletion shows that.
    pub(crate) fn ended_by(&self) -> Option<&'static str> {
        if self.outcome == Some(Outcome::Deleted) {
            return Some("deleted here");
        }
        match self.row.connection.state {
            State::FinWait1 | State::FinWait2 | State::Closing | State::TimeWait => {
                Some("closed by this end")
            }
            State::CloseWait | State::LastAck => Some("closed by the peer"),
            _ => None,
        }
    }
}

/// The number of connections that are kept.
const MAX_ENTRIES: usize = 1000;
