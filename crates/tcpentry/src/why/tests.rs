//! The table of rules, with readings that are made up: their order, and what a kernel without a field leaves.
#![expect(
    clippy::large_stack_arrays,
    clippy::large_types_passed_by_value,
    clippy::too_many_lines,
    clippy::unnecessary_wraps,
    reason = "a table of cases, each a reading with one field changed"
)]

use std::time::{Duration, Instant};

use super::facts::RunningTimer;
use super::rules::{Case, find_cause};
use super::*;
use crate::connection::{Connection, Counter, Measure, State, Timer, TimerKind};
use crate::sock_diag::fake::pair;

const SECOND: Duration = Duration::from_secs(1);

fn quiet() -> TcpFacts {
    TcpFacts {
        state: State::Established,
        is_held: true,
        recv_queue: 0,
        send_queue: 0,
        idle: Some(Duration::ZERO),
        timer: None,
        rto: Duration::from_millis(204),
        backoff: 0,
        rtt: Some(Duration::from_millis(4)),
        rtt_variation: Some(Duration::from_millis(1)),
        min_rtt: Some(Duration::from_millis(3)),
        send_mss: 1448,
        recv_mss: 1448,
        congestion_window: 10,
        unacked: 0,
        heard: Some(SECOND),
        bytes_acked: Some(0),
        bytes_received: Some(0),
        total_retrans: 0,
        data_segs_out: Some(0),
        busy: Some(Duration::ZERO),
        rwnd_limited: Some(Duration::ZERO),
        sndbuf_limited: Some(Duration::ZERO),
        send_window: Some(65536),
        recv_window: Some(65536),
        recv_memory: Some((0, 131_072)),
        send_memory: Some((0, 87_040)),
        not_sent: Some(0),
    }
}

fn timer(kind: TimerKind, expires: u64, retries: u8) -> Option<RunningTimer> {
    Some(RunningTimer {
        kind,
        expires: Duration::from_millis(expires),
        retries,
    })
}

/// Returns the sentence of one reading, or of two with a second between.
fn sentence(now: TcpFacts, before: Option<TcpFacts>) -> String {
    let consumed = before.map(|before| before.consumed());
    let reads = consumed.is_some_and(|before| before != now.consumed());
    let cause = find_cause(&Case {
        now: &now,
        before: before.as_ref().map(|before| (before, SECOND)),
        closed: 41 * SECOND,
        unread: if reads { SECOND } else { 3 * SECOND },
        limits: &RetryLimits {
            are_read: true,
            ..RetryLimits::OF_LINUX
        },
    });
    assert!(Cause::NAMES.contains(&cause.name()), "{cause:?}");
    cause.to_string()
}

