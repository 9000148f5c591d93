//! The other method: borrow the descriptor from its process and disconnect the socket through it.
//!
//! `pidfd_getfd` (Linux 5.6) gives a copy of another process's descriptor to whoever may attach to
//! that process: the same user, if the process is dumpable and Yama does not forbid it, or
//! `CAP_SYS_PTRACE`. `connect(AF_UNSPEC)` on the copy (`tcp_disconnect`) then ends the connection:
//! the peer gets a reset, the owner `ECONNRESET` or `EPIPE`. It depends neither on
//! `CAP_NET_ADMIN` nor on `CONFIG_INET_DIAG_DESTROY`, and is the only way to end an MPTCP connection.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{Shutdown, SocketAddrAny, ipproto, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};

use super::holders::HolderSource;
use crate::connection::endpoint::{Endpoint, Pair};
use crate::connection::state::State;
use crate::connection::{Connection, Inode};
use crate::process::Process;
use crate::process::holder::Holder;

/// A copy of the connection's own descriptor, proved to be that socket.
#[derive(Debug)]
pub(crate) struct Borrowed {
    descriptor: OwnedFd,
    pair: Pair,
    state: State,
    /// Whether it is the very socket of the table, and not the MPTCP connection above it.
    is_itself: bool,
}

/// What became of a borrowed connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Disconnected {
    /// It is ended.
    Done,
    /// Its owner had ended it, and may have connected the socket to somebody else.
    Gone,
}

impl Borrowed {
    /// Ends the connection: `connect(AF_UNSPEC)`. The owner keeps a socket that is not connected.
    ///
    /// The ends are compared immediately before. What is left is the time between two system calls, in
    /// which the owner would have to disconnect this very socket and connect it to somebody else: a
    /// cookie does not tell two lifetimes of one socket apart, and Linux has no call that compares
    /// and disconnects at once.
    ///
    /// `EBUSY` where the kernel does not do it while the owner waits in a call, and he could not be
    /// woken.
    pub(crate) fn disconnect(&self) -> Result<Disconnected, Errno> {
        if self.is_itself && !self.has_its_ends()? {
            return Ok(Disconnected::Gone);
        }
        disconnect(
            self.state,
            || retry_on_intr(|| rustix::net::connect_unspec(&self.descriptor)),
            |how| rustix::net::shutdown(&self.descriptor, how),
        )
        .map(|()| Disconnected::Done)
    }

    fn has_its_ends(&self) -> Result<bool, Errno> {
        let endpoint = |address: SocketAddrAny| SocketAddr::try_from(address).map(Endpoint::from);
        if endpoint(rustix::net::getsockname(&self.descriptor)?)? != self.pair.local() {
            return Ok(false);
        }
        match rustix::net::getpeername(&self.descriptor) {
            Ok(Some(peer)) => Ok(endpoint(peer)? == self.pair.peer()),
            Ok(None) => Ok(false),
            // Nobody is told the peer of a socket that is still connecting, and a listener has none.
            Err(Errno::NOTCONN) => Ok(matches!(self.state, State::SynSent | State::Listening)),
            Err(errno) => Err(errno),
        }
    }
}

/// Disconnects, and wakes the owner first where the kernel insists on it.
///
/// Linux 6.5 and a 5.10 with the same patch refuse to disconnect a socket in whose `recv` or `send`
/// somebody waits (measured). Shutting down the reading side sends nothing and ends a `recv`; only a
/// `send` that waits needs the other side shut down too, and the reset still comes before the FIN
/// that is queued behind its data.
fn disconnect(
    state: State,
    mut disconnect: impl FnMut() -> Result<(), Errno>,
    mut shut_down: impl FnMut(Shutdown) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let mut result = disconnect();
    // There is nothing to shut down before the connection is established, nor in a listener.
    if !state.is_synchronized() {
        return result;
    }
    for how in [Shutdown::Read, Shutdown::Both] {
        for attempt in 0..WAKING_ATTEMPTS {
            if result != Err(Errno::BUSY) {
                return result;
            }
            if attempt == 0 {
                // A connection that has ended meanwhile is disconnected without complaint.
                let _ = shut_down(how);
            } else {
                std::thread::sleep(WAKING_PAUSE);
            }
            result = disconnect();
        }
    }
    result
}

