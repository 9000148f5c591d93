//! The table on the screen: its lines, the part of them that is seen, and the cursor.
//!
//! The screen stays in its place while rows move. Once the cursor was moved it stays on its row while that is on the screen;
//! only a row that is followed takes the screen along.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::super::model::{
    Arranged, Arrangement, Find, Frame, Group, GroupKey, Rates, Row, RowKey, StateCounts, TableLine,
};
use super::totals::Totals;
use crate::args::{Grouping, TopColumn};

/// The lines of the table, the part of them that is on the screen, and the cursor.
#[derive(Debug, Default)]
pub(crate) struct TableView {
    pub(crate) frame: Arc<Frame>,
    pub(crate) arrangement: Arrangement,
    /// The words that are searched for.
    find: Find,
    /// The holders of all rows of the frame are known, as far as they can be.
    has_holders: bool,
    arranged: Arranged,
    pub(crate) totals: Totals,
    /// The groups that are expanded.
    expanded: HashSet<GroupKey>,
    /// The column and the direction that rows were sorted by before they were grouped.
    ungrouped: Option<(TopColumn, bool)>,
    pub(crate) lines: Vec<TableLine>,
    /// The number of lines before those of rows that have left.
    living: usize,
    /// Rows that have left are not shown.
    pub(crate) hides_left: bool,
    /// The row or group that the cursor was moved to. `None` where it keeps its place, whatever comes there.
    held: Option<LineId>,
    /// The screen scrolls after the line that is held.
    is_following: bool,
    /// The line of the cursor.
    pub(crate) cursor: usize,
    /// The first line on the screen.
    pub(crate) first: usize,
    /// The number of lines that fit on the screen.
    pub(crate) height: usize,
    /// The line that was clicked last.
    pub(crate) clicked: Option<usize>,
}

/// The identity of a line, which stays while the line moves.
#[derive(Clone, Debug, Eq, PartialEq)]
enum LineId {
    Row(RowKey),
    Group(GroupKey),
}

impl TableView {
    pub(super) fn new(arrangement: Arrangement) -> Self {
        Self {
            arrangement,
            height: 1,
            ..Self::default()
        }
    }

    /// Shows a new frame, in the order that is wanted by now.
    pub(super) fn set_frame(
        &mut self,
        frame: Arc<Frame>,
        (arrangement, find): (Arrangement, &Find),
        arranged: Arranged,
    ) {
        self.frame = frame;
        self.has_holders = arrangement.needs_holders(find);
        let is_wanted = arrangement == self.arrangement && *find == self.find;
        self.arranged = if is_wanted || self.frame.is_large() {
            arranged
        } else {
            Arranged::new(&self.frame, self.arrangement, &self.find)
        };
        let rates = self.arranged.rates;
        self.totals.take(&self.frame, &self.find, rates);
        self.lay_out();
    }

    /// Changes the order. A large table, or one whose holders are not known, keeps its order until the worker sends it anew.
    pub(super) fn arrange(&mut self, arrangement: Arrangement) {
        if arrangement.grouping != self.arrangement.grouping {
            self.expanded.clear();
        }
        let is_known = self.has_holders || !arrangement.needs_holders(&self.find);
        self.arrangement = arrangement;
        if is_known {
            self.rearrange();
        }
        self.show_top();
    }

    /// Searches for other words. Returns false where the worker has to send what is found: the table is large, or holders are
    /// not known yet.
    pub(super) fn set_find(&mut self, find: Find) -> bool {
        self.find = find;
        self.rearrange();
        self.show_top();
        !self.frame.is_large() && (self.has_holders || self.find.is_empty())
    }

    fn rearrange(&mut self) {
        if !self.frame.is_large() {
            self.arranged = Arranged::new(&self.frame, self.arrangement, &self.find);
            self.lay_out();
        }
    }

    pub(crate) const fn find(&self) -> &Find {
        &self.find
    }

    /// Returns the number of rows that are selected and found, and present.
    pub(crate) const fn present(&self) -> usize {
        self.arranged.present
    }

    /// Returns the sum of their rates, where it is known.
    pub(crate) const fn rates(&self) -> Option<Rates> {
        self.arranged.rates
    }

