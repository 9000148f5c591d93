//! Attempts that are made again until they succeed: a failure is told once.

use std::time::Instant;

/// Something that is tried again for as long as it fails.
#[derive(Debug, Default)]
pub(super) struct Retry {
    due: Option<Instant>,
    /// The failures of the last attempt, in words.
    failures: Vec<String>,
}

impl Retry {
    /// Takes how an attempt went. Where something failed, another one is due at that time. Returns the failures that are new: that
    /// the attempt before did not have.
    pub(super) fn attempted(&mut self, failures: Vec<String>, next: Instant) -> Vec<String> {
        self.due = (!failures.is_empty()).then_some(next);
        let before = std::mem::replace(&mut self.failures, failures);
        let new = self.failures.iter().filter(|it| !before.contains(it));
        new.cloned().collect()
    }

    /// Plans the next attempt at this time, also where the last one did not fail.
    pub(super) fn plan(&mut self, next: Instant) {
        self.due = Some(next);
    }

    /// Takes note that there is nothing to attempt any more.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// Returns the time of the next attempt, if there is to be one.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Returns what has failed, and is tried again.
    pub(super) fn failures(&self) -> &[String] {
        &self.failures
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_failure_is_told_once_until_the_attempt_has_succeeded() {
        let failures = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let now = Instant::now();
        let next = now + Duration::from_secs(1);
        let mut retry = Retry::default();
        assert!(retry.due().is_none() && !retry.is_due(next));
        let told = retry.attempted(failures(&["full"]), next);
        assert_eq!(told, ["full"]);
        assert!(!retry.is_due(now) && retry.is_due(next));
        assert_eq!(
            retry.attempted(failures(&["full", "gone"]), next),
            ["gone"],
            "but for what was told"
        );
        retry.plan(now);
        assert!(retry.is_due(now));
        assert_eq!(retry.failures(), ["full", "gone"]);
        assert!(retry.attempted(Vec::new(), next).is_empty());
        assert!(retry.due().is_none() && retry.failures().is_empty());
        assert_eq!(retry.attempted(failures(&["full"]), next), ["full"]);
        retry.end();
        assert!(retry.due().is_none() && retry.failures().is_empty());
    }
}
