//! The reason why a connection can't be deleted, in words: the cause and the way out.

use rustix::io::Errno;

use super::borrow::Failure;
use crate::child::MORE_PROCESSES;
use crate::connection::Connection;
use crate::error::{Error, ErrorKind, Operation, Reason, ran_out};
use crate::escape::escape_for_terminal;
use crate::privilege::{PtraceScope, sees_by_right};
use crate::process::Process;
use crate::table::refusal::FORBIDDEN;

/// The reason to fall back on borrowing the descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fallback {
    /// It was asked for.
    Asked,
    /// `SOCK_DESTROY` answered `EPERM`.
    NotPermitted,
    /// `SOCK_DESTROY` is forbidden also to those who have the right: `EACCES` of a security module (the `nlmsg_write` of SELinux).
    Forbidden,
    /// This kernel has no `SOCK_DESTROY`.
    NoDestroy,
    /// This kernel has `SOCK_DESTROY`, but not for a socket in this state.
    NotInThisState,
    /// It is an MPTCP connection: destroying the subflow leaves the connection alive.
    Mptcp,
    /// The kernel's look-up finds another socket of the same four-tuple first.
    Unreachable,
}

impl Fallback {
    /// Returns the error when borrowing was not to be tried.
    pub(crate) fn not_allowed_to_borrow(self) -> Error {
        let cause = self.cause().unwrap_or_default();
        match self {
            Self::NotPermitted | Self::Forbidden => {
                Error::denied(Operation::Delete, cause).with_hint(self.right())
            }
            _ => Error::new(Operation::Delete, ErrorKind::NotSupported, cause)
                .with_hint("use the method auto: borrowing its owner's descriptor may work"),
        }
        .because(self.reason())
    }

    /// Returns the error when borrowing did not help either.
    pub(crate) fn not_borrowed(self, connection: &Connection, failure: &Failure) -> Error {
        if let Failure::Os { doing, errno } = failure {
            let error = Error::os(Operation::Delete, doing, *errno);
            match *errno {
                Errno::AGAIN => return error.with_hint(MORE_PROCESSES),
                errno if ran_out(errno) || !self.is_a_matter_of_rights() => return error,
                _ => {}
            }
        }
        if let (Some(cause), false) = (stuck(failure), self.is_a_matter_of_rights()) {
            // No right would change it.
            return Error::new(Operation::Delete, ErrorKind::AccessDenied, cause)
                .with_hint(END_THE_STUCK);
        }
        let (obstacle, way_out) = diagnose(connection, failure, self);
        let cause = match self.cause() {
            Some(first) => format!("{first}, and {obstacle}"),
            None => obstacle,
        };
        let reason = self.reason().or_else(|| reason_of(failure));
        if self.is_a_matter_of_rights() || is_a_matter_of_rights(connection, failure) {
            Error::denied(Operation::Delete, cause)
                .with_hint(way_out)
                .because(reason)
        } else {
            let way_out = self
                .without_borrowing(failure)
                .map_or(way_out, String::from);
            Error::new(Operation::Delete, ErrorKind::NotSupported, cause)
                .with_hint(way_out)
                .because(reason)
        }
    }

    /// Creates the error of an MPTCP connection that no process holds, after so many of its subflows have been destroyed.
    pub(crate) fn only_subflows_destroyed(count: usize) -> Error {
        let subflows = match count {
            1 => "subflow has been".to_owned(),
            many => format!("{many} subflows have been"),
        };
        let cause = format!(
            "it is an MPTCP connection that no process holds: its {subflows} destroyed, \
             but whether the connection itself has ended can't be known"
        );
        Error::new(Operation::Delete, ErrorKind::NotSupported, cause)
            .because(Reason::Mptcp)
            .with_hint(
                "without another subflow the kernel ends it after net.mptcp.close_timeout (60 s by default)",
            )
    }

