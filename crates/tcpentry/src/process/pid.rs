//! A process: its pid and when it started.

use std::num::NonZeroI32;

/// A process: its pid and when it started, so that two processes which have had one pid are two.
///
/// It may end at any time. What is asked of it then is not known, also when its pid has come to mean
/// another process; no answer is about that other one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Process {
    pub(super) pid: NonZeroI32,
    pub(super) start: u64,
}

impl Process {
    /// The length of a name as the kernel keeps it: `TASK_COMM_LEN` without the final zero.
    pub(crate) const LONGEST_COMM: usize = 15;

    /// Returns its pid.
    pub const fn pid(self) -> i32 {
        self.pid.get()
    }

    /// Returns the time of its start, in clock ticks (100 in a second) since boot: field 22 of `/proc/PID/stat`.
    ///
    /// 0 where that is hidden from the caller (`hidepid=1`), as everything else of the process is.
    pub const fn start(self) -> u64 {
        self.start
    }

    /// Returns a process that may not be looked at.
    pub(crate) const fn hidden(pid: NonZeroI32) -> Self {
        Self { pid, start: HIDDEN }
    }
}

/// The start of a process that may not be looked at.
const HIDDEN: u64 = 0;
