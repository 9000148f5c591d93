//! Why a connection can't be deleted, in words: the cause and the way out.

use crate::borrow::Failure;
use crate::connection::Connection;
use crate::error::{Error, ErrorKind, Operation};
use crate::privilege::{PtraceScope, denied};
use crate::process::{HiddenProcess, Process, escape};

/// Why the descriptor has to be borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Why {
    /// It was asked for.
    Asked,
    /// `SOCK_DESTROY` answered `EPERM`.
    NotPermitted,
    /// This kernel has no `SOCK_DESTROY`.
    NoDestroy,
    /// It is an MPTCP connection: destroying the subflow leaves the connection alive.
    Mptcp,
    /// The kernel's look-up finds another socket of the same four-tuple first.
    Unreachable,
}

impl Why {
    /// The error when borrowing was not to be tried.
    pub(crate) fn not_allowed_to_borrow(self) -> Error {
        let cause = self.cause().unwrap_or_default();
        match self {
            Self::NotPermitted => denied(Operation::Delete, cause.to_owned()).with_hint(SUDO),
            _ => Error::new(Operation::Delete, ErrorKind::NotSupported, cause)
                .with_hint("leave the method open: borrowing its owner's descriptor may do it"),
        }
    }

    /// The error when borrowing did not help either.
    pub(crate) fn not_borrowed(self, connection: &Connection, failure: &Failure) -> Error {
        if let (Failure::Os { doing, errno }, false) = (failure, matches!(self, Self::NotPermitted))
        {
            return Error::os(Operation::Delete, doing, *errno);
        }
        let (reason, way_out) = explain(connection, failure);
        let cause = match self.cause() {
            Some(first) => format!("{first}, and {reason}"),
            None => reason,
        };
        if matches!(self, Self::NotPermitted) || is_a_matter_of_rights(failure) {
            denied(Operation::Delete, cause).with_hint(way_out)
        } else {
            let way_out = match (self, failure) {
                // More rights would not change it.
                (Self::NoDestroy, Failure::NoDescriptor) => {
                    "only another kernel can delete it; its timers will end it".to_owned()
                }
                (Self::Asked, Failure::NoDescriptor) => {
                    "only SOCK_DESTROY can delete it: --method sock-diag".to_owned()
                }
                _ => way_out,
            };
            Error::new(Operation::Delete, ErrorKind::NotSupported, cause).with_hint(way_out)
        }
    }

    const fn cause(self) -> Option<&'static str> {
        match self {
            Self::Asked => None,
            Self::NotPermitted => Some("the kernel lets only CAP_NET_ADMIN destroy sockets"),
            Self::NoDestroy => {
                Some("this kernel has no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY is off)")
            }
            Self::Mptcp => {
                Some("it is an MPTCP connection, which outlives the destruction of its subflow")
            }
            Self::Unreachable => {
                Some("the kernel's look-up finds an unbound socket of the same four-tuple instead")
            }
        }
    }
}

/// Whether somebody with more rights could borrow it.
fn is_a_matter_of_rights(failure: &Failure) -> bool {
    match failure {
        Failure::Refused { .. } => true,
        Failure::NotFound { hidden } => !hidden.is_empty(),
        Failure::NoDescriptor | Failure::Unavailable | Failure::Os { .. } => false,
    }
}

/// Why there is nothing to borrow, and what would help.
fn explain(connection: &Connection, failure: &Failure) -> (String, String) {
    match failure {
        Failure::NoDescriptor => (
            format!("no process holds this {} socket", connection.state),
            SUDO.to_owned(),
        ),
        Failure::NotFound { hidden } => explain_not_found(connection, hidden),
        Failure::Refused { holder } => (
            format!("{} may not be borrowed from", describe(*holder)),
            PtraceScope::read()
                .hint()
                .unwrap_or(OTHER_CREDENTIALS)
                .to_owned(),
        ),
        Failure::Unavailable => (
            "there is no pidfd_getfd here (Linux 5.6; or a seccomp filter forbids it)".to_owned(),
            SUDO.to_owned(),
        ),
        Failure::Os { doing, errno } => (
            format!("{doing} failed: {}", std::io::Error::from(*errno)),
            SUDO.to_owned(),
        ),
    }
}

fn explain_not_found(connection: &Connection, hidden: &[HiddenProcess]) -> (String, String) {
    let own = rustix::process::geteuid().as_raw();
    if connection.uid != own && !hidden.is_empty() {
        return (
            format!("the connection belongs to uid {}", connection.uid),
            SUDO.to_owned(),
        );
    }
    let undumpable: Vec<String> = hidden
        .iter()
        .filter(|process| process.0.uid() == Some(own))
        .take(NAMED)
        .map(|process| describe(process.0))
        .collect();
    if undumpable.is_empty() {
        return (
            "no process seen here holds it".to_owned(),
            format!("its owner may live in another pid namespace; {SUDO}"),
        );
    }
    (
        format!(
            "its owner hides its descriptors; not dumpable (set-uid, or prctl PR_SET_DUMPABLE): {}",
            undumpable.join(", ")
        ),
        SUDO.to_owned(),
    )
}

fn describe(process: Process) -> String {
    let name = process.name().unwrap_or_default();
    format!("pid {} ({})", process.pid(), escape(&name))
}

const SUDO: &str = "run it as root (sudo), or with CAP_NET_ADMIN over this network namespace";
const OTHER_CREDENTIALS: &str = "its owner runs with other user or group ids or more capabilities than you, \
     or is not dumpable; run it as root (sudo)";
/// How many processes a message names.
const NAMED: usize = 4;
