//! Skips that are seen: libtest knows only passed and failed, and hides what a passed test prints.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Reports that this test can't be run here, and returns from it (or from the closure it is in).
#[macro_export]
macro_rules! skip {
    ($($reason:tt)+) => {{
        fn here() {}
        $crate::skip::report(::std::any::type_name_of_val(&here), &::std::format!($($reason)+));
        return;
    }};
}

/// Prints `skipped: TEST: reason` to standard error, past libtest's capture, and appends it to the
/// file that `TCPENTRY_SKIP_LOG` names. `here` is the path of a function inside the test.
pub fn report(here: &str, reason: &str) {
    let test = test_of(here);
    let line = format!("skipped: {test}: {reason}");
    print(&line);
    let line = line + "\n";
    let Some(log) = std::env::var_os("TCPENTRY_SKIP_LOG") else {
        return;
    };
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        panic!("TCPENTRY_SKIP_LOG={log:?}: {error}");
    }
}

/// Returns the name of the test, that of its thread: a skip may stand in a fixture, which many tests call.
fn test_of(here: &str) -> String {
    let this = std::thread::current();
    let named = this.name().filter(|name| name.contains("::"));
    match (named, here.split_once("::")) {
        (Some(name), Some((suite, _))) => format!("{suite}::{name}"),
        _ => here.trim_end_matches("::here").replace("::{{closure}}", ""),
    }
}

/// Prints the line of a skip to standard error.
pub(crate) fn print(line: &str) {
    // One write, so that lines of tests that run side by side stay whole.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
