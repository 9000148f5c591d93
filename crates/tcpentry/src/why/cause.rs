//! The causes that are known, their names for programs, and the sentence of each.

use std::fmt;
use std::time::Duration;

use super::amount::{Bytes, Counted, TimeText};
use super::limits::GivenUp;

/// The thing that a connection suffers from, most often the reason why it is slow.
///
/// Displayed as one sentence without a full stop. A time that was *watched* is one between two readings of this
/// [`Watch`](super::Watch); the kernel reports none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// The queue of a listener is full: who connects now waits or is refused.
    AcceptQueueFull {
        /// Connections that are not accepted yet.
        waiting: u64,
        /// Limit of that (`listen(2)`'s backlog, `net.core.somaxconn`).
        limit: u64,
    },
    /// A listener with nothing in its way.
    Listening {
        /// Connections that are not accepted yet.
        waiting: u64,
    },
    /// Neither a connection nor a listener.
    NotConnected,
    /// The connection has ended, and its ends stay reserved for a while (TIME_WAIT).
    Over {
        /// Time until the kernel drops it.
        left: Option<Duration>,
    },
    /// A SYN was sent and not answered.
    Connecting {
        /// Retransmissions of it.
        retries: u8,
        /// Time until the next one.
        next: Option<Duration>,
        /// End of it.
        given_up: Option<GivenUp>,
    },
    /// A SYN was answered, and the handshake not completed.
    HandshakeUnanswered {
        /// Retransmissions of the SYN-ACK.
        retries: u8,
        /// Time until the next one.
        next: Option<Duration>,
        /// End of it.
        given_up: Option<GivenUp>,
    },
    /// Nothing is acknowledged: the peer, or the way to it or back, is gone.
    PeerSilent {
        /// The unanswered segments.
        sent: Unanswered,
        /// Bytes that wait.
        waiting: u64,
        /// Retries so far.
        retries: u8,
        /// Time since anything came from the peer.
        heard: Option<Duration>,
        /// Time until the next retry.
        next: Duration,
        /// End of it.
        given_up: GivenUp,
    },
    /// The peer does not read: it acknowledges, and has closed its window.
    PeerNotReading {
        /// Bytes that wait here.
        waiting: u64,
        /// Time in which it was watched to be closed and to take nothing.
        watched: Duration,
    },
    /// The process here does not read what has come.
    NotRead {
        /// Bytes that wait here.
        waiting: u64,
        /// Time in which it was watched to read nothing.
        watched: Duration,
        /// True where the peer can't send more, as the window here is closed.
        window_closed: bool,
    },
    /// The peer has closed, and the process here has not (CLOSE_WAIT).
    NotClosed {
        /// Bytes that the process has not read.
        unread: u64,
        /// True where the process has not even read the end of the stream.
        end_unread: bool,
        /// Bytes that wait to be sent or acknowledged.
        waiting: u64,
        /// Time since data last moved.
        idle: Option<Duration>,
    },
    /// The process here has closed, and the peer has not (FIN_WAIT2).
    PeerNotClosed {
        /// Time until the kernel ends it (`net.ipv4.tcp_fin_timeout`), if no process holds it.
        left: Option<Duration>,
    },
    /// It is closed here, and what was sent last is not acknowledged yet (FIN_WAIT1, CLOSING, LAST_ACK).
    Closing {
        /// Bytes that wait.
        waiting: u64,
    },
    /// Nothing waits and nothing moves.
    Idle {
        /// Time since data last moved.
        idle: Duration,
    },
    /// The process here reads slower than the peer sends.
    ReadSlowly {
        /// Bytes that wait here.
        waiting: u64,
        /// Bytes per second that were read.
        rate: u64,
    },
    /// Much of what is sent is lost, and sent again.
    Loss {
        /// Segments that were sent again.
        again: u64,
        /// Segments with data that were sent, those included.
        sent: u64,
        /// True of the time that was watched, false of the whole life.
        is_watched: bool,
    },
    /// The peer's window holds the sender up: the peer reads slowly, or its buffer is small for this round trip.
    ReceiveWindow {
        /// Percent of the time in which there was something to send.
        percent: u8,
        /// Bytes that wait here.
        waiting: u64,
        /// Window that is open now (since Linux 5.4).
        window: Option<u64>,
    },
    /// The sender's own buffer is too small for this round trip (`SO_SNDBUF`, `net.ipv4.tcp_wmem`).
    SendBuffer {
        /// Percent of the time in which there was something to send, as far as the kernel has summed it up.
        percent: Option<u8>,
        /// Size of that buffer, with the kernel's overhead.
        limit: Option<u64>,
    },
    /// Round trips take much longer than they could: what is sent waits in a queue on the way.
    Queueing {
        /// Smoothed round-trip time.
        rtt: Duration,
        /// Shortest one of the last minutes.
        best: Duration,
    },
    /// Round trips are long, and not because of a queue.
    LongRoundTrip {
        /// Smoothed round-trip time.
        rtt: Duration,
    },
    /// The network: the congestion window is full.
    CongestionWindow {
        /// Size of that window, in bytes.
        window: u64,
        /// Smoothed round-trip time.
        rtt: Duration,
        /// Bytes that wait.
        waiting: u64,
    },
    /// The process here gives it little to send.
    SentSlowly {
        /// Percent of the time in which there was nothing to send.
        percent: u8,
        /// Bytes per second that were sent and acknowledged.
        rate: u64,
    },
    /// The peer sends little: everything that came was read.
    PeerSendsSlowly {
        /// Bytes per second that came.
        rate: u64,
    },
    /// No rule applies.
    NothingFound,
}

