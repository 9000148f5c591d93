//! The order of rows, and their groups.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use super::frame::Frame;
use super::row::{RateSum, Rates, Row};
use crate::args::{Grouping, TopColumn};

/// The order and the grouping that the user has chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Arrangement {
    pub(crate) by: TopColumn,
    pub(crate) descending: bool,
    pub(crate) grouping: Grouping,
}

impl Default for Arrangement {
    fn default() -> Self {
        Self {
            by: TopColumn::State,
            descending: false,
            grouping: Grouping::None,
        }
    }
}

impl Arrangement {
    /// Returns true where the holders of all rows are needed, not only of those on the screen.
    pub(crate) fn needs_holders(self) -> bool {
        matches!(self.by, TopColumn::Process | TopColumn::Unit)
            || matches!(self.grouping, Grouping::Process | Grouping::Unit)
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

    fn compare(self, a: &Row, b: &Row) -> Ordering {
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

impl Grouping {
    /// Returns the name of the group that a row belongs to.
    fn group_of(self, row: &Row) -> String {
        let name = match self {
            Self::None => None,
            Self::Process => match &row.resolved.holders {
                Some(holders) if holders.first.is_empty() => Some(holders.text.clone()),
                Some(holders) => Some(holders.first.clone()),
                None if row.connection.inode.is_some() => Some("...".to_owned()),
                None => None,
            },
            Self::Peer => Some(row.peer_address().to_string()),
            Self::Unit => row.unit().map(str::to_owned),
            Self::State => Some(row.connection.state.to_string()),
        };
        name.unwrap_or_else(|| "-".to_owned())
    }
}

/// The order of a frame, as indices of its rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arranged {
    /// All rows, where they are not grouped.
    pub(crate) order: Vec<u32>,
    /// The groups, the largest first.
    pub(crate) groups: Vec<Group>,
}

/// Rows with a property in common.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The number of rows that are present.
    pub(crate) present: usize,
    /// The sum of their rates, where it is known.
    pub(crate) rates: Option<Rates>,
    pub(crate) rows: Vec<u32>,
}

/// A line of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TableLine {
    /// A group, by its index.
    Group(u32),
    /// A row, by its index in the frame.
    Row(u32),
}

impl Arranged {
    /// Sorts and groups the rows of a frame.
    pub(crate) fn new(frame: &Frame, arrangement: Arrangement) -> Self {
        let count = u32::try_from(frame.rows.len()).expect("a table has no 2^32 sockets");
        let mut order: Vec<u32> = (0..count).collect();
        let row = |place: u32| &frame.rows[place as usize];
        order.sort_unstable_by(|a, b| arrangement.compare(row(*a), row(*b)));
        if arrangement.grouping == Grouping::None {
            return Self {
                order,
                groups: Vec::new(),
            };
        }
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for place in order {
            let row = row(place);
            let name = arrangement.grouping.group_of(row);
            let group = groups.entry(name.clone()).or_insert_with(|| Group {
                name,
                present: 0,
                rates: None,
                rows: Vec::new(),
            });
            group.present += usize::from(row.is_present());
            group.rows.push(place);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        for group in &mut groups {
            let mut sum = RateSum::default();
            group.rows.iter().for_each(|place| sum.add(row(*place)));
            group.rates = sum.get();
        }
        // The map was in the order of names, and a stable sort keeps it among equal counts.
        groups.sort_by_key(|group| std::cmp::Reverse(group.present));
        Self {
            order: Vec::new(),
            groups,
        }
    }

    /// Returns the lines of the table where these groups are expanded: of the rows that are present, and of those to keep.
    pub(crate) fn lines(
        &self,
        frame: &Frame,
        expanded: &HashSet<String>,
        keep: impl Fn(&Row) -> bool,
    ) -> Vec<TableLine> {
        let is_shown = |place: &&u32| {
            let row = &frame.rows[**place as usize];
            row.is_present() || keep(row)
        };
        let line = |place: &u32| TableLine::Row(*place);
        if self.groups.is_empty() {
            return self.order.iter().filter(is_shown).map(line).collect();
        }
        let mut lines = Vec::new();
        for (place, group) in (0..).zip(&self.groups) {
            let is_expanded = expanded.contains(&group.name);
            if group.present == 0 && !(is_expanded && group.rows.iter().any(|it| is_shown(&it))) {
                continue;
            }
            lines.push(TableLine::Group(place));
            if is_expanded {
                lines.extend(group.rows.iter().filter(is_shown).map(line));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tcpentry::State;

    use super::super::frame::Baseline;
    use super::super::testing::{row, row_of};
    use super::*;

    fn frame(rows: Vec<Row>) -> Frame {
        Frame::default().followed_by(rows, Baseline::Previous, Instant::now())
    }

    fn cookies(frame: &Frame, arrangement: Arrangement) -> Vec<u64> {
        let arranged = Arranged::new(frame, arrangement);
        let row = |place: &u32| frame.rows[*place as usize].key.cookie.value();
        arranged.order.iter().map(row).collect()
    }

    #[test]
    fn equals_keep_their_places_and_what_is_unknown_comes_last() {
        let mut slow = row(1);
        slow.connection.info.as_mut().unwrap().rtt = std::time::Duration::from_secs(1);
        let mut unknown = row(2);
        unknown.connection.info = None;
        let frame = frame(vec![unknown, row(4), slow, row(3)]);
        let by = Arrangement {
            by: TopColumn::Rtt,
            ..Arrangement::default()
        };
        assert_eq!(cookies(&frame, by), [3, 4, 1, 2]);
        let descending = Arrangement {
            descending: true,
            ..by
        };
        assert_eq!(cookies(&frame, descending), [1, 3, 4, 2]);
    }

    #[test]
    fn the_same_column_again_turns_the_order_round() {
        let by_state = Arrangement::default();
        assert!(by_state.sorted_by(TopColumn::State).descending);
        let by_idle = by_state.sorted_by(TopColumn::Idle);
        assert!(by_idle.descending, "the longest first");
        assert!(!by_idle.sorted_by(TopColumn::Idle).descending);
    }

    #[test]
    fn groups_are_counted_and_open_one_by_one() {
        let frame = frame(vec![row(1), row_of(2, State::CloseWait), row(3)]);
        let arranged = Arranged::new(
            &frame,
            Arrangement {
                grouping: Grouping::State,
                ..Arrangement::default()
            },
        );
        let counts: Vec<_> = arranged
            .groups
            .iter()
            .map(|group| (&*group.name, group.present))
            .collect();
        assert_eq!(counts, [("established", 2), ("close-wait", 1)]);
        assert_eq!(arranged.lines(&frame, &HashSet::new(), |_| false).len(), 2);
        let open = HashSet::from(["established".to_owned()]);
        let lines = arranged.lines(&frame, &open, |_| false);
        assert_eq!(lines.len(), 4);
        assert!(matches!(lines[1], TableLine::Row(_)) && matches!(lines[3], TableLine::Group(1)));
    }
}
