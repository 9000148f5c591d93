//! Cgroups: from the id that the kernel reports of a socket to the path that people know, and back.
//!
//! A socket is in the cgroup (version 2) in which it was made, for ever. Its id is the inode of the
//! cgroup's directory, so a scan of the mounted hierarchy names them all.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};
use std::str;

use rustix::fs::{CWD, FileType};

use super::cgroup_file::memberships;
use super::cgroup_path::{CgroupPath, CgroupPathBuf, Delegation};
use super::directory::{each_entry, open_directory};
use super::mounts::{Mount, Mounts};
use super::owners::Owners;
use crate::connection::Connection;

/// The cgroups of this system, by id and by path.
///
/// They are read when the first one is asked for, and once more when an id turns up that is not
/// among them: a cgroup made meanwhile. Later ones take a new `Cgroups`.
///
/// ```
/// let mut cgroups = tcpentry::process::Cgroups::new();
/// // The id of a cgroup that never was.
/// assert_eq!(cgroups.path(u64::MAX), None);
/// ```
#[derive(Debug, Default)]
pub struct Cgroups {
    hierarchy: OnceCell<Option<Hierarchy>>,
    paths: HashMap<u64, Found>,
    scans: u8,
    /// Set when version 2 manages everything here.
    unified: OnceCell<bool>,
}

impl Cgroups {
    /// Creates an empty collection: nothing is read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the path of a cgroup, as in `/proc/PID/cgroup`: `/system.slice/nginx.service`. `None` for one
    /// that has been removed, or where no hierarchy is mounted.
    pub fn path(&mut self, id: u64) -> Option<CgroupPath<'_>> {
        if !self.paths.contains_key(&id) && self.scans < MAX_SCANS {
            self.scans += 1;
            if let Some(hierarchy) = self.hierarchy() {
                self.paths = hierarchy.scan();
            }
        }
        self.paths.get(&id).map(Found::path)
    }

    /// Returns the cgroups that there are, as far as they have been read; none where no hierarchy is mounted.
    pub fn all(&mut self) -> impl Iterator<Item = CgroupPath<'_>> {
        if self.paths.is_empty() {
            // The id of none, so that they are read.
            self.path(u64::MAX);
        }
        self.paths.values().map(Found::path)
    }

    /// Returns those of [all](Self::all) that have a process, in themselves or below: `populated` in `cgroup.events`.
    pub fn populated(&mut self) -> impl Iterator<Item = CgroupPath<'_>> {
        if self.paths.is_empty() {
            self.path(u64::MAX);
        }
        let hierarchy = self.hierarchy();
        let is_populated =
            move |found: &&Found| hierarchy.is_none_or(|it| it.is_populated(&found.path));
        self.paths.values().filter(is_populated).map(Found::path)
    }

    /// Returns the id of a cgroup, by its path as in `/proc/PID/cgroup` or by that of its directory
    /// (`/sys/fs/cgroup/system.slice`).
    ///
    /// # Errors
    /// `NotFound` where there is no such cgroup now; any other where no hierarchy of version 2 is mounted.
    pub fn id(&self, path: &str) -> io::Result<u64> {
        let hierarchy = self.hierarchy();
        let hierarchy = hierarchy
            .ok_or_else(|| io::Error::other("no cgroup hierarchy of version 2 is mounted"))?;
        let id = hierarchy.id(Path::new(path));
        id.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns true when the cgroup of a socket is that of its owner: where it is the root on a host with version 1,
    /// because version 2 manages nothing there; where version 2 is not mounted; or where the kernel does not report it
    /// (before Linux 5.9). [`of`](Self::of) needs the owners then.
    pub fn is_of_owner(&self, connection: &Connection) -> bool {
        match connection.cgroup {
            // Where none is mounted (`ip netns exec` mounts an empty /sys), no id has a name.
            Some(_) if self.hierarchy().is_none() => connection.inode.is_some(),
            Some(id) => self.is_root(id) && !self.is_unified(),
            // The kernel reports none for a socket without owner (TIME_WAIT) either.
            None => connection.inode.is_some(),
        }
    }

    /// Returns the path of a socket's cgroup; that of its first owner where the owner decides
    /// ([`is_of_owner`](Self::is_of_owner)), which takes owners with cgroups. Several processes that hold the socket may
    /// be in different ones.
    pub fn of<'a>(
        &'a mut self,
        connection: &Connection,
        owners: &'a Owners,
    ) -> Option<CgroupPath<'a>> {
        if self.is_of_owner(connection) {
            let mut owners = owners.of(connection.inode?);
            return owners.find_map(|owner| owner.cgroup.as_ref().map(CgroupPathBuf::as_path));
        }
        self.path(connection.cgroup?)
    }

    fn hierarchy(&self) -> Option<&Hierarchy> {
        self.hierarchy.get_or_init(Hierarchy::find).as_ref()
    }

    fn is_root(&self, id: u64) -> bool {
        id == ROOT || self.hierarchy().is_some_and(|it| it.root == id)
    }

    pub(crate) fn is_unified(&self) -> bool {
        *self.unified.get_or_init(|| {
            let text = fs::read("/proc/self/cgroup").unwrap_or_default();
            memberships(&text).all(|member| member.is_of_version_2())
        })
    }
}

/// The hierarchy of version 2, where it is mounted.
#[derive(Debug)]
struct Hierarchy {
    mount: PathBuf,
    /// The beginning of all paths where only a part is mounted; empty where all is.
    prefix: String,
    /// The id of the topmost cgroup that is mounted.
    root: u64,
    /// The owner of that one: root, whatever it is called in this user namespace.
    owner: u32,
}