/// The unanswered segments of a silent peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Unanswered {
    /// Data, or the end of it, that was sent again and again.
    Data,
    /// Probes of its closed window.
    WindowProbes,
    /// Probes of `SO_KEEPALIVE`.
    Keepalive,
}

impl Cause {
    /// Returns the name for programs, as `peer-not-reading`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AcceptQueueFull { .. } => "accept-queue-full",
            Self::Listening { .. } => "listening",
            Self::NotConnected => "not-connected",
            Self::Over { .. } => "over",
            Self::Connecting { .. } => "connecting",
            Self::HandshakeUnanswered { .. } => "handshake-unanswered",
            Self::PeerSilent { .. } => "peer-silent",
            Self::PeerNotReading { .. } => "peer-not-reading",
            Self::NotRead { .. } => "not-read",
            Self::NotClosed { .. } => "not-closed",
            Self::PeerNotClosed { .. } => "peer-not-closed",
            Self::Closing { .. } => "closing",
            Self::Idle { .. } => "idle",
            Self::ReadSlowly { .. } => "read-slowly",
            Self::Loss { .. } => "loss",
            Self::ReceiveWindow { .. } => "receive-window",
            Self::SendBuffer { .. } => "send-buffer",
            Self::Queueing { .. } => "queueing",
            Self::LongRoundTrip { .. } => "long-round-trip",
            Self::CongestionWindow { .. } => "congestion-window",
            Self::SentSlowly { .. } => "sent-slowly",
            Self::PeerSendsSlowly { .. } => "peer-sends-slowly",
            Self::NothingFound => "nothing-found",
        }
    }

    /// The names of all causes, in the order of their rules.
    pub const NAMES: [&'static str; 23] = [
        "listening",
        "accept-queue-full",
        "not-connected",
        "over",
        "connecting",
        "handshake-unanswered",
        "peer-silent",
        "peer-not-reading",
        "not-closed",
        "peer-not-closed",
        "not-read",
        "read-slowly",
        "idle",
        "receive-window",
        "send-buffer",
        "queueing",
        "loss",
        "congestion-window",
        "long-round-trip",
        "closing",
        "peer-sends-slowly",
        "sent-slowly",
        "nothing-found",
    ];
}

