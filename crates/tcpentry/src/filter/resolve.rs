//! The meaning of the names in a filter: services, hosts, devices, users, processes, cgroups, sets. Others look them up.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use crate::connection::endpoint::Interface;
use crate::filter::prefix_set::PrefixSet;
use crate::process::Process;

/// Looks up the names in a filter. Of numbers only pids are looked up, because they are reused.
pub trait Names {
    /// Returns the TCP port of a service.
    fn service(&self, name: &str) -> Option<u16>;

    /// Returns the addresses of a host.
    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// Returns the interface of a network device.
    fn device(&self, name: &str) -> Option<Interface>;

    /// Returns the number of a user.
    fn user(&self, name: &str) -> Option<u32>;

    /// Returns the inode of a network namespace.
    fn netns(&self, name: &str) -> io::Result<u64>;

    /// Returns the process that has this pid now.
    fn process(&self, pid: i32) -> Option<Process>;

    /// Returns the path under which the kernel knows an executable: without links. `None` where there is none.
    ///
    /// # Errors
    /// Where nobody can say, as of a file system that does not answer.
    fn executable(&self, _path: &str) -> io::Result<Option<String>> {
        Ok(None)
    }

    /// Returns the id of a cgroup (version 2): the inode of its directory.
    fn cgroup(&self, path: &str) -> io::Result<u64>;

    /// Returns the set of prefixes that `@NAME` means.
    fn set(&self, _name: &str) -> Option<Arc<PrefixSet>> {
        None
    }

    /// Returns the names of all sets, to suggest one for a misspelt one.
    fn set_names(&self) -> Vec<&str> {
        Vec::new()
    }
}