#[test]
fn each_rule_has_its_sentence() {
    let quiet = quiet();
    let watched = Some(quiet);
    let closed = TcpFacts {
        send_queue: 3_782_144,
        send_window: Some(0),
        timer: timer(TimerKind::Probe, 3000, 0),
        ..quiet
    };
    let sending = TcpFacts {
        send_queue: 100_000,
        not_sent: Some(80_000),
        unacked: 5,
        bytes_acked: Some(500_000),
        data_segs_out: Some(400),
        busy: Some(SECOND),
        ..quiet
    };
    let silent = TcpFacts {
        send_queue: 10,
        rto: Duration::from_millis(104_448),
        backoff: 9,
        timer: timer(TimerKind::Retransmit, 51_000, 9),
        heard: Some(150 * SECOND),
        ..quiet
    };
    for (now, before, expected) in [
        (quiet, None, "nothing holds it up that is seen at this end"),
        (
            quiet,
            watched,
            "nothing holds it up that is seen at this end",
        ),
        (
            closed,
            watched,
            "the peer is not reading: 3.7 MB wait, its window is closed (for 41 s that were watched)",
        ),
        (
            TcpFacts {
                send_window: None,
                ..closed
            },
            watched,
            "the peer is not reading: 3.7 MB wait, its window is closed (for 41 s that were watched)",
        ),
        (
            TcpFacts {
                timer: timer(TimerKind::Probe, 3000, 2),
                ..closed
            },
            watched,
            "the peer is silent: nothing has come for 1 s, 3.7 MB wait, 2 unanswered probes of its closed window, \
             next in 3 s, given up in about 11 min by the system's defaults (net.ipv4.tcp_retries2)",
        ),
        (
            silent,
            watched,
            "the peer is silent: nothing has come for 2 min, 10 bytes wait, 9 retries, next in 51 s, \
             given up in about 12 min by the system's defaults (net.ipv4.tcp_retries2)",
        ),
        (
            TcpFacts {
                is_held: false,
                ..silent
            },
            None,
            "the peer is silent: nothing has come for 2 min, 10 bytes wait, 9 retries, next in 51 s, \
             given up in about 51 s by the system's defaults (net.ipv4.tcp_orphan_retries)",
        ),
        (
            TcpFacts {
                recv_queue: 4096,
                bytes_received: Some(4096),
                ..quiet
            },
            watched,
            "the application here has not read 4.0 kB (for 3 s that were watched)",
        ),
        (
            TcpFacts {
                recv_queue: 100_000,
                bytes_received: Some(300_000),
                recv_memory: Some((100_000, 131_072)),
                ..quiet
            },
            watched,
            "the application here reads slower than the peer sends: 100 kB wait, 200 kB/s were read",
        ),
        (
            TcpFacts {
                idle: Some(9 * 86_400 * SECOND),
                ..quiet
            },
            watched,
            "idle for 9 days: nothing waits here",
        ),
        (
            TcpFacts {
                total_retrans: 16,
                ..sending
            },
            watched,
            "4% of segments were sent again (16 of 400 while it was watched)",
        ),
        (
            TcpFacts {
                total_retrans: 16,
                ..sending
            },
            None,
            "4% of segments were sent again (16 of 400 since it was made)",
        ),
        (
            TcpFacts {
                rwnd_limited: Some(SECOND * 4 / 5),
                ..sending
            },
            watched,
            "limited by the peer's receive window, 80% of the time: 100 kB wait, the window is 65 kB",
        ),
        (
            TcpFacts {
                sndbuf_limited: Some(SECOND * 3 / 10),
                ..sending
            },
            watched,
            "limited by the sender's buffer, 30% of the time: 87 kB are too few for this round trip \
             (SO_SNDBUF, net.ipv4.tcp_wmem)",
        ),
        (
            TcpFacts {
                rtt: Some(SECOND / 4),
                ..sending
            },
            watched,
            "a queue on the way: a round trip takes 250 ms, and 3 ms at best",
        ),
        (
            TcpFacts {
                rtt: Some(SECOND / 4),
                min_rtt: Some(SECOND / 5),
                ..sending
            },
            watched,
            "the way is long: a round trip takes 250 ms",
        ),
        (
            TcpFacts {
                unacked: 10,
                ..sending
            },
            watched,
            "limited by the network: 14 kB under way for each round trip of 4 ms, 100 kB wait",
        ),
        (
            TcpFacts {
                send_queue: 0,
                busy: Some(SECOND / 50),
                bytes_acked: Some(20_000),
                ..sending
            },
            watched,
            "the application here sends little: nothing to send 98% of the time, 20 kB/s",
        ),
        (
            TcpFacts {
                bytes_received: Some(9_000),
                ..quiet
            },
            watched,
            "the peer sends little: all that came was read, 9.0 kB/s",
        ),
        (
            TcpFacts {
                state: State::FinWait1,
                send_queue: 1,
                ..quiet
            },
            watched,
            "it is closed here, and the peer has not acknowledged that yet",
        ),
        (
            TcpFacts {
                state: State::Closed,
                ..quiet
            },
            None,
            "it is not connected",
        ),
        (
            TcpFacts {
                state: State::Listening,
                recv_queue: 129,
                send_queue: 128,
                ..quiet
            },
            None,
            "its queue is full: 129 connections are not accepted by the application here, the limit is 128",
        ),
    ] {
        assert_eq!(sentence(now, before), expected, "{now:?}");
    }
}

#[test]
fn what_stands_still_comes_before_what_is_slow() {
    // A silent peer with a closed window, much lost, and unread data.
    let all = TcpFacts {
        timer: timer(TimerKind::Retransmit, 400, 3),
        send_window: Some(0),
        send_queue: 9,
        recv_queue: 9,
        total_retrans: 99,
        data_segs_out: Some(100),
        rtt: Some(SECOND),
        ..quiet()
    };
    let starts = [
        "the peer is silent",
        "the peer is not reading",
        "the application here has not read",
        "a queue on the way",
        "99% of segments",
    ];
    let without: [fn(&mut TcpFacts); 5] = [
        |facts| facts.timer = None,
        |facts| facts.send_window = Some(9),
        |facts| facts.recv_queue = 0,
        |facts| facts.rtt = None,
        |_| {},
    ];
    let mut facts = all;
    for (start, next) in starts.into_iter().zip(without) {
        let said = sentence(facts, None);
        assert!(said.starts_with(start), "{said}, not {start}");
        next(&mut facts);
    }
}

/// Linux 4.4 has none of these fields.
#[test]
fn a_kernel_without_the_fields_makes_no_rule_wrong() {
    let old = TcpFacts {
        bytes_acked: None,
        bytes_received: None,
        data_segs_out: None,
        busy: None,
        rwnd_limited: None,
        sndbuf_limited: None,
        send_window: None,
        recv_window: None,
        recv_memory: None,
        send_memory: None,
        not_sent: None,
        min_rtt: None,
        heard: None,
        ..quiet()
    };
    let nothing = "nothing holds it up that is seen at this end";
    assert_eq!(sentence(old, Some(old)), nothing);
    let busy = TcpFacts {
        send_queue: 9000,
        total_retrans: 50,
        ..old
    };
    assert_eq!(sentence(busy, Some(old)), nothing);
}

