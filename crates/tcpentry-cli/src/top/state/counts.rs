//! The outcomes of a deletion, counted.

use tcpentry::Outcome;

/// The number of a deletion's sockets by outcome.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) deleted: usize,
    pub(crate) gone: usize,
    pub(crate) not_deleted: usize,
}

impl Counts {
    pub(super) fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Deleted => self.deleted += 1,
            Outcome::Gone => self.gone += 1,
            _ => self.not_deleted += 1,
        }
    }

    /// Returns the counts other than zero, in words.
    pub(super) fn summary(self) -> String {
        let parts = [
            (self.deleted, "deleted"),
            (self.gone, "already gone"),
            (self.not_deleted, "not deleted (l: log)"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        parts.join(", ")
    }
}
