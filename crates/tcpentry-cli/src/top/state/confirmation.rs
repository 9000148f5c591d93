//! The steps of a deletion: preview, confirmation, outcomes. Exactly the sockets that were shown are deleted, by their
//! identity.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use tcpentry::Outcome;
use tcpentry::delete::Ending;

use super::super::message::{SocketTarget, WorkerCommand};
use super::super::model::{NotDeleted, PeerService, Row, RowKey, find_pairs};
use super::deletion::MAX_DIGITS;
use super::{Counts, Focus, LogEntry, Preview, Top};

impl Top {
    /// Opens a preview of deleting the marked rows, or else those under the cursor.
    pub(crate) fn preview_deletion(&mut self, now: Instant) {
        let keys: HashSet<RowKey> = if self.marks.is_empty() {
            self.table.hold();
            self.table.current_keys().into_iter().collect()
        } else {
            self.marks.keys().clone()
        };
        let is_meant = |row: &&Row| keys.contains(&row.key) && row.is_present();
        let rows = self.table.rows_in_order().filter(is_meant);
        let mut targets: Vec<_> = rows.map(SocketTarget::from).collect();
        // Those that are marked and not shown come last.
        if targets.len() < keys.len() && !self.marks.is_empty() {
            let shown: HashSet<RowKey> = targets.iter().map(|target| target.key).collect();
            let rows = self.table.frame.rows.iter().filter(is_meant);
            let rows = rows.filter(|row| !shown.contains(&row.key));
            targets.extend(rows.map(SocketTarget::from));
            targets.extend(self.marks.hidden().cloned());
        }
        if targets.is_empty() {
            self.notify("nothing to delete: it is gone", now);
        } else {
            self.preview_deletion_of(targets);
        }
    }

