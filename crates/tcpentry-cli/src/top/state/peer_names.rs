//! The names of peers and of ports, while they are wanted. What a resolver has said is shown, and used for nothing else.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::Endpoint;

use super::super::model::{FIRST_EPHEMERAL, HostName};

#[derive(Debug, Default)]
pub(crate) struct PeerNames {
    /// They are shown, and looked up.
    is_on: bool,
    hosts: HashMap<IpAddr, KnownHost>,
    services: Arc<foldhash::HashMap<u16, Arc<str>>>,
    /// Those that were asked for last and have not been answered.
    awaited: HashSet<IpAddr>,
    /// The addresses to be looked up from now on, instead of those before.
    request: Option<Vec<IpAddr>>,
}

/// The answer for an address: its name, or that it has none.
#[derive(Debug)]
struct KnownHost {
    name: Option<HostName>,
    answered_at: Instant,
}

impl KnownHost {
    fn is_old(&self, now: Instant) -> bool {
        let age = if self.name.is_some() {
            MAX_AGE
        } else {
            MAX_AGE_WITHOUT_NAME
        };
        now.saturating_duration_since(self.answered_at) >= age
    }
}

impl PeerNames {
    pub(crate) const fn are_on(&self) -> bool {
        self.is_on
    }

    /// Shows names from now on, or addresses again: then nothing more is looked up.
    pub(super) fn toggle(&mut self) {
        self.is_on = !self.is_on;
        if !self.is_on {
            self.awaited.clear();
            self.request = Some(Vec::new());
        }
    }

    /// Asks for the names of these, as far as they are not known or the answer is old.
    pub(super) fn want(&mut self, addresses: impl Iterator<Item = IpAddr>, now: Instant) {
        if !self.is_on {
            return;
        }
        let mut seen = HashSet::new();
        let unknown = addresses.map(|address| address.to_canonical());
        let unknown = unknown.filter(|address| {
            let known = self.hosts.get(address);
            known.is_none_or(|known| known.is_old(now)) && !address.is_unspecified()
        });
        let unknown: Vec<_> = unknown.filter(|address| seen.insert(*address)).collect();
        if seen != self.awaited {
            self.awaited = seen;
            self.request = Some(unknown);
        }
    }

    /// Takes the addresses to be looked up, where they have changed.
    pub(crate) fn take_request(&mut self) -> Option<Vec<IpAddr>> {
        self.request.take()
    }

    /// Takes the answer for an address. Of many the oldest is forgotten.
    pub(super) fn add(&mut self, address: IpAddr, name: Option<HostName>, now: Instant) {
        self.awaited.remove(&address);
        if self.hosts.len() >= MAX_HOSTS && !self.hosts.contains_key(&address) {
            let oldest = self.hosts.iter().min_by_key(|(_, known)| known.answered_at);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.hosts.remove(&oldest);
            }
        }
        let answered_at = now;
        self.hosts.insert(address, KnownHost { name, answered_at });
    }

    pub(super) fn set_services(&mut self, services: Arc<foldhash::HashMap<u16, Arc<str>>>) {
        self.services = services;
    }

    /// Returns the number of those on the screen that have not been answered.
    pub(crate) fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Returns the name of an address, where names are shown and it has one.
    pub(crate) fn of(&self, address: IpAddr) -> Option<&HostName> {
        let known = self.hosts.get(&address.to_canonical());
        known?.name.as_ref().filter(|_| self.is_on)
    }

    /// Returns an end with its names. `None` where it has none, or they are not shown.
    pub(crate) fn describe(&self, end: Endpoint) -> Option<String> {
        let host = self.of(end.address());
        let service = self.service(end.port());
        if host.is_none() && service.is_none() {
            return None;
        }
        // The port is what is behind the last colon.
        let text = end.to_string();
        let (address, port) = text.rsplit_once(':')?;
        let host = host.map_or_else(|| address.to_owned(), HostName::to_string);
        Some(format!("{host}:{}", service.unwrap_or(port)))
    }

    /// Returns the name of a port, where names are shown. A port of those that Linux chooses by itself is most often no
    /// service, whatever /etc/services calls it.
    pub(crate) fn service(&self, port: u16) -> Option<&str> {
        let service = self.services.get(&port);
        let service = service.filter(|_| self.is_on && port < FIRST_EPHEMERAL);
        // Else it could be taken for another port.
        let is_name = |name: &&str| name.chars().any(char::is_alphabetic);
        service.map(|service| &**service).filter(is_name)
    }
}

