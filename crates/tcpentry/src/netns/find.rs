//! The network namespaces of this system: all that a process, a thread or a name holds.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::num::NonZeroI32;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::child::MORE_PROCESSES;
use crate::error::ran_out;
use crate::error::{Error, ErrorKind, Operation};
use crate::escape::escape_for_terminal;
use crate::path;
use crate::privilege::more_rights;
use crate::process::Process;
use crate::process::container::Container;
use crate::process::hierarchy::Hierarchies;
use crate::process::mounts::Mounts;
use crate::process::proc::{FIRST, Opened, Proc, look_failed};

/// A network namespace, kept alive by this: its file of `nsfs` is open, so that its inode can't come to mean
/// another one.
///
/// ```
/// use tcpentry::netns::Namespace;
/// use tcpentry::TcpTable;
/// let here = Namespace::own()?;
/// let table = TcpTable::open_in(&here)?;
/// assert_eq!(table.netns(), TcpTable::open()?.netns());
/// # Ok::<(), tcpentry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Namespace {
    file: Arc<OwnedFd>,
    inode: u64,
    names: Vec<PathBuf>,
    processes: Vec<Process>,
    container: Option<Container>,
    /// The file of a process, or of a thread alone, by which it was found.
    of_process: Option<PathBuf>,
}

