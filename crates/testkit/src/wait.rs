//! Waiting for a condition instead of for a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Waits until the condition holds; fails after ten seconds and a thousand looks, of which a machine under load makes few in
/// that time.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let (start, limit) = (Instant::now(), limit());
    let mut looks = 0;
    while !condition() {
        looks += 1;
        assert!(
            looks < LOOKS || start.elapsed() < limit,
            "not within {limit:?}: {what}"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// Raises a flag when it is dropped, so that a thread that runs until then also ends where a check has failed.
#[derive(Debug)]
pub struct Raised<'f>(pub &'f AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns the time limit of a fixture.
pub(crate) fn limit() -> Duration {
    at_least(Duration::from_secs(10))
}

/// Returns this duration times `TCPENTRY_PATIENCE`, which is set on emulated machines.
pub(crate) fn at_least(time: Duration) -> Duration {
    let factor = std::env::var("TCPENTRY_PATIENCE").ok();
    time * factor.and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

/// The number of looks before which nothing is given up.
const LOOKS: u32 = 1000;
