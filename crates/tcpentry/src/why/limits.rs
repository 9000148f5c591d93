//! The time in which the kernel gives a silent peer up: the system's defaults, and its own arithmetic.
//!
//! A socket may have limits of its own (`TCP_USER_TIMEOUT`, `TCP_SYNCNT`, `TCP_KEEPCNT`, `TCP_KEEPINTVL`,
//! `TCP_RTO_MAX_MS`), which the kernel shows to its owner only.

use std::time::Duration;

use super::facts::{RunningTimer, TcpFacts};
use crate::connection::State;

/// The system's limits on retries: sysctls below `net.ipv4`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RetryLimits {
    /// `tcp_retries2`: retransmissions, or probes of a closed window.
    pub retries: u32,
    /// `tcp_orphan_retries`, of a connection that no process holds any more; the kernel takes 0 for 8.
    pub orphan_retries: u32,
    /// `tcp_syn_retries`: retransmissions of a SYN.
    pub syn_retries: u32,
    /// `tcp_syn_linear_timeouts`: how many more SYNs are sent before the timeout doubles. Since Linux 6.5.
    pub syn_linear_timeouts: u32,
    /// `tcp_synack_retries`: retransmissions of a SYN-ACK.
    pub synack_retries: u32,
    /// `tcp_keepalive_probes`: probes without an answer.
    pub keepalive_probes: u32,
    /// `tcp_keepalive_intvl`: the time between two probes.
    pub keepalive_interval: Duration,
    /// `tcp_rto_max_ms`: the longest retransmission timeout, since Linux 6.15; `TCP_RTO_MAX` before.
    pub rto_max: Duration,
    /// True where they were read, false where they are those that Linux starts with.
    pub are_read: bool,
}

impl RetryLimits {
    /// The limits that Linux starts with.
    pub const OF_LINUX: Self = Self {
        retries: 15,
        orphan_retries: 0,
        syn_retries: 6,
        syn_linear_timeouts: 0,
        synack_retries: 5,
        keepalive_probes: 9,
        keepalive_interval: Duration::from_secs(75),
        rto_max: Duration::from_secs(120),
        are_read: false,
    };

    /// Reads the limits of this thread's network namespace, from `/proc/sys`; those that this kernel does not have, or that
    /// can't be read, are [those that it starts with](Self::OF_LINUX).
    pub fn read() -> Self {
        let mut are_read = false;
        let mut number = |name| {
            let text = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok()?;
            let number: u32 = text.trim().parse().ok()?;
            are_read = true;
            Some(number)
        };
        let linux = Self::OF_LINUX;
        let interval = number("tcp_keepalive_intvl").map(|it| Duration::from_secs(it.into()));
        let rto_max = number("tcp_rto_max_ms").map(|it| Duration::from_millis(it.into()));
        Self {
            retries: number("tcp_retries2").unwrap_or(linux.retries),
            orphan_retries: number("tcp_orphan_retries").unwrap_or(linux.orphan_retries),
            syn_retries: number("tcp_syn_retries").unwrap_or(linux.syn_retries),
            syn_linear_timeouts: number("tcp_syn_linear_timeouts")
                .unwrap_or(linux.syn_linear_timeouts),
            synack_retries: number("tcp_synack_retries").unwrap_or(linux.synack_retries),
            keepalive_probes: number("tcp_keepalive_probes").unwrap_or(linux.keepalive_probes),
            keepalive_interval: interval.unwrap_or(linux.keepalive_interval),
            rto_max: rto_max.unwrap_or(linux.rto_max),
            are_read,
        }
    }
}

/// The time in which the kernel gives the peer up, if the socket has no limits of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct GivenUp {
    /// Time left.
    pub after: Duration,
    /// The sysctl that limits it, as `net.ipv4.tcp_retries2`.
    pub setting: &'static str,
    /// True where that was read; false where it is the one that Linux starts with.
    pub is_read: bool,
}

/// `TCP_RTO_MIN`
const RTO_MIN: Duration = Duration::from_millis(200);

impl RetryLimits {
    const fn given_up(&self, after: Duration, setting: &'static str) -> GivenUp {
        let is_read = self.are_read;
        GivenUp {
            after,
            setting,
            is_read,
        }
    }

