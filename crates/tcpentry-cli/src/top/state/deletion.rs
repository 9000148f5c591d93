//! A deletion: asked for, shown, confirmed, told. What is confirmed is what was shown, by identity.

use std::collections::HashSet;
use std::time::Instant;

use tcpentry::{Method, Outcome};

use super::super::message::{Command, Item, Target};
use super::super::model::{Key, May, Refusal};
use super::{Entry, Mode, Top};

/// What is about to be deleted, or has been.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preview {
    serial: u64,
    pub(crate) asked: usize,
    pub(crate) items: Option<Vec<Item>>,
    /// They were on the screen: nobody confirms what he can't have seen.
    pub(crate) seen: bool,
    pub(crate) scroll: usize,
    /// Since it was confirmed: what became of how many.
    pub(crate) running: Option<Counts>,
    pub(crate) done: bool,
}

/// What became of a deletion's connections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) deleted: usize,
    pub(crate) gone: usize,
    pub(crate) not: usize,
}

impl Preview {
    /// What `y` deletes: those of which the rehearsal said that it may be done.
    fn confirmed(&self) -> Vec<Target> {
        let items = self.items.iter().flatten();
        items
            .filter(|item| matches!(item.may, May::By(_)))
            .map(|item| item.target.clone())
            .collect()
    }

    pub(crate) fn deletable(&self) -> usize {
        let items = self.items.iter().flatten();
        items.filter(|item| matches!(item.may, May::By(_))).count()
    }
}

impl Top {
    /// Asks what a deletion of the marked would do, or of what is under the cursor.
    pub(crate) fn prepare_deletion(&mut self, now: Instant) {
        let keys: HashSet<Key> = if self.marks.is_empty() {
            let line = self.lines.get(self.cursor).copied();
            line.map(|line| self.rows_of(line))
                .into_iter()
                .flatten()
                .collect()
        } else {
            self.marks.clone()
        };
        // In the order of the screen.
        let groups = self.arranged.groups.iter().flat_map(|group| &group.rows);
        let places = self.arranged.order.iter().chain(groups);
        let rows = places.map(|place| self.row(*place));
        let targets: Vec<_> = rows
            .filter(|row| keys.contains(&row.key) && row.is_there())
            .map(Target::from)
            .collect();
        if targets.is_empty() {
            self.say("nothing to delete: it is gone", now);
        } else {
            self.prepare_deletion_of(targets);
        }
    }

    pub(crate) fn prepare_deletion_of(&mut self, targets: Vec<Target>) {
        let serial = self.next_serial();
        self.preview = Some(Preview {
            serial,
            asked: targets.len(),
            ..Preview::default()
        });
        self.mode = Mode::Preview;
        self.ask(Command::Rehearse { serial, targets });
    }

    /// The answer: of a preview that has been closed since, or of another one, it is nothing.
    pub(super) fn take_preview(&mut self, serial: u64, items: Vec<Item>) {
        let preview = self.preview.as_mut();
        if let Some(preview) = preview.filter(|preview| preview.serial == serial) {
            preview.items = Some(items);
        }
    }

    /// Deletes exactly what the preview shows, if it has shown it yet.
    pub(crate) fn confirm_deletion(&mut self, now: Instant) {
        let Some(preview) = &mut self.preview else {
            return;
        };
        if preview.running.is_some() || !preview.seen {
            return;
        }
        let targets = preview.confirmed();
        if targets.is_empty() {
            return;
        }
        let serial = preview.serial;
        preview.running = Some(Counts::default());
        preview.scroll = 0;
        // What is refused has been seen; it is told in the log as well.
        let refused: Vec<_> = preview
            .items
            .iter()
            .flatten()
            .filter_map(|item| match &item.may {
                May::No(refusal) => Some((item.target.clone(), refusal.clone())),
                May::By(_) => None,
            })
            .collect();
        for (target, refusal) in refused {
            self.take_outcome(serial, &target, &Err(refusal), now);
        }
        self.deleting = Some(serial);
        self.ask(Command::Delete { serial, targets });
    }

    /// Closes the preview: unless it was confirmed, nothing is deleted.
    pub(crate) fn leave_preview(&mut self, now: Instant) {
        if let Some(preview) = self.preview.take() {
            // The rest goes on where it was; the log and the rows tell.
            if preview.running.is_none() {
                self.say("not confirmed: nothing was deleted", now);
            }
        }
        self.mode = Mode::Table;
    }

    pub(super) fn take_outcome(
        &mut self,
        serial: u64,
        target: &Target,
        result: &Result<Method, Refusal>,
        now: Instant,
    ) {
        let outcome = match result {
            Ok(_) => Outcome::Deleted,
            Err(refusal) => refusal.outcome,
        };
        self.outcomes.insert(target.key, (outcome, now));
        if matches!(outcome, Outcome::Deleted | Outcome::Gone) {
            self.marks.remove(&target.key);
        }
        self.log.push(Entry::of(target, result));
        let preview = self
            .preview
            .as_mut()
            .filter(|preview| preview.serial == serial);
        if let Some(counts) = preview.and_then(|preview| preview.running.as_mut()) {
            match outcome {
                Outcome::Deleted => counts.deleted += 1,
                Outcome::Gone => counts.gone += 1,
                _ => counts.not += 1,
            }
        }
    }

    /// Whether there are outcomes still to come.
    pub(crate) fn is_deleting(&self) -> bool {
        self.deleting.is_some()
    }

    pub(super) fn take_end(&mut self, serial: u64, now: Instant) {
        if self.deleting == Some(serial) {
            self.deleting = None;
        }
        let counts = match &mut self.preview {
            Some(preview) if preview.serial == serial => {
                preview.done = true;
                preview.running.unwrap_or_default()
            }
            _ => return,
        };
        let Counts { deleted, gone, not } = counts;
        let parts = [
            (deleted, "deleted"),
            (gone, "already gone"),
            (not, "not deleted (l: log)"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        self.say(parts.join(", "), now);
        // All is well: the rows show it.
        if not == 0 {
            self.preview = None;
            for mode in [&mut self.mode, &mut self.behind_help] {
                if *mode == Mode::Preview {
                    *mode = Mode::Table;
                }
            }
        }
    }
}
