//! Mounts: `/proc/thread-self/mountinfo`, proc(5).

use std::fs;
use std::io;
use std::str;

use super::unescape::unescape_octal;

/// The mounts of this thread's mount namespace, as text.
pub(crate) struct Mounts(Vec<u8>);

/// A mount.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mount {
    /// The mounted part of the file system.
    pub(crate) root: Vec<u8>,
    /// The mount point.
    pub(crate) point: Vec<u8>,
}

/// A mount of a hierarchy of cgroups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CgroupMount {
    /// The topmost cgroup that is mounted.
    pub(crate) root: Vec<u8>,
    pub(crate) point: Vec<u8>,
    /// The numbers of its device, which no other file system has.
    pub(crate) device: (u32, u32),
    /// The options of the file system, of which some are controllers; `None` for version 2.
    options: Option<Vec<u8>>,
}

impl CgroupMount {
    /// Returns true if this is the hierarchy of these controllers, as `/proc/PID/cgroup` has them; version 2 has none.
    pub(crate) fn is_of(&self, controllers: &[u8]) -> bool {
        let is_comma = |&byte: &u8| byte == b',';
        match &self.options {
            None => controllers.is_empty(),
            Some(_) if controllers.is_empty() => false,
            Some(options) => controllers
                .split(is_comma)
                .all(|controller| options.split(is_comma).any(|it| it == controller)),
        }
    }
}

impl From<Vec<u8>> for Mounts {
    /// Takes the text of a `mountinfo`.
    fn from(text: Vec<u8>) -> Self {
        Self(text)
    }
}

impl Mounts {
    /// Reads them.
    pub(crate) fn read() -> io::Result<Self> {
        fs::read("/proc/thread-self/mountinfo").map(Self)
    }

    /// Returns true where the path of a mount may lead through a file system that others serve, and that may not answer.
    pub(crate) fn may_not_answer(&self, point: &[u8]) -> bool {
        let above = |mount: &Mount| {
            let below = point.strip_prefix(&*mount.point);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        let lines = self.0.split(|&byte| byte == b'\n');
        lines
            .filter_map(|line| mount_if(line, |kind| SERVED.iter().any(|it| kind.starts_with(it))))
            .any(|mount| above(&mount))
    }

    /// Returns those of hierarchies of cgroups.
    pub(crate) fn of_cgroups(&self) -> impl Iterator<Item = CgroupMount> {
        let lines = self.0.split(|&byte| byte == b'\n');
        lines.filter_map(cgroup_mount_of)
    }

    /// Returns those of one kind of file system, in the order in which they were mounted.
    pub(crate) fn of(&self, kind: &str) -> impl Iterator<Item = Mount> {
        let lines = self.0.split(|&byte| byte == b'\n');
        lines.filter_map(move |line| mount_of(line, kind.as_bytes()))
    }
}

/// Parses a line, where it is of a hierarchy of cgroups.
pub(crate) fn cgroup_mount_of(line: &[u8]) -> Option<CgroupMount> {
    let mount = mount_if(line, |kind| kind == b"cgroup" || kind == b"cgroup2")?;
    let mut fields = line.split(|&byte| byte == b' ');
    let (major, minor) = str::from_utf8(fields.nth(2)?).ok()?.split_once(':')?;
    let mut behind = fields.skip_while(|&field| field != b"-").skip(1);
    let is_version_2 = behind.next()? == b"cgroup2";
    // The source, which may be missing its text but not its place.
    let options = behind.nth(1)?;
    Some(CgroupMount {
        root: mount.root,
        point: mount.point,
        device: (major.parse().ok()?, minor.parse().ok()?),
        options: (!is_version_2).then(|| options.to_vec()),
    })
}

/// Parses a line, where it is one of this kind of file system.
pub(crate) fn mount_of(line: &[u8], kind: &[u8]) -> Option<Mount> {
    mount_if(line, |found| found == kind)
}

fn mount_if(line: &[u8], is_meant: impl Fn(&[u8]) -> bool) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let root = fields.nth(3)?;
    let point = fields.next()?;
    // Behind a number of optional fields, and a hyphen.
    let found = fields.skip_while(|&field| field != b"-").nth(1)?;
    is_meant(found).then(|| Mount {
        root: unescape_octal(root),
        point: unescape_octal(point),
    })
}

