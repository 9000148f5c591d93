//! The details of one connection, and that they are of that one.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tcpentry::connection::{Details, Measure, TimerKind};
use tcpentry::{Connection, ErrorKind, Options, Query, State, States};
use tcpentry_testkit::link::Neighbour;
use tcpentry_testkit::proc_net::{await_orphan, await_state};
use tcpentry_testkit::user::without_capabilities;
use tcpentry_testkit::{isolated, kernel, skip, tcp, until};

use crate::util::{cookie, delete, find, listener_at, pair, pair_of, table};

/// Returns all that the kernel reports of a socket that is there.
fn details(connection: &Connection) -> Details {
    let details = table().details(connection).unwrap();
    assert_eq!(details.connection.cookie, connection.cookie);
    details
}

fn details_of(stream: &TcpStream) -> Details {
    details(&find(pair_of(stream)))
}

fn bytes(details: &Details, name: &str) -> u64 {
    match details.counter(name) {
        Some(Measure::Bytes(bytes)) => bytes,
        other => panic!("{name}: {other:?}"),
    }
}

fn count(details: &Details, name: &str) -> u64 {
    match details.counter(name) {
        Some(Measure::Count(count)) => count,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn an_established_connection_shows_what_it_has_moved() {
    isolated(|| {
        let ends = tcp::connected();
        (&ends.client).write_all(&[1; 1000]).unwrap();
        (&ends.server).read_exact(&mut [0; 600]).unwrap();
        let got = details_of(&ends.server);
        assert_eq!(bytes(&got, "bytes_received"), 1000);
        assert_eq!(got.connection.recv_queue, 400);
        assert!(got.memory.unwrap().receive >= 400, "{:?}", got.memory);
        // The client's SYN counts as one that is acknowledged.
        until("all is acknowledged", || {
            bytes(&details_of(&ends.client), "bytes_acked") == 1001
        });
        let sent = details_of(&ends.client);
        assert_eq!(bytes(&sent, "bytes_sent"), 1000);
        assert_eq!(count(&sent, "unacked"), 0);
        assert_eq!(count(&sent, "data_segs_out"), 1);
        assert_eq!(count(&sent, "total_retrans"), 0);
        assert_eq!(sent.counter("ca_state"), Some(Measure::Word("open")));
        assert_eq!(sent.counter("opt_sack"), Some(Measure::Flag(true)));
        assert_eq!(sent.counter("max_pacing_rate"), Some(Measure::Unlimited));
        assert_eq!(sent.counter("snd_ssthresh"), Some(Measure::Unlimited));
        assert_eq!(
            (bytes(&sent, "pmtu"), sent.timer),
            (65535, None),
            "it is loopback, and idle"
        );
        let Some(Measure::Time(rtt)) = sent.counter("rtt") else {
            panic!("{sent:?}");
        };
        assert!(rtt > Duration::ZERO && rtt < Duration::from_secs(10));
        let path = "/proc/sys/net/ipv4/tcp_congestion_control";
        let default = std::fs::read_to_string(path).unwrap();
        assert_eq!(sent.congestion_control.as_deref(), Some(default.trim_end()));
    });
}

#[test]
fn the_row_in_it_is_the_row_of_a_listing() {
    isolated(|| {
        let ends = tcp::connected();
        let mut listed = find(pair_of(&ends.server));
        let mut described = details(&listed).connection;
        // It gets older between the two.
        listed.info = None;
        assert!(described.info.take().is_some());
        assert_eq!(described, listed);
    });
}

#[test]
fn it_takes_no_right() {
    isolated(|| {
        let ends = tcp::connected();
        let listed = find(pair_of(&ends.server));
        let details = without_capabilities(|| details(&listed));
        assert!(details.memory.is_some() && details.congestion_control.is_some());
        assert_eq!(bytes(&details, "bytes_received"), 0);
    });
}

#[test]
fn this_kernel_sends_every_field_that_it_should_have() {
    isolated(|| {
        let ends = tcp::connected();
        let details = details_of(&ends.server);
        let has = |name| details.counter(name).is_some();
        assert!(has("rto") && has("bytes_sent") && has("snd_wnd"));
        for (major, minor, name) in [
            (6, 2, "rehash"),
            (6, 7, "total_rto_time"),
            (6, 18, "received_ce_bytes"),
        ] {
            // What a distribution has carried back may be there earlier.
            assert!(has(name) || !kernel::is_at_least(major, minor), "{name}");
        }
    });
}

#[test]
fn a_keepalive_timer_is_seen() {
    isolated(|| {
        let ends = tcp::connected();
        let hundred = Duration::from_secs(100);
        SockRef::from(&ends.server)
            .set_tcp_keepalive(&TcpKeepalive::new().with_time(hundred))
            .unwrap();
        let timer = details_of(&ends.server).timer.unwrap();
        assert_eq!((timer.kind, timer.retransmits), (TimerKind::Keepalive, 0));
        assert!(
            timer.expires <= hundred + Duration::from_secs(10),
            "{timer:?}"
        );
        assert!(timer.expires > Duration::from_secs(50), "{timer:?}");
        assert_eq!(details_of(&ends.client).timer, None);
    });
}

#[test]
fn time_wait_has_its_timer_and_no_counters() {
    isolated(|| {
        let ends = tcp::connected();
        let (local, peer) = tcp::addresses(&ends.client);
        let listed = find(pair(local, peer));
        drop(ends.client);
        await_orphan(local, peer, 5);
        drop(ends.server);
        await_state(local, peer, 6);
        // Named while it was established.
        let details = details(&listed);
        assert_eq!(details.connection.state, State::TimeWait);
        let timer = details.timer.unwrap();
        assert_eq!(timer.kind, TimerKind::TimeWait);
        assert!(timer.expires <= Duration::from_secs(61), "{timer:?}");
        assert!(timer.expires > Duration::from_secs(30), "{timer:?}");
        assert_eq!((details.counters, details.memory), (vec![], None));
    });
}

#[test]
fn what_is_not_answered_is_sent_again() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        neighbour.mute_here();
        (&ends.server).write_all(b"nobody hears it").unwrap();
        until("it is sent again", || {
            details_of(&ends.server)
                .timer
                .is_some_and(|timer| timer.kind == TimerKind::Retransmit && timer.retransmits > 0)
        });
        let details = details_of(&ends.server);
        let timer = details.timer.unwrap();
        assert_eq!(timer.kind, TimerKind::Retransmit);
        assert!(timer.expires <= Duration::from_secs(120), "{timer:?}");
        assert_eq!(count(&details, "unacked"), 1);
        assert!(count(&details, "total_retrans") > 0);
        assert_eq!(details.counter("ca_state"), Some(Measure::Word("loss")));
    });
}

