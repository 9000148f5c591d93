//! Processes, as far as a connection's owner or the operator's session is concerned: `/proc`.
//!
//! Every file of it may vanish between two looks; whatever can't be read is simply not known.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroI32;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::connection::Inode;

/// A process, by its pid. It may end, and its pid may come to mean another, at any time.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Process(NonZeroI32);

impl Process {
    /// The process of this pid.
    pub fn new(pid: i32) -> Option<Self> {
        NonZeroI32::new(pid).filter(|pid| pid.get() > 0).map(Self)
    }

    /// This process.
    pub fn current() -> Self {
        Self(rustix::process::getpid().as_raw_nonzero())
    }

    /// Its pid.
    pub const fn pid(self) -> i32 {
        self.0.get()
    }

    pub(crate) fn to_rustix(self) -> Option<Pid> {
        Pid::from_raw(self.pid())
    }

    /// Its name (`/proc/PID/comm`), as bytes: any user may give his process any name.
    /// [`escape`] it before a terminal sees it.
    pub fn name(self) -> Option<Vec<u8>> {
        let mut name = fs::read(format!("/proc/{}/comm", self.pid())).ok()?;
        if name.last() == Some(&b'\n') {
            name.pop();
        }
        Some(name)
    }

    /// Its real user.
    pub fn uid(self) -> Option<u32> {
        self.status("Uid:")?.parse().ok()
    }

    /// Its parent.
    pub fn parent(self) -> Option<Self> {
        Self::new(self.status("PPid:")?.parse().ok()?)
    }

    /// The user who logged in to the session it runs in (`/proc/PID/loginuid`), where PAM has set one.
    pub fn login_uid(self) -> Option<u32> {
        let text = fs::read_to_string(format!("/proc/{}/loginuid", self.pid())).ok()?;
        let uid = text.trim().parse().ok()?;
        (uid != u32::MAX).then_some(uid)
    }

    /// The inodes of the sockets it holds; an error where its descriptors may not be seen.
    pub fn sockets(self) -> std::io::Result<Vec<Inode>> {
        let mut sockets = Vec::new();
        each_descriptor(self, |_, link| sockets.extend(socket_inode(link)))?;
        Ok(sockets)
    }

    /// The first word behind a key of `/proc/PID/status`.
    fn status(self, key: &str) -> Option<String> {
        // The name line comes first and may hold anything but a newline, which is escaped there.
        let text = fs::read(format!("/proc/{}/status", self.pid())).ok()?;
        let text = String::from_utf8_lossy(&text);
        let line = text
            .lines()
            .skip(1)
            .find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next().map(str::to_owned)
    }

    /// Every process that this `/proc` shows.
    pub fn all() -> std::io::Result<impl Iterator<Item = Self>> {
        let entries = fs::read_dir("/proc")?;
        Ok(entries
            .filter_map(Result::ok)
            .filter_map(|entry| Self::new(entry.file_name().to_str()?.parse().ok()?)))
    }
}

/// Who holds a socket.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Holders {
    /// Every descriptor of it that the caller may see.
    pub found: Vec<Holder>,
    /// The processes whose descriptors the caller may not see: any of them may hold it too.
    pub hidden: Vec<HiddenProcess>,
}

/// A process that holds a socket, and under which number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Holder {
    /// The process.
    pub process: Process,
    /// The number of the descriptor in that process.
    pub descriptor: i32,
}

/// A process whose descriptors the caller may not see: another user's, one that is not dumpable, or
/// one with more capabilities.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HiddenProcess(pub Process);

/// Looks for the holders of a socket in all processes of this `/proc`.
///
/// # Errors
/// When `/proc` can't be read at all.
pub fn holders(inode: Inode) -> std::io::Result<Holders> {
    let mut found = Vec::new();
    let hidden = each_socket(|socket, holder| {
        if socket == inode {
            found.push(holder);
        }
    })?;
    Ok(Holders { found, hidden })
}

/// Calls with every descriptor of a socket that the caller may see; the rest is in the processes that
/// are returned.
///
/// # Errors
/// When `/proc` can't be read at all.
pub(crate) fn each_socket(
    mut visit: impl FnMut(Inode, Holder),
) -> std::io::Result<Vec<HiddenProcess>> {
    let mut hidden = Vec::new();
    for process in Process::all()? {
        let looked = each_descriptor(process, |descriptor, link| {
            if let Some(inode) = socket_inode(link) {
                let holder = Holder {
                    process,
                    descriptor,
                };
                visit(inode, holder);
            }
        });
        match looked {
            Err(Errno::ACCESS | Errno::PERM) => hidden.push(HiddenProcess(process)),
            Err(errno) if is_ours(errno) => return Err(errno.into()),
            // It has ended meanwhile.
            Ok(()) | Err(_) => {}
        }
    }
    Ok(hidden)
}

