//! One function for each fuzz target, which reads bytes from outside: a panic in one is a finding.
//!
//! It exists for `fuzz/` and for the tests that replay the corpus, and otherwise only with the feature
//! `fuzz-internals`. Nothing of it is stable.

#![allow(
    clippy::missing_panics_doc,
    reason = "a panic is what they are there for"
)]

pub use crate::exports::fuzz::{c_rows, listeners};
use crate::snmp::{parse, parse6};
use crate::statistics::TCP;

/// Parses a text of `/proc/net/snmp`, and of `snmp6`.
pub fn snmp(data: &[u8]) {
    // The kernel's is ASCII, and any other is refused before it comes so far.
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some([counter]) = parse6(text, ["Udp6NoPorts"]) {
        let text = format!("Udp6NoPorts \t{counter}\n");
        assert_eq!(parse6(&text, ["Udp6NoPorts"]), Some([counter]));
    }
    let Some(counters) = parse(text, "Tcp", TCP) else {
        return;
    };
    // What was found are numbers of this text, under these names; and what is written so is read so.
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let names = lines.next().expect("there are names");
    assert!(names.starts_with(&TCP.join(" ")), "{names:?}");
    let values: Vec<_> = lines.next().expect("there are values").split(' ').collect();
    for (counter, value) in counters.iter().zip(&values) {
        let value: i128 = value.parse().expect("a number");
        assert_eq!(value.rem_euclid(1 << 64), i128::from(*counter));
    }
    let values = counters.map(|counter| counter.to_string()).join(" ");
    let text = format!("Tcp: {}\nTcp: {values}\n", TCP.join(" "));
    assert_eq!(parse(&text, "Tcp", TCP), Some(counters));
}

#[cfg(test)]
mod tests {
    use tcpentry_testkit::corpus::replay;
    use tcpentry_testkit::isolated;

    use super::*;

    #[test]
    fn rows_and_buffers_from_c() {
        isolated(|| {
            let listeners = listeners().expect("listeners");
            replay("c_rows", c_rows);
            drop(listeners);
        });
    }

    #[test]
    fn texts_of_proc_net_snmp() {
        replay("snmp", snmp);
    }
}
