//! `/proc/PID`, as far as the path to the operator is concerned: parent, session, terminal, descriptors.

use std::io::Read as _;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::str;
use std::sync::OnceLock;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RawDir, StatxFlags, makedev, readlinkat_raw, statat,
    statx,
};
use rustix::io::{Errno, retry_on_intr};
use tcpentry::Inode;

/// One process, for as long as this is held: what is read through its directory is of that process or fails.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens the directory of a process; `NOENT` where `/proc` shows none of that pid.
    pub(super) fn of(pid: i32) -> Result<Self, Errno> {
        open(CWD, &format!("/proc/{pid}"), OFlags::DIRECTORY).map(Self)
    }

    /// Returns what `/proc/PID/stat` says.
    pub(super) fn stat(&self) -> Option<SessionStat> {
        parse_stat(&self.read("stat")?)
    }

    /// Returns the kernel's name of it, at most 15 bytes.
    pub(super) fn name(&self) -> Option<Vec<u8>> {
        let mut name = self.read("comm")?;
        if name.last() == Some(&b'\n') {
            name.pop();
        }
        Some(name)
    }

    /// Returns its effective user. Unlike [`owner`] it is not root for a process that may not be looked into.
    pub(super) fn user(&self) -> Option<u32> {
        let text = self.read("status")?;
        // The name comes first, with its newlines escaped.
        let mut lines = text.split(|&byte| byte == b'\n').skip(1);
        let uids = lines.find_map(|line| line.strip_prefix(b"Uid:"))?;
        let mut uids = str::from_utf8(uids).ok()?.split_ascii_whitespace();
        uids.nth(1)?.parse().ok()
    }

    /// Returns the user who logged in to its session, where one is set.
    pub(super) fn login_user(&self) -> Option<u32> {
        parse_login_user(&self.read("loginuid")?)
    }

    /// Returns true if its executable belongs to root; `None` where that may not be seen.
    pub(super) fn has_executable_of_root(&self) -> Option<bool> {
        let file = statat(&self.0, "exe", AtFlags::empty()).ok()?;
        Some(file.st_uid == 0)
    }

    /// Returns those of its descriptors that may lead further. `ACCESS` where they may not be seen.
    pub(super) fn descriptors(&self) -> Result<Vec<(i32, File)>, Errno> {
        let directory = open(&self.0, "fd", OFlags::DIRECTORY)?;
        let mut room = [MaybeUninit::uninit(); DIRECTORY_ROOM];
        let mut link_room = [MaybeUninit::uninit(); LINK_ROOM];
        let mut entries = RawDir::new(&directory, &mut room);
        let mut found = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            let Some(number) = name.to_str().ok().and_then(|name| name.parse().ok()) else {
                continue;
            };
            match readlinkat_raw(&directory, name, &mut link_room) {
                Ok((link, _)) => found.extend(File::of(link).map(|file| (number, file))),
                // To list them takes less than to look at them.
                Err(errno @ (Errno::ACCESS | Errno::PERM)) => return Err(errno),
                // Closed meanwhile.
                Err(_) => {}
            }
        }
        Ok(found)
    }

    /// Returns the number of the pseudo-terminal whose controlling end a descriptor is (Linux 4.14).
    pub(super) fn controls(&self, descriptor: i32) -> Option<u32> {
        let path = format!("fdinfo/{descriptor}");
        let mut text = self.read(&path)?;
        // Locks come first, of which there may be any number.
        if text.len() == ROOM {
            text = self.read_all(&path)?;
        }
        let mut lines = str::from_utf8(&text).ok()?.lines();
        let index = lines.find_map(|line| line.strip_prefix("tty-index:"))?;
        index.trim().parse().ok()
    }

    /// Returns the end of a pipe that a descriptor is.
    pub(super) fn pipe_end(&self, descriptor: i32, file: File) -> Option<PipeEnd> {
        let path = format!("fd/{descriptor}");
        // A file system of somebody else's (FUSE) is not asked: it need not answer.
        let asked = StatxFlags::TYPE | StatxFlags::INO;
        let stat = statx(&self.0, &path, AtFlags::STATX_DONT_SYNC, asked).ok()?;
        if FileType::from_raw_mode(stat.stx_mode.into()) != FileType::Fifo {
            return None;
        }
        // The link's own mode says how it was opened.
        let link = statat(&self.0, &path, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let mode = Mode::from_raw_mode(link.st_mode);
        Some(PipeEnd {
            pipe: Pipe {
                device: makedev(stat.stx_dev_major, stat.stx_dev_minor),
                inode: stat.stx_ino,
            },
            reads: mode.contains(Mode::RUSR),
            writes: mode.contains(Mode::WUSR),
            is_named: file == File::Named,
        })
    }

    /// Returns the children of a process (`CONFIG_PROC_CHILDREN`), of each of its threads.
    pub(super) fn children(&self) -> Vec<i32> {
        let mut children = Vec::new();
        let Ok(directory) = open(&self.0, "task", OFlags::DIRECTORY) else {
            return children;
        };
        for entry in Dir::new(directory).into_iter().flatten().flatten() {
            let thread = entry.file_name().to_string_lossy();
            if thread.starts_with('.') {
                continue;
            }
            let list = self.read_all(&format!("task/{thread}/children"));
            let list = list.unwrap_or_default();
            let list = str::from_utf8(&list).unwrap_or_default();
            children.extend(
                list.split_ascii_whitespace()
                    .filter_map(|pid| pid.parse::<i32>().ok()),
            );
        }
        children
    }

    fn read_all(&self, file: &str) -> Option<Vec<u8>> {
        let file = open(&self.0, file, OFlags::empty()).ok()?;
        let mut text = Vec::new();
        std::fs::File::from(file).read_to_end(&mut text).ok()?;
        Some(text)
    }

    fn read(&self, file: &str) -> Option<Vec<u8>> {
        read(&self.0, file)
    }
}

