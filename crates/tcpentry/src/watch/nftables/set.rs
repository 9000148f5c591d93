//! Sets: their names, and what they are sets of.

use std::fmt;
use std::str::FromStr;

use super::wire;
use crate::escape::escape_for_terminal;
use crate::netlink::attribute;

/// The name of a set of nftables: a table of a family, and a set in it.
///
/// ```
/// use tcpentry::watch::{SetName, TableFamily};
/// let name = SetName::new(TableFamily::Inet, "f2b-table", "addr-set-sshd");
/// assert_eq!(name.to_string(), "inet f2b-table addr-set-sshd");
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct SetName {
    /// The family of the table.
    pub family: TableFamily,
    /// The table.
    pub table: String,
    /// The set.
    pub set: String,
}

impl SetName {
    /// Makes a name.
    pub fn new(family: TableFamily, table: impl Into<String>, set: impl Into<String>) -> Self {
        Self {
            family,
            table: table.into(),
            set: set.into(),
        }
    }

    /// Returns true where the kernel may have a set of this name.
    pub(super) fn is_possible(&self) -> bool {
        [&self.table, &self.set]
            .iter()
            .all(|name| name.len() <= wire::NAME_MAX && !name.contains('\0'))
    }
}

impl fmt::Display for SetName {
    /// Writes it as nft does; what is not fit for a terminal is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [table, set] = [&self.table, &self.set].map(|it| escape_for_terminal(it.as_bytes()));
        write!(f, "{} {table} {set}", self.family)
    }
}

/// The family of a table of nftables (`NFPROTO_*`).
///
/// ```
/// use tcpentry::watch::TableFamily;
/// assert_eq!("ip6".parse(), Ok(TableFamily::Ip6));
/// assert_eq!(TableFamily::Inet.to_string(), "inet");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum TableFamily {
    /// `inet`: IPv4 and IPv6.
    Inet,
    /// `ip`
    Ip,
    /// `ip6`
    Ip6,
    /// `arp`
    Arp,
    /// `bridge`
    Bridge,
    /// `netdev`
    Netdev,
    /// One that this library does not know, by its number.
    Other(u8),
}

/// The families that nft knows: `linux/netfilter.h`
const FAMILIES: [(TableFamily, u8, &str); 6] = [
    (TableFamily::Inet, 1, "inet"),
    (TableFamily::Ip, 2, "ip"),
    (TableFamily::Arp, 3, "arp"),
    (TableFamily::Netdev, 5, "netdev"),
    (TableFamily::Bridge, 7, "bridge"),
    (TableFamily::Ip6, 10, "ip6"),
];

impl TableFamily {
    pub(super) fn of(number: u8) -> Self {
        let known = FAMILIES.iter().find(|(_, it, _)| *it == number);
        known.map_or(Self::Other(number), |(family, ..)| *family)
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Other(number) => number,
            known => {
                let row = FAMILIES.iter().find(|(family, ..)| *family == known);
                row.map_or(0, |(_, number, _)| *number)
            }
        }
    }
}

impl fmt::Display for TableFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match FAMILIES.iter().find(|(family, ..)| family == self) {
            Some((_, _, word)) => f.pad(word),
            None => write!(f, "family-{}", self.number()),
        }
    }
}

impl FromStr for TableFamily {
    type Err = UnknownFamily;

    fn from_str(word: &str) -> Result<Self, UnknownFamily> {
        let known = FAMILIES.iter().find(|(.., it)| *it == word);
        known.map(|(family, ..)| *family).ok_or(UnknownFamily)
    }
}

/// The error of a word that is no family of tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownFamily;

impl fmt::Display for UnknownFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the families of tables are inet, ip, ip6, arp, bridge and netdev")
    }
}

impl std::error::Error for UnknownFamily {}

/// A set of nftables.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SetInfo {
    /// Its name.
    pub name: SetName,
    /// The kind of its elements.
    pub content: SetContent,
    /// True where rules may add elements to it from the packet path (`add @set { ip saddr }`). No event announces those: they are
    /// seen by reading the elements again and again.
    pub is_filled_by_rules: bool,
}

/// The kind of the elements of a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SetContent {
    /// `ipv4_addr`
    Ipv4,
    /// `ipv6_addr`
    Ipv6,
    /// Anything else, which is not read; the words say what.
    Unsupported(&'static str),
}

impl SetContent {
    /// Returns the number of bits of its addresses; `None` where it has none.
    pub(super) const fn bits(self) -> Option<u8> {
        match self {
            Self::Ipv4 => Some(32),
            Self::Ipv6 => Some(128),
            Self::Unsupported(_) => None,
        }
    }
}

/// A set, with what its messages must be read by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct KnownSet {
    pub(super) info: SetInfo,
    /// Elements are the boundaries of intervals (`NFT_SET_INTERVAL`).
    pub(super) is_interval: bool,
    /// A set without a name of its own, within a rule.
    pub(super) is_anonymous: bool,
    /// The number by which the kernel tells it from a former set of this name (Linux 4.16).
    handle: Option<u64>,
}

impl KnownSet {
    /// Reads the message `NFT_MSG_NEWSET`.
    pub(super) fn read(family: u8, attributes: &[u8]) -> Option<Self> {
        let number = |kind| attribute(attributes, kind).and_then(wire::be32);
        let flags = number(wire::SET_FLAGS).unwrap_or(0);
        let has = |flag| flags & flag != 0;
        let content = match (number(wire::SET_KEY_TYPE), number(wire::SET_KEY_LEN)) {
            _ if has(wire::SET_MAP | wire::SET_OBJECT) => SetContent::Unsupported("it is a map"),
            _ if has(wire::SET_CONCAT) => CONCATENATED,
            (Some(TYPE_IPADDR), Some(4)) => SetContent::Ipv4,
            (Some(TYPE_IP6ADDR), Some(16)) => SetContent::Ipv6,
            (Some(kind), _) if kind > TYPE_MAX => CONCATENATED,
            _ => SetContent::Unsupported("its elements are not addresses"),
        };
        Some(Self {
            info: SetInfo {
                name: set_name(family, attributes, [wire::SET_TABLE, wire::SET_NAME])?,
                content,
                is_filled_by_rules: !has(wire::SET_CONSTANT)
                    && (has(wire::SET_EVAL) || has(wire::SET_TIMEOUT) && !has(wire::SET_INTERVAL)),
            },
            is_interval: has(wire::SET_INTERVAL),
            is_anonymous: has(wire::SET_ANONYMOUS),
            handle: attribute(attributes, wire::SET_HANDLE).and_then(wire::be64),
        })
    }
}

const CONCATENATED: SetContent = SetContent::Unsupported("its elements are concatenations");

/// Reads the name of a set from these two attributes.
pub(super) fn set_name(family: u8, attributes: &[u8], [table, set]: [u16; 2]) -> Option<SetName> {
    let name = |kind| attribute(attributes, kind).and_then(wire::name);
    let family = TableFamily::of(family);
    Some(SetName::new(family, name(table)?, name(set)?))
}

/// The types of nft (`enum datatypes`), which the kernel keeps for it; six bits for each part of a concatenation.
const TYPE_IPADDR: u32 = 7;
const TYPE_IP6ADDR: u32 = 8;
const TYPE_MAX: u32 = 0x3f;