    /// Returns the arrangement in other groups. Without any, rows are sorted as they were before.
    pub(super) fn regrouped(&mut self, grouping: Grouping) -> Arrangement {
        let before = self.arrangement;
        if before.grouping == Grouping::None {
            self.ungrouped = Some((before.by, before.descending));
        }
        let next = before.grouped_by(grouping);
        if grouping != Grouping::None || next.by != TopColumn::Count {
            return next;
        }
        let (by, descending) = self.ungrouped.unwrap_or((TopColumn::State, false));
        Arrangement {
            by,
            descending,
            grouping,
            ..before
        }
    }

    /// Returns the number of those rows in each state.
    pub(crate) const fn states(&self) -> &StateCounts {
        &self.arranged.states
    }

    /// Shows the first lines, as after a change of what is shown; not where a line is followed.
    pub(super) fn show_top(&mut self) {
        if !self.is_following {
            self.move_to_top();
        }
    }

    /// Moves the cursor to the first line, whatever that will be.
    pub(crate) fn move_to_top(&mut self) {
        self.held = None;
        self.is_following = false;
        (self.cursor, self.first) = (0, 0);
    }

    /// Follows the line under the cursor, or no longer.
    pub(crate) fn toggle_follow(&mut self) {
        let is_following = !self.is_following;
        self.hold();
        self.is_following = is_following && self.held.is_some();
    }

    /// Returns true while a line is followed.
    pub(crate) const fn is_following(&self) -> bool {
        self.is_following
    }

    /// Keeps the cursor on its line.
    pub(super) fn hold(&mut self) {
        self.held = self.lines.get(self.cursor).map(|line| match line {
            TableLine::Row(place) => LineId::Row(self.row(*place).key),
            TableLine::Group(place) => LineId::Group(self.group(*place).key.clone()),
        });
    }

    /// Expands a group, or collapses it.
    pub(super) fn toggle_group(&mut self, group: u32) {
        let key = self.group(group).key.clone();
        if !self.expanded.remove(&key) {
            self.expanded.insert(key);
        }
        self.hold();
        self.lay_out();
    }

    /// Rebuilds the lines. The screen stays, and the cursor on it.
    fn lay_out(&mut self) {
        // The row that was chosen stays where it was seen to leave; others are at the end, as many as there is room for.
        let held = match self.held {
            Some(LineId::Row(key)) if self.cursor < self.living => Some(key),
            _ => None,
        };
        let keep = |row: &Row| held == Some(row.key);
        self.lines = self.arranged.lines(&self.frame, &self.expanded, keep);
        self.living = self.lines.len();
        let room = self.height.saturating_sub(self.living);
        if !self.hides_left && room > 0 && self.frame.has_left_rows() {
            let has_left = |place: &&u32| {
                let row = self.row(**place);
                !row.is_present() && !keep(row)
            };
            let left = self.arranged.order.iter().filter(has_left).take(room);
            let left: Vec<_> = left.map(|place| TableLine::Row(*place)).collect();
            self.lines.extend(left);
        }
        match self.find_held() {
            Some(line) if self.is_following => {
                let on_screen = self.cursor.saturating_sub(self.first);
                self.first = line.saturating_sub(on_screen);
                self.cursor = line;
            }
            Some(line) if (self.first..self.first + self.height).contains(&line) => {
                self.cursor = line;
            }
            // It has gone, or left the screen.
            Some(_) | None => {
                self.held = None;
                self.is_following = false;
            }
        }
        self.cursor = self.cursor.min(self.lines.len().saturating_sub(1));
        self.scroll_to_cursor();
    }

    /// Returns the line of what is held.
    fn find_held(&self) -> Option<usize> {
        let held = self.held.as_ref()?;
        let is_it = |line: &TableLine| self.has_id(*line, held);
        match self.lines.get(self.cursor) {
            Some(line) if is_it(line) => Some(self.cursor),
            _ => self.lines.iter().position(is_it),
        }
    }

    fn has_id(&self, line: TableLine, id: &LineId) -> bool {
        match (line, id) {
            (TableLine::Row(place), LineId::Row(key)) => self.row(place).key == *key,
            (TableLine::Group(place), LineId::Group(key)) => self.group(place).key == *key,
            _ => false,
        }
    }

    /// Moves the cursor to a line, and scrolls to it.
    pub(crate) fn move_to(&mut self, line: usize) {
        self.cursor = line.min(self.lines.len().saturating_sub(1));
        self.is_following = false;
        self.hold();
        self.scroll_to_cursor();
    }

