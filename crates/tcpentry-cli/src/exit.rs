//! Exit codes: a contract, documented in tcpentry(1).

use std::fmt;
use std::process::ExitCode;

use tcpentry::{Error, ErrorKind, Outcome};

/// The exit code of the program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// Done; of a deletion: at least one deleted, every other one already gone.
    Done,
    /// Nothing matched, or all were already gone or spared.
    Nothing,
    /// The usage is wrong; nothing was tried.
    Usage,
    /// Refused by a guard.
    Guarded,
    /// Not permitted.
    Denied,
    /// This system has no way to do it.
    Unsupported,
    /// Some deleted, others not.
    Mixed,
    /// Any other system error.
    Failed,
    /// Ended by this signal, after what was done had been reported.
    Interrupted(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Exit {
    /// Returns the number that the system gets.
    const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Nothing => 1,
            Self::Usage => 2,
            Self::Guarded => 3,
            Self::Denied => 4,
            Self::Unsupported => 5,
            Self::Mixed => 6,
            Self::Failed => 7,
            // As a shell has it of a process that a signal has ended.
            Self::Interrupted(signal) => 128 + signal,
        }
    }

    /// Returns the exit code of this number; `None` for those of signals, and for what is none.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        let all = [
            Self::Done,
            Self::Nothing,
            Self::Usage,
            Self::Guarded,
            Self::Denied,
            Self::Unsupported,
            Self::Mixed,
            Self::Failed,
        ];
        all.into_iter().find(|exit| exit.code() == code)
    }

    /// Returns the code of an error that ends a listing.
    pub(crate) fn of_listing(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::AccessDenied | ErrorKind::NotElevated => Self::Denied,
            ErrorKind::InvalidParameter => Self::Usage,
            _ => Self::Failed,
        }
    }

    /// Returns the code of an error before any deletion could be tried.
    pub(crate) fn of_deletion(error: &Error) -> Self {
        let mut tally = Tally::default();
        tally.count(error.outcome());
        tally.exit()
    }
}

/// The outcomes of one run, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    deleted: u64,
    gone: u64,
    spared: u64,
    guarded: u64,
    denied: u64,
    unsupported: u64,
    failed: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, outcome: Outcome) {
        self.count_many(outcome, 1);
    }

    pub(crate) fn count_many(&mut self, outcome: Outcome, many: u64) {
        let counter = match outcome {
            Outcome::Deleted => &mut self.deleted,
            Outcome::Gone => &mut self.gone,
            Outcome::Spared => &mut self.spared,
            Outcome::Guarded => &mut self.guarded,
            Outcome::Denied => &mut self.denied,
            Outcome::Unsupported => &mut self.unsupported,
            // Failed, and any outcome that a later library may add.
            _ => &mut self.failed,
        };
        *counter += many;
    }

    pub(crate) const fn deleted(&self) -> u64 {
        self.deleted
    }

    fn counts(&self) -> [(u64, Outcome); 7] {
        [
            (self.deleted, Outcome::Deleted),
            (self.gone, Outcome::Gone),
            (self.spared, Outcome::Spared),
            (self.guarded, Outcome::Guarded),
            (self.denied, Outcome::Denied),
            (self.unsupported, Outcome::Unsupported),
            (self.failed, Outcome::Failed),
        ]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts().iter().all(|(count, _)| *count == 0)
    }

    /// Returns the code for all of them; with nothing deleted the worst, in the order 7, 4, 5, 3, 1.
    pub(crate) fn exit(&self) -> Exit {
        let others = self.guarded + self.denied + self.unsupported + self.failed;
        match (self.deleted, others) {
            (1.., 0) => Exit::Done,
            (1.., _) => Exit::Mixed,
            (0, _) if self.failed > 0 => Exit::Failed,
            (0, _) if self.denied > 0 => Exit::Denied,
            (0, _) if self.unsupported > 0 => Exit::Unsupported,
            (0, _) if self.guarded > 0 => Exit::Guarded,
            (0, _) => Exit::Nothing,
        }
    }
}

impl fmt::Display for Tally {
    /// Writes `12 deleted, 1 guarded`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        let mut nonzero = counts.iter().filter(|(count, _)| *count > 0);
        if let Some((count, outcome)) = nonzero.next() {
            write!(f, "{count} {outcome}")?;
        }
        nonzero.try_for_each(|(count, outcome)| write!(f, ", {count} {outcome}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Deleted, Denied, Failed, Gone, Guarded, Spared, Unsupported};

    fn exit(outcomes: &[Outcome]) -> Exit {
        let mut tally = Tally::default();
        for &outcome in outcomes {
            tally.count(outcome);
        }
        tally.exit()
    }

    #[test]
    fn a_signal_has_the_code_that_shells_give_it() {
        assert_eq!(Exit::Interrupted(2).code(), 130);
        assert_eq!(Exit::Interrupted(64).code(), 192);
    }

    #[test]
    fn the_codes_of_the_contract() {
        for (outcomes, expected) in [
            (&[][..], Exit::Nothing),
            (&[Gone], Exit::Nothing),
            (&[Deleted], Exit::Done),
            (&[Deleted, Gone], Exit::Done),
            (&[Deleted, Spared], Exit::Done),
            (&[Spared], Exit::Nothing),
            (&[Spared, Gone], Exit::Nothing),
            (&[Spared, Guarded], Exit::Guarded),
            (&[Deleted, Guarded], Exit::Mixed),
            (&[Deleted, Denied], Exit::Mixed),
            (&[Deleted, Unsupported], Exit::Mixed),
            (&[Deleted, Failed], Exit::Mixed),
            (&[Gone, Guarded], Exit::Guarded),
            (&[Guarded, Unsupported], Exit::Unsupported),
            (&[Guarded, Unsupported, Denied], Exit::Denied),
            (&[Guarded, Unsupported, Denied, Failed], Exit::Failed),
        ] {
            assert_eq!(exit(outcomes), expected, "{outcomes:?}");
        }
    }
}
