//! The addresses of a host name, and which of them it has no longer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The answers for a name.
///
/// With several addresses a resolver may give others each time: one is former only after it has been in no answer for long
/// enough, and in none of several. Failed and empty answers never count.
#[derive(Clone, Debug)]
pub(crate) struct NameHistory {
    absent_for: Duration,
    /// Each address with the answers that have lacked it since it was in one: the first, and their number.
    seen: HashMap<IpAddr, Option<(Instant, u32)>>,
    /// Set while answers fail or are empty.
    is_unanswered: bool,
}

impl NameHistory {
    pub(crate) fn new(absent_for: Duration) -> Self {
        Self {
            absent_for,
            seen: HashMap::new(),
            is_unanswered: false,
        }
    }

    /// Returns true for the first answer without an address, until there is one again.
    pub(crate) fn is_newly_unanswered(&mut self, addresses: &[IpAddr]) -> bool {
        let before = std::mem::replace(&mut self.is_unanswered, addresses.is_empty());
        self.is_unanswered && !before
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Returns true if an address has been in an answer, and is not former.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.seen.contains_key(&address)
    }

    /// Takes an answer, and returns the addresses that are former from now on. They are forgotten.
    pub(crate) fn answer(&mut self, addresses: &[IpAddr], now: Instant) -> Vec<IpAddr> {
        if addresses.is_empty() {
            return Vec::new();
        }
        for absence in self.seen.values_mut() {
            let (first, count) = absence.unwrap_or((now, 0));
            *absence = Some((first, count.saturating_add(1)));
        }
        for address in addresses {
            self.seen.insert(*address, None);
        }
        let is_former = |(first, count): (Instant, u32)| {
            count >= FEWEST && now.saturating_duration_since(first) >= self.absent_for
        };
        let former = self
            .seen
            .iter()
            .filter(|(_, absence)| absence.is_some_and(is_former));
        let mut former: Vec<_> = former.map(|(address, _)| *address).collect();
        former.sort_unstable();
        for address in &former {
            self.seen.remove(address);
        }
        former
    }
}

/// The fewest answers in a row that must lack an address before it is former.
const FEWEST: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn addresses(numbers: &[u8]) -> Vec<IpAddr> {
        let address = |last: &u8| IpAddr::from([192, 0, 2, *last]);
        numbers.iter().map(address).collect()
    }

    #[test]
    fn what_is_in_no_answer_for_long_enough_is_former_once() {
        let mut name = NameHistory::new(MINUTE * 10);
        let start = Instant::now();
        assert!(name.answer(&addresses(&[1]), start).is_empty());
        for minute in 1..11 {
            assert!(
                name.answer(&addresses(&[2]), start + MINUTE * minute)
                    .is_empty()
            );
        }
        assert_eq!(
            name.answer(&addresses(&[2]), start + MINUTE * 11),
            addresses(&[1])
        );
        assert!(
            name.answer(&addresses(&[2]), start + MINUTE * 12)
                .is_empty()
        );
    }

    #[test]
    fn failures_and_few_answers_make_nothing_former() {
        let mut name = NameHistory::new(MINUTE);
        let start = Instant::now();
        name.answer(&addresses(&[1]), start);
        for minute in 1..100 {
            assert!(name.answer(&[], start + MINUTE * minute).is_empty());
        }
        assert!(
            name.answer(&addresses(&[2]), start + MINUTE * 100)
                .is_empty()
        );
        assert!(
            name.answer(&addresses(&[2]), start + MINUTE * 101)
                .is_empty()
        );
        assert_eq!(
            name.answer(&addresses(&[2]), start + MINUTE * 102),
            addresses(&[1])
        );
    }

    #[test]
    fn a_resolver_that_gives_others_each_time_makes_nothing_former() {
        let mut name = NameHistory::new(MINUTE * 10);
        let start = Instant::now();
        for minute in 0..1000_u32 {
            let first = u8::try_from(minute % 8).unwrap();
            let former = name.answer(
                &addresses(&[first, (first + 1) % 8]),
                start + MINUTE * minute,
            );
            assert!(former.is_empty(), "{minute}");
        }
        assert!(name.seen.len() <= 8);
    }
}