    /// Moves the cursor down by this many lines, or up.
    pub(crate) fn move_by(&mut self, lines: isize) {
        self.move_to(self.cursor.saturating_add_signed(lines));
    }

    /// Sets the number of lines that fit on the screen.
    pub(crate) fn set_height(&mut self, height: usize) {
        let height = height.max(1);
        if height != self.height {
            self.height = height;
            if self.frame.has_left_rows() {
                self.lay_out();
            }
        }
        self.scroll_to_cursor();
    }

    /// Hides the rows that have left, or shows them.
    pub(crate) fn toggle_left(&mut self) {
        self.hides_left = !self.hides_left;
        self.lay_out();
    }

    fn scroll_to_cursor(&mut self) {
        let last = self.lines.len().saturating_sub(self.height);
        let nearest = self.cursor.saturating_sub(self.height - 1);
        self.first = self
            .first
            .clamp(nearest, self.cursor.max(nearest))
            .min(last);
    }

    /// Returns the lines on the screen.
    pub(crate) fn visible(&self) -> &[TableLine] {
        let end = (self.first + self.height).min(self.lines.len());
        self.lines.get(self.first..end).unwrap_or_default()
    }

    /// Returns the rows on the screen, with the other ends that they stand for.
    pub(super) fn visible_rows(&self) -> impl Iterator<Item = &Row> {
        let rows = self.visible().iter().filter_map(|line| match line {
            TableLine::Row(place) => Some(*place),
            TableLine::Group(_) => None,
        });
        rows.flat_map(|place| {
            let row = Some(self.row(place));
            row.into_iter().chain(self.other_end(place))
        })
    }

    /// Returns the other end of the connection that a row stands for.
    pub(crate) fn other_end(&self, place: u32) -> Option<&Row> {
        let server = self.arranged.joined.server_of(place);
        server.map(|place| self.row(place))
    }

    /// Returns the number of rows that stand for both ends of their connection.
    pub(super) fn count_joined(&self) -> usize {
        self.arranged.joined.count()
    }

    /// Returns all rows of the frame, each connection once where both its ends are one row.
    pub(super) fn all_rows(&self) -> impl Iterator<Item = &Row> {
        let places = (0..).zip(&self.frame.rows);
        let shown = places.filter(|(place, _)| !self.arranged.joined.is_hidden(*place));
        shown.map(|(_, row)| row)
    }

    /// Returns the addresses of the peers on the screen, and those of the groups of a peer.
    pub(super) fn visible_peers(&self) -> impl Iterator<Item = IpAddr> {
        self.visible().iter().filter_map(|line| match line {
            TableLine::Row(place) => Some(self.row(*place).peer_address()),
            TableLine::Group(place) => self.group(*place).peer(),
        })
    }

    pub(crate) fn row(&self, place: u32) -> &Row {
        &self.frame.rows[place as usize]
    }

    pub(crate) fn group(&self, place: u32) -> &Group {
        &self.arranged.groups[place as usize]
    }

    pub(crate) fn is_expanded(&self, group: &Group) -> bool {
        self.expanded.contains(&group.key)
    }

    /// Returns the line under the cursor.
    pub(super) fn current_line(&self) -> Option<TableLine> {
        self.lines.get(self.cursor).copied()
    }

    /// Returns the row under the cursor.
    pub(crate) fn current_row(&self) -> Option<&Row> {
        match self.current_line()? {
            TableLine::Row(place) => Some(self.row(place)),
            TableLine::Group(_) => None,
        }
    }

    /// Returns the rows of the line under the cursor: one, or those of the group.
    pub(super) fn current_keys(&self) -> Vec<RowKey> {
        let key = |place: &u32| self.row(*place).key;
        match self.current_line() {
            Some(TableLine::Row(place)) => vec![key(&place)],
            Some(TableLine::Group(place)) => self.group(place).rows.iter().map(key).collect(),
            None => Vec::new(),
        }
    }

    /// Returns all rows in the order of the screen, also those of collapsed groups.
    pub(super) fn rows_in_order(&self) -> impl Iterator<Item = &Row> {
        let groups = self.arranged.groups.iter().flat_map(|group| &group.rows);
        let places = self.arranged.order.iter().chain(groups);
        places.map(|place| self.row(*place))
    }
}
