//! Paths that others may have made, looked up within a deadline.
//!
//! A path may lead into a file system that does not answer (a FUSE daemon that hangs, NFS), where who looks it up sleeps
//! beyond `SIGKILL`. So a [child](Child) looks it up, and passes out what it has found.

use std::borrow::Cow;
use std::ffi::{CStr, CString, OsString};
use std::fs;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FsWord, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::path::DecInt;

use crate::child::{self, Child};

/// A path that was looked up.
pub(crate) struct OpenedPath {
    /// The path without links, as the kernel knows it; empty where `/proc` does not show it.
    pub(crate) path: PathBuf,
    /// The file, where it is on the file system that was asked for: opened with `O_PATH`, whose end its file system
    /// does not notice.
    pub(crate) file: Option<OwnedFd>,
}

/// Looks up a path, and opens it where it is on a file system of this kind (`f_type` of statfs(2)).
///
/// `ETIMEDOUT` where a file system on the way does not answer.
pub(crate) fn look_up(path: &Path, kind: Option<FsWord>) -> Result<OpenedPath, Errno> {
    let path = independent_of_process(path);
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::INVAL)?;
    let child = Child::start(None, |channel| {
        // System calls only.
        if let Err(errno) = look_up_and_send(&name, kind, channel) {
            let mut message = [FAILED; 5];
            message[1..].copy_from_slice(&errno.raw_os_error().to_ne_bytes());
            let _ = child::send(channel, &message);
        }
    });
    let Ok(child) = child else {
        // Without a child (before Linux 5.3, or no more processes are allowed) there is no deadline.
        return look_up_here(&name, kind);
    };
    let mut message = [0; MESSAGE];
    let (length, file) = match child.receive_with_descriptor(&mut message, DEADLINE) {
        // It was killed.
        Err(Errno::PIPE) => return Err(Errno::IO),
        received => received?,
    };
    match message[..length].split_first() {
        // The kernel drops what finds no room in the table of descriptors.
        Some((&OPENED, _)) if file.is_none() => Err(Errno::MFILE),
        Some((&(FOUND | OPENED), path)) => Ok(OpenedPath {
            path: OsString::from_vec(path.to_vec()).into(),
            file,
        }),
        Some((&FAILED, errno)) => {
            let errno = errno.try_into().map(i32::from_ne_bytes);
            Err(errno.map_or(Errno::IO, Errno::from_raw_os_error))
        }
        _ => Err(Errno::IO),
    }
}

/// Returns a path with what means the process that looks it up replaced by this process and thread: a child is another one.
fn independent_of_process(path: &Path) -> Cow<'_, Path> {
    for (folder, link) in [
        ("/proc/self", "/proc/self"),
        ("/proc/thread-self", "/proc/thread-self"),
        // `/dev/fd` is a link to `/proc/self/fd`.
        ("/dev/fd", "/proc/self"),
    ] {
        if let (Ok(rest), Ok(own)) = (path.strip_prefix(folder), fs::read_link(link)) {
            let own = Path::new("/proc").join(own);
            let own = if folder == "/dev/fd" {
                own.join("fd")
            } else {
                own
            };
            return Cow::Owned(own.join(rest));
        }
    }
    Cow::Borrowed(path)
}

fn look_up_here(name: &CStr, kind: Option<FsWord>) -> Result<OpenedPath, Errno> {
    let mut room = [0; LONGEST];
    let (file, length, is_kind) = open(name, kind, &mut room)?;
    Ok(OpenedPath {
        path: OsString::from_vec(room[..length].to_vec()).into(),
        file: is_kind.then_some(file),
    })
}

/// Looks it up in the child. Allocates nothing.
fn look_up_and_send(
    name: &CStr,
    kind: Option<FsWord>,
    channel: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let mut message = [FOUND; MESSAGE];
    let (file, length, is_kind) = open(name, kind, &mut message[1..])?;
    let message = &mut message[..=length];
    if is_kind {
        message[0] = OPENED;
        child::send_with_descriptor(channel, message, &file)
    } else {
        child::send(channel, message)
    }
}

/// Opens the path without an effect on the file; returns it, the length of its whole path, and if it is of that kind.
fn open(
    name: &CStr,
    kind: Option<FsWord>,
    path: &mut [u8],
) -> Result<(OwnedFd, usize, bool), Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let file = retry_on_intr(|| rustix::fs::open(name, flags, Mode::empty()))?;
    let is_kind = match kind {
        Some(kind) => rustix::fs::fstatfs(&file)?.f_type == kind,
        None => false,
    };
    let links = retry_on_intr(|| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(c"/proc/self/fd", flags, Mode::empty())
    });
    let length = links.and_then(|links| {
        let number = DecInt::new(file.as_raw_fd());
        let path = rustix::fs::readlinkat_raw(links, number.as_c_str(), path)?;
        Ok(path)
    });
    Ok((file, length.unwrap_or(0), is_kind))
}

/// The first byte of a message: the path, the path and a descriptor, or an errno.
const FOUND: u8 = b'+';
const OPENED: u8 = b'!';
const FAILED: u8 = b'-';
/// `PATH_MAX`
const LONGEST: usize = 4096;
const MESSAGE: usize = 1 + LONGEST;
/// The time limit: longer than a file system takes that answers at all.
const DEADLINE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_without_its_links() {
        let found = look_up(Path::new("/proc/self/exe"), None).unwrap();
        assert_eq!(found.path, std::env::current_exe().unwrap());
        assert!(found.file.is_none());
        let of_child = look_up(Path::new("/no/such/file"), None).map(|it| it.path);
        assert_eq!(of_child, Err(Errno::NOENT));
        assert_eq!(
            look_up(Path::new("a\0b"), None).map(|it| it.path),
            Err(Errno::INVAL)
        );
    }

    #[test]
    fn what_means_this_process_means_it_in_the_child_too() {
        let file = fs::File::open("/proc/version").unwrap();
        let number = file.as_raw_fd();
        for path in [
            format!("/proc/self/fd/{number}"),
            format!("/proc/thread-self/fd/{number}"),
            format!("/proc/self/task/{}/fd/{number}", rustix::thread::gettid()),
            format!("/dev/fd/{number}"),
        ] {
            let found = look_up(Path::new(&path), None).unwrap();
            assert_eq!(found.path, Path::new("/proc/version"), "{path}");
        }
    }

    #[test]
    fn what_the_child_finds_is_found_here() {
        let kind = rustix::fs::statfs("/proc").unwrap().f_type;
        for (path, kind) in [
            ("/proc/version", Some(kind)),
            ("/usr/..", Some(kind)),
            ("/proc", None),
        ] {
            let name = CString::new(path).unwrap();
            let here = look_up_here(&name, kind).unwrap();
            let there = look_up(Path::new(path), kind).unwrap();
            assert_eq!(here.path, there.path, "{path}");
            assert_eq!(here.file.is_some(), there.file.is_some(), "{path}");
        }
    }
}
