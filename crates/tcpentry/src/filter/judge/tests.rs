use proptest::prelude::*;

use super::super::pattern::Pattern;
use super::super::testing::sockets::{Known, LOCAL_PORTS, Pool, exprs, network, pid, row, sockets};
use super::Truth::{False, Hidden, True, Unknown};
use super::*;
use crate::connection::TcpInfo;
use crate::connection::endpoint::Interface;

const ALL: [Truth; 4] = [True, False, Unknown, Hidden];

/// Judges a connection of which all is known: socket 1 is held by nginx (pid 1), 2 by it and sh (pid 2), 3 by nobody who is
/// seen.
fn judged(term: Term, connection: &Connection) -> Truth {
    with(&Known::default(), true, term, connection)
}

fn with(facts: &Known, marks: bool, term: Term, connection: &Connection) -> Truth {
    let judge = Judge {
        facts,
        marks,
        local_ports: LOCAL_PORTS,
        netns: 1,
        users: true,
    };
    let autobound = None;
    let subject = Subject {
        connection,
        autobound,
    };
    judge.judge(&Expr::Term(term), subject)
}

fn established() -> Connection {
    row("10.0.0.1:80 10.0.0.2:5000", State::Established, 1)
}

#[test]
fn all_and_any_of_four_values() {
    let all = |one, other| Truth::all([one, other].into_iter());
    let any = |one, other| Truth::any([one, other].into_iter());
    for one in ALL {
        for other in ALL {
            assert_eq!(all(one, other), all(other, one));
            assert_eq!(any(one, other), any(other, one));
            // The stronger one of two is found in this order.
            let first = |order: [Truth; 4]| order.into_iter().find(|it| [one, other].contains(it));
            assert_eq!(Some(all(one, other)), first([False, Unknown, Hidden, True]));
            assert_eq!(Some(any(one, other)), first([True, Hidden, Unknown, False]));
        }
    }
    assert_eq!(ALL.map(Truth::opposite), [False, True, Unknown, Hidden]);
}

#[test]
fn an_expression_that_can_not_come_true_is_not_unseen() {
    // Unknown, and unseen.
    let unknown = Term::Idle(Comparison::Greater, Duration::ZERO);
    let unseen = Term::Mark { value: 1, mask: 1 };
    let connection = established();
    let judge = Judge {
        facts: &Known::default(),
        marks: false,
        local_ports: LOCAL_PORTS,
        netns: 1,
        users: true,
    };
    let judged = |expr: Expr| {
        let subject = Subject {
            connection: &connection,
            autobound: None,
        };
        judge.judge(&expr, subject)
    };
    let terms = || vec![Expr::Term(unknown.clone()), Expr::Term(unseen.clone())];
    let not = |expr| Expr::Not(Box::new(expr));
    assert_eq!(judged(Expr::And(terms())), Unknown);
    assert_eq!(judged(Expr::Or(terms())), Hidden);
    assert_eq!(judged(not(Expr::And(terms()))), Hidden);
    assert_eq!(judged(not(Expr::Or(terms()))), Unknown);
}

#[test]
fn a_mapped_address_is_ipv4_and_nothing_else() {
    let host = |address: &str, length| Term::Host {
        end: End::Peer,
        network: network(address.parse().unwrap(), length),
        port: None,
    };
    let connection = established();
    assert_eq!(judged(host("10.0.0.0", 8), &connection), True);
    assert_eq!(judged(host("0.0.0.0", 0), &connection), True);
    assert_eq!(judged(host("10.0.0.3", 32), &connection), False);
    assert_eq!(judged(host("::", 0), &connection), False);
    let v6 = row("[::1]:80 [fe80::1]:1", State::Established, 1);
    assert_eq!(judged(host("::", 0), &v6), True);
    assert_eq!(judged(host("fe80::", 10), &v6), True);
    assert_eq!(judged(host("0.0.0.0", 0), &v6), False);
    let listener = row("10.0.0.1:80 0.0.0.0:*", State::Listening, 1);
    assert_eq!(judged(host("0.0.0.0", 0), &listener), True);
    assert_eq!(judged(host("10.0.0.0", 8), &listener), False);
}

