//! The one error, and the one vocabulary of outcomes for library, C library and program.

use std::borrow::Cow;
use std::fmt;

use rustix::io::Errno;

use crate::connection::Connection;
use crate::connection::endpoint::Pair;
use crate::privilege::{is_administrator, more_rights};

/// The reason why an operation did not happen.
///
/// It names the operation, the connection and the cause ([`Display`](fmt::Display)), says what to do
/// ([`hint`](Self::hint)), and carries the codes of the contract ([`kind`](Self::kind),
/// [`errno`](Self::errno), [`win32`](Self::win32), [`outcome`](Self::outcome)).
///
/// ```
/// use tcpentry::{ErrorKind, Outcome, Pair, TcpTable};
/// let pair = Pair::new("192.0.2.1:1".parse()?, "192.0.2.2:2".parse()?)?;
/// let error = TcpTable::open()?.find(&pair.into()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert_eq!(error.outcome(), Outcome::Gone);
/// assert_eq!(error.win32(), 317);
/// assert_eq!(error.to_string(), "cannot find 192.0.2.1:1 192.0.2.2:2: no such connection");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Error(Box<ErrorFields>);

#[derive(Clone, Debug)]
struct ErrorFields {
    operation: Operation,
    kind: ErrorKind,
    pair: Option<Pair>,
    cause: Cow<'static, str>,
    errno: Option<i32>,
    hint: Option<Cow<'static, str>>,
    candidates: Vec<Connection>,
    reason: Option<Reason>,
}

impl Error {
    pub(crate) fn new(
        operation: Operation,
        kind: ErrorKind,
        cause: impl Into<Cow<'static, str>>,
    ) -> Self {
        let errno = match kind {
            ErrorKind::NotFound => Some(Errno::NOENT),
            ErrorKind::AccessDenied | ErrorKind::NotElevated => Some(Errno::PERM),
            ErrorKind::NotSupported => Some(Errno::OPNOTSUPP),
            ErrorKind::InvalidParameter => Some(Errno::INVAL),
            ErrorKind::Ambiguous
            | ErrorKind::OtherNetns
            | ErrorKind::Refused(_)
            | ErrorKind::Spared
            | ErrorKind::Os => None,
        };
        Self(Box::new(ErrorFields {
            operation,
            kind,
            pair: None,
            cause: cause.into(),
            errno: errno.map(Errno::raw_os_error),
            hint: None,
            candidates: Vec::new(),
            reason: None,
        }))
    }

    /// Makes the error of a right that is missing: an administrator only lacks the elevation.
    pub(crate) fn denied(operation: Operation, cause: impl Into<Cow<'static, str>>) -> Self {
        let kind = if is_administrator() {
            ErrorKind::NotElevated
        } else {
            ErrorKind::AccessDenied
        };
        Self::new(operation, kind, cause)
    }

    /// Creates the error of a failed system call, or of an errno in the kernel's answer that has no kind of its own.
    pub(crate) fn os(operation: Operation, doing: &str, errno: Errno) -> Self {
        let text = std::io::Error::from(errno);
        let error = Self::new(operation, ErrorKind::Os, format!("{doing}: {text}"));
        match errno {
            Errno::MFILE => error.with_hint("allow this process more descriptors: ulimit -n"),
            _ => error,
        }
        .because(ran_out(errno).then_some(Reason::OutOfResources))
        .with_errno(errno)
    }