#[test]
fn a_closed_window_is_asked_for() {
    isolated(|| {
        let ends = tcp::connected();
        tcp::fill(&ends.server);
        until("the window is probed", || {
            let timer = details_of(&ends.server).timer;
            timer.is_some_and(|timer| timer.kind == TimerKind::Probe)
        });
        let details = details_of(&ends.server);
        assert!(bytes(&details, "notsent_bytes") > 0);
        assert!(details.memory.unwrap().send > 0);
    });
}

#[test]
fn what_is_only_a_request_has_the_timer_of_its_syn_ack() {
    isolated(|| {
        let (_listener, client) = tcp::half_open();
        let (local, peer) = tcp::addresses(&client);
        let details = details(&find(pair(peer, local)));
        assert_eq!(details.timer.unwrap().kind, TimerKind::Retransmit);
        assert_eq!(details.counters, []);
    });
}

#[test]
fn options_and_directions_are_those_that_were_set() {
    isolated(|| {
        let ends = tcp::connected();
        SockRef::from(&ends.server).set_tos_v4(0x10).unwrap();
        let before = details_of(&ends.server);
        assert_eq!((before.tos, before.traffic_class), (Some(0x10), None));
        // IP_TOS sets the priority, TC_PRIO_INTERACTIVE, which stands in for a class.
        assert!(before.class == Some(6) || !kernel::is_at_least(6, 18));
        let shutdown = before.shutdown.unwrap();
        assert!(!shutdown.receive && !shutdown.send);
        ends.server.shutdown(Shutdown::Write).unwrap();
        until("the other end has heard of it", || {
            details_of(&ends.client).shutdown.unwrap().receive
        });
        let (here, there) = (details_of(&ends.server), details_of(&ends.client));
        assert!(here.shutdown.unwrap().send && !here.shutdown.unwrap().receive);
        assert!(!there.shutdown.unwrap().send);
    });
}