/// Whether a look failed for want of something of ours, and so says nothing about what it was to see.
pub(crate) const fn is_ours(errno: Errno) -> bool {
    matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}

/// Which processes hold which sockets, for all processes whose descriptors the caller may see.
///
/// The processes of a socket are in the order of `/proc`, each once. This reads every descriptor of
/// the machine: for one socket [`holders`] costs as much, for many this costs it once.
///
/// # Errors
/// When `/proc` can't be read, shows no process, or when descriptors or memory run out.
pub fn owners() -> std::io::Result<HashMap<Inode, Vec<Process>>> {
    let mut owners: HashMap<Inode, Vec<Process>> = HashMap::new();
    let mut shown = false;
    for process in Process::all()? {
        shown = true;
        let looked = each_descriptor(process, |_, link| {
            let Some(inode) = socket_inode(link) else {
                return;
            };
            let processes = owners.entry(inode).or_default();
            if processes.last() != Some(&process) {
                processes.push(process);
            }
        });
        // What may not be seen, or has ended, owns nothing that could be told.
        if let Err(errno) = looked {
            if is_ours(errno) {
                return Err(errno.into());
            }
        }
    }
    // This process is always among them, where /proc is what it should be.
    shown.then_some(owners).ok_or_else(|| Errno::NOENT.into())
}

/// Calls with the number and the link of each open descriptor.
fn each_descriptor(process: Process, mut visit: impl FnMut(i32, &[u8])) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(
        CWD,
        format!("/proc/{}/fd", process.pid()),
        flags,
        Mode::empty(),
    )?;
    let entries = Dir::read_from(&directory)?;
    let mut buffer = [0; LONGEST_LINK];
    for entry in entries {
        let entry = entry?;
        if entry.file_type() != FileType::Symlink {
            continue;
        }
        let Some(number) = number(entry.file_name()) else {
            continue;
        };
        match rustix::fs::readlinkat_raw(&directory, entry.file_name(), &mut buffer) {
            Ok(length) => visit(number, &buffer[..length]),
            // Its owner may list the descriptors of a process that has more capabilities than he,
            // but not look at them.
            Err(errno @ (Errno::ACCESS | Errno::PERM)) => return Err(errno),
            // A descriptor that is closed meanwhile holds nothing.
            Err(_) => {}
        }
    }
    Ok(())
}

fn number(name: &CStr) -> Option<i32> {
    name.to_str().ok()?.parse().ok()
}

/// Reads `socket:[N]`.
fn socket_inode(link: &[u8]) -> Option<Inode> {
    let number = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    Inode::new(std::str::from_utf8(number).ok()?.parse().ok()?)
}

/// `socket:[4294967295]` is 19 bytes; whatever is longer is no socket.
const LONGEST_LINK: usize = 32;

/// Makes a name from outside fit for a terminal: control characters, what changes the direction of
/// text, what is invisible and what is no UTF-8 become escapes.
///
/// ```
/// assert_eq!(tcpentry::escape(b"nginx"), "nginx");
/// assert_eq!(tcpentry::escape(b"\x1b[2J\xff"), "\\u{1b}[2J\\xff");
/// ```
pub fn escape(name: &[u8]) -> String {
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\'' => out.push(character),
                // Everything that is not printable, and the backslash itself.
                other => out.extend(other.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn this_process_knows_itself() {
        let this = Process::current();
        assert_eq!(this.uid(), Some(rustix::process::getuid().as_raw()));
        assert!(this.parent().is_some());
        assert!(this.name().is_some());
        assert!(Process::all().unwrap().any(|process| process == this));
    }

    #[test]
    fn hostile_names_lose_their_power() {
        assert_eq!(
            escape("a\u{202e}b\u{200b}c\nd".as_bytes()),
            "a\\u{202e}b\\u{200b}c\\nd"
        );
        assert_eq!(escape("grün 'ok'".as_bytes()), "grün 'ok'");
        assert_eq!(escape(b"\\x"), "\\\\x");
        assert_eq!(escape(b"\x9b31m\xc2\x9b"), "\\x9b31m\\u{9b}");
    }

    #[test]
    fn a_socket_of_this_process_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = Inode::new(u32::try_from(rustix::fs::fstat(&socket).unwrap().st_ino).unwrap());
        let found = holders(inode.unwrap()).unwrap().found;
        assert!(found.iter().any(|holder| {
            holder.process == Process::current()
                && holder.descriptor == std::os::fd::AsRawFd::as_raw_fd(&socket)
        }));
    }
}
