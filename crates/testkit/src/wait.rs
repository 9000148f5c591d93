//! Waiting for a condition instead of for a time.

use std::thread;
use std::time::{Duration, Instant};

/// Waits until the condition holds; fails after ten seconds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        let limit = limit();
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(1));
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
