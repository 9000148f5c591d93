//! Waiting until the kernel has finished the changes of its table that are under way.

use std::thread;
use std::time::Duration;

use rustix::thread::{MembarrierCommand, membarrier};

/// Returns once every change of the table of connections that was under way is complete.
///
/// The kernel replaces one entry of a connection by another (a request by the accepted socket, a socket by its TIME_WAIT
/// entry) with bottom halves disabled, under a lock of the hash chain. Look-ups take no lock, and some of them find neither
/// entry. Such a section is one that RCU waits for: `membarrier(MEMBARRIER_CMD_GLOBAL)` is `synchronize_rcu()`, and returns
/// when all sections that were running at its beginning have ended, on every processor, also where one is stopped in the
/// middle (an interrupt, a hypervisor). Some 10 milliseconds (Linux 6.18, 250 Hz).
pub(super) fn await_grace_period() {
    // Linux 4.3. Refused by a seccomp filter that does not know it, and where processors run without a tick.
    if membarrier(MembarrierCommand::Global).is_err() {
        thread::sleep(INSTEAD);
    }
}

/// The wait instead, longer than any moment seen: 30 look-ups in a row missed a connection for some 60 microseconds.
const INSTEAD: Duration = Duration::from_millis(20);
