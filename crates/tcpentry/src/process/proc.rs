//! The files of `/proc/PID`.
//!
//! Every file of it may vanish between two looks; whatever can't be read is simply not known.

use std::ffi::CStr;
use std::io::Write as _;
use std::num::NonZeroI32;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::str;

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, SeekFrom, readlinkat_raw};
use rustix::io::{Errno, retry_on_intr};
use rustix::path::{Arg, DecInt};

use super::directory::{ROOM, each_entry, open_directory};
use super::pid::Process;
use super::table_limits::TableLimits;
use crate::connection::Inode;
use crate::error::{Error, Operation, ran_out};

/// Creates the error of a look through `/proc` that failed: where there is none, with what brings it.
pub(crate) fn look_failed(operation: Operation, doing: &str, errno: Errno) -> Error {
    let error = Error::os(operation, doing, errno);
    if Path::new("/proc/self").exists() {
        error
    } else {
        error.with_hint(MOUNT_PROC)
    }
}

/// The way out where no `/proc` is mounted, or a part of it only.
pub(crate) const MOUNT_PROC: &str =
    "as root: mount -t proc proc /proc; in a systemd unit: ProcSubset=all";

/// `/proc`, opened.
pub(crate) struct Proc(OwnedFd);

impl Proc {
    pub(crate) fn open() -> Result<Self, Errno> {
        open_directory(CWD, c"/proc").map(Self)
    }

    /// Calls with each pid that is shown, in ascending order, until one breaks it off.
    pub(crate) fn each_pid<B>(
        &self,
        room: &mut Vec<u8>,
        mut visit: impl FnMut(NonZeroI32) -> Result<ControlFlow<B>, Errno>,
    ) -> Result<Option<B>, Errno> {
        // Opened again: a descriptor of a directory is read once.
        let directory = open_directory(&self.0, c".")?;
        each_entry(&directory, room, |entry| {
            match number(entry.file_name()).and_then(NonZeroI32::new) {
                Some(pid) if entry.file_type() == FileType::Directory => visit(pid),
                _ => Ok(ControlFlow::Continue(())),
            }
        })
    }

    /// Returns the pids that are shown, in ascending order.
    pub(crate) fn pids(&self) -> Result<Vec<NonZeroI32>, Errno> {
        let mut pids = Vec::new();
        self.each_pid(&mut Vec::new(), |pid| -> Result<ControlFlow<()>, Errno> {
            pids.push(pid);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(pids)
    }

    /// Reads the name of a process as far as the kernel keeps it, opened by its pid alone.
    pub(super) fn comm<'a>(
        &self,
        pid: NonZeroI32,
        room: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Errno> {
        let file = open_file(&self.0, &*format!("{pid}/comm"))?;
        room.clear();
        // The whole of it comes at once; that of a kernel thread can be longer.
        room.reserve(64 + 1);
        retry_on_intr(|| rustix::io::read(&file, spare_capacity(room)))?;
        Ok(room.strip_suffix(b"\n").unwrap_or(room))
    }

    /// Opens the directory of a process.
    pub(crate) fn enter(&self, pid: NonZeroI32) -> Result<Opened, Errno> {
        let directory = open_directory(&self.0, DecInt::new(pid.get()).as_c_str())?;
        Ok(Opened { pid, directory })
    }

    /// Returns the process of a pid, as far as it may be known.
    pub(super) fn process(&self, pid: NonZeroI32) -> Result<Process, Errno> {
        match self.enter(pid) {
            Ok(opened) => Ok(opened.stat(&mut Vec::new())?.process),
            Err(Errno::ACCESS | Errno::PERM) => Ok(Process::hidden(pid)),
            Err(errno) => Err(errno),
        }
    }

    /// Checks that it shows this process, as a `/proc` of its pid namespace does.
    pub(super) fn shows_this_one(&self) -> Result<(), Errno> {
        rustix::fs::statat(&self.0, c"self", AtFlags::empty()).map(|_| ())
    }
}

/// One process, for as long as this is held: whatever is read through its directory is of that process
/// or fails with `ESRCH`, also when its pid means another one by now (Linux 6.18, measured).
pub(crate) struct Opened {
    pid: NonZeroI32,
    pub(super) directory: OwnedFd,
}

impl Opened {
    pub(crate) const fn pid(&self) -> i32 {
        self.pid.get()
    }

    /// Reads `/proc/PID/stat`.
    pub(crate) fn stat(&self, room: &mut Vec<u8>) -> Result<Stat, Errno> {
        let text = self.read(c"stat", room)?;
        let (state, flags, start) = state_flags_and_start(text).ok_or(Errno::PROTO)?;
        Ok(Stat {
            process: Process {
                pid: self.pid,
                start,
            },
            is_kernel_thread: flags & PF_KTHREAD != 0,
            has_ended: matches!(state, "Z" | "X"),
        })
    }

    /// Reads its name: [`Process::name`].
    pub(crate) fn name(&self, room: &mut Vec<u8>) -> Result<Vec<u8>, Errno> {
        let text = self.read(c"comm", room)?;
        let name = text.strip_suffix(b"\n").unwrap_or(text).to_vec();
        if name.len() != Process::LONGEST_COMM {
            return Ok(name);
        }
        let whole = self.executable(room).ok();
        let whole = whole.and_then(|path| whole_name(&name, path).map(<[u8]>::to_vec));
        Ok(whole.unwrap_or(name))
    }

    /// Returns true where its name may be the beginning of a longer one that the caller may not see.
    pub(crate) fn is_name_cut(&self, name: &[u8], room: &mut Vec<u8>) -> bool {
        name.len() == Process::LONGEST_COMM
            && matches!(self.executable(room), Err(Errno::ACCESS | Errno::PERM))
    }

    /// Reads the path of its executable, the target of `/proc/PID/exe`.
    ///
    /// Neither this nor what else is read to judge a process takes its `mmap_lock`, unlike `cmdline` and `environ`.
    pub(crate) fn executable<'a>(&self, room: &'a mut Vec<u8>) -> Result<&'a [u8], Errno> {
        match self.read_link(c"exe", room) {
            // That of a process whose first thread has ended is shown by the others.
            Err(Errno::NOENT) => {
                let mut threads = Vec::new();
                self.each_thread(room, |tid| {
                    threads.push(tid);
                    Ok(())
                })?;
                let mut threads = threads.into_iter();
                let found =
                    threads.find(|tid| self.read_link(&*format!("task/{tid}/exe"), room).is_ok());
                found.ok_or(Errno::NOENT)?;
            }
            read => read?,
        }
        Ok(room.strip_suffix(DELETED).unwrap_or(room))
    }

