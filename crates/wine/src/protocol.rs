//! The messages between `tcpentry.dll` and `tcpentry-wine`: little-endian words, of a fixed number but for the bytes that
//! follow a reply. `dll/channel.c` is the other side.

use iphlpapi::foreign::TableCall;
use tcpentry::set_entry::TcpRow;

/// The first message, of `tcpentry-wine`: its name, and the version of what follows.
pub(crate) const HELLO: [u8; 12] = *b"tcpentry\x01\0\0\0";

/// The size of a request.
pub(crate) const REQUEST: usize = 28;

/// A request of the DLL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CallRequest {
    /// The number that the reply bears, too.
    sequence: u32,
    pub(crate) call: WindowsCall,
}

/// A function that a program calls, with its arguments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WindowsCall {
    /// `SetTcpEntry`
    Set(TcpRow),
    /// `GetTcpTable` and its relatives
    Table(TableCall),
}

impl CallRequest {
    /// Parses a request; `None` for one that this version does not know.
    pub(crate) fn parse(bytes: &[u8; REQUEST]) -> Option<Self> {
        let word = |index: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[4 * index..4 * index + 4]);
            word
        };
        let number = |index| u32::from_le_bytes(word(index));
        let call = match number(1) {
            1 => WindowsCall::Set(TcpRow {
                state: number(2),
                // Addresses and ports stay as they lie in memory.
                local_address: u32::from_ne_bytes(word(3)),
                local_port: u32::from_ne_bytes(word(4)),
                remote_address: u32::from_ne_bytes(word(5)),
                remote_port: u32::from_ne_bytes(word(6)),
            }),
            2 => WindowsCall::Table(TableCall {
                family: number(2),
                class: number(3),
                is_sorted: number(4) != 0,
                room: number(5),
            }),
            _ => return None,
        };
        Some(Self {
            sequence: number(0),
            call,
        })
    }

    /// Makes the reply: the sequence number, a code of Windows, and the number of bytes that follow.
    pub(crate) fn reply(&self, code: u32, bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).expect("a table is shorter than 4 GiB");
        let words = [self.sequence, code, length];
        let words = words.iter().flat_map(|word| word.to_le_bytes());
        words.chain(bytes.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_arrives_as_it_lay_in_memory() {
        let row = TcpRow::deleting(
            "127.0.0.1:80".parse().unwrap(),
            "10.0.0.2:5000".parse().unwrap(),
        );
        let mut bytes = [0; REQUEST];
        bytes[..4].copy_from_slice(&7_u32.to_le_bytes());
        bytes[4] = 1;
        bytes[8] = 12;
        bytes[12..16].copy_from_slice(&[127, 0, 0, 1]);
        bytes[16..18].copy_from_slice(&80_u16.to_be_bytes());
        bytes[20..24].copy_from_slice(&[10, 0, 0, 2]);
        bytes[24..26].copy_from_slice(&5000_u16.to_be_bytes());
        let request = CallRequest::parse(&bytes).unwrap();
        assert_eq!(request.call, WindowsCall::Set(row));
        let reply = request.reply(317, b"ab");
        assert_eq!(reply, b"\x07\0\0\0\x3d\x01\0\0\x02\0\0\0ab");
    }

    #[test]
    fn other_requests_are_unknown() {
        assert_eq!(CallRequest::parse(&[0; REQUEST]), None);
        assert_eq!(CallRequest::parse(&[0xff; REQUEST]), None);
    }
}
