//! The destination that a client asked for before it was translated: the kernel's connection tracking (`ctnetlink`).

use std::fmt;
use std::net::IpAddr;

use rustix::io::Errno;

use crate::connection::endpoint::{Endpoint, Pair};
use crate::error::{Error, Operation};
use crate::netlink::{Conversation, Payload, Question, attribute};
use crate::sock_diag::{AF_INET, AF_INET6, NetlinkSocket};

/// The connection tracking of the calling thread's network namespace.
///
/// A host that publishes a container's port translates the destination of the clients' packets (DNAT): the connection is in the
/// container's namespace, with the container's port, and only the tracking of the namespace that translates knows the port
/// that the client asked for.
///
/// ```
/// use tcpentry::Pair;
/// use tcpentry::netns::{Conntrack, RequestedEnd};
/// let mut conntrack = Conntrack::open();
/// let pair = Pair::new("172.17.0.2:80".parse()?, "203.0.113.7:51034".parse()?)?;
/// match conntrack.requested(&pair) {
///     Ok(RequestedEnd::Known(requested)) => println!("the client asked for {requested}"),
///     Ok(_) => println!("there is no entry, or the connection was opened from here"),
///     Err(error) => println!("{error}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Conntrack {
    /// The errno with which the kernel has refused it.
    conversation: Result<Conversation, Errno>,
}

/// The destination that the peer of a connection asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RequestedEnd {
    /// This one, before it was translated.
    Known(Endpoint),
    /// The connection was opened from its local end: the peer has asked for nothing.
    Outgoing,
    /// There is no entry of it.
    Untracked,
}

impl Conntrack {
    /// Opens a socket of `NETLINK_NETFILTER`; where there is none, each question has that error.
    pub fn open() -> Self {
        let socket = NetlinkSocket::open_for_netfilter();
        Self {
            conversation: socket.map(Conversation::over),
        }
    }

    /// Returns the destination that the peer of a connection asked for, by the tracking entry whose replies go from the local end to
    /// the peer.
    ///
    /// Without translation it is the local end. `IPCTNL_MSG_CT_GET` (Linux 6.18): needs `CAP_NET_ADMIN` in the user namespace that
    /// owns the network namespace.
    ///
    /// # Errors
    /// `AccessDenied` (`EPERM`) without that right; `NotSupported` where the kernel has no connection tracking or no
    /// `nf_conntrack_netlink`.
    pub fn requested(&mut self, pair: &Pair) -> Result<RequestedEnd, Error> {
        match self.ask(pair) {
            Ok(found) => Ok(found),
            Err(Errno::NOENT) => Ok(RequestedEnd::Untracked),
            Err(errno) => Err(Error::os(
                Operation::Find,
                "ask the connection tracking",
                errno,
            )),
        }
    }

    fn ask(&mut self, pair: &Pair) -> Result<RequestedEnd, Errno> {
        let conversation = self.conversation.as_mut().map_err(|errno| *errno)?;
        let question = question(pair);
        let mut found = RequestedEnd::Untracked;
        conversation.ask(&question, |kind, payload| {
            if let Some(attributes) = payload.get(NFGENMSG..).filter(|_| kind == CT_NEW) {
                found = read_entry(attributes, pair).unwrap_or(found);
            }
        })?;
        Ok(found)
    }
}

impl fmt::Debug for Conntrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conntrack").finish_non_exhaustive()
    }
}

/// Asks for the entry whose replies go from the local end to the peer.
fn question(pair: &Pair) -> Question {
    let (local, peer) = (pair.local(), pair.peer());
    let family = if local.address().is_ipv4() {
        AF_INET
    } else {
        AF_INET6
    };
    // struct nfgenmsg: family, version, resource id.
    let mut body = Payload::of(&[family, 0, 0, 0]);
    body.nested(CTA_TUPLE_REPLY, |tuple| {
        tuple.nested(CTA_TUPLE_IP, |ip| match (local.address(), peer.address()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                ip.attribute(CTA_IP_V4_SRC, &from.octets());
                ip.attribute(CTA_IP_V4_DST, &to.octets());
            }
            (from, to) => {
                ip.attribute(CTA_IP_V6_SRC, &as_ipv6(from));
                ip.attribute(CTA_IP_V6_DST, &as_ipv6(to));
            }
        });
        tuple.nested(CTA_TUPLE_PROTO, |proto| {
            proto.attribute(CTA_PROTO_NUM, &[IPPROTO_TCP]);
            proto.attribute(CTA_PROTO_SRC_PORT, &local.port().to_be_bytes());
            proto.attribute(CTA_PROTO_DST_PORT, &peer.port().to_be_bytes());
        });
    });
    Question {
        kind: CT_GET,
        is_dump: false,
        body,
    }
}

/// Reads an entry, which the kernel finds by either of its directions.
fn read_entry(attributes: &[u8], pair: &Pair) -> Option<RequestedEnd> {
    let source = |tuple| end(tuple, [CTA_IP_V4_SRC, CTA_IP_V6_SRC], CTA_PROTO_SRC_PORT);
    let destination = |tuple| end(tuple, [CTA_IP_V4_DST, CTA_IP_V6_DST], CTA_PROTO_DST_PORT);
    let opened = attribute(attributes, CTA_TUPLE_ORIG)?;
    let replies = attribute(attributes, CTA_TUPLE_REPLY)?;
    let is_of =
        |tuple| source(tuple) == Some(pair.local()) && destination(tuple) == Some(pair.peer());
    if is_of(replies) {
        destination(opened).map(RequestedEnd::Known)
    } else {
        is_of(opened).then_some(RequestedEnd::Outgoing)
    }
}

/// Reads one end of a direction.
fn end(tuple: &[u8], [kind_of_v4, kind_of_v6]: [u16; 2], kind_of_port: u16) -> Option<Endpoint> {
    let ip = attribute(tuple, CTA_TUPLE_IP)?;
    let proto = attribute(tuple, CTA_TUPLE_PROTO)?;
    let v4 = attribute(ip, kind_of_v4).and_then(|it| <[u8; 4]>::try_from(it).ok());
    let v6 = attribute(ip, kind_of_v6).and_then(|it| <[u8; 16]>::try_from(it).ok());
    let address = v4.map(IpAddr::from).or(v6.map(IpAddr::from))?;
    let port = attribute(proto, kind_of_port)?;
    let port = u16::from_be_bytes(port.try_into().ok()?);
    Some(Endpoint::new(address, port))
}

fn as_ipv6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

const IPPROTO_TCP: u8 = 6;
const NFGENMSG: usize = 4;
/// `linux/netfilter/nfnetlink.h`, `nfnetlink_conntrack.h`: the subsystem in the upper byte.
const CT_NEW: u16 = 1 << 8;
const CT_GET: u16 = 1 << 8 | 1;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
