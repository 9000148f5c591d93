//! Waiting for the turn of a deletion.

use std::time::{Duration, Instant};

use super::interrupt::Interrupt;
use super::report::Report;
use crate::pace::Pacer;

/// Waits until the next deletion of so many is due, or until there is an interruption, and shows how many are left.
pub(super) fn await_turn(pacer: &Pacer, left: usize, interrupt: &Interrupt, report: &mut Report) {
    while !interrupt.is_set() {
        let now = Instant::now();
        let delay = pacer.delay(now);
        if delay.is_zero() {
            return;
        }
        report.show_left(left, pacer.end(now, left));
        interrupt.wait(delay.min(PROGRESS_INTERVAL));
    }
}

/// The time between two updates of what is left.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