    fn read_link(&self, path: impl Arg + Copy, room: &mut Vec<u8>) -> Result<(), Errno> {
        room.clear();
        room.reserve(LONGEST_PATH);
        retry_on_intr(|| readlinkat_raw(&self.directory, path, spare_capacity(room)))?;
        Ok(())
    }

    /// Reads the real user.
    pub(crate) fn uid(&self, room: &mut Vec<u8>) -> Option<u32> {
        self.status(room, "Uid:")
    }

    pub(super) fn parent(&self, room: &mut Vec<u8>) -> Option<i32> {
        self.status(room, "PPid:")
    }

    /// Reads the number behind a key of `/proc/PID/status`.
    fn status<T: str::FromStr>(&self, room: &mut Vec<u8>, key: &str) -> Option<T> {
        status_field(self.read(c"status", room).ok()?, key)
    }

    /// Reads `/proc/PID/cgroup`.
    pub(crate) fn cgroups<'a>(&self, room: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        self.read(c"cgroup", room).ok()
    }

    /// Returns true if this descriptor is the socket of this inode.
    pub(crate) fn holds(&self, descriptor: Descriptor, inode: Inode) -> bool {
        let mut path = [0; LONGEST_DESCRIPTOR];
        let mut link = [0; LONGEST_LINK];
        let Some(path) = descriptor.path(&mut path) else {
            return false;
        };
        let length = retry_on_intr(|| readlinkat_raw(&self.directory, path, &mut link[..]));
        length.is_ok_and(|length| socket_inode(&link[..length]) == Some(inode))
    }

    /// Calls with each descriptor that is a socket, and its inode, until one breaks it off: those of the process, then
    /// those of threads that have a table to themselves, as far as the limits allow.
    ///
    /// `EACCES` or `EPERM` where they may not be seen.
    pub(crate) fn each_socket<B>(
        &self,
        room: &mut Vec<u8>,
        limits: &mut TableLimits,
        mut visit: impl FnMut(Descriptor, Inode) -> ControlFlow<B>,
    ) -> Result<Option<B>, Errno> {
        limits.next();
        let mut is_empty = true;
        let visited = self.each_socket_of(c"fd", None, room, &mut |descriptor, inode| {
            is_empty = false;
            visit(descriptor, inode)
        });
        match visited {
            Ok(None) => {}
            // The first thread has ended, and holds nothing any more.
            Err(errno) if is_denied(errno) && self.stat(room)?.has_ended => {}
            // How a directory of descriptors says that the process has ended.
            Err(Errno::NOENT) => return Err(Errno::SRCH),
            visited => return visited,
        }
        self.each_socket_of_threads(is_empty, room, limits, visit)
    }

    /// Calls with each socket in one of its directories of descriptors.
    pub(super) fn each_socket_of<B>(
        &self,
        path: impl Arg + Copy,
        thread: Option<NonZeroI32>,
        room: &mut Vec<u8>,
        visit: &mut impl FnMut(Descriptor, Inode) -> ControlFlow<B>,
    ) -> Result<Option<B>, Errno> {
        let descriptors = open_directory(&self.directory, path)?;
        let mut link = [0; LONGEST_LINK];
        // Returns `None` for a number that is not open, or no longer.
        let mut look = |number: i32, name: &CStr| {
            match retry_on_intr(|| readlinkat_raw(&descriptors, name, &mut link[..])) {
                Ok(length) => Ok(Some(match socket_inode(&link[..length]) {
                    Some(inode) => visit(Descriptor { thread, number }, inode),
                    None => ControlFlow::Continue(()),
                })),
                // Its owner may list the descriptors of a process that has more capabilities than the owner,
                // but not look at them.
                Err(errno @ (Errno::ACCESS | Errno::PERM)) => Err(errno),
                Err(errno) if ran_out(errno) => Err(errno),
                Err(_) => Ok(None),
            }
        };
        // A list of many costs as much again as to look at each, and numbers are given out from the lowest on: they are
        // tried without one until all are found, or while at least half of them are open.
        let open = i32::try_from(rustix::fs::fstat(&descriptors)?.st_size).unwrap_or(0);
        let (mut tried, mut found) = (0, 0);
        if open >= WORTH_TRYING {
            while found < open && tried - found <= found.max(WORTH_TRYING) {
                match look(tried, DecInt::new(tried).as_c_str())? {
                    Some(ControlFlow::Break(value)) => return Ok(Some(value)),
                    Some(ControlFlow::Continue(())) => found += 1,
                    None => {}
                }
                tried += 1;
            }
            // The rest is listed: the place of number N in the directory is N + 2, behind `.` and `..`.
            let place = u64::from(tried.unsigned_abs()) + 2;
            rustix::fs::seek(&descriptors, SeekFrom::Start(place))?;
        }
        each_entry(&descriptors, room, |entry| {
            let name = entry.file_name();
            match number(name) {
                Some(number) if entry.file_type() == FileType::Symlink => {
                    Ok(look(number, name)?.unwrap_or(ControlFlow::Continue(())))
                }
                _ => Ok(ControlFlow::Continue(())),
            }
        })
    }

    /// Calls with the inode of the network namespace of each of its threads, perhaps repeatedly, and the file below its
    /// directory that is that namespace.
    ///
    /// `EACCES` or `EPERM` where they may not be seen.
    pub(crate) fn each_netns(
        &self,
        room: &mut Vec<u8>,
        mut visit: impl FnMut(u64, &Path),
    ) -> Result<(), Errno> {
        let mut link = [0; LONGEST_LINK];
        let mut look = |path: &Path| -> Result<(), Errno> {
            match retry_on_intr(|| readlinkat_raw(&self.directory, path, &mut link[..])) {
                Ok(length) => {
                    if let Some(inode) = netns_inode(&link[..length]) {
                        visit(inode, path);
                    }
                    Ok(())
                }
                Err(errno @ (Errno::ACCESS | Errno::PERM)) => Err(errno),
                // A thread that has ended meanwhile holds nothing.
                Err(_) => Ok(()),
            }
        };
        look(Path::new("ns/net"))?;
        self.each_thread(room, |tid| {
            let looked = look(Path::new(&format!("task/{tid}/ns/net")));
            self.unless_ended(tid, looked)
        })
    }

    /// Opens one of its files.
    pub(crate) fn open(&self, path: &Path) -> Result<OwnedFd, Errno> {
        open_file(&self.directory, path)
    }

    /// Reads one of its files.
    pub(super) fn read<'a>(
        &self,
        file: impl Arg + Copy,
        room: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Errno> {
        let file = open_file(&self.directory, file)?;
        room.clear();
        room.reserve(ROOM);
        while room.len() < room.capacity() {
            if retry_on_intr(|| rustix::io::read(&file, spare_capacity(room)))? == 0 {
                break;
            }
        }
        Ok(room)
    }
}

