//! The record of what was asked, reported and seen by the ends: the three are compared when all reports are in.
//!
//! Everything goes by cookie, which the kernel never assigns twice: so a tuple that is used again hides nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::report::Counts;
use crate::terms::{By, How, Report, Wrong};

/// One socket, known by its cookie to whoever deletes it and to whoever owns it.
#[derive(Debug, Default)]
pub(crate) struct End {
    named: AtomicBool,
    /// The products that reported it deleted, a bit for each.
    by: AtomicU8,
    /// The number of reports of its deletion; with [`JUDGED`] once they have been compared.
    reports: AtomicU32,
    /// The ticks at which it was first reported deleted, and gone; 0 for never.
    deleted_at: AtomicU64,
    gone_at: AtomicU64,
}

impl End {
    pub(crate) fn is_named(&self) -> bool {
        self.named.load(SeqCst)
    }

    /// Returns the fault if it is alive in spite of its reports.
    pub(crate) fn fault_if_alive(&self) -> Option<Wrong> {
        if self.deleted_at.load(SeqCst) != 0 {
            return Some(Wrong::DeletedButAlive);
        }
        (self.gone_at.load(SeqCst) != 0).then_some(Wrong::GoneButAlive)
    }

    /// Ends the time in which reports count, and returns their number.
    pub(crate) fn judge(&self) -> u32 {
        self.reports.fetch_or(JUDGED, SeqCst) & !JUDGED
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "named {}, reports {:x} by {:b}, deleted at {}, gone at {}",
            self.is_named(),
            self.reports.load(SeqCst),
            self.by.load(SeqCst),
            self.deleted_at.load(SeqCst),
            self.gone_at.load(SeqCst)
        )
    }
}

/// The records of all sockets.
#[derive(Debug)]
pub(crate) struct Oracle {
    pub(crate) counts: Counts,
    /// Ticks with every event whose order matters.
    clock: AtomicU64,
    shards: Vec<Mutex<Shard>>,
    /// The tick at which each deleter began its operation; [`IDLE`] between two.
    busy: Vec<AtomicU64>,
    details: Mutex<Vec<String>>,
}

/// A part of the records. Entries that nobody holds, or has touched for a generation, are forgotten.
#[derive(Debug)]
struct Shard {
    now: HashMap<u64, Arc<End>>,
    before: HashMap<u64, Arc<End>>,
    since: Instant,
}

impl Shard {
    /// Forgets the entries that nobody has touched for a generation. Those that their owner holds stay: on a busy machine a
    /// connection may wait for its next use for longer, and would have two records.
    fn begin_generation(&mut self) {
        let now = std::mem::take(&mut self.now);
        let before = std::mem::replace(&mut self.before, now);
        let held = before
            .into_iter()
            .filter(|(_, end)| Arc::strong_count(end) > 1);
        self.before.extend(held);
        self.since = Instant::now();
    }
}

impl Oracle {
    pub(crate) fn new(deleters: usize) -> Self {
        let shard = || Shard {
            now: HashMap::new(),
            before: HashMap::new(),
            since: Instant::now(),
        };
        Self {
            counts: Counts::default(),
            clock: AtomicU64::new(1),
            shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(),
            busy: (0..deleters).map(|_| AtomicU64::new(IDLE)).collect(),
            details: Mutex::default(),
        }
    }

