//! Reports of the service about itself, made again whenever they have changed: not more often than anybody reads it.

use std::time::{Duration, Instant};

/// The reports, and the time from which there may be others.
#[derive(Debug)]
pub(super) struct Reports {
    pub(super) summary: LastText,
    pub(super) metrics: LastText,
    next: Instant,
    /// Set where something may have changed before that time.
    is_pending: bool,
}

/// A report as it was made last.
#[derive(Debug, Default)]
pub(super) struct LastText(String);

impl Reports {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            summary: LastText::default(),
            metrics: LastText::default(),
            next: now,
            is_pending: false,
        }
    }

    /// Returns true if it is time for reports; they are due later where it is not.
    pub(super) fn may_begin(&mut self, now: Instant) -> bool {
        self.is_pending = now < self.next;
        !self.is_pending
    }

    /// Takes note that something was reported: after that there is a pause.
    pub(super) fn pause(&mut self, now: Instant) {
        self.next = now + PAUSE;
    }

    /// Returns the time at which there is something to report, if there may be.
    pub(super) fn due(&self) -> Option<Instant> {
        self.is_pending.then_some(self.next)
    }
}

impl LastText {
    /// Takes another text; returns false where it is the last one.
    pub(super) fn replace(&mut self, text: &str) -> bool {
        let is_new = self.0 != text;
        if is_new {
            text.clone_into(&mut self.0);
        }
        is_new
    }
}

const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_in_the_pause_is_due_at_its_end_and_only_once() {
        let now = Instant::now();
        let mut reports = Reports::new(now);
        assert!(reports.may_begin(now));
        assert!(reports.summary.replace("1"));
        reports.pause(now);
        assert_eq!(reports.due(), None);
        assert!(!reports.may_begin(now + PAUSE / 2));
        assert_eq!(reports.due(), Some(now + PAUSE));
        assert!(reports.may_begin(now + PAUSE));
        assert!(!reports.summary.replace("1"));
        assert_eq!(reports.due(), None);
    }
}