    /// Opens a preview of deleting these sockets.
    pub(crate) fn preview_deletion_of(&mut self, targets: Vec<SocketTarget>) {
        let serial = self.outbox.next_serial();
        let keys: HashSet<RowKey> = targets.iter().map(|target| target.key).collect();
        let frame = &self.table.frame;
        let moves = |row: &&Row| {
            let rates = row.rates;
            let moved = rates.is_some_and(|it| it.received > 0.0 || it.sent > 0.0);
            moved && keys.contains(&row.key)
        };
        let moving = frame.rows.iter().filter(moves).map(|row| row.key).collect();
        let with_other_end = with_other_end(&frame.rows, &keys);
        let ending = targets.len() + with_other_end.len();
        let is_of_marks = self.marks.count() == targets.len();
        let hidden = if is_of_marks {
            self.count_hidden_marks()
        } else {
            0
        };
        self.deletion.preview = Some(Preview {
            serial,
            requested: targets.len(),
            is_everything: self.filter.applied.is_empty() && ending >= frame.present,
            hidden,
            moving,
            with_other_end,
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
        if preview.counts.is_some() || !preview.seen || !preview.is_number_typed() {
            return;
        }
        let targets: Vec<_> = preview.deletable().cloned().collect();
        if targets.is_empty() {
            return;
        }
        self.messages.notice = None;
        let serial = preview.serial;
        let held = preview.held.clone();
        let basis = Arc::clone(&preview.basis);
        preview.counts = Some(Counts::default());
        preview.scroll = 0;
        // Refusals were shown; the log has them as well.
        let refused = preview.refused();
        let refused: Vec<_> = refused
            .map(|(target, failure)| (target.clone(), failure.clone()))
            .collect();
        let paced = self.deletion.paced.as_mut();
        // The count begins anew before refusals are counted.
        let added = paced.map(|paced| paced.add(serial, Arc::clone(&basis), targets.clone(), now));
        for (target, failure) in refused {
            self.record_outcome(serial, &target, &Err(failure), now);
        }
        if let Some(added) = added {
            // It may take hours; the table shows it.
            self.deletion.preview = None;
            self.leave_preview();
            if added == 0 {
                self.notify("these are already waiting to be deleted", now);
            }
            self.send_due(now);
            return;
        }
        self.deletion.running = Some(serial);
        self.outbox.push(WorkerCommand::Delete {
            serial,
            targets,
            basis,
            paced: false,
        });
        if !held.is_empty() {
            self.begin_hold(held, now);
        }
    }

    /// Adds to what is asked that the peers are held off, or takes that away.
    pub(crate) fn toggle_hold(&mut self, now: Instant) {
        let services = self.can_hold();
        match &mut self.deletion.preview {
            _ if services.is_empty() => {
                self.notify(
                    "only few peers can be held off, not at a pace, and not on other hosts",
                    now,
                );
            }
            Some(preview) if preview.held.is_empty() => preview.held = services,
            Some(preview) => preview.held.clear(),
            None => {}
        }
    }

    /// Holds off the peers of the preview that was confirmed.
    fn begin_hold(&mut self, services: Vec<(u32, PeerService)>, now: Instant) {
        let serial = self.outbox.next_serial();
        let until = self.holds.begin(serial, &services, now);
        self.outbox.push(WorkerCommand::Hold {
            serial,
            services,
            until,
        });
    }

    /// Returns the peers of the preview that can be held off; none where deletions are made at a pace.
    pub(crate) fn can_hold(&self) -> Vec<(u32, PeerService)> {
        let preview = self.deletion.preview.as_ref();
        let preview = preview.filter(|it| self.deletion.paced.is_none() && it.counts.is_none());
        preview.map(Preview::services).unwrap_or_default()
    }

    /// Holds nobody off any more.
    pub(crate) fn end_holds(&mut self, now: Instant) {
        if let Some(said) = self.holds.end_all() {
            self.outbox.push(WorkerCommand::EndHolds);
            self.notify(said, now);
        }
    }

    pub(super) fn finish_hold(&mut self, serial: u64, reason: Option<String>, now: Instant) {
        let said = self.holds.end(serial);
        if let Some(said) = reason.or(said) {
            self.notify(said, now);
        }
    }

    /// Returns true while the preview on the screen waits for a number.
    pub(crate) fn awaits_number(&self) -> bool {
        let preview = self.deletion.preview.as_ref();
        preview.is_some_and(|it| it.seen && it.counts.is_none() && it.number_to_type().is_some())
    }

    /// Adds a digit to the number that confirms, or takes the last one away.
    pub(crate) fn type_number(&mut self, digit: Option<char>) {
        let Some(preview) = &mut self.deletion.preview else {
            return;
        };
        match digit {
            Some(digit) if preview.typed.len() < MAX_DIGITS => preview.typed.push(digit),
            Some(_) => {}
            None => {
                preview.typed.pop();
            }
        }
    }

    /// Confirms by the number that was typed. Without one it closes the preview; a wrong one deletes nothing.
    pub(crate) fn enter_number(&mut self, now: Instant) {
        match &mut self.deletion.preview {
            Some(preview) if preview.is_number_typed() => self.confirm_deletion(now),
            Some(preview) if !preview.typed.is_empty() => {
                preview.typed.clear();
                self.notify("another number: nothing was deleted", now);
            }
            _ => self.close_preview(now),
        }
    }

    /// Sends the deletion that is due.
    pub(crate) fn send_due(&mut self, now: Instant) {
        let paced = self.deletion.paced.as_mut();
        if let Some(command) = paced.and_then(|paced| paced.take_due(now)) {
            self.outbox.push(command);
        }
    }

    /// Stops the deletions that are made at a pace: those that wait are not deleted.
    pub(crate) fn stop_deletion(&mut self, now: Instant) {
        if let Some(paced) = &mut self.deletion.paced
            && paced.stop()
        {
            let summary = paced.summary();
            self.notify(summary, now);
        }
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
        if outcome == Outcome::Deleted {
            self.holds.count(serial, target, now);
        }
        self.log.push(LogEntry::of(target, result));
        if let Some(paced) = &mut self.deletion.paced {
            paced.count(serial, target.key, outcome);
        }
        let preview = self.deletion.preview_of(serial);
        if let Some(counts) = preview.and_then(|preview| preview.counts.as_mut()) {
            counts.count(outcome);
        }
    }

    pub(super) fn finish_deletion(&mut self, serial: u64, now: Instant) {
        if self.deletion.running == Some(serial) {
            self.deletion.running = None;
        }
        if let Some(paced) = &mut self.deletion.paced
            && paced.finish(serial, now)
        {
            if !paced.is_running() {
                let summary = paced.summary();
                self.notify(summary, now);
                self.refresh();
            }
            return;
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
            self.leave_preview();
        }
    }

    /// Shows the table where the preview was shown, or would be after the help.
    fn leave_preview(&mut self) {
        for mode in [&mut self.focus, &mut self.help.behind] {
            if *mode == Focus::Preview {
                *mode = Focus::Table;
            }
        }
    }
}

/// Returns those of the keys whose other end is among the rows as well, but not among the keys.
fn with_other_end(rows: &[Row], keys: &HashSet<RowKey>) -> HashSet<RowKey> {
    let key = |place: u32| rows[place as usize].key;
    let pairs = find_pairs(rows).into_iter();
    let present = pairs.filter(|pair| rows[pair.client as usize].is_present());
    let ends = present.map(|pair| [key(pair.client), key(pair.server)]);
    let ends = ends.filter_map(
        |[one, other]| match (keys.contains(&one), keys.contains(&other)) {
            (true, false) => Some(one),
            (false, true) => Some(other),
            _ => None,
        },
    );
    ends.collect()
}
