//! The resources that a process used: the kernel's own account of it, when it has ended (`wait4(2)`).
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::process::Child;
use std::time::Duration;

/// The resources that a process and its threads used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// The largest resident set, in KiB; at least that of the process that started it.
    pub(crate) peak_kib: u64,
    /// Its exit code; -1 if a signal ended it.
    pub(crate) code: i32,
}

/// Waits for the end of a process, and returns its usage (`wait4`).
#[expect(
    clippy::needless_pass_by_value,
    reason = "nobody is to wait for it twice"
)]
pub(crate) fn wait(child: Child) -> io::Result<Usage> {
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: both pointers are to places of the right type that outlive the call. The process is a child that nobody
    // else waits for: `child` is consumed here, and dropping it does not wait.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
    if waited != pid {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: wait4 has returned the pid, so it has filled the structure.
    let usage = unsafe { usage.assume_init() };
    let code = if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        -1
    };
    Ok(Usage {
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        peak_kib: u64::try_from(usage.ru_maxrss).unwrap_or_default(),
        code,
    })
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let micros = u64::try_from(time.tv_usec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}
