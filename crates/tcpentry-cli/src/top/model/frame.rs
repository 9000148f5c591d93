//! The table as last read, and what has changed since the previous reading.

use std::time::{Duration, Instant};

use super::moment::Moment;
use super::predecessors::{Predecessor, Predecessors};
use super::row::{Change, Rates, Row};
use super::row_sums::RowSums;

/// One reading of the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// The rows that are present, in no particular order, and behind them those that have left, which are kept for a while.
    pub(crate) rows: Vec<Row>,
    /// The place that each row had in the frame before.
    pub(crate) places_before: Vec<PlaceBefore>,
    /// The number of readings so far.
    pub(crate) serial: u64,
    /// The number of rows that are present.
    pub(crate) present: usize,
    /// Their sums, where they were made while the rows were compared.
    pub(crate) sums: Option<RowSums>,
    /// The number of rows of which this user may not see what the filter asks for.
    pub(crate) hidden: u64,
    /// Messages about the tables that could not be read.
    pub(crate) notes: Vec<String>,
    /// The time that reading took.
    pub(crate) read_time: Duration,
    /// The time at which it was begun.
    pub(crate) read_at: Option<Instant>,
    /// Rows that the frame before had are missing because something else is shown, not because they have left.
    pub(crate) is_reset: bool,
    /// The hosts that it is of, where they are several.
    pub(crate) hosts: Option<HostCount>,
}

/// The place of a row in the frame before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PlaceBefore {
    /// It was not there.
    None,
    /// It was there in the same state, between the same ends.
    Same(u32),
    /// Its state or its ends have changed.
    Changed(u32),
}

impl PlaceBefore {
    /// Returns the place, if it was there.
    const fn place(self) -> Option<u32> {
        match self {
            Self::None => None,
            Self::Same(place) | Self::Changed(place) => Some(place),
        }
    }

    /// Returns the place where it was the same.
    const fn same(self) -> Option<u32> {
        match self {
            Self::Same(place) => Some(place),
            Self::None | Self::Changed(_) => None,
        }
    }
}

/// The number of the hosts of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct HostCount {
    /// The number of those whose rows it has.
    pub(crate) answering: usize,
    pub(crate) all: usize,
}

/// The frame with which a new reading is compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Baseline {
    /// The previous one: rows that came, changed or left are shown as such.
    Previous,
    /// The previous one, of before a pause: rates since then are not those of now.
    BeforePause,
    /// None: filter, states or namespaces differ, so that a row missing now has not left.
    Reset,
}

impl Frame {
    /// Returns true where sorting takes longer than a key press should wait.
    pub(crate) fn is_large(&self) -> bool {
        self.rows.len() > LARGE_TABLE
    }

    /// Returns true where rows are kept that have left.
    pub(crate) fn has_left_rows(&self) -> bool {
        self.present < self.rows.len()
    }

    /// Returns the places that rows of the frame before have here, in their order, without those that are gone.
    pub(super) fn moved(&self, before: &[u32]) -> Vec<u32> {
        self.moved_if(before, PlaceBefore::place)
    }

    /// Returns the places that those of them have here whose state and ends are what they were.
    pub(super) fn moved_unchanged(&self, before: &[u32]) -> Vec<u32> {
        self.moved_if(before, PlaceBefore::same)
    }

    fn moved_if(&self, before: &[u32], known: impl Fn(PlaceBefore) -> Option<u32>) -> Vec<u32> {
        let mut now = vec![GONE; before.len()];
        for (place, before) in (0..).zip(&self.places_before) {
            let Some(before) = known(*before) else {
                continue;
            };
            let before = before as usize;
            if now.len() <= before {
                now.resize(before + 1, GONE);
            }
            now[before] = place;
        }
        let places = before.iter();
        let now = places.filter_map(|place| now.get(*place as usize).copied());
        now.filter(|place| *place != GONE).collect()
    }

    /// Returns a frame of some of the rows, in their order, of which it is not known where they were before.
    pub(crate) fn of_rows(&self, rows: Vec<Row>) -> Self {
        Self {
            places_before: vec![PlaceBefore::None; rows.len()],
            present: rows.iter().filter(|row| row.is_present()).count(),
            rows,
            sums: None,
            serial: self.serial,
            hidden: self.hidden,
            notes: self.notes.clone(),
            read_time: self.read_time,
            read_at: self.read_at,
            is_reset: self.is_reset,
            hosts: self.hosts,
        }
    }

