//! The other method: borrow the descriptor from its process and disconnect the socket through it.
//!
//! `pidfd_getfd` (Linux 5.6) gives a copy of another process's descriptor to whoever may attach to
//! that process: the same user, if the process is dumpable and Yama does not forbid it, or
//! `CAP_SYS_PTRACE`. `connect(AF_UNSPEC)` on the copy (`tcp_disconnect`) then ends the connection:
//! the peer gets a reset, the owner `ECONNRESET` or `EPIPE`. It depends neither on
//! `CAP_NET_ADMIN` nor on `CONFIG_INET_DIAG_DESTROY`, and is the only way to end an MPTCP connection.
//! The copy never comes into this process: see [`Lender`].

use std::ops::ControlFlow;

use rustix::io::Errno;

use super::holders::HolderSource;
use super::lender::{Borrowed, Lender, Lending, NotLent, take};
use super::reset::NoReset;
use crate::connection::{Connection, Inode};
use crate::privilege::sees_by_right;
use crate::process::Process;
use crate::process::holder::Holder;

/// The reason for which nothing is borrowed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No process holds it: an orphan, TIME_WAIT, a connection not yet accepted.
    NoDescriptor,
    /// No process that can be looked into holds it.
    NotFound {
        hidden: Vec<Process>,
        /// One was found, and held another file by the time it was asked.
        has_moved: bool,
    },
    /// Its holder may not be borrowed from.
    Refused { holder: Process },
    /// The lent descriptor can't be given back: see [`NotLent::Stuck`].
    Stuck { holder: Process },
    /// Others of its user have done that, and it was not asked.
    OfSuchUser { holder: Process },
    /// The kernel has no `pidfd_getfd` (before Linux 5.6), or a seccomp filter says so.
    Unavailable,
    /// Something else went wrong.
    Os { doing: &'static str, errno: Errno },
}

impl Failure {
    /// Returns the reason that this is for a reset which does not leave.
    pub(crate) fn no_reset(&self) -> NoReset {
        match self {
            Self::NoDescriptor => NoReset::NoHolder,
            Self::NotFound { hidden, .. } if hidden.is_empty() => NoReset::NoHolder,
            Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::Stuck { .. }
            | Self::OfSuchUser { .. }
            | Self::Unavailable
            | Self::Os { .. } => NoReset::NotLent,
        }
    }
}

/// Borrows the descriptor of a connection from whichever holder allows it.
pub(crate) fn borrow<'l>(
    connection: &Connection,
    source: &mut HolderSource,
    lender: &'l mut Lender,
    lending: Lending,
) -> Result<Borrowed<'l>, Failure> {
    let inode = connection.inode.ok_or(Failure::NoDescriptor)?;
    loop {
        match borrow_by(connection, inode, source, lender, lending) {
            // Among those who hide it another look would not find it either.
            Err(Failure::NotFound { hidden, .. })
                if (hidden.is_empty() || is_own(connection) || sees_by_right())
                    && source.renew() => {}
            Ok(()) => return Ok(lender.borrowed()),
            Err(failure) => return Err(failure),
        }
    }
}

fn is_own(connection: &Connection) -> bool {
    connection.uid == rustix::process::geteuid().as_raw()
}

fn borrow_by(
    connection: &Connection,
    inode: Inode,
    source: &mut HolderSource,
    lender: &mut Lender,
    lending: Lending,
) -> Result<(), Failure> {
    let mut failure = None;
    let mut has_moved = false;
    let mut hidden = Vec::new();
    let tried = source.each(inode, &mut hidden, |holder| {
        match lender.borrow(holder, connection, inode, lending) {
            Ok(true) => return ControlFlow::Break(()),
            // Another file under the same number by now.
            Ok(false) => has_moved = true,
            Err(not_lent) => {
                has_moved |= matches!(not_lent, NotLent::Refused(Errno::BADF));
                failure = refusal(holder, not_lent).or(failure.take());
            }
        }
        ControlFlow::Continue(())
    });
    match tried {
        Ok(Some(())) => Ok(()),
        Ok(None) => Err(failure.unwrap_or(Failure::NotFound { hidden, has_moved })),
        Err(errno) => Err(Failure::Os {
            doing: "look through /proc",
            errno,
        }),
    }
}

/// Returns the failure that a holder's refusal means; nothing where it holds the socket no longer.
fn refusal(holder: Holder, not_lent: NotLent) -> Option<Failure> {
    let errno = match not_lent {
        NotLent::Stuck => {
            return Some(Failure::Stuck {
                holder: holder.process,
            });
        }
        NotLent::OfSuchUser => {
            return Some(Failure::OfSuchUser {
                holder: holder.process,
            });
        }
        NotLent::NoChild(errno) => {
            return Some(Failure::Os {
                doing: "start a child process that borrows",
                errno,
            });
        }
        NotLent::Refused(errno) => errno,
    };
    match errno {
        // Closed, or ended.
        Errno::BADF | Errno::SRCH => None,
        Errno::NOSYS => Some(Failure::Unavailable),
        // A seccomp filter refuses by any errno, and always: also when asked for one's own.
        Errno::PERM | Errno::ACCESS if available() == Ok(false) => Some(Failure::Unavailable),
        Errno::PERM | Errno::ACCESS => Some(Failure::Refused {
            holder: holder.process,
        }),
        errno => Some(Failure::Os {
            doing: "pidfd_getfd",
            errno,
        }),
    }
}

/// Returns true if this kernel and its seccomp filters have the calls at all: tried on this very process.
pub(crate) fn available() -> Result<bool, Errno> {
    // A descriptor that does not exist: EBADF means that the call works.
    match take(rustix::process::getpid(), i32::MAX) {
        Ok(_) | Err(Errno::BADF) => Ok(true),
        Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => Ok(false),
        Err(errno) => Err(errno),
    }
}
