//! The sockets that another process holds: their ends, or the process at the other end.
//!
//! Asked of a copy of the descriptor (`pidfd_getfd`, Linux 5.6), which is independent of how many sockets there are.
//! Where that is not permitted, the table is read once.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use rustix::fs::{FileType, fstat};
use rustix::net::{AddressFamily, SocketAddrAny, SocketType, getpeername, getsockname, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use tcpentry::connection::CompactConnection;
use tcpentry::{Connection, Endpoint, Inode, Pair, Query, State, States, Target, TcpTable};

use super::proc::is_in_first_namespace;

/// A socket, as far as it may lead further.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Socket {
    /// A TCP connection.
    Tcp(Inode, Pair),
    /// A unix socket, and the process at its other end.
    Unix {
        peer: i32,
        /// True where it was accepted from a listener that has a name; else it has connected to one, or is one of a pair.
        accepted: bool,
        /// Its inode, where it is one of a pair: the process is the one that made the pair.
        of_pair: Option<Inode>,
    },
    /// One that waits for connections by a name: what makes a server.
    UnixListener,
    /// A unix socket of datagrams, whose senders are not followed.
    UnixDatagrams {
        /// True where somebody can send to it: it has a name, or is one of a pair. What only logs has neither.
        receives: bool,
    },
    /// One that is followed nowhere: of another protocol or family.
    Other,
}

/// Returns what a socket of this process's own is.
pub(super) fn own(descriptor: impl AsFd) -> Option<Socket> {
    let stat = fstat(&descriptor).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
        return None;
    }
    let inode = Inode::new(u32::try_from(stat.st_ino).ok()?)?;
    look(&descriptor, inode)
}

/// Returns what the sockets of another process are; those that can't be asked are left out, and the second is false.
pub(super) fn of_process(pid: i32, sockets: &[(i32, Inode)]) -> (Vec<Socket>, bool) {
    let Some(pid) = Pid::from_raw(pid) else {
        return (Vec::new(), false);
    };
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return (Vec::new(), false);
    };
    let mut found = Vec::new();
    let mut complete = true;
    for &(number, inode) in sockets {
        match pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
            Ok(copy) => {
                let is_that =
                    fstat(&copy).is_ok_and(|stat| stat.st_ino == u64::from(inode.number()));
                found.extend(look(&copy, inode).filter(|_| is_that));
            }
            // Closed meanwhile.
            Err(rustix::io::Errno::BADF) => {}
            Err(_) => complete = false,
        }
    }
    (found, complete)
}