    pub(crate) fn with_errno(mut self, errno: Errno) -> Self {
        self.0.errno = Some(errno.raw_os_error());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn because(mut self, reason: impl Into<Option<Reason>>) -> Self {
        self.0.reason = reason.into();
        self
    }

    pub(crate) fn about(mut self, pair: Pair) -> Self {
        self.0.pair = Some(pair);
        self
    }

    pub(crate) fn with_candidates(mut self, candidates: Vec<Connection>) -> Self {
        self.0.candidates = candidates;
        self
    }

    /// Returns the error as the failure of a larger operation: for a caller that asked for a deletion, a look-up that fails is
    /// a deletion that fails.
    #[must_use]
    pub fn during(mut self, operation: Operation) -> Self {
        self.0.operation = operation;
        self
    }

    /// Returns the kind of the error, which has an errno, a Win32 code and an [`Outcome`].
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the condition behind the kind, where one is known: what a program can act upon.
    ///
    /// ```
    /// use tcpentry::{ErrorKind, Reason, TcpTable};
    /// match TcpTable::open() {
    ///     Err(error) if error.reason() == Some(Reason::NoSockDiag) => assert_eq!(error.kind(), ErrorKind::NotSupported),
    ///     _ => {}
    /// }
    /// ```
    pub fn reason(&self) -> Option<Reason> {
        self.0.reason
    }

    /// Returns the operation that failed.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Returns the connection that it was done to.
    pub fn pair(&self) -> Option<Pair> {
        self.0.pair
    }

    /// Returns the cause alone, without operation and connection.
    pub fn cause(&self) -> &str {
        &self.0.cause
    }

    /// Returns the way out: the command that helps, or the right that is missing.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the errno, where the contract has one.
    pub fn errno(&self) -> Option<i32> {
        self.0.errno
    }

    /// Returns the sockets between which an ambiguous name does not decide.
    pub fn candidates(&self) -> &[Connection] {
        &self.0.candidates
    }

    /// Returns the Win32 code that `SetTcpEntry` has for it; never 0.
    ///
    /// 317 stands for both [`NotFound`](ErrorKind::NotFound) and [`NotElevated`](ErrorKind::NotElevated):
    /// it is no proof that a connection is gone.
    pub fn win32(&self) -> u32 {
        match self.kind() {
            ErrorKind::InvalidParameter => win32::INVALID_PARAMETER,
            ErrorKind::NotFound
            | ErrorKind::NotElevated
            | ErrorKind::Spared
            | ErrorKind::Refused(Guard::Listener) => win32::MR_MID_NOT_FOUND,
            ErrorKind::Ambiguous
            | ErrorKind::OtherNetns
            | ErrorKind::Refused(Guard::OtherBoot | Guard::Subflow) => win32::NOT_FOUND,
            ErrorKind::AccessDenied => win32::ACCESS_DENIED,
            ErrorKind::Refused(Guard::Caller(guard)) => guard.win32,
            ErrorKind::NotSupported => win32::NOT_SUPPORTED,
            ErrorKind::Os => self.errno().map_or(win32::GEN_FAILURE, win32::from_errno),
        }
    }

    /// Returns the outcome of the deletion.
    pub fn outcome(&self) -> Outcome {
        match self.kind() {
            ErrorKind::NotFound => Outcome::Gone,
            ErrorKind::AccessDenied | ErrorKind::NotElevated => Outcome::Denied,
            ErrorKind::Ambiguous | ErrorKind::OtherNetns | ErrorKind::Refused(_) => {
                Outcome::Guarded
            }
            ErrorKind::Spared => Outcome::Spared,
            ErrorKind::NotSupported => Outcome::Unsupported,
            ErrorKind::InvalidParameter | ErrorKind::Os => Outcome::Failed,
        }
    }

    /// Creates the error of a connection that this caller is not permitted to delete, or to see.
    pub fn not_permitted(cause: impl Into<Cow<'static, str>>, pair: Pair) -> Self {
        Self::denied(Operation::Delete, cause)
            .with_hint(more_rights())
            .about(pair)
    }

    /// Creates the error of ends that several sockets have, between which nothing decides.
    pub fn ambiguous(cause: impl Into<Cow<'static, str>>, pair: Pair) -> Self {
        Self::new(Operation::Delete, ErrorKind::Ambiguous, cause).about(pair)
    }

    /// Creates the error of a connection that is left alone because it no longer is, or is not known to be, what was selected.
    pub fn spared(cause: impl Into<Cow<'static, str>>, pair: Pair) -> Self {
        Self::new(Operation::Delete, ErrorKind::Spared, cause).about(pair)
    }

    /// Creates the error of a subflow of an MPTCP connection with another subflow that is not selected.
    pub fn subflow_not_selected(pair: Pair, other: &Pair) -> Self {
        let guard = Guard::Subflow;
        let cause = format!("{}, and {other} is not selected", guard.cause());
        Self::new(Operation::Delete, ErrorKind::Refused(guard), cause)
            .with_hint(guard.hint())
            .about(pair)
    }

    /// Creates the error of a guard that the caller of this library keeps itself.
    pub fn refused(guard: Guard, pair: Pair) -> Self {
        Self::new(Operation::Delete, ErrorKind::Refused(guard), guard.cause())
            .with_hint(guard.hint())
            .about(pair)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.0.operation)?;
        if let Some(pair) = self.0.pair {
            write!(f, " {pair}")?;
        }
        write!(f, ": {}", self.0.cause)
    }
}

