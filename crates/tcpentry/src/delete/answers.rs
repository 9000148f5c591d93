//! The kernel's answers about local addresses in one run of deletions.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// The kernel's answers about IPv4 addresses: each is asked for once in a run, and again after a while, since an address may
/// leave the host while a long run goes on.
#[derive(Default)]
pub(super) struct AnsweredAddresses {
    answers: HashMap<Ipv4Addr, Option<bool>>,
    since: Option<Instant>,
}

impl AnsweredAddresses {
    /// Returns the answer for an address, asked for now where it is not known; of the loopback network it is known.
    pub(super) fn get(
        &mut self,
        address: Ipv4Addr,
        ask: impl FnOnce() -> Option<bool>,
    ) -> Option<bool> {
        if address.is_loopback() {
            return Some(true);
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= MAX_AGE {
            (self.since, self.answers) = (Some(Instant::now()), HashMap::new());
        }
        *self.answers.entry(address).or_insert_with(ask)
    }
}

/// The time for which an answer is believed: of an address that has left meanwhile the peer is not told, and the report says
/// it was. A question takes 1 us.
const MAX_AGE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_asked_for_once_in_a_while() {
        let mut addresses = AnsweredAddresses::default();
        let mut asked = 0;
        let [first, second] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last));
        for address in [first, first, second, second, Ipv4Addr::LOCALHOST] {
            let answer = addresses.get(address, || {
                asked += 1;
                Some(address == second)
            });
            assert_eq!(answer, Some(address != first));
        }
        assert_eq!(asked, 2);
        addresses.since = Instant::now().checked_sub(MAX_AGE);
        assert_eq!(addresses.get(first, || None), None);
        assert_eq!(addresses.get(second, || Some(false)), Some(false));
    }
}
