//! The places on the screen that the mouse may point at.

use ratatui::layout::{Position, Rect};
use tcpentry::State;

use crate::args::TopColumn;

/// The areas of the table on the screen, for the mouse.
#[derive(Clone, Debug, Default)]
pub(crate) struct Areas {
    pub(crate) rows: Rect,
    pub(super) header: Rect,
    pub(super) columns: Vec<(TopColumn, std::ops::Range<u16>)>,
    pub(super) totals: Rect,
    pub(super) states: Vec<(State, std::ops::Range<u16>)>,
}

impl Areas {
    /// Returns the column whose title is at this position.
    pub(crate) fn column_at(&self, at: Position) -> Option<TopColumn> {
        let is_here = self.header.contains(at);
        find(&self.columns, at.x).filter(|_| is_here)
    }

    /// Returns the state whose total is at this position.
    pub(crate) fn state_at(&self, at: Position) -> Option<State> {
        let is_here = self.totals.contains(at);
        find(&self.states, at.x).filter(|_| is_here)
    }
}

/// Returns what is in the range that contains a column.
fn find<T: Copy>(ranges: &[(T, std::ops::Range<u16>)], column: u16) -> Option<T> {
    let mut ranges = ranges.iter();
    let found = ranges.find(|(_, range)| range.contains(&column))?;
    Some(found.0)
}