impl std::error::Error for Error {}

/// The operation that an [`Error`] ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// [`TcpTable::open`](crate::TcpTable::open)
    Open,
    /// [`TcpTable::connections`](crate::TcpTable::connections)
    List,
    /// [`TcpTable::find`](crate::TcpTable::find)
    Find,
    /// [`TcpTable::delete`](crate::TcpTable::delete), [`TcpTable::check`](crate::TcpTable::check)
    Delete,
    /// [`TcpTable::set_entry`](crate::TcpTable::set_entry)
    SetEntry,
    /// [`Support::probe`](crate::support::Support::probe)
    Probe,
    /// [`AddressWatch`](crate::watch::AddressWatch), [`HostWatch`](crate::watch::HostWatch)
    WatchAddresses,
    /// [`SetWatch`](crate::watch::SetWatch)
    ReadSets,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open the TCP table",
            Self::List => "list the TCP table",
            Self::Find => "find",
            Self::Delete => "delete",
            Self::SetEntry => "set the TCP entry",
            Self::Probe => "find out what can be deleted here",
            Self::WatchAddresses => "watch the addresses of this host",
            Self::ReadSets => "read the sets of nftables",
        })
    }
}

/// The kinds of reasons, each with its codes.
///
/// | kind | errno | Win32 | [`Outcome`] |
/// |---|---|---|---|
/// | `InvalidParameter` | EINVAL | 87 | `failed` |
/// | `NotFound` | ENOENT | 317 | `gone` |
/// | `Ambiguous` | - | 1168 | `guarded` |
/// | `Refused(Listener)` | - | 317 | `guarded` |
/// | `Refused(Caller)` | - | its own | `guarded` |
/// | `OtherNetns` | - | 1168 | `guarded` |
/// | `Refused(OtherBoot)` | - | 1168 | `guarded` |
/// | `Refused(Subflow)` | - | 1168 | `guarded` |
/// | `Spared` | - | - | `spared` |
/// | `AccessDenied` | EPERM, EACCES | 5 | `denied` |
/// | `NotElevated` | EPERM, EACCES | 317 | `denied` |
/// | `NotSupported` | EOPNOTSUPP, EAFNOSUPPORT | 50 | `unsupported` |
/// | `Os` | as the system gave it | the nearest | `failed` |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The row does not ask for a deletion.
    InvalidParameter,
    /// There is no such socket, or no longer.
    NotFound,
    /// The four-tuple names several sockets, bound to different devices or in different network namespaces.
    Ambiguous,
    /// The identity belongs to another network namespace than the table.
    OtherNetns,
    /// Refused by a guard of ours.
    Refused(Guard),
    /// Evaluated again before its deletion, it was no longer what had been selected: see
    /// [`Options::while_selected`](crate::Options::while_selected).
    Spared,
    /// The caller may not, and is not an administrator.
    AccessDenied,
    /// The caller may not, but is an administrator who is not elevated.
    NotElevated,
    /// This system has no way to do it.
    NotSupported,
    /// Anything else the system reports.
    Os,
}

