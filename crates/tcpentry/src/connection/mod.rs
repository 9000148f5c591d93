//! A row of the TCP table: what the kernel tells of one socket.

pub mod compact;
pub mod details;
pub mod endpoint;
pub mod identity;
pub mod notation;
pub mod state;

use std::fmt;
use std::time::Duration;

use self::endpoint::{Endpoint, Interface, Pair};
use self::state::State;

/// One TCP socket: a connection, a listener or a bound one.
///
/// It carries its socket's [`Cookie`]; [`TcpTable::delete`](crate::TcpTable::delete) deletes that
/// socket and no other.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Connection {
    /// Both ends and, where the socket is bound to one, the interface.
    pub pair: Pair,
    /// The kernel's name of the socket.
    pub cookie: Cookie,
    /// Its state.
    pub state: State,
    /// An IPv4 connection in an `AF_INET6` socket (a dual-stack server's): `::ffff:a.b.c.d`.
    pub mapped: bool,
    /// Bytes received but not yet read; for a listener, connections not yet accepted.
    pub receive_queue: u32,
    /// Bytes sent but not yet acknowledged; for a listener, the limit of its queue.
    pub send_queue: u32,
    /// The user the socket belongs to; of one without owner 0, or the last one it had (Linux 6.18).
    pub uid: u32,
    /// The socket's file; `None` when no process holds it (orphan, TIME_WAIT, not yet accepted).
    pub inode: Option<Inode>,
    /// `SO_MARK`; the kernel tells it only to `CAP_NET_ADMIN`.
    pub mark: Option<u32>,
    /// The id of its cgroup (version 2): the inode of the cgroup's directory. Since Linux 5.9.
    pub cgroup: Option<u64>,
    /// Whether it is a subflow of an MPTCP connection; `None` when it was listed without
    /// [`Query::info`](crate::Query::info), or when the kernel may not have told: up to Linux 6.12 it
    /// tells only `CAP_NET_ADMIN`, and to others its silence means nothing.
    pub mptcp: Option<bool>,
    /// Its counters, when they were asked for and the state has them.
    pub info: Option<Box<TcpInfo>>,
    /// What the kernel said that this version does not know.
    pub attributes: Vec<Attribute>,
    /// Whether the kernel says that its owner did not name the local port, where it was asked.
    pub(crate) autobound: Option<bool>,
}

impl Connection {
    /// A socket of which no more is known: for who remembers sockets himself, and for tests.
    pub const fn named(pair: Pair, cookie: Cookie, state: State) -> Self {
        Self {
            pair,
            cookie,
            state,
            mapped: false,
            receive_queue: 0,
            send_queue: 0,
            uid: 0,
            inode: None,
            mark: None,
            cgroup: None,
            mptcp: None,
            info: None,
            attributes: Vec::new(),
            autobound: None,
        }
    }

    /// The local end.
    pub const fn local(&self) -> Endpoint {
        self.pair.local()
    }

    /// The peer's end.
    pub const fn peer(&self) -> Endpoint {
        self.pair.peer()
    }

    /// The interface the socket is bound to.
    pub const fn interface(&self) -> Option<Interface> {
        self.pair.interface()
    }

    /// Time since data last moved in either direction, for a connection that has been established.
    ///
    /// From `tcpi_last_data_sent` and `tcpi_last_data_recv`, which count from the establishment
    /// while no data has moved (Linux 6.18). `None` without [`info`](Self::info), and in states
    /// whose counters are not yet set (SYN_SENT, SYN_RECV) or no longer there (TIME_WAIT).
    pub fn idle(&self) -> Option<Duration> {
        let info = self.info.as_ref()?;
        self.state
            .is_synchronized()
            .then(|| info.last_data_sent.min(info.last_data_received))
    }
}

impl fmt::Display for Connection {
    /// Both ends and the state, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.pair, self.state)
    }
}

/// The kernel's name of a socket (`SO_COOKIE`, `idiag_cookie`): unique since boot, never reused.
///
/// The value that the kernel takes as "any socket" (`INET_DIAG_NOCOOKIE`, all bits set) is no
/// cookie and cannot be made into one: a deletion that carried it could hit a listener.
///
/// ```
/// use tcpentry::Cookie;
/// assert!(Cookie::new(u64::MAX).is_none());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[doc(alias = "SO_COOKIE")]
pub struct Cookie(u64);

impl Cookie {
    /// A cookie of this value, `None` for the value that means "any".
    pub const fn new(value: u64) -> Option<Self> {
        match value {
            u64::MAX => None,
            value => Some(Self(value)),
        }
    }

    /// Its value, as `getsockopt(SO_COOKIE)` gives it.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Cookie {
    /// Hexadecimal without prefix, as `ss -e` prints it after `sk:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// The inode of a socket in sockfs, as in `socket:[N]` of `/proc/PID/fd`; never 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Inode(std::num::NonZeroU32);

impl Inode {
    /// The inode of this number; `None` for 0, which the kernel gives for "no owner".
    pub const fn new(number: u32) -> Option<Self> {
        match std::num::NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0.get()
    }
}

/// Counters of a connection: the part of the kernel's `struct tcp_info` that people ask for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TcpInfo {
    /// Retransmissions of the segment that waits now (`tcpi_retransmits`).
    pub retransmits: u8,
    /// Segments retransmitted in the whole life (`tcpi_total_retrans`).
    pub total_retransmits: u32,
    /// Smoothed round-trip time (`tcpi_rtt`, microseconds in the kernel).
    pub rtt: Duration,
    /// Its variation (`tcpi_rttvar`, microseconds in the kernel).
    pub rtt_variation: Duration,
    /// Congestion window in segments (`tcpi_snd_cwnd`).
    pub congestion_window: u32,
    /// Since data was last sent (`tcpi_last_data_sent`, milliseconds in the kernel).
    pub last_data_sent: Duration,
    /// Since data was last received (`tcpi_last_data_recv`, milliseconds in the kernel).
    pub last_data_received: Duration,
    /// Since an acknowledgement was last received (`tcpi_last_ack_recv`, milliseconds).
    pub last_ack_received: Duration,
    /// Bytes acknowledged by the peer (`tcpi_bytes_acked`).
    pub bytes_acked: u64,
    /// Bytes received (`tcpi_bytes_received`).
    pub bytes_received: u64,
}

/// An attribute of the kernel's answer that this version does not read.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Attribute {
    /// Its number in `enum` `INET_DIAG_*` of `linux/inet_diag.h`.
    pub number: u16,
    /// Its bytes.
    pub value: Box<[u8]>,
}