/// The fields of `/proc/PID/stat` that are used.
pub(crate) struct Stat {
    pub(crate) process: Process,
    /// True of a thread of the kernel: it has no descriptors, whether they may be seen or not.
    pub(crate) is_kernel_thread: bool,
    /// True where its first thread has ended; others may go on.
    pub(crate) has_ended: bool,
}

/// A descriptor of a process. In order, those of one table are together, and the process's are first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Descriptor {
    /// The thread in whose table it is; `None` in that of the first, which most share.
    pub(crate) thread: Option<NonZeroI32>,
    pub(crate) number: i32,
}

impl Descriptor {
    /// Writes its path below the directory of its process, without an allocation.
    fn path(self, room: &mut [u8; LONGEST_DESCRIPTOR]) -> Option<&CStr> {
        let number = self.number;
        let mut rest = &mut room[..];
        match self.thread {
            Some(thread) => write!(rest, "task/{thread}/fd/{number}\0"),
            None => write!(rest, "fd/{number}\0"),
        }
        .ok()?;
        CStr::from_bytes_until_nul(room).ok()
    }
}

/// Calls `look` with one process, opened or, where that is not permitted, by its pid; skips one that has ended meanwhile.
pub(super) fn look<B>(
    proc: &Proc,
    pid: NonZeroI32,
    look: impl FnOnce(Result<Opened, Process>) -> Result<ControlFlow<B>, Errno>,
) -> Result<ControlFlow<B>, Errno> {
    let looked = match proc.enter(pid) {
        Ok(opened) => look(Ok(opened)),
        Err(errno) if is_denied(errno) => look(Err(Process::hidden(pid))),
        Err(errno) => Err(errno),
    };
    match looked {
        Err(errno) if !ran_out(errno) => Ok(ControlFlow::Continue(())),
        looked => looked,
    }
}

