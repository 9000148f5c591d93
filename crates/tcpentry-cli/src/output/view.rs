//! A socket as the options show it: columns beside its ends, or an object of JSON.

use std::collections::HashMap;

use tcpentry::escape::escape_for_terminal;
use tcpentry::netns::{NetnsId, Origin};
use tcpentry::process::{Container, Owner, Owners, Process, Unit};
use tcpentry::table::Devices;
use tcpentry::{Attribution, Connection, Error, Inode, State};
use uzers::UsersCache;

use super::json::HolderObject;
use super::row::{BETWEEN_HOLDERS, holder, local, user_name};
use super::{Cells, ColumnSpec, Shape, SocketObject, duration, user};
use crate::args::ShowArgs;
use crate::tables::NamespaceTable;

/// The columns that the options ask for, and what is needed to fill them.
pub(crate) struct View {
    show: ShowArgs,
    id: bool,
    shape: Shape,
    /// The name of the network namespace, where that is shown, fit for a terminal.
    netns: Option<String>,
    /// The name of the network namespace as it is.
    plain_netns: Option<String>,
    /// Set when user numbers mean users of this system.
    has_local_users: bool,
    netns_id: NetnsId,
    /// `None` only where the machine has no readable boot id.
    origin: Option<Origin>,
    devices: Devices,
    users: UsersCache,
    /// The labels of processes: one process holds many sockets.
    processes: HashMap<Process, ProcessLabel>,
}

impl View {
    /// Creates the view of a table; without identities where the machine has no readable boot id.
    pub(crate) fn new(show: &ShowArgs, id: bool, shape: Shape, table: &mut NamespaceTable) -> Self {
        Self {
            origin: table.table.origin().ok(),
            ..Self::without_identities(show, id, shape, table)
        }
    }

    /// Creates the view of a table without identities.
    pub(crate) fn without_identities(
        show: &ShowArgs,
        id: bool,
        shape: Shape,
        table: &NamespaceTable,
    ) -> Self {
        Self {
            show: show.clone(),
            id,
            shape,
            netns: table.name.clone(),
            plain_netns: table.plain_name.clone(),
            has_local_users: table.table.has_local_users(),
            netns_id: table.table.netns(),
            origin: None,
            devices: table.table.devices(),
            users: UsersCache::new(),
            processes: HashMap::new(),
        }
    }

    /// Forgets the labels of processes.
    pub(crate) fn forget(&mut self) {
        self.processes.clear();
    }

    /// Returns the name of the network namespace, where that is shown.
    pub(crate) fn netns(&self) -> Option<&str> {
        self.netns.as_deref()
    }

    /// Adds the cell of the local end, with the device that its socket is bound to.
    pub(crate) fn put_local(&mut self, pair: &tcpentry::Pair, cells: &mut Cells) {
        match pair.interface() {
            None => cells.put(pair.local()),
            Some(_) => cells.put(self.local(pair)),
        }
    }

    /// Returns the local end, with the device that its socket is bound to.
    pub(crate) fn local(&mut self, pair: &tcpentry::Pair) -> String {
        local(pair, &mut self.devices)
    }

    /// Returns the identity of a socket as a word.
    pub(crate) fn identity(&self, connection: &Connection) -> Option<String> {
        Some(self.origin?.identity(connection).to_string())
    }

    /// Returns the columns that were asked for.
    pub(crate) fn columns(&self) -> Vec<ColumnSpec> {
        columns_asked_for(&self.show, self.netns.is_some(), self.id, self.shape)
    }

    /// Adds the cells of these columns; without a socket, empty ones.
    ///
    /// # Errors
    /// When the owners to be shown can't be read at all; the row is incomplete then.
    pub(crate) fn put(
        &mut self,
        connection: Option<&Connection>,
        attribution: &mut Attribution,
        cells: &mut Cells,
    ) -> Result<(), Error> {
        let Some(connection) = connection else {
            self.columns().iter().for_each(|_| cells.put(None::<&str>));
            return Ok(());
        };
        if self.netns.is_some() {
            cells.put(self.netns.as_deref());
        }
        if self.show.process {
            self.put_processes(connection, attribution, cells)?;
        }
        if self.show.user {
            cells.put(if self.has_local_users {
                user(connection, &self.users)
            } else {
                connection.inode.map(|_| "?".to_owned())
            });
        }
        if self.show.container {
            let path = attribution.cgroup(connection)?;
            let text = |text: String| escape_for_terminal(text.as_bytes());
            let container = path.and_then(Container::from_cgroup);
            cells.put(container.map(|container| text(container.to_string())));
            let unit = path.and_then(Unit::from_cgroup);
            cells.put(unit.map(|unit| text(unit.to_string())));
        }
        if self.show.info {
            self.put_counters(connection, cells);
        }
        if self.id {
            match self.origin {
                Some(origin) => cells.formatted(format_args!("{}", origin.identity(connection))),
                None => cells.put(None::<&str>),
            }
        }
        Ok(())
    }

