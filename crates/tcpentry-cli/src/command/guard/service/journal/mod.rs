//! The log of the service: records with fields of their own in the systemd journal, or lines on standard error.
//!
//! By hand: the crates that speak the journal's protocol wait for a journal that does not read, and have its path built in.
//! What neither takes at once waits here, up to a limit; beyond it records are lost, and counted.

mod record;
mod sink;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::env;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use record::{LogField, LogRecord, Priority};
use sink::{LogSink, wait_for_room};

/// The log.
#[derive(Debug)]
pub(crate) struct EventLog {
    sink: LogSink,
    /// The records that have not been taken so far, and their size in all.
    pending: VecDeque<PendingRecord>,
    pending_bytes: usize,
    lost: u64,
    /// The lost records that no record has mentioned so far.
    unreported: u64,
}

/// A record as it is written, or the rest of it.
#[derive(Debug)]
struct PendingRecord {
    bytes: Vec<u8>,
    /// The number of lost records that it reports.
    lost: u64,
}

impl EventLog {
    /// Opens the journal where standard error is connected to it, as under systemd, and else standard error.
    pub(crate) fn open() -> Self {
        let stream = env::var_os("JOURNAL_STREAM");
        let stderr = io::stderr().as_fd().try_clone_to_owned().ok();
        Self::of(LogSink::choose(
            stream.as_deref(),
            stderr,
            Path::new(JOURNAL),
        ))
    }

    const fn of(sink: LogSink) -> Self {
        Self {
            sink,
            pending: VecDeque::new(),
            pending_bytes: 0,
            lost: 0,
            unreported: 0,
        }
    }

    /// Writes a record, now or when there is room for it.
    pub(crate) fn write(&mut self, record: &LogRecord) {
        if self.pending_bytes > MAX_PENDING_BYTES {
            // A reader that has made room is noticed without a turn of the loop.
            self.flush();
        }
        if self.pending_bytes > MAX_PENDING_BYTES {
            self.lose();
            return;
        }
        self.push(record, 0);
        self.flush();
    }

    /// Returns the number of records that were lost.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Returns the descriptor to be polled for room, while records wait for it.
    pub(crate) fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        if self.pending.is_empty() {
            return None;
        }
        self.sink.as_fd()
    }

    /// Writes what waits, as far as it is taken.
    pub(crate) fn flush(&mut self) {
        while let Some(record) = self.pending.front_mut() {
            let length = record.bytes.len();
            let is_taken = match self.sink.send(&record.bytes) {
                // The rest of a line follows.
                Ok(written) if written < length => {
                    record.bytes.drain(..written);
                    self.pending_bytes -= written;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                sent => sent.is_ok(),
            };
            let record = self.pending.pop_front();
            self.pending_bytes -= length;
            match record.map_or(0, |record| record.lost) {
                _ if is_taken => {}
                0 => self.lose(),
                reported => self.unreported += reported,
            }
            // Not before one is taken: where none is, that report is not either.
            if is_taken && self.pending.is_empty() && self.unreported > 0 {
                self.report_lost();
            }
        }
    }

    /// Writes what waits, for so long at most: before the service ends.
    pub(crate) fn drain(&mut self, limit: Duration) {
        let end = Instant::now() + limit;
        self.flush();
        while let Some(out) = self.waits_for() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            // Without a wake-up it is tried again all the same: a journal may have been started anew.
            let _ = wait_for_room(out, left.min(Duration::from_millis(100)));
            self.flush();
        }
    }

    fn push(&mut self, record: &LogRecord, lost: u64) {
        let bytes = match &self.sink {
            LogSink::Journal { .. } => record.datagram(),
            LogSink::Lines(_) => record
                .escaped()
                .into_bytes()
                .into_iter()
                .chain(*b"\n")
                .collect(),
            LogSink::Nowhere => return,
        };
        self.pending_bytes += bytes.len();
        self.pending.push_back(PendingRecord { bytes, lost });
    }

    const fn lose(&mut self) {
        self.lost += 1;
        self.unreported += 1;
    }

    fn report_lost(&mut self) {
        let lost = std::mem::take(&mut self.unreported);
        let what = if lost == 1 { "it" } else { "them" };
        let text = format!(
            "{}: the log did not take {what} in time",
            lost_records(lost)
        );
        let record = LogRecord::new(Priority::Warning, text).with(LogField::Lost, lost);
        self.push(&record, lost);
    }
}

/// Returns how many records of the log are lost, in words.
pub(crate) fn lost_records(count: u64) -> String {
    match count {
        1 => "1 log record is lost".to_owned(),
        count => format!("{count} log records are lost"),
    }
}

const JOURNAL: &str = "/run/systemd/journal/socket";
/// A burst of some ten thousand deletions.
const MAX_PENDING_BYTES: usize = 4 << 20;
