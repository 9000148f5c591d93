//! The cursor and the lines on the screen: it stays on what it is on, wherever that moves.

use super::super::model::{Group, Key, Row, TableLine};
use super::Top;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Chosen {
    Row(Key),
    Group(String),
}

impl Top {
    /// Makes the lines anew, and keeps the cursor on what it was on.
    pub(super) fn lay_out(&mut self) {
        self.lines = self.arranged.lines(&self.open);
        let stays = self.chosen.as_ref().and_then(|chosen| {
            let is_it = |line: &TableLine| self.is_on(*line, chosen);
            match self.lines.get(self.cursor) {
                Some(line) if is_it(line) => Some(self.cursor),
                _ => self.lines.iter().position(is_it),
            }
        });
        // Where it has gone, the cursor stays in its place of the screen.
        let place = stays.unwrap_or(self.cursor);
        if stays.is_some() && place != self.cursor {
            let on_screen = self.cursor.saturating_sub(self.first);
            self.first = place.saturating_sub(on_screen);
        }
        self.move_to(place);
    }

    fn is_on(&self, line: TableLine, chosen: &Chosen) -> bool {
        match (line, chosen) {
            (TableLine::Row(place), Chosen::Row(key)) => {
                self.frame.rows[place as usize].key == *key
            }
            (TableLine::Group(place), Chosen::Group(name)) => {
                self.arranged.groups[place as usize].name == *name
            }
            _ => false,
        }
    }

    /// Moves the cursor to a line, and the screen with it.
    pub(crate) fn move_to(&mut self, line: usize) {
        self.cursor = line.min(self.lines.len().saturating_sub(1));
        self.chosen = self.lines.get(self.cursor).map(|line| match line {
            TableLine::Row(place) => Chosen::Row(self.frame.rows[*place as usize].key),
            TableLine::Group(place) => {
                Chosen::Group(self.arranged.groups[*place as usize].name.clone())
            }
        });
        self.keep_in_view();
    }

    /// Moves it by so many lines.
    pub(crate) fn move_by(&mut self, lines: isize) {
        self.move_to(self.cursor.saturating_add_signed(lines));
    }

    /// How many lines fit on the screen.
    pub(crate) fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.keep_in_view();
    }

    fn keep_in_view(&mut self) {
        let last = self.lines.len().saturating_sub(self.height);
        let nearest = self.cursor.saturating_sub(self.height - 1);
        self.first = self
            .first
            .clamp(nearest, self.cursor.max(nearest))
            .min(last);
    }

    /// The lines on the screen.
    pub(crate) fn visible(&self) -> &[TableLine] {
        let end = (self.first + self.height).min(self.lines.len());
        self.lines.get(self.first..end).unwrap_or_default()
    }

    pub(crate) fn row(&self, place: u32) -> &Row {
        &self.frame.rows[place as usize]
    }

    pub(crate) fn group(&self, place: u32) -> &Group {
        &self.arranged.groups[place as usize]
    }

    pub(crate) fn is_open(&self, group: &Group) -> bool {
        self.open.contains(&group.name)
    }

    /// The row under the cursor.
    pub(crate) fn current(&self) -> Option<&Row> {
        match self.lines.get(self.cursor)? {
            TableLine::Row(place) => Some(self.row(*place)),
            TableLine::Group(_) => None,
        }
    }

    /// The rows that a line stands for.
    pub(super) fn rows_of(&self, line: TableLine) -> Vec<Key> {
        let key = |place: &u32| self.row(*place).key;
        match line {
            TableLine::Row(place) => vec![key(&place)],
            TableLine::Group(place) => self.group(place).rows.iter().map(key).collect(),
        }
    }
}
