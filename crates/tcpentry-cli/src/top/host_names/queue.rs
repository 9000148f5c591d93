//! The addresses whose names are wanted: those of the screen, no longer those that have left it.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;

#[derive(Debug, Default)]
pub(super) struct LookupQueue {
    wanted: VecDeque<IpAddr>,
    /// Those that a thread has taken and not yet answered.
    in_flight: HashSet<IpAddr>,
    is_closed: bool,
}

impl LookupQueue {
    /// Wants these, in their order, and none of those before; what is under way is not asked again.
    pub(super) fn replace(&mut self, addresses: Vec<IpAddr>) {
        self.wanted = addresses.into();
        self.wanted.truncate(MAX_WANTED);
        let in_flight = &self.in_flight;
        self.wanted.retain(|address| !in_flight.contains(address));
    }

    pub(super) fn take(&mut self) -> Option<IpAddr> {
        let address = self.wanted.pop_front()?;
        self.in_flight.insert(address);
        Some(address)
    }

    pub(super) fn finish(&mut self, address: IpAddr) {
        self.in_flight.remove(&address);
    }

    /// Wants nothing more.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.wanted.clear();
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// The number of addresses that wait at most: more than a screen has.
const MAX_WANTED: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_ones_wait_and_none_is_asked_twice_at_a_time() {
        let [a, b, c] = [1, 2, 3].map(|number| IpAddr::from([192, 0, 2, number]));
        let mut queue = LookupQueue::default();
        queue.replace(vec![a, b]);
        assert_eq!(queue.take(), Some(a));
        queue.replace(vec![c, a]);
        assert_eq!((queue.take(), queue.take()), (Some(c), None), "not b");
        queue.finish(a);
        queue.replace(vec![c, a]);
        assert_eq!((queue.take(), queue.take()), (Some(a), None));
        queue.replace(vec![b]);
        queue.close();
        assert_eq!((queue.take(), queue.is_closed()), (None, true));
    }
}
