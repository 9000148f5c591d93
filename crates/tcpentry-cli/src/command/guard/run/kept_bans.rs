//! The bans on the disk: read at the start, written whenever they have changed.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tcpentry::filter::Prefix;

use super::retry::Retry;
use crate::command::guard::ban_file;
use crate::command::guard::service::journal::Priority;

/// The file of the bans, and the time at which it is written next.
#[derive(Debug)]
pub(super) struct KeptBans {
    path: PathBuf,
    writing: Retry,
    /// The time from which it may be written again.
    next: Instant,
}

impl KeptBans {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            path: ban_file::path(),
            writing: Retry::default(),
            next: now,
        }
    }

    /// Reads the bans of earlier runs, or returns a warning. A file that can't be read stays under another name: the next one is
    /// written in its place.
    pub(super) fn read(&self) -> Result<Vec<(Prefix, Option<Duration>)>, String> {
        ban_file::read(&self.path).map_err(|error| {
            let kept = match ban_file::put_aside(&self.path) {
                Ok(aside) => format!("; the file is {} now", aside.display()),
                Err(_) => String::new(),
            };
            let path = self.path.display();
            format!("{path}: {error}: earlier bans are not known{kept}")
        })
    }

    /// Takes note that they have changed.
    pub(super) fn changed(&mut self) {
        if self.writing.due().is_none() {
            self.writing.plan(self.next);
        }
    }

    /// Takes note that no later time will come.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.writing.due().is_some() {
            self.writing.plan(now);
        }
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.writing.due()
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.writing.is_due(now)
    }

    /// Writes these. Returns what is new about that for the log.
    pub(super) fn write(
        &mut self,
        bans: Vec<(Prefix, Option<Duration>)>,
        now: Instant,
    ) -> Option<(Priority, String)> {
        let path = self.path.display();
        let written = ban_file::write(&self.path, bans.into_iter());
        let failures = written.err().map(|error| {
            format!("{path}: {error}: unless the bans can be written there, a restart forgets them")
        });
        self.next = now + PAUSE;
        let had_failed = !self.writing.failures().is_empty();
        let failures = failures.into_iter().collect();
        let new = self.writing.attempted(failures, now + RETRY).pop();
        let new = new.map(|failure| (Priority::Error, failure));
        let is_well_again = had_failed && self.writing.failures().is_empty();
        new.or_else(|| {
            is_well_again.then(|| (Priority::Notice, format!("{path} has all bans again")))
        })
    }

    /// Returns what has failed, and is tried again.
    pub(super) fn failures(&self) -> &[String] {
        self.writing.failures()
    }
}

/// The time between two writes.
const PAUSE: Duration = Duration::from_secs(1);
/// The time until one that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);
