//! The hierarchies of cgroups, and whose their directories are.
//!
//! `/proc/PID/cgroup` has the path of a process in each hierarchy. Whoever owns a directory there makes cgroups of any name
//! below it, in version 1 as in version 2, so that the path alone does not say who gave a name. The mounted hierarchy does.
//! Where it is not mounted here (`ip netns exec` mounts another `/sys`), that of the first process is looked at.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::cgroup_file::{Membership, memberships};
use super::cgroup_path::{CgroupPathBuf, Delegation};
use super::mounts::{CgroupMount, Mounts};

/// The hierarchies that are mounted, read when the first path is asked for.
#[derive(Default)]
pub(crate) struct Hierarchies {
    mounted: Option<Vec<Mounted>>,
    /// The answers so far, by hierarchy and path.
    known: HashMap<(Vec<u8>, Vec<u8>), Ownership>,
}

/// The owner of the names in a path.
#[derive(Clone, Copy)]
enum Ownership {
    /// A part of the tree was left to a user, or none was.
    Seen(Option<Delegation>),
    /// The directories can't be seen.
    Unseen,
}

struct Mounted {
    mount: CgroupMount,
    directory: OwnedFd,
    /// The owner of the topmost directory: root, whatever it is called in this user namespace.
    owner: u32,
}

impl Hierarchies {
    /// Returns the cgroup of a process, from `/proc/PID/cgroup`: its path in version 2; where nothing is managed in that,
    /// the one in the hierarchy of systemd; else the one of which root has made most.
    pub(crate) fn of_process(&mut self, text: &[u8]) -> Option<CgroupPathBuf> {
        let rank = |(member, path): &(Membership<'_>, CgroupPathBuf)| {
            let is_managed = member.path != b"/";
            (
                is_managed && member.is_of_version_2(),
                is_managed && member.is_of_systemd(),
                path.made_by_root(),
            )
        };
        let all = memberships(text).map(|member| {
            let path = String::from_utf8_lossy(member.path).into_owned();
            let path = match self.ownership(&member) {
                Ownership::Seen(left) => CgroupPathBuf::seen(path, left),
                Ownership::Unseen => CgroupPathBuf::unseen(path),
            };
            (member, path)
        });
        all.max_by_key(rank).map(|(_, path)| path)
    }

    /// Creates those of a system on which none is mounted.
    #[cfg(any(test, feature = "fuzz-internals"))]
    pub(crate) fn of_none() -> Self {
        Self {
            mounted: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// Forgets the owners of directories, so that they are looked at again.
    pub(crate) fn forget_owners(&mut self) {
        self.known.clear();
    }

    fn ownership(&mut self, member: &Membership<'_>) -> Ownership {
        // Nothing but the root, which has no name.
        if member.path == b"/" {
            return Ownership::Seen(None);
        }
        let key = (member.controllers.to_vec(), member.path.to_vec());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let mounted = self.mounted.get_or_insert_with(find);
        let of_this = mounted
            .iter()
            .filter(|it| it.mount.is_of(member.controllers));
        let mut seen = of_this.filter_map(|it| it.ownership(member.path));
        let found = seen.next().unwrap_or(Ownership::Unseen);
        self.known.insert(key, found);
        found
    }
}

impl Mounted {
    /// Returns the part of a path that was left to a user, by the owners of its directories; `None` where one of them can't
    /// be seen here.
    fn ownership(&self, path: &[u8]) -> Option<Ownership> {
        let root = self
            .mount
            .root
            .strip_suffix(b"/")
            .unwrap_or(&self.mount.root);
        let below = path.strip_prefix(root)?.strip_prefix(b"/");
        let below = match below {
            Some(below) => below,
            None if path == root => b"",
            None => return None,
        };
        let names: Vec<_> = below.split(|&byte| byte == b'/').collect();
        if names.iter().any(|name| *name == b"..") {
            return None;
        }
        let mut left = None;
        let mut end = root.len();
        let mut directory = PathBuf::new();
        for name in names.iter().filter(|name| !name.is_empty()) {
            directory.push(OsString::from_vec(name.to_vec()));
            end += 1 + name.len();
            let stat =
                || rustix::fs::statat(&self.directory, &directory, AtFlags::SYMLINK_NOFOLLOW);
            // It has been removed, and with it the process, or is hidden.
            let uid = retry_on_intr(stat).ok()?.st_uid;
            if left.is_none() && uid != self.owner && uid != 0 {
                // Lossily read the path may be longer: bytes that are not text are three then.
                let end = String::from_utf8_lossy(path.get(..end)?).len();
                left = Some(Delegation { end, uid });
            }
        }
        Some(Ownership::Seen(left))
    }
}

/// Finds the hierarchies that this process sees, then those that the first process does.
fn find() -> Vec<Mounted> {
    let here = Mounts::read().map(|mounts| open_all(&mounts, Path::new("/")));
    let first = fs::read("/proc/1/mountinfo").map(Mounts::from);
    let first = first.map(|mounts| open_all(&mounts, Path::new("/proc/1/root")));
    here.into_iter().chain(first).flatten().collect()
}

fn open_all(mounts: &Mounts, root: &Path) -> Vec<Mounted> {
    let open = |mount: CgroupMount| -> Result<Option<Mounted>, Errno> {
        let point = PathBuf::from(OsString::from_vec(mount.point.clone()));
        let path = root.join(point.strip_prefix("/").unwrap_or(&point));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory =
            retry_on_intr(|| rustix::fs::open(path.as_os_str().as_bytes(), flags, Mode::empty()))?;
        let stat = rustix::fs::fstat(&directory)?;
        // Another file system may be mounted over it.
        let device = (
            rustix::fs::major(stat.st_dev),
            rustix::fs::minor(stat.st_dev),
        );
        Ok((device == mount.device).then_some(Mounted {
            mount,
            directory,
            owner: stat.st_uid,
        }))
    };
    mounts
        .of_cgroups()
        .filter_map(|mount| open(mount).ok().flatten())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_process(text: &[u8]) -> Option<String> {
        let path = Hierarchies::of_none().of_process(text)?;
        Some(path.as_path().as_str().to_owned())
    }

    #[test]
    fn the_cgroup_of_a_process() {
        for (text, cgroup) in [
            // Version 2 alone: systemd, a container with a namespace of its own.
            (
                "0::/system.slice/nginx.service\n",
                "/system.slice/nginx.service",
            ),
            ("0::/\n", "/"),
            ("0::/../other\n", "/../other"),
            // Side by side, both managed by systemd.
            (
                "5:memory:/a/very/long/path/of/memory\n1:name=systemd:/init.scope\n0::/init.scope\n",
                "/init.scope",
            ),
            // Version 2 mounted, but nothing managed in it.
            (
                "12:pids:/docker/0123456789\n1:name=systemd:/docker/0123\n0::/\n",
                "/docker/0123",
            ),
            (
                "1:name=systemd:/system.slice/ssh.service\n",
                "/system.slice/ssh.service",
            ),
            // Without systemd.
            (
                "9:name=systemd:/\n4:memory:/lxc/web\n3:cpu:/\n0::/\n",
                "/lxc/web",
            ),
            ("0::/a:b:c\n", "/a:b:c"),
        ] {
            assert_eq!(
                of_process(text.as_bytes()).as_deref(),
                Some(cgroup),
                "{text}"
            );
        }
        assert_eq!(of_process(b""), None);
        assert_eq!(of_process(b"nonsense\n"), None);
        assert_eq!(of_process(b"0::/\xff").as_deref(), Some("/\u{fffd}"));
    }
}
