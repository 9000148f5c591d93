//! The question whether an IPv4 address is still on this host: `RTM_GETROUTE` of rtnetlink, in the namespace of a table.
//!
//! An IPv4 packet leaves only with a source that is local (`__ip_dev_find` in `net/ipv4/route.c`): one that a device has,
//! up or down, or that a local route of the table `local` covers (AnyIP). So the reset of a deletion stays behind once the
//! address has been removed. The kernel is asked for the route of such a packet, which meets that very check; the type
//! of the route *to* the address would not do: by a policy rule it can be local in a table that this check does not look at
//! (measured, Linux 6.18). `ip_nonlocal_bind` does not matter here, nor does the device to which a socket is bound. IPv6 has no such check.

use std::fmt;
use std::net::Ipv4Addr;

use rustix::io::Errno;

use crate::connection::endpoint::Interface;
use crate::netlink::{Conversation, Payload, Question};
use crate::sock_diag::{AF_INET, Channel, NetlinkSocket};

/// Asks the kernel about routes of IPv4 packets, in one network namespace.
pub(crate) struct LocalAddresses {
    source: Source,
    /// Set to false where this kernel refuses every source, so that a refusal means nothing.
    is_reliable: Option<bool>,
}

/// Opens a socket of rtnetlink in the namespace, where it can.
type Open = dyn FnMut() -> Option<NetlinkSocket> + Send + Sync;

/// The way to the kernel.
enum Source {
    /// Opened with the first question.
    Closed(Box<Open>),
    Open(Conversation),
    None,
}

/// The packet whose route is asked for.
#[derive(Clone, Copy, Debug)]
struct Packet {
    from: Option<Ipv4Addr>,
    to: Ipv4Addr,
    interface: Option<Interface>,
    mark: Option<u32>,
}

impl LocalAddresses {
    /// Asks over a socket that is opened with the first question.
    pub(crate) fn opened_by(
        open: impl FnMut() -> Option<NetlinkSocket> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Source::Closed(Box::new(open)))
    }

    /// Asks over a channel; without one, nothing is known.
    pub(crate) fn over(channel: Option<impl Channel + 'static>) -> Self {
        Self::new(Source::of(channel))
    }

    const fn new(source: Source) -> Self {
        Self {
            source,
            is_reliable: None,
        }
    }

    /// Returns true where the kernel takes an address as the source of a packet, and so as local; `None` where it can't be asked.
    ///
    /// Of the loopback network it is not asked.
    pub(crate) fn is_local(&mut self, address: Ipv4Addr) -> Option<bool> {
        if address.is_loopback() {
            return Some(true);
        }
        match self.route(Packet::between(address, Ipv4Addr::LOCALHOST)) {
            Ok(()) => Some(true),
            Err(errno) if is_no_route(errno) => self.is_reliable().then_some(false),
            Err(_) => None,
        }
    }

    /// Returns false where the kernel says that it has no route to an address, whatever the source.
    pub(crate) fn may_reach(
        &mut self,
        to: Ipv4Addr,
        interface: Option<Interface>,
        mark: Option<u32>,
    ) -> bool {
        let packet = Packet {
            from: None,
            to,
            interface,
            mark,
        };
        !matches!(self.route(packet), Err(errno) if is_no_route(errno))
    }

    /// Checks, once, that a source which is local for certain is taken.
    fn is_reliable(&mut self) -> bool {
        if let Some(known) = self.is_reliable {
            return known;
        }
        let loopback = Ipv4Addr::LOCALHOST;
        let known = self.route(Packet::between(loopback, loopback)).is_ok();
        self.is_reliable = Some(known);
        known
    }

    /// Asks for the route of a packet: `Ok` where there is one.
    fn route(&mut self, packet: Packet) -> Result<(), Errno> {
        if let Source::Closed(open) = &mut self.source {
            self.source = Source::of(open());
        }
        let Source::Open(conversation) = &mut self.source else {
            return Err(Errno::NOTCONN);
        };
        let mut is_route = false;
        conversation.ask(&packet.question(), |kind, _| {
            is_route = kind == RTM_NEWROUTE;
        })?;
        is_route.then_some(()).ok_or(Errno::PROTO)
    }
}

impl Source {
    fn of(channel: Option<impl Channel + 'static>) -> Self {
        channel.map_or(Self::None, |channel| {
            Self::Open(Conversation::over(channel))
        })
    }
}

impl fmt::Debug for LocalAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalAddresses").finish_non_exhaustive()
    }
}

impl Packet {
    const fn between(from: Ipv4Addr, to: Ipv4Addr) -> Self {
        Self {
            from: Some(from),
            to,
            interface: None,
            mark: None,
        }
    }

    /// Makes the question: `struct rtmsg`, and attributes.
    fn question(self) -> Question {
        let mut structure = [0; RTMSG];
        structure[0] = AF_INET;
        structure[1] = WHOLE_ADDRESS;
        structure[2] = self.from.map_or(0, |_| WHOLE_ADDRESS);
        let mut body = Payload::of(&structure);
        body.attribute(RTA_DST, &self.to.octets());
        if let Some(from) = self.from {
            body.attribute(RTA_SRC, &from.octets());
        }
        if let Some(interface) = self.interface {
            body.attribute(RTA_OIF, &interface.index().to_ne_bytes());
        }
        if let Some(mark) = self.mark {
            body.attribute(RTA_MARK, &mark.to_ne_bytes());
        }
        Question {
            kind: RTM_GETROUTE,
            is_dump: false,
            body,
        }
    }
}

/// Returns true for the errors by which kernels say that a packet can't be sent so.
fn is_no_route(errno: Errno) -> bool {
    matches!(errno, Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::INVAL)
}

const WHOLE_ADDRESS: u8 = 32;
pub(super) const RTMSG: usize = 12;
/// `linux/rtnetlink.h`
pub(crate) const RTM_NEWROUTE: u16 = 24;
pub(super) const RTM_GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_MARK: u16 = 16;

#[cfg(test)]
pub(super) mod tests;
