//! Differences: cases in which `ss` (iproute2 6.1) and tcpentry select other sockets by one filter. The manual names them.
//!
//! One more is not met here, for lack of names: of those that a name means `ss` finds one address only.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::filters::{End, Family, Filter, Kind, Network};
use super::table::Socket;

/// The only one of the two that selects a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Ss,
    Us,
}

pub(super) struct Difference {
    pub(super) why: &'static str,
    /// Returns true if this is why only one side selects the socket.
    pub(super) explains: fn(&Filter, &Socket, Side) -> bool,
}

pub(super) const DIFFERENCES: [Difference; 10] = [
    Difference {
        why: "ss takes state and exclude in turn, so that a `state` behind an `exclude` adds to what is left of all \
              states; here the set is what the one names without what the other names, in any order",
        explains: |filter, socket, side| {
            let has = |states: Option<BTreeSet<u8>>| {
                states.is_some_and(|states| states.contains(&socket.state))
            };
            side == Side::Ss && has(filter.states_in_turn()) && !has(filter.states())
        },
    },
    Difference {
        why: "to ss clauses that leave no state are not clauses at all, so that it takes its default; here no socket \
              is in none of the states",
        explains: |filter, _, side| {
            side == Side::Ss
                && filter
                    .states_in_turn()
                    .is_some_and(|states| states.is_empty())
        },
    },
    Difference {
        why: "in ss `inet:` and `inet6:` restrict the whole listing to sockets of that kind, wherever they stand, \
              also under `not` and in one half of an `or`; here they are of their own term",
        explains: |filter, socket, side| {
            let other = |family| (family == Family::V6) != socket.is_v6();
            side == Side::Us && filter.family().is_some_and(other)
        },
    },
    Difference {
        why: "to ss an IPv6 socket is IPv6 also if its addresses are mapped IPv4; here it is IPv4, as it is shown",
        explains: |filter, socket, _| {
            filter.family() == Some(Family::V6) && socket.is_mapped()
                || filter.has_host(socket, |network, address| {
                    let mapped = "::ffff:0:0".parse().unwrap();
                    is_mapped(address) && network.length < 96 && network.has(mapped)
                })
        },
    },
    Difference {
        why: "in ss a mapped address in the filter finds only mapped addresses; here it is the IPv4 address, \
              whatever the socket",
        explains: |filter, socket, _| {
            filter.has_host(socket, |network, address| {
                let IpAddr::V4(v4) = address else {
                    return false;
                };
                is_mapped(network.address)
                    && network.length >= 96
                    && network.has(v4.to_ipv6_mapped().into())
            })
        },
    },
    Difference {
        why: "ss judges once more what the kernel has judged, and compares the first bits of addresses without a \
              look at their family: under `not` and beside `dev` an IPv6 address is in an IPv4 network that begins \
              like it, and the other way round, most of all in one of length 0",
        explains: |filter, socket, _| {
            (filter.has_not || filter.has(|kind| *kind == Kind::Device))
                && filter.has_host(socket, |network, address| {
                    network.address.is_ipv4() != address.is_ipv4()
                        && leading(network.address, network.length)
                            == leading(address, network.length)
                })
        },
    },
    Difference {
        why: "autobound is asked twice by ss: whether the kernel chose the port, and whether it is one that the \
              kernel would choose. Where only one of these holds it selects a socket neither by `autobound` nor by \
              `not autobound`, and beside `dev` it asks the second only; here it is autobound if both hold",
        explains: |filter, socket, _| {
            filter.has(|kind| *kind == Kind::Autobound) && socket.autobound.is_none()
        },
    },
    Difference {
        why: "to ss a request or what is left of a connection (TIME_WAIT) is autobound; here that is unknown, as \
              nobody can tell",
        explains: |filter, socket, side| {
            filter.has(|kind| *kind == Kind::Autobound)
                && socket.is_mini()
                && socket.autobound == Some(true)
                && side == Side::Ss
        },
    },
    Difference {
        why: "to ss what has no cgroup is in another cgroup (TIME_WAIT, a request); here that is unknown, \
              also under `not`",
        explains: |filter, socket, side| {
            filter.has(|kind| matches!(kind, Kind::Cgroup(_)))
                && socket.is_mini()
                && side == Side::Ss
        },
    },
    Difference {
        why: "to ss the path of a cgroup is one in the file system, here also one in the hierarchy: `cgroup /` is \
              its root",
        explains: |filter, socket, _| {
            filter.has(|kind| *kind == Kind::Cgroup("/".to_owned()))
                && socket.cgroup.as_deref() == Some("/")
        },
    },
];

fn is_mapped(address: IpAddr) -> bool {
    address.is_ipv6() && address.to_canonical().is_ipv4()
}

/// Returns the first bits as they lie in memory, zeros behind those of IPv4.
fn leading(address: IpAddr, length: u8) -> u128 {
    let bits = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    bits.checked_shr(128 - u32::from(length)).unwrap_or(0)
}

impl Network {
    fn has(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && leading(self.address, self.length) == leading(address, self.length)
    }
}

impl Filter {
    /// Returns true if it has such a network for an end of the socket.
    fn has_host(&self, socket: &Socket, is_such: impl Fn(&Network, IpAddr) -> bool) -> bool {
        self.has(|kind| match kind {
            Kind::Host(end, network) => {
                let address = match end {
                    End::Local => socket.local,
                    End::Peer => socket.peer,
                };
                is_such(network, address)
            }
            _ => false,
        })
    }
}
