//! Sets of prefixes: of both families, with one look-up for any number of them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use prefix_trie::PrefixSet as Trie;

use super::prefix::Prefix;

/// A set of prefixes of IPv4 and IPv6: who is banned, who is spared, a blocklist of 100,000 lines.
///
/// A look-up takes the same time however many there are. A filter names a set as `dst @NAME`, `src @NAME` or
/// `host @NAME`, with its names from [`Names::set`](super::Names::set); put it behind an [`Arc`](std::sync::Arc) to
/// share it. [`read`](Self::read) reads one from text.
///
/// ```
/// use tcpentry::filter::{Prefix, PrefixSet};
/// let set: PrefixSet = ["10.0.0.0/8".parse()?, "10.1.0.0/16".parse()?, "2001:db8::1".parse()?].into_iter().collect();
/// assert!(set.contains("10.9.9.9".parse()?) && !set.contains("2001:db8::2".parse()?));
/// let longest = set.longest_match("::ffff:10.1.2.3".parse()?);
/// assert_eq!(longest.map(|prefix| prefix.to_string()).as_deref(), Some("10.1.0.0/16"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct PrefixSet {
    v4: FamilySet<u32, 32>,
    v6: FamilySet<u128, 128>,
    /// The networks of IPv6 of 64 bits at most, by their lengths: what is banned of an attacker who has one, or is a
    /// provider's. None of these sets is empty.
    v6_networks: BTreeMap<u8, HashSet<u64>>,
}

/// The prefixes of one family, whose addresses have so many bits.
///
/// Most of what lists contain are single addresses, or IPv6 networks of 64 bits at most. Those are kept apart, because in a
/// trie without path compression each of IPv6 has up to twenty nodes of its own: 150,000 addresses would be 46 MB, and are
/// 4.5 in a hash table; of networks there is one for each length, and a list has few.
#[derive(Clone, Eq, PartialEq)]
struct FamilySet<B: Eq + Hash, const BITS: u8>
where
    (B, u8): prefix_trie::Prefix,
{
    addresses: HashSet<B>,
    shorter: Trie<(B, u8)>,
}

impl PrefixSet {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a prefix. Returns false where it was there.
    pub fn insert(&mut self, prefix: Prefix) -> bool {
        match Bits::of(prefix) {
            Bits::V4(bits) => self.v4.insert(bits),
            Bits::V6Network(network, length) => {
                self.v6_networks.entry(length).or_default().insert(network)
            }
            Bits::V6(bits) => self.v6.insert(bits),
        }
    }

    /// Removes a prefix, and no other that it contains or that contains it. Returns false where it was not there.
    pub fn remove(&mut self, prefix: Prefix) -> bool {
        match Bits::of(prefix) {
            Bits::V4(bits) => self.v4.remove(bits),
            Bits::V6Network(network, length) => {
                let Some(networks) = self.v6_networks.get_mut(&length) else {
                    return false;
                };
                let was_there = networks.remove(&network);
                if networks.is_empty() {
                    self.v6_networks.remove(&length);
                }
                was_there
            }
            Bits::V6(bits) => self.v6.remove(bits),
        }
    }

    /// Returns true for an address that one of its prefixes contains; a mapped one is IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.longest_match(address).is_some()
    }

    /// Returns true where this very prefix is in it, and not only another one that contains it.
    pub fn contains_prefix(&self, prefix: Prefix) -> bool {
        match Bits::of(prefix) {
            Bits::V4(bits) => self.v4.contains(bits),
            Bits::V6Network(network, length) => {
                let networks = self.v6_networks.get(&length);
                networks.is_some_and(|networks| networks.contains(&network))
            }
            Bits::V6(bits) => self.v6.contains(bits),
        }
    }

    /// Returns the longest of its prefixes that contain an address.
    pub fn longest_match(&self, address: IpAddr) -> Option<Prefix> {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.longest_match(address.to_bits()).map(of_v4),
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                let longer = self.v6.longest_match(bits).map(of_v6);
                longer.or_else(|| self.longest_network(first_half(bits)))
            }
        }
    }

    /// Returns the longest of its networks of IPv6 that contain an address of which this is the first half.
    fn longest_network(&self, bits: u64) -> Option<Prefix> {
        let lengths = self.v6_networks.iter().rev();
        let mut networks = lengths.map(|(length, all)| (first_bits(bits, *length), *length, all));
        let found = networks.find(|(network, _, all)| all.contains(network))?;
        Some(of_network(found.0, found.1))
    }

    /// Returns the number of its prefixes.
    pub fn len(&self) -> usize {
        let networks = self.v6_networks.values().map(HashSet::len);
        self.v4.len() + self.v6.len() + networks.sum::<usize>()
    }

    /// Returns true where it has no prefix, so that it contains no address.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns its prefixes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Prefix> + '_ {
        let v4 = self.v4.iter().map(of_v4);
        let networks = self.v6_networks.iter().flat_map(|(length, all)| {
            let length = *length;
            all.iter().map(move |network| of_network(*network, length))
        });
        v4.chain(networks).chain(self.v6.iter().map(of_v6))
    }
}

