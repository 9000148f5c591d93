//! The order of rows, and their groups.

use std::collections::{HashMap, HashSet};

use super::arrangement::Arrangement;
use super::find::{Find, Finder};
use super::frame::Frame;
use super::group::{Group, GroupKey};
use super::joined_ends::JoinedEnds;
use super::row::{Rates, Row};
use super::row_sums::RowSums;
use super::state_counts::StateCounts;
use crate::args::{Grouping, TopColumn};

/// The order of a frame, as indices of its rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arranged {
    /// The number of rows that were found and are present.
    pub(crate) present: usize,
    /// The sum of their rates, where it is known.
    pub(crate) rates: Option<Rates>,
    /// Their states.
    pub(crate) states: StateCounts,
    /// All rows that were found, where they are not grouped.
    pub(crate) order: Vec<u32>,
    /// The groups, in their order.
    pub(crate) groups: Vec<Group>,
    /// The rows that stand for both ends of their connection; none where that is not wanted.
    pub(crate) joined: JoinedEnds,
}

/// Sorts one frame after the other, each from the order of the one before: that has hardly changed, and what is nearly sorted
/// is sorted soon.
#[derive(Debug, Default)]
pub(crate) struct Sorter {
    /// The number of the frame.
    serial: u64,
    /// The order of the rows that were found in it.
    order: Vec<u32>,
    /// The column and the direction of that order.
    by: Option<(TopColumn, bool)>,
}

impl Sorter {
    /// Sorts and groups the rows of a frame that are found.
    pub(crate) fn arrange(
        &mut self,
        frame: &Frame,
        arrangement: Arrangement,
        find: &Find,
    ) -> Arranged {
        let row = |place: u32| &frame.rows[place as usize];
        let joined = if arrangement.joins_ends {
            JoinedEnds::of(&frame.rows)
        } else {
            JoinedEnds::default()
        };
        let shows_all = find.is_empty() && !arrangement.joins_ends;
        let by = Some((arrangement.by, arrangement.descending));
        let order = if shows_all && by == self.by && arrangement.is_by_ends() {
            self.with_changes(frame, arrangement)
        } else {
            let mut order = with_missing(self.known(frame, Frame::moved), frame);
            let mut finder = Finder::of(find);
            order.retain(|place| {
                let other = joined.server_of(*place).map(row);
                !joined.is_hidden(*place) && finder.finds(row(*place), other)
            });
            // Of the stable kind, because that one makes use of what is in order.
            order.sort_by(|a, b| arrangement.compare(row(*a), row(*b)));
            order
        };
        self.serial = frame.serial;
        self.order.clone_from(&order);
        self.by = by;
        Arranged::of(frame, arrangement, order, joined)
    }

    /// Sorts the rows of which the state or the ends have changed among the others, which are in their order already.
    fn with_changes(&self, frame: &Frame, arrangement: Arrangement) -> Vec<u32> {
        let compare = |a: &u32, b: &u32| {
            let row = |place: u32| &frame.rows[place as usize];
            arrangement.compare(row(*a), row(*b))
        };
        let sorted = self.known(frame, Frame::moved_unchanged);
        let count = sorted.len();
        let mut order = with_missing(sorted, frame);
        let (sorted, changed) = order.split_at_mut(count);
        if changed.len() > count / FEW {
            order.sort_by(compare);
            return order;
        }
        changed.sort_by(compare);
        let mut merged = Vec::with_capacity(sorted.len() + changed.len());
        let mut rest = &*sorted;
        for place in &*changed {
            let before = rest.partition_point(|it| compare(it, place).is_lt());
            merged.extend_from_slice(&rest[..before]);
            merged.push(*place);
            rest = &rest[before..];
        }
        merged.extend_from_slice(rest);
        merged
    }

    /// Returns the rows that are known, in their last order; `moved` says which of a frame that follows are.
    fn known(&self, frame: &Frame, moved: fn(&Frame, &[u32]) -> Vec<u32>) -> Vec<u32> {
        match frame.serial.checked_sub(self.serial) {
            Some(0) => self.order.clone(),
            Some(1) => moved(frame, &self.order),
            _ => Vec::new(),
        }
    }
}