pub(super) const fn is_denied(errno: Errno) -> bool {
    matches!(errno, Errno::ACCESS | Errno::PERM)
}

fn open_file(at: impl AsFd, path: impl Arg + Copy) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    retry_on_intr(|| rustix::fs::openat(&at, path, flags, Mode::empty()))
}

pub(super) fn number(name: &CStr) -> Option<i32> {
    name.to_str().ok()?.parse().ok()
}

/// Parses the first number of a line of `/proc/PID/status`.
pub(crate) fn status_field<T: str::FromStr>(text: &[u8], key: &str) -> Option<T> {
    // The name line comes first and may hold anything but a newline, which is escaped there.
    let mut lines = text.split(|&byte| byte == b'\n').skip(1);
    let value = lines.find_map(|line| line.strip_prefix(key.as_bytes()))?;
    let value = str::from_utf8(value).ok()?;
    value.split_ascii_whitespace().next()?.parse().ok()
}

/// Parses `net:[N]`.
pub(crate) fn netns_inode(link: &[u8]) -> Option<u64> {
    let number = link.strip_prefix(b"net:[")?.strip_suffix(b"]")?;
    str::from_utf8(number).ok()?.parse().ok()
}

/// Parses `socket:[N]`.
pub(crate) fn socket_inode(link: &[u8]) -> Option<Inode> {
    let number = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    Inode::new(str::from_utf8(number).ok()?.parse().ok()?)
}

/// Parses the fields 3, 9 and 22 of `/proc/PID/stat`.
pub(crate) fn state_flags_and_start(stat: &[u8]) -> Option<(&str, u32, u64)> {
    // The name may hold spaces, parentheses and newlines; nothing behind its last parenthesis does.
    let behind = stat.iter().rposition(|&byte| byte == b')')?;
    let fields = str::from_utf8(stat.get(behind + 1..)?).ok()?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let flags = fields.nth(9 - 3 - 1)?.parse().ok()?;
    let start = fields.nth(22 - 9 - 1)?.parse().ok()?;
    Some((state, flags, start))
}

/// Returns the name that the kernel has cut off, from the path of the executable.
pub(crate) fn whole_name<'a>(name: &[u8], executable: &'a [u8]) -> Option<&'a [u8]> {
    let base = executable.rsplit(|&byte| byte == b'/').next()?;
    (base.starts_with(name) && base.len() <= LONGEST_FILE_NAME).then_some(base)
}

