//! The reasons why a run ends early, and the exit code of each.

use std::borrow::Cow;

use tcpentry::{Error, Outcome};

use super::interrupt::Interrupt;
use crate::exit::Exit;
use crate::message::hint_of;
use crate::tables::selection::{describe_hidden, hidden_hint};

/// The reason why a run ends early.
pub(in crate::command) enum Stop {
    /// A guard refused so many together, or they were not confirmed; that has been said.
    Refused(u64),
    /// For so many sockets this caller may not see what decides.
    Hidden(u64),
    Failed(Error),
    Interrupted,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Stop {
    /// Returns what is left to be said; `nothing_done` when nothing has been reported before.
    pub(in crate::command) fn message(&self, nothing_done: bool) -> Option<String> {
        let rest = if nothing_done {
            "nothing"
        } else {
            "nothing more"
        };
        match self {
            Self::Refused(_) => None,
            Self::Hidden(count) => Some(describe_hidden(*count, &format!("{rest} was deleted"))),
            Self::Failed(error) => Some(error.to_string()),
            Self::Interrupted => Some(format!("interrupted: {rest} was deleted")),
        }
    }

    /// Returns what to do about it.
    pub(in crate::command) fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Hidden(_) => Some(hidden_hint().into()),
            Self::Failed(error) => hint_of(error).map(Cow::from),
            Self::Refused(_) | Self::Interrupted => None,
        }
    }

    /// Returns the exit code of a run in which nothing else has been reported; `interrupt` has that of a signal.
    pub(in crate::command) fn exit(&self, interrupt: &Interrupt) -> Exit {
        match self {
            Self::Refused(_) => Exit::Guarded,
            Self::Hidden(_) => Exit::Denied,
            Self::Failed(error) => Exit::of_deletion(error),
            Self::Interrupted => interrupt.exit(),
        }
    }

    /// Returns the outcome of the sockets that it concerns, and their number.
    pub(in crate::command) fn outcome(&self) -> Option<(Outcome, u64)> {
        match self {
            Self::Refused(count) => Some((Outcome::Guarded, *count)),
            Self::Hidden(count) => Some((Outcome::Denied, *count)),
            Self::Failed(error) => Some((error.outcome(), 1)),
            Self::Interrupted => None,
        }
    }
}
