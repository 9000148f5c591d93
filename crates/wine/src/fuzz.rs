//! The reader of DLLs for the fuzz target `dll`, and for the test that replays its corpus: a panic in it is a finding.

#![allow(clippy::missing_panics_doc, reason = "a panic is what it is there for")]

use crate::pe::{forward_exports, forwarded_exports, is_forwarded, machine, note};

/// Edits bytes as if they were a DLL; what has been edited is again a DLL, with the forwarder and all other exports.
pub fn dll(data: &[u8]) {
    let Ok(edited) = forward_exports(data, "tcpentry", &["SetTcpEntry"], "a note") else {
        return;
    };
    assert_eq!(machine(&edited), machine(data));
    assert!(is_forwarded(&edited));
    assert_eq!(note(&edited).as_deref(), Ok("a note"));
    let forwarded = forwarded_exports(&edited, "tcpentry");
    assert!(forwarded.is_ok_and(|names| names.iter().any(|name| name == "SetTcpEntry")));
    assert!(edited.len() > data.len());
    assert!(forward_exports(&edited, "tcpentry", &["SetTcpEntry"], "a note").is_err());
}

#[cfg(test)]
mod tests {
    use tcpentry_testkit::corpus::replay;

    #[test]
    fn edits_of_dlls() {
        replay("dll", super::dll);
    }
}
