//! One reading of a connection: the fields that the rules use.

use std::time::Duration;

use crate::connection::{Details, Measure, State, TimerKind};

/// The fields of one reading; `None` where this kernel, or a socket in this state, has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct TcpFacts {
    pub(super) state: State,
    /// `idiag_inode`: true where a process holds the socket.
    pub(super) is_held: bool,
    pub(super) recv_queue: u64,
    pub(super) send_queue: u64,
    /// See [`Connection::idle`](crate::Connection::idle).
    pub(super) idle: Option<Duration>,
    pub(super) timer: Option<RunningTimer>,
    /// `tcpi_rto`: the retransmission timeout, doubled by each expiration.
    pub(super) rto: Duration,
    /// `tcpi_backoff`: how many times it was doubled.
    pub(super) backoff: u64,
    pub(super) rtt: Option<Duration>,
    pub(super) rtt_variation: Option<Duration>,
    /// `tcpi_min_rtt`: the shortest round trip of the last minutes.
    pub(super) min_rtt: Option<Duration>,
    pub(super) send_mss: u64,
    pub(super) recv_mss: u64,
    pub(super) congestion_window: u64,
    /// `tcpi_unacked`: segments under way.
    pub(super) unacked: u64,
    /// Time since anything was received, be it an acknowledgement.
    pub(super) heard: Option<Duration>,
    pub(super) bytes_acked: Option<u64>,
    pub(super) bytes_received: Option<u64>,
    pub(super) total_retrans: u64,
    pub(super) data_segs_out: Option<u64>,
    pub(super) busy: Option<Duration>,
    pub(super) rwnd_limited: Option<Duration>,
    pub(super) sndbuf_limited: Option<Duration>,
    /// `tcpi_snd_wnd`: the window that the peer has opened.
    pub(super) send_window: Option<u64>,
    /// `tcpi_rcv_wnd`: the window that is open to the peer.
    pub(super) recv_window: Option<u64>,
    /// `SK_MEMINFO_RMEM_ALLOC` of `SK_MEMINFO_RCVBUF`.
    pub(super) recv_memory: Option<(u64, u64)>,
    /// `SK_MEMINFO_WMEM_QUEUED` of `SK_MEMINFO_SNDBUF`.
    pub(super) send_memory: Option<(u64, u64)>,
    /// `tcpi_notsent_bytes`: bytes that wait and are not under way.
    pub(super) not_sent: Option<u64>,
}

/// A timer that runs: `idiag_timer`, `idiag_expires`, `idiag_retrans`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunningTimer {
    pub(super) kind: TimerKind,
    pub(super) expires: Duration,
    pub(super) retries: u8,
}

impl TcpFacts {
    /// Picks the fields out of the kernel's report.
    pub(super) fn of(details: &Details) -> Self {
        let number = |name| match details.counter(name) {
            Some(Measure::Count(number) | Measure::Bytes(number)) => Some(number),
            _ => None,
        };
        let time = |name| match details.counter(name) {
            Some(Measure::Time(time)) => Some(time),
            _ => None,
        };
        let heard = match (time("last_ack_recv"), time("last_data_recv")) {
            (Some(ack), Some(data)) => Some(ack.min(data)),
            (ack, data) => ack.or(data),
        };
        let connection = &details.connection;
        let memory = details.memory;
        Self {
            state: connection.state,
            is_held: connection.inode.is_some(),
            recv_queue: connection.recv_queue.into(),
            send_queue: connection.send_queue.into(),
            idle: connection.idle(),
            timer: details.timer.map(|timer| RunningTimer {
                kind: timer.kind,
                expires: timer.expires,
                retries: timer.retransmits,
            }),
            rto: time("rto").unwrap_or_default(),
            backoff: number("backoff").unwrap_or_default(),
            rtt: time("rtt").filter(|rtt| !rtt.is_zero()),
            rtt_variation: time("rttvar"),
            min_rtt: time("min_rtt").filter(|rtt| !rtt.is_zero()),
            send_mss: number("snd_mss").unwrap_or_default(),
            recv_mss: number("rcv_mss").unwrap_or_default(),
            congestion_window: number("snd_cwnd").unwrap_or_default(),
            unacked: number("unacked").unwrap_or_default(),
            heard,
            bytes_acked: number("bytes_acked"),
            bytes_received: number("bytes_received"),
            total_retrans: number("total_retrans").unwrap_or_default(),
            data_segs_out: number("data_segs_out"),
            busy: time("busy_time"),
            rwnd_limited: time("rwnd_limited"),
            sndbuf_limited: time("sndbuf_limited"),
            send_window: number("snd_wnd"),
            recv_window: number("rcv_wnd"),
            recv_memory: memory.map(|it| (it.receive.into(), it.receive_limit.into())),
            send_memory: memory.map(|it| (it.send.into(), it.send_limit.into())),
            not_sent: number("notsent_bytes"),
        }
    }

    /// Returns true where the peer takes nothing more: its window is closed and asked for (persist), or what was sent
    /// into it waits.
    ///
    /// RFC 9293, 3.8.6.1. `tcpi_snd_wnd` is there since Linux 5.4; before, the timer is the evidence
    /// (`tcp_check_probe_timer()`: nothing is under way, and something waits).
    pub(super) fn has_closed_window(&self) -> bool {
        let probes = self.timer_of(TimerKind::Probe).is_some();
        match self.send_window {
            Some(0) => self.state.is_synchronized() && self.send_queue > 0,
            // Less than a segment: the sender waits for more (RFC 9293, 3.8.6.2.1).
            Some(window) => probes && window < self.send_mss,
            None => probes,
        }
    }

    /// Returns true where the buffer is full, all that it has is under way, and the congestion window has room.
    pub(super) fn fills_send_buffer(&self) -> bool {
        let is_full = self
            .send_memory
            .is_some_and(|(memory, limit)| limit > 0 && memory >= limit);
        is_full && self.not_sent == Some(0) && (1..self.congestion_window).contains(&self.unacked)
    }

    /// Returns the bytes that the process has read.
    pub(super) fn consumed(&self) -> Option<u64> {
        self.bytes_received?.checked_sub(self.recv_queue)
    }

    /// Returns the timer if it is of this kind.
    pub(super) fn timer_of(&self, kind: TimerKind) -> Option<RunningTimer> {
        self.timer.filter(|timer| timer.kind == kind)
    }
}
