//! The addresses of this host and of its default gateways, as rtnetlink lists them.

use std::fmt;
use std::net::IpAddr;

use rustix::io::Errno;

use super::local_address::{RTM_GETROUTE, RTM_NEWROUTE, RTMSG};
use crate::error::{Error, Operation};
use crate::netlink::{Conversation, Payload, Question, attribute, attributes};
use crate::sock_diag::NetlinkSocket;

/// The addresses of this host, and of its default gateways, in the calling thread's network namespace.
///
/// Whoever bans addresses must not ban these: what lies behind a gateway, or behind a bridge of this host, would go with it.
///
/// ```
/// use tcpentry::netns::HostAddresses;
/// let addresses = HostAddresses::read()?;
/// assert!(addresses.role("127.0.0.1".parse().unwrap()).is_some());
/// assert!(addresses.role("203.0.113.7".parse().unwrap()).is_none());
/// # Ok::<(), tcpentry::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct HostAddresses {
    own: Vec<IpAddr>,
    gateways: Vec<IpAddr>,
}

/// The part that an address has for this host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HostRole {
    /// A device of this host has it, or it is of the loopback network.
    Own,
    /// A default route leads over it.
    Gateway,
}

impl HostAddresses {
    /// Reads them: `RTM_GETADDR` and the default routes of `RTM_GETROUTE`, of both families. Needs no right.
    ///
    /// # Errors
    /// Fails where rtnetlink can't be asked: a seccomp filter, or no descriptors left.
    pub fn read() -> Result<Self, Error> {
        Self::ask()
            .map_err(|errno| Error::os(Operation::Open, "read the addresses of this host", errno))
    }

    fn ask() -> Result<Self, Errno> {
        let mut conversation = Conversation::over(NetlinkSocket::open_for_routes()?);
        let mut this = Self::default();
        let everything = |kind, structure: &[u8]| Question {
            kind,
            is_dump: true,
            body: Payload::of(structure),
        };
        // struct ifaddrmsg, struct rtmsg: with the family left open.
        conversation.ask(
            &everything(RTM_GETADDR, &[0; IFADDRMSG]),
            |kind, payload| {
                if kind == RTM_NEWADDR {
                    this.own.extend(own_address(payload));
                }
            },
        )?;
        conversation.ask(&everything(RTM_GETROUTE, &[0; RTMSG]), |kind, payload| {
            if kind == RTM_NEWROUTE {
                this.gateways.extend(gateways(payload));
            }
        })?;
        for addresses in [&mut this.own, &mut this.gateways] {
            addresses.sort_unstable();
            addresses.dedup();
        }
        Ok(this)
    }

    /// Returns the part that an address has for this host, if any. IPv4 mapped into IPv6 is IPv4.
    pub fn role(&self, address: IpAddr) -> Option<HostRole> {
        let address = address.to_canonical();
        if address.is_loopback() || address.is_unspecified() || self.own.contains(&address) {
            Some(HostRole::Own)
        } else if self.gateways.contains(&address) {
            Some(HostRole::Gateway)
        } else {
            None
        }
    }

    /// Returns all of them.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, HostRole)> + '_ {
        let own = self.own.iter().map(|it| (*it, HostRole::Own));
        own.chain(self.gateways.iter().map(|it| (*it, HostRole::Gateway)))
    }
}

impl fmt::Display for HostRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Own => "an address of this host",
            Self::Gateway => "a default gateway of this host",
        })
    }
}

/// Reads the address of a device: of a point-to-point link the local one.
pub(crate) fn own_address(payload: &[u8]) -> Option<IpAddr> {
    let attributes = payload.get(IFADDRMSG..)?;
    let local = attribute(attributes, IFA_LOCAL).or_else(|| attribute(attributes, IFA_ADDRESS));
    address(local?)
}

/// Reads the gateways of a default route: one, or that of each path.
fn gateways(payload: &[u8]) -> Vec<IpAddr> {
    let Some(attributes_of_route) = payload.get(RTMSG..) else {
        return Vec::new();
    };
    let is_default = is_default_route(payload);
    let mut found = Vec::new();
    for (kind, value) in attributes(attributes_of_route).filter(|_| is_default) {
        match kind {
            RTA_GATEWAY => found.extend(address(value)),
            // struct rtvia: a family in host order, and an address of it.
            RTA_VIA => found.extend(value.get(2..).and_then(address)),
            RTA_MULTIPATH => found.extend(gateways_of_paths(value)),
            _ => {}
        }
    }
    found
}