impl fmt::Display for Cause {
    #[expect(clippy::too_many_lines, reason = "a sentence for each cause")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::AcceptQueueFull { waiting, limit } => write!(
                f,
                "its queue is full: {} not accepted by the application here, the limit is {limit}",
                Counted(waiting, "connection is", "connections are")
            ),
            Self::Listening { waiting: 0 } => f.write_str("it listens, and nobody waits"),
            Self::Listening { waiting } => write!(
                f,
                "it listens; {} not accepted yet",
                Counted(waiting, "connection is", "connections are")
            ),
            Self::NotConnected => f.write_str("it is not connected"),
            Self::Over { left } => {
                f.write_str("it is over: both ends have closed")?;
                match left {
                    Some(left) => {
                        write!(f, ", and the kernel keeps its name for {}", TimeText(left))
                    }
                    None => Ok(()),
                }
            }
            Self::Connecting {
                retries,
                next,
                given_up,
            } => {
                f.write_str("connecting: the peer has not answered")?;
                put_retries(f, retries, next, given_up)
            }
            Self::HandshakeUnanswered {
                retries,
                next,
                given_up,
            } => {
                f.write_str("the peer asked to connect and has not answered since")?;
                put_retries(f, retries, next, given_up)
            }
            Self::PeerSilent {
                sent,
                waiting,
                retries,
                heard,
                next,
                given_up,
            } => {
                f.write_str("the peer is silent: ")?;
                if let Some(heard) = heard {
                    write!(f, "nothing has come for {}, ", TimeText(heard))?;
                }
                if waiting > 0 {
                    write!(f, "{} wait, ", Bytes(waiting))?;
                }
                let count = retries.into();
                match sent {
                    Unanswered::Data => Counted(count, "retry", "retries").fmt(f)?,
                    Unanswered::WindowProbes => Counted(
                        count,
                        "unanswered probe of its closed window",
                        "unanswered probes of its closed window",
                    )
                    .fmt(f)?,
                    Unanswered::Keepalive => Counted(
                        count,
                        "unanswered keepalive probe",
                        "unanswered keepalive probes",
                    )
                    .fmt(f)?,
                }
                write!(f, ", next in {}", TimeText(next))?;
                put_end(f, given_up)
            }
            Self::PeerNotReading { waiting, watched } => {
                write!(
                    f,
                    "the peer is not reading: {} wait, its window is closed",
                    Bytes(waiting)
                )?;
                put_watched(f, watched)
            }
            Self::NotRead {
                waiting,
                watched,
                window_closed,
            } => {
                write!(f, "the application here has not read {}", Bytes(waiting))?;
                if window_closed {
                    f.write_str(", and the peer can send no more")?;
                }
                put_watched(f, watched)
            }
            Self::NotClosed {
                unread,
                end_unread,
                waiting,
                idle,
            } => {
                f.write_str("the peer has closed, the process here has not")?;
                if unread > 0 {
                    write!(f, ": it has not read {}", Bytes(unread))?;
                } else if end_unread {
                    f.write_str(": it has not read the end")?;
                }
                if waiting > 0 {
                    write!(f, "; {} wait to be sent", Bytes(waiting))?;
                }
                match idle {
                    Some(idle) => write!(f, "; no data has moved for {}", TimeText(idle)),
                    None => Ok(()),
                }
            }
            Self::PeerNotClosed { left } => {
                f.write_str("it is closed here, and the peer has not closed")?;
                match left {
                    Some(left) => write!(f, "; the kernel ends it in {}", TimeText(left)),
                    None => Ok(()),
                }
            }
            Self::Closing { waiting } => {
                f.write_str("it is closed here, and the peer has not acknowledged that yet")?;
                match waiting {
                    0 => Ok(()),
                    _ => write!(f, ": {} wait", Bytes(waiting)),
                }
            }
            Self::Idle { idle } => write!(f, "idle for {}: nothing waits here", TimeText(idle)),
            Self::ReadSlowly { waiting, rate } => write!(
                f,
                "the application here reads slower than the peer sends: {} wait, {}/s were read",
                Bytes(waiting),
                Bytes(rate)
            ),
            Self::Loss {
                again,
                sent,
                is_watched,
            } => {
                let percent = percent(again, sent);
                let time = if is_watched {
                    "while it was watched"
                } else {
                    "since it was made"
                };
                write!(
                    f,
                    "{percent}% of segments were sent again ({again} of {sent} {time})"
                )
            }
            Self::ReceiveWindow {
                percent,
                waiting,
                window,
            } => {
                write!(
                    f,
                    "limited by the peer's receive window, {percent}% of the time: {} wait",
                    Bytes(waiting)
                )?;
                match window {
                    Some(0) => f.write_str(", and it is closed at the moment"),
                    Some(window) => write!(f, ", the window is {}", Bytes(window)),
                    None => Ok(()),
                }
            }
            Self::SendBuffer { percent, limit } => {
                f.write_str("limited by the sender's buffer")?;
                if let Some(percent) = percent {
                    write!(f, ", {percent}% of the time")?;
                }
                if let Some(limit) = limit {
                    write!(f, ": {} are too few for this round trip", Bytes(limit))?;
                }
                f.write_str(" (SO_SNDBUF, net.ipv4.tcp_wmem)")
            }
            Self::Queueing { rtt, best } => write!(
                f,
                "a queue on the way: a round trip takes {}, and {} at best",
                TimeText(rtt),
                TimeText(best)
            ),
            Self::LongRoundTrip { rtt } => {
                write!(f, "the way is long: a round trip takes {}", TimeText(rtt))
            }
            Self::CongestionWindow {
                window,
                rtt,
                waiting,
            } => write!(
                f,
                "limited by the network: {} under way for each round trip of {}, {} wait",
                Bytes(window),
                TimeText(rtt),
                Bytes(waiting)
            ),
            Self::SentSlowly { percent, rate } => write!(
                f,
                "the application here sends little: nothing to send {percent}% of the time, {}/s",
                Bytes(rate)
            ),
            Self::PeerSendsSlowly { rate } => write!(
                f,
                "the peer sends little: all that came was read, {}/s",
                Bytes(rate)
            ),
            Self::NothingFound => f.write_str("nothing holds it up that is seen at this end"),
        }
    }
}

