//! Entries of the state as records of the log.

use tcpentry::Outcome;

use crate::command::guard::service::journal::{LogField, LogRecord, Priority};
use crate::command::guard::state::entry::{GuardEntry, Weight};

/// Makes the record of an entry.
pub(super) fn record(entry: &GuardEntry) -> LogRecord {
    let priority = match entry.weight {
        Weight::Error => Priority::Error,
        Weight::Warning => Priority::Warning,
        Weight::Notice => Priority::Notice,
        Weight::Info => Priority::Info,
    };
    let record = LogRecord::new(priority, format!("rule {}: {}", entry.rule, entry.text));
    let record = record.with(LogField::Rule, &entry.rule);
    let Some(done) = &entry.done else {
        return record;
    };
    let record = record
        .with(LogField::Id, &done.identity)
        .with(LogField::Outcome, done.outcome)
        .with(LogField::Local, done.connection.local())
        .with(LogField::Peer, done.connection.peer())
        .with_some(LogField::Netns, done.place.as_ref())
        .with_some(LogField::Errno, done.errno)
        .with_some(
            LogField::Cause,
            done.cause
                .as_ref()
                .filter(|_| done.outcome != Outcome::Deleted),
        );
    if entry.is_dry_run {
        record.with(LogField::DryRun, 1)
    } else {
        record
    }
}
