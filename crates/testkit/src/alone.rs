//! A process of its own for each test, as every test has that runs in a network namespace of its own.
//!
//! Between its `fork` and its `exec` a child has a copy of every descriptor of its process, those of all tests that run
//! beside the one that starts it. Were they in the same process, a socket that was dropped would not always be closed, and
//! one more process would hold it.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::thread;

use rustix::fs::MemfdFlags;

/// Runs the test of this thread once more, in a process that runs no other, and returns true once it has passed there.
/// Returns false where this is that process, or no thread of libtest's, so that the caller runs it.
pub(crate) fn has_run_elsewhere() -> bool {
    thread_local! {
        static DONE: Cell<bool> = const { Cell::new(false) };
    }
    if name().is_some() {
        return false;
    }
    // libtest names a test's thread after it; a single test it runs on the main thread, with no other beside it.
    let thread = thread::current();
    let Some(test) = thread.name().filter(|name| *name != "main") else {
        return false;
    };
    // All of the test has run there, also what comes after its first part.
    if !DONE.replace(true) {
        run_again(test);
    }
    true
}

/// Returns the name of the test whose process this is.
pub(crate) fn name() -> Option<String> {
    std::env::var(INSIDE).ok()
}

/// Starts this very program with one test.
fn run_again(test: &str) {
    // No pipe: a process that outlives the test would keep its end open.
    let mut output = File::from(
        rustix::fs::memfd_create("output", MemfdFlags::CLOEXEC).expect("create a file in memory"),
    );
    let copy = || Stdio::from(output.try_clone().expect("dup"));
    // By its own name, which a test may look for.
    let program = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
    let status = Command::new(program)
        .args([test, "--exact", "--include-ignored", "--nocapture"])
        .args(["--test-threads", "1"])
        .env(INSIDE, test)
        .stdin(Stdio::null())
        .stdout(copy())
        .stderr(copy())
        .status()
        .expect("start this program once more");
    let mut text = Vec::new();
    output.rewind().expect("it is a file");
    output.read_to_end(&mut text).expect("read it back");
    let text = String::from_utf8_lossy(&text);
    assert!(status.success(), "{test}: {status}\n{text}");
    // With a name that no test has, libtest succeeds as well.
    assert!(text.contains("test result: ok. 1 passed"), "{text}");
    // libtest has begun a line with the test's name.
    for line in text.lines() {
        if let Some(at) = line.find("skipped: ") {
            crate::skip::print(&line[at..]);
        }
    }
}

const INSIDE: &str = "TCPENTRY_TEST_ALONE";

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::atomic::{AtomicU32, Ordering};

    use crate::isolated;

    use super::*;

    #[test]
    fn it_runs_in_another_process_and_once() {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        for _ in 0..2 {
            isolated(|| {
                RUNS.fetch_add(1, Ordering::Relaxed);
                let this = thread::current();
                assert_eq!(
                    this.name(),
                    Some("alone::tests::it_runs_in_another_process_and_once")
                );
            });
        }
        let is_here = name().is_some() || thread::current().name() == Some("main");
        assert_eq!(RUNS.load(Ordering::Relaxed), if is_here { 2 } else { 0 });
    }

    #[test]
    fn its_failure_is_the_tests() {
        if std::env::var_os("TCPENTRY_TEST_FAILS").is_some() {
            isolated(|| panic!("it fails"));
            return;
        }
        let output = Command::new("/proc/self/exe")
            .args([
                "alone::tests::its_failure_is_the_tests",
                "--exact",
                "--test-threads",
                "2",
            ])
            .env_remove(INSIDE)
            .env("TCPENTRY_TEST_FAILS", "1")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(101), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("it fails"), "{text}");
    }

    #[test]
    fn its_skip_is_said() {
        if std::env::var_os("TCPENTRY_TEST_SKIPS").is_some() {
            isolated(|| crate::skip!("it is a test"));
            return;
        }
        let output = Command::new("/proc/self/exe")
            .args([
                "alone::tests::its_skip_is_said",
                "--exact",
                "--test-threads",
                "2",
            ])
            .env_remove(INSIDE)
            .env_remove("TCPENTRY_SKIP_LOG")
            .env("TCPENTRY_TEST_SKIPS", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.starts_with("skipped: ") && said.ends_with(": it is a test\n"),
            "{said}"
        );
    }

    #[test]
    fn it_shares_no_socket_with_a_test_beside_it() {
        // A test that holds one for as long as this runs.
        let _beside = name()
            .is_none()
            .then(|| std::net::TcpListener::bind("127.0.0.1:0"));
        isolated(|| {
            let all = std::fs::read_dir("/proc/self/fd").unwrap();
            let all = all.filter_map(|it| std::fs::read_link(it.unwrap().path()).ok());
            let sockets = all.filter(|it| it.to_string_lossy().starts_with("socket:"));
            assert_eq!(
                sockets.collect::<Vec<_>>(),
                Vec::<std::path::PathBuf>::new()
            );
        });
    }
}