    /// Returns the frame after this one, made of newly read rows. Duplicates, which a dump may contain, are removed.
    pub(crate) fn followed_by(&self, mut rows: Vec<Row>, baseline: Baseline, now: Instant) -> Self {
        let is_first = self.serial == 0;
        let read_at = Some(now);
        let now = Moment::from(now);
        let mut before = Predecessors::new(&self.rows);
        let mut places_before = Vec::with_capacity(rows.len());
        let mut sums = RowSums::default();
        rows.retain_mut(|row| {
            let place = match before.take(row.key) {
                Predecessor::At(place, old) => {
                    row.follow(old, baseline, now);
                    if row.is_where(old) {
                        PlaceBefore::Same(place)
                    } else {
                        PlaceBefore::Changed(place)
                    }
                }
                Predecessor::Taken => return false,
                Predecessor::None => {
                    if !is_first && baseline != Baseline::Reset {
                        row.change = Change::New { since: now };
                        row.has_come = true;
                    }
                    PlaceBefore::None
                }
            };
            places_before.push(place);
            sums.add(row);
            true
        });
        let present = rows.len();
        if baseline != Baseline::Reset {
            for (place, row) in before.left() {
                let Some(row) = row.leaving(now) else {
                    continue;
                };
                rows.push(row);
                places_before.push(PlaceBefore::Same(place));
            }
        }
        Self {
            rows,
            places_before,
            present,
            sums: Some(sums),
            serial: self.serial + 1,
            read_at,
            is_reset: baseline == Baseline::Reset,
            ..Self::default()
        }
    }
}

impl Row {
    /// Takes over what is known from the previous reading of this socket, and notes what has changed.
    fn follow(&mut self, old: &Self, baseline: Baseline, now: Moment) {
        self.resolved.fill_from(&old.resolved);
        self.first_read_at = old.first_read_at;
        self.has_come = old.has_come;
        // Where it has not been read again, they are those of then.
        let is_newer = self.read_at != old.read_at;
        let rates = if is_newer {
            self.rates_since(old)
        } else {
            old.rates
        };
        self.rates = rates.filter(|_| baseline != Baseline::BeforePause);
        self.history = if is_newer {
            let rate = self.rates.map(|rates| rates.received + rates.sent);
            old.history.followed_by(rate)
        } else {
            old.history
        };
        self.change = match old.change {
            _ if old.connection.state != self.connection.state => Change::State {
                since: now,
                before: old.connection.state,
            },
            Change::New { since } | Change::State { since, .. }
                if now.saturating_duration_since(since) < CHANGE_SHOWN_FOR =>
            {
                old.change
            }
            // It has come back into the selection.
            Change::Left { .. } => Change::New { since: now },
            _ => Change::None,
        };
    }

    /// Returns true where the state and the ends are those of the previous reading, and with them all that is ordered by them.
    fn is_where(&self, old: &Self) -> bool {
        let (now, old) = (&self.connection, &old.connection);
        now.state == old.state && now.pair == old.pair
    }

    fn rates_since(&self, old: &Self) -> Option<Rates> {
        let infos = (self.counters.as_ref()?, old.counters.as_ref()?);
        let time = self.read_at.checked_duration_since(old.read_at)?;
        let time = time.as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "it is a rate for people"
        )]
        let rate = |now: u64, before: u64| (now.saturating_sub(before) as f64 / time) as f32;
        (time > 0.0).then(|| Rates {
            received: rate(infos.0.bytes_received, infos.1.bytes_received),
            sent: rate(infos.0.bytes_acked, infos.1.bytes_acked),
        })
    }

    /// Returns the row to show for a socket that has left the table, until that has been shown long enough.
    fn leaving(&self, now: Moment) -> Option<Self> {
        let since = match self.change {
            Change::Left { since } => since,
            _ => now,
        };
        (now.saturating_duration_since(since) < CHANGE_SHOWN_FOR).then(|| Self {
            change: Change::Left { since },
            rates: None,
            ..self.clone()
        })
    }
}

