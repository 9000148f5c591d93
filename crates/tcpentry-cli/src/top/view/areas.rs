//! The places on the screen that the mouse may point at.

use ratatui::layout::{Position, Rect};

use crate::args::TopColumn;

/// The areas of the table on the screen, for the mouse.
#[derive(Clone, Debug, Default)]
pub(crate) struct Areas {
    pub(crate) rows: Rect,
    pub(super) header: Rect,
    pub(super) columns: Vec<(TopColumn, std::ops::Range<u16>)>,
}

impl Areas {
    /// Returns the column whose title is at this position.
    pub(crate) fn column_at(&self, at: Position) -> Option<TopColumn> {
        let here = |(_, range): &&(TopColumn, std::ops::Range<u16>)| range.contains(&at.x);
        let found = self.columns.iter().find(here)?;
        self.header.contains(at).then_some(found.0)
    }
}
