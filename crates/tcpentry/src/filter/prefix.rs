//! Prefixes: addresses with a common beginning.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses with a common beginning: `10.0.0.0/8`, `2001:db8::/32`, or a single one.
///
/// IPv4 is never mapped here: `::ffff:0:0/96` is `0.0.0.0/0`, and no IPv6 prefix, not even `::/0`, contains an IPv4
/// address. The bits behind the prefix are zero.
///
/// ```
/// use tcpentry::filter::Prefix;
/// let prefix: Prefix = "10.1.2.3/8".parse()?;
/// assert_eq!(prefix.to_string(), "10.0.0.0/8");
/// assert!(prefix.contains("::ffff:10.9.9.9".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Prefix {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
}

impl Prefix {
    /// All of IPv4.
    pub const V4: Self = Self {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        length: 0,
    };
    /// All of IPv6.
    pub const V6: Self = Self {
        address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        length: 0,
    };

    /// Makes the prefix of so many bits that an address begins with; `None` where the address has fewer bits.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        (length <= bits(address)).then(|| Self::masked(address, length))
    }

    /// Makes the prefix of so many bits, of which the address has at least as many.
    pub(crate) fn masked(address: IpAddr, length: u8) -> Self {
        match address {
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) if length >= 96 => Self::masked(mapped.into(), length - 96),
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

    /// Returns its first address.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// Returns the number of bits that its addresses have in common.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Returns true for an address that begins with it; a mapped one is IPv4.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(prefix), IpAddr::V4(address)) => {
                let differing = prefix.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.length.into()
            }
            (IpAddr::V6(prefix), IpAddr::V6(address)) => {
                let differing = prefix.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.length.into()
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Prefix {
    /// Makes the prefix of this address alone.
    fn from(address: IpAddr) -> Self {
        Self::masked(address, bits(address))
    }
}

impl fmt::Display for Prefix {
    /// Writes an address alone as an address, any other with its length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, length } = self;
        if *length == bits(*address) {
            write!(f, "{address}")
        } else {
            write!(f, "{address}/{length}")
        }
    }
}

/// Returns the number of bits of an address.
const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}