#[test]
fn a_network_contains_what_begins_like_it() {
    let contains = |address: &str, length, other: &str| {
        network(address.parse().unwrap(), length).contains(other.parse().unwrap())
    };
    for (length, last_in) in [(32, "10.1.2.3"), (31, "10.1.2.3"), (30, "10.1.2.3")] {
        assert_eq!(contains("10.1.2.2", length, last_in), length < 32);
    }
    assert!(!contains("10.0.0.0", 8, "11.0.0.0"));
    assert!(contains("2001:db8::", 127, "2001:db8::1"));
    assert!(!contains("2001:db8::", 128, "2001:db8::1"));
}

#[test]
fn either_end_will_do_and_its_opposite_is_neither() {
    let port = |port| Term::Port {
        end: End::Either,
        comparison: Comparison::Equal,
        port,
    };
    let connection = established();
    assert_eq!(judged(port(80), &connection), True);
    assert_eq!(judged(port(5000), &connection), True);
    assert_eq!(judged(port(81), &connection), False);
}

#[test]
fn who_holds_it() {
    let process = |name: &str| Term::Process(Pattern::new(name));
    let hidden = Known {
        hidden: vec![(7, "nginx")],
        ..Known::default()
    };
    for (inode, plain, by_hidden) in [
        // A holder who is seen settles it.
        (1, [True, False, True], [True, False, True]),
        (2, [True, True, True], [True, True, True]),
        // One who is not seen might be the one that is meant; where all are seen, nobody holds it.
        (3, [False; 3], [Hidden, False, Hidden]),
        // No process holds it.
        (0, [Unknown; 3], [Unknown; 3]),
    ] {
        let connection = row("10.0.0.1:80 10.0.0.2:5000", State::Established, inode);
        let names = ["nginx", "sh", "n*"];
        let told = names.map(|name| judged(process(name), &connection));
        assert_eq!(told, plain, "{inode}");
        let told = names.map(|name| with(&hidden, true, process(name), &connection));
        assert_eq!(told, by_hidden, "{inode}");
    }
    let connection = row("10.0.0.1:80 10.0.0.2:5000", State::Established, 3);
    assert_eq!(with(&hidden, true, pid(7), &connection), Hidden);
    assert_eq!(with(&hidden, true, pid(8), &connection), False);
    assert_eq!(judged(pid(2), &established()), False);
    assert_eq!(judged(pid(1), &established()), True);
    // Another process had this pid when the filter was read, or none.
    let later = Process::current();
    for process in [None, later] {
        assert_eq!(judged(Term::Pid { pid: 1, process }, &established()), False);
    }
    let user = |uid| Term::User {
        name: String::new(),
        uid,
    };
    assert_eq!(judged(user(0), &established()), True);
    assert_eq!(judged(user(1), &established()), False);
    let orphan = row("10.0.0.1:80 10.0.0.2:5000", State::LastAck, 0);
    assert_eq!(judged(user(0), &orphan), Unknown);
}

