//! Waiting for a condition instead of for a time.

use std::thread;
use std::time::{Duration, Instant};

/// Waits until the condition holds; fails after ten seconds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// How long a fixture waits for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
