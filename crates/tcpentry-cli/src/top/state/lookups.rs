//! Properties of rows that were looked up since the frame was read.

use std::collections::{HashMap, HashSet};

use super::super::model::{Resolved, Row, RowKey};

#[derive(Clone, Debug, Default)]
pub(super) struct Lookups {
    resolved: HashMap<RowKey, Resolved>,
    /// Those of the last request, the only one that is sure to be answered.
    requested: HashSet<RowKey>,
}

impl Lookups {
    /// Forgets everything, for a new frame, which has what was known.
    pub(super) fn clear(&mut self) {
        self.resolved.clear();
        self.requested.clear();
    }

    pub(super) fn add(&mut self, resolved: Vec<(RowKey, Resolved)>) {
        self.resolved.extend(resolved);
    }

    /// Returns what is known of a row by now.
    pub(super) fn of(&self, row: &Row) -> Resolved {
        match self.resolved.get(&row.key) {
            Some(resolved) => resolved.or(&row.resolved),
            None => row.resolved.clone(),
        }
    }

    /// Returns those of the rows that have to be looked up, if one of them is not among those of the last request.
    pub(super) fn request<'r>(&mut self, rows: impl Iterator<Item = &'r Row>) -> Vec<RowKey> {
        let is_known = |row: &Row| {
            let resolved = self.of(row);
            let has_holders = resolved.holders.is_some() || row.connection.inode.is_none();
            has_holders && resolved.deletability.is_some()
        };
        let unknown = rows.filter(|row| row.is_present() && !is_known(row));
        let unknown: Vec<_> = unknown.map(|row| row.key).collect();
        if unknown.iter().all(|key| self.requested.contains(key)) {
            return Vec::new();
        }
        self.requested = unknown.iter().copied().collect();
        unknown
    }
}
