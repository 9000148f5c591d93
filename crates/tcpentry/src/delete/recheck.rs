//! The second evaluation of a filter, immediately before each deletion.
//!
//! A socket changes hands within half a millisecond: an acceptor passes it to a worker and closes its own descriptor. So
//! who held it when it was listed says little when it is deleted. One scan of `/proc` remembers by which descriptor each
//! socket is held; afterwards one `readlink` shows that it still is. Only a socket that changed hands takes another scan,
//! of all for a batch. A process that comes by a socket which its first holder keeps is found by looking into the
//! processes that the filter excludes: no other one can make it false.

use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::connection::{Connection, Inode};
use crate::error::{Error, Operation};
use crate::filter::{Fact, Needs, Processes};
use crate::process::Owners;
use crate::process::descriptors::Descriptors;
use crate::select::facts::{Attribution, OfSocket};
use crate::select::{Nothing, Selection};

/// The second evaluation of a selection.
pub(super) struct Recheck<'t> {
    selection: &'t Selection,
    attribution: Attribution,
    /// The processes that decide, where not all may.
    only: Option<Processes>,
    excluded: Option<Processes>,
    holders: Option<Scan>,
    newcomers: Option<Scan>,
    descriptors: Descriptors,
}

/// A scan of `/proc`.
struct Scan {
    owners: Owners,
    end: Instant,
    cost: Duration,
}

impl<'t> Recheck<'t> {
    pub(super) fn new(selection: &'t Selection) -> Self {
        Self {
            selection,
            attribution: Attribution::new(),
            only: selection.processes(),
            excluded: selection.excluded(),
            holders: None,
            newcomers: None,
            descriptors: Descriptors::default(),
        }
    }

    /// Returns true if the holders of a socket decide, which can change hands between two system calls.
    pub(super) fn is_about_holders(&self) -> bool {
        self.selection.needs().owners
    }

    /// Evaluates the filter for connections that were looked at just now: true for each that it still selects.
    pub(super) fn evaluate(&mut self, connections: &[&Connection]) -> Result<Vec<bool>, Error> {
        let needs = self.selection.needs();
        if !needs.owners && !needs.cgroups {
            let selection = self.selection;
            let each = connections.iter();
            return Ok(each.map(|it| selection.still_holds(it, &Nothing)).collect());
        }
        if needs.cgroups {
            self.attribution.forget_owners();
        }
        if needs.owners {
            self.look_at_holders(connections)?;
        }
        let each = connections.iter();
        each.map(|connection| self.evaluate_one(connection, needs))
            .collect()
    }

    fn evaluate_one(&mut self, connection: &Connection, needs: Needs) -> Result<bool, Error> {
        let cgroup = if needs.cgroups {
            let only_cgroups = Needs {
                owners: false,
                ..needs
            };
            self.attribution.facts(connection, only_cgroups)?.cgroup
        } else {
            Fact::Absent
        };
        let facts = OfSocket {
            owners: self.holders.as_ref().map(|scan| &scan.owners),
            newcomers: self.newcomers.as_ref().map(|scan| &scan.owners),
            cgroup,
        };
        Ok(self.selection.still_holds(connection, &facts))
    }

    /// Brings the holders of these up to date.
    fn look_at_holders(&mut self, connections: &[&Connection]) -> Result<(), Error> {
        self.descriptors.clear();
        let mut inodes = connections.iter().filter_map(|it| it.inode);
        if self.holders.is_none() || !inodes.all(|inode| self.is_still_held(inode)) {
            let scan = Scan::of(self.only.as_ref())?;
            self.holders = Some(scan);
            self.descriptors.clear();
        }
        // A process with many descriptors takes long, and is not looked into all the time.
        let is_recent = |scan: &Scan| scan.end.elapsed() < scan.cost;
        if let Some(excluded) = &self.excluded {
            if !self.newcomers.as_ref().is_some_and(is_recent) {
                self.newcomers = Some(Scan::of(Some(excluded))?);
            }
        }
        Ok(())
    }

    /// Returns true if all holders that are known still hold the socket, and there are some.
    pub(super) fn is_still_held(&mut self, inode: Inode) -> bool {
        let Some(scan) = &self.holders else {
            return false;
        };
        let descriptors = &mut self.descriptors;
        let mut holders = scan.owners.with_descriptors(inode).peekable();
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
                let is_known = is_known.is_some_and(|it| it.owners.of(inode).next().is_some());
                // The filter holds for one that nobody is known to hold, too.
                !is_known || self.is_still_held(inode)
            }
            _ => true,
        }
    }
}

impl Scan {
    /// Scans all processes, or these only.
    fn of(only: Option<&Processes>) -> Result<Self, Error> {
        let start = Instant::now();
        let accepts = |pid: i32, name: &[u8]| only.is_none_or(|only| only.contain(pid, name));
        let search = Owners::search();
        let owners = if only.is_some() {
            search.of_processes(&accepts).run()
        } else {
            search.run()
        };
        let owners = owners.map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            Error::os(Operation::Delete, "look through /proc", errno)
        })?;
        let end = Instant::now();
        Ok(Self {
            owners,
            end,
            cost: end - start,
        })
    }
}

/// The cause for one that the filter no longer selects.
pub(super) const NO_LONGER_MATCHES: &str = "it no longer matches";