/// Returns these places, and behind them those of all other rows.
fn with_missing(mut places: Vec<u32>, frame: &Frame) -> Vec<u32> {
    let count = u32::try_from(frame.rows.len()).expect("a table has no 2^32 sockets");
    if places.len() == frame.rows.len() {
        return places;
    }
    let mut is_placed = vec![false; frame.rows.len()];
    for place in &places {
        is_placed[*place as usize] = true;
    }
    places.extend((0..count).filter(|place| !is_placed[*place as usize]));
    places
}

/// One of so many rows may have changed where only those that have are sorted.
const FEW: usize = 8;

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
        Sorter::default().arrange(frame, arrangement, find)
    }

    /// Groups the rows of a frame, which are in their order.
    fn of(frame: &Frame, arrangement: Arrangement, order: Vec<u32>, joined: JoinedEnds) -> Self {
        let row = |place: u32| &frame.rows[place as usize];
        // Those of all rows were made when these were compared, without a second look at each.
        let of_all = frame.sums.as_ref();
        let of_all = of_all.filter(|_| order.len() == frame.rows.len());
        let sums = of_all.cloned().unwrap_or_else(|| {
            let mut sums = RowSums::default();
            for place in &order {
                sums.add(row(*place));
            }
            sums
        });
        let rates = sums.rates();
        let RowSums {
            present, states, ..
        } = sums;
        if arrangement.grouping == Grouping::None {
            return Self {
                present,
                rates,
                states,
                order,
                groups: Vec::new(),
                joined,
            };
        }
        let mut places: HashMap<GroupKey, Vec<u32>> = HashMap::new();
        for place in order {
            let server = joined.server_of(place).map(row);
            let key = GroupKey::of_joined(row(place), server, arrangement.grouping);
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
            states,
            order: Vec::new(),
            groups,
            joined,
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
            let place = **place as usize;
            place < frame.present || keep(&frame.rows[place])
        };
        let line = |place: &u32| TableLine::Row(*place);
        let mut lines = Vec::with_capacity(self.order.len());
        if self.groups.is_empty() {
            lines.extend(self.order.iter().filter(is_shown).map(line));
            return lines;
        }
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
        slow.counters.as_mut().unwrap().rtt = 1_000_000;
        let mut unknown = row(2);
        unknown.counters = None;
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

    proptest::proptest! {
        #[test]
        fn each_frame_is_in_the_order_that_it_has_by_itself(
            frames in proptest::collection::vec(
                (proptest::collection::vec((1_u64..40, 0_u32..4), 0..30), 0_usize..3, 0_usize..3),
                1..8,
            ),
        ) {
            let mut sorter = Sorter::default();
            let mut frame = Frame::default();
            for (rows, by, find) in frames {
                let rows = rows.into_iter().map(|(cookie, queue)| {
                    let state = [State::Established, State::CloseWait][queue as usize / 3];
                    let mut row = row_of(cookie, state);
                    row.connection.recv_queue = queue;
                    row
                });
                frame = frame.followed_by(rows.collect(), Baseline::Previous, Instant::now());
                let arrangement = Arrangement {
                    by: [TopColumn::Peer, TopColumn::RecvQueue, TopColumn::State][by],
                    ..Arrangement::default()
                };
                let find = Find::of(["", "198.51.100.1", "198.51.100.2"][find]);
                let alone = Arranged::new(&frame, arrangement, &find).order;
                let mut sorted = sorter.arrange(&frame, arrangement, &find).order;
                proptest::prop_assert_eq!(&sorted, &alone);
                // The same frame, found and sorted otherwise.
                sorted = sorter.arrange(&frame, Arrangement::default(), &Find::default()).order;
                proptest::prop_assert_eq!(sorted.len(), frame.rows.len());
                if frame.serial % 2 == 0 {
                    let _ = sorter.arrange(&frame, arrangement, &find);
                }
            }
        }
    }

    #[test]
    fn all_words_are_on_a_row_that_is_found() {
        let mut held = row_of(2, State::CloseWait);
        held.names_mut().netns = Some("blue".into());
        held.names_mut().unit = Some("Nginx.service".into());
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
                ..Arrangement::default()
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
