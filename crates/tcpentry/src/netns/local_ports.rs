//! The range out of which the kernel chooses local ports.

use std::fs;
use std::io;

/// The ports out of which the kernel chooses: `net.ipv4.ip_local_port_range`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct LocalPorts {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl LocalPorts {
    /// Reads the range of this thread's network namespace.
    pub(crate) fn read() -> io::Result<Self> {
        let text = fs::read("/proc/sys/net/ipv4/ip_local_port_range")?;
        Self::parse(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Reads the two numbers of that file.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
        Some(Self {
            first: numbers.next()??,
            last: numbers.next()??,
        })
    }

    pub(crate) const fn contain(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_local_ports_is_that_of_this_namespace() {
        tcpentry_testkit::isolated(|| {
            tcpentry_testkit::link::sysctl("net/ipv4/ip_local_port_range", "20000 20009");
            let ports = LocalPorts::read().unwrap();
            assert_eq!((ports.first, ports.last), (20000, 20009));
            assert!(ports.contain(20009) && !ports.contain(20010));
        });
    }
}