/// Returns true for the message of a route whose gateways count.
pub(crate) fn is_default_route(payload: &[u8]) -> bool {
    // Half of all is the default of many tunnels: 0.0.0.0/1 and 128.0.0.0/1.
    payload
        .get(..RTMSG)
        .is_some_and(|it| it[1] <= 1 && it[7] == RTN_UNICAST)
}

/// Reads the gateways of several paths: `struct rtnexthop`, each with attributes.
fn gateways_of_paths(mut rest: &[u8]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    while let Some((&length, _)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_ne_bytes(length));
        let Some(path) = rest.get(RTNEXTHOP..length) else {
            break;
        };
        let gateway = attribute(path, RTA_GATEWAY).and_then(address);
        let via = || attribute(path, RTA_VIA).and_then(|via| address(via.get(2..)?));
        found.extend(gateway.or_else(via));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| v6()).ok()
}

/// `linux/rtnetlink.h`, `linux/if_addr.h`
pub(crate) const RTM_NEWADDR: u16 = 20;
pub(crate) const RTM_GETADDR: u16 = 22;
pub(crate) const IFADDRMSG: usize = 8;
const RTNEXTHOP: usize = 8;
const RTN_UNICAST: u8 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_GATEWAY: u16 = 5;
const RTA_MULTIPATH: u16 = 9;
const RTA_VIA: u16 = 18;

#[cfg(test)]
mod tests {
    use super::*;
    use tcpentry_testkit::isolated;

    fn ip(words: &str) {
        let done = std::process::Command::new("ip")
            .args(words.split(' '))
            .status()
            .unwrap();
        assert!(done.success(), "ip {words}");
    }

    #[test]
    fn own_addresses_and_gateways_are_found() {
        isolated(|| {
            ip("link add d0 type veth peer name d1");
            ip("addr add 198.51.100.1/24 dev d0");
            ip("addr add 192.0.2.5 peer 192.0.2.6 dev d1");
            ip("addr add 2001:db8::5/64 dev d0 nodad");
            ip("link set d0 up");
            ip("link set d1 up");
            ip(
                "route add default metric 5 nexthop via 198.51.100.254 nexthop via 192.0.2.6 dev d1",
            );
            ip("route add default via 198.51.100.250 metric 9");
            ip("route add default via inet6 2001:db8::4 metric 11");
            ip("-6 route add default via 2001:db8::1");
            ip("route add 128.0.0.0/1 via 198.51.100.8");
            ip("route add 203.0.113.0/24 via 198.51.100.7");
            let addresses = HostAddresses::read().unwrap();
            for (address, role) in [
                ("127.9.9.9", Some(HostRole::Own)),
                ("::1", Some(HostRole::Own)),
                ("0.0.0.0", Some(HostRole::Own)),
                ("198.51.100.1", Some(HostRole::Own)),
                ("::ffff:198.51.100.1", Some(HostRole::Own)),
                ("192.0.2.5", Some(HostRole::Own)),
                ("2001:db8::5", Some(HostRole::Own)),
                ("192.0.2.6", Some(HostRole::Gateway)),
                ("198.51.100.254", Some(HostRole::Gateway)),
                ("198.51.100.250", Some(HostRole::Gateway)),
                ("2001:db8::1", Some(HostRole::Gateway)),
                ("2001:db8::4", Some(HostRole::Gateway)),
                ("198.51.100.8", Some(HostRole::Gateway)),
                ("198.51.100.7", None),
                ("203.0.113.7", None),
            ] {
                assert_eq!(addresses.role(address.parse().unwrap()), role, "{address}");
            }
        });
    }

    #[test]
    fn hostile_answers_are_no_addresses() {
        for payload in [&[][..], &[0; 7], &[0; 12], &[0xff; 40], &[0; 64]] {
            assert_eq!(own_address(payload), None);
            assert_eq!(gateways(payload), Vec::<IpAddr>::new());
        }
        assert_eq!(gateways_of_paths(&[0; 8]), Vec::<IpAddr>::new());
        assert_eq!(
            gateways_of_paths(&[8, 0, 0, 0, 0, 0, 0, 0, 9, 0]),
            Vec::<IpAddr>::new()
        );
    }
}
