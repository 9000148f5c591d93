//! The place that takes records: the socket of the journal, or standard error. Nothing here waits.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SendFlags;

/// A place that takes records.
#[derive(Debug)]
pub(super) enum LogSink {
    Journal {
        socket: UnixDatagram,
        path: PathBuf,
    },
    Lines(OwnedFd),
    /// Standard error is closed.
    Nowhere,
}

impl LogSink {
    /// Chooses the journal where this descriptor is connected to it, and else the descriptor.
    pub(super) fn choose(stream: Option<&OsStr>, stderr: Option<OwnedFd>, journal: &Path) -> Self {
        let Some(stderr) = stderr else {
            return Self::Nowhere;
        };
        let is_journal = stream.is_some_and(|stream| {
            let stat = rustix::fs::fstat(&stderr);
            stat.is_ok_and(|stat| *stream == *format!("{}:{}", stat.st_dev, stat.st_ino))
        });
        match is_journal.then(|| connect(journal)) {
            Some(Ok(socket)) => Self::Journal {
                socket,
                path: journal.to_owned(),
            },
            // Lines on standard error are better than nothing, also where they end up in the journal.
            _ => Self::Lines(reopen(&stderr).unwrap_or(stderr)),
        }
    }

    /// Returns the descriptor that is written to.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Journal { socket, .. } => Some(socket.as_fd()),
            Self::Lines(out) => Some(out.as_fd()),
            Self::Nowhere => None,
        }
    }

    /// Writes some of it without waiting, and returns how much.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Journal { socket, path } => match socket.send(bytes) {
                Err(error) if is_disconnected(&error) => {
                    // It was started anew, with another socket.
                    let address = std::os::unix::net::SocketAddr::from_pathname(path)?;
                    socket.connect_addr(&address)?;
                    socket.send(bytes)
                }
                sent => sent,
            },
            Self::Lines(out) => {
                if !wait_for_room(out.as_fd(), Duration::ZERO)? {
                    return Err(ErrorKind::WouldBlock.into());
                }
                // A pipe that has room takes this much without waiting (PIPE_BUF).
                let some = &bytes[..bytes.len().min(AT_ONCE)];
                match rustix::net::send(out, some, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                    Err(Errno::NOTSOCK) => Ok(rustix::io::write(out, some)?),
                    sent => Ok(sent?),
                }
            }
            Self::Nowhere => Ok(bytes.len()),
        }
    }
}

/// Returns true for the errors of a socket whose other end is gone.
fn is_disconnected(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(
        errno,
        Some(Errno::CONNREFUSED | Errno::NOTCONN | Errno::CONNRESET)
    )
}

fn connect(journal: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(journal)?;
    Ok(socket)
}

/// Opens the pipe or terminal behind a descriptor anew, so that no write to it blocks: between `poll` and the write, another writer may
/// take the room, and a terminal that has some need not have it for a line. `O_NONBLOCK` on the descriptor that was inherited would
/// be that of others, too. `None` for what never blocks, and for what may not be opened.
fn reopen(out: &OwnedFd) -> Option<OwnedFd> {
    let kind = FileType::from_raw_mode(rustix::fs::fstat(out).ok()?.st_mode);
    if !matches!(kind, FileType::Fifo | FileType::CharacterDevice) {
        return None;
    }
    let path = format!("/proc/self/fd/{}", out.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

/// Waits until something can be written, for so long at most; false where it can't be. An error is an answer, too: the write
/// says which.
pub(super) fn wait_for_room(out: BorrowedFd<'_>, limit: Duration) -> io::Result<bool> {
    let limit = Timespec {
        tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    };
    let mut fds = [PollFd::from_borrowed_fd(out, PollFlags::OUT)];
    Ok(poll(&mut fds, Some(&limit))? > 0)
}

const AT_ONCE: usize = 4096;
