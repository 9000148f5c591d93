//! The meaning of a filter's names on this system.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;

use crate::connection::endpoint::{Device, Interface};
use crate::error::ErrorKind;
use crate::filter::{Names, PrefixSet};
use crate::netns::Namespace;
use crate::path;
use crate::process::Process;
use crate::process::cgroup::Cgroups;
use crate::table::TcpTable;

/// The names of this system: `/etc/services`, the resolver, NSS, the mounted cgroups, and the devices
/// of a table's own network namespace.
///
/// Hosts are asked for in the namespace of the calling thread.
#[derive(Debug)]
pub struct SystemNames<'t> {
    table: &'t TcpTable,
    absent_devices: bool,
    sets: Option<&'t BTreeMap<String, Arc<PrefixSet>>>,
}

impl<'t> SystemNames<'t> {
    /// Makes the names for filters over this table.
    pub const fn new(table: &'t TcpTable) -> Self {
        Self {
            table,
            absent_devices: false,
            sets: None,
        }
    }

    /// Adds sets of prefixes, by the names that a filter has for them.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use std::sync::Arc;
    /// use tcpentry::filter::PrefixSet;
    /// use tcpentry::{Filter, SystemNames, TcpTable};
    /// let bad = PrefixSet::read("192.0.2.7\n198.51.100.0/24\n".as_bytes())?;
    /// let sets = BTreeMap::from([("bad".to_owned(), Arc::new(bad))]);
    /// let table = TcpTable::open()?;
    /// let filter = Filter::parse("dst @bad and not sport = :22", &SystemNames::new(&table).with_sets(&sets))?;
    /// assert_eq!(filter.to_string(), "dst @bad and not sport = :22");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn with_sets(self, sets: &'t BTreeMap<String, Arc<PrefixSet>>) -> Self {
        Self {
            sets: Some(sets),
            ..self
        }
    }

    /// Returns the TCP port of a service, by its name or an alias in `/etc/services`.
    pub fn service_port(name: &str) -> Option<u16> {
        service_in(&fs::read_to_string("/etc/services").ok()?, name)
    }

    /// Returns the ports of all services of TCP in `/etc/services`, each with its name; nothing where that can't be read.
    pub fn services() -> Vec<(u16, String)> {
        let text = fs::read_to_string("/etc/services").unwrap_or_default();
        named_ports(&text)
    }

    /// Takes a device that is not there for one to which no socket is bound, not for a mistake: for a filter
    /// over several network namespaces, in one of which there is such a device.
    #[must_use]
    pub const fn with_absent_devices(self) -> Self {
        Self {
            absent_devices: true,
            ..self
        }
    }
}

impl SystemNames<'_> {
    fn is_own(&self, inode: u64) -> bool {
        self.table.inode().is_ok_and(|own| own == inode)
    }
}

