//! The sockets that processes hold, found by the inode.

use super::proc::Descriptor;
use crate::connection::Inode;

/// A socket, the place of a process that holds it, and a descriptor by which it does: 16 bytes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Holding {
    pub(super) inode: Inode,
    pub(super) place: u32,
    pub(super) descriptor: Descriptor,
}

/// All of them, in order. A host has a million sockets.
///
/// Sockets are asked for in the order of the kernel's hash table, so that each step of a search by halves would be a cache miss. The
/// kernel numbers inodes in sequence, so that groups by the upper bits of the number are small.
#[derive(Clone, Debug, Default)]
pub(super) struct Holdings {
    sorted: Vec<Holding>,
    /// The places at which the groups begin, and the end of the last.
    groups: Vec<usize>,
    lowest: u32,
    /// The number of bits in which the inodes of a group differ.
    bits: u32,
}

impl From<Vec<Holding>> for Holdings {
    fn from(mut sorted: Vec<Holding>) -> Self {
        sorted.sort_unstable();
        let number = |holding: Option<&Holding>| holding.map_or(0, |it| it.inode.number());
        let lowest = number(sorted.first());
        let range = number(sorted.last()) - lowest;
        let wanted = u32::try_from(sorted.len() / PER_LINE).unwrap_or(u32::MAX);
        let bits = (range / wanted.max(1)).checked_ilog2().unwrap_or(0);
        let mut groups = Vec::new();
        for (place, it) in sorted.iter().enumerate() {
            let group = (it.inode.number() - lowest) >> bits;
            groups.resize(group as usize + 1, place);
        }
        groups.push(sorted.len());
        Self {
            sorted,
            groups,
            lowest,
            bits,
        }
    }
}

impl Holdings {
    /// Returns the holdings of a socket.
    pub(super) fn of(&self, inode: Inode) -> &[Holding] {
        let group = self.group(inode).unwrap_or_default();
        let first = group.partition_point(|it| it.inode < inode);
        let rest = &group[first..];
        let is_other = |it: &Holding| it.inode != inode;
        let end = rest.iter().position(is_other).unwrap_or(rest.len());
        &rest[..end]
    }

    fn group(&self, inode: Inode) -> Option<&[Holding]> {
        let group = inode.number().checked_sub(self.lowest)? >> self.bits;
        let group = group as usize;
        self.sorted
            .get(*self.groups.get(group)?..*self.groups.get(group + 1)?)
    }
}

/// The entries of a cache line, and of a group where the inodes have no gaps.
const PER_LINE: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holding(number: u32, place: u32) -> Holding {
        Holding {
            inode: Inode::new(number).unwrap(),
            place,
            descriptor: Descriptor {
                thread: None,
                number: 3,
            },
        }
    }

    proptest! {
        #[test]
        fn each_socket_has_its_holdings_and_no_others(
            numbers in prop::collection::vec(
                prop_oneof![1_u32..40, 4_000_000_u32..4_000_400, Just(u32::MAX), 1..=u32::MAX],
                0..200,
            ),
            others in prop::collection::vec(1..=u32::MAX, 0..20),
        ) {
            let all: Vec<_> = (0..).zip(&numbers).map(|(place, number)| holding(*number, place)).collect();
            let holdings = Holdings::from(all.clone());
            for &number in numbers.iter().chain(&others).chain(&[1, 39, 40, u32::MAX]) {
                let of_socket = all.iter().filter(|it| it.inode.number() == number);
                let expected: Vec<_> = of_socket.copied().collect();
                prop_assert_eq!(holdings.of(Inode::new(number).unwrap()), expected);
            }
            prop_assert!(holdings.groups.len() <= numbers.len() / 2 + 4);
        }
    }

    #[test]
    fn the_lowest_and_the_highest_inode_are_found_beside_each_other() {
        let all = [holding(1, 0), holding(u32::MAX, 1)];
        let holdings = Holdings::from(all.to_vec());
        for it in all {
            assert_eq!(holdings.of(it.inode), [it]);
        }
    }

    #[test]
    fn of_none_there_are_none() {
        let inode = Inode::new(7).unwrap();
        assert_eq!(Holdings::default().of(inode), []);
        assert_eq!(Holdings::from(Vec::new()).of(inode), []);
    }
}
