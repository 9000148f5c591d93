//! A row of the TCP table: [`Connection`], the types of its fields, and the full report on one ([`Details`]).

mod compact;
pub(crate) mod details;
pub(crate) mod endpoint;
pub(crate) mod identity;
pub(crate) mod notation;
pub(crate) mod state;

use std::fmt;
use std::time::Duration;

pub use self::compact::CompactConnection;
pub use self::details::{Counter, Details, Measure, Memory, Shutdown, Timer, TimerKind};
pub use self::endpoint::{Device, Endpoint, EndpointError, Interface, Pair};
pub use self::identity::{Identity, IdentityError};
pub use self::notation::ScopedEndpoint;
pub use self::state::{State, States, UnknownState};

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
    /// The state (`idiag_state`).
    pub state: State,
    /// True for an IPv4 connection in an `AF_INET6` socket (a dual-stack server's): `::ffff:a.b.c.d`.
    pub mapped: bool,
    /// Bytes received but not yet read (`idiag_rqueue`); for a listener, connections not yet accepted.
    pub recv_queue: u32,
    /// Bytes sent but not yet acknowledged (`idiag_wqueue`); for a listener, the limit of its queue.
    pub send_queue: u32,
    /// The user the socket belongs to; of one without owner 0, or the last one it had (Linux 6.18).
    pub uid: u32,
    /// The socket's file; `None` when no process holds it (orphan, TIME_WAIT, not yet accepted).
    pub inode: Option<Inode>,
    /// `SO_MARK`; the kernel shows it only to `CAP_NET_ADMIN`.
    pub mark: Option<u32>,
    /// The id of its cgroup (version 2): the inode of the cgroup's directory. Since Linux 5.9.
    pub cgroup: Option<u64>,
    /// True for a subflow of an MPTCP connection; `None` when it was listed without
    /// [`Query::info`](crate::Query::info), or when the kernel may have withheld it: up to Linux 6.12 it
    /// shows it only to `CAP_NET_ADMIN`, so that for others its absence means nothing.
    pub mptcp: Option<bool>,
    /// The token of the MPTCP connection of which it is a subflow, as its own end counts it
    /// (`MPTCP_SUBFLOW_ATTR_TOKEN_LOC`): all its subflows have it. Known when [`mptcp`](Self::mptcp) is.
    pub mptcp_token: Option<u32>,
    /// `IPV6_V6ONLY` of an IPv6 socket that listens or is bound: true where it leaves IPv4 to others.
    pub v6only: Option<bool>,
    /// Counters, when they were asked for and the state has them (`INET_DIAG_INFO`).
    pub info: Option<Box<TcpInfo>>,
    /// Attributes of the kernel's answer that this version does not know.
    pub attributes: Vec<Attribute>,
    /// True where the kernel chose the local port; `None` where it was not asked.
    pub(crate) autobound: Option<bool>,
}

impl Connection {
    /// Creates a socket of which no more is known: for callers that remember sockets themselves, and for tests.
    pub const fn named(pair: Pair, cookie: Cookie, state: State) -> Self {
        Self {
            pair,
            cookie,
            state,
            mapped: false,
            recv_queue: 0,
            send_queue: 0,
            uid: 0,
            inode: None,
            mark: None,
            cgroup: None,
            mptcp: None,
            mptcp_token: None,
            v6only: None,
            info: None,
            attributes: Vec::new(),
            autobound: None,
        }
    }

    /// Returns the local end.
    pub const fn local(&self) -> Endpoint {
        self.pair.local()
    }

    /// Returns the peer's end.
    pub const fn peer(&self) -> Endpoint {
        self.pair.peer()
    }

    /// Returns the interface that the socket is bound to.
    pub const fn interface(&self) -> Option<Interface> {
        self.pair.interface()
    }

    /// Returns true where the kernel chose the local port, false where a program did; `None` where it was not asked, as by
    /// every filter without `autobound`.
    pub const fn is_autobound(&self) -> Option<bool> {
        self.autobound
    }

    /// Returns the time since data last moved in either direction, for a connection that has been established.
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
    /// Writes both ends and the state, for messages.
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
    /// The cookie of no socket: the kernel counts from 1 on.
    pub(crate) const NONE: Self = Self(0);

    /// Creates the cookie of a value; `None` for the value that means "any".
    pub const fn new(value: u64) -> Option<Self> {
        match value {
            u64::MAX => None,
            value => Some(Self(value)),
        }
    }

    /// Returns the value, as `getsockopt(SO_COOKIE)` gives it.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Cookie {
    /// Writes it in hexadecimal without prefix, as `ss -e` prints it after `sk:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// The inode of a socket in sockfs, as in `socket:[N]` of `/proc/PID/fd`; never 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Inode(std::num::NonZeroU32);

impl Inode {
    /// Creates the inode of a number; `None` for 0, which the kernel gives for "no owner".
    pub const fn new(number: u32) -> Option<Self> {
        match std::num::NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Returns the number.
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
    /// Variation of the round-trip time (`tcpi_rttvar`, microseconds in the kernel).
    pub rtt_variation: Duration,
    /// Congestion window in segments (`tcpi_snd_cwnd`).
    pub congestion_window: u32,
    /// Time since data was last sent (`tcpi_last_data_sent`, milliseconds in the kernel).
    pub last_data_sent: Duration,
    /// Time since data was last received (`tcpi_last_data_recv`, milliseconds in the kernel).
    pub last_data_received: Duration,
    /// Time since an acknowledgement was last received (`tcpi_last_ack_recv`, milliseconds).
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
    /// Number in `enum` `INET_DIAG_*` of `linux/inet_diag.h`.
    pub number: u16,
    /// Value, as the kernel sent it.
    pub value: Box<[u8]>,
}
