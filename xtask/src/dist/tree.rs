//! Debian trees: made once with the packages that a step needs, and entered through an overlay, so that they stay as they
//! are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command;
use crate::machine;

/// The contents of a tree.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) suite: &'static str,
    /// Set where the packages of the security archive are wanted, some of which are in it alone.
    pub(super) has_security: bool,
    /// The architectures of its packages, that of this machine first.
    pub(super) architectures: &'static str,
    /// The packages beside the essential ones.
    pub(super) packages: &'static str,
}

/// A Debian tree.
pub(super) struct Tree(PathBuf);

impl Tree {
    /// Returns the tree of this kind below a folder, made unless it is there.
    pub(super) fn made(folder: &Path, kind: &Kind, mirror: Option<&str>) -> Result<Self> {
        let root = folder.join(kind.name);
        let contents = folder.join(format!("{}.contents", kind.name));
        let wanted = format!("{} {} {}\n", kind.suite, kind.architectures, kind.packages);
        if fs::read_to_string(&contents).is_ok_and(|made| made == wanted) {
            return Ok(Self(root));
        }
        remove(&root)?;
        fs::create_dir_all(folder)?;
        // Where its half has come, it comes whole.
        let half = folder.join(format!("{}.new", kind.name));
        remove(&half)?;
        let mut make = command::program(["unshare", "-m", "mmdebstrap"]);
        // It binds this machine's /dev and /sys into the tree: in a namespace of its own, so that none is left there if it is
        // interrupted, for a removal to go into.
        make.arg("--variant=minbase")
            .arg(format!("--architectures={}", kind.architectures))
            .arg(format!("--include={}", kind.packages))
            .arg(kind.suite)
            .arg(&half)
            .arg(machine::source(kind.suite, mirror)?);
        if kind.has_security {
            make.arg(machine::security_source(kind.suite, mirror)?);
        }
        command::run(&mut make)?;
        fs::rename(&half, &root)?;
        fs::write(&contents, wanted)?;
        Ok(Self(root))
    }

    /// Returns the path here of a file of the tree.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Runs a command in the tree, without a network. Its changes are lost when it ends: what is to be kept is written into a
    /// folder of this machine, each of which stands before its place in the tree. The title is what is printed of it.
    pub(super) fn run(&self, title: &str, folders: &[(&Path, &str)], words: &[&str]) -> Result<()> {
        println!("+ in {}: {title}", self.0.display());
        let mut command = command::program(UNSHARE);
        command.args(["sh", "-c", ENTER, "sh"]).arg(&self.0);
        for (folder, place) in folders {
            command.arg(folder).arg(place);
        }
        let status = command.arg("--").args(words).status();
        let status = status.context("cannot run unshare")?;
        if !status.success() {
            bail!("{status}: in {}: {title}", self.0.display());
        }
        Ok(())
    }
}

/// Removes a tree, but nothing of what might be mounted in it.
fn remove(root: &Path) -> Result<()> {
    let mut remove = command::program(["rm", "-rf", "--one-file-system", "--"]);
    command::run(remove.arg(root))
}

const UNSHARE: [&str; 9] = [
    "unshare",
    "-n",
    "-m",
    "-p",
    "-f",
    "-u",
    "-i",
    "--kill-child",
    "--",
];

/// The script that enters a tree: its root, pairs of a folder and its place, `--`, and the command.
const ENTER: &str = r#"set -e
root=$1; shift
mount -t tmpfs tmpfs /run
mkdir /run/upper /run/work /run/tree
mount -t overlay -o "lowerdir=$root,upperdir=/run/upper,workdir=/run/work" overlay /run/tree
while [ "$1" != -- ]; do
  mkdir -p "/run/tree$2"; mount --bind "$1" "/run/tree$2"; shift 2
done
shift
mount -t proc proc /run/tree/proc
mount --rbind /dev /run/tree/dev
mount -t sysfs sysfs /run/tree/sys
hostname tcpentry; echo 127.0.0.1 localhost tcpentry >/run/tree/etc/hosts
ip link set lo up
# Not chroot: what runs containers in the tree changes the root itself.
cd /run/tree
pivot_root . mnt
umount -l /mnt
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  HOME=/root LC_ALL=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive "$@""#;
