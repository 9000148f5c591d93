//! The socket of a row, in little memory.

use std::num::NonZeroU64;

use tcpentry::{Connection, Cookie, Endpoint, Inode, Pair, State};

use super::counters::Counters;

/// A socket without its cookie, which the row's key has, and without its counters.
///
/// A [`Connection`] takes twice as much, for what hardly any socket has. Of one that has it the whole is kept, so that nothing
/// of a row is lost: it is judged and deleted as it was read.
#[derive(Clone, Debug)]
pub(crate) struct RowConnection {
    pub(crate) pair: Pair,
    pub(crate) state: State,
    pub(crate) recv_queue: u32,
    pub(crate) send_queue: u32,
    pub(crate) inode: Option<Inode>,
    uid: u32,
    mapped: bool,
    mptcp: Option<bool>,
    v6only: Option<bool>,
    has_mark: bool,
    mark: u32,
    /// The id of its cgroup, which is never 0.
    cgroup: Option<NonZeroU64>,
    /// The socket with what there is no place for here.
    whole: Option<Box<Connection>>,
}

impl From<&Connection> for RowConnection {
    fn from(connection: &Connection) -> Self {
        Self {
            pair: connection.pair,
            state: connection.state,
            recv_queue: connection.recv_queue,
            send_queue: connection.send_queue,
            inode: connection.inode,
            uid: connection.uid,
            mapped: connection.mapped,
            mptcp: connection.mptcp,
            v6only: connection.v6only,
            has_mark: connection.mark.is_some(),
            mark: connection.mark.unwrap_or_default(),
            cgroup: connection.cgroup.and_then(NonZeroU64::new),
            whole: has_more(connection).then(|| Box::new(connection.clone())),
        }
    }
}

/// Returns true for a socket that has what a row has no place for.
fn has_more(connection: &Connection) -> bool {
    connection.mptcp_token.is_some()
        || !connection.attributes.is_empty()
        || connection.is_autobound().is_some()
        || connection.cgroup == Some(0)
}

impl RowConnection {
    /// Returns the socket as it was read, with these counters.
    pub(super) fn to_connection(&self, cookie: Cookie, counters: Option<&Counters>) -> Connection {
        let mut connection = match &self.whole {
            Some(whole) => Connection::clone(whole),
            None => Connection::named(self.pair, cookie, self.state),
        };
        connection.pair = self.pair;
        connection.cookie = cookie;
        connection.state = self.state;
        connection.recv_queue = self.recv_queue;
        connection.send_queue = self.send_queue;
        connection.inode = self.inode;
        connection.uid = self.uid;
        connection.mapped = self.mapped;
        connection.mptcp = self.mptcp;
        connection.v6only = self.v6only;
        connection.mark = self.has_mark.then_some(self.mark);
        if let Some(cgroup) = self.cgroup {
            connection.cgroup = Some(cgroup.get());
        }
        connection.info = counters.map(|counters| Box::new(counters.to_info()));
        connection
    }

    pub(crate) const fn local(&self) -> Endpoint {
        self.pair.local()
    }

    pub(crate) const fn peer(&self) -> Endpoint {
        self.pair.peer()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::key;
    use super::*;

    fn named(local: &str, peer: &str, state: State) -> Connection {
        let pair = Pair::new(local.parse().unwrap(), peer.parse().unwrap()).unwrap();
        Connection::named(pair, key(7).cookie, state)
    }

    fn again(connection: &Connection) -> Connection {
        RowConnection::from(connection).to_connection(connection.cookie, None)
    }

    #[test]
    fn nothing_of_a_socket_is_lost() {
        let mut plain = named("192.0.2.1:443", "198.51.100.7:50000", State::Established);
        assert_eq!(again(&plain), plain);
        (plain.recv_queue, plain.send_queue, plain.uid) = (1, 2, 3);
        (plain.inode, plain.mark, plain.cgroup) = (Inode::new(4), Some(0), Some(5));
        (plain.mapped, plain.mptcp, plain.v6only) = (true, Some(false), Some(true));
        assert_eq!(again(&plain), plain);
        assert!(RowConnection::from(&plain).whole.is_none());
        let mut subflow = named("[2001:db8::1]:443", "[2001:db8::2]:5000", State::CloseWait);
        (subflow.mptcp, subflow.mptcp_token) = (Some(true), Some(6));
        assert_eq!(again(&subflow), subflow);
        let mut of_no_cgroup = plain.clone();
        of_no_cgroup.cgroup = Some(0);
        assert_eq!(again(&of_no_cgroup), of_no_cgroup);
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<RowConnection>() <= 88);
        assert!(size_of::<Connection>() > 88);
    }
}
