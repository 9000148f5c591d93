//! The part of an event's addresses that may be taken from it: never those of this host, of its gateways, or in `never`.

use std::net::IpAddr;
use std::sync::Arc;

use tcpentry::filter::{Prefix, PrefixSet};
use tcpentry::netns::HostAddresses;

use crate::command::own_prefixes::{covering, of_host};

/// The addresses that are never taken from an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Never {
    /// Those that the configuration names.
    pub(crate) configured: Arc<PrefixSet>,
    prefixes: Vec<Prefix>,
    set: PrefixSet,
    host: HostAddresses,
}

impl Never {
    pub(crate) fn new(configured: Arc<PrefixSet>, host: HostAddresses) -> Self {
        let mut prefixes: Vec<_> = configured.iter().chain(of_host(&host)).collect();
        prefixes.sort_unstable_by_key(|it| (it.length(), it.address()));
        prefixes.dedup();
        Self {
            set: prefixes.iter().copied().collect(),
            prefixes,
            configured,
            host,
        }
    }

    /// Returns the same with other addresses of this host.
    pub(crate) fn on(&self, host: HostAddresses) -> Self {
        Self::new(Arc::clone(&self.configured), host)
    }

    /// Returns the same with other prefixes in the configuration.
    pub(crate) fn with(&self, configured: PrefixSet) -> Self {
        Self::new(Arc::new(configured), self.host.clone())
    }

    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.set.contains(address)
    }

    /// Returns what may be taken of a prefix, or why none of it.
    pub(crate) fn take(&self, prefix: Prefix) -> Result<Vec<Prefix>, String> {
        if prefix.length() == 0 {
            return Err(format!("{prefix} is everybody"));
        }
        if let Some(by) = covering(&self.set, prefix) {
            let role = self.host.role(prefix.address());
            return Err(role.map_or_else(
                || format!("{prefix} is in {by}, which is never taken from an event"),
                |role| format!("{prefix} is {role}"),
            ));
        }
        let inside = self.prefixes.iter().filter(|it| is_inside(**it, prefix));
        let mut parts = vec![prefix];
        for except in inside {
            parts = parts
                .into_iter()
                .flat_map(|part| without(part, *except))
                .collect();
        }
        Ok(parts)
    }
}

/// Returns the parts of a prefix outside another one: one for each bit by which the other is longer.
fn without(whole: Prefix, except: Prefix) -> Vec<Prefix> {
    if !is_inside(except, whole) {
        return if is_inside(whole, except) {
            Vec::new()
        } else {
            vec![whole]
        };
    }
    (whole.length() + 1..=except.length())
        .filter_map(|length| {
            let part = Prefix::new(except.address(), length)?;
            Prefix::new(flip(part.address(), length), length)
        })
        .collect()
}

fn is_inside(inner: Prefix, outer: Prefix) -> bool {
    inner.length() >= outer.length() && outer.contains(inner.address())
}

/// Returns an address with one bit turned over: the last of so many.
fn flip(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() ^ 1 << (32 - length)).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() ^ 1 << (128 - length)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never(prefixes: &[&str]) -> Never {
        let set = prefixes.iter().map(|it| it.parse().unwrap()).collect();
        Never::new(Arc::new(set), HostAddresses::default())
    }

    fn taken(never: &Never, prefix: &str) -> Vec<String> {
        let parts = never.take(prefix.parse().unwrap()).unwrap();
        parts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_lies_in_one_of_them_is_refused() {
        let never = never(&["10.0.0.0/8", "2001:db8::1"]);
        for prefix in [
            "10.0.0.0/8",
            "10.1.2.3",
            "127.0.0.1",
            "::1",
            "2001:db8::1",
            "0.0.0.0/0",
            "::/0",
        ] {
            assert!(never.take(prefix.parse().unwrap()).is_err(), "{prefix}");
        }
        assert_eq!(taken(&never, "192.0.2.1"), ["192.0.2.1"]);
    }

    #[test]
    fn what_holds_one_of_them_is_taken_without_it() {
        let never = never(&["192.0.2.5", "2001:db8::/126"]);
        assert_eq!(taken(&never, "192.0.2.4/30"), ["192.0.2.6/31", "192.0.2.4"]);
        let parts = taken(&never, "2001:db8::/64");
        assert_eq!(parts.len(), 62);
        assert!(parts.contains(&"2001:db8::4/126".to_owned()), "{parts:?}");
        // Exactly the others, whatever is within.
        let never = super::tests::never(&["192.0.2.64/26", "192.0.2.200", "192.0.2.201"]);
        let parts: PrefixSet = never
            .take("192.0.2.0/24".parse().unwrap())
            .unwrap()
            .into_iter()
            .collect();
        for last in 0..=255 {
            let spared = (64..128).contains(&last) || last == 200 || last == 201;
            let address = IpAddr::from([192, 0, 2, last]);
            assert_eq!(parts.contains(address), !spared, "{address}");
        }
    }
}