/// The beginnings of the kinds of file systems that a program or another host serves.
const SERVED: [&[u8]; 8] = [
    b"fuse", b"nfs", b"cifs", b"smb", b"9p", b"ceph", b"afs", b"autofs",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_below_a_file_system_that_is_served_may_not_answer() {
        let mounts = Mounts(
            b"1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / /run/netns rw - fuse.x x rw\n3 1 0:3 / /home rw - nfs4 x rw\n"
                .to_vec(),
        );
        for (path, may) in [
            ("/run/netns/blue", true),
            ("/run/netns", true),
            ("/run/netns2/blue", false),
            ("/home/x", true),
            ("/run", false),
        ] {
            assert_eq!(mounts.may_not_answer(path.as_bytes()), may, "{path}");
        }
    }

    #[test]
    fn hierarchies_of_cgroups() {
        let mount = |line: &str| cgroup_mount_of(line.as_bytes());
        let v1 = mount(
            "36 24 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct",
        );
        let v1 = v1.unwrap();
        assert_eq!((v1.device, &*v1.root), ((0, 31), &b"/"[..]));
        assert!(v1.is_of(b"cpu,cpuacct") && v1.is_of(b"cpuacct,cpu"));
        for other in [&b""[..], b"cpuset", b"cpu,memory", b"name=cpu"] {
            assert!(!v1.is_of(other));
        }
        let named = mount("40 31 0:37 /a /s rw - cgroup none rw,xattr,name=systemd").unwrap();
        assert!(named.is_of(b"name=systemd") && !named.is_of(b"systemd"));
        let v2 = mount("41 31 0:38 / /u rw - cgroup2 none rw,nsdelegate").unwrap();
        assert!(v2.is_of(b"") && !v2.is_of(b"nsdelegate"));
        assert_eq!(mount("41 31 0:38 / /u rw - tmpfs cgroup2 rw"), None);
        assert_eq!(mount("41 31 0:38 / /u rw - cgroup2"), None);
        assert_eq!(mount(""), None);
    }

    #[test]
    fn lines_of_mountinfo() {
        let of = |line: &str, kind: &str| {
            let mount = mount_of(line.as_bytes(), kind.as_bytes())?;
            let text = |bytes| String::from_utf8(bytes).unwrap();
            Some((text(mount.root), text(mount.point)))
        };
        let found = |root: &str, point: &str| Some((root.to_owned(), point.to_owned()));
        assert_eq!(
            of(
                "35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate",
                "cgroup2"
            ),
            found("/", "/sys/fs/cgroup")
        );
        assert_eq!(
            of(
                "60 50 0:42 /../.. /sys/fs/my\\040cgroup\\134 rw - cgroup2 none rw",
                "cgroup2"
            ),
            found("/../..", "/sys/fs/my cgroup\\")
        );
        assert_eq!(
            of(
                "201 25 0:4 net:[4026532281] /run/netns/blue rw shared:100 - nsfs nsfs rw",
                "nsfs"
            ),
            found("net:[4026532281]", "/run/netns/blue")
        );
        let other = "36 24 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
        assert_eq!(of(other, "cgroup2"), None);
        let named = "36 24 0:31 / /cgroup2 rw shared:1 - tmpfs cgroup2 rw";
        assert_eq!(of(named, "cgroup2"), None);
        assert_eq!(of("", "cgroup2"), None);
        assert_eq!(
            of("1 2 3 \\9 \\04 rw - nsfs x", "nsfs"),
            found("\\9", "\\04")
        );
    }
}
