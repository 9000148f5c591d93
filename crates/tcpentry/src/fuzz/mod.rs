//! The readers of bytes from outside, one function for each fuzz target: a panic in one is a finding.
//!
//! It is there for `fuzz/` and for the test that replays the corpus, and only with the feature `fuzz-internals`. Nothing
//! of it is stable.

#![allow(missing_docs, reason = "it is for nobody else")]
#![allow(
    clippy::missing_panics_doc,
    reason = "a panic is what they are there for"
)]

mod conversation;
mod filters;
mod texts;
mod words;

pub use conversation::dump;
pub use filters::filter;
pub use texts::{notation, prefixes, proc_text};
pub use words::words;

use crate::sock_diag::{read_details, read_socket};

/// Reads a socket as the kernel describes it, with its attributes; the first byte says whether counters were asked for.
pub fn attributes(data: &[u8]) {
    let Some((&info, bytes)) = data.split_first() else {
        return;
    };
    if let Ok(connection) = read_socket(bytes, info & 1 != 0) {
        assert!(!connection.to_string().contains(char::is_control));
        let _ = (connection.idle(), connection.pair.mirrored());
        if let Ok(details) = read_details(bytes, connection) {
            for counter in &details.counters {
                assert!(!counter.value.to_string().is_empty());
                assert_eq!(details.counter(counter.name), Some(counter.value));
            }
        }
    }
}
