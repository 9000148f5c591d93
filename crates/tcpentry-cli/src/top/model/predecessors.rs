//! The rows of the frame before, found by the keys of the next one.

use foldhash::{HashMap, HashSet};

use super::row::{Row, RowKey};

/// The rows of a frame, each of which is taken once.
///
/// The kernel lists its sockets in the order of its table, so that the next row is mostly the one that followed before:
/// only where that is not so, rows are searched for.
pub(super) struct Predecessors<'r> {
    rows: &'r [Row],
    /// The place after the row that was taken last.
    next: usize,
    taken: Vec<bool>,
    /// The places of the rows, once one was searched for.
    places: Option<HashMap<RowKey, u32>>,
    /// Those that were not there.
    others: HashSet<RowKey>,
}

/// The row that a socket had in the frame before.
pub(super) enum Predecessor<'r> {
    At(u32, &'r Row),
    /// The socket has been asked about already.
    Taken,
    None,
}

impl<'r> Predecessors<'r> {
    pub(super) fn new(rows: &'r [Row]) -> Self {
        Self {
            rows,
            next: 0,
            taken: vec![false; rows.len()],
            places: None,
            others: HashSet::default(),
        }
    }

    /// Returns the row of a socket, the first time that it is asked for.
    pub(super) fn take(&mut self, key: RowKey) -> Predecessor<'r> {
        let Some(place) = self.find(key) else {
            return if self.others.insert(key) {
                Predecessor::None
            } else {
                Predecessor::Taken
            };
        };
        self.next = place as usize + 1;
        if std::mem::replace(&mut self.taken[place as usize], true) {
            return Predecessor::Taken;
        }
        Predecessor::At(place, &self.rows[place as usize])
    }

    fn find(&mut self, key: RowKey) -> Option<u32> {
        if self.rows.get(self.next).is_some_and(|row| row.key == key) {
            return u32::try_from(self.next).ok();
        }
        let rows = self.rows;
        let places = self
            .places
            .get_or_insert_with(|| rows.iter().map(|row| row.key).zip(0..).collect());
        places.get(&key).copied()
    }

    /// Returns the rows that were not taken, with their places.
    pub(super) fn left(&self) -> impl Iterator<Item = (u32, &'r Row)> {
        let rows = (0..).zip(self.rows).zip(&self.taken);
        rows.filter(|(_, taken)| !**taken).map(|(row, _)| row)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{key, row};
    use super::*;

    fn places(keys: &[u64]) -> (Vec<Option<u32>>, Vec<u32>) {
        let rows: Vec<Row> = [1, 2, 3, 4].map(row).to_vec();
        let mut before = Predecessors::new(&rows);
        let taken = keys
            .iter()
            .filter_map(|cookie| match before.take(key(*cookie)) {
                Predecessor::At(place, row) => {
                    assert_eq!(row.key, key(*cookie));
                    Some(Some(place))
                }
                Predecessor::Taken => None,
                Predecessor::None => Some(None),
            });
        let taken = taken.collect();
        (taken, before.left().map(|(place, _)| place).collect())
    }

    #[test]
    fn each_is_found_once_in_any_order() {
        for (keys, taken, left) in [
            (
                &[1, 2, 3, 4][..],
                &[Some(0), Some(1), Some(2), Some(3)][..],
                &[][..],
            ),
            (&[1, 3, 4], &[Some(0), Some(2), Some(3)], &[1]),
            (&[3, 4, 1, 2], &[Some(2), Some(3), Some(0), Some(1)], &[]),
            (&[9, 1, 8, 2, 9], &[None, Some(0), None, Some(1)], &[2, 3]),
            (&[1, 1, 2, 1, 2], &[Some(0), Some(1)], &[2, 3]),
            (&[], &[], &[0, 1, 2, 3]),
        ] {
            assert_eq!(places(keys), (taken.to_vec(), left.to_vec()), "{keys:?}");
        }
    }
}
