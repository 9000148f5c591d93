//! The signals that would end the program: the deletion in progress is still done and reported.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGTRAP, SIGUSR1, SIGUSR2,
    SIGVTALRM, SIGXCPU,
};

use crate::exit::Exit;
use crate::stream;

/// The last of these signals that came: of [`SIGNALS`], and those of real time.
#[derive(Clone)]
pub(crate) struct Interrupt {
    /// Its number, which its handler writes; 0 before the first.
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Installs the handlers.
    pub(crate) fn install() -> Self {
        Self::but_for(&[])
    }

    /// Installs the handlers but for those of HUP, by which a service reads its configuration again, and ABRT, by which
    /// systemd's watchdog ends one that hangs.
    pub(crate) fn for_service() -> Self {
        Self::but_for(&[SIGHUP, SIGABRT])
    }

    /// Returns one that no signal sets: for what only looks.
    pub(crate) fn never() -> Self {
        Self {
            signal: Arc::default(),
        }
    }

    fn but_for(except: &[i32]) -> Self {
        let this = Self::never();
        let ignored = std::fs::read_to_string("/proc/self/status");
        let ignored = ignored.map_or(0, |status| ignored_signals(&status));
        for signal in SIGNALS.into_iter().chain(REAL_TIME) {
            // nohup, or a script that runs this in the background, ignores the signal on purpose.
            if ignored & (1 << (signal - 1)) != 0 || except.contains(&signal) {
                continue;
            }
            // Where no handler can be installed, the signal ends the program at once.
            let number = usize::try_from(signal).unwrap_or_default();
            let _ = signal_hook::flag::register_usize(signal, Arc::clone(&this.signal), number);
        }
        stream::give_up_after(&this.signal);
        this
    }

    /// Returns true once a signal has arrived.
    pub(crate) fn is_set(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// Returns `Break` once a signal has arrived.
    pub(crate) fn control_flow(&self) -> ControlFlow<()> {
        if self.is_set() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Returns the exit code of a run that a signal has ended.
    pub(crate) fn exit(&self) -> Exit {
        let signal = self.signal.load(Ordering::SeqCst);
        Exit::Interrupted(u8::try_from(signal).unwrap_or_default())
    }

    /// Waits for so long, or until there is an interruption, which is noticed within a twentieth of a second.
    pub(super) fn wait(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.is_set() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(POLL_INTERVAL));
        }
    }

    /// Returns the exit code of a run: of the signal, where that has cut its report short.
    pub(super) fn exit_or(&self, exit: Exit) -> Exit {
        if stream::gave_up() { self.exit() } else { exit }
    }

    /// Does what the handler of a signal does.
    #[cfg(test)]
    pub(super) fn receive(&self, signal: usize) {
        self.signal.store(signal, Ordering::SeqCst);
    }
}

/// Parses the signals that were ignored at the start, one bit each: `SigIgn` in proc(5).
fn ignored_signals(status: &str) -> u64 {
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0)
}

/// The signals that end a process by default; those of a write that fails (PIPE, XFSZ) are errors of that write: see
/// [`write_errors`](crate::write_errors).
///
/// ILL, FPE, SEGV, BUS and SYS have no handler that returns: the first four would be raised again for ever where they stand
/// for a fault, and behind SYS of a seccomp filter the call that it has refused would seem to have been done.
const SIGNALS: [i32; 15] = [
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU,
    SIGIO, SIGPWR, SIGSTKFLT, SIGABRT, SIGTRAP,
];
/// The delay until an interruption is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// `signal(7)`, x86, Arm and most others.
const SIGPWR: i32 = 30;
const SIGSTKFLT: i32 = 16;
/// The signals of real time that the C library leaves to programs: `SIGRTMIN` of glibc to `SIGRTMAX`. musl, which keeps the
/// first for itself, installs no handler for that.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;
