//! The log of deletions.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use tcpentry::Outcome;
use tcpentry::delete::Ending;

use super::super::message::SocketTarget;
use super::super::model::NotDeleted;
use super::Edit;
use crate::exit::Tally;
use crate::peer_reset;

/// The outcomes of this run, the latest last.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeletionLog {
    pub(crate) entries: Vec<LogEntry>,
    /// The number of entries below the screen.
    pub(crate) back: usize,
    /// The name of the file to save it in, while that is typed.
    pub(crate) file_name: Edit,
}

impl DeletionLog {
    pub(crate) fn push(&mut self, entry: LogEntry) {
        self.entries.push(entry);
    }

    /// Counts the entries by outcome.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for entry in &self.entries {
            tally.count(entry.outcome);
        }
        tally
    }

    /// Scrolls back by this many entries, or forward.
    pub(crate) fn scroll(&mut self, lines: isize) {
        let most = self.entries.len().saturating_sub(1);
        self.back = self.back.saturating_add_signed(lines).min(most);
    }

    /// Proposes a file name, which the time makes unique.
    pub(crate) fn propose_file_name(&mut self) {
        let now = Utc(SystemTime::now()).to_string();
        self.file_name = Edit::of(&format!("tcpentry-{}.log", now.replace(':', "-")));
    }
}

impl fmt::Display for DeletionLog {
    /// Writes a line for each entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries
            .iter()
            .try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

/// The outcome for one socket.
#[derive(Clone, Debug)]
pub(crate) struct LogEntry {
    pub(crate) at: SystemTime,
    pub(crate) outcome: Outcome,
    /// Its ends, and its state at the time of the deletion.
    pub(crate) name: String,
    /// The method, or the reason why it was not deleted.
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
}

impl LogEntry {
    pub(crate) fn of(target: &SocketTarget, result: &Result<Ending, NotDeleted>) -> Self {
        let (outcome, reason, hint) = match result {
            Ok(ending) => {
                let reason = peer_reset::describe(*ending, target.connection.local());
                (Outcome::Deleted, reason, None)
            }
            Err(failure) => (
                failure.outcome,
                format!("because {}", failure.cause),
                failure.hint.clone(),
            ),
        };
        Self {
            at: SystemTime::now(),
            outcome,
            name: name_of(target),
            reason,
            hint,
        }
    }
}

/// Returns a connection with its place, where there are several.
fn name_of(target: &SocketTarget) -> String {
    let mut name = target.connection.to_string();
    if let Some(netns) = &target.netns {
        name = format!("{name} in netns {netns}");
    }
    match &target.host {
        Some(host) => format!("{name} on {host}"),
        None => name,
    }
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            outcome,
            name,
            reason,
            ..
        } = self;
        write!(f, "{} {outcome} {name} {reason}", Utc(*at))
    }
}

/// A time as in RFC 3339, to the second.
struct Utc(SystemTime);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A clock before 1970 is shown as 1970.
        humantime::format_rfc3339_seconds(self.0.max(UNIX_EPOCH)).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_those_of_date() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let at = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(Utc(at).to_string(), text);
        }
    }
}