/// A cgroup that was found in the hierarchy.
#[derive(Clone, Debug)]
struct Found {
    path: String,
    left: Option<Delegation>,
}

impl Found {
    fn path(&self) -> CgroupPath<'_> {
        CgroupPath::with_delegation(&self.path, self.left)
    }
}

impl Hierarchy {
    fn find() -> Option<Self> {
        let mut mounts: Vec<_> = Mounts::read().ok()?.of("cgroup2").collect();
        // The one that shows most.
        mounts.sort_by_key(|mount| mount.root.len());
        mounts.into_iter().find_map(|Mount { root, point }| {
            let root = String::from_utf8_lossy(&root);
            let mount: PathBuf = OsString::from_vec(point).into();
            let directory = open_path(&mount)?;
            // Another file system may be mounted over it.
            let is_cgroup = rustix::fs::fstatfs(&directory).ok()?.f_type == CGROUP2_SUPER_MAGIC;
            let stat = rustix::fs::fstat(&directory).ok()?;
            is_cgroup.then(|| Self {
                mount,
                prefix: root.trim_end_matches('/').to_owned(),
                root: stat.st_ino,
                owner: stat.st_uid,
            })
        })
    }

    fn scan(&self) -> HashMap<u64, Found> {
        let top = if self.prefix.is_empty() {
            "/"
        } else {
            &self.prefix
        };
        let top = Found {
            path: top.to_owned(),
            left: None,
        };
        let mut paths = HashMap::from([(self.root, top)]);
        let mut room = Vec::new();
        let mut waiting = vec![(PathBuf::new(), None)];
        while let Some((parent, left)) = waiting.pop() {
            // It may be removed meanwhile.
            let Some(directory) = open_path(&self.mount.join(&parent)) else {
                continue;
            };
            let left = left.or_else(|| self.delegation(&directory, &parent));
            let _ = each_entry(
                &directory,
                &mut room,
                |entry| -> Result<ControlFlow<()>, _> {
                    let name = entry.file_name().to_bytes();
                    if entry.file_type() == FileType::Directory && name != b"." && name != b".." {
                        let path = parent.join(OsStr::from_bytes(name));
                        let shown = format!("{}/{}", self.prefix, path.display());
                        paths.insert(entry.ino(), Found { path: shown, left });
                        waiting.push((path, left));
                    }
                    Ok(ControlFlow::Continue(()))
                },
            );
        }
        paths
    }

    /// Returns the delegation of a directory that does not belong to root: its owner makes what is below it.
    fn delegation(&self, directory: &OwnedFd, path: &Path) -> Option<Delegation> {
        let uid = rustix::fs::fstat(directory).ok()?.st_uid;
        let shown = format!("{}/{}", self.prefix, path.display());
        (uid != self.owner && uid != 0).then_some(Delegation {
            end: shown.len(),
            uid,
        })
    }

    /// Returns true unless the kernel says that a cgroup is empty. The root has no file that says it.
    fn is_populated(&self, path: &str) -> bool {
        let below = path.strip_prefix(&self.prefix).unwrap_or(path);
        let events = self.mount.join(below.trim_start_matches('/'));
        let events = fs::read_to_string(events.join("cgroup.events"));
        events.map_or(true, |events| {
            !events.lines().any(|line| line == "populated 0")
        })
    }

    fn id(&self, path: &Path) -> Option<u64> {
        let below = path
            .strip_prefix(&self.mount)
            .or_else(|_| path.strip_prefix(format!("{}/", self.prefix)))
            .ok()?;
        let is_plain = |part| matches!(part, Component::Normal(_));
        if !below.components().all(is_plain) {
            return None;
        }
        let directory = open_path(&self.mount.join(below))?;
        rustix::fs::fstat(directory).ok().map(|file| file.st_ino)
    }
}

fn open_path(path: &Path) -> Option<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    open_directory(CWD, &path).ok()
}

/// The id of the root: the first inode of the kernel's own hierarchy.
const ROOT: u64 = 1;
/// The first, and one for cgroups made since.
const MAX_SCANS: u8 = 2;
/// `linux/magic.h`
const CGROUP2_SUPER_MAGIC: rustix::fs::FsWord = 0x6367_7270;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_an_id_and_the_id_that_path() {
        let mut cgroups = Cgroups::new();
        let Some(root) = cgroups.hierarchy().map(|it| it.root) else {
            // Nothing of it is mounted here.
            return;
        };
        let top = cgroups.path(root).unwrap().as_str().to_owned();
        assert_eq!(cgroups.id(&top).unwrap(), root);
        for (id, found) in cgroups.paths.clone() {
            let path = found.path;
            let mount = cgroups.hierarchy().unwrap().mount.clone();
            assert_eq!(cgroups.id(&path).unwrap(), id);
            let below = path.strip_prefix(top.trim_end_matches('/')).unwrap();
            let directory = format!("{}{below}", mount.display());
            assert_eq!(cgroups.id(&directory).unwrap(), id);
        }
        for none in [
            "/no/such/cgroup",
            "relative",
            "",
            "/../..",
            "/proc",
            "/cgroup.procs",
        ] {
            let error = cgroups.id(none).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{none}");
        }
    }

    #[test]
    fn an_unknown_id_is_looked_for_again_only_once() {
        let mut cgroups = Cgroups::new();
        for id in 0..10 {
            assert_eq!(cgroups.path(u64::MAX - id), None);
        }
        assert_eq!(cgroups.scans, MAX_SCANS);
    }
}