impl Namespace {
    /// Returns that of the calling thread.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn own() -> Result<Self, Error> {
        Self::at(Path::new(OWN), open)
    }

    /// Finds one by its name: one of iproute2's (`ip netns`, a file in `/run/netns`), the pid of a process in it, or the
    /// path of a file: `/run/netns/NAME`, `/proc/PID/ns/net`, a bind mount of it. Where there is none of these,
    /// the only one that [is called so](Self::matches_name), of [all](Namespaces::all), or else that has a process of the
    /// container of this name or id.
    ///
    /// # Errors
    /// `InvalidParameter` where there is no such thing, `AccessDenied` where it may not be looked at, or belongs to a process
    /// that is there and not shown.
    pub fn named(name: &str) -> Result<Self, Error> {
        // `docker://ID` is a container of kubectl's.
        if name.contains('/') && !name.contains("://") {
            return Self::at(Path::new(name), open_in_time);
        }
        let is_pid = is_number(name) && !name.is_empty();
        let named = Path::new(IPROUTE2).join(name);
        let found = if is_pid {
            let of_process = Self::at(Path::new(&format!("/proc/{name}/ns/net")), open);
            if of_process.is_ok() && path::look_up(&named, None).is_ok() {
                let cause = format!("`{name}` is both a name in `ip netns` and a pid");
                let paths =
                    format!("write the path instead: /run/netns/{name} or /proc/{name}/ns/net");
                return Err(
                    Error::new(Operation::Open, ErrorKind::InvalidParameter, cause)
                        .with_hint(paths),
                );
            }
            of_process
                .or_else(|error| Self::at(&named, open_in_time).map_err(|_| error))
                .map_err(|error| match name.parse() {
                    Ok(pid) if error.kind() == ErrorKind::InvalidParameter && is_hidden(pid) => {
                        not_shown(name)
                    }
                    _ => error,
                })
        } else {
            Self::at(&named, open_in_time)
        };
        match found {
            Err(error) if error.kind() == ErrorKind::InvalidParameter => {
                let all = Namespaces::all()?;
                let mut meant = all.found.clone();
                meant.retain(|it| it.matches_name(name));
                if meant.is_empty() {
                    meant = all.found;
                    meant.retain(|it| it.holds_container(name));
                }
                if meant.len() > 1 {
                    return Err(several(name, &meant));
                }
                match meant.pop() {
                    None if is_pid => Err(nothing_of_number(name, all.hidden.len())),
                    None => Err(error),
                    Some(only) => Ok(only),
                }
            }
            Ok(found) if !is_pid => match found.other_meaning(name) {
                Some(other) => Err(two_meanings(name, &other)),
                None => Ok(found),
            },
            found => found,
        }
    }

    /// Returns another namespace that is called as the name of `ip netns` is by which this was found. Where others can't be
    /// looked for, there is none.
    fn other_meaning(&self, name: &str) -> Option<Self> {
        let all = Namespaces::all().ok()?.found;
        let mut others = all.into_iter().filter(|it| it.inode != self.inode);
        others.find(|it| it.matches_name(name))
    }

    fn at(path: &Path, open: fn(&Path) -> Result<OwnedFd, Errno>) -> Result<Self, Error> {
        let shown = escape_for_terminal(path.as_os_str().as_encoded_bytes());
        let file = open(path).map_err(|errno| match errno {
            // The files of namespaces are opened through it.
            Errno::NOENT if !Path::new("/proc/self").exists() => {
                look_failed(Operation::Open, &format!("open {shown}"), errno)
            }
            Errno::NOENT | Errno::SRCH | Errno::NOTDIR => Error::new(
                Operation::Open,
                ErrorKind::InvalidParameter,
                format!("no network namespace `{shown}`"),
            )
            .with_hint("`ip netns` lists the named ones; a pid or the path of a file works, too"),
            Errno::ACCESS | Errno::PERM => Error::new(
                Operation::Open,
                ErrorKind::AccessDenied,
                format!("you are not permitted to look at `{shown}`"),
            )
            .with_errno(errno)
            .with_hint(more_rights()),
            Errno::TIMEDOUT => Error::new(
                Operation::Open,
                ErrorKind::Os,
                format!("the file system of `{shown}` does not answer"),
            )
            .with_errno(errno)
            .with_hint("name the network namespace by the pid of a process in it"),
            NOT_ONE => Error::new(
                Operation::Open,
                ErrorKind::InvalidParameter,
                format!("`{shown}` is not a network namespace"),
            ),
            Errno::AGAIN => Error::os(Operation::Open, &format!("open {shown}"), errno)
                .with_hint(MORE_PROCESSES),
            errno => Error::os(Operation::Open, &format!("open {shown}"), errno),
        })?;
        let inode = inode_of(&file).map_err(|errno| Error::os(Operation::Open, &shown, errno))?;
        let Some(inode) = inode else {
            return Err(Error::new(
                Operation::Open,
                ErrorKind::InvalidParameter,
                format!("`{shown}` is not a network namespace"),
            ));
        };
        let names = if path.starts_with("/proc") {
            Vec::new()
        } else {
            vec![path.to_owned()]
        };
        Ok(Self {
            file: Arc::new(file),
            inode,
            names,
            processes: Vec::new(),
            container: None,
            of_process: None,
        })
    }

    /// Returns the inode of its file, as `lsns` and `/proc/PID/ns/net` show it: reused once it has ended, but not while
    /// this is held.
    pub const fn inode(&self) -> u64 {
        self.inode
    }

    /// Returns the files that are mounts of it.
    pub fn files(&self) -> &[PathBuf] {
        &self.names
    }

    /// Returns the processes that have a thread in it, as far as they were looked for.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// Returns the container that the first of its processes belongs to.
    pub const fn container(&self) -> Option<&Container> {
        self.container.as_ref()
    }

    /// Returns the name that iproute2 knows it by.
    pub fn name(&self) -> Option<&str> {
        self.names.iter().find_map(|path| {
            let name = path
                .strip_prefix(IPROUTE2)
                .or_else(|_| path.strip_prefix(IPROUTE2_OLD));
            name.ok()?.to_str()
        })
    }

    /// Returns true when this names it: the text that is shown, the name of iproute2's, the inode (also as `net:[INODE]`), the pid of one of
    /// its processes, the path of one of its files, or the [container](Container::matches_name) in it. Digits alone are
    /// no container's.
    pub fn matches_name(&self, name: &str) -> bool {
        let pid = || {
            name.parse()
                .is_ok_and(|pid: i32| self.processes.iter().any(|it| it.pid() == pid))
        };
        let container = || {
            let container = self.container.as_ref().filter(|_| !is_number(name));
            container.is_some_and(|container| container.matches_name(name))
        };
        self.name() == Some(name)
            || self.inode.to_string() == name
            || format!("net:[{}]", self.inode) == name
            || self.names.iter().any(|path| path == Path::new(name))
            || pid()
            || self.to_string() == name
            || self.label() == name
            || container()
    }

    /// Returns true when one of its processes is of this container. Several containers share a namespace in a pod, and on the
    /// host's. Digits alone are no container's.
    fn holds_container(&self, name: &str) -> bool {
        let Ok(proc) = Proc::open() else {
            return false;
        };
        let (mut room, mut hierarchies) = (Vec::new(), Hierarchies::default());
        let mut is_of = |process: &Process| {
            let opened = NonZeroI32::new(process.pid()).and_then(|pid| proc.enter(pid).ok());
            let container =
                opened.and_then(|opened| container_of(&opened, &mut hierarchies, &mut room));
            container.is_some_and(|container| container.matches_name(name))
        };
        !is_number(name) && self.processes.iter().any(&mut is_of)
    }

    /// Returns its shortest name: that of iproute2, that of the container in it, a file, a process, or the inode. It is as
    /// others chose it; [`Display`](fmt::Display) escapes it for a terminal.
    pub fn label(&self) -> String {
        if let Some(name) = self.name() {
            name.to_owned()
        } else if let Some(container) = &self.container {
            container.to_string()
        } else if let Some(path) = self.names.first() {
            path.to_string_lossy().into_owned()
        } else if let Some(process) = self.processes.first() {
            format!("pid:{}", process.pid())
        } else {
            format!("net:[{}]", self.inode)
        }
    }

    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl fmt::Display for Namespace {
    /// Writes its [label](Self::label), escaped for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape_for_terminal(self.label().as_bytes()))
    }
}

