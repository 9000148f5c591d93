//! Processes that do to others what an ordinary user can do.

use std::ffi::CString;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, WaitOptions};

use crate::fuse::Fuse;
use crate::sys::{self, Attack};

/// A process that holds a socket, and a file of a file system that answers nobody else. Both end when it is dropped.
#[derive(Debug)]
pub struct Hostile {
    pid: Pid,
    fuse: Option<Fuse>,
}

impl Hostile {
    /// Starts a process under whose number 3 there is the socket at one moment and the file at the next. The caller closes
    /// its own copy.
    pub fn flipping(socket: impl AsFd, fuse: Fuse) -> Self {
        Self::start(socket, fuse, Attack::Flip)
    }

    /// Starts a process that waits in a system call while it holds its own `mmap_lock`, called `fifteen-bytes-x`. The caller
    /// closes its own copy of the socket.
    pub fn with_locked_memory(socket: impl AsFd, fuse: Fuse) -> Self {
        Self::start(socket, fuse, Attack::LockMemory)
    }

    /// Starts a process that waits in `send` while it holds the lock of its socket. The caller closes its own copy.
    pub fn with_locked_socket(socket: impl AsFd, fuse: Fuse) -> Self {
        Self::start(socket, fuse, Attack::LockSocket)
    }

    fn start(socket: impl AsFd, fuse: Fuse, attack: Attack) -> Self {
        let (ready, writer): (OwnedFd, OwnedFd) =
            rustix::pipe::pipe_with(PipeFlags::CLOEXEC).expect("pipe");
        let file = CString::new(fuse.file().as_os_str().as_bytes()).expect("it has no NUL");
        let pid = sys::fork_hostile(socket.as_fd(), writer.as_fd(), &file, attack).expect("fork");
        let hostile = Self {
            pid,
            fuse: Some(fuse),
        };
        drop(writer);
        File::from(ready)
            .read_exact(&mut [0])
            .expect("the process could not become what it should be");
        hostile
    }

    /// Returns its pid.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.pid, Signal::KILL);
        // It may wait for an answer, and dies of the error.
        self.fuse = None;
        let _ = rustix::process::waitpid(Some(self.pid), WaitOptions::empty());
    }
}
