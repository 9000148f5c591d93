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
use crate::sock_diag::{Channel, NetlinkSocket};

/// Asks the kernel about routes of IPv4 packets, in one network namespace.
pub(crate) struct LocalAddresses {
    source: Source,
    sequence: u32,
    /// Set to false where this kernel refuses every source, so that a refusal means nothing.
    is_reliable: Option<bool>,
}

/// Opens a socket of rtnetlink in the namespace, where it can.
type Open = dyn FnMut() -> Option<NetlinkSocket> + Send + Sync;

/// The way to the kernel.
enum Source {
    /// Opened with the first question.
    Closed(Box<Open>),
    Open(Box<dyn Channel>),
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
        Self::new(channel.map_or(Source::None, |channel| Source::Open(Box::new(channel))))
    }

    const fn new(source: Source) -> Self {
        Self {
            source,
            sequence: 0,
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
            self.source = open().map_or(Source::None, |socket| Source::Open(Box::new(socket)));
        }
        let Source::Open(channel) = &mut self.source else {
            return Err(Errno::NOTCONN);
        };
        self.sequence = self.sequence.wrapping_add(1);
        channel.send(&packet.question(self.sequence))?;
        let mut buffer = [0; BUFFER];
        for _ in 0..DATAGRAMS {
            let datagram = channel.receive(&mut buffer)?;
            if !datagram.from_kernel {
                continue;
            }
            // Of a route that does not fit, the beginning is enough.
            let bytes = buffer.get(..datagram.length).unwrap_or(&buffer);
            match read(bytes) {
                Some((sequence, answer)) if sequence == self.sequence => return answer,
                Some(_) => {}
                None => return Err(Errno::PROTO),
            }
        }
        Err(Errno::PROTO)
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

    /// Encodes the question: `struct nlmsghdr`, `struct rtmsg` and attributes, all of which are multiples of four bytes.
    fn question(self, sequence: u32) -> Vec<u8> {
        let mut body = vec![AF_INET, WHOLE_ADDRESS];
        body.push(self.from.map_or(0, |_| WHOLE_ADDRESS));
        // Type of service, table, protocol, scope, type; flags.
        body.extend([0; 9]);
        let mut attribute = |kind: u16, value: [u8; 4]| {
            body.extend(ATTRIBUTE_LENGTH.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(value);
        };
        attribute(RTA_DST, self.to.octets());
        if let Some(from) = self.from {
            attribute(RTA_SRC, from.octets());
        }
        if let Some(interface) = self.interface {
            attribute(RTA_OIF, interface.index().to_ne_bytes());
        }
        if let Some(mark) = self.mark {
            attribute(RTA_MARK, mark.to_ne_bytes());
        }
        let length = u32::try_from(HEADER_LENGTH + body.len()).unwrap_or(u32::MAX);
        let mut question = Vec::with_capacity(HEADER_LENGTH + body.len());
        question.extend(length.to_ne_bytes());
        question.extend(RTM_GETROUTE.to_ne_bytes());
        question.extend(NLM_F_REQUEST.to_ne_bytes());
        question.extend(sequence.to_ne_bytes());
        // The port is the kernel's to fill in.
        question.extend([0; 4]);
        question.extend(body);
        question
    }
}

/// Reads the header of the kernel's answer: the number of the question, and whether there is a route.
fn read(mut bytes: &[u8]) -> Option<(u32, Result<(), Errno>)> {
    let _length: [u8; 4] = first(&mut bytes)?;
    let kind = u16::from_ne_bytes(first(&mut bytes)?);
    let _flags: [u8; 2] = first(&mut bytes)?;
    let sequence = u32::from_ne_bytes(first(&mut bytes)?);
    let _port: [u8; 4] = first(&mut bytes)?;
    let answer = match kind {
        RTM_NEWROUTE => Ok(()),
        NLMSG_ERROR => {
            let errno = i32::from_ne_bytes(first(&mut bytes)?).checked_neg()?;
            // An acknowledgement was not asked for; the kernel's errors are below 4096.
            let is_errno = (1..4096).contains(&errno);
            Err(if is_errno {
                Errno::from_raw_os_error(errno)
            } else {
                Errno::PROTO
            })
        }
        _ => Err(Errno::PROTO),
    };
    Some((sequence, answer))
}

/// Takes the first bytes.
fn first<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*first)
}

/// Returns true for the errors by which kernels say that a packet can't be sent so.
fn is_no_route(errno: Errno) -> bool {
    matches!(errno, Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::INVAL)
}

const AF_INET: u8 = 2;
const WHOLE_ADDRESS: u8 = 32;
const HEADER_LENGTH: usize = 16;
const ATTRIBUTE_LENGTH: u16 = 8;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
/// `linux/rtnetlink.h`
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_MARK: u16 = 16;
/// A route has some hundred bytes.
const BUFFER: usize = 1024;
/// The answer is one datagram; late ones of questions whose answers got lost may come before it.
const DATAGRAMS: usize = 16;

#[cfg(test)]
pub(super) mod tests;
