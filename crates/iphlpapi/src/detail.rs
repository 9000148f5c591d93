//! The details of the last code that a function returned to this thread: outcome and reason.

use std::cell::RefCell;

use tcpentry::error::Guard;
use tcpentry::{Deleted, Error, ErrorKind, Method};

use crate::code::NO_ERROR;

/// The outcome of one deletion, in the numbers that the header names `TCPENTRY_*`.
#[derive(Clone, Debug)]
pub(crate) struct Detail {
    pub(crate) code: u32,
    pub(crate) outcome: u32,
    pub(crate) method: u32,
    pub(crate) errno: i32,
    pub(crate) text: String,
}

impl Detail {
    /// `TCPENTRY_FAILED`
    pub(crate) const FAILED: u32 = outcome::FAILED;

    /// Describes the result of a deletion.
    pub(crate) fn of(result: &Result<Deleted, Error>) -> Self {
        match result {
            Ok(deleted) => Self {
                code: NO_ERROR,
                outcome: outcome::DELETED,
                method: match deleted.method {
                    Method::SockDiag => 1,
                    Method::Borrow => 2,
                    _ => 0,
                },
                errno: 0,
                text: format!("{} deleted by {}", deleted.connection, deleted.method),
            },
            Err(error) => Self::of_error(error),
        }
    }

    /// Describes an error.
    pub(crate) fn of_error(error: &Error) -> Self {
        let text = match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        Self {
            code: error.win32(),
            outcome: outcome::of(error.kind()),
            method: 0,
            errno: error.errno().unwrap_or(0),
            text,
        }
    }

    /// Describes a parameter that is invalid before anything is tried.
    pub(crate) fn invalid(text: &str) -> Self {
        Self {
            code: 87,
            outcome: outcome::INVALID,
            method: 0,
            errno: libc::EINVAL,
            text: text.to_owned(),
        }
    }

    /// Stores it for this thread, and returns its code.
    pub(crate) fn remember(self) -> u32 {
        let code = self.code;
        // A thread that is ending (pthread_key_create) has nothing left to keep it in.
        let _ = LAST.try_with(|last| *last.borrow_mut() = Some(self));
        code
    }

    /// Returns the details of this thread's last deletion or identification (`tcpentry_last_detail`).
    pub(crate) fn last() -> Option<Self> {
        LAST.try_with(|last| last.borrow().clone()).ok().flatten()
    }
}

thread_local! {
    static LAST: RefCell<Option<Detail>> = const { RefCell::new(None) };
}

/// `TCPENTRY_OUTCOME` of the header.
mod outcome {
    use super::{ErrorKind, Guard};

    pub(super) const DELETED: u32 = 0;
    pub(super) const INVALID: u32 = 1;
    pub(super) const FAILED: u32 = 8;

    pub(super) const fn of(kind: ErrorKind) -> u32 {
        match kind {
            ErrorKind::InvalidParameter => INVALID,
            ErrorKind::NotFound => 2,
            ErrorKind::Refused(Guard::Listener) => 3,
            ErrorKind::Ambiguous => 4,
            ErrorKind::NotSupported => 5,
            ErrorKind::AccessDenied => 6,
            ErrorKind::NotElevated => 7,
            ErrorKind::OtherNetns => 9,
            ErrorKind::Refused(Guard::OtherBoot) => 10,
            _ => FAILED,
        }
    }
}