/// The fields of `/proc/PID/stat` that are used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct SessionStat {
    pub(super) pid: i32,
    /// 0 where its parent is in no namespace that this `/proc` shows.
    pub(super) parent: i32,
    /// The pid of the session's leader, who may have ended.
    pub(super) session: i32,
    pub(super) terminal: Option<Terminal>,
}

/// A terminal, by its device.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Terminal {
    /// `/dev/pts/N`, whose other end a process holds.
    Pseudo(u32),
    /// A console or a serial line: nothing carries it but the machine.
    Local,
}

impl Terminal {
    pub(super) const fn of_device(major: u32, minor: u32) -> Self {
        match major {
            // UNIX98_PTY_SLAVE_MAJOR, with 256 of them each.
            136..=143 => Self::Pseudo((major - 136) * 256 + minor),
            _ => Self::Local,
        }
    }
}

/// A descriptor that may lead further.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum File {
    Socket(Inode),
    /// The controlling end of a pseudo-terminal.
    Controller,
    Terminal(u32),
    /// A pipe without a name, by its inode.
    Pipe(u64),
    /// Anything with a name, which may be a pipe.
    Named,
    /// Of keyboard and screen: a virtual console, an input or a graphics device.
    Seat,
}

impl File {
    /// Returns the inode of a socket.
    pub(super) const fn socket(self) -> Option<Inode> {
        match self {
            Self::Socket(inode) => Some(inode),
            _ => None,
        }
    }

    fn of(link: &[u8]) -> Option<Self> {
        // A name may hold anything, and may have been cut off.
        let Ok(text) = str::from_utf8(link) else {
            return link.starts_with(b"/").then_some(Self::Named);
        };
        if let Some(inode) = text.strip_prefix("socket:[") {
            let inode = inode.strip_suffix(']')?.parse().ok()?;
            return Inode::new(inode).map(Self::Socket);
        }
        if let Some(inode) = text.strip_prefix("pipe:[") {
            return inode.strip_suffix(']')?.parse().ok().map(Self::Pipe);
        }
        let Some(device) = text.strip_prefix("/dev/") else {
            return text.starts_with('/').then_some(Self::Named);
        };
        match device {
            "ptmx" | "pts/ptmx" => Some(Self::Controller),
            // Screen and keyboard, whichever program has them.
            device if device.starts_with("input/") || device.starts_with("dri/") => {
                Some(Self::Seat)
            }
            device => {
                if let Some(number) = device.strip_prefix("pts/") {
                    return number.parse().ok().map(Self::Terminal);
                }
                if device.contains('/') {
                    return Some(Self::Named);
                }
                let console = device.strip_prefix("tty")?;
                console.parse::<u8>().ok().map(|_| Self::Seat)
            }
        }
    }
}