    /// Returns the error when the borrowed descriptor could not be disconnected.
    pub(crate) fn not_disconnected(self, connection: &Connection, errno: Errno) -> Error {
        let doing = "connect(AF_UNSPEC) on the borrowed descriptor";
        let error = Error::os(Operation::Delete, doing, errno);
        match (errno, self) {
            // Linux 5.15 (measured); 6.1 does it.
            (Errno::INVAL, _) if connection.mptcp != Some(false) => Error::new(
                Operation::Delete,
                ErrorKind::NotSupported,
                "it is an MPTCP connection, and this kernel does not disconnect those",
            )
            .because(Reason::Mptcp)
            .with_hint("end the process that holds it; or run it on another kernel"),
            (Errno::TIMEDOUT, _) => error.with_hint(
                "the process that holds it keeps it locked; a child process waits for it, and may still end the connection",
            ),
            (Errno::BUSY, _) => {
                let way_out = match self {
                    Self::NotPermitted | Self::Forbidden => self.right(),
                    _ => "try again, or end the process that holds it",
                };
                // It was tried to wake the owner: see `borrow::disconnect`.
                let meanwhile = if connection.state.is_synchronized() {
                    "; the connection has been shut down by now, but is still there"
                } else {
                    ""
                };
                error.with_hint(format!(
                    "this kernel does not disconnect a socket while its owner waits in a system call{meanwhile}; {way_out}"
                ))
            }
            _ => error,
        }
    }

    /// Creates the error of a socket in the repair mode (CRIU), in which `connect(AF_UNSPEC)` sends no reset: the peer would
    /// never hear of it. `SOCK_DESTROY` sends one (Linux 6.18).
    pub(crate) fn in_repair(self) -> Error {
        let cause = "its socket is in repair mode (TCP_REPAIR): disconnecting it would send no reset, and the peer would stay connected";
        let way_out = match self {
            Self::Forbidden => FORBIDDEN,
            Self::Asked | Self::NotPermitted => {
                "run it as root with all capabilities (sudo): SOCK_DESTROY sends a reset"
            }
            _ => "run it as root with all capabilities (sudo), which can end that mode first",
        };
        Error::denied(Operation::Delete, cause)
            .with_hint(way_out)
            .because(self.reason())
    }

    /// Returns true where somebody else could destroy it.
    const fn is_a_matter_of_rights(self) -> bool {
        matches!(self, Self::NotPermitted | Self::Forbidden)
    }

