//! Helpers that many of the tests use.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tcpentry::{Connection, Endpoint, ErrorKind, Method, Options, Pair, State, TcpTable};
use tcpentry_testkit::{kernel, tcp};

/// Returns the pair of two addresses.
pub(crate) fn pair(local: SocketAddr, peer: SocketAddr) -> Pair {
    Pair::new(local.into(), peer.into()).unwrap()
}

/// Returns the pair of a connected socket.
pub(crate) fn pair_of(stream: &TcpStream) -> Pair {
    let (local, peer) = tcp::addresses(stream);
    pair(local, peer)
}

/// Returns the name of a listener: no peer.
pub(crate) fn listener_at(local: SocketAddr) -> Pair {
    let nobody = match local {
        SocketAddr::V4(_) => "0.0.0.0:0",
        SocketAddr::V6(_) => "[::]:0",
    };
    Pair::new(Endpoint::from(local), nobody.parse().unwrap()).unwrap()
}

/// Opens the table of this thread's namespace.
pub(crate) fn table() -> TcpTable {
    TcpTable::open().unwrap()
}

/// Looks a connection up that is there.
pub(crate) fn find(pair: Pair) -> Connection {
    table().find(&pair.into()).unwrap()
}

/// Returns the error of a look-up that finds nothing.
pub(crate) fn not_found(pair: Pair) -> ErrorKind {
    table().find(&pair.into()).unwrap_err().kind()
}

/// Deletes what a pair names: by `SOCK_DESTROY`, from this state, so that nothing is left of it.
pub(crate) fn delete(pair: Pair, state: State) -> Connection {
    let mut table = table();
    let connection = table.find(&pair.into()).unwrap();
    assert_eq!(connection.state, state);
    let deleted = table.delete(&connection, &Options::default()).unwrap();
    assert_eq!(deleted.method, Method::SockDiag);
    assert_eq!(deleted.connection.cookie, connection.cookie);
    assert_eq!(
        table.find(&pair.into()).unwrap_err().kind(),
        ErrorKind::NotFound,
        "it is gone from the table"
    );
    let again = table.delete(&connection, &Options::default());
    assert_eq!(again.unwrap_err().kind(), ErrorKind::NotFound);
    deleted.connection
}

/// Deletes an orphan; `None` where an old kernel said yes and left it there, which was noticed.
pub(crate) fn delete_orphan(pair: Pair, state: State) -> Option<Connection> {
    let connection = find(pair);
    assert_eq!((connection.state, connection.inode), (state, None));
    match table().delete(&connection, &Options::default()) {
        Ok(deleted) => {
            assert_eq!(deleted.method, Method::SockDiag);
            assert_eq!(not_found(pair), ErrorKind::NotFound);
            Some(deleted.connection)
        }
        Err(error) if error.cause().contains("still in the table") => {
            assert!(!kernel::destroys_orphans(), "{error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Returns the cookie of a socket, as its owner sees it.
pub(crate) fn cookie(socket: impl AsFd) -> u64 {
    rustix::net::sockopt::socket_cookie(socket).unwrap()
}

/// Returns true if data still goes from one end to the other.
pub(crate) fn lives(from: &TcpStream, to: &TcpStream) -> bool {
    use std::io::{Read as _, Write as _};
    let (mut from, mut to) = (from, to);
    let mut byte = [0];
    from.write_all(b"x").is_ok() && to.read_exact(&mut byte).is_ok() && byte == *b"x"
}

/// Asserts that a peer was reset: it is told once, then it is at its end.
pub(crate) fn assert_reset(peer: &TcpStream) {
    assert_told(peer, Errno::CONNRESET);
}

/// Asserts what an owner or a peer gets: the error once, then the end of the stream, and `EPIPE`.
pub(crate) fn assert_told(stream: &TcpStream, errno: Errno) {
    use std::io::{Read as _, Write as _};
    let mut stream = stream;
    assert_eq!(tcp::errno(stream.read(&mut [0])), errno);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "then it is at its end");
    assert_eq!(tcp::errno(stream.write(b"x")), Errno::PIPE);
}

/// Returns true where there is something to read.
pub(crate) fn is_readable(socket: impl AsFd) -> bool {
    let mut polled = [PollFd::new(&socket, PollFlags::IN)];
    let now = Timespec::default();
    poll(&mut polled, Some(&now)).unwrap() == 1
}
