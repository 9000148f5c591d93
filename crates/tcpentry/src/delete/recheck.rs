//! The second evaluation of a filter, immediately before each deletion.
//!
//! A socket changes hands within half a millisecond: an acceptor passes it to a worker and closes its own descriptor. So
//! who held it when it was listed says little when it is deleted. One scan of `/proc` remembers by which descriptor each
//! socket is held; afterwards one `readlink` shows that it still is. Only a socket that changed hands takes another scan,
//! of all for a batch. A socket that moves during a scan is missed at both ends, so one that no process is seen to hold takes
//! a second scan before that is believed. A process that comes by a socket which its first holder keeps is found by looking into the
//! processes that the filter excludes: no other one can make it false. Where the cgroups of holders decide (version 1), who
//! holds a socket counts for units and containers, too.

use crate::connection::{Connection, Inode};
use crate::error::{Error, Operation};
use crate::filter::{Needs, Processes};
use crate::process::Owners;
use crate::process::cgroup::Cgroups;
use crate::process::descriptors::Descriptors;
use crate::select::facts::{OfSocket, SocketCgroup};
use crate::select::scan::Scan;
use crate::select::{Nothing, Selection};

/// The second evaluation of a selection.
pub(super) struct Recheck<'t> {
    selection: &'t Selection,
    cgroups: Cgroups,
    /// Set where the cgroups of a socket's holders decide.
    by_cgroups_of_holders: bool,
    /// The processes that decide, where not all may.
    only: Option<Processes>,
    excluded: Option<Processes>,
    holders: Option<Holders>,
    later: Option<Scan>,
    descriptors: Descriptors,
}

/// The holders of sockets as one scan has shown them, or two.
struct Holders {
    first: Owners,
    /// The scan for sockets that no process was seen to hold in the first one.
    second: Option<Owners>,
}

impl<'t> Recheck<'t> {
    pub(super) fn new(selection: &'t Selection) -> Self {
        Self {
            selection,
            cgroups: Cgroups::new(),
            by_cgroups_of_holders: false,
            only: selection.processes(),
            excluded: selection.excluded(false),
            holders: None,
            later: None,
            descriptors: Descriptors::default(),
        }
    }

    /// Returns true if the holders of a socket decide, which can change hands between two system calls.
    pub(super) fn is_about_holders(&self) -> bool {
        self.selection.needs().owners || self.by_cgroups_of_holders
    }

    /// Evaluates the filter for connections that were looked at just now: true for each that it still selects.
    pub(super) fn evaluate(&mut self, connections: &[&Connection]) -> Result<Vec<bool>, Error> {
        let needs = self.selection.needs();
        if !needs.owners && !needs.cgroups {
            let selection = self.selection;
            let each = connections.iter();
            return Ok(each.map(|it| selection.still_holds(it, &Nothing)).collect());
        }
        if needs.cgroups && !self.by_cgroups_of_holders {
            let mut each = connections.iter();
            if each.any(|connection| self.cgroups.is_of_owner(connection)) {
                self.by_cgroups_of_holders = true;
                self.descriptors = Descriptors::with_cgroups();
                self.only = None;
                self.excluded = self.selection.excluded(true);
                self.holders = None;
                self.later = None;
            }
        }
        if self.is_about_holders() {
            self.look_at_holders(connections)?;
        }
        let each = connections.iter();
        let each = each.map(|connection| self.evaluate_one(connection, needs));
        Ok(each.collect())
    }

    fn evaluate_one(&mut self, connection: &Connection, needs: Needs) -> bool {
        let cgroup = if !needs.cgroups {
            SocketCgroup::Itself(None)
        } else if self.cgroups.is_of_owner(connection) {
            SocketCgroup::OfHolders
        } else {
            SocketCgroup::of_kernel(connection, &mut self.cgroups)
        };
        let facts = OfSocket {
            owners: self.holders.as_ref().map(|it| it.of(connection.inode)),
            later: self.later.as_ref().map(|scan| &scan.owners),
            cgroup,
        };
        self.selection.still_holds(connection, &facts)
    }