fn look(socket: impl AsFd, inode: Inode) -> Option<Socket> {
    let listens = || sockopt::socket_acceptconn(&socket).unwrap_or(false);
    match sockopt::socket_domain(&socket).ok()? {
        AddressFamily::INET | AddressFamily::INET6 => {
            if sockopt::socket_type(&socket).ok()? != SocketType::STREAM {
                return Some(Socket::Other);
            }
            let local = endpoint(getsockname(&socket).ok()?.try_into().ok()?);
            let peer = endpoint(getpeername(&socket).ok()??.try_into().ok()?);
            let pair = Pair::new(local, peer).ok()?;
            Some(Socket::Tcp(inode, pair))
        }
        AddressFamily::UNIX if listens() => Some(Socket::UnixListener),
        AddressFamily::UNIX => {
            let is_named = |address: &SocketAddrAny| {
                // A family alone is not a name.
                usize::try_from(address.addr_len()).is_ok_and(|length| length > 2)
            };
            // A datagram's sender need not be the peer.
            if sockopt::socket_type(&socket).ok()? == SocketType::DGRAM {
                let is_pair = || {
                    let peer = getpeername(&socket).ok().flatten();
                    peer.is_some_and(|peer| !is_named(&peer))
                };
                let receives = is_named(&getsockname(&socket).ok()?) || is_pair();
                return Some(Socket::UnixDatagrams { receives });
            }
            let peer_name = getpeername(&socket).ok()?;
            // Who is in another pid namespace has no pid here.
            if !is_in_first_namespace() {
                return None;
            }
            let peer = sockopt::socket_peercred(&socket).ok()?.pid;
            let accepted = is_named(&getsockname(&socket).ok()?);
            Some(Socket::Unix {
                peer: peer.as_raw_nonzero().get(),
                accepted,
                of_pair: (!accepted && !peer_name.is_some_and(|it| is_named(&it))).then_some(inode),
            })
        }
        _ => Some(Socket::Other),
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::new(address.ip(), address.port())
}

/// This network namespace's table, opened when it is first asked.
#[derive(Debug, Default)]
pub(super) struct Table {
    opened: Option<TcpTable>,
    listeners: Option<Vec<(u16, Option<Inode>)>>,
    pairs: Option<HashMap<Inode, Pair>>,
    /// The number of connections that were not there.
    misses: usize,
    /// All of them by their ends, once many were not there.
    all: Option<HashMap<(Endpoint, Endpoint), CompactConnection>>,
}

impl Table {
    fn open(&mut self) -> Option<&mut TcpTable> {
        if self.opened.is_none() {
            self.opened = TcpTable::open().ok();
        }
        self.opened.as_mut()
    }

    /// Returns the socket of these ends in this namespace, unless it is a listener.
    pub(super) fn find(&mut self, pair: Pair) -> Option<Connection> {
        if let Some(all) = &self.all {
            return all.get(&(pair.local(), pair.peer())).map(Connection::from);
        }
        // What is being accepted or ends in this moment carries no session, and a miss is the common answer.
        let found = self.open()?.find_unconfirmed(&Target::Pair(pair)).ok();
        if found.is_none() {
            self.misses += 1;
            if self.misses > MANY_MISSES {
                let by_ends = |row: &Connection| {
                    Some(((row.local(), row.peer()), CompactConnection::from(row)))
                };
                self.all = Some(self.connections(by_ends));
            }
        }
        found.filter(|found| found.state != State::Listening)
    }

    /// Reads the whole table into a map.
    fn connections<K: Eq + Hash, V>(
        &mut self,
        entry: impl Fn(&Connection) -> Option<(K, V)>,
    ) -> HashMap<K, V> {
        let rows = self.open().map(|table| {
            let rows = table.connections(&Query::in_states(States::CONNECTIONS));
            let rows = rows.into_iter().flatten().flatten();
            rows.filter_map(|row| entry(&row)).collect()
        });
        rows.unwrap_or_default()
    }

    /// Returns the other end of a connection, where that is a socket of this namespace too.
    pub(super) fn other_end(&mut self, pair: Pair) -> Option<Connection> {
        // Else the whole table would be searched for one that is bound to a device.
        if !is_local(pair.peer()) {
            return None;
        }
        self.find(Pair::new(pair.peer(), pair.local()).ok()?)
    }

    /// Returns the port of each listener, and its inode: the kernel keeps them apart from the connections.
    pub(super) fn listeners(&mut self) -> &[(u16, Option<Inode>)] {
        if self.listeners.is_none() {
            let rows = self.open().map(|table| {
                let rows = table.connections(&Query::in_states(States::LISTENING));
                let rows = rows.into_iter().flatten().flatten();
                rows.map(|row| (row.local().port(), row.inode)).collect()
            });
            self.listeners = Some(rows.unwrap_or_default());
        }
        self.listeners.as_deref().unwrap_or_default()
    }

    /// Returns the ends of a socket that can't be asked itself: the whole table is read once.
    pub(super) fn pair_of(&mut self, inode: Inode) -> Option<Pair> {
        if self.pairs.is_none() {
            self.pairs = Some(self.connections(|row| Some((row.inode?, row.pair))));
        }
        self.pairs.as_ref()?.get(&inode).copied()
    }
}

/// One that is not there is searched for in the whole table: of a process with a thousand of them (connections within the host
/// whose peers have gone), each would cost as much as reading it all.
const MANY_MISSES: usize = 32;

/// Returns true if an address is this host's own; so it is where that can't be known.
fn is_local(end: Endpoint) -> bool {
    let bound = UdpSocket::bind((end.address(), 0));
    !bound.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrNotAvailable)
}
