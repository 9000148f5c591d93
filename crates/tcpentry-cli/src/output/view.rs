//! What is shown of a socket beside its ends, as the options ask for it: columns, and fields of JSON.

use std::collections::HashMap;

use tcpentry::{
    Attribution, Connection, Container, Devices, Error, Origin, Owner, Process, State, Unit,
    escape_for_terminal,
};
use uzers::UsersCache;

use super::json::Holder;
use super::{Cells, Column, Counters, Shape, Socket, duration, local, user};
use crate::args::ShowArgs;
use crate::sites::Site;

/// What is shown of a socket, and what is needed to show it.
pub(crate) struct View {
    show: ShowArgs,
    id: bool,
    shape: Shape,
    /// What its network namespace is called, where that is to be shown.
    netns: Option<String>,
    /// Whether users are those of this program.
    users_told: bool,
    /// Unknown only where the machine does not tell its boot id.
    place: Option<Origin>,
    devices: Devices,
    users: UsersCache,
    /// What is shown of a process, which holds many sockets.
    processes: HashMap<Process, Shown>,
}

impl View {
    /// # Errors
    /// When the machine does not tell its boot id.
    pub(crate) fn of(
        show: &ShowArgs,
        id: bool,
        shape: Shape,
        site: &mut Site,
    ) -> Result<Self, Error> {
        let place = site.table.place()?;
        Ok(Self {
            place: Some(place),
            ..Self::nowhere(show, id, shape, site)
        })
    }

    /// The same without identities, where the machine does not tell its boot id.
    pub(crate) fn nowhere(show: &ShowArgs, id: bool, shape: Shape, site: &Site) -> Self {
        Self {
            show: show.clone(),
            id,
            shape,
            netns: site.name.clone(),
            users_told: site.table.has_local_users(),
            place: None,
            devices: site.table.devices(),
            users: UsersCache::new(),
            processes: HashMap::new(),
        }
    }

    /// Forgets what was known of processes.
    pub(crate) fn forget(&mut self) {
        self.processes.clear();
    }

    /// What its network namespace is called, where that is shown.
    pub(crate) fn netns(&self) -> Option<&str> {
        self.netns.as_deref()
    }

    /// Adds the cell of the local end, with the device its socket is bound to.
    pub(crate) fn put_local(&mut self, pair: &tcpentry::Pair, cells: &mut Cells) {
        match pair.interface() {
            None => cells.put(pair.local()),
            Some(_) => cells.put(self.local(pair)),
        }
    }

    /// The local end, with the device its socket is bound to.
    pub(crate) fn local(&mut self, pair: &tcpentry::Pair) -> String {
        local(pair, &mut self.devices)
    }

    /// The identity of a socket, as a word.
    pub(crate) fn identity(&self, connection: &Connection) -> Option<String> {
        Some(self.place?.identity(connection).to_string())
    }

    /// The columns that were asked for.
    pub(crate) fn columns(&self) -> Vec<Column> {
        let mut columns = Vec::new();
        if self.netns.is_some() {
            columns.push(Column::left("NETNS"));
        }
        if self.show.process {
            columns.push(Column::left("PROCESS"));
        }
        if self.show.user {
            columns.push(Column::left("USER"));
        }
        if self.show.container {
            columns.extend(["CONTAINER", "UNIT"].map(Column::left));
        }
        if self.show.info {
            let names = if self.shape.is_human() {
                ["IDLE", "RTT", "RETRANS", "TOTAL"]
            } else {
                ["IDLE_MS", "RTT_US", "RETRANS", "TOTAL"]
            };
            columns.extend(names.map(Column::right));
        }
        if self.id {
            columns.push(Column::left("ID"));
        }
        columns
    }

    /// Adds their cells; without a socket, empty ones.
    ///
    /// # Errors
    /// When what is to be shown of owners can't be read at all; the row is not complete then.
    pub(crate) fn put(
        &mut self,
        connection: Option<&Connection>,
        knowledge: &mut Attribution,
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
            self.put_processes(connection, knowledge, cells)?;
        }
        if self.show.user {
            cells.put(if self.users_told {
                user(connection, &self.users)
            } else {
                connection.inode.map(|_| "?".to_owned())
            });
        }
        if self.show.container {
            let path = knowledge.cgroup(connection)?;
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
            match self.place {
                Some(place) => cells.formatted(format_args!("{}", place.identity(connection))),
                None => cells.put(None::<&str>),
            }
        }
        Ok(())
    }

    fn put_processes(
        &mut self,
        connection: &Connection,
        knowledge: &mut Attribution,
        cells: &mut Cells,
    ) -> Result<(), Error> {
        let Some(inode) = connection.inode else {
            cells.put(None::<&str>);
            return Ok(());
        };
        let owners = knowledge.owners()?;
        for owner in owners.of(inode) {
            match self.processes.get(&owner.process) {
                Some(known) if known.name == owner.name => {}
                _ => {
                    self.processes.insert(owner.process, Shown::of(owner));
                }
            }
        }
        let shown = owners
            .of(inode)
            .filter_map(|owner| self.processes.get(&owner.process));
        // Without one it is somebody's who may not be seen.
        cells.joined(shown.map(|shown| &*shown.text), "?");
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

    /// The socket as an object of JSON.
    ///
    /// # Errors
    /// As of [`put`](Self::put).
    pub(crate) fn object(
        &mut self,
        connection: &Connection,
        knowledge: &mut Attribution,
    ) -> Result<Socket, Error> {
        let mut object = Socket::new(connection, self.place, &mut self.devices);
        object.netns_name.clone_from(&self.netns);
        object.uid = object.uid.filter(|_| self.users_told);
        if self.show.process {
            let owners = owners(connection, knowledge)?;
            object.processes = Some(owners.iter().map(Holder::of).collect());
        }
        if self.show.user {
            object.user = user(connection, &self.users).filter(|_| self.users_told);
        }
        if self.show.container {
            object.put_cgroup(knowledge.cgroup(connection)?);
        }
        if self.show.info {
            object.counters = Counters::of(connection);
        }
        Ok(object)
    }
}

/// The processes that hold a socket.
fn owners(connection: &Connection, knowledge: &mut Attribution) -> Result<Vec<Owner>, Error> {
    let Some(inode) = connection.inode else {
        return Ok(Vec::new());
    };
    Ok(knowledge.owners()?.of(inode).cloned().collect())
}

/// How a process is shown.
struct Shown {
    /// It changes with the program that the process runs.
    name: Vec<u8>,
    text: String,
}

impl Shown {
    fn of(owner: &Owner) -> Self {
        // Without a blank: those part one process from the next.
        let name = escape_for_terminal(&owner.name).replace(' ', r"\x20");
        Self {
            name: owner.name.clone(),
            text: format!("{name},pid={}", owner.process.pid()),
        }
    }
}