    /// Brings the holders of these up to date.
    fn look_at_holders(&mut self, connections: &[&Connection]) -> Result<(), Error> {
        self.descriptors.clear();
        let mut inodes = connections.iter().filter_map(|it| it.inode);
        if self.holders.is_none() || !inodes.all(|inode| self.is_still_held(inode)) {
            let with_cgroups = self.by_cgroups_of_holders;
            let only = self.only.as_ref();
            self.holders = Some(Holders::of_all(connections, only, with_cgroups)?);
            self.descriptors.clear();
        }
        // A process with many descriptors takes long, and is not looked into all the time.
        if let Some(excluded) = &self.excluded {
            if !self.later.as_ref().is_some_and(Scan::is_recent) {
                self.later = Some(scan(Some(excluded), self.by_cgroups_of_holders)?);
            }
        }
        Ok(())
    }

    /// Returns true if all holders that are known still hold the socket, and there are some.
    pub(super) fn is_still_held(&mut self, inode: Inode) -> bool {
        let Some(holders) = &self.holders else {
            return false;
        };
        let descriptors = &mut self.descriptors;
        let owners = holders.of(Some(inode));
        let mut holders = owners.with_one_descriptor(inode).peekable();
        holders.peek().is_some()
            && holders.all(|(owner, descriptor)| {
                descriptors.holds(owner.process, descriptor, inode)
                    && descriptors.is_unchanged(owner)
            })
    }

    /// Looks at the holders of one that was evaluated with others, immediately before it is destroyed: false if it has
    /// changed hands since.
    pub(super) fn may_be_destroyed(&mut self, connection: &Connection) -> bool {
        match connection.inode {
            Some(inode) if self.is_about_holders() => {
                let is_known = self.holders.as_ref();
                let is_known = is_known.is_some_and(|it| it.of(Some(inode)).hold(inode));
                // The filter holds for one that nobody is known to hold, too.
                !is_known || self.is_still_held(inode)
            }
            _ => true,
        }
    }
}

impl Holders {
    /// Finds the holders of these, and looks twice for those of a socket that no process is seen to hold.
    fn of_all(
        connections: &[&Connection],
        only: Option<&Processes>,
        with_cgroups: bool,
    ) -> Result<Self, Error> {
        let first = scan(only, with_cgroups)?.owners;
        let mut inodes = connections.iter().filter_map(|it| it.inode);
        // Where only some were looked into, the others make no difference.
        let is_fact = only.is_none() && first.are_conclusive();
        let second = if is_fact && !inodes.all(|inode| first.hold(inode)) {
            Some(scan(None, with_cgroups)?.owners)
        } else {
            None
        };
        Ok(Self { first, second })
    }

    /// Returns those of the scan that has found a holder of this socket, or else of the first one.
    fn of(&self, inode: Option<Inode>) -> &Owners {
        let holds = |owners: &&Owners| inode.is_some_and(|inode| owners.hold(inode));
        let second = self.second.as_ref().filter(holds);
        second
            .filter(|_| !holds(&&self.first))
            .unwrap_or(&self.first)
    }
}

/// Scans all processes, or these only.
fn scan(only: Option<&Processes>, with_cgroups: bool) -> Result<Scan, Error> {
    let accepts = |pid: i32, name: &[u8]| only.is_none_or(|only| only.contain(pid, name));
    Scan::run(Operation::Delete, || {
        let search = if with_cgroups {
            Owners::search().with_cgroups()
        } else {
            Owners::search()
        };
        if only.is_some() {
            search.of_processes(&accepts).run()
        } else {
            search.run()
        }
    })
}

/// The cause for one that the filter no longer selects.
pub(super) const NO_LONGER_MATCHES: &str = "it no longer matches";