    pub(crate) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, SeqCst)
    }

    /// Returns the record of a cookie, whoever mentions it first: a deleter may see a socket in the table before its
    /// owner has accepted it.
    pub(crate) fn end(&self, cookie: u64) -> Arc<End> {
        let place = usize::try_from(cookie % SHARDS).expect("it is small");
        let mut shard = self.shards[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if shard.since.elapsed() > GENERATION {
            shard.begin_generation();
        }
        if let Some(end) = shard.now.get(&cookie) {
            return Arc::clone(end);
        }
        let end = shard.before.remove(&cookie).unwrap_or_default();
        shard.now.insert(cookie, Arc::clone(&end));
        end
    }

    /// Runs an operation that deletes, so that nothing is judged while its reports are outstanding.
    pub(crate) fn during<T>(&self, deleter: usize, operation: impl FnOnce() -> T) -> T {
        // Whatever it kills, its owner retires at a later tick.
        self.busy[deleter].store(self.tick(), SeqCst);
        let result = operation();
        self.busy[deleter].store(IDLE, SeqCst);
        result
    }

    /// Begins an operation that goes on, and of which [`Oracle::reported_until`] says how far its reports are in.
    pub(crate) fn begin_reports(&self, deleter: usize) {
        self.busy[deleter].store(0, SeqCst);
    }

    /// Notes that all reports are in of what such an operation did before that tick.
    pub(crate) fn reported_until(&self, deleter: usize, time: u64) {
        self.busy[deleter].store(time, SeqCst);
    }

    pub(crate) fn end_reports(&self, deleter: usize) {
        self.busy[deleter].store(IDLE, SeqCst);
    }

    /// Returns true if all reports of operations that began before that tick are in.
    pub(crate) fn has_all_reports_until(&self, time: u64) -> bool {
        self.busy.iter().all(|since| since.load(SeqCst) > time)
    }

    /// Records that a socket is about to be deleted by name; always called before.
    pub(crate) fn name(&self, cookie: u64) {
        self.end(cookie).named.store(true, SeqCst);
    }

    /// Records a report about a named socket.
    pub(crate) fn record(&self, by: By, how: How, cookie: u64, report: &Report) {
        self.counts.count(by, how, report);
        let end = self.end(cookie);
        match report {
            Report::Deleted => {
                let now = self.tick();
                let _ = end.deleted_at.compare_exchange(0, now, SeqCst, SeqCst);
                end.by.fetch_or(1 << by as u8, SeqCst);
                let before = end.reports.fetch_add(1, SeqCst);
                if before & JUDGED != 0 {
                    self.counts.late.fetch_add(1, SeqCst);
                }
                if before & !JUDGED > 0 {
                    self.wrong(Wrong::DeletedTwice, || {
                        format!("{cookie:x} by {by:?} {how:?}: {end}")
                    });
                }
            }
            Report::Gone => {
                let now = self.tick();
                let _ = end.gone_at.compare_exchange(0, now, SeqCst, SeqCst);
            }
            Report::Spared if how == How::Filter => {}
            Report::Spared => self.other(by, how, "spared"),
            Report::Other(words) => self.other(by, how, words),
        }
    }

    /// Records a report that no must-be-0 counter covers, so that somebody looks at it.
    pub(crate) fn other(&self, by: By, how: How, words: &str) {
        let mut details = self.details.lock().unwrap_or_else(PoisonError::into_inner);
        if details.len() < DETAILS {
            details.push(format!("neither deleted nor gone: {by:?} {how:?}: {words}"));
        }
    }

    /// Checks a socket of a dump that began at that tick.
    pub(crate) fn is_in_table(&self, cookie: u64, began: u64, row: &dyn fmt::Display) {
        let end = self.end(cookie);
        for (since, wrong) in [
            (&end.deleted_at, Wrong::DeletedButAlive),
            (&end.gone_at, Wrong::GoneButAlive),
        ] {
            if (1..began).contains(&since.load(SeqCst)) {
                self.wrong(wrong, || {
                    format!("{cookie:x} is in the table: {row}; {end}")
                });
            }
        }
    }

    /// Counts a fault, with the details of the first ones.
    pub(crate) fn wrong(&self, wrong: Wrong, detail: impl FnOnce() -> String) {
        self.counts.wrong[wrong as usize].fetch_add(1, SeqCst);
        let mut details = self.details.lock().unwrap_or_else(PoisonError::into_inner);
        if details.len() < DETAILS {
            let (_, words) = Wrong::WORDS[wrong as usize];
            details.push(format!("{words}: {}", detail()));
        }
    }

    pub(crate) fn details(&self) -> Vec<String> {
        let details = self.details.lock().unwrap_or_else(PoisonError::into_inner);
        details.clone()
    }
}

const JUDGED: u32 = 1 << 31;
const IDLE: u64 = u64::MAX;
const SHARDS: u64 = 64;
/// A time longer than a stale table is kept, and than a tuple stays unused.
const GENERATION: Duration = Duration::from_secs(20);
const DETAILS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_its_owner_holds_is_never_forgotten() {
        let oracle = Oracle::new(0);
        let held = oracle.end(1);
        oracle.end(65).named.store(true, SeqCst);
        for _ in 0..3 {
            for shard in &oracle.shards {
                shard.lock().unwrap().begin_generation();
            }
        }
        assert!(Arc::ptr_eq(&held, &oracle.end(1)));
        assert!(!oracle.end(65).named.load(SeqCst), "it is a new one");
    }
}
