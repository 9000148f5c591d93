//! Ends of connections as text: what `Display` writes, at a tenth of its cost. A listing has two in each row.

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use itoa::Buffer;
use tcpentry::Endpoint;

/// Writes an endpoint as its `Display` does.
pub(super) fn write_endpoint(endpoint: Endpoint, out: &mut Vec<u8>) {
    use std::net::IpAddr::{V4, V6};
    let mut text = Text::default();
    match endpoint.address() {
        V4(address) if endpoint.port() != 0 => text.ipv4(address),
        // That of IPv4 in IPv6 ends with the other notation.
        V6(address) if endpoint.port() != 0 && address.to_ipv4_mapped().is_none() => {
            text.ipv6(address);
        }
        _ => {
            // Writing to memory can't fail.
            let _ = write!(out, "{endpoint}");
            return;
        }
    }
    text.port(endpoint.port());
    out.extend_from_slice(&text.bytes[..text.length]);
}

/// The text of one endpoint.
struct Text {
    bytes: [u8; ROOM],
    length: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            bytes: [0; ROOM],
            length: 0,
        }
    }
}

impl Text {
    /// Adds the first bytes of some: it copies all of them, which takes no loop.
    fn push<const N: usize>(&mut self, bytes: [u8; N], count: usize) {
        self.bytes[self.length..self.length + N].copy_from_slice(&bytes);
        self.length += count;
    }

    fn ipv4(&mut self, address: Ipv4Addr) {
        for (place, octet) in address.octets().into_iter().enumerate() {
            if place > 0 {
                self.push(*b".", 1);
            }
            let (digits, count) = OCTETS[usize::from(octet)];
            self.push(digits, count);
        }
    }

    /// Adds an address in brackets, with `::` for the longest run of zeros, the first of several (RFC 5952).
    fn ipv6(&mut self, address: Ipv6Addr) {
        let groups = address.segments();
        let (start, end) = zeros(groups);
        self.push(*b"[", 1);
        for (place, group) in groups.into_iter().enumerate() {
            if place == start {
                self.push(*b"::", 2);
            }
            if (start..end).contains(&place) {
                continue;
            }
            if place > 0 && place != end {
                self.push(*b":", 1);
            }
            let digits = group
                .to_be_bytes()
                .map(|byte| HEXADECIMAL[usize::from(byte)]);
            let [[a, b], [c, d]] = digits;
            match group {
                0x1000.. => self.push([a, b, c, d], 4),
                0x100.. => self.push([b, c, d], 3),
                0x10.. => self.push([c, d], 2),
                _ => self.push([d], 1),
            }
        }
        self.push(*b"]", 1);
    }

    fn port(&mut self, port: u16) {
        self.push(*b":", 1);
        for &digit in Buffer::new().format(port).as_bytes() {
            self.push([digit], 1);
        }
    }
}

/// Returns the place of the longest run of zeros, of two groups at least, and of its end; of none, places that no group has.
fn zeros(groups: [u16; 8]) -> (usize, usize) {
    let mut longest = (8, 8);
    let mut start = 0;
    for place in 0..=groups.len() {
        if groups.get(place) == Some(&0) {
            continue;
        }
        if place - start >= 2 && place - start > longest.1 - longest.0 {
            longest = (start, place);
        }
        start = place + 1;
    }
    if longest.0 == longest.1 {
        (9, 9)
    } else {
        longest
    }
}

/// The digits of each octet, and how many there are.
static OCTETS: [([u8; 3], usize); 256] = {
    let mut all = [([0; 3], 0); 256];
    let mut octet = 0;
    loop {
        let (a, b, c) = (octet / 100, octet / 10 % 10, octet % 10);
        let [a, b, c] = [b'0' + a, b'0' + b, b'0' + c];
        all[octet as usize] = match octet {
            100.. => ([a, b, c], 3),
            10.. => ([b, c, 0], 2),
            _ => ([c, 0, 0], 1),
        };
        if octet == u8::MAX {
            break all;
        }
        octet += 1;
    }
};

/// The digits of each byte.
static HEXADECIMAL: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut all = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        all[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    all
};

/// `[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535`, and what is copied behind the last digit.
const ROOM: usize = 41 + 6 + 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_alike(endpoint: Endpoint) {
        let mut text = Vec::new();
        write_endpoint(endpoint, &mut text);
        assert_eq!(std::str::from_utf8(&text), Ok(&*endpoint.to_string()));
    }

    #[test]
    fn an_endpoint_is_shown_as_everywhere() {
        for text in [
            "0.0.0.0:*",
            "0.0.0.0:1",
            "1.22.100.9:1",
            "255.255.255.255:65535",
            "[::]:*",
            "[::]:1",
            "[::1]:80",
            "[1::]:80",
            "[::ffff:10.0.0.1]:80",
            "[::10.0.0.1]:80",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        ] {
            assert_alike(text.parse().unwrap());
        }
    }

    /// Groups with zeros in all places: each pattern, with digits of each length between them.
    #[test]
    fn zeros_are_shortened_as_everywhere() {
        for pattern in 0..=u8::MAX {
            for digits in [1, 0x10, 0x100, 0x1000, 0xffff] {
                let group = |place: u8| if pattern >> place & 1 == 0 { 0 } else { digits };
                let groups = [0, 1, 2, 3, 4, 5, 6, 7].map(group);
                assert_alike(Endpoint::new(Ipv6Addr::from(groups).into(), 443));
            }
        }
    }

    proptest! {
        #[test]
        fn any_endpoint_is_shown_as_everywhere(address: std::net::IpAddr, port: u16) {
            assert_alike(Endpoint::new(address, port));
        }
    }
}