#[test]
fn one_that_has_its_four_tuple_by_now_is_not_it() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let ends = tcp::connect_to(&listener);
        let (local, _) = tcp::addresses(&ends.client);
        let gone = delete(pair_of(&ends.client), State::Established);
        drop(ends);
        let socket = tcp::socket(local);
        socket.bind(&local.into()).unwrap();
        let again = tcp::connect_from(socket, &listener);
        assert_eq!(pair_of(&again.client), gone.pair);
        let error = table().details(&gone).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.pair(), Some(gone.pair));
        let there = details_of(&again.client).connection.cookie;
        assert_eq!(there.value(), cookie(&again.client));
    });
}

#[test]
fn each_of_two_listeners_of_a_port_is_told_of() {
    isolated(|| {
        let first = tcp::socket(tcp::loopback(0));
        first.set_reuse_port(true).unwrap();
        let first = tcp::listen_from(first, tcp::loopback(0), 5);
        let at = first.local_addr().unwrap();
        let second = tcp::socket(at);
        second.set_reuse_port(true).unwrap();
        let second = tcp::listen_from(second, at, 7);
        let error = table().find(&listener_at(at).into()).unwrap_err();
        let mut limits: Vec<_> = error
            .candidates()
            .iter()
            .map(|listener| {
                let details = details(listener);
                assert_eq!(details.connection.state, State::Listening);
                assert_eq!(details.timer, None);
                assert!(details.memory.is_some() && details.congestion_control.is_some());
                assert!(details.counter("snd_cwnd").is_some());
                assert_eq!(details.counter("rtt"), None, "a listener has none");
                details.connection.send_queue
            })
            .collect();
        limits.sort_unstable();
        assert_eq!(limits, [5, 7]);
        let gone = error.candidates()[0].clone();
        drop((first, second));
        let error = table().details(&gone).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_listener_of_ipv6_tells_whether_it_takes_ipv4() {
    isolated(|| {
        for v6only in [true, false] {
            let at = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
            let socket = tcp::socket(at);
            socket.set_only_v6(v6only).unwrap();
            let listener = tcp::listen_from(socket, at, 1);
            let details = details(&find(listener_at(listener.local_addr().unwrap())));
            assert_eq!(details.v6only, Some(v6only));
            assert_eq!(details.connection.attributes, []);
        }
    });
}

#[test]
fn a_socket_that_is_only_bound_is_told_of() {
    isolated(|| {
        if !kernel::shows_bound() {
            skip!("{}", kernel::NO_BOUND);
        }
        let socket = tcp::socket(tcp::loopback(0));
        socket.bind(&tcp::loopback(0).into()).unwrap();
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        let details = details(&find(listener_at(local)));
        assert_eq!(details.connection.state, State::BoundInactive);
    });
}

#[test]
fn a_twin_that_is_hidden_behind_the_other_is_told_of() {
    isolated(|| {
        let (bound, unbound) = crate::devices::twins();
        let mut table = table();
        let rows = table
            .connections(&Query::in_states(States::ALL_ACTIVE))
            .unwrap();
        let rows: Vec<_> = rows.map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        for row in &rows {
            let details = table.details(row).unwrap();
            assert_eq!(details.connection.cookie, row.cookie);
            assert_eq!(details.connection.pair, row.pair);
            assert!(details.counter("rto").is_some());
        }
        let is_bound = |row: &&Connection| row.cookie.value() == cookie(&bound);
        let gone = rows.iter().find(is_bound).unwrap();
        let _deleted = table.delete(gone, &Options::default()).unwrap();
        let error = table.details(gone).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        drop(unbound);
    });
}
