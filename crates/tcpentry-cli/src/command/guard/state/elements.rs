//! Prefixes that are named for a time: the elements of a set, or bans.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tcpentry::filter::Prefix;

/// Prefixes, each with the time at which it expires, if it does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elements {
    known: BTreeMap<Prefix, Expiry>,
    /// The first time at which one may expire.
    next: Option<Instant>,
    /// The time from which those of expiry count.
    base: Option<Instant>,
}

/// The time at which one expires, in nanoseconds from a base: half as long as an [`Instant`], and there are many.
#[derive(Clone, Copy, Debug)]
struct Expiry(u64);

impl Expiry {
    const NEVER: Self = Self(u64::MAX);

    fn new(end: Instant, base: Instant) -> Self {
        // In five hundred years.
        u64::try_from(end.saturating_duration_since(base).as_nanos()).map_or(Self::NEVER, Self)
    }

    fn at(self, base: Option<Instant>) -> Option<Instant> {
        let lasts = (self.0 != u64::MAX).then_some(Duration::from_nanos(self.0));
        base?.checked_add(lasts?)
    }
}

impl Elements {
    /// Adds one, or gives it another time. Returns true if it was not there: what is announced again is nothing new.
    pub(crate) fn add(&mut self, prefix: Prefix, lasts: Option<Duration>, now: Instant) -> bool {
        self.expire(now);
        // A time that no clock has is for ever.
        let end = lasts.and_then(|lasts| now.checked_add(lasts));
        if let Some(end) = end {
            self.next = Some(self.next.map_or(end, |next| next.min(end)));
        }
        let base = *self.base.get_or_insert(now);
        let expiry = end.map_or(Expiry::NEVER, |end| Expiry::new(end, base));
        self.known.insert(prefix, expiry).is_none()
    }

    pub(crate) fn remove(&mut self, prefix: Prefix) -> bool {
        self.known.remove(&prefix).is_some()
    }

    pub(crate) fn contains(&self, prefix: Prefix) -> bool {
        self.known.contains_key(&prefix)
    }

    /// Returns true if one of them has this whole prefix in it.
    pub(crate) fn cover(&self, prefix: Prefix) -> bool {
        // Most are asked for as they were named.
        let mut lengths = (0..=prefix.length()).rev();
        lengths.any(|length| {
            let wider = Prefix::new(prefix.address(), length);
            wider.is_some_and(|wider| self.contains(wider))
        })
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes these as all that there are, and returns those that were not there.
    pub(crate) fn replace(
        &mut self,
        all: impl IntoIterator<Item = (Prefix, Option<Duration>)>,
        now: Instant,
    ) -> Vec<Prefix> {
        self.expire(now);
        let before = std::mem::take(self);
        let mut new = Vec::new();
        for (prefix, lasts) in all {
            if self.add(prefix, lasts, now) && !before.known.contains_key(&prefix) {
                new.push(prefix);
            }
        }
        new
    }

    /// Drops those whose time is over.
    pub(crate) fn expire(&mut self, now: Instant) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let base = self.base;
        self.known
            .retain(|_, end| end.at(base).is_none_or(|end| end > now));
        self.next = self.known.values().filter_map(|end| end.at(base)).min();
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Returns each with the time that is left to it.
    pub(crate) fn iter(
        &self,
        now: Instant,
    ) -> impl Iterator<Item = (Prefix, Option<Duration>)> + '_ {
        let base = self.base;
        let left = move |end: &Expiry| {
            let end = end.at(base)?;
            Some(end.saturating_duration_since(now))
        };
        self.known
            .iter()
            .map(move |(prefix, end)| (*prefix, left(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_announced_again_is_not_new_until_it_has_expired() {
        let now = Instant::now();
        let minute = Duration::from_secs(60);
        let mut elements = Elements::default();
        assert!(elements.add(prefix("192.0.2.1"), Some(minute), now));
        assert!(!elements.add(prefix("192.0.2.1"), Some(minute * 2), now + minute / 2));
        assert!(!elements.add(prefix("192.0.2.1"), None, now + minute));
        assert!(elements.remove(prefix("192.0.2.1")));
        assert!(elements.add(prefix("192.0.2.1"), Some(minute), now));
        assert!(elements.add(prefix("192.0.2.1"), Some(minute), now + minute));
        assert_eq!(elements.len(), 1);
        elements.expire(now + minute * 2);
        assert_eq!(elements.len(), 0);
    }

    #[test]
    fn a_part_of_one_is_covered_by_it() {
        let now = Instant::now();
        let mut elements = Elements::default();
        elements.add(prefix("192.0.2.0/25"), None, now);
        elements.add(prefix("2001:db8::/32"), None, now);
        for inside in ["192.0.2.0/25", "192.0.2.64/26", "192.0.2.1", "2001:db8::1"] {
            assert!(elements.cover(prefix(inside)), "{inside}");
        }
        for outside in ["192.0.2.128", "192.0.2.0/24", "2001:db9::1", "0.0.0.0/0"] {
            assert!(!elements.cover(prefix(outside)), "{outside}");
        }
    }

    #[test]
    fn of_a_whole_set_the_new_ones_are_found() {
        let now = Instant::now();
        let mut elements = Elements::default();
        elements.add(prefix("192.0.2.1"), None, now);
        elements.add(prefix("192.0.2.2"), None, now);
        let all = ["192.0.2.2", "192.0.2.3"].map(|it| (prefix(it), None));
        assert_eq!(elements.replace(all, now), [prefix("192.0.2.3")]);
        assert_eq!(elements.len(), 2);
    }
}
