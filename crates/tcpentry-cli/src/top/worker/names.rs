//! The names of users, units and services, each looked up once.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use tcpentry::escape::escape_for_terminal;
use tcpentry::process::{CgroupPath, Cgroups, Container, OwnerSearch, Owners, Unit};
use tcpentry::{Connection, SystemNames};
use uzers::UsersCache;

#[derive(Default)]
pub(super) struct NameCache {
    users: UsersCache,
    known_users: HashMap<u32, Arc<str>>,
    cgroups: Cgroups,
    units: HashMap<u64, Option<Arc<str>>>,
    /// The names of services, by port; `None` until the first port was asked about.
    services: Option<HashMap<u16, Arc<str>>>,
    /// A cgroup was found that has no name yet; it may be new.
    has_unknown: bool,
}

impl NameCache {
    /// Allows what has no name yet to be looked up again.
    pub(super) fn retry_unknown(&mut self) {
        if std::mem::take(&mut self.has_unknown) {
            self.cgroups = Cgroups::new();
            self.units.retain(|_, unit| unit.is_some());
        }
    }

    /// Returns the name of the user, or "?" where `has_users` is false: the kernel reports no local users of the namespace.
    pub(super) fn user(&mut self, connection: &Connection, has_users: bool) -> Option<Arc<str>> {
        connection.inode?;
        if !has_users {
            return Some("?".into());
        }
        let Self {
            users, known_users, ..
        } = self;
        let user = known_users.entry(connection.uid).or_insert_with(|| {
            let name = crate::output::user(connection, users);
            name.unwrap_or_default().into()
        });
        Some(Arc::clone(user))
    }

    /// Returns the container or unit, where the kernel reports the socket's cgroup.
    pub(super) fn unit(&mut self, connection: &Connection) -> Option<Arc<str>> {
        let id = connection.cgroup?;
        if let Some(known) = self.units.get(&id) {
            return known.clone();
        }
        if self.cgroups.is_of_owner(connection) {
            return None;
        }
        let unit = self.cgroups.path(id).map(unit_of);
        self.has_unknown |= unit.is_none();
        let unit = unit.flatten();
        self.units.insert(id, unit.clone());
        unit
    }

    /// Returns the path of the socket's cgroup, where the kernel reports it.
    pub(super) fn cgroup(&mut self, connection: &Connection) -> Option<&str> {
        self.cgroups
            .path(connection.cgroup?)
            .map(CgroupPath::as_str)
    }

    /// Returns the name of the service of a port.
    pub(super) fn service(&mut self, port: u16) -> Option<Arc<str>> {
        let services = self.services.get_or_insert_with(|| {
            let services = SystemNames::services().into_iter();
            services
                .map(|(port, name)| (port, escape_for_terminal(name.as_bytes()).into()))
                .collect()
        });
        services.get(&port).cloned()
    }
}

/// Searches for owners, with their cgroups. Under cgroup version 1 only those lead to a container or unit.
pub(super) fn search(search: OwnerSearch<'_>) -> io::Result<Owners> {
    search.with_cgroups().run()
}

/// Returns the container of a cgroup, or else its unit.
pub(super) fn unit_of(path: CgroupPath<'_>) -> Option<Arc<str>> {
    let container = Container::from_cgroup(path).map(|container| container.to_string());
    let name = container.or_else(|| Unit::from_cgroup(path).map(|unit| unit.to_string()))?;
    Some(escape_for_terminal(name.as_bytes()).into())
}
