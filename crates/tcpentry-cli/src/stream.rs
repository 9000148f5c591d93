//! Standard output and standard error, without the buffers of the standard library; a signal ends a write that nobody
//! reads.
//!
//! The handlers of `signal_hook` restart a call that they interrupt, so that a write to a full pipe would outlast every
//! signal but KILL. Where handlers only write down the signal, a write waits for room first, and gives up soon after one has come.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio::{stderr, stdout};

/// Standard output. The standard library's would split every write at its last newline.
pub(crate) struct Stdout;

/// Standard error.
pub(crate) struct Stderr;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(stdout(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(stderr(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes writes to both give up soon after the number of a signal is written there, by its handler.
pub(crate) fn give_up_after(signal: &Arc<AtomicUsize>) {
    // The handlers are installed once.
    let _ = INTERRUPTED.set(Arc::clone(signal));
}

/// Returns true once a write has given up.
pub(crate) fn gave_up() -> bool {
    GAVE_UP.load(Ordering::Relaxed)
}

fn write(out: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let Some(interrupted) = INTERRUPTED.get() else {
        return Ok(rustix::io::write(out, bytes)?);
    };
    await_room(out, interrupted)?;
    // Somebody reads: there is another moment for the next.
    *last_progress() = Some(Instant::now());
    // A pipe that has room takes this much without waiting (PIPE_BUF), unless another process writes to it as well.
    let some = &bytes[..bytes.len().min(AT_ONCE)];
    Ok(rustix::io::write(out, some)?)
}

/// Waits until something can be written: without limit, or for a moment once a signal has come.
fn await_room(out: BorrowedFd<'_>, interrupted: &AtomicUsize) -> io::Result<()> {
    loop {
        let is_interrupted = interrupted.load(Ordering::Relaxed) != 0;
        let patience = if gave_up() {
            Duration::ZERO
        } else if is_interrupted {
            let now = Instant::now();
            let since = *INTERRUPTED_AT.get_or_init(|| now);
            let since = last_progress().map_or(since, |last| last.max(since));
            (since + LAST_MOMENT).saturating_duration_since(now)
        } else {
            // A signal that comes before the call would not end it, so it has a time limit.
            POLL_INTERVAL
        };
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: patience.subsec_nanos().into(),
        };
        match poll(
            &mut [PollFd::from_borrowed_fd(out, PollFlags::OUT)],
            Some(&patience),
        ) {
            Ok(0) if is_interrupted => {
                GAVE_UP.store(true, Ordering::Relaxed);
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
            }
            Ok(0) | Err(Errno::INTR) => {}
            // There is room, or the write fails and says why.
            Ok(_) | Err(_) => return Ok(()),
        }
    }
}

static INTERRUPTED: OnceLock<Arc<AtomicUsize>> = OnceLock::new();
static GAVE_UP: AtomicBool = AtomicBool::new(false);
static INTERRUPTED_AT: OnceLock<Instant> = OnceLock::new();
static LAST_PROGRESS: Mutex<Option<Instant>> = Mutex::new(None);

/// Returns the time at which something could last be written.
fn last_progress() -> MutexGuard<'static, Option<Instant>> {
    LAST_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

const AT_ONCE: usize = 4096;
/// The delay until an interruption is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The time within which a reader who is only slow makes some room for the end of the report.
const LAST_MOMENT: Duration = Duration::from_millis(500);
