//! The full report of the kernel on one connection: timer, memory, every counter of `tcp_info`.

use std::fmt;
use std::time::Duration;

use super::Connection;

/// The full report of the kernel on one connection: see [`TcpTable::details`](crate::TcpTable::details).
///
/// A field that the kernel does not report for a socket in this state is `None`, or no counter: of TIME_WAIT and of a mere
/// request (SYN_RECV) all but the timer (Linux 6.18).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Details {
    /// The current row of the table, with its counters.
    pub connection: Connection,
    /// The running timer; of several the one that the kernel names first, as in [`TimerKind`].
    pub timer: Option<Timer>,
    /// Name of the congestion control (`TCP_CONGESTION`, `INET_DIAG_CONG`).
    pub congestion_control: Option<String>,
    /// Name of the upper-layer protocol (`TCP_ULP`), as `tls` or `mptcp`: reported to `CAP_NET_ADMIN` only by Linux 5.15
    /// to 6.12, to everybody by 6.18.
    pub upper_layer: Option<String>,
    /// Memory of the socket (`INET_DIAG_SKMEMINFO`).
    pub memory: Option<Memory>,
    /// Directions that are shut down (`INET_DIAG_SHUTDOWN`).
    pub shutdown: Option<Shutdown>,
    /// `IP_TOS`, with the two bits of ECN; also of an IPv6 socket, for IPv4 in it.
    pub tos: Option<u8>,
    /// `IPV6_TCLASS`, with the two bits of ECN; of IPv6 sockets.
    pub traffic_class: Option<u8>,
    /// The class of its cgroup for queueing (`net_cls`, version 1), else its priority (`SO_PRIORITY`): measured, Linux 6.18.
    pub class: Option<u32>,
    /// `IPV6_V6ONLY`, as in the row: [`Connection::v6only`].
    pub v6only: Option<bool>,
    /// The kernel's `struct tcp_info`, in its order, as far as this kernel has it.
    ///
    /// Of a listener only what a listener has: its queue and that one's limit are [`Connection::recv_queue`] and
    /// [`Connection::send_queue`].
    pub counters: Vec<Counter>,
}

impl Details {
    /// Creates the report of a connection of which only the row is known.
    pub(crate) const fn of(connection: Connection) -> Self {
        Self {
            v6only: connection.v6only,
            connection,
            timer: None,
            congestion_control: None,
            upper_layer: None,
            memory: None,
            shutdown: None,
            tos: None,
            traffic_class: None,
            class: None,
            counters: Vec::new(),
        }
    }

    /// Returns the counter of this name; `None` where this kernel or this state has none.
    pub fn counter(&self, name: &str) -> Option<Measure> {
        let counter = self.counters.iter().find(|counter| counter.name == name);
        counter.map(|counter| counter.value)
    }
}

/// A timer of a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Timer {
    /// Purpose of the timer (`idiag_timer`).
    pub kind: TimerKind,
    /// Time left, to the millisecond; zero when it is overdue (`idiag_expires`).
    pub expires: Duration,
    /// Expirations so far for what waits now: retransmissions, or probes without an answer (`idiag_retrans`).
    pub retransmits: u8,
}

/// Purpose of a timer: `idiag_timer`. Displayed as `ss -o` prints it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum TimerKind {
    /// 1, `on`: something is sent again, a SYN or SYN-ACK too; or a loss is looked for (RACK, tail loss probe).
    Retransmit,
    /// 2, `keepalive`: `SO_KEEPALIVE`, or the wait of an orphan for the FIN of its peer; not seen while another one runs.
    Keepalive,
    /// 3, `timewait`: the end of TIME_WAIT, or of FIN_WAIT2 as a mini-socket.
    TimeWait,
    /// 4, `persist`: the peer's window is closed and is asked for.
    Probe,
    /// 5, `delayed-ack`: an acknowledgement waits for data to go with (kernels of 2026 on report it).
    DelayedAck,
    /// Any other number, `timer-N`.
    Unknown(u8),
}

