//! Elements: keys, the two boundaries of an interval, and the prefixes that an interval consists of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::wire;
use crate::filter::Prefix;
use crate::netlink::{attribute, attributes};

/// An element of a set, as a prefix. A range that is no prefix is several.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct SetElement {
    /// Its addresses. That of the catch-all element (`*`) has the length 0. IPv4 mapped into IPv6 is IPv4.
    pub prefix: Prefix,
    /// The time until the kernel removes it, which no event announces; `None` where it stays.
    pub expires_in: Option<Duration>,
}

/// An element as it is on the wire, in a set of addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RawElement {
    key: Key,
    expires_in: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Key {
    /// `NFT_SET_ELEM_CATCHALL`
    All,
    /// From the first to the last: `NFTA_SET_ELEM_KEY_END`.
    Range(u128, u128),
    /// A value, or where an interval begins; of a set of intervals the end sorts before a beginning at the same address.
    At { address: u128, is_start: bool },
}

impl RawElement {
    /// Reads the elements of a message, of addresses of so many bits. What is not of that form is left out.
    pub(super) fn read_all(message: &[u8], bits: u8) -> impl Iterator<Item = Option<Self>> + '_ {
        let list = attribute(message, wire::ELEMENTS).unwrap_or_default();
        attributes(list).map(move |(_, element)| Self::read(element, bits))
    }

    fn read(element: &[u8], bits: u8) -> Option<Self> {
        let flags = match attribute(element, wire::ELEMENT_FLAGS) {
            Some(flags) => wire::be32(flags)?,
            None => 0,
        };
        let address = |kind| {
            let value = attribute(element, kind).map(|it| attribute(it, wire::DATA_VALUE));
            value.map(|value| address_of(value?, bits))
        };
        let key = match (address(wire::ELEMENT_KEY), address(wire::ELEMENT_KEY_END)) {
            _ if flags & wire::ELEMENT_CATCHALL != 0 => Key::All,
            (Some(first), Some(last)) => Key::Range(first?, last?),
            (Some(address), None) => Key::At {
                address: address?,
                is_start: flags & wire::ELEMENT_INTERVAL_END == 0,
            },
            (None, _) => return None,
        };
        let milliseconds = |kind| attribute(element, kind).and_then(wire::be64);
        // That of one that never expires in a set whose elements do is 0 (Linux 6.12).
        let timeout = || milliseconds(wire::ELEMENT_TIMEOUT).filter(|it| *it != 0);
        let expires_in = milliseconds(wire::ELEMENT_EXPIRATION).or_else(timeout);
        Some(Self {
            key,
            expires_in: expires_in.map(Duration::from_millis),
        })
    }
}

fn address_of(value: &[u8], bits: u8) -> Option<u128> {
    match bits {
        32 => wire::be32(value).map(u128::from),
        _ => value.try_into().ok().map(u128::from_be_bytes),
    }
}

/// The elements of one set that came together.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Gathered {
    pub(super) elements: Vec<SetElement>,
    /// False where an interval came without its other boundary, so that it is not among the elements.
    pub(super) is_complete: bool,
}

/// The part of a set of intervals that was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Coverage {
    /// The whole set: an interval ends where the next one begins, or at the last of all addresses.
    Set,
    /// Changes, whose other boundary may be in the set already: `nft add element` of an interval that is there, with another timeout,
    /// announces its start alone (Linux 6.18).
    Changes,
}

/// Makes prefixes of elements, in whatever order they came.
pub(super) fn gather(
    mut raw: Vec<RawElement>,
    bits: u8,
    is_interval: bool,
    coverage: Coverage,
) -> Gathered {
    let mut gathered = Gathered {
        elements: Vec::with_capacity(raw.len()),
        is_complete: true,
    };
    let elements = &mut gathered.elements;
    let mut push = |first, last, expires_in| {
        let prefixes = prefixes(first, last, bits);
        elements.extend(prefixes.map(|prefix| SetElement { prefix, expires_in }));
    };
    // A dump gives the boundaries of intervals in descending order, an event mostly in ascending. What a dump of a hash table that
    // grows has given twice is there once, and of what was announced twice the later counts.
    raw.reverse();
    raw.sort_by_key(|element| element.key);
    raw.dedup_by_key(|element| element.key);
    let top = last_address(bits);
    let mut rest = raw.iter().peekable();
    let mut is_open = false;
    while let Some(RawElement { key, expires_in }) = rest.next() {
        match *key {
            Key::All => push(0, top, *expires_in),
            Key::Range(first, last) => push(first, last, *expires_in),
            Key::At { address, .. } if !is_interval => push(address, address, *expires_in),
            Key::At {
                address,
                is_start: true,
            } => {
                let last = match (rest.peek().map(|next| next.key), coverage) {
                    (
                        Some(Key::At {
                            address: next,
                            is_start: false,
                        }),
                        _,
                    ) => {
                        is_open = true;
                        next.checked_sub(1)
                    }
                    (Some(Key::At { address: next, .. }), Coverage::Set) => next.checked_sub(1),
                    (_, Coverage::Set) => Some(top),
                    (_, Coverage::Changes) => None,
                };
                match last {
                    Some(last) => push(address, last, *expires_in),
                    None => gathered.is_complete = false,
                }
            }
            // The end of the interval before. nft also puts one at the beginning of all addresses.
            Key::At { address, .. } => {
                let is_expected = std::mem::take(&mut is_open) || address == 0;
                gathered.is_complete &= is_expected || coverage == Coverage::Set;
            }
        }
    }
    gathered
}

