//! Deletion: how it is to be done, and what a deletion that happened tells.

pub(crate) mod batch;
pub(crate) mod borrow;
mod diagnosis;
mod holders;
pub(crate) mod kernel;
mod lender;
mod single;

use std::fmt;

use crate::connection::Connection;

/// How a deletion is to be done. The default is what `SetTcpEntry` does.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Which method may act.
    pub method: MethodChoice,
    /// Whether listeners may be deleted too.
    pub listeners: Listeners,
}

impl Options {
    /// The same, by this method.
    #[must_use]
    pub fn with_method(self, method: MethodChoice) -> Self {
        Self { method, ..self }
    }

    /// The same, with listeners allowed.
    #[must_use]
    pub fn with_listeners(self) -> Self {
        Self {
            listeners: Listeners::Allow,
            ..self
        }
    }
}

/// Whether listeners may be deleted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Listeners {
    /// A listener is refused as `guarded`.
    #[default]
    Refuse,
    /// A listener is deleted like a connection; every connection in its queue is reset with it.
    Allow,
}

/// Which method may act.
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

/// What deleted a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// `SOCK_DESTROY` of `sock_diag` (Linux 4.5, `CONFIG_INET_DIAG_DESTROY`): needs `CAP_NET_ADMIN`
    /// in the user namespace that owns the network namespace. The owner gets `ECONNABORTED`.
    SockDiag,
    /// `connect(AF_UNSPEC)` on the owner's borrowed descriptor (`pidfd_getfd`, Linux 5.6): needs to
    /// be the same user, or `CAP_SYS_PTRACE` and `CAP_DAC_READ_SEARCH`. The owner gets `ECONNRESET` or `EPIPE`; where the kernel
    /// insists on his being woken first (Linux 6.5), a `recv` that waits gets end of file.
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
#[must_use = "it tells which socket was deleted, and how"]
pub struct Deleted {
    /// The socket, as it was just before.
    pub connection: Connection,
    /// What deleted it.
    pub method: Method,
}

/// Whether to do it, or only to find out what would happen.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Mode {
    Act,
    Rehearse,
}
