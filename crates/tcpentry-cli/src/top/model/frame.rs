//! The table as it was read last, and what has changed in it since the time before.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::row::{Change, Key, Rates, Row};

/// One reading of the table.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// In no order; those that have left are kept for a while.
    pub(crate) rows: Vec<Row>,
    /// Its number.
    pub(crate) serial: u64,
    /// How many are there.
    pub(crate) there: usize,
    /// Of how many this caller may not see what the filter asks for.
    pub(crate) unseen: u64,
    /// What could not be read.
    pub(crate) notes: Vec<String>,
    /// How long it took to read it.
    pub(crate) took: Duration,
    /// How many bytes a second all of them move.
    pub(crate) rates: Rates,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            serial: 0,
            there: 0,
            unseen: 0,
            notes: Vec::new(),
            took: Duration::ZERO,
            rates: NOTHING,
        }
    }
}

/// Whether what differs from the frame before is news.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Question {
    /// The same as before: what came, changed or left is shown as such.
    Same,
    /// Another filter, other states, other namespaces: what is not asked for any more has not left.
    Another,
}

impl Frame {
    /// Whether to put it in order takes longer than a key should wait.
    pub(crate) fn is_large(&self) -> bool {
        self.rows.len() > LARGE
    }

    /// The next: these rows were read after this frame. A socket that was seen twice in the walk is there once.
    pub(crate) fn followed_by(&self, rows: Vec<Row>, question: Question, now: Instant) -> Self {
        let mut before: HashMap<Key, &Row> = self.rows.iter().map(|row| (row.key, row)).collect();
        let is_first = self.serial == 0;
        let mut next = Self {
            rows: Vec::with_capacity(rows.len()),
            serial: self.serial + 1,
            ..Self::default()
        };
        let mut seen = HashSet::with_capacity(rows.len());
        for mut row in rows {
            if !seen.insert(row.key) {
                continue;
            }
            match before.remove(&row.key) {
                Some(old) => row.follow(old, now),
                None if is_first || question == Question::Another => {}
                None => row.change = Change::New { since: now },
            }
            if let Some(rates) = row.rates {
                next.rates.received += rates.received;
                next.rates.sent += rates.sent;
            }
            next.rows.push(row);
        }
        next.there = next.rows.len();
        if question == Question::Same {
            let left = before.into_values().filter_map(|row| row.leaving(now));
            next.rows.extend(left);
        }
        next
    }
}

impl Row {
    /// Takes over what is known of the same socket, and says what has changed.
    fn follow(&mut self, old: &Self, now: Instant) {
        self.facts = self.facts.or(&old.facts);
        self.rates = self.rates_since(old);
        self.change = match old.change {
            _ if old.connection.state != self.connection.state => Change::State {
                since: now,
                before: old.connection.state,
            },
            Change::New { since } | Change::State { since, .. } if now - since < SHOWN => {
                old.change
            }
            // It has come back into the selection.
            Change::Left { .. } => Change::New { since: now },
            _ => Change::None,
        };
    }

    fn rates_since(&self, old: &Self) -> Option<Rates> {
        let infos = (
            self.connection.info.as_ref()?,
            old.connection.info.as_ref()?,
        );
        let time = self.seen.checked_duration_since(old.seen)?.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "it is a rate for people")]
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / time;
        (time > 0.0).then(|| Rates {
            received: rate(infos.0.bytes_received, infos.1.bytes_received),
            sent: rate(infos.0.bytes_acked, infos.1.bytes_acked),
        })
    }

    /// What is shown of it after it has left, as long as it is.
    fn leaving(&self, now: Instant) -> Option<Self> {
        let since = match self.change {
            Change::Left { since } => since,
            _ => now,
        };
        (now - since < SHOWN).then(|| Self {
            change: Change::Left { since },
            rates: None,
            ..self.clone()
        })
    }
}