impl Names for SystemNames<'_> {
    fn service(&self, name: &str) -> Option<u16> {
        Self::service_port(name)
    }

    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = (host, 0).to_socket_addrs()?;
        Ok(found.map(|address| address.ip()).collect())
    }

    fn device(&self, name: &str) -> Option<Interface> {
        let found = self.table.interface(&Device::parse(name)?).ok();
        // The kernel gives no such index.
        found.or_else(|| Interface::new(u32::MAX).filter(|_| self.absent_devices))
    }

    fn netns(&self, name: &str) -> io::Result<u64> {
        // As the link in /proc shows it.
        let inode = name
            .strip_prefix("net:[")
            .and_then(|it| it.strip_suffix(']'))
            .unwrap_or(name);
        Ok(match inode.parse() {
            // No pid is as large. That of this table need not be found, nor be held by a process that is shown.
            Ok(inode) if inode > LARGEST_PID && self.is_own(inode) => inode,
            _ => Namespace::named(name)
                .map_err(|error| {
                    let kind = match error.kind() {
                        ErrorKind::InvalidParameter => io::ErrorKind::InvalidInput,
                        ErrorKind::AccessDenied => io::ErrorKind::PermissionDenied,
                        _ => io::ErrorKind::Other,
                    };
                    io::Error::new(kind, error.cause().to_owned())
                })?
                .inode(),
        })
    }

    fn user(&self, name: &str) -> Option<u32> {
        uzers::get_user_by_name(name).map(|user| user.uid())
    }

    /// Finds nobody where `/proc` can't be read: who asks for the holders of sockets then gets that error.
    fn process(&self, pid: i32) -> Option<Process> {
        Process::find(pid).ok().flatten()
    }

    fn executable(&self, path: &str) -> io::Result<Option<String>> {
        let found = match path::look_up(Path::new(path), None) {
            Err(errno @ Errno::TIMEDOUT) => return Err(errno.into()),
            found => found.ok().map(|found| found.path.into_os_string()),
        };
        let path = found.and_then(|path| path.into_string().ok());
        Ok(path.filter(|path| !path.is_empty()))
    }

    /// Returns the id of a cgroup, as [`Cgroups::id`] does.
    fn cgroup(&self, path: &str) -> io::Result<u64> {
        Cgroups::new().id(path)
    }

    fn set(&self, name: &str) -> Option<Arc<PrefixSet>> {
        self.sets?.get(name).cloned()
    }

    fn set_names(&self) -> Vec<&str> {
        let names = self.sets.into_iter().flat_map(BTreeMap::keys);
        names.map(String::as_str).collect()
    }
}

/// Finds a service of TCP, by its name or an alias.
fn service_in(services: &str, wanted: &str) -> Option<u16> {
    services_in(services)
        .find_map(|(port, mut names)| names.any(|name| name == wanted).then_some(port))
}

/// Returns each port with its name: that of its first line, as getservbyport(3) finds it.
fn named_ports(services: &str) -> Vec<(u16, String)> {
    let mut named: Vec<_> = services_in(services)
        .filter_map(|(port, mut names)| Some((port, names.next()?.to_owned())))
        .collect();
    named.sort_by_key(|(port, _)| *port);
    named.dedup_by_key(|(port, _)| *port);
    named
}

/// Returns the services of TCP with their name and their aliases: services(5).
fn services_in(services: &str) -> impl Iterator<Item = (u16, impl Iterator<Item = &str>)> {
    services.lines().filter_map(|line| {
        let entry = line.split_once('#').map_or(line, |(entry, _)| entry);
        let mut words = entry.split_whitespace();
        let name = words.next()?;
        let port = words.next()?.strip_suffix("/tcp")?.parse().ok()?;
        Some((port, std::iter::once(name).chain(words)))
    })
}

/// `PID_MAX_LIMIT`
const LARGEST_PID: u64 = 1 << 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_names_and_aliases_for_tcp() {
        let services = "# comment\nssh 22/tcp # shell\ntftp\t69/udp\nhttp 80/tcp www\nbad x/tcp\n";
        for (name, port) in [
            ("ssh", Some(22)),
            ("www", Some(80)),
            ("tftp", None),
            ("shell", None),
            ("bad", None),
            ("", None),
        ] {
            assert_eq!(service_in(services, name), port, "{name}");
        }
    }

    #[test]
    fn a_port_has_the_name_of_its_first_line() {
        let services = "https 443/tcp\nssh 22/tcp x\nshell 22/udp\nother 22/tcp\n";
        let expected = [(22, "ssh".to_owned()), (443, "https".to_owned())];
        assert_eq!(named_ports(services), expected);
    }

    #[test]
    fn this_system_has_names() {
        let table = TcpTable::open().unwrap();
        let names = SystemNames::new(&table);
        assert_eq!(names.user("root"), Some(0));
        assert_eq!(names.user("no\0body"), None);
        assert_eq!(names.device("lo"), Interface::new(1));
        assert_eq!(names.device("no/device"), None);
        assert!(names.addresses("127.0.0.1").is_ok());
        assert!(names.cgroup("/no/such/cgroup").is_err());
    }
}
