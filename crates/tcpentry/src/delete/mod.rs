//! Deletion: its options, its methods, and the record of one that happened.

pub(crate) mod batch;
pub(crate) mod borrow;
mod diagnosis;
mod holders;
pub(crate) mod kernel;
mod single;

use std::fmt;

use crate::connection::Connection;

/// The options of a deletion. The default is what `SetTcpEntry` does.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// The method that may act.
    pub method: MethodChoice,
    /// The rule for listeners.
    pub listeners: Listeners,
}

impl Options {
    /// Restricts the deletion to this method.
    #[must_use]
    pub fn with_method(self, method: MethodChoice) -> Self {
        Self { method, ..self }
    }

    /// Allows the deletion of listeners.
    #[must_use]
    pub fn with_listeners(self) -> Self {
        Self {
            listeners: Listeners::Allow,
            ..self
        }
    }
}

/// The rule for listeners.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Listeners {
    /// A listener is refused as `guarded`.
    #[default]
    Refuse,
    /// A listener is deleted like a connection; every connection in its queue is reset with it.
    Allow,
}

/// The choice of a method.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum MethodChoice {
    /// The kernel's own `SOCK_DESTROY` first; the borrowed descriptor where that is not permitted,
    /// not supported or, for MPTCP, not enough.
    #[default]
    Auto,
    /// Only [`Method::SockDiag`].
    SockDiag,
    /// Only [`Method::Borrow`].
    Borrow,
}

/// The method that deleted a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// `SOCK_DESTROY` of `sock_diag` (Linux 4.5, `CONFIG_INET_DIAG_DESTROY`): needs `CAP_NET_ADMIN`
    /// in the user namespace that owns the network namespace. The owner gets `ECONNABORTED`.
    SockDiag,
    /// `connect(AF_UNSPEC)` on the owner's borrowed descriptor (`pidfd_getfd`, Linux 5.6): needs to
    /// be the same user, or `CAP_SYS_PTRACE` and `CAP_DAC_READ_SEARCH`. The owner gets `ECONNRESET` or `EPIPE`; where the kernel
    /// insists on waking the owner first (Linux 6.5), a `recv` that waits gets end of file.
    Borrow,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SockDiag => "sock-diag",
            Self::Borrow => "borrow",
        })
    }
}

/// A deletion that happened: the kernel confirmed it.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "it says which socket was deleted, and how"]
pub struct Deleted {
    /// The socket, as it was just before.
    pub connection: Connection,
    /// The method that deleted it.
    pub method: Method,
}

/// The choice between a deletion and its rehearsal.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Mode {
    Act,
    Rehearse,
}
