//! TCP statistics of a network namespace: `MIB_TCPSTATS` from `/proc/net/snmp` and the table.

use std::fs;

use crate::code::Code;
use crate::table::{Family, Image, count};

/// Returns the fifteen counters of `MIB_TCPSTATS`.
///
/// Linux keeps one set for both families; only the number of connections differs.
pub(crate) fn image(family: Family) -> Result<Vec<u8>, Code> {
    family.require()?;
    // The namespace is that of this thread, which need not be that of the process.
    let text = fs::read_to_string("/proc/thread-self/net/snmp")?;
    let counters = parse(&text).ok_or(Code::GEN_FAILURE)?;
    let connections = count(family)?;
    let mut image = Image::default();
    for counter in counters {
        image.u32(counter);
    }
    image.u32(u32::try_from(connections).unwrap_or(u32::MAX));
    Ok(image.0)
}

/// Parses the fourteen counters that the kernel keeps, whose order is that of `MIB_TCPSTATS`.
pub(crate) fn parse(text: &str) -> Option<[u32; 14]> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let mut names = lines.next()?.split(' ');
    let mut values = lines.next()?.split(' ');
    let mut counters = [0; 14];
    for (counter, expected) in counters.iter_mut().zip(NAMES) {
        if names.next()? != expected {
            return None;
        }
        // 64 bits in the kernel, and -1 for "no limit": the low half of two's complement.
        let value: i128 = values.next()?.parse().ok()?;
        *counter = u32::try_from(value & 0xffff_ffff).ok()?;
    }
    Some(counters)
}

pub(crate) const NAMES: [&str; 14] = [
    "RtoAlgorithm",
    "RtoMin",
    "RtoMax",
    "MaxConn",
    "ActiveOpens",
    "PassiveOpens",
    "AttemptFails",
    "EstabResets",
    "CurrEstab",
    "InSegs",
    "OutSegs",
    "RetransSegs",
    "InErrs",
    "OutRsts",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_text() {
        let text = "Ip: Forwarding\nIp: 1\n\
            Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\n\
            Tcp: 1 200 120000 -1 5 6 7 8 9 4294967306 11 12 13 14 15\n";
        let expected = [1, 200, 120_000, u32::MAX, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse("Tcp: a b\nTcp: 1 2\n"), None);
        assert_eq!(parse(""), None);
        let (_, cut) = text.split_at(text.find("Tcp").unwrap());
        let cut = cut.replace(" 14 15\n", "\n");
        assert_eq!(parse(&cut), None, "a counter that is missing is not 0");
    }
}
