//! The interface behind which the kernel stands: datagrams out, datagrams in.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType,
    netlink::{self, SocketAddrNetlink},
};

/// The carrier of requests to the kernel and of answers back; a fake one in tests injects faults.
pub(crate) trait Channel: Send + Sync {
    /// Sends one datagram. The kernel handles it before this returns.
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno>;

    /// Takes the next datagram without waiting; `EAGAIN` when there is none.
    ///
    /// It never waits, because the kernel queues its answer before `send` returns, and the next part
    /// of a dump before it hands out the one before: where nothing is queued, nothing will come.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno>;

    /// Waits for the changes of the table that are under way. What is not a kernel has none.
    fn await_grace_period(&mut self) {}
}

/// A datagram that has come in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram {
    /// The true length, also when the buffer was shorter.
    pub(crate) length: usize,
    /// True when the kernel sent it, and not another process that guessed our port.
    pub(crate) from_kernel: bool,
}

/// A `NETLINK_SOCK_DIAG` socket. It belongs to the network namespace it was made in for good,
/// whatever becomes of the thread.
#[derive(Clone, Debug)]
pub(crate) struct NetlinkSocket(Arc<OwnedFd>);

impl NetlinkSocket {
    pub(crate) fn open() -> Result<Self, Errno> {
        Self::make().map(Self::from)
    }

    /// Makes the bare socket. Allocates nothing, so that a child process can make one.
    pub(crate) fn make() -> Result<OwnedFd, Errno> {
        connect(Some(netlink::SOCK_DIAG))
    }

    /// Opens one of `NETLINK_ROUTE`: another protocol, over which the same datagrams go.
    pub(crate) fn open_for_routes() -> Result<Self, Errno> {
        Self::make_for_routes().map(Self::from)
    }

    /// Opens one of `NETLINK_NETFILTER`.
    pub(crate) fn open_for_netfilter() -> Result<Self, Errno> {
        connect(Some(netlink::NETFILTER)).map(Self::from)
    }

    /// Joins multicast groups, named as `nl_groups` does: a bit for each of the first 32. `EPERM` of groups that take
    /// `CAP_NET_ADMIN` over the network namespace.
    ///
    /// Messages of other namespaces don't come: that would take `NETLINK_LISTEN_ALL_NSID`.
    pub(crate) fn join(&self, groups: u32) -> Result<(), Errno> {
        let own = SocketAddrNetlink::try_from(rustix::net::getsockname(&self.0)?)?;
        // A second bind keeps the port, which it has to name, and that only the kernel is heard.
        rustix::net::bind(&self.0, &SocketAddrNetlink::new(own.pid(), groups))
    }

    /// Makes the receive buffer hold so many bytes: `SO_RCVBUFFORCE`, and where that takes a right that is missing, as many as
    /// `net.core.rmem_max` allows.
    pub(crate) fn set_receive_buffer(&self, bytes: usize) -> Result<(), Errno> {
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&self.0, bytes)
            .or_else(|_| rustix::net::sockopt::set_socket_recv_buffer_size(&self.0, bytes))
    }

    /// Makes the bare socket of that, as [`make`](Self::make) does.
    pub(crate) fn make_for_routes() -> Result<OwnedFd, Errno> {
        // Its number is 0.
        connect(None)
    }
}

/// Makes a netlink socket that hears the kernel only.
fn connect(protocol: Option<Protocol>) -> Result<OwnedFd, Errno> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        protocol,
    )?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::bind(&socket, &kernel)?;
    // From here on the kernel refuses what others send to our port. In a rootless container its root could fill the
    // receive buffer otherwise, and the kernel's answers would get lost (ENOBUFS).
    retry_on_intr(|| rustix::net::connect(&socket, &kernel))?;
    discard_queued(&socket);
    Ok(socket)
}

/// Discards what others have sent between bind and connect, with the error of a buffer that it has filled.
fn discard_queued(socket: &OwnedFd) {
    let next = || rustix::net::recv(socket, &mut [0; 1], RecvFlags::DONTWAIT);
    // Any other error comes again where it matters.
    while matches!(next(), Ok(_) | Err(Errno::INTR | Errno::NOBUFS)) {}
}

impl From<OwnedFd> for NetlinkSocket {
    fn from(socket: OwnedFd) -> Self {
        Self(Arc::new(socket))
    }
}

impl AsFd for NetlinkSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Channel for NetlinkSocket {
    fn await_grace_period(&mut self) {
        super::grace::await_grace_period();
    }

    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        let kernel = SocketAddrNetlink::new(0, 0);
        let sent =
            retry_on_intr(|| rustix::net::sendto(&self.0, datagram, SendFlags::empty(), &kernel))?;
        // A netlink datagram goes as a whole or not at all.
        debug_assert_eq!(sent, datagram.len());
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
        let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
        loop {
            match rustix::net::recvfrom(&self.0, &mut *buffer, flags) {
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
                Ok((_, length, sender)) => {
                    let sender =
                        sender.and_then(|address| SocketAddrNetlink::try_from(address).ok());
                    return Ok(Datagram {
                        length,
                        from_kernel: sender.is_some_and(|sender| sender.pid() == 0),
                    });
                }
            }
        }
    }
}