    /// Returns the way out when a holder may not be borrowed from.
    fn allowed_to_borrow(self, scope: PtraceScope) -> &'static str {
        match (scope, self) {
            (_, Self::Forbidden) => FORBIDDEN,
            (PtraceScope::NoAttach, Self::Asked) => {
                "kernel.yama.ptrace_scope is 3: nobody may borrow until the next boot; \
                 only SOCK_DESTROY can delete it: use the method sock-diag"
            }
            // SOCK_DESTROY is out of the question, whoever asks.
            (
                PtraceScope::NoAttach,
                Self::NoDestroy | Self::NotInThisState | Self::Mptcp | Self::Unreachable,
            ) => {
                "kernel.yama.ptrace_scope is 3: nobody may borrow until the next boot; \
                 end the process that holds it"
            }
            _ => match scope.hint() {
                Some(hint) => hint,
                None if rustix::process::geteuid().is_root() => OTHER_CREDENTIALS_THAN_ROOT,
                None => OTHER_CREDENTIALS,
            },
        }
    }

    /// Returns the right that would help.
    fn right(self) -> &'static str {
        match (self, rustix::process::geteuid().is_root()) {
            (Self::Forbidden, _) => FORBIDDEN,
            (Self::NotPermitted, true) => RIGHT,
            (Self::NotPermitted, false) => SUDO,
            // SOCK_DESTROY is out of the question, whoever asks.
            (_, true) => RIGHT_TO_BORROW,
            (_, false) => SUDO_TO_BORROW,
        }
    }

    /// Returns the way out where nobody could borrow it: more rights would not change it.
    const fn without_borrowing(self, failure: &Failure) -> Option<&'static str> {
        Some(match (self, failure) {
            (Self::Asked, Failure::NoDescriptor | Failure::Unavailable) => {
                "only SOCK_DESTROY can delete it: use the method sock-diag"
            }
            (Self::Unreachable, Failure::NoDescriptor | Failure::Unavailable) => {
                "it can be deleted once that other socket has ended"
            }
            (Self::NoDestroy | Self::NotInThisState, Failure::NoDescriptor) => {
                "only another kernel can delete it; its timers will end it"
            }
            (Self::Mptcp, Failure::NoDescriptor) => {
                "there is no way to delete it; its timers will end it"
            }
            (Self::NoDestroy | Self::NotInThisState | Self::Mptcp, Failure::Unavailable) => {
                "end the process that holds it; or run it on another kernel, outside of the sandbox"
            }
            _ => return None,
        })
    }

    const fn reason(self) -> Option<Reason> {
        Some(match self {
            Self::Asked | Self::Forbidden => return None,
            Self::NotPermitted => Reason::NoNetAdmin,
            Self::NoDestroy => Reason::NoSockDestroy,
            Self::NotInThisState => Reason::StateNotSupported,
            Self::Mptcp => Reason::Mptcp,
            Self::Unreachable => Reason::Shadowed,
        })
    }

    const fn cause(self) -> Option<&'static str> {
        match self {
            Self::Asked => None,
            Self::NotPermitted => Some("the kernel lets only CAP_NET_ADMIN destroy sockets"),
            Self::Forbidden => {
                Some("a security module (SELinux) or a seccomp filter forbids SOCK_DESTROY")
            }
            Self::NoDestroy => {
                Some("this kernel has no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY is off)")
            }
            Self::NotInThisState => {
                Some("this kernel's SOCK_DESTROY does not support sockets in this state")
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

/// Returns the reason where borrowing was asked for.
fn reason_of(failure: &Failure) -> Option<Reason> {
    Some(match failure {
        Failure::NoDescriptor => Reason::NoHolder,
        Failure::NotFound { .. } => Reason::HolderNotSeen,
        Failure::Refused { .. } | Failure::Stuck { .. } | Failure::OfSuchUser { .. } => {
            Reason::BorrowDenied
        }
        Failure::Unavailable => Reason::NoPidfdGetfd,
        Failure::Os { .. } => return None,
    })
}

/// Returns true if a caller with more rights could borrow it.
fn is_a_matter_of_rights(connection: &Connection, failure: &Failure) -> bool {
    match failure {
        Failure::Refused { .. } | Failure::Stuck { .. } | Failure::OfSuchUser { .. } => true,
        Failure::NotFound { hidden, .. } => {
            (!hidden.is_empty() || is_invisible(connection)) && !sees_by_right()
        }
        Failure::NoDescriptor | Failure::Unavailable | Failure::Os { .. } => false,
    }
}

/// Returns true if its owner may be a process that is not even shown (`/proc` mounted with `hidepid`).
fn is_invisible(connection: &Connection) -> bool {
    let caller = rustix::process::geteuid();
    !caller.is_root() && connection.uid != caller.as_raw()
}

/// Returns why there is nothing to borrow, and what would help: often no more than a right.
fn diagnose(connection: &Connection, failure: &Failure, fallback: Fallback) -> (String, String) {
    let right = fallback.right();
    match failure {
        Failure::NoDescriptor => (
            format!("no process holds this {} socket", connection.state),
            right.to_owned(),
        ),
        Failure::NotFound { hidden, .. } => diagnose_not_found(connection, hidden, fallback),
        Failure::Refused { holder } => (
            format!("you are not permitted to borrow from {}", describe(*holder)),
            fallback.allowed_to_borrow(PtraceScope::read()).to_owned(),
        ),
        Failure::Stuck { .. } | Failure::OfSuchUser { .. } => {
            (stuck(failure).unwrap_or_default(), right.to_owned())
        }
        Failure::Unavailable => (
            "pidfd_getfd is not available: the kernel is older than Linux 5.6, or a seccomp filter forbids it".to_owned(),
            right.to_owned(),
        ),
        Failure::Os { doing, errno } => (
            format!("{doing} failed: {}", std::io::Error::from(*errno)),
            right.to_owned(),
        ),
    }
}

fn diagnose_not_found(
    connection: &Connection,
    hidden: &[Process],
    fallback: Fallback,
) -> (String, String) {
    let right = fallback.right();
    let own = rustix::process::geteuid().as_raw();
    // What a sandbox hides even from the root of the host, no right shows.
    let hidden = if sees_by_right() { &[] } else { hidden };
    if connection.uid != own && (!hidden.is_empty() || is_invisible(connection)) {
        return (
            format!("the connection belongs to uid {}", connection.uid),
            right.to_owned(),
        );
    }
    let suspects: Vec<Process> = hidden
        .iter()
        .copied()
        .filter(|process| process.uid() == Some(own))
        .collect();
    if suspects.is_empty() {
        let way_out = match fallback {
            // Wherever its owner lives.
            Fallback::NotPermitted | Fallback::Forbidden => right,
            _ if sees_by_right() => {
                "it is on its way from one process to another, in io_uring, or the kernel's own: end whatever holds it"
            }
            _ => "its owner may be in another pid namespace: run it there, or on the host",
        };
        return (
            "no process seen here holds it".to_owned(),
            way_out.to_owned(),
        );
    }
    let mut named: Vec<String> = suspects
        .iter()
        .take(MAX_LISTED)
        .copied()
        .map(describe)
        .collect();
    if let Some(more @ 1..) = suspects.len().checked_sub(MAX_LISTED) {
        named.push(format!("{more} more"));
    }
    (
        format!(
            "its owner must be among your processes that hide their descriptors, because they are \
             not dumpable (set-uid, or prctl PR_SET_DUMPABLE) or have more capabilities than you: {}",
            named.join(", ")
        ),
        right.to_owned(),
    )
}

/// Returns the cause where a child process was abandoned because of its holder.
fn stuck(failure: &Failure) -> Option<String> {
    Some(match failure {
        Failure::Stuck { holder } => format!(
            "{} did not release the borrowed descriptor: closing it waits for a file system that does not answer, or for a lock on the socket; the child process that waits was abandoned",
            describe(*holder)
        ),
        Failure::OfSuchUser { holder } => format!(
            "nothing was borrowed from {}: too many processes of its user did not release what was borrowed",
            describe(*holder)
        ),
        _ => return None,
    })
}

fn describe(process: Process) -> String {
    let name = process.name().unwrap_or_default();
    format!("pid {} ({})", process.pid(), escape_for_terminal(&name))
}

const SUDO: &str = "run it as root with all capabilities (sudo), or with CAP_NET_ADMIN over this network namespace";
const SUDO_TO_BORROW: &str =
    "run it as root with all capabilities (sudo), or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH";
const RIGHT: &str =
    "root lacks CAP_NET_ADMIN over this network namespace: run it with all capabilities";
const RIGHT_TO_BORROW: &str =
    "root lacks CAP_SYS_PTRACE or CAP_DAC_READ_SEARCH here: run it with all capabilities";
const OTHER_CREDENTIALS: &str = "its owner runs with other user or group ids or more capabilities than you, \
     or is not dumpable; run it as root (sudo)";
const OTHER_CREDENTIALS_THAN_ROOT: &str =
    "its owner has more capabilities than root has here: run it with all capabilities";
const END_THE_STUCK: &str =
    "end its processes and what serves its files (FUSE), which also ends the child processes";
/// The number of processes that a message names.
const MAX_LISTED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_advised_against_the_strictest_yama_only_where_it_helps() {
        let helps = |fallback: Fallback| fallback.allowed_to_borrow(PtraceScope::NoAttach);
        assert!(helps(Fallback::NotPermitted).contains("run it as root"));
        assert!(helps(Fallback::Asked).ends_with("the method sock-diag"));
        for why in [
            Fallback::Mptcp,
            Fallback::NoDestroy,
            Fallback::NotInThisState,
            Fallback::Unreachable,
        ] {
            assert!(helps(why).contains("ptrace_scope is 3"), "{why:?}");
            assert!(helps(why).ends_with("end the process that holds it"));
        }
        let scope = PtraceScope::Restricted;
        assert_eq!(
            Some(Fallback::Mptcp.allowed_to_borrow(scope)),
            scope.hint(),
            "where a right helps, it is named"
        );
    }
}
