//! Rows in the memory of others, each of which is replaced where it is: to drop all of a large table first takes as long as to
//! write the new ones.

use super::super::model::Row;

/// Rows that are read, in front of those that were read before.
#[derive(Default)]
pub(super) struct ReusedRows {
    rows: Vec<Row>,
    /// The number of those that were pushed.
    count: usize,
}

impl ReusedRows {
    /// Makes an empty list in the memory of these rows.
    pub(super) const fn new(before: Vec<Row>) -> Self {
        Self {
            rows: before,
            count: 0,
        }
    }

    pub(super) fn push(&mut self, row: Row) {
        match self.rows.get_mut(self.count) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
        self.count += 1;
    }

    /// Returns the rows that were pushed.
    pub(super) fn finish(mut self) -> Vec<Row> {
        self.rows.truncate(self.count);
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::model::testing::row;
    use super::*;

    #[test]
    fn no_row_of_before_is_left() {
        for before in [vec![], vec![9], vec![9, 8], vec![9, 8, 7, 6]] {
            let before = before.into_iter().map(row).collect();
            let mut rows = ReusedRows::new(before);
            for cookie in [1, 2] {
                rows.push(row(cookie));
            }
            let keys = rows.finish().into_iter().map(|row| row.key);
            assert_eq!(keys.collect::<Vec<_>>(), [1, 2].map(|it| row(it).key));
        }
    }
}
