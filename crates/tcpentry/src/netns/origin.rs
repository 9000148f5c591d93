//! The network namespace and the boot that a socket lives in.

use std::fs;
use std::os::fd::AsFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::connection::identity::{BootId, NetnsId};
use crate::error::{Error, Operation};
use crate::process::proc::{MOUNT_PROC, look_failed};
use crate::sys;

/// Returns the network namespace of a socket; `inode` finds that of its file, for kernels before Linux 5.14.
pub(crate) fn of_socket(
    socket: impl AsFd,
    inode: impl FnOnce() -> Result<u64, Error>,
) -> Result<NetnsId, Error> {
    match sys::netns_cookie(socket) {
        Ok(cookie) => Ok(NetnsId::Cookie(cookie)),
        Err(Errno::NOPROTOOPT) => inode().map(NetnsId::Inode),
        Err(errno) => Err(Error::os(
            Operation::Open,
            "getsockopt(SO_NETNS_COOKIE)",
            errno,
        )),
    }
}

/// Returns the inode of this thread's network namespace.
pub(crate) fn inode_of_this_thread() -> Result<u64, Error> {
    let path = "/proc/thread-self/ns/net";
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))
        .and_then(rustix::fs::fstat)
        .map(|file| file.st_ino)
        .map_err(|errno| look_failed(Operation::Open, path, errno))
}

/// Reads the id of this boot.
pub(crate) fn boot_id() -> Result<BootId, Error> {
    let path = "/proc/sys/kernel/random/boot_id";
    let fail = |errno| {
        let doing = format!("identities need the boot id: {path}");
        let error = Error::os(Operation::List, &doing, errno);
        match errno {
            Errno::MFILE => error,
            _ => error.with_hint(MOUNT_PROC),
        }
    };
    let text = fs::read_to_string(path)
        .map_err(|error| fail(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
    text.trim().parse().map_err(|()| fail(Errno::PROTO))
}
