//! Addresses with a common beginning.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses with a common beginning. IPv4 is never mapped here (`::ffff:0:0/96` is `0.0.0.0/0`), and
/// the bits behind the prefix are zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Network {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
}

impl Network {
    /// All of IPv4.
    pub(crate) const V4: Self = Self {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        length: 0,
    };
    /// All of IPv6.
    pub(crate) const V6: Self = Self {
        address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        length: 0,
    };

    /// The network of an address: its first bits; mapped addresses as the IPv4 they are.
    pub(crate) fn new(address: IpAddr, length: u8) -> Self {
        match address {
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) if length >= 96 => Self::new(mapped.into(), length - 96),
                _ => {
                    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                    let address = Ipv6Addr::from_bits(address.to_bits() & mask).into();
                    Self { address, length }
                }
            },
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                let address = Ipv4Addr::from_bits(address.to_bits() & mask).into();
                Self { address, length }
            }
        }
    }

    /// The network of one address.
    pub(crate) fn of_one(address: IpAddr) -> Self {
        Self::new(address, if address.is_ipv4() { 32 } else { 128 })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.length.into()
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.length.into()
            }
            _ => false,
        }
    }
}
