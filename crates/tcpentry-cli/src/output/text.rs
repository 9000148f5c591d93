//! Text in a place of fixed size: ends of connections, numbers and words, as `Display` writes them, at a tenth of its cost. A
//! listing has two ends in each row.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tcpentry::{Endpoint, State};

/// Text that is put together in a place for it. Each piece is written whole, with bytes behind its end that the next one
/// overwrites: that takes neither a loop nor a branch. The length is beside the bytes, and not among them, so that a processor
/// need not write it down between two pieces.
pub(super) struct FixedText<'p, const ROOM: usize> {
    place: &'p mut [u8; ROOM],
    length: usize,
}

impl<'p, const ROOM: usize> FixedText<'p, ROOM> {
    pub(super) const fn new(place: &'p mut [u8; ROOM]) -> Self {
        Self { place, length: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Adds the first bytes of some: it copies all of them.
    #[inline]
    fn push<const N: usize>(&mut self, bytes: [u8; N], count: usize) {
        self.place[self.length..self.length + N].copy_from_slice(&bytes);
        self.length += count;
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.push([byte], 1);
    }

    fn word(&mut self, word: &str) {
        self.place[self.length..self.length + word.len()].copy_from_slice(word.as_bytes());
        self.length += word.len();
    }

    /// Adds a number.
    #[inline]
    pub(super) fn number(&mut self, number: u32) {
        match u16::try_from(number) {
            // Most queues are empty.
            Ok(0) => self.byte(b'0'),
            Ok(number) => self.short(number),
            Err(_) => self.word(itoa::Buffer::new().format(number)),
        }
    }

    #[inline]
    fn short(&mut self, number: u16) {
        let count = 1
            + usize::from(number >= 10)
            + usize::from(number >= 100)
            + usize::from(number >= 1000)
            + usize::from(number >= 10_000);
        let pair = |number: u16| DECIMAL[usize::from(number % 100)];
        let [high, low] = [pair(number / 100), pair(number)];
        let [_, first] = pair(number / 10_000);
        let digits = [first, high[0], high[1], low[0], low[1], 0, 0, 0];
        let digits = u64::from_le_bytes(digits);
        self.push((digits >> (8 * (5 - count))).to_le_bytes(), count);
    }

    /// Adds a state; false for one without a name.
    #[inline]
    pub(super) fn state(&mut self, state: State) -> bool {
        let Some((name, length)) = STATES.get(usize::from(state.to_kernel())) else {
            return false;
        };
        self.push(*name, *length);
        *length > 0
    }

    /// Adds an endpoint as its `Display` writes it.
    #[inline]
    pub(super) fn endpoint(&mut self, endpoint: Endpoint) {
        match endpoint.address() {
            IpAddr::V4(address) => self.ipv4(address),
            IpAddr::V6(address) => self.length = ipv6(self.place, self.length, address),
        }
        self.byte(b':');
        match endpoint.port() {
            0 => self.byte(b'*'),
            port => self.short(port),
        }
    }

    #[inline]
    fn ipv4(&mut self, address: Ipv4Addr) {
        for octet in address.octets() {
            let count = 2 + usize::from(octet >= 10) + usize::from(octet >= 100);
            self.push(OCTETS[usize::from(octet)], count);
        }
        // Nothing follows the last dot.
        self.length -= 1;
    }
}

/// Adds an address in brackets to so much text, with `::` for the longest run of zeros, the first of several (RFC 5952); returns
/// the length of all. It is not one of IPv4 in IPv6, which an endpoint takes for IPv4.
#[inline(never)]
fn ipv6<const ROOM: usize>(place: &mut [u8; ROOM], length: usize, address: Ipv6Addr) -> usize {
    let mut text = FixedText { place, length };
    let groups = address.segments();
    let (start, end) = zeros(groups);
    text.byte(b'[');
    for (place, group) in groups.into_iter().enumerate() {
        if place == start {
            text.push(*b"::", 2);
        }
        if (start..end).contains(&place) {
            continue;
        }
        if place > 0 && place != end {
            text.byte(b':');
        }
        let digits = group
            .to_be_bytes()
            .map(|byte| HEXADECIMAL[usize::from(byte)]);
        let [[a, b], [c, d]] = digits;
        match group {
            0x1000.. => text.push([a, b, c, d], 4),
            0x100.. => text.push([b, c, d], 3),
            0x10.. => text.push([c, d], 2),
            _ => text.push([d], 1),
        }
    }
    text.byte(b']');
    text.length
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

/// The name of each state by its kernel's number, and its length.
static STATES: [([u8; STATE_ROOM], usize); 14] = {
    let mut all = [([0; STATE_ROOM], 0); 14];
    let mut number = 0;
    while number < 14 {
        if let Some(name) = State::from_kernel(number).name() {
            let (bytes, length) = &mut all[number as usize];
            let name = name.as_bytes();
            while *length < name.len() {
                bytes[*length] = name[*length];
                *length += 1;
            }
        }
        number += 1;
    }
    all
};

/// The digits of each octet, with a dot behind them.
static OCTETS: [[u8; 4]; 256] = {
    let mut all = [[0; 4]; 256];
    let mut octet = 0;
    loop {
        let (a, b, c) = (octet / 100, octet / 10 % 10, octet % 10);
        let [a, b, c] = [b'0' + a, b'0' + b, b'0' + c];
        all[octet as usize] = match octet {
            100.. => [a, b, c, b'.'],
            10.. => [b, c, b'.', 0],
            _ => [c, b'.', 0, 0],
        };
        if octet == u8::MAX {
            break all;
        }
        octet += 1;
    }
};

/// The two digits of each number below a hundred.
static DECIMAL: [[u8; 2]; 100] = {
    let mut all = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        all[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    all
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

/// The room of an endpoint, `[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535`, and of what is copied behind its last digit.
pub(super) const ENDPOINT_ROOM: usize = 41 + 6 + 4;

/// The room of a number.
pub(super) const NUMBER_ROOM: usize = 10;
/// The room of the name of a state.
pub(super) const STATE_ROOM: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_alike(endpoint: Endpoint) {
        let mut place = [0; ENDPOINT_ROOM];
        let mut text = FixedText::new(&mut place);
        text.endpoint(endpoint);
        let length = text.len();
        assert_eq!(
            std::str::from_utf8(&place[..length]),
            Ok(&*endpoint.to_string())
        );
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

    #[test]
    fn a_number_is_shown_as_everywhere() {
        let numbers = (0..=70_000).chain([u32::MAX - 1, u32::MAX]);
        for number in numbers {
            let mut place = [0; NUMBER_ROOM];
            let mut text = FixedText::new(&mut place);
            text.number(number);
            let length = text.len();
            assert_eq!(&place[..length], number.to_string().as_bytes());
        }
    }

    proptest! {
        #[test]
        fn any_endpoint_is_shown_as_everywhere(address: std::net::IpAddr, port: u16) {
            assert_alike(Endpoint::new(address, port));
        }
    }
}
