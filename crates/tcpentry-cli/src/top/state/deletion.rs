//! A deletion: previewed, confirmed, reported. Exactly the sockets that were shown are deleted, by their identity.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use tcpentry::{Ending, Outcome};

use super::super::message::{PreviewItem, SocketTarget, WorkerCommand};
use super::super::model::{Deletability, NotDeleted, RowKey};
use super::{Focus, LogEntry, Top};

/// The deletion on the screen, the one that is running, and the outcomes that rows still show.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deletions {
    pub(crate) preview: Option<Preview>,
    /// The serial number of the one that is running.
    running: Option<u64>,
    outcomes: HashMap<RowKey, (Outcome, Instant)>,
}

/// A deletion that waits for confirmation, or was confirmed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preview {
    serial: u64,
    /// The number of sockets that were asked about.
    pub(crate) requested: usize,
    /// `None` until the worker has answered.
    pub(crate) items: Option<Vec<PreviewItem>>,
    /// The items have been on the screen: nobody confirms what was never shown.
    pub(crate) seen: bool,
    pub(crate) scroll: usize,
    /// The outcomes so far, once it was confirmed.
    pub(crate) counts: Option<Counts>,
    pub(crate) done: bool,
}

/// The number of a deletion's sockets by outcome.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) deleted: usize,
    pub(crate) gone: usize,
    pub(crate) not_deleted: usize,
}

impl Deletions {
    /// Returns true while outcomes are still to come.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(super) fn outcome(&self, key: RowKey) -> Option<Outcome> {
        self.outcomes.get(&key).map(|(outcome, _)| *outcome)
    }

    pub(super) fn has_outcomes(&self) -> bool {
        !self.outcomes.is_empty()
    }

    /// Forgets old outcomes, and those of rows that are not among these. The log keeps all.
    pub(super) fn retain_outcomes(&mut self, present: &HashSet<RowKey>, now: Instant) {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < OUTCOME_SHOWN_FOR;
        self.outcomes
            .retain(|key, (_, at)| present.contains(key) && is_recent(*at));
    }

    /// Fills the preview. An answer to a preview that has been closed since is ignored.
    pub(super) fn set_items(&mut self, serial: u64, items: Vec<PreviewItem>) {
        if let Some(preview) = self.preview_of(serial) {
            preview.items = Some(items);
        }
    }

    pub(super) fn scroll_preview(&mut self, lines: isize) {
        if let Some(preview) = &mut self.preview {
            let last = preview.items().len().saturating_sub(1);
            preview.scroll = preview.scroll.saturating_add_signed(lines).min(last);
        }
    }

    fn preview_of(&mut self, serial: u64) -> Option<&mut Preview> {
        self.preview
            .as_mut()
            .filter(|preview| preview.serial == serial)
    }
}

impl Preview {
    /// Returns the items, none before the worker has answered.
    pub(crate) fn items(&self) -> &[PreviewItem] {
        self.items.as_deref().unwrap_or_default()
    }

    /// Returns the sockets that `y` deletes: those that the preview showed as deletable.
    fn deletable(&self) -> impl Iterator<Item = &SocketTarget> {
        self.items()
            .iter()
            .filter_map(|item| match item.deletability {
                Deletability::By(_) => Some(&item.target),
                Deletability::No(_) => None,
            })
    }

    fn refused(&self) -> impl Iterator<Item = (&SocketTarget, &NotDeleted)> {
        self.items()
            .iter()
            .filter_map(|item| match &item.deletability {
                Deletability::By(_) => None,
                Deletability::No(failure) => Some((&item.target, failure)),
            })
    }

    pub(crate) fn count_deletable(&self) -> usize {
        self.deletable().count()
    }
}

