//! The holders of sockets: one scan of `/proc` is remembered, with every holder it met.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::Inode;
use tcpentry::process::{Owner, Owners, Process};

use super::super::model::{HolderNames, Resolved};
use super::names::{search, unit_of};
use crate::output::{BETWEEN_HOLDERS, holder, holder_name};

/// The holders of sockets by the last scan.
#[derive(Default)]
pub(super) struct HolderCache {
    scan: Option<HolderScan>,
    /// The names shown for sockets with the same holders, by the pids of these.
    shown: HashMap<Vec<i32>, Resolved>,
    /// The first ancestor of the same name of each process.
    trees: HashMap<Process, i32>,
}

struct HolderScan {
    owners: Owners,
    began: Instant,
    took: Duration,
}

impl HolderCache {
    /// Scans `/proc` if that may show holders of these sockets which the last scan has not met. Each comes with the time since
    /// which it is known to be there.
    ///
    /// Among sockets that come and go, only a part of the time is spent on scans: some stay unknown for a while.
    pub(super) fn look_for(&mut self, sockets: impl IntoIterator<Item = (Inode, Instant)>) {
        let is_recent = |scan: &HolderScan| scan.began.elapsed() < scan.took * PAUSE_PER_SCAN;
        if self.scan.as_ref().is_none_or(|scan| !is_recent(scan)) {
            self.look_for_at_once(sockets);
        }
    }

    /// Scans `/proc` as [`look_for`](Self::look_for) does, however long ago the last scan was.
    pub(super) fn look_for_at_once(&mut self, sockets: impl IntoIterator<Item = (Inode, Instant)>) {
        let scan = self.scan.as_ref();
        let is_unmet = |(inode, since)| scan.is_none_or(|scan| scan.is_older(inode, since));
        if !sockets.into_iter().any(is_unmet) {
            return;
        }
        let began = Instant::now();
        // Where processes can't be read, no holder is known.
        let owners = search(Owners::search()).unwrap_or_default();
        self.scan = Some(HolderScan {
            owners,
            began,
            took: began.elapsed(),
        });
        self.shown.clear();
    }

    /// Returns the owners of all sockets at the last scan.
    pub(super) fn owners(&self) -> Option<&Owners> {
        self.scan.as_ref().map(|scan| &scan.owners)
    }

    /// Returns what the last scan shows of a socket; nothing where that may be older than the socket.
    pub(super) fn of(&mut self, socket: Option<Inode>, since: Instant) -> Resolved {
        let (Some(scan), Some(inode)) = (&self.scan, socket) else {
            return Resolved::default();
        };
        if scan.is_older(inode, since) {
            return Resolved::default();
        }
        let pids: Vec<i32> = scan.owners.of(inode).map(|it| it.process.pid()).collect();
        let trees = &mut self.trees;
        let shown = self.shown.entry(pids);
        let shown = shown.or_insert_with(|| describe(scan.owners.of(inode), trees));
        shown.clone()
    }
}

impl HolderScan {
    /// Returns true where a socket without holders may have come since.
    fn is_older(&self, inode: Inode, since: Instant) -> bool {
        since >= self.began && self.owners.of(inode).next().is_none()
    }
}

/// Describes the holders of a socket.
fn describe<'o>(
    owners: impl Iterator<Item = &'o Owner>,
    trees: &mut HashMap<Process, i32>,
) -> Resolved {
    let mut names = HolderNames::default();
    for owner in owners {
        if names.text.is_empty() {
            names.first = holder_name(owner).into();
            names.tree = tree(owner, trees);
        } else {
            names.others += 1;
            names.text.push_str(BETWEEN_HOLDERS);
        }
        names.text.push_str(&holder(owner));
        let unit = names.unit.take();
        names.unit = unit.or_else(|| owner.cgroup.as_ref().and_then(|it| unit_of(it.as_path())));
    }
    if names.text.is_empty() {
        // It is held by a process that this user may not see.
        "?".clone_into(&mut names.text);
    }
    Resolved {
        holders: Some(Arc::new(names)),
        deletability: None,
    }
}

/// Returns the first of the ancestors of a process that have its name: those that it was forked from.
fn tree(owner: &Owner, known: &mut HashMap<Process, i32>) -> i32 {
    if known.len() > MAX_KNOWN {
        known.clear();
    }
    *known.entry(owner.process).or_insert_with(|| {
        let mut first = owner.process;
        for _ in 0..MAX_ANCESTORS {
            let parent = first.parent();
            match parent.filter(|parent| parent.name().as_ref() == Some(&owner.name)) {
                Some(parent) => first = parent,
                None => break,
            }
        }
        first.pid()
    })
}

/// A scan is not repeated before so many times as long as it took have passed.
const PAUSE_PER_SCAN: u32 = 5;
/// The number of ancestors that are asked about.
const MAX_ANCESTORS: usize = 32;
/// The number of processes whose ancestors are remembered.
const MAX_KNOWN: usize = 100_000;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn listener() -> (TcpListener, Inode) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(&listener).unwrap().st_ino;
        (listener, Inode::new(u32::try_from(inode).unwrap()).unwrap())
    }

    #[test]
    fn a_scan_remembers_every_holder_it_met() {
        let ((_one, one), (_two, two)) = (listener(), listener());
        let mut cache = HolderCache::default();
        let since = Instant::now();
        assert!(cache.of(Some(one), since).holders.is_none());
        cache.look_for([(one, since)]);
        let pid = std::process::id();
        for inode in [one, two] {
            let names = cache.of(Some(inode), Instant::now()).holders.unwrap();
            assert!(names.text.starts_with(&format!("{pid} ")), "{names:?}");
        }
        // What nobody was seen to hold is not asked about again, and what has come since is unknown until it is.
        let nobodys = Inode::new(u32::MAX).unwrap();
        assert_eq!(cache.of(Some(nobodys), since).holders.unwrap().text, "?");
        let (_new, new) = listener();
        let since = Instant::now();
        assert!(cache.of(Some(new), since).holders.is_none());
        cache.look_for_at_once([(new, since)]);
        assert!(cache.of(Some(new), since).holders.is_some());
    }
}