    /// Returns when retransmission ends: at the first expiration after the time that so many retries would take with the
    /// shortest timeout.
    ///
    /// `tcp_write_timeout()`, `retransmits_timed_out()` and `tcp_model_timeout()` of `net/ipv4/tcp_timer.c`, Linux 5.10
    /// to 6.18. It counts from `retrans_stamp`, which is not reported: a tail loss probe some milliseconds after the data,
    /// before the first timeout (measured, Linux 6.18). How long that is ago follows from the timeouts since.
    pub(super) fn of_retransmission(&self, facts: &TcpFacts, timer: RunningTimer) -> GivenUp {
        let (retries, setting) = if facts.is_held {
            (self.retries, "net.ipv4.tcp_retries2")
        } else {
            let retries = match self.orphan_retries {
                0 => 8,
                retries => retries,
            };
            (retries, "net.ipv4.tcp_orphan_retries")
        };
        let allowed = self.sum_of_timeouts(RTO_MIN, retries.saturating_add(1));
        let mut rto = facts.rto.min(self.rto_max);
        // Before it was doubled.
        let base = if rto < self.rto_max {
            rto / 2_u32.saturating_pow(u32::try_from(facts.backoff).unwrap_or(32))
        } else {
            let variation = facts.rtt_variation.unwrap_or_default() * 4;
            facts.rtt.unwrap_or_default() + variation.max(RTO_MIN)
        };
        let mut elapsed = self.sum_of_timeouts(base, timer.retries.into()) + rto;
        let mut after = timer.expires;
        while elapsed < allowed {
            rto = (rto * 2).min(self.rto_max).max(RTO_MIN);
            elapsed += rto;
            after += rto;
        }
        self.given_up(after, setting)
    }

    /// Returns the sum of so many timeouts, each twice the one before.
    fn sum_of_timeouts(&self, first: Duration, count: u32) -> Duration {
        let mut timeout = first.min(self.rto_max);
        let mut sum = Duration::ZERO;
        for _ in 0..count.min(1 << 16) {
            sum += timeout;
            timeout = (timeout * 2).min(self.rto_max);
        }
        sum
    }

    /// Returns when the probes of a closed window end, if none is answered: `tcp_probe_timer()`.
    pub(super) fn of_probes(&self, facts: &TcpFacts, timer: RunningTimer) -> GivenUp {
        let doubled = 2_u32.saturating_pow(u32::try_from(facts.backoff).unwrap_or(32));
        let interval = facts.rto.max(RTO_MIN).saturating_mul(doubled);
        let after = self.of_doubling(timer, self.retries, interval);
        self.given_up(after, "net.ipv4.tcp_retries2")
    }

    /// Returns when the handshake ends.
    ///
    /// `tcp_write_timeout()` of a SYN, which is doubled only after `tcp_syn_linear_timeouts`; of a SYN-ACK
    /// `reqsk_timer_handler()`.
    pub(super) fn of_handshake(&self, facts: &TcpFacts, timer: RunningTimer) -> GivenUp {
        // A request has no tcp_info: its timeout began with one second (TCP_TIMEOUT_INIT).
        let begun = if facts.rto.is_zero() {
            Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(timer.retries.into()))
        } else {
            facts.rto
        };
        if facts.state != State::SynSent {
            let after = self.of_doubling(timer, self.synack_retries, begun);
            return self.given_up(after, "net.ipv4.tcp_synack_retries");
        }
        let linear = self.syn_linear_timeouts;
        let mut after = timer.expires;
        let mut rto = begun;
        let most = self.syn_retries.saturating_add(linear).min(1 << 16);
        for retry in u32::from(timer.retries)..most {
            if retry >= linear {
                rto = (rto * 2).min(self.rto_max);
            }
            after += rto;
        }
        self.given_up(after, "net.ipv4.tcp_syn_retries")
    }

    /// Returns when keepalive ends, which sends its probes evenly: `tcp_keepalive_timer()`.
    pub(super) fn of_keepalive(&self, timer: RunningTimer) -> GivenUp {
        let left = self.keepalive_probes.saturating_sub(timer.retries.into());
        let after = timer.expires + self.keepalive_interval.saturating_mul(left);
        self.given_up(after, "net.ipv4.tcp_keepalive_probes")
    }

    /// Returns the time until so many retries have been made, each after twice the time of the one before.
    fn of_doubling(&self, timer: RunningTimer, retries: u32, interval: Duration) -> Duration {
        let mut after = timer.expires;
        let mut interval = interval.min(self.rto_max);
        for _ in u32::from(timer.retries)..retries.min(1 << 16) {
            interval = (interval * 2).min(self.rto_max);
            after += interval;
        }
        after
    }
}