impl Counts {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Deleted => self.deleted += 1,
            Outcome::Gone => self.gone += 1,
            _ => self.not_deleted += 1,
        }
    }

    /// Returns the counts other than zero, in words.
    fn summary(self) -> String {
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

impl Top {
    /// Opens a preview of deleting the marked rows, or else those under the cursor.
    pub(crate) fn preview_deletion(&mut self, now: Instant) {
        let keys: HashSet<RowKey> = if self.marks.is_empty() {
            self.table.current_keys().into_iter().collect()
        } else {
            self.marks.keys().clone()
        };
        let targets: Vec<_> = self
            .table
            .rows_in_order()
            .filter(|row| keys.contains(&row.key) && row.is_present())
            .map(SocketTarget::from)
            .collect();
        if targets.is_empty() {
            self.notify("nothing to delete: it is gone", now);
        } else {
            self.preview_deletion_of(targets);
        }
    }

    /// Opens a preview of deleting these sockets.
    pub(crate) fn preview_deletion_of(&mut self, targets: Vec<SocketTarget>) {
        let serial = self.outbox.next_serial();
        self.deletion.preview = Some(Preview {
            serial,
            requested: targets.len(),
            ..Preview::default()
        });
        self.focus = Focus::Preview;
        self.outbox.push(WorkerCommand::Preview { serial, targets });
    }

    /// Deletes exactly what the preview shows as deletable, once it has been on the screen.
    pub(crate) fn confirm_deletion(&mut self, now: Instant) {
        let Some(preview) = &mut self.deletion.preview else {
            return;
        };
        if preview.counts.is_some() || !preview.seen {
            return;
        }
        let targets: Vec<_> = preview.deletable().cloned().collect();
        if targets.is_empty() {
            return;
        }
        let serial = preview.serial;
        preview.counts = Some(Counts::default());
        preview.scroll = 0;
        // Refusals were shown; the log has them as well.
        let refused = preview.refused();
        let refused: Vec<_> = refused
            .map(|(target, failure)| (target.clone(), failure.clone()))
            .collect();
        for (target, failure) in refused {
            self.record_outcome(serial, &target, &Err(failure), now);
        }
        self.deletion.running = Some(serial);
        self.outbox.push(WorkerCommand::Delete { serial, targets });
    }

    /// Closes the preview. Unless it was confirmed, nothing is deleted.
    pub(crate) fn close_preview(&mut self, now: Instant) {
        if let Some(preview) = self.deletion.preview.take() {
            // A confirmed deletion goes on; the log and the rows show its outcome.
            if preview.counts.is_none() {
                self.notify("not confirmed: nothing was deleted", now);
            }
        }
        self.focus = Focus::Table;
    }

    pub(super) fn record_outcome(
        &mut self,
        serial: u64,
        target: &SocketTarget,
        result: &Result<Ending, NotDeleted>,
        now: Instant,
    ) {
        let outcome = match result {
            Ok(_) => Outcome::Deleted,
            Err(failure) => failure.outcome,
        };
        self.deletion.outcomes.insert(target.key, (outcome, now));
        if matches!(outcome, Outcome::Deleted | Outcome::Gone) {
            self.marks.remove(target.key);
        }
        self.log.push(LogEntry::of(target, result));
        let preview = self.deletion.preview_of(serial);
        if let Some(counts) = preview.and_then(|preview| preview.counts.as_mut()) {
            counts.count(outcome);
        }
    }

    pub(super) fn finish_deletion(&mut self, serial: u64, now: Instant) {
        if self.deletion.running == Some(serial) {
            self.deletion.running = None;
        }
        let Some(preview) = self.deletion.preview_of(serial) else {
            return;
        };
        preview.done = true;
        let counts = preview.counts.unwrap_or_default();
        self.notify(counts.summary(), now);
        // After a complete success the rows show it, and the preview closes.
        if counts.not_deleted == 0 {
            self.deletion.preview = None;
            for mode in [&mut self.focus, &mut self.help.behind] {
                if *mode == Focus::Preview {
                    *mode = Focus::Table;
                }
            }
        }
    }
}

/// The time for which a row shows the outcome of its deletion.
const OUTCOME_SHOWN_FOR: Duration = Duration::from_secs(10);