impl fmt::Debug for PrefixSet {
    /// Writes its size: it may be of 100,000 lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrefixSet")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Extend<Prefix> for PrefixSet {
    fn extend<I: IntoIterator<Item = Prefix>>(&mut self, prefixes: I) {
        for prefix in prefixes {
            self.insert(prefix);
        }
    }
}

impl FromIterator<Prefix> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        let mut set = Self::new();
        set.extend(prefixes);
        set
    }
}

/// A prefix as the bits of its first address, and its length.
enum Bits {
    V4((u32, u8)),
    /// The first bits of a network of at most 64, and its length.
    V6Network(u64, u8),
    V6((u128, u8)),
}

impl Bits {
    const fn of(prefix: Prefix) -> Self {
        match prefix.address() {
            IpAddr::V4(address) => Self::V4((address.to_bits(), prefix.length())),
            IpAddr::V6(address) => match (address.to_bits(), prefix.length()) {
                (bits, length @ ..=64) => Self::V6Network(first_half(bits), length),
                other => Self::V6(other),
            },
        }
    }
}

fn of_v4((bits, length): (u32, u8)) -> Prefix {
    Prefix::masked(Ipv4Addr::from_bits(bits).into(), length)
}

const fn first_half(bits: u128) -> u64 {
    (bits >> 64) as u64
}

/// Returns the first bits, so many of them, and nothing else.
const fn first_bits(bits: u64, length: u8) -> u64 {
    match u64::MAX.checked_shl(64 - length as u32) {
        Some(mask) => bits & mask,
        // Of no bits.
        None => 0,
    }
}

fn of_network(bits: u64, length: u8) -> Prefix {
    of_v6((u128::from(bits) << 64, length))
}

fn of_v6((bits, length): (u128, u8)) -> Prefix {
    Prefix::masked(Ipv6Addr::from_bits(bits).into(), length)
}

impl<B: Copy + Eq + Hash, const BITS: u8> FamilySet<B, BITS>
where
    (B, u8): prefix_trie::Prefix,
{
    fn insert(&mut self, prefix: (B, u8)) -> bool {
        match prefix {
            (address, length) if length == BITS => self.addresses.insert(address),
            shorter => self.shorter.insert(shorter),
        }
    }

    fn remove(&mut self, prefix: (B, u8)) -> bool {
        match prefix {
            (address, length) if length == BITS => self.addresses.remove(&address),
            shorter => self.shorter.remove(&shorter),
        }
    }

    fn contains(&self, prefix: (B, u8)) -> bool {
        match prefix {
            (address, length) if length == BITS => self.addresses.contains(&address),
            shorter => self.shorter.contains(&shorter),
        }
    }

    fn longest_match(&self, address: B) -> Option<(B, u8)> {
        let whole = (address, BITS);
        if self.addresses.contains(&address) {
            return Some(whole);
        }
        self.shorter.get_lpm(&whole)
    }

    fn len(&self) -> usize {
        self.addresses.len() + self.shorter.len()
    }

    fn iter(&self) -> impl Iterator<Item = (B, u8)> + '_ {
        let whole = self.addresses.iter().map(|address| (*address, BITS));
        whole.chain(self.shorter.iter())
    }
}

