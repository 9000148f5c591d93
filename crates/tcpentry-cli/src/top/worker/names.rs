//! The names of users, units and services, each looked up once.

use std::io;
use std::sync::Arc;

use foldhash::HashMap;

use tcpentry::escape::escape_for_terminal;
use tcpentry::process::{CgroupPath, Cgroups, Container, OwnerSearch, Owners, Unit};
use tcpentry::table::Devices;
use tcpentry::{Connection, Interface};
use uzers::UsersCache;

use super::super::host_names::services;
use super::super::model::RowNames;

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
    /// The names of the rows of this reading, by what they depend on.
    shared: HashMap<NamesKey, Arc<RowNames>>,
    /// The last of them that was asked for: the next row mostly has the same.
    last: Option<(NamesKey, Arc<RowNames>)>,
}

/// The properties of a socket on which its names depend.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct NamesKey {
    /// The worker's number of the namespace.
    netns: u32,
    interface: Option<Interface>,
    uid: Option<u32>,
    cgroup: Option<u64>,
    /// The local port, if it has a service.
    port: Option<u16>,
}

/// The network namespace of sockets that are given names.
pub(super) struct NamespaceNames<'n> {
    /// The worker's number of it.
    pub(super) number: u32,
    /// Its name, where several are shown.
    pub(super) netns: Option<Arc<str>>,
    pub(super) has_users: bool,
    pub(super) devices: &'n mut Devices,
}

impl NameCache {
    /// Returns the names of a row, which the rows share that have the same.
    pub(super) fn of_row(
        &mut self,
        connection: &Connection,
        place: &mut NamespaceNames<'_>,
    ) -> Arc<RowNames> {
        let port = connection.local().port();
        let key = NamesKey {
            netns: place.number,
            interface: connection.interface(),
            uid: connection.inode.map(|_| connection.uid),
            cgroup: connection.cgroup,
            port: self.services().contains_key(&port).then_some(port),
        };
        if let Some((_, names)) = self.last.as_ref().filter(|(last, _)| *last == key) {
            return Arc::clone(names);
        }
        let names = match self.shared.get(&key) {
            Some(names) => Arc::clone(names),
            None => self.new_names(connection, key, place),
        };
        self.last = Some((key, Arc::clone(&names)));
        names
    }

    fn new_names(
        &mut self,
        connection: &Connection,
        key: NamesKey,
        place: &mut NamespaceNames<'_>,
    ) -> Arc<RowNames> {
        let device = key.interface.map(|interface| place.devices.name(interface));
        let names = Arc::new(RowNames {
            host: None,
            netns: place.netns.clone(),
            device: device.map(|device| device.to_string().into()),
            user: self.user(connection, place.has_users),
            unit: self.unit(connection),
            service: self.service(connection.local().port()),
        });
        self.shared.insert(key, Arc::clone(&names));
        names
    }

    /// Begins a reading: what has no name yet is looked up again.
    pub(super) fn begin_reading(&mut self) {
        self.shared.clear();
        self.last = None;
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

    /// Returns the path of the socket's cgroup, or of one of its holders' where the holder decides.
    pub(super) fn cgroup_of<'a>(
        &'a mut self,
        connection: &Connection,
        owners: &'a Owners,
    ) -> Option<CgroupPath<'a>> {
        self.cgroups.of(connection, owners)
    }

    /// Returns the name of the service of a port.
    pub(super) fn service(&mut self, port: u16) -> Option<Arc<str>> {
        self.services().get(&port).cloned()
    }

    fn services(&mut self) -> &HashMap<u16, Arc<str>> {
        self.services.get_or_insert_with(services)
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
