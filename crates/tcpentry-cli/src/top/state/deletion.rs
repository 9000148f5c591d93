//! The deletion on the screen, and the outcomes of those before it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::Outcome;

use super::super::message::{PreviewBasis, PreviewItem, SocketTarget};
use super::super::model::{Deletability, NotDeleted, PeerService, RowKey};
use super::counts::Counts;
use super::paced::PacedDeletions;
use crate::args::pace::PaceArgs;

/// The deletion on the screen, the one that is running, and the outcomes that rows still show.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deletions {
    pub(crate) preview: Option<Preview>,
    /// The serial number of the one that is running.
    pub(super) running: Option<u64>,
    /// Those that are made at a pace, where the command line asks for one.
    pub(super) paced: Option<PacedDeletions>,
    pub(super) outcomes: HashMap<RowKey, (Outcome, Instant)>,
}

/// A deletion that waits for confirmation, or was confirmed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preview {
    pub(super) serial: u64,
    /// The number of sockets that were asked about.
    pub(crate) requested: usize,
    /// `None` until the worker has answered.
    pub(crate) items: Option<Vec<PreviewItem>>,
    pub(super) basis: Arc<PreviewBasis>,
    /// The items have been on the screen: nobody confirms what was never shown.
    pub(crate) seen: bool,
    pub(crate) scroll: usize,
    /// It was asked for all connections of the host: no filter is in force.
    pub(super) is_everything: bool,
    /// Those that are hidden by the filter in force: they were marked under another one.
    pub(crate) hidden: usize,
    /// Those that sent or received data between the last two readings.
    pub(super) moving: HashSet<RowKey>,
    /// Those whose other end is in the table, and not among them: it ends with them.
    pub(super) with_other_end: HashSet<RowKey>,
    /// The peers that are to be held off afterwards, each in the network namespace of this number.
    pub(crate) held: Vec<(u32, PeerService)>,
    /// The digits that were typed as confirmation.
    pub(crate) typed: String,
    /// The outcomes so far, once it was confirmed.
    pub(crate) counts: Option<Counts>,
    pub(crate) done: bool,
}

impl Deletions {
    /// Returns true while outcomes are still to come.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some() || self.is_paced_running()
    }

    /// Makes the deletions at this pace from now on.
    pub(crate) fn set_pace(&mut self, args: &PaceArgs) {
        self.paced = PacedDeletions::new(args);
    }

    /// Returns true while a deletion is made at a pace.
    pub(crate) fn is_paced_running(&self) -> bool {
        self.paced.as_ref().is_some_and(PacedDeletions::is_running)
    }

    /// Returns true while the outcome of one that is made at a pace is still to come.
    pub(crate) fn is_paced_in_flight(&self) -> bool {
        let paced = self.paced.as_ref();
        paced.is_some_and(PacedDeletions::is_in_flight)
    }

    /// Returns the number of those that wait until they are due.
    pub(crate) fn waiting(&self) -> usize {
        self.paced.as_ref().map_or(0, PacedDeletions::waiting)
    }

    /// Returns the time until the next one is due.
    pub(crate) fn delay(&self, now: Instant) -> Option<Duration> {
        self.paced.as_ref()?.delay(now)
    }

    /// Describes the pace of so many, behind the words that say what is deleted; empty without one.
    pub(crate) fn describe_pace(&self, count: usize) -> String {
        let paced = self.paced.as_ref();
        paced.map_or_else(String::new, |paced| paced.describe(count))
    }

    /// Describes how far a deletion at a pace has come.
    pub(crate) fn progress(&self, now: Instant) -> Option<String> {
        self.paced.as_ref()?.progress(now)
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
    pub(super) fn set_items(
        &mut self,
        serial: u64,
        items: Vec<PreviewItem>,
        basis: Arc<PreviewBasis>,
    ) {
        if let Some(preview) = self.preview_of(serial) {
            preview.items = Some(items);
            preview.basis = basis;
        }
    }

    pub(super) fn scroll_preview(&mut self, lines: isize) {
        if let Some(preview) = &mut self.preview {
            let last = preview.items().len().saturating_sub(1);
            preview.scroll = preview.scroll.saturating_add_signed(lines).min(last);
        }
    }

    pub(super) fn preview_of(&mut self, serial: u64) -> Option<&mut Preview> {
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
    pub(super) fn deletable(&self) -> impl Iterator<Item = &SocketTarget> {
        self.items()
            .iter()
            .filter_map(|item| match item.deletability {
                Deletability::By(_) => Some(&item.target),
                Deletability::No(_) => None,
            })
    }

    pub(super) fn refused(&self) -> impl Iterator<Item = (&SocketTarget, &NotDeleted)> {
        self.items()
            .iter()
            .filter_map(|item| match &item.deletability {
                Deletability::By(_) => None,
                Deletability::No(failure) => Some((&item.target, &**failure)),
            })
    }

    /// Returns the number that has to be typed where `y` is not enough: of many, or of all connections of the host.
    pub(crate) fn number_to_type(&self) -> Option<usize> {
        let count = self.count_deletable();
        let is_large = count > MAX_BY_LETTER || self.is_everything && count > MAX_AT_A_GLANCE;
        is_large.then_some(count)
    }

    /// Returns true unless a number has to be typed that was not.
    pub(super) fn is_number_typed(&self) -> bool {
        let number = self.number_to_type();
        number.is_none_or(|number| self.typed == number.to_string())
    }

    /// Returns the number of those that are deleted though data moved a moment ago.
    pub(crate) fn count_moving(&self) -> usize {
        let is_moving = |target: &&SocketTarget| self.moving.contains(&target.key);
        self.deletable().filter(is_moving).count()
    }

    /// Returns the number of those that are deleted and whose other end, which is not among them, is in the table.
    pub(crate) fn count_with_other_end(&self) -> usize {
        let has = |target: &&SocketTarget| self.with_other_end.contains(&target.key);
        self.deletable().filter(has).count()
    }

    /// Returns the peers of those that are deleted, where they are few enough to be looked for together, and of this host: other hosts
    /// are not looked at for connections that come back.
    pub(crate) fn services(&self) -> Vec<(u32, PeerService)> {
        let mut services = Vec::new();
        for target in self.deletable() {
            if target.host.is_some() {
                return Vec::new();
            }
            let service = (target.key.netns, PeerService::of(&target.connection.pair));
            if !services.contains(&service) {
                services.push(service);
            }
            if services.len() > MAX_HELD {
                return Vec::new();
            }
        }
        services
    }

    pub(crate) fn count_deletable(&self) -> usize {
        self.deletable().count()
    }
}

/// The largest number of connections that `y` alone deletes.
const MAX_BY_LETTER: usize = 100;
/// The largest number that `y` alone deletes where it is all there are: about as many as a screen shows.
const MAX_AT_A_GLANCE: usize = 20;
/// The largest number of peers that are held off together.
const MAX_HELD: usize = 50;
/// The number of digits that can be typed.
pub(super) const MAX_DIGITS: usize = 9;
/// The time for which a row shows the outcome of its deletion.
const OUTCOME_SHOWN_FOR: Duration = Duration::from_secs(10);