/// So many rows take some milliseconds to be put in order.
const LARGE: usize = 5000;
/// How long a change is shown.
pub(crate) const SHOWN: Duration = Duration::from_secs(3);
const NOTHING: Rates = Rates {
    received: 0.0,
    sent: 0.0,
};

#[cfg(test)]
mod tests {
    use super::super::testing::{key, row, row_of};
    use super::*;
    use tcpentry::State;

    fn changes(frame: &Frame) -> Vec<(u64, Change)> {
        let mut all: Vec<_> = frame
            .rows
            .iter()
            .map(|row| (row.key.cookie.value(), row.change))
            .collect();
        all.sort_by_key(|(cookie, _)| *cookie);
        all
    }

    #[test]
    fn what_came_changed_or_left_is_shown_for_a_while() {
        let start = Instant::now();
        let second = |n| start + Duration::from_secs(n);
        let first = Frame::default().followed_by(vec![row(1), row(2)], Question::Same, start);
        assert_eq!(changes(&first), [(1, Change::None), (2, Change::None)]);
        let changed = row_of(2, State::CloseWait);
        let next = first.followed_by(vec![changed.clone(), row(3)], Question::Same, second(1));
        let since = second(1);
        let before = State::Established;
        let expected = [
            (1, Change::Left { since }),
            (2, Change::State { since, before }),
            (3, Change::New { since }),
        ];
        assert_eq!(changes(&next), expected);
        assert_eq!((next.there, next.serial), (2, 2));
        let same = || vec![changed.clone(), row(3)];
        let next = next.followed_by(same(), Question::Same, second(2));
        assert_eq!(changes(&next), expected);
        let next = next.followed_by(same(), Question::Same, second(4));
        assert_eq!(changes(&next), [(2, Change::None), (3, Change::None)]);
    }

    #[test]
    fn what_has_been_looked_up_since_the_frame_before_is_kept() {
        let now = Instant::now();
        let first = Frame::default().followed_by(vec![row(1)], Question::Same, now);
        let mut known = row(1);
        known.facts.holders = Some(std::sync::Arc::default());
        let next = first.followed_by(vec![known], Question::Same, now);
        assert!(next.rows[0].facts.holders.is_some());
        let next = next.followed_by(vec![row(1)], Question::Same, now);
        assert!(next.rows[0].facts.holders.is_some());
    }

    #[test]
    fn another_question_makes_no_news() {
        let now = Instant::now();
        let first = Frame::default().followed_by(vec![row(1)], Question::Same, now);
        let next = first.followed_by(vec![row(2)], Question::Another, now);
        assert_eq!(changes(&next), [(2, Change::None)]);
    }

    #[test]
    fn a_socket_that_the_walk_met_twice_is_there_once() {
        let now = Instant::now();
        let frame = Frame::default().followed_by(vec![row(1), row(1)], Question::Same, now);
        assert_eq!(frame.rows.len(), 1);
        let next = frame.followed_by(vec![row(1), row(1)], Question::Same, now);
        assert_eq!((next.rows.len(), next.rows[0].key), (1, key(1)));
    }

    #[test]
    fn rates_are_of_the_time_between_two_readings_of_the_same_socket() {
        let start = Instant::now();
        let with = |bytes: u64, after: u64| {
            let mut row = row(1);
            let info = row.connection.info.as_mut().unwrap();
            (info.bytes_received, info.bytes_acked) = (bytes, 2 * bytes);
            row.seen = start + Duration::from_millis(after);
            row
        };
        let first = Frame::default().followed_by(vec![with(1000, 0)], Question::Same, start);
        assert_eq!(first.rows[0].rates, None);
        let next = first.followed_by(vec![with(2000, 500)], Question::Same, start);
        let rates = Rates {
            received: 2000.0,
            sent: 4000.0,
        };
        assert_eq!((next.rows[0].rates, next.rates), (Some(rates), rates));
        // A counter can't run backwards; where it seems to, nothing has moved.
        let next = next.followed_by(vec![with(0, 1000)], Question::Same, start);
        assert_eq!(next.rates, NOTHING);
    }
}
