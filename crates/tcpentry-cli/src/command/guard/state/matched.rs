//! The time for which a connection has matched: in every look, by its identity.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::found::NamespacedKey;

/// The connections that matched in the last look, each with the first look from which on it has matched in every one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matched(HashMap<NamespacedKey, Instant>);

impl Matched {
    /// Takes what a look found, and forgets what it did not. Returns for each if it has matched for so long.
    pub(crate) fn look(
        &mut self,
        found: impl Iterator<Item = NamespacedKey>,
        at: Instant,
        long: Duration,
    ) -> Vec<bool> {
        let before = std::mem::take(&mut self.0);
        let since = |key| {
            let since = before.get(&key).copied().unwrap_or(at);
            self.0.insert(key, since);
            at.saturating_duration_since(since) >= long
        };
        found.map(since).collect()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
