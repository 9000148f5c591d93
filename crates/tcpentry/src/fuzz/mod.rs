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

use crate::connection::Connection;
use crate::sock_diag::{read_details, read_socket, read_socket_into};

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

/// Reads two sockets as the kernel describes them, the second in the place of the first, as a listing does, and returns it. The first
/// byte says whether counters were asked for, the next two (the low one first) how many bytes the first socket has.
pub fn row(data: &[u8]) -> Option<Connection> {
    let (&[info, low, high], bytes) = data.split_first_chunk()?;
    let (first, second) = bytes.split_at_checked(u16::from_le_bytes([low, high]).into())?;
    let info = info & 1 != 0;
    let mut row = read_socket(first, info).ok()?;
    let alone = read_socket(second, info);
    let in_place = read_socket_into(second, info, &mut row);
    assert_eq!(in_place.is_ok(), alone.is_ok());
    let alone = alone.ok()?;
    assert_eq!(row, alone, "nothing is left of the row before");
    Some(row)
}
