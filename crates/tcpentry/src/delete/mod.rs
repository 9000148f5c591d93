//! Deletion: its options, its methods, and the record of one that happened.

mod answers;
pub(crate) mod batch;
pub(crate) mod borrow;
mod diagnosis;
mod holders;
pub(crate) mod kernel;
mod lender;
mod lender_message;
mod recheck;
mod reset;
mod single;
pub(crate) mod subflows;

use std::fmt;
use std::sync::Arc;

pub use self::batch::DumpCompleteness;
pub use self::reset::{NoReset, PeerReset};
pub use self::subflows::Subflows;
use crate::connection::Connection;
use crate::select::Selection;

/// The options of a deletion. The default is what `SetTcpEntry` does.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// The method that may act.
    pub method: MethodChoice,
    /// The rule for listeners.
    pub listeners: Listeners,
    /// True to report each batch of a bulk deletion before the next one is sent.
    pub prompt_reports: bool,
    /// The selection that must still hold.
    pub(crate) selection: Option<Arc<Selection>>,
    /// Set when a connection must still be in the state in which it was listed.
    pub(crate) same_state: bool,
}

impl Options {
    /// Restricts the deletion to this method.
    #[must_use]
    pub fn with_method(self, method: MethodChoice) -> Self {
        Self { method, ..self }
    }

    /// Deletes only what this selection still selects, evaluated again immediately before each deletion.
    ///
    /// A connection that is no longer selected is left alone: [`ErrorKind::Spared`](crate::ErrorKind::Spared). Between a connection's
    /// listing and its deletion its owner may have handed it to another process, or have begun to use it. Where the
    /// filter is about processes, the descriptor by which each socket is held is looked at again immediately before its
    /// deletion is sent, some microseconds before the kernel destroys it; everything else is evaluated on the row as the
    /// kernel shows it now.
    ///
    /// An MPTCP connection ends with all its subflows, so the selection must hold for all of them
    /// ([`Guard::Subflow`](crate::error::Guard::Subflow)).
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use tcpentry::{Filter, Options, Selection, States, SystemNames, TcpTable};
    /// let mut table = TcpTable::open()?;
    /// let filter = Filter::parse("not process worker and sport = :8080", &SystemNames::new(&table))?;
    /// let selection = Selection::new(filter, States::CONNECTIONS, &mut table)?;
    /// let options = Options::default().while_selected(Arc::new(selection));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn while_selected(self, selection: Arc<Selection>) -> Self {
        Self {
            selection: Some(selection),
            ..self
        }
    }

    /// Deletes a connection only in the state in which it was listed; one in another state by now is left alone
    /// ([`ErrorKind::Spared`](crate::ErrorKind::Spared)).
    #[must_use]
    pub fn in_same_state(self) -> Self {
        Self {
            same_state: true,
            ..self
        }
    }

    /// Allows the deletion of listeners.
    #[must_use]
    pub fn with_listeners(self) -> Self {
        Self {
            listeners: Listeners::Allow,
            ..self
        }
    }

    /// Returns the options with each batch of a bulk deletion reported before the next one is sent.
    ///
    /// A process that is killed has then at most one batch, of 256, that was deleted and not reported; without it there
    /// may be a dozen. No second processor helps.
    #[must_use]
    pub fn with_prompt_reports(self) -> Self {
        Self {
            prompt_reports: true,
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
    /// The reset that its peer was sent.
    pub reset: PeerReset,
}

/// The way in which a connection was ended, or would be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Ending {
    /// The method that ended it.
    pub method: Method,
    /// The reset that its peer was sent; unknown in a rehearsal.
    pub reset: PeerReset,
}

impl Ending {
    /// Creates the ending that a rehearsal foresees.
    pub const fn foreseen(method: Method) -> Self {
        Self::with(method, PeerReset::Unknown)
    }

    pub(crate) const fn with(method: Method, reset: PeerReset) -> Self {
        Self { method, reset }
    }
}

impl Deleted {
    /// Returns the way in which it was ended.
    pub const fn ending(&self) -> Ending {
        Ending::with(self.method, self.reset)
    }
}

/// The choice between a deletion and its rehearsal.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Mode {
    Act,
    Rehearse,
}