impl<B: Eq + Hash, const BITS: u8> Default for FamilySet<B, BITS>
where
    (B, u8): prefix_trie::Prefix,
{
    fn default() -> Self {
        Self {
            addresses: HashSet::new(),
            shorter: Trie::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns prefixes that overlap often: few bits differ.
    fn prefixes() -> impl Strategy<Value = Vec<Prefix>> {
        let v4 = (0..8_u32, 0..=32_u8).prop_map(|(bits, length)| {
            let address = Ipv4Addr::from_bits(bits << 29 | bits << 15 | bits);
            Prefix::masked(address.into(), length)
        });
        let v6 = (0..8_u128, prop_oneof![0..=128_u8, 62..=66_u8]).prop_map(|(bits, length)| {
            let address = Ipv6Addr::from_bits(bits << 125 | bits << 63 | bits);
            Prefix::masked(address.into(), length)
        });
        prop::collection::vec(prop_oneof![v4, v6], 0..40)
    }

    fn addresses() -> impl Strategy<Value = IpAddr> {
        let v4 = (0..8_u32, 0..8_u32, 0..8_u32)
            .prop_map(|(a, b, c)| IpAddr::from(Ipv4Addr::from_bits(a << 29 | b << 15 | c)));
        let v6 = (0..8_u128, 0..8_u128, 0..8_u128)
            .prop_map(|(a, b, c)| IpAddr::from(Ipv6Addr::from_bits(a << 125 | b << 63 | c)));
        let mapped = v4.clone().prop_map(|address| match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().into(),
            other @ IpAddr::V6(_) => other,
        });
        prop_oneof![v4, v6, mapped]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_set_is_what_a_list_of_prefixes_would_be(
            all in prefixes(),
            removed in prefixes(),
            asked in prop::collection::vec(addresses(), 20),
        ) {
            let mut set: PrefixSet = all.iter().copied().collect();
            let mut list = all;
            list.sort_unstable();
            list.dedup();
            for prefix in removed {
                let before = list.len();
                list.retain(|other| *other != prefix);
                prop_assert_eq!(set.contains_prefix(prefix), before > list.len());
                prop_assert_eq!(set.remove(prefix), before > list.len());
            }
            prop_assert_eq!(set.len(), list.len());
            prop_assert_eq!(set.is_empty(), list.is_empty());
            let mut all: Vec<_> = set.iter().collect();
            all.sort_unstable();
            prop_assert_eq!(&all, &list);
            for address in asked {
                let containing = list.iter().filter(|prefix| prefix.contains(address));
                let longest = containing.max_by_key(|prefix| prefix.length()).copied();
                prop_assert_eq!(set.longest_match(address), longest, "{} in {:?}", address, list);
                prop_assert_eq!(set.contains(address), longest.is_some());
            }
            let again: PrefixSet = set.iter().collect();
            prop_assert_eq!(again, set);
        }
    }

    #[test]
    fn an_empty_set_contains_nothing_and_one_of_all_of_ipv4_no_ipv6() {
        let mut set = PrefixSet::new();
        let [v4, mapped, v6] = ["0.0.0.0", "::ffff:1.2.3.4", "::"].map(|it| it.parse().unwrap());
        assert!(!set.contains(v4) && !set.contains(v6));
        assert!(set.insert(Prefix::V4) && !set.insert(Prefix::V4));
        assert!(set.contains(v4) && set.contains(mapped) && !set.contains(v6));
        assert!(set.insert(Prefix::V6) && set.contains(v6));
        assert!(set.remove(Prefix::V4) && !set.contains(mapped));
    }

    #[test]
    fn removing_one_frees_its_memory_for_the_next() {
        let mut set = PrefixSet::new();
        let prefix = |number: u32| {
            Prefix::new(Ipv4Addr::from_bits(number << 8).into(), 24).expect("24 bits")
        };
        for number in 0..100_000 {
            assert!(set.insert(prefix(number)));
            if let Some(before) = number.checked_sub(100) {
                assert!(set.remove(prefix(before)));
            }
        }
        let largest = set.v4.shorter.mem_size();
        assert!(largest < 64 << 10, "{largest} bytes for 100 prefixes");
    }
}
