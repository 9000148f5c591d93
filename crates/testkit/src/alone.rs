//! A test in a process of its own, in which no other test starts a process.
//!
//! Between its `fork` and its `exec` a child has a copy of every descriptor, those of all tests that run beside
//! it in the same process. So a socket that was dropped may not be closed yet, and one more process may hold it. A test
//! that asserts either runs here.

use std::process::{Command, Stdio};
use std::thread;

use crate::netns::isolated;

/// Runs the body of a test as [`isolated`] does, but in a process that runs no other test.
///
/// It has to be called on the thread on which libtest runs the test, which is called by the test's name.
pub fn alone(body: impl FnOnce() + Send + 'static) {
    if std::env::var_os(INSIDE).is_some() {
        return isolated(body);
    }
    // libtest runs a single test on the main thread, with no other beside it.
    match thread::current().name() {
        Some(name) if name != "main" => run_again(name),
        _ => isolated(body),
    }
}

/// Starts this very program with one test.
fn run_again(test: &str) {
    let output = Command::new("/proc/self/exe")
        .args([test, "--exact", "--include-ignored", "--nocapture"])
        .args(["--test-threads", "1"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        // Skips are said there, and panics.
        .stderr(Stdio::inherit())
        .output()
        .expect("start this program once more");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{test}: {}\n{text}", output.status);
    // With a name that no test has, libtest succeeds as well.
    assert!(text.contains("test result: ok. 1 passed"), "{text}");
}

const INSIDE: &str = "TCPENTRY_TEST_ALONE";

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn it_runs_in_another_process_and_once() {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        alone(|| {
            RUNS.fetch_add(1, Ordering::Relaxed);
            assert!(std::env::var_os(INSIDE).is_some() || thread::current().name() == Some("main"));
        });
        let here = std::env::var_os(INSIDE).is_some() || thread::current().name() == Some("main");
        assert_eq!(RUNS.load(Ordering::Relaxed), u32::from(here));
    }

    #[test]
    fn its_failure_is_the_tests() {
        if std::env::var_os("TCPENTRY_TEST_FAILS").is_some() {
            alone(|| panic!("it fails"));
            return;
        }
        let output = Command::new("/proc/self/exe")
            .args([
                "alone::tests::its_failure_is_the_tests",
                "--exact",
                "--test-threads",
                "2",
            ])
            .env("TCPENTRY_TEST_FAILS", "1")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(101), "{output:?}");
    }
}
