//! The prefixes that no ban takes in, and no event of a rule: those of this host and of its gateways.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tcpentry::filter::{Prefix, PrefixSet};
use tcpentry::netns::HostAddresses;

/// Returns the prefixes of this host's addresses, of its default gateways, and of the loopback network.
pub(super) fn of_host(host: &HostAddresses) -> impl Iterator<Item = Prefix> + '_ {
    let loopback = LOOPBACK.iter();
    let loopback = loopback.filter_map(|(address, length)| Prefix::new(*address, *length));
    let addresses = host.iter().map(|(address, _)| Prefix::from(address));
    addresses.chain(loopback)
}

/// Returns the shortest prefix of a set that contains a prefix as a whole.
pub(super) fn covering(set: &PrefixSet, prefix: Prefix) -> Option<Prefix> {
    (0..=prefix.length())
        .filter_map(|length| Prefix::new(prefix.address(), length))
        .find(|it| set.contains_prefix(*it))
}

const LOOPBACK: [(IpAddr, u8); 2] = [
    (IpAddr::V4(Ipv4Addr::LOCALHOST), 8),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
];
