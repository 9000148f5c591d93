//! The kernel's counters: `/proc/net/snmp` and `snmp6`, of the calling thread's network namespace.

use std::fs;

use crate::code::Code;

/// Reads counters of a protocol from `/proc/net/snmp`.
pub(crate) fn read<const N: usize>(protocol: &str, names: [&str; N]) -> Result<[u64; N], Code> {
    // The namespace is that of this thread, which need not be that of the process.
    let text = fs::read_to_string("/proc/thread-self/net/snmp")?;
    parse(&text, protocol, names).ok_or(Code::GEN_FAILURE)
}

/// Reads counters from `/proc/net/snmp6`.
pub(crate) fn read6<const N: usize>(names: [&str; N]) -> Result<[u64; N], Code> {
    let text = fs::read_to_string("/proc/thread-self/net/snmp6")?;
    parse6(&text, names).ok_or(Code::GEN_FAILURE)
}

/// Parses the first counters of two lines that begin with the protocol: one has the names, the other the values.
pub(crate) fn parse<const N: usize>(
    text: &str,
    protocol: &str,
    names: [&str; N],
) -> Option<[u64; N]> {
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(protocol)?.strip_prefix(": "));
    let mut columns = lines.next()?.split(' ').zip(lines.next()?.split(' '));
    let mut counters = [0; N];
    for (counter, expected) in counters.iter_mut().zip(names) {
        let (name, value) = columns.next()?;
        if name != expected {
            return None;
        }
        *counter = number(value)?;
    }
    Some(counters)
}

/// Parses counters out of lines of a name, blanks and a value.
pub(crate) fn parse6<const N: usize>(text: &str, names: [&str; N]) -> Option<[u64; N]> {
    let mut counters = [0; N];
    for (counter, expected) in counters.iter_mut().zip(names) {
        let mut lines = text.lines().map(str::split_ascii_whitespace);
        let mut line =
            lines.find_map(|mut line| (line.next() == Some(expected)).then_some(line))?;
        *counter = number(line.next()?)?;
    }
    Some(counters)
}

/// Parses a value: 64 bits in the kernel, and -1 for "no limit", in two's complement.
fn number(text: &str) -> Option<u64> {
    let value: i128 = text.parse().ok()?;
    u64::try_from(value & i128::from(u64::MAX)).ok()
}

/// Returns the low half, which fields of 32 bits have.
pub(crate) fn low(counter: u64) -> u32 {
    u32::try_from(counter & u64::from(u32::MAX)).expect("masked")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Ip: Forwarding\nIp: 1\n\
        Tcp: RtoAlgorithm RtoMin MaxConn InSegs InErrs\n\
        Tcp: 1 200 -1 4294967306 15\n\
        Udp: InDatagrams NoPorts\n\
        Udp: 1 2\n\
        UdpLite: InDatagrams NoPorts\n\
        UdpLite: 3 4\n";

    #[test]
    fn the_kernels_text() {
        let names = ["RtoAlgorithm", "RtoMin", "MaxConn", "InSegs"];
        let expected = [1, 200, u64::MAX, 4_294_967_306];
        assert_eq!(parse(TEXT, "Tcp", names), Some(expected));
        assert_eq!(expected.map(low), [1, 200, u32::MAX, 10]);
        assert_eq!(parse(TEXT, "Udp", ["InDatagrams", "NoPorts"]), Some([1, 2]));
        assert_eq!(parse(TEXT, "Udp", ["NoPorts"]), None, "another order");
        assert_eq!(parse("Tcp: a b\nTcp: 1 2\n", "Tcp", names), None);
        assert_eq!(parse("", "Tcp", names), None);
        let cut = TEXT.replace(" 4294967306 15\n", "\n");
        assert_eq!(
            parse(&cut, "Tcp", names),
            None,
            "a missing counter is not 0"
        );
    }

    #[test]
    fn the_kernels_text_for_ipv6() {
        let text = "Ip6InReceives                   \t7\nUdp6InDatagrams                 \t5\n\
            Udp6NoPorts                     \t0\n";
        let names = ["Udp6InDatagrams", "Udp6NoPorts"];
        assert_eq!(parse6(text, names), Some([5, 0]));
        assert_eq!(parse6(text, ["Udp6OutDatagrams"]), None);
        assert_eq!(parse6("Udp6NoPorts\n", ["Udp6NoPorts"]), None);
    }
}
