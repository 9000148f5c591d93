//! The cgroups of sockets and of their owners.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tcpentry::process::{CgroupPath, Cgroups, Owners};
use tcpentry_testkit::{isolated, skip, tcp};

use crate::util::{find, pair, pair_of};

/// A cgroup below the root of version 2, removed with this value.
struct Made {
    name: String,
    directory: PathBuf,
}

impl Made {
    /// Creates a cgroup; `None` where this caller may not make one.
    fn new(name: &str) -> Option<Self> {
        let name = format!("tcpentry-{name}-{}", std::process::id());
        ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
            .map(|mount| PathBuf::from(mount).join(&name))
            .into_iter()
            // Only a directory of a cgroup is born with files.
            .find(|directory| {
                fs::create_dir(directory).is_ok()
                    && (directory.join("cgroup.procs").exists() || {
                        let _ = fs::remove_dir(directory);
                        false
                    })
            })
            .map(|directory| Self { name, directory })
    }

    fn id(&self) -> u64 {
        fs::metadata(&self.directory).unwrap().ino()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.directory);
    }
}

#[test]
fn a_cgroup_made_since_is_found_and_one_removed_since_has_no_id() {
    let mut cgroups = Cgroups::new();
    assert_eq!(cgroups.path(u64::MAX - 1), None);
    let mut cgroups = Cgroups::new();
    let Some(first) = Made::new("first") else {
        skip!("no cgroup of version 2 can be made here");
    };
    assert!(
        cgroups
            .path(first.id())
            .unwrap()
            .as_str()
            .ends_with(&first.name)
    );
    let second = Made::new("second").unwrap();
    let (id, path) = (second.id(), format!("/{}", second.name));
    assert_eq!(
        cgroups.path(id).map(CgroupPath::as_str),
        Some(path.as_str())
    );
    assert_eq!(cgroups.id(&path).unwrap(), id);
    let directory = second.directory.display().to_string();
    assert_eq!(cgroups.id(&directory).unwrap(), id);
    drop(second);
    assert!(cgroups.id(&path).is_err());
    assert_eq!(Cgroups::new().path(id), None);
}

#[test]
fn a_socket_stays_in_the_cgroup_it_was_made_in() {
    isolated(|| {
        let Some(made) = Made::new("socket") else {
            skip!("no cgroup of version 2 can be made here");
        };
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let procs = made.directory.join("cgroup.procs");
        let root = made.directory.parent().unwrap().join("cgroup.procs");
        let script = format!(
            "echo $$ > {} && exec 3<>/dev/tcp/127.0.0.1/{port} && echo $$ > {} && echo . && read",
            procs.display(),
            root.display()
        );
        let mut child = Command::new("bash")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (_server, client) = listener.accept().unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let mut cgroups = Cgroups::new();
        let theirs = find(pair(client, listener.local_addr().unwrap()));
        assert_eq!(theirs.cgroup, Some(made.id()));
        assert!(!cgroups.is_of_owner(&theirs));
        let path = format!("/{}", made.name);
        let none = Owners::default();
        let found = cgroups.of(&theirs, &none);
        assert_eq!(found.map(CgroupPath::as_str), Some(path.as_str()));
        let _ = child.kill();
        let _ = child.wait();
    });
}

#[test]
fn where_nothing_is_managed_the_owner_decides() {
    isolated(|| {
        let ends = tcp::connected();
        let mine = find(pair_of(&ends.client));
        let mut cgroups = Cgroups::new();
        if !cgroups.is_of_owner(&mine) {
            skip!("version 2 manages the cgroups of this host");
        }
        assert_eq!(cgroups.of(&mine, &Owners::default()), None);
        let owners = Owners::search().with_cgroups().run().unwrap();
        let owner = owners.of(mine.inode.unwrap()).next().unwrap();
        let found = cgroups.of(&mine, &owners).map(CgroupPath::as_str);
        let path = owner.cgroup.as_ref().unwrap().as_path();
        assert_eq!(found, Some(path.as_str()));
        assert!(!path.is_ownership_unseen());
        let text = fs::read_to_string("/proc/self/cgroup").unwrap();
        assert!(text.contains(&format!(":{path}\n")));
    });
}