#[test]
fn the_end_of_retries_is_the_kernels() {
    let limits = RetryLimits::OF_LINUX;
    // The first retransmission of data with the shortest timeout: 924.6 seconds, as net.ipv4.tcp_retries2 is documented.
    let first = TcpFacts {
        rto: Duration::from_millis(400),
        backoff: 1,
        ..quiet()
    };
    let running = timer(TimerKind::Retransmit, 400, 1).unwrap();
    let given_up = limits.of_retransmission(&first, running);
    assert_eq!(given_up.after, Duration::from_millis(924_400));
    assert!(!given_up.is_read);
    // A SYN: 1, 2, 4, 8, 16, 32 and 64 seconds; with four linear ones before, four more.
    let syn = TcpFacts {
        state: State::SynSent,
        rto: SECOND,
        ..quiet()
    };
    let running = timer(TimerKind::Retransmit, 1000, 0).unwrap();
    assert_eq!(limits.of_handshake(&syn, running).after, 127 * SECOND);
    let linear = RetryLimits {
        syn_linear_timeouts: 4,
        ..limits
    };
    assert_eq!(linear.of_handshake(&syn, running).after, 131 * SECOND);
    let probe = timer(TimerKind::Keepalive, 75_000, 2).unwrap();
    assert_eq!(limits.of_keepalive(probe).after, 600 * SECOND);
}

#[test]
fn a_sysctl_of_any_size_is_borne() {
    let limits = RetryLimits {
        retries: u32::MAX,
        syn_retries: u32::MAX,
        syn_linear_timeouts: u32::MAX,
        synack_retries: u32::MAX,
        keepalive_probes: u32::MAX,
        keepalive_interval: Duration::from_secs(u64::from(u32::MAX)),
        rto_max: Duration::from_millis(u64::from(u32::MAX)),
        ..RetryLimits::OF_LINUX
    };
    let facts = TcpFacts {
        rto: Duration::from_micros(u64::from(u32::MAX)),
        backoff: u64::from(u8::MAX),
        ..quiet()
    };
    let running = timer(TimerKind::Retransmit, u64::from(u32::MAX), u8::MAX).unwrap();
    limits.of_retransmission(&facts, running);
    limits.of_probes(&facts, running);
    limits.of_handshake(&facts, running);
    limits.of_keepalive(running);
}

fn details(cookie: u64, acked: u64) -> Details {
    let cookie = Cookie::new(cookie).unwrap();
    let pair = pair("10.0.0.1:80 10.0.0.2:5000");
    let mut connection = Connection::named(pair, cookie, State::Established);
    connection.send_queue = 5000;
    let mut details = Details::of(connection);
    details.timer = Some(Timer {
        kind: TimerKind::Probe,
        expires: SECOND,
        retransmits: 0,
    });
    for (name, value) in [("snd_wnd", 0), ("bytes_acked", acked)] {
        let value = Measure::Bytes(value);
        details.counters.push(Counter { name, value });
    }
    details
}

#[test]
fn only_what_was_watched_is_said() {
    let begun = Instant::now();
    let at = |seconds: u32| begun + SECOND * seconds;
    let closed = "the peer is not reading: 5.0 kB wait, its window is closed";
    let mut watch = Watch::new(RetryLimits::OF_LINUX, &details(1, 7), at(0));
    assert_eq!(watch.diagnosis().to_string(), closed);
    for second in 1..=41 {
        watch.add(&details(1, 7), at(second));
    }
    let said = watch.diagnosis();
    assert_eq!(
        said.to_string(),
        format!("{closed} (for 41 s that were watched)")
    );
    assert_eq!(said.watched, 41 * SECOND);
    assert!(watch.readings.len() < 15, "{}", watch.readings.len());
    // It has taken something: since then it is closed again.
    watch.add(&details(1, 8), at(42));
    assert_eq!(watch.diagnosis().cause.name(), "nothing-found");
    watch.add(&details(1, 8), at(44));
    let end = format!("{closed} (for 2 s that were watched)");
    assert_eq!(watch.diagnosis().to_string(), end);
    watch.add(&details(1, 8), at(60));
    watch.add(&details(1, 8), at(80));
    let end = format!("{closed} (for 38 s that were watched)");
    assert_eq!(watch.diagnosis().to_string(), end);
    // Another socket.
    watch.add(&details(2, 8), at(81));
    assert_eq!(watch.diagnosis().watched, Duration::ZERO);
}
