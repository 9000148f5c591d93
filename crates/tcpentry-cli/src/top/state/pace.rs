//! The interval at which the table is read.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) interval: Duration,
    pub(crate) paused: bool,
}

impl Pace {
    pub(super) const fn new(interval: Duration) -> Self {
        Self {
            interval,
            paused: false,
        }
    }

    /// Returns the interval, or `None` for a pause.
    pub(super) fn effective(self) -> Option<Duration> {
        (!self.paused).then_some(self.interval)
    }

    pub(super) fn lengthen(&mut self) {
        let next = INTERVALS.iter().find(|it| **it > self.interval);
        self.interval = next.copied().unwrap_or(self.interval);
    }

    pub(super) fn shorten(&mut self) {
        let next = INTERVALS.iter().rev().find(|it| **it < self.interval);
        self.interval = next.copied().unwrap_or(self.interval).max(INTERVALS[0]);
    }
}

/// The intervals that the keys choose from, in ascending order; the first is the shortest allowed.
pub(crate) const INTERVALS: [Duration; 8] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];
