//! Directories read without an allocation per entry, in one room for many.

use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, RawDir, RawDirEntry};
use rustix::io::Errno;
use rustix::path::Arg;

pub(crate) fn open_directory(at: impl AsFd, path: impl Arg + Copy) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::io::retry_on_intr(|| rustix::fs::openat(&at, path, flags, Mode::empty()))
}

/// Calls with each entry of a directory that has just been opened, until one breaks it off.
pub(crate) fn each_entry<B>(
    directory: impl AsFd,
    room: &mut Vec<u8>,
    mut visit: impl FnMut(&RawDirEntry<'_>) -> Result<ControlFlow<B>, Errno>,
) -> Result<Option<B>, Errno> {
    room.clear();
    room.reserve(ROOM);
    let mut entries = RawDir::new(directory, room.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        match entry {
            // Nothing was read: the next call reads it.
            Err(Errno::INTR) => {}
            entry => {
                if let ControlFlow::Break(value) = visit(&entry?)? {
                    return Ok(Some(value));
                }
            }
        }
    }
    Ok(None)
}

/// The room for some hundred entries, or for the longest file of `/proc/PID` that is read: a list of cgroups.
pub(crate) const ROOM: usize = 64 * 1024;