/// A pipe, with a name in the file system or without.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Pipe {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// One descriptor of a pipe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PipeEnd {
    pub(super) pipe: Pipe,
    pub(super) reads: bool,
    pub(super) writes: bool,
    /// True where it was opened by a name, so that its two ends need have no ancestor in common.
    pub(super) is_named: bool,
}

/// Returns the pids that `/proc` shows.
pub(super) fn pids() -> Result<Vec<i32>, Errno> {
    let directory = open(CWD, "/proc", OFlags::DIRECTORY)?;
    let mut pids = Vec::new();
    for entry in Dir::new(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_str().ok();
        pids.extend(name.and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(pids)
}

/// Returns the owner of `/proc/PID`, which is a single call: the effective user, or root where the process may not be
/// looked into.
pub(super) fn owner(pid: i32) -> Option<u32> {
    let directory = statat(CWD, format!("/proc/{pid}"), AtFlags::empty()).ok()?;
    Some(directory.st_uid)
}

/// Returns the kernel's name of a process that need not be looked at further; none is empty.
pub(super) fn name(pid: i32) -> Vec<u8> {
    let mut name = [0; 64];
    let file = open(CWD, &format!("/proc/{pid}/comm"), OFlags::empty());
    let length = file.and_then(|file| retry_on_intr(|| rustix::io::read(&file, &mut name)));
    let name = &name[..length.unwrap_or(0)];
    name.strip_suffix(b"\n").unwrap_or(name).to_vec()
}

/// Returns what `/proc/PID/stat` says of this process, with the pid that this `/proc` has for it.
pub(super) fn own_stat() -> Option<SessionStat> {
    parse_stat(&read(CWD, "/proc/self/stat")?)
}

/// Returns the user who logged in to this session, where one is set.
pub(super) fn own_login_user() -> Option<u32> {
    parse_login_user(&read(CWD, "/proc/self/loginuid")?)
}

/// Returns true if this process is in the host's pid namespace; so it is where nothing else is known.
pub(crate) fn is_in_first_namespace() -> bool {
    // A process never leaves its own.
    static IS_FIRST: OnceLock<bool> = OnceLock::new();
    *IS_FIRST.get_or_init(|| {
        let mut room = [MaybeUninit::uninit(); LINK_ROOM];
        let link = readlinkat_raw(CWD, "/proc/self/ns/pid", &mut room);
        link.is_ok_and(|(link, _)| link == FIRST_NAMESPACE)
    })
}

/// Returns why the processes of others may not be seen here; `None` where they are.
pub(crate) fn blind_spot() -> Option<&'static str> {
    // One file shows that all is well; only where it does not, all of /proc is read to say why.
    let is_first_shown = !name(1).is_empty();
    if is_first_shown && is_in_first_namespace() {
        return None;
    }
    Some(match pids() {
        Ok(pids) if pids.is_empty() => "there is no /proc here that shows them",
        Ok(_) if !is_in_first_namespace() => {
            "a pid namespace of its own shows only processes within it"
        }
        // With hidepid, others are not there, or say nothing.
        Ok(_) => "/proc hides them (hidepid)",
        Err(_) => "/proc can't be read",
    })
}

fn open(at: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
    retry_on_intr(|| rustix::fs::openat(&at, path, flags, Mode::empty()))
}

/// Reads what is used of a file that the kernel makes as a whole when it is first read.
fn read(at: impl AsFd, file: &str) -> Option<Vec<u8>> {
    let file = open(at, file, OFlags::empty()).ok()?;
    let mut room = [0; ROOM];
    let length = retry_on_intr(|| rustix::io::read(&file, &mut room)).ok()?;
    Some(room[..length].to_vec())
}

fn parse_login_user(text: &[u8]) -> Option<u32> {
    let uid = str::from_utf8(text).ok()?.trim().parse();
    uid.ok().filter(|uid| *uid != u32::MAX)
}

/// Parses the fields 1, 4, 6 and 7 of `/proc/PID/stat`.
fn parse_stat(text: &[u8]) -> Option<SessionStat> {
    let pid = text.split(|&byte| byte == b' ').next()?;
    // The name may hold anything; nothing behind its last parenthesis does.
    let behind = text.iter().rposition(|&byte| byte == b')')?;
    let fields = str::from_utf8(text.get(behind + 1..)?).ok()?;
    let mut fields = fields.split_ascii_whitespace();
    let _state = fields.next()?;
    let mut field = || fields.next()?.parse::<i32>().ok();
    let (parent, _group, session, device) = (field()?, field()?, field()?, field()?);
    let device = u32::from_ne_bytes(device.to_ne_bytes());
    // `new_encode_dev` of the kernel.
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
    Some(SessionStat {
        pid: str::from_utf8(pid).ok()?.parse().ok()?,
        parent,
        session,
        terminal: (device != 0).then(|| Terminal::of_device(major, minor)),
    })
}

/// `PROC_PID_INIT_INO` of the kernel.
const FIRST_NAMESPACE: &[u8] = b"pid:[4026531836]";
/// The room for the beginning of `stat` and of `status`, where the fields are that are used.
const ROOM: usize = 512;
/// The room for some ninety entries of `/proc/PID/fd` at once.
const DIRECTORY_ROOM: usize = 2048;
/// The room for a link: what it cuts off is a file's name, which is asked for nowhere.
const LINK_ROOM: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_read_behind_any_name() {
        for name in ["sh", ") S 1 2 3 4", "a b", "((\n"] {
            let text = format!("17 ({name}) S 5 17 16 34817 17 4194560 0\n");
            let stat = SessionStat {
                pid: 17,
                parent: 5,
                session: 16,
                terminal: Some(Terminal::Pseudo(1)),
            };
            assert_eq!(parse_stat(text.as_bytes()), Some(stat), "{name:?}");
        }
        let none = parse_stat(b"17 (cron) S 5 17 17 0 -1 4194560").unwrap();
        assert_eq!(none.terminal, None);
        let console = parse_stat(b"17 (sh) S 5 17 17 1025 17 4194560").unwrap();
        assert_eq!(console.terminal, Some(Terminal::Local));
        // /dev/pts/1000: the fourth of their major numbers.
        let high = parse_stat(b"17 (sh) S 5 17 17 35816 17 4194560").unwrap();
        assert_eq!(high.terminal, Some(Terminal::Pseudo(1000)));
        assert_eq!(parse_stat(b"17 (sh"), None);
    }

    #[test]
    fn a_descriptor_is_known_by_its_link() {
        assert_eq!(File::of(b"socket:[17]"), Inode::new(17).map(File::Socket));
        assert_eq!(File::of(b"/dev/ptmx"), Some(File::Controller));
        assert_eq!(File::of(b"/dev/pts/ptmx"), Some(File::Controller));
        assert_eq!(File::of(b"/dev/pts/12"), Some(File::Terminal(12)));
        for seat in ["/dev/tty1", "/dev/dri/card0", "/dev/input/event3"] {
            assert_eq!(File::of(seat.as_bytes()), Some(File::Seat), "{seat}");
        }
        assert_eq!(File::of(b"pipe:[17]"), Some(File::Pipe(17)));
        for named in ["/tmp/socket:[1]", "/dev/shm/pipe", "/pipe (deleted)"] {
            assert_eq!(File::of(named.as_bytes()), Some(File::Named), "{named}");
        }
        // A FIFO's name need not be text.
        assert_eq!(File::of(b"/tmp/\xff"), Some(File::Named));
        for other in [
            "/dev/null",
            "/dev/tty",
            "socket:[0]",
            "anon_inode:[eventfd]",
        ] {
            assert_eq!(File::of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn this_process_is_there() {
        let own = own_stat().unwrap();
        assert_eq!(own.pid.unsigned_abs(), std::process::id());
        assert!(pids().unwrap().contains(&own.pid));
    }
}
