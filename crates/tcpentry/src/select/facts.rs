//! Facts about sockets beside the table: their holders and their cgroups.

use crate::connection::{Connection, Inode};
use crate::error::{Error, Operation};
use crate::filter::{Fact, Facts, NamedProcess, Needs, Processes};
use crate::process::cgroup::Cgroups;
use crate::process::cgroup_path::{CgroupPath, CgroupPathBuf};
use crate::process::owners::{Owner, Owners};
use crate::select::scan::Scan;

/// The facts that a table does not have about its sockets. Nothing is read before it is asked for, and then once.
///
/// ```
/// use tcpentry::{Attribution, Query, TcpTable};
/// let mut attribution = Attribution::new();
/// for connection in TcpTable::open()?.connections(&Query::default())? {
///     let connection = connection?;
///     let owners = connection.inode.map(|inode| attribution.owners().map(|all| all.of(inode).count()));
///     println!("{connection}: held by {}", owners.transpose()?.unwrap_or(0));
/// }
/// # Ok::<(), tcpentry::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Attribution {
    owners: Option<Owners>,
    /// A later scan, for sockets that nobody held in the first one.
    later: Option<Scan>,
    with_cgroups: bool,
    /// The processes that have to be looked into, where not all have to.
    only: Option<Processes>,
    cgroups: Cgroups,
}

impl Attribution {
    /// Creates an empty one, about all sockets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty one about the sockets of these processes, where only these make a difference.
    pub(super) fn of_processes(only: Option<Processes>) -> Self {
        Self {
            only,
            ..Self::default()
        }
    }

    /// Returns the holders of all sockets.
    ///
    /// # Errors
    /// Fails when `/proc` can't be read, or descriptors or memory run out.
    pub fn owners(&mut self) -> Result<&Owners, Error> {
        self.read_owners(false)
    }

    /// Returns the processes that may hold more than was read of them, as far as holders have been asked for:
    /// [`Owners::partly_seen`].
    pub fn partly_seen(&self) -> &[Owner] {
        let owners = self.owners.as_ref();
        owners.map(Owners::partly_seen).unwrap_or_default()
    }

    /// Returns the path of the socket's cgroup, as in `/proc/PID/cgroup`: see [`Cgroups::of`].
    ///
    /// # Errors
    /// Fails as [`owners`](Self::owners) does, where the socket's owner has to be asked.
    pub fn cgroup(&mut self, connection: &Connection) -> Result<Option<CgroupPath<'_>>, Error> {
        if self.cgroups.is_of_owner(connection) {
            self.read_owners(true)?;
        }
        Ok(cgroup_of(
            connection,
            self.owners.as_ref(),
            &mut self.cgroups,
        ))
    }

    /// Returns true where a process is in a cgroup of which nobody can see who owns its directories here, as far as holders
    /// have been asked for: see [`CgroupPath::is_ownership_unseen`].
    pub fn are_cgroup_owners_unseen(&self) -> bool {
        let owners = self.owners.as_ref();
        owners.is_some_and(|owners| owners.cgroups().any(CgroupPath::is_ownership_unseen))
    }

    /// Returns the cgroups of this system: those of the mounted hierarchy, and where that manages nothing those of the
    /// processes that hold sockets.
    ///
    /// # Errors
    /// As of [`owners`](Self::owners), where these have to be asked.
    pub fn cgroups(&mut self) -> Result<Vec<CgroupPath<'_>>, Error> {
        let by_owners = self.read_owners_for_cgroups()?;
        let owners = self.owners.as_ref().filter(|_| by_owners);
        let of_owners = owners.map(Owners::cgroups).into_iter().flatten();
        Ok(self.cgroups.all().chain(of_owners).collect())
    }

    /// Returns those of the [cgroups](Self::cgroups) that have a process, in themselves or below.
    ///
    /// # Errors
    /// As of [`owners`](Self::owners), where these have to be asked.
    pub fn populated_cgroups(&mut self) -> Result<Vec<CgroupPath<'_>>, Error> {
        let by_owners = self.read_owners_for_cgroups()?;
        let owners = self.owners.as_ref().filter(|_| by_owners);
        let of_owners = owners.map(Owners::cgroups).into_iter().flatten();
        Ok(self.cgroups.populated().chain(of_owners).collect())
    }

    /// Reads the owners where the mounted hierarchy manages nothing, and returns true then.
    fn read_owners_for_cgroups(&mut self) -> Result<bool, Error> {
        let by_owners = !self.cgroups.is_unified();
        if by_owners {
            self.read_owners(true)?;
        }
        Ok(by_owners)
    }

    /// Forgets it, so that it is read again when it is asked for.
    pub fn forget(&mut self) {
        self.owners = None;
        self.later = None;
        self.cgroups = Cgroups::new();
    }

    /// Returns the facts with which a filter evaluates this socket.
    pub(crate) fn facts(
        &mut self,
        connection: &Connection,
        needs: Needs,
    ) -> Result<OfSocket<'_>, Error> {
        let of_owner = needs.cgroups && self.cgroups.is_of_owner(connection);
        let by_owners = needs.owners || of_owner;
        if by_owners {
            self.read_owners(of_owner)?;
            self.look_for_newcomers(connection)?;
        }
        let Self {
            owners,
            later,
            cgroups,
            ..
        } = self;
        let owners = owners.as_ref().filter(|_| by_owners);
        let cgroup = if of_owner {
            SocketCgroup::OfHolders
        } else if needs.cgroups {
            SocketCgroup::of_kernel(connection, cgroups)
        } else {
            SocketCgroup::Itself(None)
        };
        // The first holder does not have to hold it still, but can't be distinguished from the one that does.
        let is_held = |owners: &Owners| connection.inode.is_some_and(|inode| owners.hold(inode));
        let later = later.as_ref().map(|scan| &scan.owners);
        Ok(OfSocket {
            owners,
            later: later.filter(|_| !owners.is_some_and(is_held)),
            cgroup,
        })
    }

    /// Scans once more where no process was seen to hold a socket: it may be newer than the first scan, or have changed
    /// hands during it, and "held by no process" is a fact to act upon.
    fn look_for_newcomers(&mut self, connection: &Connection) -> Result<(), Error> {
        let (Some(inode), Some(owners)) = (connection.inode, &self.owners) else {
            return Ok(());
        };
        // Where only some were looked into, the others make no difference.
        let are_only_some = self.only.is_some() && !self.with_cgroups;
        let is_settled = are_only_some || !owners.are_conclusive() || owners.hold(inode);
        // A crowd of such sockets takes half of the time at most.
        let is_fresh = |scan: &Scan| scan.owners.hold(inode) || scan.is_recent();
        if is_settled || self.later.as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        self.later = Some(Scan::run(Operation::List, || self.search())?);
        Ok(())
    }

    fn read_owners(&mut self, with_cgroups: bool) -> Result<&Owners, Error> {
        if self.owners.is_none() || (with_cgroups && !self.with_cgroups) {
            self.with_cgroups |= with_cgroups;
            self.owners = Some(Scan::run(Operation::List, || self.search())?.owners);
        }
        Ok(self.owners.get_or_insert_default())
    }

    fn search(&self) -> std::io::Result<Owners> {
        let search = || {
            let search = Owners::search();
            if self.with_cgroups {
                search.with_cgroups()
            } else {
                search
            }
        };
        if let Some(processes) = self.only.as_ref().filter(|_| !self.with_cgroups) {
            let accepts = |pid: i32, name: &[u8]| processes.contain(pid, name);
            let owners = search().of_processes(&accepts).run()?;
            // Where something is hidden, who else holds a socket makes a difference.
            if owners.are_all_seen() {
                return Ok(owners);
            }
        }
        search().run()
    }
}

