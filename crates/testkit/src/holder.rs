//! Another process that holds a socket.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd;

use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, WaitOptions};

use crate::sys::{self, HolderKind};
use crate::user::User;
use crate::wait::until;

/// A process that holds one socket and does nothing; killed when dropped.
#[derive(Debug)]
pub struct Holder {
    pid: Pid,
}

impl Holder {
    /// Starts a process of this user that holds the socket under number 0. The caller closes its own copy.
    pub fn of(socket: impl AsFd, user: Option<User>) -> Self {
        Self::start(socket, user, HolderKind::Plain)
    }

    /// Starts such a process that nobody may inspect: `prctl(PR_SET_DUMPABLE, 0)`.
    pub fn undumpable(socket: impl AsFd, user: Option<User>) -> Self {
        Self::start(socket, user, HolderKind::Undumpable)
    }

    /// Starts such a process of two threads, of which the first has ended.
    pub fn without_first_thread(socket: impl AsFd, user: Option<User>) -> Self {
        let holder = Self::start(socket, user, HolderKind::WithoutFirstThread);
        let stat = format!("/proc/{}/stat", holder.pid());
        until("its first thread has ended", || {
            let stat = std::fs::read_to_string(&stat).expect("it runs");
            stat.contains(") Z ")
        });
        holder
    }

    /// Starts such a process of two threads, of which the second has a table of descriptors to itself, and the first
    /// holds nothing.
    pub fn in_table_of_thread(socket: impl AsFd, user: Option<User>) -> Self {
        Self::in_thread(socket, user, HolderKind::InTableOfThread)
    }

    /// Starts [such a process](Self::in_table_of_thread), in whose table there is room for 32,768 descriptors.
    pub fn in_large_table_of_thread(socket: impl AsFd, user: Option<User>) -> Self {
        Self::in_thread(socket, user, HolderKind::InLargeTableOfThread)
    }

    fn in_thread(socket: impl AsFd, user: Option<User>, kind: HolderKind) -> Self {
        let holder = Self::start(socket, user, kind);
        let table = format!("/proc/{}/fd", holder.pid());
        until("its first thread holds nothing", || {
            std::fs::read_dir(&table).is_ok_and(|table| table.count() == 0)
        });
        holder
    }

    fn start(socket: impl AsFd, user: Option<User>, kind: HolderKind) -> Self {
        let (ready, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).expect("pipe");
        let uid = user.map(|user| user.uid);
        let pid = sys::fork_holder(socket.as_fd(), writer.as_fd(), uid, kind).expect("fork");
        let holder = Self { pid };
        drop(writer);
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
