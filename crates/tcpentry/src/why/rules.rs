//! The rules, in the order in which they are asked: the first that applies has the cause.
//!
//! Each names its source: RFC 9293, a field of the kernel's answer, or the function that sets it. Fields that a kernel does
//! not have make a rule not apply.

use std::time::Duration;

use super::cause::{Cause, Unanswered, percent};
use super::facts::TcpFacts;
use super::limits::RetryLimits;
use crate::connection::{State, TimerKind};

/// A connection as it is now, with what was watched before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'w> {
    pub(super) now: &'w TcpFacts,
    /// An earlier reading, and the time since.
    pub(super) before: Option<(&'w TcpFacts, Duration)>,
    /// The time in which the peer's window was closed and nothing was taken.
    pub(super) closed: Duration,
    /// The time in which the process read nothing of what waits.
    pub(super) unread: Duration,
    pub(super) limits: &'w RetryLimits,
}

/// Returns the cause, if this rule applies.
type CauseRule = fn(&Case<'_>) -> Option<Cause>;

/// The rules, by priority: what can't be otherwise in this state; what stands still; what is slow.
const RULES: &[CauseRule] = &[
    no_connection,
    handshake,
    silent_peer,
    closed_window,
    half_closed,
    unread,
    idle,
    receive_window,
    send_buffer,
    queueing,
    loss,
    congestion_window,
    closing,
    slow_ends,
];

/// The time after which something that moved before stands still.
const STILL: Duration = Duration::from_secs(2);

/// Returns the cause of the first rule that applies.
pub(super) fn find_cause(case: &Case<'_>) -> Cause {
    let applied = RULES.iter().find_map(|rule| rule(case));
    applied.unwrap_or(Cause::NothingFound)
}

/// Finds what is no connection: a listener with its queue, TIME_WAIT, a socket that is only bound.
///
/// Of a listener `idiag_rqueue` is `sk_ack_backlog` and `idiag_wqueue` `sk_max_ack_backlog` (`tcp_diag_get_info()`); it is
/// full when the one exceeds the other (`sk_acceptq_is_full()`). TIME_WAIT: RFC 9293, 3.6.1; its timer is
/// `inet_timewait_sock`'s.
fn no_connection(case: &Case<'_>) -> Option<Cause> {
    let now = case.now;
    Some(match now.state {
        State::Listening if now.recv_queue > now.send_queue => Cause::AcceptQueueFull {
            waiting: now.recv_queue,
            limit: now.send_queue,
        },
        State::Listening => Cause::Listening {
            waiting: now.recv_queue,
        },
        State::TimeWait => Cause::Over {
            left: now.timer.map(|timer| timer.expires),
        },
        State::Closed | State::BoundInactive => Cause::NotConnected,
        _ => return None,
    })
}

/// Finds a handshake that is not completed: RFC 9293, 3.5; `idiag_retrans` is `icsk_retransmits`, or `num_retrans` of a
/// request (`inet_req_diag_fill()`).
fn handshake(case: &Case<'_>) -> Option<Cause> {
    let now = case.now;
    let retries = now.timer.map_or(0, |timer| timer.retries);
    let next = now.timer.map(|timer| timer.expires);
    let given_up = now.timer.map(|timer| case.limits.of_handshake(now, timer));
    match now.state {
        State::SynSent => Some(Cause::Connecting {
            retries,
            next,
            given_up,
        }),
        State::SynRecv => Some(Cause::HandshakeUnanswered {
            retries,
            next,
            given_up,
        }),
        _ => None,
    }
}

/// Finds a peer that answers nothing: three retransmissions without an acknowledgement, where the kernel itself suspects
/// the way (`net.ipv4.tcp_retries1`; R1 of RFC 9293, 3.8.3), or two unanswered probes.
///
/// `idiag_retrans` is `icsk_retransmits` while retransmission is pending (timer 1), and `icsk_probes_out` in persist (4) and
/// keepalive (2): an answered probe sets it to 0, so that a closed window alone is not silence.
fn silent_peer(case: &Case<'_>) -> Option<Cause> {
    let now = case.now;
    let timer = now.timer?;
    let (sent, given_up) = match timer.kind {
        TimerKind::Retransmit if timer.retries >= 3 => {
            (Unanswered::Data, case.limits.of_retransmission(now, timer))
        }
        TimerKind::Probe if timer.retries >= 2 => {
            (Unanswered::WindowProbes, case.limits.of_probes(now, timer))
        }
        TimerKind::Keepalive if timer.retries >= 2 => {
            (Unanswered::Keepalive, case.limits.of_keepalive(timer))
        }
        _ => return None,
    };
    Some(Cause::PeerSilent {
        sent,
        waiting: now.send_queue,
        retries: timer.retries,
        heard: now.heard,
        next: timer.expires,
        given_up,
    })
}

/// Finds a closed window: RFC 9293, 3.8.6.1. The kernel never gives up on a peer that answers the probes.
///
/// `tcpi_snd_wnd` is 0 (since Linux 5.4), or the timer is persist. For how long it has been closed is not reported.
fn closed_window(case: &Case<'_>) -> Option<Cause> {
    let now = case.now;
    if !now.has_closed_window() {
        return None;
    }
    // It opens now and then: the peer is slow, not still.
    if case.taken().is_some_and(|taken| taken > 0) && case.closed < STILL {
        return None;
    }
    Some(Cause::PeerNotReading {
        waiting: now.send_queue,
        watched: case.closed,
    })
}

/// Finds a connection that one end has closed: RFC 9293, 3.6.
///
/// In CLOSE_WAIT `idiag_rqueue` counts the peer's FIN as one byte until the process has read the end of the stream
/// (`rcv_nxt - copied_seq`). The timer of FIN_WAIT2 is `tcp_fin_timeout` of an orphan, or of its mini-socket.
fn half_closed(case: &Case<'_>) -> Option<Cause> {
    let now = case.now;
    // The other half may be in use.
    if case.has_moved() {
        return None;
    }
    match now.state {
        State::CloseWait => Some(Cause::NotClosed {
            unread: now.recv_queue.saturating_sub(1),
            end_unread: now.recv_queue > 0,
            waiting: now.send_queue,
            idle: now.idle.filter(|idle| *idle >= Duration::from_secs(1)),
        }),
        State::FinWait2 if now.recv_queue == 0 => Some(Cause::PeerNotClosed {
            left: now
                .timer
                .filter(|_| !now.is_held)
                .map(|timer| timer.expires),
        }),
        _ => None,
    }
}

/// Finds data that has come and is not read: `idiag_rqueue`, which is `rcv_nxt - copied_seq`.
///
/// What the process has read is `tcpi_bytes_received` (since Linux 4.1) without that. The window here is closed where
/// `tcpi_rcv_wnd` (6.2) is less than a segment, or the memory of what was received has reached its limit.
fn unread(case: &Case<'_>) -> Option<Cause> {
    let now = case.now;
    if now.recv_queue == 0 {
        return None;
    }
    let window_closed = match (now.recv_window, now.recv_memory) {
        (Some(window), _) => window < now.recv_mss,
        (None, Some((memory, limit))) => memory >= limit,
        (None, None) => false,
    };
    let read = case
        .rate(TcpFacts::consumed)
        .filter(|rate| *rate > 0 && case.unread < STILL);
    match read {
        None => Some(Cause::NotRead {
            waiting: now.recv_queue,
            watched: case.unread,
            window_closed,
        }),
        Some(rate) => {
            let is_half_full = now
                .recv_memory
                .is_some_and(|(memory, limit)| memory * 2 >= limit);
            (window_closed || is_half_full).then_some(Cause::ReadSlowly {
                waiting: now.recv_queue,
                rate,
            })
        }
    }
}

/// Finds a connection on which nothing happens: queues are empty, and no data has moved for two seconds
/// (`tcpi_last_data_sent`, `tcpi_last_data_recv`) nor while it was watched.
fn idle(case: &Case<'_>) -> Option<Cause> {
    let now = case.now;
    let is_empty = now.recv_queue == 0 && now.send_queue == 0;
    let idle = now.idle.filter(|idle| *idle >= STILL)?;
    (is_empty && !case.has_moved()).then_some(Cause::Idle { idle })
}

/// Finds a sender that the peer's window holds up: `tcpi_rwnd_limited`, half of `tcpi_busy_time` or more
/// (`TCP_CHRONO_RWND_LIMITED`, since Linux 4.10).
fn receive_window(case: &Case<'_>) -> Option<Cause> {
    let percent = case.share_of_busy(|facts| facts.rwnd_limited)?;
    (percent >= 50).then_some(Cause::ReceiveWindow {
        percent,
        waiting: case.now.send_queue,
        window: case.now.send_window,
    })
}

/// Finds a sender whose buffer is too small: it is full, everything in it is under way, and the congestion window has room
/// (`SK_MEMINFO_WMEM_QUEUED`, `tcpi_notsent_bytes`, `tcpi_unacked`, `tcpi_snd_cwnd`), at each reading.
///
/// The kernel sums up the time in which it has noticed that itself: `tcpi_sndbuf_limited`, a quarter of `tcpi_busy_time` or
/// more (`TCP_CHRONO_SNDBUF_LIMITED` of `tcp_cwnd_validate()`, since Linux 4.10), which it notices only when it sends while
/// the writer already waits. A buffer that waits for what was lost is not too small.
fn send_buffer(case: &Case<'_>) -> Option<Cause> {
    if loss(case).is_some() {
        return None;
    }
    let percent = case.share_of_busy(|facts| facts.sndbuf_limited);
    let percent = percent.filter(|percent| *percent >= 25);
    let was_full = case
        .before
        .is_none_or(|(before, _)| before.fills_send_buffer());
    let is_full = case.now.fills_send_buffer() && was_full;
    (is_full || percent.is_some()).then_some(Cause::SendBuffer {
        percent,
        limit: case.now.send_memory.map(|(_, limit)| limit),
    })
}

/// Finds a queue on the way: `tcpi_rtt` is four times `tcpi_min_rtt` (since Linux 4.6) and 50 ms or more, while it is busy.
fn queueing(case: &Case<'_>) -> Option<Cause> {
    let (rtt, best) = (case.now.rtt?, case.now.min_rtt?);
    let is_long = rtt >= best * 4 && rtt >= Duration::from_millis(50);
    (is_long && case.now.send_queue > 0).then_some(Cause::Queueing { rtt, best })
}

/// Finds loss: at least one segment in a hundred is sent again (`tcpi_total_retrans` of `tcpi_data_segs_out`, since Linux
/// 4.6), of at least twenty that were watched, or else of the whole life while something waits.
fn loss(case: &Case<'_>) -> Option<Cause> {
    let now = case.now;
    let sent = now.data_segs_out?;
    let watched = case.before.and_then(|(before, _)| {
        let again = now.total_retrans.checked_sub(before.total_retrans)?;
        Some((again, sent.checked_sub(before.data_segs_out?)?))
    });
    let (again, sent, is_watched) = match watched {
        Some((again, sent)) if sent >= 20 => (again, sent, true),
        // What was lost long ago is not what holds it up now.
        Some((0, _)) if now.send_queue == 0 => return None,
        _ => (now.total_retrans, sent, false),
    };
    let is_much = again >= 2 && again * 100 >= sent;
    let waits = is_watched || now.send_queue > 0;
    (is_much && waits).then_some(Cause::Loss {
        again,
        sent,
        is_watched,
    })
}

/// Finds a sender that the network holds up: as many segments are under way as the congestion window allows
/// (`tcpi_unacked`, `tcpi_snd_cwnd`; RFC 5681), or a long way to those that are.
fn congestion_window(case: &Case<'_>) -> Option<Cause> {
    let now = case.now;
    let rtt = now.rtt?;
    let window = now.congestion_window * now.send_mss;
    if now.unacked > 0 && now.unacked >= now.congestion_window && now.send_queue > window {
        return Some(Cause::CongestionWindow {
            window,
            rtt,
            waiting: now.send_queue,
        });
    }
    let is_long = rtt >= Duration::from_millis(100) && case.has_moved();
    is_long.then_some(Cause::LongRoundTrip { rtt })
}

/// Finds a connection that is closed here and waits for the acknowledgement of that: RFC 9293, 3.6.
fn closing(case: &Case<'_>) -> Option<Cause> {
    let now = case.now;
    let is_closing = matches!(now.state, State::FinWait1 | State::Closing | State::LastAck);
    // What waits counts the FIN as one byte (write_seq - snd_una).
    let waiting = now.send_queue.saturating_sub(1);
    is_closing.then_some(Cause::Closing { waiting })
}

/// Finds an end that gives the connection little to do: nothing waited for most of the time that was watched
/// (`tcpi_busy_time`, since Linux 4.10), and what came was read.
fn slow_ends(case: &Case<'_>) -> Option<Cause> {
    let (before, elapsed) = case.before?;
    let sent = case.rate(|facts| facts.bytes_acked)?;
    let received = case.rate(|facts| facts.bytes_received)?;
    if received > sent {
        return (case.now.recv_queue == 0).then_some(Cause::PeerSendsSlowly { rate: received });
    }
    let busy = case.now.busy?.checked_sub(before.busy?)?;
    let busy = percent(micros(busy), micros(elapsed));
    (busy < 50 && sent > 0).then_some(Cause::SentSlowly {
        percent: 100 - busy,
        rate: sent,
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Case<'_> {
    /// Returns the bytes that the peer took while it was watched.
    fn taken(&self) -> Option<u64> {
        let (before, _) = self.before?;
        self.now.bytes_acked?.checked_sub(before.bytes_acked?)
    }

    /// Returns true where data moved while it was watched.
    fn has_moved(&self) -> bool {
        let received = self.rate(|facts| facts.bytes_received);
        let sent = self.rate(|facts| facts.bytes_acked);
        sent.unwrap_or_default() > 0 || received.unwrap_or_default() > 0
    }

    /// Returns how many per second a counter has grown while it was watched.
    fn rate(&self, counter: impl Fn(&TcpFacts) -> Option<u64>) -> Option<u64> {
        let (before, elapsed) = self.before?;
        let grown = counter(self.now)?.checked_sub(counter(before)?)?;
        let micros = elapsed.as_micros().max(1);
        u64::try_from(u128::from(grown) * 1_000_000 / micros)
            .ok()
            // A little is not nothing.
            .map(|rate| rate.max(u64::from(grown > 0)))
    }

    /// Returns a time in percent of the time in which there was something to send: of what was watched, or else of the whole
    /// life while something waits. `None` where it was hardly busy.
    fn share_of_busy(&self, time: impl Fn(&TcpFacts) -> Option<Duration>) -> Option<u8> {
        let (part, busy) = match self.before {
            Some((before, elapsed)) => {
                let part = time(self.now)?.checked_sub(time(before)?)?;
                let busy = self.now.busy?.checked_sub(before.busy?)?;
                if busy * 5 < elapsed {
                    return None;
                }
                (part, busy)
            }
            None if self.now.send_queue > 0 => (time(self.now)?, self.now.busy?),
            None => return None,
        };
        Some(percent(micros(part), micros(busy)))
    }
}
