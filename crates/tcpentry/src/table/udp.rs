//! The UDP sockets of one network namespace: listing them.

use std::fmt;

use super::refusal::{no_socket, udp_dump_error};
use crate::connection::endpoint::{Endpoint, Interface};
use crate::connection::{Connection, Cookie, Inode};
use crate::error::Error;
use crate::sock_diag::{Diag, Dump, NetlinkSocket};

/// The UDP table of a network namespace: every UDP socket that has a port.
///
/// It has one netlink socket (`NETLINK_SOCK_DIAG`), opened in the namespace of the calling thread. UDP knows no connection
/// that could be deleted.
///
/// ```
/// use std::net::UdpSocket;
/// use tcpentry::table::UdpTable;
///
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// let local = socket.local_addr()?;
/// let mut table = UdpTable::open()?;
/// let endpoints: Vec<_> = table.endpoints()?.collect::<Result<_, _>>()?;
/// assert!(endpoints.iter().any(|endpoint| endpoint.local == local.into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "GetUdpTable")]
pub struct UdpTable {
    diag: Diag,
}

impl UdpTable {
    /// Opens the table of this thread's network namespace.
    ///
    /// Needs no privilege.
    pub fn open() -> Result<Self, Error> {
        let socket = NetlinkSocket::open().map_err(no_socket)?;
        Ok(Self {
            diag: Diag::new(socket),
        })
    }

    /// Streams the sockets of both families, IPv4 first: `SOCK_DIAG_BY_FAMILY` for each.
    ///
    /// The order is the kernel's. A dump that the kernel marks as interrupted is repeated, and what was already yielded is
    /// not yielded again.
    ///
    /// # Errors
    /// `NotSupported` where the kernel has no `udp_diag`.
    pub fn endpoints(&mut self) -> Result<UdpEndpoints<'_>, Error> {
        let dump = self.diag.dump_udp().map_err(udp_dump_error)?;
        Ok(UdpEndpoints(dump))
    }
}

impl fmt::Debug for UdpTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpTable").finish_non_exhaustive()
    }
}

/// The rows of a UDP table, as the kernel gives them.
pub struct UdpEndpoints<'t>(Dump<'t>);

impl Iterator for UdpEndpoints<'_> {
    type Item = Result<UdpEndpoint, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.0.next()?;
        Some(row.map(|row| UdpEndpoint::of(&row)).map_err(udp_dump_error))
    }
}

impl fmt::Debug for UdpEndpoints<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpEndpoints").finish_non_exhaustive()
    }
}

/// One UDP socket that has a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UdpEndpoint {
    /// The local end.
    pub local: Endpoint,
    /// The interface that the socket is bound to.
    pub interface: Option<Interface>,
    /// The kernel's name of the socket.
    pub cookie: Cookie,
    /// True for an IPv4 end of an `AF_INET6` socket: `::ffff:a.b.c.d`.
    pub mapped: bool,
    /// The user the socket belongs to.
    pub uid: u32,
    /// The socket's file; `None` when no process holds it (the kernel's own).
    pub inode: Option<Inode>,
    /// `IPV6_V6ONLY` of an IPv6 socket that is not connected: true where it leaves IPv4 to others.
    pub v6only: Option<bool>,
}

impl UdpEndpoint {
    /// Reads the socket from a row in the form that `sock_diag` has for every protocol.
    fn of(row: &Connection) -> Self {
        Self {
            local: row.local(),
            interface: row.interface(),
            cookie: row.cookie,
            mapped: row.mapped,
            uid: row.uid,
            inode: row.inode,
            v6only: row.v6only,
        }
    }
}
