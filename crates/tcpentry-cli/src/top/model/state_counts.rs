//! The number of rows in each state.

use std::collections::BTreeMap;

use tcpentry::State;

use super::cell::{rank, short_state};

/// The number of rows in each state that has some, in the order of the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateCounts(BTreeMap<(u8, u8), (State, usize)>);

impl StateCounts {
    pub(super) fn add(&mut self, state: State) {
        self.0.entry(rank(state)).or_insert((state, 0)).1 += 1;
    }

    /// Returns each state with its text: the number, and its name in four letters.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (State, String)> {
        let all = self.0.values();
        all.map(|(state, count)| (*state, format!("{count} {}", short_state(*state))))
    }

    /// Returns the rank of the first state, and the number of rows in it.
    pub(super) fn first(&self) -> Option<((u8, u8), usize)> {
        let (rank, (_, count)) = self.0.first_key_value()?;
        Some((*rank, *count))
    }
}
