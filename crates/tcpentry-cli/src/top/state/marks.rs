//! The marked rows.

use std::collections::HashSet;

use super::super::model::RowKey;

/// The marked rows, all of which are in the current frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(HashSet<RowKey>);

impl Marks {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn contains(&self, key: RowKey) -> bool {
        self.0.contains(&key)
    }

    pub(crate) fn keys(&self) -> &HashSet<RowKey> {
        &self.0
    }

    /// Marks these rows, or unmarks them where all are marked.
    pub(super) fn toggle(&mut self, keys: Vec<RowKey>) {
        if keys.iter().all(|key| self.0.contains(key)) {
            for key in &keys {
                self.0.remove(key);
            }
        } else {
            self.0.extend(keys);
        }
    }

    pub(super) fn add(&mut self, keys: impl Iterator<Item = RowKey>) {
        self.0.extend(keys);
    }

    pub(super) fn remove(&mut self, key: RowKey) {
        self.0.remove(&key);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Unmarks the rows that are not among these.
    pub(super) fn retain(&mut self, present: &HashSet<RowKey>) {
        self.0.retain(|key| present.contains(key));
    }
}
