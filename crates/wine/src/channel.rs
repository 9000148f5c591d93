//! The connection to the DLL: the one that waits at the listening socket with which Wine has started this process.
//!
//! That socket is open to every user of the machine until the DLL closes it, and this program may have a capability that they
//! have not. So the connection that is taken is one whose other end belongs to the user of this process.

use std::io::{self, Write as _};
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketAddrAny, SocketFlags, SocketType, sockopt};
use tcpentry::{Pair, TcpTable};

use crate::protocol::HELLO;

/// The time in which the DLL has connected; it does so before it starts this process.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The connection to the DLL.
pub(crate) struct DllChannel {
    pub(crate) stream: TcpStream,
    /// This end and that of the DLL.
    ends: (SocketAddrV4, SocketAddrV4),
}

impl DllChannel {
    /// Takes the connection of the DLL, and greets it.
    pub(crate) fn open(listener: BorrowedFd<'_>, table: &mut TcpTable) -> Result<Self, String> {
        check(listener)?;
        let deadline = Instant::now() + TIME_LIMIT;
        loop {
            let stream = accept(listener, deadline).map_err(|error| error.to_string())?;
            let ends = ends(&stream).ok_or("it is not connected over IPv4")?;
            if !ends.1.ip().is_loopback() || !is_of_this_user(ends, table) {
                continue;
            }
            let greet = |mut stream: &TcpStream| {
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                stream.write_all(&HELLO)
            };
            greet(&stream).map_err(|error| error.to_string())?;
            return Ok(Self { stream, ends });
        }
    }

    /// Returns true for the ends of this very connection, as either process has them.
    pub(crate) fn is_between(&self, pair: &Pair) -> bool {
        let (here, there) = self.ends;
        let bare = Pair::new(pair.local(), pair.peer());
        bare.is_ok_and(|pair| pair == Pair::v4(here, there) || pair == Pair::v4(there, here))
    }
}

/// Checks that this is a TCP socket that listens on loopback alone, as nothing but a program for this one has.
fn check(listener: BorrowedFd<'_>) -> Result<(), String> {
    let is_tcp = sockopt::socket_domain(listener) == Ok(AddressFamily::INET)
        && sockopt::socket_type(listener) == Ok(SocketType::STREAM);
    let listens = sockopt::socket_acceptconn(listener) == Ok(true);
    let address = rustix::net::getsockname(listener).ok().and_then(v4);
    if is_tcp && listens && address.is_some_and(|address| address.ip().is_loopback()) {
        return Ok(());
    }
    Err("standard output is not a socket of IPv4 that listens on loopback".to_owned())
}

/// Waits for a connection. The listener may be non-blocking, and is Wine's, too, so that stays as it is.
fn accept(listener: BorrowedFd<'_>, deadline: Instant) -> io::Result<TcpStream> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut waited = [PollFd::new(&listener, PollFlags::IN)];
        match poll(&mut waited, Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        match rustix::net::accept_with(listener, SocketFlags::CLOEXEC) {
            Ok(accepted) => return Ok(accepted.into()),
            Err(errno)
                if [
                    rustix::io::Errno::AGAIN,
                    rustix::io::Errno::INTR,
                    rustix::io::Errno::CONNABORTED,
                ]
                .contains(&errno) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Returns this end and the other.
fn ends(stream: &TcpStream) -> Option<(SocketAddrV4, SocketAddrV4)> {
    let here = rustix::net::getsockname(stream).ok().and_then(v4)?;
    let there = rustix::net::getpeername(stream)
        .ok()
        .flatten()
        .and_then(v4)?;
    Some((here, there))
}

fn v4(address: SocketAddrAny) -> Option<SocketAddrV4> {
    SocketAddrV4::try_from(address).ok()
}

/// Returns true where the socket at the other end belongs to the user of this process.
fn is_of_this_user((here, there): (SocketAddrV4, SocketAddrV4), table: &mut TcpTable) -> bool {
    let other_end = Pair::v4(there, here);
    let found = table.find(&other_end.into());
    found.is_ok_and(|found| found.uid == rustix::process::getuid().as_raw())
}