/// The network namespaces of this system, as far as the caller may see them.
///
/// ```
/// use tcpentry::netns::Namespaces;
/// use tcpentry::{Query, TcpTable};
/// for namespace in Namespaces::all()?.found {
///     match TcpTable::open_in(&namespace) {
///         Ok(mut table) => println!("{namespace}: {}", table.connections(&Query::default())?.count()),
///         Err(error) => println!("{namespace}: {error}"),
///     }
/// }
/// # Ok::<(), tcpentry::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Namespaces {
    /// Each once; that of the calling thread first, the others in the order of their inodes.
    pub found: Vec<Namespace>,
    /// The processes whose namespaces may not be looked at: other users'.
    pub hidden: Vec<Process>,
    /// Set when there are processes of others that this `/proc` does not even show (`hidepid=2`).
    pub withheld: bool,
}

impl Namespaces {
    /// Finds all that a process, a thread, or a file that is mounted here holds.
    ///
    /// One that is only held by an open descriptor or a socket is not found.
    ///
    /// # Errors
    /// When `/proc` can't be read, or descriptors or memory run out.
    pub fn all() -> Result<Self, Error> {
        let mut search = NamespaceSearch::default();
        search.look().map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            look_failed(Operation::Open, "look for network namespaces", errno)
        })?;
        let own = Namespace::own()?.inode;
        let mut found: Vec<_> = search.found.into_values().collect();
        // Stable: the others stay in their order.
        found.sort_by_key(|namespace| namespace.inode != own);
        Ok(Self {
            found,
            hidden: search.hidden,
            withheld: !search.shows_first,
        })
    }
}

#[derive(Default)]
struct NamespaceSearch {
    found: BTreeMap<u64, Namespace>,
    hidden: Vec<Process>,
    shows_first: bool,
    hierarchies: Hierarchies,
    room: Vec<u8>,
}

impl NamespaceSearch {
    fn look(&mut self) -> io::Result<()> {
        let proc = Proc::open()?;
        let each = |pid: NonZeroI32| -> Result<ControlFlow<()>, Errno> {
            self.shows_first |= pid.get() == FIRST;
            match proc.enter(pid).and_then(|opened| self.look_into(&opened)) {
                Err(errno) if ran_out(errno) => Err(errno),
                // It has ended meanwhile.
                Ok(()) | Err(_) => Ok(ControlFlow::Continue(())),
            }
        };
        proc.each_pid(&mut Vec::new(), each)?;
        self.look_at_mounts()
    }