/// Splits a range into the fewest prefixes, in ascending order; none where the last is before the first.
fn prefixes(first: u128, last: u128, bits: u8) -> impl Iterator<Item = Prefix> {
    let last = last.min(last_address(bits));
    let mut next = (first <= last).then_some(first);
    std::iter::from_fn(move || {
        let first = next?;
        // As large as the alignment of its beginning allows, and the end.
        let aligned = first.trailing_zeros().min(bits.into());
        let fitting = (last - first).checked_add(1).map_or(128, u128::ilog2);
        let free = aligned.min(fitting);
        let size_less_one = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        let end = first + size_less_one;
        next = if end < last { end.checked_add(1) } else { None };
        let length = u32::from(bits) - free;
        Some(Prefix::masked(
            to_address(first, bits),
            u8::try_from(length).expect("at most 128"),
        ))
    })
}

fn to_address(address: u128, bits: u8) -> IpAddr {
    match u32::try_from(address) {
        Ok(address) if bits == 32 => Ipv4Addr::from_bits(address).into(),
        _ => Ipv6Addr::from_bits(address).into(),
    }
}

const fn last_address(bits: u8) -> u128 {
    u128::MAX >> (128 - bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(address: u128, is_start: bool) -> RawElement {
        RawElement {
            key: Key::At { address, is_start },
            expires_in: None,
        }
    }

    /// Returns the first and the last address of a prefix.
    fn ends(prefix: Prefix) -> (u128, u128) {
        let (first, bits) = match prefix.address() {
            IpAddr::V4(address) => (address.to_bits().into(), 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let free = bits - prefix.length();
        let size = 1_u128.checked_shl(free.into());
        (first, first + size.map_or(u128::MAX, |size| size - 1))
    }

    fn shown(first: u128, last: u128, bits: u8) -> Vec<String> {
        prefixes(first, last, bits)
            .map(|it| it.to_string())
            .collect()
    }

    #[test]
    fn ranges_become_prefixes() {
        let v4 = |address: [u8; 4]| u128::from(u32::from_be_bytes(address));
        let max = u128::from(u32::MAX);
        assert_eq!(shown(0, max, 32), ["0.0.0.0/0"]);
        assert_eq!(shown(0, u128::MAX, 128), ["::/0"]);
        assert_eq!(shown(max, max, 32), ["255.255.255.255"]);
        assert_eq!(shown(max, u128::MAX, 32), ["255.255.255.255"]);
        assert_eq!(
            shown(v4([10, 0, 0, 0]), v4([10, 255, 255, 255]), 32),
            ["10.0.0.0/8"]
        );
        let range = shown(v4([192, 0, 2, 3]), v4([192, 0, 2, 9]), 32);
        assert_eq!(range, ["192.0.2.3", "192.0.2.4/30", "192.0.2.8/31"]);
        assert_eq!(shown(2, 1, 32), [""; 0]);
        assert_eq!(prefixes(1, max - 1, 32).count(), 62);
        assert_eq!(prefixes(1, u128::MAX - 1, 128).count(), 254);
        // ::ffff:0:0/96 is IPv4, and nothing else of IPv6.
        let mapped = 0xffff_u128 << 32;
        assert_eq!(shown(mapped, mapped | max, 128), ["0.0.0.0/0"]);
        assert_eq!(shown(mapped | 1, mapped | 1, 128), ["0.0.0.1"]);
        assert_eq!(shown(1, 1, 128), ["::1"]);
    }

    #[test]
    fn a_set_of_intervals_is_read_in_any_order() {
        let read = |raw: Vec<RawElement>, coverage| {
            let gathered = gather(raw, 32, true, coverage);
            let prefixes = gathered.elements.iter().map(|it| it.prefix.to_string());
            (prefixes.collect::<Vec<_>>(), gathered.is_complete)
        };
        let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        // As a dump gives it: descending, with nft's end at the beginning of all addresses.
        let dumped = vec![
            at(0xf000_0000, true),
            at(0x0c00_0000, false),
            at(0x0b00_0000, true),
            at(0x0b00_0000, false),
            at(0x0a00_0000, true),
            at(0, false),
        ];
        let all = words(&["10.0.0.0/8", "11.0.0.0/8", "240.0.0.0/4"]);
        assert_eq!(read(dumped.clone(), Coverage::Set), (all, true));
        let certain = words(&["10.0.0.0/8", "11.0.0.0/8"]);
        assert_eq!(read(dumped, Coverage::Changes), (certain, false));
        let whole = vec![at(4, false), at(0, true)];
        for coverage in [Coverage::Set, Coverage::Changes] {
            assert_eq!(
                read(whole.clone(), coverage),
                (words(&["0.0.0.0/30"]), true)
            );
        }
        // A start alone is an interval whose timeout has changed, or one without an end.
        assert_eq!(read(vec![at(5, true)], Coverage::Changes), (vec![], false));
        assert_eq!(read(vec![at(5, false)], Coverage::Changes), (vec![], false));
        assert_eq!(read(vec![at(0, false)], Coverage::Changes), (vec![], true));
        // An interval may end where the next one begins.
        let joined = vec![at(0, true), at(4, true), at(8, false)];
        let both = words(&["0.0.0.0/30", "0.0.0.4/30"]);
        assert_eq!(read(joined.clone(), Coverage::Set), (both, true));
        assert_eq!(
            read(joined, Coverage::Changes),
            (words(&["0.0.0.4/30"]), false)
        );
    }

    #[test]
    fn the_last_of_two_announcements_counts() {
        let of = |seconds| RawElement {
            expires_in: Some(Duration::from_secs(seconds)),
            ..at(1, true)
        };
        let gathered = gather(vec![of(1), of(2)], 32, false, Coverage::Changes);
        let rest: Vec<_> = gathered.elements.iter().map(|it| it.expires_in).collect();
        assert_eq!(rest, [Some(Duration::from_secs(2))]);
    }

    #[test]
    fn catch_all_and_ranges_are_read() {
        let raw = [Key::All, Key::Range(8, 9)].map(|key| RawElement {
            key,
            expires_in: None,
        });
        let gathered = gather(raw.to_vec(), 128, false, Coverage::Changes);
        let prefixes: Vec<_> = gathered
            .elements
            .iter()
            .map(|it| it.prefix.to_string())
            .collect();
        assert_eq!(prefixes, ["::/0", "::8/127"]);
    }

    proptest! {
        /// Against each address of a small space, at the beginning, in the middle and at the end of all.
        #[test]
        fn prefixes_are_the_range_and_no_more(
            first in 0_u128..600,
            length in 0_u128..600,
            (bits, base) in prop::sample::select(vec![
                (32, 0),
                (32, 0x0a00_0000),
                (32, u128::from(u32::MAX) - 1199),
                (128, 0x2001_0db8 << 96),
                (128, u128::MAX - 1199),
            ]),
        ) {
            let (first, last) = (base + first, base + first + length);
            let split: Vec<_> = prefixes(first, last, bits).map(ends).collect();
            let mut expected = first;
            for (begin, end) in &split {
                prop_assert_eq!(*begin, expected, "without a gap and in order");
                expected = end.wrapping_add(1);
            }
            prop_assert_eq!(split.last().unwrap().1, last);
            // Two of one size that are halves of another one would be that one.
            for pair in split.windows(2) {
                let [(a, b), (c, d)] = [pair[0], pair[1]];
                let size = b - a + 1;
                prop_assert!(d - c + 1 != size || a % (2 * size) != 0);
            }
        }

        /// The intervals of a whole set, against what each address in it says of itself.
        #[test]
        fn a_dump_is_read_as_the_kernel_looks_up(
            boundaries in prop::collection::btree_map(0_u128..64, any::<bool>(), 0..12),
        ) {
            let raw = boundaries.iter().map(|(address, is_start)| at(*address, *is_start)).collect();
            let gathered = gather(raw, 32, true, Coverage::Set);
            let contained = |address: u128| {
                let mut elements = gathered.elements.iter().map(|it| ends(it.prefix));
                elements.any(|(first, last)| (first..=last).contains(&address))
            };
            for address in (0..80).chain([u128::from(u32::MAX)]) {
                // The nearest boundary that is not above.
                let nearest = boundaries.range(..=address).next_back();
                let expected = nearest.is_some_and(|(_, is_start)| *is_start);
                prop_assert_eq!(contained(address), expected, "{}", address);
            }
        }
    }
}
