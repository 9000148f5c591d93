//! A notice that the addresses of this host, or its default gateways, may have changed.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::address::{RTM_DELADDR, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, failed};
use crate::error::Error;
use crate::netlink::{Queue, Subscription};
use crate::netns::{RTM_NEWADDR, RTM_NEWROUTE, is_default_route};
use crate::sock_diag::NetlinkSocket;

/// A watch that says when [`HostAddresses`](crate::netns::HostAddresses) have to be read again.
///
/// It need not be waited for, and so costs a service no wake-up: ask it before the addresses are used. What has come until then lies in
/// the receive buffer, and what did not fit counts as a change. On a router with a million routes that keep changing, `poll(2)` of it would
/// wake up for each of them. The kernel does not announce the IPv4 routes that a device loses when it is set down, so a gateway may count
/// as one for longer than it is (Linux 6.18).
///
/// ```
/// use tcpentry::netns::HostAddresses;
/// use tcpentry::watch::HostWatch;
///
/// let mut watch = HostWatch::open()?;
/// let mut addresses = HostAddresses::read()?;
/// // Later, before a decision by these addresses:
/// if watch.has_changed()? {
///     addresses = HostAddresses::read()?;
/// }
/// assert!(addresses.role("127.0.0.1".parse().unwrap()).is_some());
/// # Ok::<(), tcpentry::Error>(())
/// ```
pub struct HostWatch {
    socket: NetlinkSocket,
    events: Subscription,
}

impl HostWatch {
    /// Opens a socket of `NETLINK_ROUTE` that hears of addresses and routes of both families. It takes no right.
    ///
    /// # Errors
    /// Fails where rtnetlink can't be asked: a seccomp filter, or no descriptors left.
    pub fn open() -> Result<Self, Error> {
        Self::subscribe().map_err(|errno| failed("open a socket of rtnetlink", errno))
    }

    fn subscribe() -> Result<Self, Errno> {
        let socket = NetlinkSocket::open_for_routes()?;
        let groups =
            RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
        socket.join(groups)?;
        Ok(Self {
            events: Subscription::over(socket.clone()),
            socket,
        })
    }

    /// Returns true where addresses or default routes have been added or removed since the last call, or may have been. It does not
    /// wait.
    ///
    /// # Errors
    /// Fails where the socket can't be read.
    pub fn has_changed(&mut self) -> Result<bool, Error> {
        let mut has_changed = false;
        let queue = self
            .events
            .drain(|kind, body| has_changed |= counts(kind, body));
        let queue = queue.map_err(|errno| failed("read from rtnetlink", errno))?;
        // Of what is left unread by an endless stream of routes nothing is known.
        Ok(has_changed || queue != Queue::Empty)
    }
}

impl AsFd for HostWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for HostWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostWatch").finish_non_exhaustive()
    }
}

/// Returns true for the event of an address, or of a default route.
fn counts(kind: u16, body: &[u8]) -> bool {
    match kind {
        RTM_NEWADDR | RTM_DELADDR => true,
        RTM_NEWROUTE | RTM_DELROUTE => is_default_route(body),
        _ => false,
    }
}

/// `linux/rtnetlink.h`
const RTM_DELROUTE: u16 = 25;
const RTMGRP_IPV4_ROUTE: u32 = 0x40;
const RTMGRP_IPV6_ROUTE: u32 = 0x400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_default_routes_count() {
        // struct rtmsg: the length of the prefix is its second byte, the type its eighth.
        let route = |length, kind| [2, length, 0, 0, 254, 3, 0, kind, 0, 0, 0, 0];
        assert!(counts(RTM_NEWROUTE, &route(0, 1)));
        assert!(counts(RTM_DELROUTE, &route(1, 1)));
        assert!(!counts(RTM_DELROUTE, &route(24, 1)));
        assert!(!counts(RTM_NEWROUTE, &route(0, 7)));
        assert!(counts(RTM_DELADDR, &[]));
        for length in 0..12 {
            assert!(!counts(RTM_NEWROUTE, &route(0, 1)[..length]));
        }
    }
}
