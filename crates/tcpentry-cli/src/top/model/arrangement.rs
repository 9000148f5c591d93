//! The order and the grouping of rows.

use std::cmp::Ordering;

use super::find::Find;
use super::row::Row;
use crate::args::{Grouping, TopColumn};

/// The order and the grouping that the user has chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Arrangement {
    pub(crate) by: TopColumn,
    pub(crate) descending: bool,
    pub(crate) grouping: Grouping,
    /// Both ends of a connection within the host are one row.
    pub(crate) joins_ends: bool,
}

impl Default for Arrangement {
    fn default() -> Self {
        Self {
            by: TopColumn::State,
            descending: false,
            grouping: Grouping::None,
            joins_ends: false,
        }
    }
}

impl Arrangement {
    /// Returns true where the holders of all rows are needed, not only of those on the screen.
    pub(crate) fn needs_holders(self, find: &Find) -> bool {
        !find.is_empty()
            || matches!(self.by, TopColumn::Process | TopColumn::Unit)
            || matches!(self.grouping, Grouping::Process | Grouping::Unit)
    }

    /// Returns true where the order depends on nothing but the states and the ends of the rows.
    pub(super) const fn is_by_ends(self) -> bool {
        matches!(
            self.by,
            TopColumn::State | TopColumn::Local | TopColumn::Peer | TopColumn::Count
        )
    }

    /// Sorts by another column, or reverses the order if it is the current one.
    pub(crate) fn sorted_by(self, column: TopColumn) -> Self {
        let descending = if self.by == column {
            !self.descending
        } else {
            column.format().largest_first
        };
        Self {
            by: column,
            descending,
            ..self
        }
    }

    /// Returns the same rows in other groups.
    ///
    /// Groups are sorted by their size, unless rows were sorted by a number or by what they are grouped by.
    pub(crate) fn grouped_by(self, grouping: Grouping) -> Self {
        let is_by_number = self.by.format().largest_first;
        let is_by_name = grouping.column() == Some(self.by);
        if grouping == Grouping::None || is_by_number || is_by_name {
            return Self { grouping, ..self };
        }
        Self {
            by: TopColumn::Count,
            descending: true,
            grouping,
            ..self
        }
    }

    /// Compares two rows.
    pub(super) fn compare(self, a: &Row, b: &Row) -> Ordering {
        let ends = |row: &Row| {
            let (local, peer) = (row.connection.local(), row.connection.peer());
            (
                local.address(),
                local.port(),
                peer.address(),
                peer.port(),
                row.key,
            )
        };
        self.by
            .compare(a, b, self.descending)
            // Equal rows are ordered by their ends, so that they keep their places.
            .then_with(|| ends(a).cmp(&ends(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_column_again_turns_the_order_round() {
        let by_state = Arrangement::default();
        assert!(by_state.sorted_by(TopColumn::State).descending);
        let by_idle = by_state.sorted_by(TopColumn::Idle);
        assert!(by_idle.descending, "the longest first");
        assert!(!by_idle.sorted_by(TopColumn::Idle).descending);
    }
}
