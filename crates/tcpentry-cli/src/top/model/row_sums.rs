//! Sums of rows.

use super::row::{RateSum, Rates, Row};
use super::state_counts::StateCounts;

/// The sum of the rates of rows, and the numbers of those that are present.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowSums {
    rates: RateSum,
    pub(super) present: usize,
    pub(super) states: StateCounts,
}

impl RowSums {
    pub(super) fn add(&mut self, row: &Row) {
        self.rates.add(row);
        if row.is_present() {
            self.present += 1;
            self.states.add(row.connection.state);
        }
    }

    /// Returns the sum of the rates, where it is known.
    pub(super) fn rates(&self) -> Option<Rates> {
        self.rates.get()
    }
}
