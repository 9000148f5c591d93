//! The threads of a process, and the tables of descriptors that some of them have to themselves.
//!
//! All threads share the table that `/proc/PID/fd` shows, until one calls `unshare(CLONE_FILES)` or the first one ends,
//! after which `/proc/PID/fd` is empty (root) or may not be looked at (everybody else), while the process goes on.
//! `kcmp(2)` says in one system call if two threads share a table, so that each table is read once.

use std::num::NonZeroI32;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use rustix::fs::AtFlags;
use rustix::io::{Errno, retry_on_intr};

use super::directory::{each_entry, open_directory};
use super::proc::{Descriptor, Opened, is_denied, number, status_field};
use super::table_limits::TableLimits;
use crate::connection::Inode;
use crate::sys::share_descriptors;

impl Opened {
    /// Calls with the id of each thread but the first, perhaps repeatedly.
    pub(super) fn each_thread(
        &self,
        room: &mut Vec<u8>,
        mut visit: impl FnMut(NonZeroI32) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let first = self.pid();
        for _ in 0..THREAD_SCANS {
            let threads = open_directory(&self.directory, c"task")?;
            // A directory has two links beside those of its entries.
            let count = rustix::fs::fstat(&threads)?.st_nlink.saturating_sub(2);
            let mut listed = 0;
            each_entry(&threads, room, |entry| -> Result<ControlFlow<()>, Errno> {
                let tid = number(entry.file_name()).and_then(NonZeroI32::new);
                if let Some(tid) = tid.filter(|tid| tid.get() > 0) {
                    listed += 1;
                    if tid.get() != first {
                        visit(tid)?;
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
            // The list ends early when the thread it has come to does: 48 of 180,000 lists missed one that stayed
            // (Linux 6.18).
            if listed >= count {
                break;
            }
        }
        Ok(())
    }

    /// Calls with each socket in a table that is not the first thread's, until one breaks it off. Nothing is read where
    /// tables can't be [compared](are_comparable), and no more than the limits allow; `is_empty` says that of the first
    /// thread's: where that thread has ended, the next one's is the process's.
    pub(super) fn each_socket_of_threads<B>(
        &self,
        is_empty: bool,
        room: &mut Vec<u8>,
        limits: &mut TableLimits,
        mut visit: impl FnMut(Descriptor, Inode) -> ControlFlow<B>,
    ) -> Result<Option<B>, Errno> {
        let others = self.other_threads(room)?;
        if others.is_empty() {
            return Ok(None);
        }
        let mut tables = vec![self.pid()];
        let mut uid = None;
        for tid in others {
            let is_read = |&other: &i32| share_descriptors(tid.get(), other) == Ok(true);
            // A process may give each of its threads a table: they are not all compared with each other.
            if tables.iter().take(MAX_COMPARED).any(is_read) {
                continue;
            }
            let may_be_main = is_empty && tables.len() == 1;
            if !(may_be_main && self.stat(room)?.has_ended) {
                let uid = *uid.get_or_insert_with(|| self.uid(room));
                let Some(size) = self.table_size(tid, room) else {
                    // It has ended meanwhile.
                    continue;
                };
                if !limits.allow(uid, size) {
                    limits.leave_out();
                    break;
                }
            }
            let looked =
                self.each_socket_of(&*format!("task/{tid}/fd"), Some(tid), room, &mut visit);
            match self.unless_ended(tid, looked) {
                Ok(Some(value)) => return Ok(Some(value)),
                Ok(None) => tables.push(tid.get()),
                // It has ended meanwhile.
                Err(Errno::NOENT | Errno::SRCH) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(None)
    }

    /// Returns the number of descriptors that a thread's table has room for.
    fn table_size(&self, tid: NonZeroI32, room: &mut Vec<u8>) -> Option<u64> {
        let status = self.read(&*format!("task/{tid}/status"), room).ok()?;
        status_field(status, "FDSize:")
    }

    /// Returns a result that concerns a thread, but no refusal where the thread has ended: the links of one that ends while
    /// they are looked at are denied, whoever asks (Linux 6.18).
    pub(super) fn unless_ended<T: Default>(
        &self,
        tid: NonZeroI32,
        looked: Result<T, Errno>,
    ) -> Result<T, Errno> {
        match looked {
            Err(errno) if is_denied(errno) => {
                let path = format!("task/{tid}");
                let there = rustix::fs::statat(&self.directory, &*path, AtFlags::empty());
                match there {
                    Err(Errno::NOENT | Errno::SRCH) => Ok(T::default()),
                    _ => Err(errno),
                }
            }
            looked => looked,
        }
    }

    /// Returns the threads but the first, each once; none where that takes no list.
    fn other_threads(&self, room: &mut Vec<u8>) -> Result<Vec<NonZeroI32>, Errno> {
        let links = || rustix::fs::statat(&self.directory, c"task", AtFlags::empty());
        let count = match retry_on_intr(links) {
            Ok(stat) => stat.st_nlink.saturating_sub(2),
            // It has ended.
            Err(Errno::NOENT | Errno::SRCH) => return Ok(Vec::new()),
            Err(errno) => return Err(errno),
        };
        let mut threads = Vec::new();
        if count < 2 || !are_comparable() {
            return Ok(threads);
        }
        let listed = self.each_thread(room, |tid| {
            threads.push(tid);
            Ok(())
        });
        match listed {
            Ok(()) | Err(Errno::NOENT | Errno::SRCH) => {}
            Err(errno) => return Err(errno),
        }
        threads.sort_unstable();
        threads.dedup();
        Ok(threads)
    }
}

/// Returns true if this kernel compares tables of descriptors: it has `kcmp(2)` (`CONFIG_KCMP`), and no seccomp filter
/// forbids it, as that of a container without `CAP_SYS_PTRACE` does.
pub(super) fn are_comparable() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let own = rustix::process::getpid().as_raw_pid();
        share_descriptors(own, own) == Ok(true)
    })
}

/// The number of times that threads which come and go are listed.
const THREAD_SCANS: usize = 8;
/// The tables that a thread's is compared with.
const MAX_COMPARED: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::process::proc::Proc;

    /// The link of a thread that ends between the look at its directory and the look at the link is denied, not missing.
    #[test]
    fn a_thread_that_ends_while_it_is_looked_at_hides_no_other() {
        let over = AtomicBool::new(false);
        let own = NonZeroI32::new(rustix::process::getpid().as_raw_pid()).unwrap();
        let own = Proc::open().unwrap().enter(own).unwrap();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        let _ = thread::spawn(|| ()).join();
                    }
                });
            }
            let mut room = Vec::new();
            let looks = (0..LOOKS).map(|_| own.each_netns(&mut room, |_, _| {}));
            let failed: Vec<_> = looks.filter_map(Result::err).collect();
            over.store(true, Ordering::Relaxed);
            assert_eq!(failed, []);
        });
    }

    /// The number of looks, of which some meet that moment.
    const LOOKS: usize = 20_000;
}
