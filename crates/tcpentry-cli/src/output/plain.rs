//! Rows of a listing in its plainest form: five columns for a program, each of a row's own fields. Most rows of a large table are
//! of it, and are written here at a third of the cost of cells.

use tcpentry::Connection;

use super::text::{ENDPOINT_ROOM, FixedText, NUMBER_ROOM, STATE_ROOM};

/// Lines that were not written so far.
pub(crate) struct PlainRows {
    block: Box<[u8; BLOCK]>,
    length: usize,
}

impl PlainRows {
    pub(crate) fn new() -> Self {
        Self {
            block: Box::new([0; BLOCK]),
            length: 0,
        }
    }

    /// Adds a row, as [`Cells`](super::Cells) and [`Columns`](super::Columns) would write it. Returns false where it does not: for
    /// want of [room](Self::is_full), or because it needs more than the row's own fields, as of a socket that is bound to a
    /// device, or in a state without a name.
    pub(crate) fn add(&mut self, row: &Connection) -> bool {
        let Some(place) = self.block[self.length..].first_chunk_mut::<LINE_ROOM>() else {
            return false;
        };
        let mut line = FixedText::new(place);
        if row.interface().is_some() || !line.state(row.state) {
            return false;
        }
        line.byte(b'\t');
        line.number(row.recv_queue);
        line.byte(b'\t');
        line.number(row.send_queue);
        line.byte(b'\t');
        line.endpoint(row.local());
        line.byte(b'\t');
        line.endpoint(row.peer());
        line.byte(b'\n');
        self.length += line.len();
        true
    }

    /// Returns true where there is no room for any row: the lines have to be [written](Self::lines).
    pub(crate) const fn is_full(&self) -> bool {
        BLOCK - self.length < LINE_ROOM
    }

    /// Returns the lines.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.block[..self.length]
    }

    pub(crate) const fn clear(&mut self) {
        self.length = 0;
    }
}

const BLOCK: usize = 8 * 1024;
/// A state, two numbers, two ends, and what separates them.
const LINE_ROOM: usize = STATE_ROOM + 2 * NUMBER_ROOM + 2 * ENDPOINT_ROOM + 5;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;
    use tcpentry::connection::Interface;
    use tcpentry::{Cookie, Endpoint, Pair, State};

    use super::*;
    use crate::output::{Cells, Columns, Shape, columns_of_list};

    /// Returns a row as cells and columns write it.
    fn usual(row: &Connection) -> Vec<u8> {
        let mut out = Vec::new();
        let mut columns = Columns::new(&mut out, Shape::Tabs, columns_of_list(), false);
        let mut cells = Cells::default();
        cells.put(row.state);
        cells.put(row.recv_queue);
        cells.put(row.send_queue);
        cells.put(row.local());
        cells.put(row.peer());
        columns.row(&cells).unwrap();
        columns.flush().unwrap();
        drop(columns);
        out
    }

    fn row(state: u8, ends: [(IpAddr, u16); 2], queues: (u32, u32)) -> Connection {
        let [local, peer] = ends.map(|(address, port)| Endpoint::new(address, port));
        let pair = Pair::new(local, peer).unwrap();
        let state = State::from_kernel(state);
        let mut row = Connection::named(pair, Cookie::new(1).unwrap(), state);
        (row.recv_queue, row.send_queue) = queues;
        row
    }

    #[test]
    fn what_needs_more_than_its_own_fields_is_refused() {
        let end = (Ipv4Addr::LOCALHOST.into(), 1);
        let mut plain = PlainRows::new();
        assert!(!plain.add(&row(200, [end, end], (0, 0))));
        let mut bound = row(1, [end, end], (0, 0));
        bound.pair = bound.pair.on(Interface::new(2));
        assert!(!plain.add(&bound));
        assert!(plain.lines().is_empty());
    }

    #[test]
    fn a_block_has_room_for_any_row_until_it_is_full() {
        let end = (Ipv6Addr::from([0xff; 16]).into(), u16::MAX);
        let longest = row(13, [end, end], (u32::MAX, u32::MAX));
        let mut plain = PlainRows::new();
        for _ in 0..3 {
            let mut count = 0;
            while !plain.is_full() {
                assert!(plain.add(&longest));
                count += 1;
            }
            assert_eq!(plain.lines(), usual(&longest).repeat(count));
            plain.clear();
        }
    }

    proptest! {
        #[test]
        fn any_row_is_written_as_usual(
            state in 1..=13_u8,
            is_ipv4: bool,
            addresses: [u128; 2],
            ports: [u16; 2],
            queues: [u32; 2],
            shifts: [u8; 4],
        ) {
            // Short numbers and addresses with zeros are as many as others.
            let address = |place: usize| -> IpAddr {
                if is_ipv4 {
                    Ipv4Addr::from_bits(queues[place] >> (shifts[place] % 32)).into()
                } else {
                    Ipv6Addr::from_bits(addresses[place] >> (shifts[place] % 128) | 1 << 127).into()
                }
            };
            let queue = |place: usize| queues[place] >> (shifts[2 + place] % 32);
            let ends = [(address(0), ports[0]), (address(1), ports[1])];
            let row = row(state, ends, (queue(0), queue(1)));
            let mut plain = PlainRows::new();
            prop_assert!(plain.add(&row));
            prop_assert_eq!(plain.lines(), usual(&row));
        }
    }
}