/// The place of a row that is not there: no table has so many.
const GONE: u32 = u32::MAX;
/// The number of rows from which sorting takes several milliseconds.
const LARGE_TABLE: usize = 5000;
const CHANGE_SHOWN_FOR: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::super::row::RateSum;
    use super::super::testing::{key, row, row_of};
    use super::*;
    use tcpentry::State;

    fn sum(frame: &Frame) -> Option<Rates> {
        let mut sum = RateSum::default();
        frame.rows.iter().for_each(|row| sum.add(row));
        sum.get()
    }

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
        let first = Frame::default().followed_by(vec![row(1), row(2)], Baseline::Previous, start);
        assert_eq!(changes(&first), [(1, Change::None), (2, Change::None)]);
        let changed = row_of(2, State::CloseWait);
        let next = first.followed_by(vec![changed.clone(), row(3)], Baseline::Previous, second(1));
        let since = second(1).into();
        let before = State::Established;
        let expected = [
            (1, Change::Left { since }),
            (2, Change::State { since, before }),
            (3, Change::New { since }),
        ];
        assert_eq!(changes(&next), expected);
        assert_eq!((next.present, next.serial), (2, 2));
        let same = || vec![changed.clone(), row(3)];
        let next = next.followed_by(same(), Baseline::Previous, second(2));
        assert_eq!(changes(&next), expected);
        let next = next.followed_by(same(), Baseline::Previous, second(4));
        assert_eq!(changes(&next), [(2, Change::None), (3, Change::None)]);
    }

    #[test]
    fn what_has_been_looked_up_since_the_frame_before_is_kept() {
        let now = Instant::now();
        let first = Frame::default().followed_by(vec![row(1)], Baseline::Previous, now);
        let mut known = row(1);
        known.resolved.holders = Some(std::sync::Arc::default());
        let next = first.followed_by(vec![known], Baseline::Previous, now);
        assert!(next.rows[0].resolved.holders.is_some());
        let next = next.followed_by(vec![row(1)], Baseline::Previous, now);
        assert!(next.rows[0].resolved.holders.is_some());
    }

    #[test]
    fn a_row_that_was_not_read_again_keeps_its_rates() {
        let start = Instant::now();
        let at = |seconds, bytes| {
            let mut row = row(1);
            row.read_at = (start + Duration::from_secs(seconds)).into();
            row.counters.as_mut().unwrap().bytes_received = bytes;
            vec![row]
        };
        let first = Frame::default().followed_by(at(0, 0), Baseline::Previous, start);
        let second = first.followed_by(at(2, 100), Baseline::Previous, start);
        let third = second.followed_by(at(2, 100), Baseline::Previous, start);
        let received = |frame: &Frame| frame.rows[0].rates.map(|rates| rates.received);
        assert_eq!(
            (received(&second), received(&third)),
            (Some(50.0), Some(50.0))
        );
    }

    #[test]
    fn another_question_makes_no_news() {
        let now = Instant::now();
        let first = Frame::default().followed_by(vec![row(1)], Baseline::Previous, now);
        let next = first.followed_by(vec![row(2)], Baseline::Reset, now);
        assert_eq!(changes(&next), [(2, Change::None)]);
    }

    #[test]
    fn a_socket_that_the_dump_met_twice_is_there_once() {
        let now = Instant::now();
        let frame = Frame::default().followed_by(vec![row(1), row(1)], Baseline::Previous, now);
        assert_eq!(frame.rows.len(), 1);
        let next = frame.followed_by(vec![row(1), row(1)], Baseline::Previous, now);
        assert_eq!((next.rows.len(), next.rows[0].key), (1, key(1)));
    }

    #[test]
    fn rates_are_of_the_time_between_two_readings_of_the_same_socket() {
        let start = Instant::now();
        let with = |bytes: u64, after: u64| {
            let mut row = row(1);
            let counters = row.counters.as_mut().unwrap();
            (counters.bytes_received, counters.bytes_acked) = (bytes, 2 * bytes);
            row.read_at = (start + Duration::from_millis(after)).into();
            row
        };
        let first = Frame::default().followed_by(vec![with(1000, 0)], Baseline::Previous, start);
        assert_eq!((first.rows[0].rates, sum(&first)), (None, None));
        let next = first.followed_by(vec![with(2000, 500)], Baseline::Previous, start);
        let rates = Rates {
            received: 2000.0,
            sent: 4000.0,
        };
        assert_eq!((next.rows[0].rates, sum(&next)), (Some(rates), Some(rates)));
        // A counter can't run backwards; where it seems to, nothing has moved.
        let next = next.followed_by(vec![with(0, 1000)], Baseline::Previous, start);
        assert_eq!(sum(&next), Some(Rates::default()));
    }

    #[test]
    fn a_sum_is_unknown_until_all_that_were_there_have_been_read_twice() {
        let start = Instant::now();
        let read = |cookies: &[u64], second: u64| {
            let read_at = Moment::from(start + Duration::from_secs(second));
            let row = |cookie: &u64| Row {
                read_at,
                ..row(*cookie)
            };
            cookies.iter().map(row).collect::<Vec<_>>()
        };
        let none = Some(Rates::default());
        let first = Frame::default().followed_by(read(&[1], 0), Baseline::Reset, start);
        assert_eq!(sum(&first), None);
        // One has just come.
        let next = first.followed_by(read(&[1, 2], 1), Baseline::Previous, start);
        assert_eq!((sum(&next), next.rows[1].rates), (none, None));
        // A filter that selects more was entered.
        let wider = next.followed_by(read(&[1, 2, 3], 2), Baseline::Reset, start);
        assert_eq!((sum(&wider), wider.rows[0].rates), (None, none));
        let next = wider.followed_by(read(&[1, 2, 3], 3), Baseline::Previous, start);
        assert_eq!(sum(&next), none);
        let next = next.followed_by(read(&[1, 2, 3], 90), Baseline::BeforePause, start);
        assert_eq!((sum(&next), next.rows[0].rates), (None, None));
        let next = next.followed_by(read(&[1, 2, 3], 91), Baseline::Previous, start);
        assert_eq!(sum(&next), none);
        // A socket without counters.
        let mut closed = read(&[4], 0);
        closed[0].counters = None;
        let only = Frame::default().followed_by(closed, Baseline::Reset, start);
        assert_eq!(sum(&only), none);
    }
}
