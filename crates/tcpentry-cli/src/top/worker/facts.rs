//! Names behind numbers: users, units, processes; each is looked up once.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use tcpentry::{Cgroups, Connection, Container, OwnerSearch, Owners, Unit, escape_for_terminal};
use uzers::UsersCache;

use super::super::model::{Facts, Holders};

#[derive(Default)]
pub(super) struct Names {
    users: UsersCache,
    known_users: HashMap<u32, Arc<str>>,
    cgroups: Cgroups,
    units: HashMap<u64, Option<Arc<str>>>,
    /// Whether a cgroup was met whose name is not known: it may be new.
    unknown: bool,
}

impl Names {
    /// Lets what has no name yet be looked for again.
    pub(super) fn forget(&mut self) {
        if std::mem::take(&mut self.unknown) {
            self.cgroups = Cgroups::new();
            self.units.retain(|_, unit| unit.is_some());
        }
    }

    /// The user, where this is a namespace that tells him.
    pub(super) fn user(&mut self, connection: &Connection, told: bool) -> Option<Arc<str>> {
        connection.inode?;
        if !told {
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

    /// The container or the unit, where the kernel tells the socket's cgroup.
    pub(super) fn unit(&mut self, connection: &Connection) -> Option<Arc<str>> {
        let id = connection.cgroup?;
        if let Some(known) = self.units.get(&id) {
            return known.clone();
        }
        if self.cgroups.is_of_owner(connection) {
            return None;
        }
        let unit = self.cgroups.path(id).map(unit_of);
        self.unknown |= unit.is_none();
        let unit = unit.flatten();
        self.units.insert(id, unit.clone());
        unit
    }

    /// The path of its cgroup, where the kernel tells it of the socket.
    pub(super) fn cgroup(&mut self, connection: &Connection) -> Option<&str> {
        self.cgroups.path(connection.cgroup?)
    }

    /// What the owners tell of a socket.
    pub(super) fn known_by(connection: &Connection, owners: &Owners) -> Facts {
        let Some(inode) = connection.inode else {
            return Facts::default();
        };
        let mut texts = Vec::new();
        let mut name = String::new();
        let mut unit = None;
        for owner in owners.of(inode) {
            let of_owner = escape_for_terminal(&owner.name);
            texts.push(format!("{of_owner},pid={}", owner.process.pid()));
            if name.is_empty() {
                name = of_owner;
            }
            unit = unit.or_else(|| owner.cgroup.as_deref().and_then(unit_of));
        }
        // Without one it is somebody's who may not be seen.
        let text = if texts.is_empty() {
            "?".to_owned()
        } else {
            texts.join(" ")
        };
        Facts {
            holders: Some(Arc::new(Holders { text, name })),
            unit,
            may: None,
        }
    }
}

/// Searches for owners, with their cgroups: where version 2 manages nothing, those are what sockets are known by.
pub(super) fn search(search: OwnerSearch<'_>) -> io::Result<Owners> {
    search.with_cgroups().run()
}

/// The container of a cgroup, or else its unit.
fn unit_of(path: &str) -> Option<Arc<str>> {
    let container = Container::from_cgroup(path).map(|container| container.to_string());
    let name = container.or_else(|| Unit::from_cgroup(path).map(|unit| unit.to_string()))?;
    Some(escape_for_terminal(name.as_bytes()).into())
}
