//! Cgroups of version 2, and sockets that belong to them.
//!
//! A socket belongs to the cgroup of the task that made it, and a thread can't leave its process's
//! cgroup: so they are made by a child.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::pipe::PipeFlags;
use rustix::process::WaitOptions;
use socket2::{Domain, Socket};

use crate::sys;

/// A cgroup of a test, removed when dropped.
#[derive(Debug)]
pub struct Cgroup {
    folder: PathBuf,
    path: String,
    id: u64,
}

impl Cgroup {
    /// Creates a cgroup below this process's own; the error says why none can be created here.
    pub fn fresh(name: &str) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (mount, own) = (mount()?, own()?);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let parent = format!("tcpentry-{}-{number}.slice", std::process::id());
        let path = format!("{}/{parent}/{name}", own.trim_end_matches('/'));
        let folder = mount.join(&path[1..]);
        fs::create_dir_all(&folder)?;
        let mut cgroup = Self {
            folder,
            path,
            id: 0,
        };
        cgroup.id = fs::metadata(&cgroup.folder)?.ino();
        // To be allowed to make it is not to be allowed to enter it.
        cgroup.sockets(Domain::IPV4, 1)?;
        Ok(cgroup)
    }

    /// Returns its folder, as `ss` takes it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns its path from the root of the hierarchy, as in `/proc/PID/cgroup`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns its id: the folder's inode.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Creates TCP sockets that belong to it.
    pub fn sockets(&self, domain: Domain, count: usize) -> io::Result<Vec<Socket>> {
        let procs = File::options()
            .write(true)
            .open(self.folder.join("cgroup.procs"))?;
        let (numbers, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let child = sys::fork_maker(procs.as_fd(), writer.as_fd(), domain.into(), count)?;
        // It has ended before this end of the pipe is closed, which is its own too. What it says
        // fits: a pipe holds the numbers of 16384 sockets.
        rustix::process::waitpid(Some(child), WaitOptions::empty())?;
        drop(writer);
        let mut bytes = Vec::new();
        File::from(numbers).read_to_end(&mut bytes)?;
        let sockets: Vec<Socket> = bytes
            .chunks_exact(4)
            .map(|number| i32::from_ne_bytes(number.try_into().expect("they are four")))
            .map(|number| sys::made_for_us(number).into())
            .collect();
        if sockets.len() == count {
            Ok(sockets)
        } else {
            Err(io::Error::other("no process may be moved there"))
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Sockets may outlive it; nobody is inside any more.
        remove_with_all_below(&self.folder);
        if let Some(parent) = self.folder.parent() {
            let _ = fs::remove_dir(parent);
        }
    }
}

fn remove_with_all_below(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_with_all_below(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

/// Returns the folder where the hierarchy of version 2 is mounted.
fn mount() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let find = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let folder = words.next()?;
        (words.next()? == "cgroup2").then(|| PathBuf::from(folder))
    };
    mounts
        .lines()
        .find_map(find)
        .ok_or_else(|| io::Error::other("no hierarchy of version 2 is mounted"))
}

/// Returns this process's own cgroup, from the root of the hierarchy.
fn own() -> io::Result<String> {
    let text = fs::read_to_string("/proc/self/cgroup")?;
    let find = |line: &str| line.strip_prefix("0::").map(str::to_owned);
    text.lines()
        .find_map(find)
        .ok_or_else(|| io::Error::other("this process is in none of version 2"))
}
