//! The addresses that no ban takes in: this host's, its gateways', and those that were excepted.

use std::net::IpAddr;
use std::sync::Arc;

use tcpentry::filter::{Prefix, PrefixSet};
use tcpentry::netns::{HostAddresses, HostRole};

use crate::command::own_prefixes::{covering, of_host};

/// The addresses that no ban takes in.
pub(super) struct Spared {
    /// Those that were excepted: perhaps a long list.
    pub(super) excepted: Arc<PrefixSet>,
    /// Those of this host and of its gateways.
    pub(super) own: Arc<PrefixSet>,
    host: HostAddresses,
}

impl Spared {
    pub(super) fn new(excepted: Arc<PrefixSet>, host: HostAddresses) -> Self {
        Self {
            excepted,
            own: Arc::new(of_host(&host).collect()),
            host,
        }
    }

    /// Takes the addresses that this host has now.
    pub(super) fn renew(&mut self, host: HostAddresses) {
        *self = Self::new(Arc::clone(&self.excepted), host);
    }

    /// Returns why a ban is refused as a whole; `None` where at least some of it stands.
    pub(super) fn refuse(&self, ban: Prefix) -> Option<String> {
        if ban.length() == 0 {
            return Some(format!("{ban} is every address"));
        }
        if covering(&self.excepted, ban).is_some() {
            return Some(format!("--except spares {ban}"));
        }
        covering(&self.own, ban)?;
        let role = self.host.role(ban.address()).unwrap_or(HostRole::Own);
        Some(format!("{ban} is {role}"))
    }

    /// Returns the addresses of this host and its gateways that a ban would take in.
    pub(super) fn inside(&self, ban: Prefix) -> impl Iterator<Item = (IpAddr, HostRole)> + '_ {
        self.host
            .iter()
            .filter(move |(address, _)| ban.contains(*address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spared(excepted: &[&str]) -> Spared {
        let excepted = excepted.iter().map(|it| it.parse().unwrap()).collect();
        Spared::new(Arc::new(excepted), HostAddresses::default())
    }

    #[test]
    fn what_is_spared_as_a_whole_is_refused() {
        let spared = spared(&["10.0.0.0/8", "2001:db8::1", "10.1.1.1"]);
        for (ban, is_refused) in [
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("10.1.2.3", true),
            ("10.1.1.1", true),
            ("10.1.1.0/24", true),
            ("10.0.0.0/8", true),
            ("10.0.0.0/7", false),
            ("11.0.0.1", false),
            ("127.0.0.1", true),
            ("127.0.0.0/16", true),
            ("::1", true),
            ("2001:db8::1", true),
            ("2001:db8::/64", false),
            ("::ffff:10.1.2.3", true),
        ] {
            assert_eq!(
                spared.refuse(ban.parse().unwrap()).is_some(),
                is_refused,
                "{ban}"
            );
        }
    }
}
