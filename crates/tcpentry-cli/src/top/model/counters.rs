//! The counters of a row, in little memory: a host may have a million of them, and two frames are kept.

use std::time::Duration;

use tcpentry::connection::TcpInfo;

/// The counters of a connection that the table shows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counters {
    pub(crate) bytes_received: u64,
    /// The bytes that the peer has acknowledged.
    pub(crate) bytes_acked: u64,
    /// In microseconds, as the kernel has it.
    pub(crate) rtt: u32,
    /// The milliseconds since data was last sent or received.
    pub(crate) idle: u32,
    pub(crate) total_retransmits: u32,
    /// The retransmissions of the segment that waits now.
    pub(crate) retransmits: u8,
}

impl Counters {
    pub(super) fn of(info: &TcpInfo) -> Self {
        let idle = info.last_data_sent.min(info.last_data_received);
        // The kernel has both in 32 bits.
        let number = |count: u128| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            bytes_received: info.bytes_received,
            bytes_acked: info.bytes_acked,
            rtt: number(info.rtt.as_micros()),
            idle: number(idle.as_millis()),
            total_retransmits: info.total_retransmits,
            retransmits: info.retransmits,
        }
    }

    /// Returns those that the kernel would report, the others 0.
    pub(super) fn to_info(self) -> TcpInfo {
        let mut info = TcpInfo::default();
        info.bytes_received = self.bytes_received;
        info.bytes_acked = self.bytes_acked;
        info.rtt = self.rtt();
        (info.last_data_sent, info.last_data_received) = (self.idle(), self.idle());
        info.total_retransmits = self.total_retransmits;
        info.retransmits = self.retransmits;
        info
    }

    pub(crate) fn rtt(&self) -> Duration {
        Duration::from_micros(self.rtt.into())
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle.into())
    }
}
