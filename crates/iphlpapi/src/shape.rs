//! The sizes of tables: of one with so many rows, and of a buffer that is to be large enough a moment later.

/// The places of the rows in a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TableShape {
    /// The offset of the first row: behind `dwNumEntries`, and behind its padding where the rows hold 64-bit fields, which
    /// Windows aligns to 8.
    pub(crate) first: usize,
    /// The length of a row.
    pub(crate) row: usize,
}

impl TableShape {
    /// Returns the size of a table with this many rows.
    pub(crate) const fn size(self, rows: usize) -> usize {
        self.first + rows * self.row
    }

    /// Returns the size of the table's type, which has one row.
    ///
    /// A buffer that is smaller is too small for an empty table, too: whoever has one reads it through a pointer to that
    /// type.
    pub(crate) const fn least(self) -> usize {
        self.size(1)
    }

    /// Returns the size of a buffer for a table that has this many rows now: most programs call again only once, and until
    /// then rows are added.
    pub(crate) const fn with_slack(self, rows: usize) -> usize {
        self.size(rows + SLACK + rows / SLACK)
    }

    /// Fills an empty table up with zeros, to the size of its type.
    pub(crate) fn whole_type(self, mut table: Vec<u8>) -> Vec<u8> {
        table.resize(table.len().max(self.least()), 0);
        table
    }

    /// Returns the number of rows for which a buffer has room; `None` where it is smaller than the type.
    pub(crate) const fn rows_in(self, bytes: usize) -> Option<usize> {
        if bytes < self.least() {
            return None;
        }
        Some((bytes - self.first) / self.row)
    }
}

/// The rows by which a table may grow: so many, and one for each so many that it has.
const SLACK: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_never_smaller_than_its_type() {
        let shape = TableShape { first: 8, row: 160 };
        assert_eq!(shape.least(), 168);
        assert_eq!(
            [0, 167, 168, 327, 328].map(|bytes| shape.rows_in(bytes)),
            [None, None, Some(1), Some(1), Some(2)]
        );
    }

    #[test]
    fn a_table_may_grow_by_eight_rows_and_an_eighth() {
        let shape = TableShape { first: 4, row: 20 };
        assert_eq!(shape.with_slack(0), 4 + 8 * 20);
        assert_eq!(shape.with_slack(800), 4 + 908 * 20);
    }
}