/// The time after which a name is asked for again: as long as many have it kept.
const MAX_AGE: Duration = Duration::from_secs(600);
/// The time after which one is asked for again that had no name, or whose resolver was silent.
const MAX_AGE_WITHOUT_NAME: Duration = Duration::from_secs(60);
/// The number of answers that are kept.
const MAX_HOSTS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u16) -> IpAddr {
        let [high, low] = number.to_be_bytes();
        IpAddr::from([10, 0, high, low])
    }

    fn on() -> PeerNames {
        let mut names = PeerNames::default();
        names.toggle();
        names
    }

    #[test]
    fn nothing_is_asked_for_while_they_are_off() {
        let now = Instant::now();
        let mut names = PeerNames::default();
        names.want([address(1)].into_iter(), now);
        assert_eq!((names.take_request(), names.awaited()), (None, 0));
        names.toggle();
        names.want([address(1)].into_iter(), now);
        assert_eq!(names.take_request(), Some(vec![address(1)]));
        names.toggle();
        // What has not been asked yet is not asked any more.
        assert_eq!(
            (names.take_request(), names.awaited()),
            (Some(Vec::new()), 0)
        );
        names.add(address(1), HostName::of("a"), now);
        assert_eq!(names.of(address(1)), None, "they are off");
        names.toggle();
        assert_eq!(names.of(address(1)), HostName::of("a").as_ref());
    }

    #[test]
    fn each_is_asked_for_once_until_its_answer_is_old() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut names = on();
        let want = |names: &mut PeerNames, numbers: &[u16], now| {
            names.want(numbers.iter().map(|it| address(*it)), now);
            names.take_request()
        };
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        names.want(
            [address(1), mapped, address(2), "::".parse().unwrap()].into_iter(),
            start,
        );
        assert_eq!(names.take_request(), Some(vec![address(1), address(2)]));
        assert_eq!(want(&mut names, &[2, 1], start), None, "they are awaited");
        // One has scrolled away.
        assert_eq!(want(&mut names, &[2], start), Some(vec![address(2)]));
        names.add(address(1), HostName::of("a"), start);
        names.add(address(2), None, start);
        assert_eq!(names.of(mapped), HostName::of("a").as_ref());
        assert_eq!(want(&mut names, &[1, 2], after(59)), None);
        assert_eq!(want(&mut names, &[1, 2], after(60)), Some(vec![address(2)]));
        names.add(address(2), None, after(500));
        assert_eq!(
            want(&mut names, &[1, 2], after(599)),
            Some(vec![address(2)])
        );
        names.add(address(2), None, after(599));
        assert_eq!(
            want(&mut names, &[1, 2], after(600)),
            Some(vec![address(1)])
        );
        // It is shown until there is a newer one.
        assert_eq!(names.of(address(1)), HostName::of("a").as_ref());
    }

    #[test]
    fn of_very_many_the_oldest_are_forgotten() {
        let start = Instant::now();
        let mut names = on();
        for number in 0..10_000 {
            let now = start + Duration::from_millis(number.into());
            names.add(address(number), HostName::of("a"), now);
        }
        assert_eq!(names.hosts.len(), MAX_HOSTS);
        assert!(names.of(address(9_999)).is_some() && names.of(address(0)).is_none());
    }

    #[test]
    fn an_end_has_the_name_of_its_address_and_that_of_its_port() {
        let mut names = on();
        let services = [(443, "https"), (40_000, "ephemeral"), (81, "80")];
        let services = services.map(|(port, name)| (port, Arc::from(name)));
        names.set_services(Arc::new(services.into_iter().collect()));
        names.add(
            "2001:db8::1".parse().unwrap(),
            HostName::of("a.example"),
            Instant::now(),
        );
        let cases = [
            ("[2001:db8::1]:443", Some("a.example:https")),
            ("[2001:db8::1]:81", Some("a.example:81")),
            ("[2001:db8::2]:443", Some("[2001:db8::2]:https")),
            ("192.0.2.1:40000", None),
        ];
        for (end, described) in cases {
            let end = end.parse().unwrap();
            assert_eq!(names.describe(end).as_deref(), described);
        }
        names.toggle();
        for (end, _) in cases {
            assert_eq!(names.describe(end.parse().unwrap()), None);
        }
    }
}