/// Why there is nothing borrowed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No process holds it: an orphan, TIME_WAIT, a connection not yet accepted.
    NoDescriptor,
    /// No process that can be looked into holds it.
    NotFound { hidden: Vec<Process> },
    /// Its holder may not be borrowed from.
    Refused { holder: Process },
    /// The kernel has no `pidfd_getfd` (before Linux 5.6), or a seccomp filter says so.
    Unavailable,
    /// Something else went wrong.
    Os { doing: &'static str, errno: Errno },
}

/// Borrows the descriptor of a connection from whichever holder allows it.
pub(crate) fn borrow(
    connection: &Connection,
    source: &mut HolderSource,
) -> Result<Borrowed, Failure> {
    let inode = connection.inode.ok_or(Failure::NoDescriptor)?;
    loop {
        match borrow_by(connection, inode, source) {
            // Among those who hide it another look would not find it either.
            Err(Failure::NotFound { hidden })
                if (hidden.is_empty() || is_own(connection)) && source.renew() => {}
            result => return result,
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
) -> Result<Borrowed, Failure> {
    let mut failure = None;
    let mut hidden = Vec::new();
    let tried = source.each(inode, &mut hidden, |holder| {
        match borrow_from(holder.process.to_rustix(), holder.descriptor) {
            Ok(descriptor) => {
                if let Some(borrowed) = prove(descriptor, connection, inode) {
                    return ControlFlow::Break(borrowed);
                }
                // Another socket under the same number by now.
            }
            Err(errno) => failure = refusal(holder, errno).or(failure.take()),
        }
        ControlFlow::Continue(())
    });
    match tried {
        Ok(Some(borrowed)) => Ok(borrowed),
        Ok(None) => Err(failure.unwrap_or(Failure::NotFound { hidden })),
        Err(errno) => Err(Failure::Os {
            doing: "look through /proc",
            errno,
        }),
    }
}

/// What it means that a holder does not lend; nothing where he holds it no longer.
fn refusal(holder: Holder, errno: Errno) -> Option<Failure> {
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

/// Whether this kernel and its seccomp filters have the calls at all: tried on this very process.
pub(crate) fn available() -> Result<bool, Errno> {
    // A descriptor that does not exist: EBADF means that the call works.
    match borrow_from(rustix::process::getpid(), i32::MAX) {
        Ok(_) | Err(Errno::BADF) => Ok(true),
        Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn borrow_from(pid: Pid, descriptor: i32) -> Result<OwnedFd, Errno> {
    let pidfd = retry_on_intr(|| rustix::process::pidfd_open(pid, PidfdFlags::empty()))?;
    let flags = PidfdGetfdFlags::empty();
    retry_on_intr(|| rustix::process::pidfd_getfd(&pidfd, descriptor, flags))
}

/// The proof: the cookie of the descriptor is the cookie of the connection.
///
/// The descriptor of an MPTCP connection is another socket than its subflow, which the table shows:
/// there the subflow names the descriptor by its inode, which nobody else can have while we hold it.
/// Whether the connection is one may be unknown; the descriptor knows it of itself.
fn prove(descriptor: OwnedFd, connection: &Connection, inode: Inode) -> Option<Borrowed> {
    let is_itself = sockopt::socket_cookie(&descriptor) == Ok(connection.cookie.value());
    let is_above = || {
        connection.mptcp != Some(false)
            && sockopt::socket_protocol(&descriptor) == Ok(Some(ipproto::MPTCP))
            && rustix::fs::fstat(&descriptor)
                .is_ok_and(|file| file.st_ino == u64::from(inode.number()))
    };
    (is_itself || is_above()).then_some(Borrowed {
        descriptor,
        pair: connection.pair,
        state: connection.state,
        is_itself,
    })
}

/// Half a second for an owner who has been woken to leave his call.
const WAKING_ATTEMPTS: u32 = 500;
const WAKING_PAUSE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// What is done to a socket that is busy until it has been shut down so.
    fn steps(state: State, busy_until: Option<Shutdown>) -> (Result<(), Errno>, Vec<Shutdown>) {
        let done = std::cell::RefCell::new(Vec::new());
        let disconnect_it = || {
            let done = done.borrow();
            let woken = busy_until.is_some_and(|how| done.contains(&how));
            if woken { Ok(()) } else { Err(Errno::BUSY) }
        };
        let result = disconnect(state, disconnect_it, |how| {
            done.borrow_mut().push(how);
            Ok(())
        });
        (result, done.into_inner())
    }

    #[test]
    fn an_owner_who_waits_is_woken_where_the_kernel_insists() {
        let established = State::Established;
        assert_eq!(
            steps(established, Some(Shutdown::Read)),
            (Ok(()), vec![Shutdown::Read])
        );
        assert_eq!(
            steps(established, Some(Shutdown::Both)),
            (Ok(()), vec![Shutdown::Read, Shutdown::Both])
        );
        assert_eq!(
            steps(established, None),
            (Err(Errno::BUSY), vec![Shutdown::Read, Shutdown::Both])
        );
        for state in [State::SynSent, State::Listening] {
            assert_eq!(
                steps(state, Some(Shutdown::Read)),
                (Err(Errno::BUSY), vec![])
            );
        }
    }

    #[test]
    fn nobody_is_woken_where_the_kernel_does_not_insist() {
        for answer in [Ok(()), Err(Errno::PERM)] {
            let result = disconnect(State::Established, || answer, |_| unreachable!());
            assert_eq!(result, answer);
        }
    }

    #[test]
    fn a_socket_that_was_connected_to_somebody_else_is_left_alone() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(to).unwrap();
        let (server, _) = listener.accept().unwrap();
        let local = Endpoint::from(client.local_addr().unwrap());
        let before = Pair::new(local, "127.0.0.1:1".parse().unwrap()).unwrap();
        let now = Pair::new(local, to.into()).unwrap();
        let disconnect = |pair| {
            let borrowed = Borrowed {
                descriptor: client.try_clone().unwrap().into(),
                pair,
                state: State::Established,
                is_itself: true,
            };
            borrowed.disconnect().unwrap()
        };
        assert_eq!(disconnect(before), Disconnected::Gone);
        assert_eq!(server.take_error().unwrap().map(|error| error.kind()), None);
        assert!(client.peer_addr().is_ok(), "it is still connected");
        assert_eq!(disconnect(now), Disconnected::Done);
        assert_eq!(disconnect(now), Disconnected::Gone);
    }

    #[test]
    fn another_socket_under_the_number_of_the_descriptor_is_not_taken() {
        tcpentry_testkit::isolated(|| {
            let ends = tcpentry_testkit::tcp::connected();
            let of = |stream: &std::net::TcpStream| {
                let (local, peer) = tcpentry_testkit::tcp::addresses(stream);
                let pair = Pair::new(local.into(), peer.into()).unwrap();
                let mut table = crate::TcpTable::open().unwrap();
                table.find(&pair.into()).unwrap()
            };
            let meant = of(&ends.client);
            let is_taken = |descriptor: OwnedFd, connection: &Connection| {
                prove(descriptor, connection, meant.inode.unwrap()).is_some()
            };
            let [client, server] = [&ends.client, &ends.server].map(|it| it.try_clone().unwrap());
            assert!(!is_taken(server.into(), &meant));
            let file = std::fs::File::open("/dev/null").unwrap();
            assert!(!is_taken(file.into(), &meant));
            // Above a subflow of MPTCP there is a socket of MPTCP, and this is none.
            let mut unknown = of(&ends.server);
            unknown.mptcp = None;
            let again = client.try_clone().unwrap();
            assert!(!is_taken(again.into(), &unknown));
            assert!(is_taken(client.into(), &meant));
        });
    }
}