#[test]
fn what_is_not_seen_is_not_ruled_out() {
    let connection = row("10.0.0.1:80 10.0.0.2:5000", State::Established, 3);
    let told = |facts: &Known, term: Term| {
        let judge = Judge {
            facts,
            marks: true,
            local_ports: LOCAL_PORTS,
            netns: 1,
            users: true,
        };
        let subject = Subject {
            connection: &connection,
            autobound: None,
        };
        let term = Expr::Term(term);
        let opposite = Expr::Not(Box::new(term.clone()));
        [term, opposite].map(|expr| judge.judge(&expr, subject))
    };
    let process = || Term::Process(Pattern::new("nginx"));
    let known = |hidden, withheld| Known {
        hidden,
        withheld,
        ..Known::default()
    };
    // Its holder may have come by it since the look.
    assert_eq!(
        told(&known(vec![(7, "sh")], false), process()),
        [False, Hidden]
    );
    assert_eq!(
        told(&known(vec![(7, "sh")], false), pid(8)),
        [False, Hidden]
    );
    // Nobody could know more than the name.
    let by_right = |name| Known {
        by_right: true,
        ..known(vec![(7, name)], false)
    };
    assert_eq!(told(&by_right("sh"), process()), [False, True]);
    assert_eq!(told(&by_right("nginx"), process()), [Hidden; 2]);
    assert_eq!(told(&by_right(""), process()), [Hidden; 2]);
    // Of one that was not read to the end the name decides, and nothing is refused.
    let partly_seen = |name| Known {
        partly_seen: vec![(7, name)],
        ..Known::default()
    };
    assert_eq!(told(&partly_seen("nginx"), process()), [Unknown; 2]);
    assert_eq!(told(&partly_seen("sh"), process()), [False, True]);
    // Not even the name is shown, nor the process at all.
    assert_eq!(told(&known(vec![(7, "")], false), process()), [Hidden; 2]);
    assert_eq!(told(&known(vec![(7, "")], false), pid(8)), [False, Hidden]);
    assert_eq!(told(&known(vec![], true), process()), [Hidden; 2]);
    assert_eq!(told(&known(vec![], true), pid(8)), [Hidden; 2]);
}

#[test]
fn what_the_kernel_may_keep_to_itself() {
    let mark = || Term::Mark {
        value: 2,
        mask: 0xfe,
    };
    let mut connection = established();
    assert_eq!(judged(mark(), &connection), Unknown);
    assert_eq!(with(&Known::default(), false, mark(), &connection), Hidden);
    connection.mark = Some(3);
    assert_eq!(judged(mark(), &connection), True);
    let cgroup = |id| Term::Cgroup {
        path: String::new(),
        id,
    };
    assert_eq!(judged(cgroup(1), &connection), Unknown);
    let unit = |name: &str| Term::Unit(name.to_owned());
    let container = |name: &str| Term::Container(Pattern::new(name));
    assert_eq!(judged(unit("nginx"), &connection), Unknown);
    for (id, units, containers) in [
        (1, [True, True, False], [False; 3]),
        (2, [False; 3], [False, True, False]),
        (3, [Hidden; 3], [Hidden; 3]),
        (4, [Unknown; 3], [Unknown; 3]),
        (5, [True, True, False], [False; 3]),
    ] {
        connection.cgroup = Some(id);
        assert_eq!(judged(cgroup(id), &connection), True);
        assert_eq!(judged(cgroup(9), &connection), False);
        let told = ["nginx", "nginx.service", "ngin"].map(|name| judged(unit(name), &connection));
        assert_eq!(told, units);
        let told = ["abc", "web*", "web"].map(|name| judged(container(name), &connection));
        assert_eq!(told, containers);
    }
}

#[test]
fn counters_are_known_only_where_the_state_has_them() {
    let any = Duration::ZERO;
    let terms = || {
        [
            Term::Idle(Comparison::GreaterOrEqual, any),
            Term::Rtt(Comparison::GreaterOrEqual, any),
            Term::Retransmits(Comparison::GreaterOrEqual, 0),
        ]
    };
    let told = |state, rtt| {
        let mut connection = row("10.0.0.1:80 10.0.0.2:5000", state, 1);
        connection.info = Some(Box::new(TcpInfo {
            rtt,
            ..TcpInfo::default()
        }));
        terms().map(|term| judged(term, &connection))
    };
    let measured = Duration::from_millis(1);
    assert_eq!(told(State::Established, measured), [True; 3]);
    assert_eq!(told(State::Established, any), [True, Unknown, True]);
    assert_eq!(told(State::SynSent, measured), [Unknown, Unknown, True]);
    assert_eq!(told(State::Listening, measured), [Unknown; 3]);
    assert_eq!(told(State::BoundInactive, measured), [Unknown; 3]);
    let without = row("10.0.0.1:80 10.0.0.2:5000", State::TimeWait, 0);
    assert_eq!(terms().map(|term| judged(term, &without)), [Unknown; 3]);
    let queue = Term::SendQueue(Comparison::Equal, 0);
    assert_eq!(judged(queue, &without), True);
}

