//! The arguments of a process, which the kernel reads with that process's own lock.
//!
//! A process that maps memory over a page of a file which its file system does not write keeps its `mmap_lock`, and who
//! reads its `cmdline` sleeps beyond `SIGKILL` (Linux 6.18). So a [child](Child) reads it.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::child::{self, Child};

/// Reads `cmdline` of a directory of `/proc`, as much as [`LIMIT`]; `None` where it can't be read, or not in time.
pub(crate) fn read(directory: BorrowedFd<'_>) -> Option<Vec<u8>> {
    let child = Child::start(Some(directory), |channel| {
        // System calls only.
        let _ = send_all(directory, channel);
    });
    let child = child.ok()?;
    let mut text = Vec::new();
    let mut part = [0; PART];
    loop {
        let length = child.receive(&mut part, DEADLINE).ok()?;
        match part[..length].split_first()? {
            (&MORE, more) => text.extend(more),
            (&END, []) => return Some(text),
            _ => return None,
        }
    }
}

/// Sends the arguments, in the child.
fn send_all(directory: BorrowedFd<'_>, channel: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = retry_on_intr(|| rustix::fs::openat(directory, c"cmdline", flags, Mode::empty()))?;
    let mut part = [0; PART];
    part[0] = MORE;
    let mut sent = 0;
    while sent < LIMIT {
        let length = retry_on_intr(|| rustix::io::read(&file, &mut part[1..]))?;
        if length == 0 {
            break;
        }
        child::send(channel, part.get(..=length).ok_or(Errno::INVAL)?)?;
        sent += length;
    }
    child::send(channel, &[END])
}

/// The first byte of a message: more text, or the end.
const MORE: u8 = b'+';
const END: u8 = b'.';
const PART: usize = 4096;
/// The number of bytes that are read, which are enough.
const LIMIT: usize = 1 << 16;
const DEADLINE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_own_are_those_that_the_standard_library_knows() {
        let own = std::fs::File::open("/proc/self").unwrap();
        let text = read(std::os::fd::AsFd::as_fd(&own)).unwrap();
        let all = std::env::args().map(|argument| argument + "\0");
        assert_eq!(String::from_utf8(text).unwrap(), all.collect::<String>());
    }
}
