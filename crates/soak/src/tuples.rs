//! The few four-tuples that all connections share, and who has been named by one of them.
//!
//! Who deletes by both ends names whoever has them meanwhile; which socket that was, its report may not say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tcpentry::Pair;
use tcpentry_testkit::link::ip;

use crate::terms::GuardRule;

/// The tuples of one owner: one listener, and as many client ports as it may have connections.
#[derive(Debug)]
pub(crate) struct Tuples {
    pub(crate) listener: SocketAddr,
    pub(crate) all: Vec<Tuple>,
}

/// A four-tuple, seen from either end.
#[derive(Debug)]
pub(crate) struct Tuple {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) sides: [Side; 2],
    /// The rule of the service that is about it.
    pub(crate) rule: Option<GuardRule>,
}

/// The state of one end's pair; [`CLIENT`] or [`SERVER`].
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// The cookie of the socket that has the pair, while it surely does; else 0.
    pub(crate) held: AtomicU64,
    /// The number of deletions by this name.
    begun: AtomicU64,
    ended: AtomicU64,
    /// The number of those that succeeded without reporting the socket.
    unknown: AtomicU64,
}

/// A side's counters at the start of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    ended: u64,
    unknown: u64,
}

/// The number of addresses that bans are about, and of those that a set is about.
pub(crate) const GUESTS: u16 = 64;
pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

impl Tuples {
    /// Returns the tuples of the n-th owner: IPv4, IPv6, IPv4 in a dual-stack listener, in turn.
    pub(crate) fn of_owner(number: u16, ports: u16) -> Self {
        let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (listening, address) = match number % 4 {
            1 => (
                IpAddr::V6(Ipv6Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST),
            ),
            2 => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), v4),
            _ => (v4, v4),
        };
        let port = 7000 + number;
        let first = 10_000 + number * ports;
        let tuple = |slot: u16| {
            let rule = rule_of(slot, ports, address.is_ipv4());
            let client = match rule {
                Some(GuardRule::Bans) => guest(slot % GUESTS),
                Some(GuardRule::Set) => guest(GUESTS + slot % GUESTS),
                Some(GuardRule::Removed) => removed(address.is_ipv4()),
                _ => address,
            };
            Tuple {
                client: SocketAddr::new(client, first + slot),
                server: SocketAddr::new(address, port),
                sides: Default::default(),
                rule,
            }
        };
        Self {
            listener: SocketAddr::new(listening, port),
            all: (0..ports).map(tuple).collect(),
        }
    }
}

/// Returns the rule that is about a client port: about none in the first half, and so in it all that dies was named otherwise.
fn rule_of(slot: u16, ports: u16, is_ipv4: bool) -> Option<GuardRule> {
    match slot * 16 / ports {
        8..10 => Some(GuardRule::Paced),
        10..12 => Some(GuardRule::Lasting),
        // An IPv6 address that no device has can't be bound.
        12 if is_ipv4 => Some(GuardRule::Bans),
        13 if is_ipv4 => Some(GuardRule::Set),
        14..16 => Some(GuardRule::Removed),
        _ => None,
    }
}

/// Returns an address that this host accepts and no device has: an event may bring it.
pub(crate) fn guest(number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    assert_eq!(high, 0, "there are {} guests", 2 * GUESTS);
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, low))
}

/// Returns the address that is removed and put back.
fn removed(is_ipv4: bool) -> IpAddr {
    if is_ipv4 {
        IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1))
    } else {
        IpAddr::V6(Ipv6Addr::new(0xfd98, 0, 0, 0, 0, 0, 0, 1))
    }
}

/// Adds the addresses of the clients to this namespace.
pub(crate) fn add_addresses() {
    ip(&["route add local 198.51.100.0/24 dev lo"]);
    change_removed("add");
}

/// Takes the addresses that are removed away from this namespace.
pub(crate) fn remove_addresses() {
    // Before: what is opened while ip(8) starts loses its address, too.
    ABSENCES.fetch_add(1, SeqCst);
    change_removed("del");
}

/// Puts them back.
pub(crate) fn restore_addresses() {
    change_removed("add");
    ABSENCES.fetch_add(1, SeqCst);
}

fn change_removed(verb: &str) {
    let commands = [true, false].map(|is_ipv4| {
        let length = if is_ipv4 { 32 } else { 128 };
        format!("addr {verb} {}/{length} dev lo", removed(is_ipv4))
    });
    ip(&commands.each_ref().map(String::as_str));
}

/// The moment from which on an absence of the removed addresses matters to a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presence(u64);

impl Presence {
    pub(crate) fn now() -> Self {
        Self(ABSENCES.load(SeqCst))
    }

    /// Returns true if the addresses may have been away since then.
    pub(crate) fn has_ended(self) -> bool {
        self.0 % 2 == 1 || ABSENCES.load(SeqCst) > self.0
    }
}

/// The beginnings and ends of absences: odd while the addresses may be away.
static ABSENCES: AtomicU64 = AtomicU64::new(0);

impl Tuple {
    /// Returns the side that the rule about it names.
    pub(crate) fn named_side(&self) -> Option<&Side> {
        let side = match self.rule? {
            GuardRule::Bans | GuardRule::Set => SERVER,
            _ => CLIENT,
        };
        Some(&self.sides[side])
    }

    /// Returns both ends, the local one of this side first.
    pub(crate) fn ends(&self, side: usize) -> [SocketAddr; 2] {
        match side {
            CLIENT => [self.client, self.server],
            _ => [self.server, self.client],
        }
    }

    pub(crate) fn pair(&self, side: usize) -> Pair {
        let [local, peer] = self.ends(side);
        Pair::new(local.into(), peer.into()).expect("both are of one family")
    }
}

impl Side {
    pub(crate) fn now(&self) -> Before {
        Before {
            ended: self.ended.load(SeqCst),
            unknown: self.unknown.load(SeqCst),
        }
    }

    /// Counts the pair as named during the operation.
    pub(crate) fn named<T>(&self, operation: impl FnOnce() -> T) -> T {
        self.begin();
        let result = operation();
        self.end();
        result
    }

    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, SeqCst);
    }

    pub(crate) fn end(&self) {
        self.ended.fetch_add(1, SeqCst);
    }

    /// Returns the result of an operation, and the socket that had the pair throughout, if one did.
    pub(crate) fn held_during<T>(&self, operation: impl FnOnce() -> T) -> (T, Option<u64>) {
        let before = self.held.load(SeqCst);
        let result = operation();
        let after = self.held.load(SeqCst);
        (result, (before != 0 && before == after).then_some(before))
    }

    /// Notes that a socket was deleted by this name; to be called before the naming ends.
    pub(crate) fn deleted_unknown(&self) {
        self.unknown.fetch_add(1, SeqCst);
    }

    /// Returns true if a deletion by this name fell into the time since then.
    pub(crate) fn was_named_since(&self, before: Before) -> bool {
        self.begun.load(SeqCst) > before.ended
    }

    pub(crate) fn was_deleted_since(&self, before: Before) -> bool {
        self.unknown.load(SeqCst) > before.unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_that_has_begun_before_a_connection_ends_its_presence() {
        let before = Presence::now();
        assert!(!before.has_ended());
        ABSENCES.fetch_add(1, SeqCst);
        assert!(before.has_ended());
        assert!(Presence::now().has_ended());
        ABSENCES.fetch_add(1, SeqCst);
        assert!(before.has_ended());
        assert!(!Presence::now().has_ended());
    }
}
