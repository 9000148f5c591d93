//! Reports of the service about itself, made again whenever they have changed: not more often than anybody reads it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::retry::Retry;

/// The reports, and the time from which there may be others.
#[derive(Debug)]
pub(super) struct Reports {
    pub(super) summary: LastText,
    /// The metrics as they were to be written last, and their file.
    metrics: LastText,
    metrics_path: Option<PathBuf>,
    writing: Retry,
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
            metrics_path: None,
            writing: Retry::default(),
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

    /// Returns true if these metrics are to be written now: they or their file have changed, or the last attempt has failed a
    /// while ago.
    pub(super) fn may_write_metrics(&mut self, path: &Path, text: &str, now: Instant) -> bool {
        if self.writing.due().is_some_and(|due| now < due) {
            return false;
        }
        let is_elsewhere = self.metrics_path.as_deref() != Some(path);
        if is_elsewhere {
            self.metrics_path = Some(path.to_owned());
        }
        self.metrics.replace(text) || is_elsewhere || self.writing.is_due(now)
    }

    /// Takes note of how writing the metrics went; returns an error that is not known yet.
    pub(super) fn metrics_written(
        &mut self,
        written: Result<(), String>,
        now: Instant,
    ) -> Option<String> {
        let failures = written.err().into_iter().collect();
        self.writing.attempted(failures, now + RETRY).pop()
    }

    /// Takes note that no metrics are written any more, and none have to be tried again.
    pub(super) fn end_metrics(&mut self) {
        self.metrics_path = None;
        self.writing.end();
    }

    /// Returns what has failed, and is tried again.
    pub(super) fn failures(&self) -> &[String] {
        self.writing.failures()
    }

    /// Returns the time at which there is something to report, if there may be.
    pub(super) fn due(&self) -> Option<Instant> {
        let pending = self.is_pending.then_some(self.next);
        // Within the pause it would not be tried, and the loop would turn without end.
        let retry = self.writing.due().map(|due| due.max(self.next));
        pending.into_iter().chain(retry).min()
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
/// The time after which what could not be written is tried again.
const RETRY: Duration = Duration::from_secs(3);

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

    #[test]
    fn metrics_that_could_not_be_written_are_tried_again_and_an_error_is_said_once() {
        let failed = |text: &str| Err(text.to_owned());
        let said = |text: &str| Some(text.to_owned());
        let path = Path::new("guard.prom");
        let start = Instant::now();
        let mut reports = Reports::new(start);
        assert!(reports.may_write_metrics(path, "1", start));
        assert_eq!(reports.metrics_written(failed("full"), start), said("full"));
        assert_eq!(reports.due(), Some(start + RETRY));
        assert!(!reports.may_write_metrics(path, "2", start + RETRY / 2));
        let now = start + RETRY;
        assert!(
            reports.may_write_metrics(path, "1", now),
            "although it is the same"
        );
        assert_eq!(reports.metrics_written(failed("full"), now), None);
        let now = now + RETRY;
        assert!(reports.may_write_metrics(path, "1", now));
        assert_eq!(reports.metrics_written(failed("gone"), now), said("gone"));
        // A pause ends first.
        reports.pause(now + RETRY);
        assert_eq!(reports.due(), Some(now + RETRY + PAUSE));
        let now = now + RETRY + PAUSE;
        assert!(reports.may_write_metrics(path, "1", now));
        assert_eq!(reports.metrics_written(Ok(()), now), None);
        assert_eq!(reports.due(), None);
        assert!(!reports.may_write_metrics(path, "1", now));
        assert!(reports.may_write_metrics(path, "2", now));
        assert_eq!(reports.metrics_written(failed("gone"), now), said("gone"));
        reports.end_metrics();
        assert_eq!(reports.due(), None);
        assert!(reports.failures().is_empty());
    }

    #[test]
    fn metrics_are_written_when_their_file_is_another_one() {
        let now = Instant::now();
        let mut reports = Reports::new(now);
        let mut is_written = |path: &str| {
            let is_written = reports.may_write_metrics(Path::new(path), "1", now);
            assert!(!is_written || reports.metrics_written(Ok(()), now).is_none());
            is_written
        };
        assert!(is_written("old.prom") && !is_written("old.prom"));
        assert!(is_written("new.prom") && !is_written("new.prom"));
        reports.end_metrics();
        assert!(reports.may_write_metrics(Path::new("new.prom"), "1", now));
    }
}
