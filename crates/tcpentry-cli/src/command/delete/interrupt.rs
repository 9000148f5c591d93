//! Ctrl-C and the other signals that ask the program to end: the deletion in progress is still done and reported.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// A flag that the handlers of SIGINT, SIGTERM and SIGHUP set.
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Installs the handlers.
    pub(super) fn install() -> Self {
        let flag = Arc::new(AtomicBool::new(false));
        let ignored = std::fs::read_to_string("/proc/self/status");
        let ignored = ignored.map_or(0, |status| ignored_signals(&status));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // nohup, or a script that runs this in the background, ignores the signal on purpose.
            if ignored & (1 << (signal - 1)) != 0 {
                continue;
            }
            // Where no handler can be installed, the signal ends the program at once.
            let _ = signal_hook::flag::register(signal, Arc::clone(&flag));
        }
        Self(flag)
    }

    /// Returns true once a signal has arrived.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns `Break` once a signal has arrived.
    pub(super) fn control_flow(&self) -> ControlFlow<()> {
        if self.is_set() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Returns the flag itself, for a loop that polls it.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.0
    }
}

/// Parses the signals that were ignored at the start, one bit each: `SigIgn` in proc(5).
fn ignored_signals(status: &str) -> u64 {
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0)
}
