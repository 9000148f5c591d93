//! Connections that change hands: an acceptor passes each to a worker a moment later.

use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Signal, WaitOptions};

use crate::sys;

/// A process called `acceptor` and one called `worker`, to which it hands what it accepts (`SCM_RIGHTS`). Both are
/// killed when it is dropped.
#[derive(Debug)]
pub struct Hands {
    processes: [Pid; 2],
    counters: &'static [AtomicU64; 4],
}

impl Hands {
    /// Starts both; the caller keeps the listener, or drops it. The acceptor keeps each connection for so long, less
    /// than a second.
    pub fn accepting(listener: &TcpListener, pause: Duration) -> Self {
        let flags = SocketFlags::CLOEXEC;
        let pair = socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None);
        let (to, from) = pair.expect("socketpair");
        let counters = sys::shared_counters().expect("mmap");
        let worker = sys::fork_worker(from.as_fd(), counters).expect("fork");
        let acceptor =
            sys::fork_acceptor(listener.as_fd(), to.as_fd(), pause, counters).expect("fork");
        Self {
            processes: [acceptor, worker],
            counters,
        }
    }

    /// Returns the number of connections that were accepted.
    pub fn accepted(&self) -> u64 {
        self.counters[0].load(Relaxed)
    }

    /// Returns the number of connections that ended with `ECONNABORTED` in the hands of the acceptor.
    pub fn aborted_at_acceptor(&self) -> u64 {
        self.counters[1].load(Relaxed)
    }

    /// Returns the number of connections that reached the worker alive.
    pub fn handed_over(&self) -> u64 {
        self.counters[2].load(Relaxed)
    }

    /// Returns the number of connections that ended with `ECONNABORTED` in the hands of the worker.
    pub fn aborted_at_worker(&self) -> u64 {
        self.counters[3].load(Relaxed)
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        for pid in self.processes {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
        }
    }
}
