//! Another process that holds a socket.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd;

use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, WaitOptions};

use crate::sys;
use crate::user::User;

/// A process that holds one socket and does nothing; killed when dropped.
#[derive(Debug)]
pub struct Holder {
    pid: Pid,
}

impl Holder {
    /// Starts a process of this user that holds the socket under number 0. The caller closes its own copy.
    pub fn of(socket: impl AsFd, user: Option<User>) -> Self {
        Self::start(socket, user, true)
    }

    /// Starts such a process that nobody may inspect: `prctl(PR_SET_DUMPABLE, 0)`.
    pub fn undumpable(socket: impl AsFd, user: Option<User>) -> Self {
        Self::start(socket, user, false)
    }

    fn start(socket: impl AsFd, user: Option<User>, dumpable: bool) -> Self {
        let (ready, tell) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).expect("pipe");
        let uid = user.map(|user| user.uid);
        let pid = sys::fork_holder(socket.as_fd(), tell.as_fd(), uid, dumpable).expect("fork");
        let holder = Self { pid };
        drop(tell);
        File::from(ready)
            .read_exact(&mut [0])
            .expect("the process could not become what it should be");
        holder
    }

    /// Returns its pid.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.pid, Signal::KILL);
        let _ = rustix::process::waitpid(Some(self.pid), WaitOptions::empty());
    }
}