impl TimerKind {
    /// Returns the kind of a kernel's number; `None` for 0, no timer.
    pub const fn from_kernel(number: u8) -> Option<Self> {
        Some(match number {
            0 => return None,
            1 => Self::Retransmit,
            2 => Self::Keepalive,
            3 => Self::TimeWait,
            4 => Self::Probe,
            5 => Self::DelayedAck,
            other => Self::Unknown(other),
        })
    }
}

impl fmt::Display for TimerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Retransmit => "on",
            Self::Keepalive => "keepalive",
            Self::TimeWait => "timewait",
            Self::Probe => "persist",
            Self::DelayedAck => "delayed-ack",
            Self::Unknown(number) => return f.pad(&format!("timer-{number}")),
        })
    }
}

/// The memory of a socket, in bytes, with the kernel's overhead: `SK_MEMINFO_*`, and the letters of `ss -m`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Memory {
    /// The memory of what was received and not yet read (`RMEM_ALLOC`, r).
    pub receive: u32,
    /// The limit of that (`RCVBUF`, rb).
    pub receive_limit: u32,
    /// The memory of what was handed to the layers below (`WMEM_ALLOC`, t).
    pub transmit: u32,
    /// The limit of what waits to be sent or acknowledged (`SNDBUF`, tb).
    pub send_limit: u32,
    /// The memory that is set aside and not yet used (`FWD_ALLOC`, f).
    pub forward: u32,
    /// The memory of what waits to be sent or acknowledged (`WMEM_QUEUED`, w).
    pub send: u32,
    /// The memory of options and filters (`OPTMEM`, o).
    pub options: u32,
    /// The memory of what came in while the owner was at it, and is not yet processed (`BACKLOG`, bl).
    pub backlog: u32,
    /// Packets dropped (`DROPS`, d): no bytes. `None` from a kernel that does not count them.
    pub drops: Option<u32>,
}

/// Directions of a connection that are shut down (`sk_shutdown`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Shutdown {
    /// True where nothing more will be received: the peer has closed, or the owner has by `SHUT_RD`.
    pub receive: bool,
    /// True where nothing more can be sent: the owner has closed, or shut down by `SHUT_WR`.
    pub send: bool,
}

/// A field of `struct tcp_info`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counter {
    /// The kernel's name of the field without `tcpi_`, as `bytes_acked`; an option is `opt_sack` for `TCPI_OPT_SACK`.
    pub name: &'static str,
    /// Value of the field.
    pub value: Measure,
}

/// A value in its unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Measure {
    /// A number: segments, events, bits to shift by.
    Count(u64),
    /// Bytes.
    Bytes(u64),
    /// A time, as exact as the kernel has it: microseconds or milliseconds.
    Time(Duration),
    /// Bytes per second.
    BytesPerSecond(u64),
    /// The kernel's value for "no limit" (`pacing_rate`, `max_pacing_rate`, `snd_ssthresh`).
    Unlimited,
    /// A bit.
    Flag(bool),
    /// A value of an enumeration, by the kernel's word for it.
    Word(&'static str),
}

impl fmt::Display for Measure {
    /// Writes the value with its unit and all its digits: `1448 B`, `204ms`, `unlimited`, `yes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Bytes(bytes) => write!(f, "{bytes} B"),
            Self::Time(time) => write!(f, "{time:?}"),
            Self::BytesPerSecond(rate) => write!(f, "{rate} B/s"),
            Self::Unlimited => f.pad("unlimited"),
            Self::Flag(true) => f.pad("yes"),
            Self::Flag(false) => f.pad("no"),
            Self::Word(word) => f.pad(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_is_read_with_its_unit() {
        for (measure, text) in [
            (Measure::Count(3), "3"),
            (Measure::Bytes(1448), "1448 B"),
            (Measure::Time(Duration::from_millis(204)), "204ms"),
            (Measure::BytesPerSecond(9), "9 B/s"),
            (Measure::Unlimited, "unlimited"),
            (Measure::Flag(true), "yes"),
            (Measure::Word("open"), "open"),
        ] {
            assert_eq!(measure.to_string(), text);
        }
        assert_eq!(TimerKind::Probe.to_string(), "persist");
        assert_eq!(
            TimerKind::from_kernel(5).unwrap().to_string(),
            "delayed-ack"
        );
        assert_eq!(TimerKind::from_kernel(9).unwrap().to_string(), "timer-9");
    }
}