/// Returns the path of the cgroup; without owners, of the one that the kernel names.
fn cgroup_of<'a>(
    connection: &Connection,
    owners: Option<&'a Owners>,
    cgroups: &'a mut Cgroups,
) -> Option<CgroupPath<'a>> {
    match owners {
        Some(owners) => cgroups.of(connection, owners),
        None => cgroups.path(connection.cgroup?),
    }
}

/// The source of a socket's cgroup.
pub(crate) enum SocketCgroup<'k> {
    /// The kernel's word: its path, where it has one.
    Itself(Option<CgroupPath<'k>>),
    /// It is in those of its holders: [`Cgroups::is_of_owner`].
    OfHolders,
}

impl<'k> SocketCgroup<'k> {
    pub(crate) fn of_kernel(connection: &Connection, cgroups: &'k mut Cgroups) -> Self {
        Self::Itself(connection.cgroup.and_then(|id| cgroups.path(id)))
    }
}

/// The facts about one socket.
pub(crate) struct OfSocket<'k> {
    pub(crate) owners: Option<&'k Owners>,
    /// The holders among all or some processes, looked at since.
    pub(crate) later: Option<&'k Owners>,
    pub(crate) cgroup: SocketCgroup<'k>,
}

impl OfSocket<'_> {
    fn holders_of(&self, inode: Inode) -> impl Iterator<Item = &Owner> {
        let scans = self.owners.into_iter().chain(self.later);
        scans.flat_map(move |owners| owners.of(inode))
    }
}

impl Facts for OfSocket<'_> {
    fn holders(&self, inode: Inode) -> Option<impl Iterator<Item = NamedProcess<'_>>> {
        self.owners?;
        Some(self.holders_of(inode).map(holder))
    }

    fn hidden(&self) -> impl Iterator<Item = NamedProcess<'_>> {
        let hidden = self.owners.map(Owners::hidden).unwrap_or_default();
        hidden.iter().map(holder)
    }

    fn partly_seen(&self) -> impl Iterator<Item = NamedProcess<'_>> {
        let scans = self.owners.into_iter().chain(self.later);
        scans.flat_map(Owners::partly_seen).map(holder)
    }

    fn are_withheld(&self) -> bool {
        self.owners.is_some_and(Owners::are_withheld)
    }

    fn are_known_by_right(&self) -> bool {
        self.owners.is_some_and(Owners::are_known_by_right)
    }

    fn cgroups(&self, connection: &Connection) -> Fact<Vec<CgroupPath<'_>>> {
        match self.cgroup {
            SocketCgroup::Itself(Some(path)) => Fact::Known(vec![path]),
            SocketCgroup::Itself(None) => Fact::Absent,
            SocketCgroup::OfHolders => {
                let (Some(inode), Some(owners)) = (connection.inode, self.owners) else {
                    return Fact::Absent;
                };
                let holders = self.holders_of(inode);
                let paths = holders.filter_map(|it| it.cgroup.as_ref().map(CgroupPathBuf::as_path));
                let paths: Vec<_> = paths.collect();
                if !paths.is_empty() {
                    Fact::Known(paths)
                } else if owners.are_all_seen() {
                    Fact::Absent
                } else {
                    // One of the hidden may hold it.
                    Fact::Hidden
                }
            }
        }
    }
}

fn holder(owner: &Owner) -> NamedProcess<'_> {
    NamedProcess {
        process: owner.process,
        name: &owner.name,
        executable: owner.executable.as_deref(),
    }
}
