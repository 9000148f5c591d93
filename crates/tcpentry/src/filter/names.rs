//! What the names in a filter mean here: services, hosts, devices, users, cgroups.

use std::fs;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::endpoint::{Device, Interface};
use crate::netns::Namespace;
use crate::table::TcpTable;

/// Looks up the names in a filter. Numbers are never looked up.
pub trait Names {
    /// The TCP port of a service.
    fn service(&self, name: &str) -> Option<u16>;

    /// The addresses of a host.
    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// The interface of a network device.
    fn device(&self, name: &str) -> Option<Interface>;

    /// The number of a user.
    fn user(&self, name: &str) -> Option<u32>;

    /// The inode of a network namespace.
    fn netns(&self, name: &str) -> io::Result<u64>;

    /// The id of a cgroup (version 2): the inode of its directory.
    fn cgroup(&self, path: &str) -> io::Result<u64>;
}

/// The names of this system: `/etc/services`, the resolver, NSS, the mounted cgroups, and the devices
/// of a table's own network namespace.
///
/// Hosts are asked for in the namespace of the calling thread.
#[derive(Debug)]
pub struct SystemNames<'t> {
    table: &'t TcpTable,
}

impl<'t> SystemNames<'t> {
    /// The names for filters over this table.
    pub const fn new(table: &'t TcpTable) -> Self {
        Self { table }
    }
}

impl Names for SystemNames<'_> {
    fn service(&self, name: &str) -> Option<u16> {
        service_in(&fs::read_to_string("/etc/services").ok()?, name)
    }

    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = (host, 0).to_socket_addrs()?;
        Ok(found.map(|address| address.ip()).collect())
    }

    fn device(&self, name: &str) -> Option<Interface> {
        self.table.interface(&Device::parse(name)?).ok()
    }

    fn netns(&self, name: &str) -> io::Result<u64> {
        Ok(match name.parse() {
            // No pid is as large.
            Ok(inode) if inode > LARGEST_PID => inode,
            _ => Namespace::named(name)
                .map_err(|error| io::Error::other(error.cause().to_owned()))?
                .inode(),
        })
    }

    fn user(&self, name: &str) -> Option<u32> {
        uzers::get_user_by_name(name).map(|user| user.uid())
    }

    /// The path may begin at the root of the hierarchy, as in `/proc/PID/cgroup`, or at the root of
    /// the file system.
    fn cgroup(&self, path: &str) -> io::Result<u64> {
        let mount = cgroup_mount(&fs::read_to_string("/proc/self/mountinfo")?)
            .ok_or_else(|| io::Error::other("no cgroup hierarchy of version 2 is mounted"))?;
        let within = mount.join(path.trim_start_matches('/'));
        match directory_inode(&within) {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && Path::new(path).starts_with(&mount) =>
            {
                directory_inode(Path::new(path))
            }
            found => found,
        }
    }
}

/// Finds a service of TCP, by its name or an alias: services(5).
fn service_in(services: &str, wanted: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let entry = line.split_once('#').map_or(line, |(entry, _)| entry);
        let mut words = entry.split_whitespace();
        let name = words.next()?;
        let port = words.next()?.strip_suffix("/tcp")?;
        let mut names = std::iter::once(name).chain(words);
        names
            .any(|name| name == wanted)
            .then_some(port)?
            .parse()
            .ok()
    })
}

/// Finds where the hierarchy of version 2 is mounted: `/proc/PID/mountinfo` in proc(5).
fn cgroup_mount(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        (filesystem.split(' ').next() == Some("cgroup2")).then(|| point.into())
    })
}

fn directory_inode(path: &Path) -> io::Result<u64> {
    // `..` could lead out of the hierarchy, where inodes are no ids.
    if path
        .components()
        .any(|part| part == std::path::Component::ParentDir)
    {
        return Err(io::Error::other("a path with `..` names no cgroup"));
    }
    let directory = fs::metadata(path)?;
    if directory.is_dir() {
        Ok(directory.ino())
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
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
    fn the_mount_point_of_cgroups() {
        let mountinfo = "29 26 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n\
                         30 29 0:27 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw\n";
        assert_eq!(
            cgroup_mount(mountinfo),
            Some("/sys/fs/cgroup/unified".into())
        );
        assert_eq!(cgroup_mount(""), None);
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
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap();
        if let Some(mount) = cgroup_mount(&mountinfo) {
            let root = names.cgroup("/").unwrap();
            assert_eq!(names.cgroup(mount.to_str().unwrap()).unwrap(), root);
        }
        // Whether it is mounted or not: nothing outside of it is a cgroup.
        assert!(names.cgroup("/no/such/cgroup").is_err());
        assert!(names.cgroup("/../..").is_err());
    }
}