    fn put_processes(
        &mut self,
        connection: &Connection,
        attribution: &mut Attribution,
        cells: &mut Cells,
    ) -> Result<(), Error> {
        let Some(inode) = connection.inode else {
            cells.put(None::<&str>);
            return Ok(());
        };
        let owners = attribution.owners()?;
        // Without a label it belongs to a process that this caller may not see.
        cells.joined(BETWEEN_HOLDERS, "?", |add| {
            for owner in owners.of(inode) {
                let label = self
                    .processes
                    .entry(owner.process)
                    .or_insert_with(|| ProcessLabel::new(owner));
                if label.name != owner.name {
                    *label = ProcessLabel::new(owner);
                }
                add(&label.text);
            }
        });
        Ok(())
    }

    fn put_counters(&self, connection: &Connection, cells: &mut Cells) {
        let human = self.shape.is_human();
        let info = connection
            .info
            .as_deref()
            .filter(|_| connection.state != State::Listening);
        let times = [
            connection.idle().map(|idle| (idle, idle.as_millis())),
            info.map(|info| (info.rtt, info.rtt.as_micros())),
        ];
        for time in times {
            match time {
                Some((time, _)) if human => cells.put(duration(time)),
                Some((_, raw)) => cells.formatted(format_args!("{raw}")),
                None => cells.put(None::<&str>),
            }
        }
        cells.put(info.map(|info| u32::from(info.retransmits)));
        cells.put(info.map(|info| info.total_retransmits));
    }

    /// Returns the socket as an object of JSON.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub(crate) fn object(
        &mut self,
        connection: &Connection,
        attribution: &mut Attribution,
    ) -> Result<SocketObject, Error> {
        let mut object = SocketObject::new(connection, self.origin, &mut self.devices);
        object.netns = Some(self.netns_id.to_string());
        object.netns_name.clone_from(&self.plain_netns);
        object.uid = object.uid.filter(|_| self.has_local_users);
        if self.show.process {
            object.processes = holders(connection, attribution)?;
        }
        if self.show.user {
            let name = user_name(connection, &self.users).filter(|_| self.has_local_users);
            object.user = name.map(|name| name.to_string_lossy().into_owned());
        }
        if self.show.container {
            object.put_cgroup(attribution.cgroup(connection)?);
        }
        if self.show.info {
            object.put_counters(connection);
        }
        Ok(object)
    }
}

/// Returns the columns that options ask for, beside those that every row has.
pub(crate) fn columns_asked_for(
    show: &ShowArgs,
    netns: bool,
    id: bool,
    shape: Shape,
) -> Vec<ColumnSpec> {
    let mut columns = Vec::new();
    if netns {
        columns.push(ColumnSpec::left("NETNS"));
    }
    if show.process {
        columns.push(ColumnSpec::left("PROCESS"));
    }
    if show.user {
        columns.push(ColumnSpec::left("USER"));
    }
    if show.container {
        columns.extend(["CONTAINER", "UNIT"].map(ColumnSpec::left));
    }
    if show.info {
        let names = if shape.is_human() {
            ["IDLE", "RTT", "RETRANS", "TOTAL"]
        } else {
            ["IDLE_MS", "RTT_US", "RETRANS", "TOTAL"]
        };
        columns.extend(names.map(ColumnSpec::right));
    }
    if id {
        columns.push(ColumnSpec::left("ID"));
    }
    columns
}

/// Returns the processes that hold a socket; `None` where none is seen, and one that this caller may not look into may.
fn holders(
    connection: &Connection,
    attribution: &mut Attribution,
) -> Result<Option<Vec<HolderObject>>, Error> {
    match connection.inode {
        None => Ok(Some(Vec::new())),
        inode => Ok(holders_of(inode, attribution.owners()?)),
    }
}

/// Returns the processes of these that hold a socket, as [`holders`] does.
pub(crate) fn holders_of(inode: Option<Inode>, owners: &Owners) -> Option<Vec<HolderObject>> {
    let Some(inode) = inode else {
        return Some(Vec::new());
    };
    let holders = owners.with_descriptors(inode);
    let objects: Vec<_> = holders
        .map(|(owner, descriptors)| HolderObject::new(owner, descriptors.collect()))
        .collect();
    (!objects.is_empty() || owners.are_all_seen()).then_some(objects)
}

/// The label of a process.
struct ProcessLabel {
    /// The name, which changes with the program that the process runs.
    name: Vec<u8>,
    text: String,
}

impl ProcessLabel {
    fn new(owner: &Owner) -> Self {
        Self {
            name: owner.name.clone(),
            text: holder(owner),
        }
    }
}