/// The condition behind an [`ErrorKind`]: see [`Error::reason`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// `NotSupported`: the kernel has no `NETLINK_SOCK_DIAG`. `AccessDenied`: a seccomp filter or a security module forbids it.
    NoSockDiag,
    /// `NotSupported`: the kernel's module `tcp_diag` is missing, so that nothing can be looked up.
    NoTcpDiag,
    /// `NotSupported`: the kernel has no `SOCK_DESTROY` (`CONFIG_INET_DIAG_DESTROY`, Linux 4.5).
    NoSockDestroy,
    /// `NotSupported`: the kernel's `SOCK_DESTROY` does not take a socket in this state (TIME_WAIT before Linux 6.1).
    StateNotSupported,
    /// `NotSupported`: an MPTCP connection, which outlives the destruction of its subflow.
    Mptcp,
    /// `NotSupported`: the kernel's look-up finds an unbound socket of the same four-tuple first.
    Shadowed,
    /// `NotSupported`: a bound socket, which has no connection.
    NotConnected,
    /// `NotSupported`: the system has no IPv4, or no IPv6.
    NoAddressFamily,
    /// `AccessDenied` or `NotElevated`: `CAP_NET_ADMIN` over the network namespace is missing.
    NoNetAdmin,
    /// `Os`: descriptors or memory have run out, so that nothing is known of what was to be looked at.
    OutOfResources,
    /// No process holds the socket, so that there is no descriptor to borrow.
    NoHolder,
    /// No process that the caller may look into holds the socket.
    HolderNotSeen,
    /// The process that holds the socket may not be borrowed from (`ptrace(2)`, Yama).
    BorrowDenied,
    /// The kernel has no `pidfd_getfd` (Linux 5.6), or a seccomp filter forbids it.
    NoPidfdGetfd,
    /// `NotSupported`: the kernel has no `nf_tables`, so that there are no sets.
    NoNfTables,
}

/// Returns true where a call failed for want of descriptors or memory, and so says nothing about what it was to see.
pub(crate) const fn ran_out(errno: Errno) -> bool {
    matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}

/// A deletion that is refused although the kernel would do it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Guard {
    /// The name is that of a listening socket.
    Listener,
    /// The identity was made under another boot id, and a socket here has its namespace, cookie and ends.
    OtherBoot,
    /// It is a subflow of an MPTCP connection, which ends with all its subflows, and another one must not end.
    Subflow,
    /// A guard of the program that uses this library.
    Caller(&'static CallerGuard),
}

/// A guard that a program keeps beside those of this library: [`Error::refused`] makes the error, as for
/// [`Action::Refuse`](crate::Action::Refuse).
///
/// ```
/// use tcpentry::error::{CallerGuard, Guard};
/// use tcpentry::{Error, Pair};
/// static BACKUP: CallerGuard = CallerGuard {
///     name: "backup",
///     cause: "a backup is running over it",
///     hint: "wait until it has ended",
///     win32: 5,
/// };
/// let pair = Pair::new("192.0.2.1:1".parse()?, "192.0.2.2:2".parse()?)?;
/// let error = Error::refused(Guard::Caller(&BACKUP), pair);
/// assert_eq!(error.to_string(), "cannot delete 192.0.2.1:1 192.0.2.2:2: a backup is running over it");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Eq, PartialEq)]
pub struct CallerGuard {
    /// The word for it in reports.
    pub name: &'static str,
    /// The cause in messages.
    pub cause: &'static str,
    /// The way out.
    pub hint: &'static str,
    /// The Win32 code.
    pub win32: u32,
}

impl Guard {
    const fn cause(self) -> &'static str {
        match self {
            Self::Listener => "it is a listening socket, not a connection",
            Self::Caller(guard) => guard.cause,
            Self::OtherBoot => {
                "its identity was made under another boot id, but this system has a socket like it: the boot id may be a container's"
            }
            Self::Subflow => {
                "it is a subflow of an MPTCP connection, which ends with all its subflows"
            }
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Listener => "listeners are deleted only if that is requested",
            Self::Caller(guard) => guard.hint,
            Self::Subflow => "select all subflows of the connection, or name one of them exactly",
            Self::OtherBoot => "list it here, and delete it by the identity shown",
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listener => "listener",
            Self::Caller(guard) => guard.name,
            Self::OtherBoot => "other-boot",
            Self::Subflow => "subflow",
        })
    }
}

