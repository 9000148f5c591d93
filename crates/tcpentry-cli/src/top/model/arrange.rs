//! The order of rows, and their groups.

use std::collections::{HashMap, HashSet};

use super::arrangement::Arrangement;
use super::find::{Find, Finder};
use super::frame::Frame;
use super::group::{Group, GroupKey};
use super::row::{RateSum, Rates, Row};
use crate::args::Grouping;

/// The order of a frame, as indices of its rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arranged {
    /// The number of rows that were found and are present.
    pub(crate) present: usize,
    /// The sum of their rates, where it is known.
    pub(crate) rates: Option<Rates>,
    /// All rows that were found, where they are not grouped.
    pub(crate) order: Vec<u32>,
    /// The groups, in their order.
    pub(crate) groups: Vec<Group>,
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
    /// Sorts and groups the rows of a frame that are found.
    pub(crate) fn new(frame: &Frame, arrangement: Arrangement, find: &Find) -> Self {
        let count = u32::try_from(frame.rows.len()).expect("a table has no 2^32 sockets");
        let row = |place: u32| &frame.rows[place as usize];
        let mut finder = Finder::of(find);
        let mut order: Vec<u32> = (0..count)
            .filter(|place| finder.finds(row(*place)))
            .collect();
        let mut sum = RateSum::default();
        for place in &order {
            sum.add(row(*place));
        }
        let rates = sum.get();
        let is_present = |place: &&u32| row(**place).is_present();
        let present = order.iter().filter(is_present).count();
        order.sort_unstable_by(|a, b| arrangement.compare(row(*a), row(*b)));
        if arrangement.grouping == Grouping::None {
            return Self {
                present,
                rates,
                order,
                groups: Vec::new(),
            };
        }
        let mut places: HashMap<GroupKey, Vec<u32>> = HashMap::new();
        for place in order {
            let key = GroupKey::of(row(place), arrangement.grouping);
            places.entry(key).or_default().push(place);
        }
        let groups = places.into_iter();
        let mut groups: Vec<_> = groups
            .map(|(key, places)| Group::of(key, places, row))
            .collect();
        groups.sort_unstable_by(|a, b| a.compare(b, arrangement));
        Self {
            present,
            rates,
            order: Vec::new(),
            groups,
        }
    }

    /// Returns the lines of the table where these groups are expanded: of the rows that are present, and of those to keep.
    pub(crate) fn lines(
        &self,
        frame: &Frame,
        expanded: &HashSet<GroupKey>,
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
            let is_expanded = expanded.contains(&group.key);
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
    use crate::args::TopColumn;

    fn frame(rows: Vec<Row>) -> Frame {
        Frame::default().followed_by(rows, Baseline::Previous, Instant::now())
    }

    fn cookies(frame: &Frame, arrangement: Arrangement) -> Vec<u64> {
        let arranged = Arranged::new(frame, arrangement, &Find::default());
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
    fn all_words_are_on_a_row_that_is_found() {
        let mut held = row_of(2, State::CloseWait);
        held.netns = Some("blue".into());
        held.unit = Some("Nginx.service".into());
        held.resolved.holders = Some(std::sync::Arc::new(super::super::HolderNames {
            text: "77 nginx, 78 日本語Ä".to_owned(),
            ..Default::default()
        }));
        let frame = frame(vec![row(1), held, row(3)]);
        for (text, found) in [
            ("", &[1, 2, 3][..]),
            ("198.51.100.2:50", &[2]),
            ("443", &[1, 2, 3]),
            ("NGINX", &[2]),
            ("78", &[2]),
            ("本語ä", &[2]),
            ("estab", &[1, 3]),
            ("CLOSE_WAIT", &[2]),
            ("clsw blue root nginx.s", &[2]),
            ("blue 100.3", &[]),
            // No word is on two fields.
            ("rootblue", &[]),
            ("2.1:443198", &[]),
        ] {
            let arranged = Arranged::new(&frame, Arrangement::default(), &Find::of(text));
            let row = |place: &u32| frame.rows[*place as usize].key.cookie.value();
            let mut is: Vec<_> = arranged.order.iter().map(row).collect();
            is.sort_unstable();
            assert_eq!(is, found, "{text}");
            assert_eq!(arranged.present, found.len());
        }
    }

    #[test]
    fn groups_are_counted_and_open_one_by_one() {
        let frame = frame(vec![row(1), row_of(2, State::CloseWait), row(3)]);
        let arranged = Arranged::new(
            &frame,
            Arrangement {
                by: TopColumn::Count,
                descending: true,
                grouping: Grouping::State,
            },
            &Find::default(),
        );
        let counts: Vec<_> = arranged
            .groups
            .iter()
            .map(|group| (group.key.text(), group.present))
            .collect();
        let expected = [("established".to_owned(), 2), ("close-wait".to_owned(), 1)];
        assert_eq!(counts, expected);
        assert_eq!(arranged.lines(&frame, &HashSet::new(), |_| false).len(), 2);
        let open = HashSet::from([arranged.groups[0].key.clone()]);
        let lines = arranged.lines(&frame, &open, |_| false);
        assert_eq!(lines.len(), 4);
        assert!(matches!(lines[1], TableLine::Row(_)) && matches!(lines[3], TableLine::Group(1)));
    }
}