/// Returns the share in percent, rounded to the nearest.
pub(super) fn percent(part: u64, whole: u64) -> u8 {
    let (part, whole) = (u128::from(part), u128::from(whole.max(1)));
    let percent = (part * 100 + whole / 2) / whole;
    u8::try_from(percent).unwrap_or(100).min(100)
}

/// Writes the retries of a handshake.
fn put_retries(
    f: &mut fmt::Formatter<'_>,
    retries: u8,
    next: Option<Duration>,
    given_up: Option<GivenUp>,
) -> fmt::Result {
    let retries = Counted(retries.into(), "retry", "retries");
    write!(f, ": {retries}")?;
    if let Some(next) = next {
        write!(f, ", next in {}", TimeText(next))?;
    }
    match given_up {
        Some(given_up) => put_end(f, given_up),
        None => Ok(()),
    }
}

fn put_end(f: &mut fmt::Formatter<'_>, given_up: GivenUp) -> fmt::Result {
    let whose = if given_up.is_read {
        "the system's defaults"
    } else {
        "Linux's defaults"
    };
    let after = TimeText(given_up.after);
    write!(
        f,
        ", given up in about {after} by {whose} ({})",
        given_up.setting
    )
}

/// Writes the time that was watched, from a second on.
fn put_watched(f: &mut fmt::Formatter<'_>, watched: Duration) -> fmt::Result {
    if watched < Duration::from_secs(1) {
        return Ok(());
    }
    write!(f, " (for {} that were watched)", TimeText(watched))
}
