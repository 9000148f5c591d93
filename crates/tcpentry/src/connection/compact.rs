//! A connection in little memory, for programs that hold many.

use std::net::{IpAddr, Ipv6Addr};

use crate::connection::endpoint::{Endpoint, Interface, Pair};
use crate::connection::state::State;
use crate::connection::{Connection, Cookie, Inode};

/// A connection in 60 bytes: its exact name, its state and whose it is.
///
/// For those who hold a million of them until somebody has said yes: a [`Connection`] takes more than twice that, and
/// with its counters seven times. What has been left out (queues, mark, cgroup, MPTCP, counters) is nothing in the
/// connection that is made of it, until the table is asked again, as a deletion does.
///
/// ```
/// use tcpentry::connection::CompactConnection;
/// use tcpentry::{Connection, Query, TcpTable};
/// assert_eq!(size_of::<CompactConnection>(), 60);
/// for row in TcpTable::open()?.connections(&Query::default())? {
///     let row = row?;
///     let again = Connection::from(&CompactConnection::from(&row));
///     assert_eq!((again.pair, again.cookie, again.state), (row.pair, row.cookie, row.state));
/// }
/// # Ok::<(), tcpentry::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CompactConnection {
    addresses: [[u8; 16]; 2],
    ports: [u16; 2],
    /// 0 is none, as to the kernel.
    interface: u32,
    /// The cookie in halves, so that nothing has to be aligned to eight bytes.
    cookie: [u32; 2],
    uid: u32,
    /// 0 is none.
    inode: u32,
    state: State,
    is_ipv4: bool,
    mapped: bool,
}

impl From<&Connection> for CompactConnection {
    fn from(connection: &Connection) -> Self {
        let pair = &connection.pair;
        let octets = |end: Endpoint| match end.address() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        let cookie = connection.cookie.value();
        let half = |shift: u32| u32::try_from(cookie >> shift & 0xffff_ffff).expect("masked");
        Self {
            addresses: [pair.local(), pair.peer()].map(octets),
            ports: [pair.local().port(), pair.peer().port()],
            interface: pair.interface().map_or(0, Interface::index),
            cookie: [half(0), half(32)],
            uid: connection.uid,
            inode: connection.inode.map_or(0, Inode::number),
            state: connection.state,
            is_ipv4: pair.is_ipv4(),
            mapped: connection.mapped,
        }
    }
}

impl From<&CompactConnection> for Connection {
    fn from(compact: &CompactConnection) -> Self {
        let end = |index: usize| {
            let address = Ipv6Addr::from(compact.addresses[index]);
            let address = match address.to_ipv4_mapped() {
                Some(address) if compact.is_ipv4 => IpAddr::from(address),
                _ => address.into(),
            };
            Endpoint::new(address, compact.ports[index])
        };
        let pair = Pair::new(end(0), end(1)).expect("it was one");
        let pair = pair.on(Interface::new(compact.interface));
        Self {
            mapped: compact.mapped,
            uid: compact.uid,
            inode: Inode::new(compact.inode),
            ..Self::named(pair, compact.cookie(), compact.state)
        }
    }
}

impl CompactConnection {
    /// Returns the kernel's name of the socket.
    #[expect(clippy::missing_panics_doc, reason = "only a cookie was taken apart")]
    pub fn cookie(&self) -> Cookie {
        let [low, high] = self.cookie.map(u64::from);
        Cookie::new(high << 32 | low).expect("it was one")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_of_the_name_is_lost(
            v6: bool, addresses: [u128; 2], ports: [u16; 2], interface: u32, cookie in 0..u64::MAX,
            rest: (u32, u32, u8, bool),
        ) {
            let end = |index: usize| {
                let address = if v6 {
                    Ipv6Addr::from(addresses[index]).into()
                } else {
                    let [a, b, c, d, ..] = addresses[index].to_be_bytes();
                    IpAddr::from([a, b, c, d])
                };
                Endpoint::new(address, ports[index])
            };
            let Ok(pair) = Pair::new(end(0), end(1)) else {
                return Ok(());
            };
            let (uid, inode, state, mapped) = rest;
            let pair = pair.on(Interface::new(interface));
            let cookie = Cookie::new(cookie).unwrap();
            let connection = Connection {
                mapped,
                uid,
                inode: Inode::new(inode),
                ..Connection::named(pair, cookie, State::from_kernel(state))
            };
            let compact = CompactConnection::from(&connection);
            prop_assert_eq!(compact.cookie(), connection.cookie);
            prop_assert_eq!(Connection::from(&compact), connection);
        }
    }
}
