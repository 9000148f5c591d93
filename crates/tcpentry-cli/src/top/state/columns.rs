//! The columns that are shown, and the chooser in which they are changed.

use crate::args::{Grouping, TopColumn};

#[derive(Clone, Debug)]
pub(crate) struct ColumnChooser {
    /// The visible columns, in their order.
    pub(crate) shown: Vec<TopColumn>,
    /// Rows have a host.
    has_hosts: bool,
    /// The line of the cursor in the chooser.
    pub(crate) cursor: usize,
    /// The number of columns that are scrolled away; 0 shows those of most use.
    offset: usize,
    /// The offset from which all columns to the right are on the screen, once it has been drawn.
    last_offset: usize,
}

impl ColumnChooser {
    pub(super) fn new(shown: Vec<TopColumn>) -> Self {
        Self {
            has_hosts: shown.contains(&TopColumn::Host),
            shown,
            cursor: 0,
            offset: 0,
            last_offset: 0,
        }
    }

    /// Offers the column of hosts, too.
    pub(crate) fn offer_hosts(&mut self) {
        self.has_hosts = true;
    }

    /// Returns true where rows have a host.
    pub(super) const fn has_hosts(&self) -> bool {
        self.has_hosts
    }

    /// Returns all columns that can be chosen.
    pub(super) fn all(&self) -> impl Iterator<Item = TopColumn> {
        let all = TopColumn::all().iter().copied();
        all.filter(|column| self.has_hosts || *column != TopColumn::Host)
    }

    /// Returns the number of columns that are scrolled away.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// Scrolls the columns to the right, or to the left.
    pub(crate) fn scroll(&mut self, columns: isize) {
        self.offset = self
            .offset
            .saturating_add_signed(columns)
            .min(self.last_offset);
    }

    /// Sets the offset from which all columns to the right are on the screen.
    pub(crate) fn limit_offset(&mut self, last: usize) {
        self.last_offset = last;
        self.offset = self.offset.min(last);
    }

    /// Returns the columns of the table: of groups, their names and sizes come first.
    pub(super) fn visible(&self, grouping: Grouping) -> Vec<TopColumn> {
        let Some(name) = grouping.column() else {
            return self.shown.clone();
        };
        let first = [name, TopColumn::Count];
        let others = self.shown.iter().filter(|column| !first.contains(column));
        let mut columns: Vec<_> = first.iter().chain(others).copied().collect();
        // The worst of a group is worth a look where that of each row is not.
        if !columns.contains(&TopColumn::Rtt) {
            columns.push(TopColumn::Rtt);
        }
        columns
    }

    /// Returns all columns as the chooser lists them: the visible ones in their order, then the others.
    pub(crate) fn choices(&self) -> Vec<TopColumn> {
        let hidden = self.all().filter(|column| !self.shown.contains(column));
        self.shown.iter().copied().chain(hidden).collect()
    }

    /// Returns the column under the chooser's cursor.
    pub(crate) fn current(&self) -> Option<TopColumn> {
        self.choices().get(self.cursor).copied()
    }

    /// Moves the chooser's cursor down, or up.
    pub(crate) fn move_cursor(&mut self, lines: isize) {
        let last = self.choices().len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(lines).min(last);
    }

    /// Shows the current column, or hides it unless it is the last one shown; the cursor follows it.
    pub(crate) fn toggle(&mut self) {
        let Some(column) = self.current() else { return };
        match self.place_of(column) {
            Some(_) if self.shown.len() == 1 => {}
            Some(place) => _ = self.shown.remove(place),
            None => self.shown.push(column),
        }
        let place = self.choices().iter().position(|it| *it == column);
        self.cursor = place.unwrap_or_default();
    }

    /// Moves the current column to the left; the cursor follows it.
    pub(crate) fn move_left(&mut self) {
        if (1..self.shown.len()).contains(&self.cursor) {
            self.shown.swap(self.cursor, self.cursor - 1);
            self.cursor -= 1;
        }
    }

    /// Moves the current column to the right; the cursor follows it.
    pub(crate) fn move_right(&mut self) {
        if self.cursor + 1 < self.shown.len() {
            self.shown.swap(self.cursor, self.cursor + 1);
            self.cursor += 1;
        }
    }

    fn place_of(&self, column: TopColumn) -> Option<usize> {
        self.shown.iter().position(|it| *it == column)
    }
}