/// The outcome of a deletion, in the words that library, C library and program share.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The kernel confirmed it.
    Deleted,
    /// It was no longer there.
    Gone,
    /// Not permitted.
    Denied,
    /// Refused by a guard of ours.
    Guarded,
    /// Evaluated again before the deletion, and no longer what was selected.
    Spared,
    /// No way on this system.
    Unsupported,
    /// Anything else.
    Failed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Deleted => "deleted",
            Self::Gone => "gone",
            Self::Denied => "denied",
            Self::Guarded => "guarded",
            Self::Spared => "spared",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
        })
    }
}

/// The Win32 codes of the contract (`winerror.h`).
mod win32 {
    use rustix::io::Errno;

    pub(super) const TOO_MANY_OPEN_FILES: u32 = 4;
    pub(super) const ACCESS_DENIED: u32 = 5;
    pub(super) const NOT_ENOUGH_MEMORY: u32 = 8;
    pub(super) const GEN_FAILURE: u32 = 31;
    pub(super) const NOT_SUPPORTED: u32 = 50;
    pub(super) const INVALID_PARAMETER: u32 = 87;
    pub(super) const BUSY: u32 = 170;
    pub(super) const MR_MID_NOT_FOUND: u32 = 317;
    pub(super) const NOT_FOUND: u32 = 1168;

    /// Returns the nearest code of an errno that has no row of its own in the contract.
    pub(super) fn from_errno(errno: i32) -> u32 {
        match Errno::from_raw_os_error(errno) {
            Errno::MFILE | Errno::NFILE => TOO_MANY_OPEN_FILES,
            Errno::PERM | Errno::ACCESS => ACCESS_DENIED,
            Errno::NOMEM | Errno::NOBUFS => NOT_ENOUGH_MEMORY,
            Errno::OPNOTSUPP | Errno::AFNOSUPPORT | Errno::NOSYS => NOT_SUPPORTED,
            Errno::BUSY => BUSY,
            _ => GEN_FAILURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CALLERS: CallerGuard = CallerGuard {
        name: "callers",
        cause: "it is the caller's",
        hint: "none",
        win32: 5,
    };

    #[test]
    fn every_kind_has_the_codes_of_the_contract() {
        for (kind, errno, win32, outcome) in [
            (ErrorKind::InvalidParameter, Some(22), 87, "failed"),
            (ErrorKind::NotFound, Some(2), 317, "gone"),
            (ErrorKind::Ambiguous, None, 1168, "guarded"),
            (ErrorKind::Refused(Guard::Listener), None, 317, "guarded"),
            (
                ErrorKind::Refused(Guard::Caller(&CALLERS)),
                None,
                5,
                "guarded",
            ),
            (ErrorKind::OtherNetns, None, 1168, "guarded"),
            (ErrorKind::Refused(Guard::OtherBoot), None, 1168, "guarded"),
            (ErrorKind::AccessDenied, Some(1), 5, "denied"),
            (ErrorKind::NotElevated, Some(1), 317, "denied"),
            (ErrorKind::NotSupported, Some(95), 50, "unsupported"),
            (ErrorKind::Os, None, 31, "failed"),
        ] {
            let error = Error::new(Operation::Delete, kind, "");
            assert_eq!(error.errno(), errno, "{kind:?}");
            assert_eq!(error.win32(), win32, "{kind:?}");
            assert_eq!(error.outcome().to_string(), outcome, "{kind:?}");
        }
    }

    #[test]
    fn a_system_error_has_the_nearest_code() {
        let code = |errno| Error::os(Operation::Delete, "send", errno).win32();
        assert_eq!(code(Errno::NOBUFS), 8);
        assert_eq!(code(Errno::MFILE), 4);
        assert_eq!(code(Errno::BUSY), 170);
        assert_eq!(code(Errno::IO), 31);
        assert_eq!(code(Errno::INVAL), 31, "87 says that nothing was done");
    }
}