#[test]
fn only_the_kernel_knows_what_it_bound_itself() {
    let judge = Judge {
        facts: &Known::default(),
        marks: true,
        local_ports: LOCAL_PORTS,
        netns: 1,
        users: true,
    };
    let judged = |port, state, inode, autobound| {
        let connection = &row(&format!("10.0.0.1:{port} 10.0.0.2:5000"), state, inode);
        let subject = Subject {
            connection,
            autobound,
        };
        judge.judge(&Expr::Term(Term::Autobound), subject)
    };
    let established = |port, autobound| judged(port, State::Established, 1, autobound);
    assert_eq!(established(40000, Some(true)), True);
    assert_eq!(established(40000, Some(false)), False);
    assert_eq!(established(40000, None), Unknown);
    // What a server accepted on a port that it chose.
    assert_eq!(established(80, Some(true)), False);
    assert_eq!(established(32767, None), False);
    assert_eq!(judged(40000, State::TimeWait, 0, Some(true)), Unknown);
    assert_eq!(judged(40000, State::SynRecv, 0, Some(true)), Unknown);
    assert_eq!(judged(40000, State::FinWait2, 0, Some(true)), Unknown);
    assert_eq!(judged(40000, State::FinWait2, 1, Some(true)), True);
    assert_eq!(judged(80, State::TimeWait, 0, Some(true)), False);
}

#[test]
fn a_device_is_the_one_a_socket_is_bound_to() {
    let device = || Term::Device {
        name: "lo".to_owned(),
        interface: Interface::new(1).unwrap(),
    };
    let mut connection = established();
    assert_eq!(judged(device(), &connection), False);
    connection.pair = connection.pair.on(Interface::new(1));
    assert_eq!(judged(device(), &connection), True);
}

proptest! {
    /// Never both, and what is neither stays so.
    #[test]
    fn an_expression_and_its_opposite_are_never_both_true(
        expr in exprs(Pool::small().terms()), socket in sockets(&Pool::small()), marks: bool,
    ) {
        let judge = Judge { facts: &Known::default(), marks, local_ports: LOCAL_PORTS, netns: 1, users: true };
        let connection = &socket.connection(marks);
        let subject = Subject { connection, autobound: Some(true) };
        let one = judge.judge(&expr, subject);
        let other = judge.judge(&Expr::Not(Box::new(expr)), subject);
        prop_assert_eq!(one == True, other == False);
        prop_assert_eq!(one == False, other == True);
    }
}

#[test]
fn idle_is_since_the_later_of_what_was_sent_and_what_was_received() {
    let seconds = Duration::from_secs;
    for (sent, received) in [(2, 9), (9, 2)] {
        let mut connection = established();
        connection.info = Some(Box::new(TcpInfo {
            last_data_sent: seconds(sent),
            last_data_received: seconds(received),
            last_ack_received: seconds(1),
            ..TcpInfo::default()
        }));
        assert_eq!(connection.idle(), Some(seconds(2)), "{sent} {received}");
        for (comparison, limit, expected) in [
            (Comparison::Greater, 1, True),
            (Comparison::Greater, 2, False),
            (Comparison::Greater, 8, False),
            (Comparison::Less, 3, True),
            (Comparison::Less, 2, False),
            (Comparison::Equal, 2, True),
            (Comparison::Equal, 9, False),
        ] {
            let term = Term::Idle(comparison, seconds(limit));
            assert_eq!(
                judged(term, &connection),
                expected,
                "{comparison:?} {limit}"
            );
        }
    }
}