    fn look_into(&mut self, opened: &Opened) -> Result<(), Errno> {
        let mut held = Vec::new();
        let looked = opened.each_netns(&mut self.room, |inode, path| {
            if !held.iter().any(|(known, _)| *known == inode) {
                held.push((inode, path.to_owned()));
            }
        });
        if let Err(errno @ (Errno::ACCESS | Errno::PERM)) = looked {
            let stat = opened.stat(&mut self.room)?;
            if !stat.is_kernel_thread {
                self.hidden.push(stat.process);
                return Err(errno);
            }
        }
        if held.is_empty() {
            return Ok(());
        }
        let process = opened.stat(&mut self.room)?.process;
        for (inode, path) in held {
            if let Some(known) = self.found.get_mut(&inode) {
                known.processes.push(process);
                continue;
            }
            let file = match opened.open(&path) {
                Ok(file) => file,
                Err(errno) if ran_out(errno) => return Err(errno),
                // That thread has ended; others may hold more.
                Err(_) => continue,
            };
            // It may have entered another one since.
            let Some(inode) = inode_of(&file)? else {
                continue;
            };
            let container = container_of(opened, &mut self.hierarchies, &mut self.room);
            let namespace = self.add(inode, file);
            namespace.processes.push(process);
            let file = Path::new("/proc")
                .join(process.pid().to_string())
                .join(path);
            namespace.of_process.get_or_insert(file);
            namespace.container = namespace.container.take().or(container);
        }
        Ok(())
    }

