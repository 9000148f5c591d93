//! The sum of all rates at the last readings.

use std::collections::VecDeque;

use super::super::model::{Find, Frame, Rates};

#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// The bytes per second at each reading, the latest last.
    samples: VecDeque<f32>,
    /// The number of the reading of the last one, and what was searched for.
    last: (u64, Find),
}

impl Totals {
    /// Takes the sum of a frame. A sum of other rows begins anew.
    pub(super) fn take(&mut self, frame: &Frame, find: &Find, rates: Option<Rates>) {
        if frame.is_reset || self.last.1 != *find {
            self.samples.clear();
        }
        let is_new = frame.serial != self.last.0;
        self.last = (frame.serial, find.clone());
        if let (true, Some(rates)) = (is_new, rates) {
            self.samples.push_back(rates.received + rates.sent);
            if self.samples.len() > MAX_SAMPLES {
                self.samples.pop_front();
            }
        }
    }

    /// Returns the last sums, as many as these.
    pub(crate) fn last(&self, count: usize) -> Vec<Option<f32>> {
        let skipped = self.samples.len().saturating_sub(count);
        self.samples
            .iter()
            .skip(skipped)
            .copied()
            .map(Some)
            .collect()
    }
}

/// The number of readings that are kept: those that a wide screen shows.
const MAX_SAMPLES: usize = 400;
