//! The marked rows.

use std::collections::{HashMap, HashSet};

use super::super::message::SocketTarget;
use super::super::model::{Frame, RowKey};

/// The marked rows. They stay marked while another filter hides them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    keys: HashSet<RowKey>,
    /// Those that are not in the current frame, as they were last read.
    hidden: HashMap<RowKey, SocketTarget>,
}

impl Marks {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn count(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn contains(&self, key: RowKey) -> bool {
        self.keys.contains(&key)
    }

    pub(crate) fn keys(&self) -> &HashSet<RowKey> {
        &self.keys
    }

    /// Marks these rows, or unmarks them where all are marked.
    pub(super) fn toggle(&mut self, keys: Vec<RowKey>) {
        if keys.iter().all(|key| self.keys.contains(key)) {
            for key in &keys {
                self.keys.remove(key);
            }
        } else {
            self.keys.extend(keys);
        }
    }

    pub(super) fn add(&mut self, keys: impl Iterator<Item = RowKey>) {
        self.keys.extend(keys);
    }

    pub(super) fn remove(&mut self, key: RowKey) {
        self.keys.remove(&key);
        self.hidden.remove(&key);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the marked rows that the current filter hides.
    pub(crate) fn hidden(&self) -> impl ExactSizeIterator<Item = &SocketTarget> {
        self.hidden.values()
    }

    /// Unmarks the rows that have left; keeps those that are not among the present ones because something else is shown.
    pub(super) fn take_frame(&mut self, present: &HashSet<RowKey>, before: &Frame, next: &Frame) {
        let Self { keys, hidden } = self;
        hidden.retain(|key, _| !present.contains(key));
        if next.is_reset && !keys.is_empty() {
            let is_hidden = |key: &RowKey| keys.contains(key) && !present.contains(key);
            let rows = before.rows.iter();
            let rows = rows.filter(|row| row.is_present() && is_hidden(&row.key));
            hidden.extend(rows.map(|row| (row.key, SocketTarget::from(row))));
        }
        keys.retain(|key| present.contains(key) || hidden.contains_key(key));
    }
}