    fn look_at_mounts(&mut self) -> io::Result<()> {
        let mounts = Mounts::read()?;
        for mount in mounts.of("nsfs") {
            if !mount.root.starts_with(b"net:[") {
                continue;
            }
            let may_not_answer = mounts.may_not_answer(&mount.point);
            let path = PathBuf::from(OsString::from_vec(mount.point));
            let opened = if may_not_answer {
                open_in_time(&path)
            } else {
                open(&path)
            };
            let file = match opened {
                Ok(file) => file,
                Err(errno) if ran_out(errno) => return Err(errno.into()),
                // Another mount may lie over it, or it is gone by now.
                Err(_) => continue,
            };
            if let Some(inode) = inode_of(&file)? {
                let namespace = self.add(inode, file);
                if !namespace.names.contains(&path) {
                    namespace.names.push(path);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, inode: u64, file: OwnedFd) -> &mut Namespace {
        self.found.entry(inode).or_insert_with(|| Namespace {
            file: Arc::new(file),
            inode,
            names: Vec::new(),
            processes: Vec::new(),
            container: None,
            of_process: None,
        })
    }
}

/// Makes the error of a name that several network namespaces have. Each has a file that no other has: of two threads of one
/// process each has its own.
fn several(name: &str, meant: &[Namespace]) -> Error {
    let cause = format!(
        "several network namespaces are called `{}`",
        escape_for_terminal(name.as_bytes())
    );
    let files = meant
        .iter()
        .filter_map(|it| it.names.first().or(it.of_process.as_ref()));
    let files: Vec<_> = files
        .take(MOST_NAMED)
        .map(|file| escape_for_terminal(file.as_os_str().as_encoded_bytes()))
        .collect();
    Error::new(Operation::Open, ErrorKind::InvalidParameter, cause)
        .with_hint(format!("name one by its file: {}", files.join(" or ")))
}

/// Makes the error of a name in `ip netns` by which another namespace is shown, or a container in it is known.
fn two_meanings(name: &str, other: &Namespace) -> Error {
    let name = escape_for_terminal(name.as_bytes());
    let cause = format!(
        "`{name}` is both a name in `ip netns` and that of another network namespace, `{other}`"
    );
    let file = other.names.first().or(other.of_process.as_ref());
    let or_other = file.map(|file| {
        let file = escape_for_terminal(file.as_os_str().as_encoded_bytes());
        format!(" or {file}")
    });
    Error::new(Operation::Open, ErrorKind::InvalidParameter, cause).with_hint(format!(
        "write the path instead: {IPROUTE2}/{name}{}",
        or_other.unwrap_or_default()
    ))
}

/// As many files of network namespaces are named in a hint.
const MOST_NAMED: usize = 3;

fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the container of a process; `None` also where nobody can see who gave it its name.
fn container_of(
    process: &Opened,
    hierarchies: &mut Hierarchies,
    room: &mut Vec<u8>,
) -> Option<Container> {
    let path = hierarchies.of_process(process.cgroups(room)?)?;
    let container = Container::from_cgroup(path.as_path())?;
    let is_certain = path
        .as_path()
        .holds(|path| Container::from_cgroup(path).as_ref() == Some(&container));
    (is_certain == Some(true)).then_some(container)
}

/// Returns true for a process that is there, but that this `/proc` does not show (`hidepid=2`): a signal would be refused.
fn is_hidden(pid: i32) -> bool {
    let pid = Pid::from_raw(pid);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(Errno::PERM))
}

fn not_shown(pid: &str) -> Error {
    let cause =
        format!("process {pid} is another user's, and this /proc does not show it (hidepid)");
    Error::new(Operation::Open, ErrorKind::AccessDenied, cause)
        .with_errno(Errno::PERM)
        .with_hint(more_rights())
}

/// Returns the inode of a namespace's file; `None` for any other file, and for a namespace of another kind.
fn inode_of(file: &OwnedFd) -> Result<Option<u64>, Errno> {
    if rustix::fs::fstatfs(file)?.f_type != NSFS_MAGIC {
        return Ok(None);
    }
    if crate::sys::namespace_kind(file)? != libc::CLONE_NEWNET {
        return Ok(None);
    }
    Ok(Some(rustix::fs::fstat(file)?.st_ino))
}

/// Opens what may be a namespace's file. Anything else is only looked at: opening a device can have an effect (a
/// watchdog starts to count), opening a pipe can wait, and root may have let others say which file it is.
fn open(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let seen = rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?;
    if rustix::fs::fstatfs(&seen)?.f_type != NSFS_MAGIC {
        return Ok(seen);
    }
    open_seen(&seen)
}

/// Opens what was only looked at.
fn open_seen(seen: &OwnedFd) -> Result<OwnedFd, Errno> {
    let itself = format!("/proc/self/fd/{}", seen.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::io::retry_on_intr(|| rustix::fs::open(&*itself, flags, Mode::empty()))
}

/// Opens a namespace's file whose path may lead anywhere: `ETIMEDOUT` where a file system on the way does not answer,
/// [`NOT_ONE`] for any other file.
fn open_in_time(path: &Path) -> Result<OwnedFd, Errno> {
    let seen = path::look_up(path, Some(NSFS_MAGIC))?.file;
    open_seen(&seen.ok_or(NOT_ONE)?)
}

/// Makes the error of a number that nothing has.
fn nothing_of_number(number: &str, hidden: usize) -> Error {
    let cause = format!(
        "no network namespace `{number}`: there is no process with this pid, and no visible namespace with this name or inode"
    );
    let error = Error::new(Operation::Open, ErrorKind::InvalidParameter, cause);
    match hidden {
        0 => error.with_hint("`ip netns` lists the named ones, `lsns -t net` those of processes"),
        1 => error.with_hint("the network namespace of 1 process is hidden from you"),
        _ => error.with_hint(format!(
            "the network namespaces of {hidden} processes are hidden from you"
        )),
    }
}

/// A file that is not a namespace.
const NOT_ONE: Errno = Errno::NOTTY;
const OWN: &str = "/proc/thread-self/ns/net";
/// The folder in which iproute2 mounts them.
const IPROUTE2: &str = "/run/netns";
const IPROUTE2_OLD: &str = "/var/run/netns";
/// `linux/magic.h`
const NSFS_MAGIC: rustix::fs::FsWord = 0x6e73_6673;