/// The process whose end is that of its pid namespace.
pub(crate) const FIRST: i32 = 1;
/// `PATH_MAX`
const LONGEST_PATH: usize = 4096;
/// The suffix that the kernel adds to the path of a file that was removed or replaced.
const DELETED: &[u8] = b" (deleted)";
/// `NAME_MAX`
const LONGEST_FILE_NAME: usize = 255;
/// `socket:[4294967295]` is 19 bytes; whatever is longer is not a socket.
const LONGEST_LINK: usize = 32;
/// `task/2147483647/fd/2147483647` and a NUL, with room to spare.
const LONGEST_DESCRIPTOR: usize = 32;
/// The number of open descriptors from which on they are tried instead of listed. `st_size` of `/proc/PID/fd` has it
/// since Linux 6.2; before, that is 0.
const WORTH_TRYING: i32 = 64;
/// `linux/sched.h`
const PF_KTHREAD: u32 = 0x0020_0000;

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn paths_of_descriptors() {
        let path = |number, thread| {
            let mut room = [0; LONGEST_DESCRIPTOR];
            let thread = NonZeroI32::new(thread);
            let descriptor = Descriptor { thread, number };
            descriptor.path(&mut room).map(CStr::to_owned)
        };
        assert_eq!(path(0, 0).as_deref(), Some(c"fd/0"));
        assert_eq!(path(7, 4711).as_deref(), Some(c"task/4711/fd/7"));
        let longest = path(i32::MAX, i32::MAX);
        assert_eq!(longest.as_deref(), Some(c"task/2147483647/fd/2147483647"));
    }

    /// Wherever it stands in a table of few or of many, with gaps or without.
    #[test]
    fn each_socket_is_found_once_by_its_number() {
        let own = NonZeroI32::new(rustix::process::getpid().as_raw_pid()).unwrap();
        let own = Proc::open().unwrap().enter(own).unwrap();
        let (mut room, mut limits) = (Vec::new(), TableLimits::new());
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
        let inode = Inode::new(u32::try_from(inode).unwrap()).unwrap();
        let mut copies = vec![OwnedFd::from(socket)];
        // From the first that is free, and some from far above.
        for (count, lowest) in [(0, 0), (1, 700), (100, 0), (1, 900), (100, 300)] {
            for _ in 0..count {
                copies.push(rustix::io::fcntl_dupfd_cloexec(&copies[0], lowest).unwrap());
            }
            let mut found = Vec::new();
            own.each_socket(
                &mut room,
                &mut limits,
                |descriptor, it| -> ControlFlow<()> {
                    if it == inode {
                        found.push(descriptor.number);
                    }
                    ControlFlow::Continue(())
                },
            )
            .unwrap();
            let mut expected: Vec<_> = copies.iter().map(AsRawFd::as_raw_fd).collect();
            expected.sort_unstable();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn links_of_descriptors() {
        assert_eq!(socket_inode(b"socket:[4711]"), Inode::new(4711));
        for other in [
            &b"socket:[0]"[..],
            b"socket:[]",
            b"socket:[1",
            b"pipe:[4711]",
            b"socket:[-1]",
            b"/tmp/socket:[1]",
        ] {
            assert_eq!(socket_inode(other), None);
        }
    }

    #[test]
    fn a_name_can_hold_whatever_the_fields_are_made_of() {
        let rest = "S 1 2 3 4 5 4194560 7 8 9 10 11 12 13 14 15 16 17 18 987654 20";
        for name in ["nginx", ") S 1 (", "a\nb) R 9 9", "((", "\u{1b}[2J", ""] {
            let stat = format!("17 ({name}) {rest}\n");
            assert_eq!(
                state_flags_and_start(stat.as_bytes()),
                Some(("S", 4_194_560, 987_654)),
                "{name:?}"
            );
        }
        assert_eq!(state_flags_and_start(b"17 (\xff\xfe) S 1 2"), None);
        assert_eq!(state_flags_and_start(b""), None);
        assert_eq!(state_flags_and_start(b"17 (x)"), None);
    }

    #[test]
    fn a_name_that_was_cut_off_is_completed() {
        let whole = |path: &'static [u8]| whole_name(b"systemd-resolve", path);
        let path = b"/usr/lib/systemd/systemd-resolved";
        assert_eq!(whole(path), Some(&b"systemd-resolved"[..]));
        assert_eq!(whole(b"/systemd-resolve"), Some(&b"systemd-resolve"[..]));
        for other in [&b""[..], b"/usr/bin/python3", b"/systemd-resolved/"] {
            assert_eq!(whole(other), None);
        }
        let title = [&b"systemd-resolve"[..], &[b'x'; 300]].concat();
        assert_eq!(whole_name(b"systemd-resolve", &title), None);
    }
}
