//! Expressions and sockets for tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroI32;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::super::expr::{Comparison, End, Expr, Term};
use super::super::judge::{Fact, Facts, NamedProcess};
use super::super::pattern::Pattern;
use super::super::prefix::Prefix;
use super::super::prefix_set::PrefixSet;
use crate::connection::endpoint::Interface;
use crate::connection::state::{State, States};
use crate::connection::{Connection, Inode, TcpInfo};
use crate::netns::LocalPorts;
use crate::process::Process;
use crate::process::cgroup_path::CgroupPath;
use crate::sock_diag::bytecode::interpreter::Entry;
use crate::sock_diag::{fake, read_socket};

/// The values that terms and sockets are made of, so that terms match sockets.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ports: Vec<u16>,
    pub(crate) interfaces: Vec<u32>,
    pub(crate) marks: Vec<u32>,
    pub(crate) cgroups: Vec<u64>,
}

impl Pool {
    pub(crate) fn small() -> Self {
        let v4 = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 1, 0, 1], [0, 0, 0, 0]];
        let mut addresses: Vec<IpAddr> = v4.map(IpAddr::from).into();
        addresses.extend([Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST].map(IpAddr::V6));
        addresses.push("fe80::1".parse().unwrap());
        Self {
            addresses,
            ports: vec![0, 1, 79, 80, 81, 40000, 65534, 65535],
            interfaces: vec![1, 2],
            marks: vec![0, 1, 2, 3],
            cgroups: vec![1, 2, 3, 4],
        }
    }

    /// Collects the values of these rows.
    pub(crate) fn of(rows: &[Connection]) -> Self {
        let small = Self::small();
        let ends = || rows.iter().flat_map(|row| [row.local(), row.peer()]);
        let mut pool = Self {
            addresses: ends()
                .map(|end| end.address())
                .chain(small.addresses)
                .collect(),
            ports: ends().map(|end| end.port()).chain(small.ports).collect(),
            marks: rows.iter().filter_map(|row| row.mark).collect(),
            cgroups: rows.iter().filter_map(|row| row.cgroup).collect(),
            interfaces: small.interfaces,
        };
        let Self {
            addresses,
            ports,
            interfaces: _,
            marks,
            cgroups,
        } = &mut pool;
        addresses.sort_unstable();
        addresses.dedup();
        ports.sort_unstable();
        ports.dedup();
        marks.sort_unstable();
        marks.dedup();
        cgroups.sort_unstable();
        cgroups.dedup();
        pool
    }

    /// Generates terms that the kernel judges, with `autobound`.
    pub(crate) fn kernel_terms(&self) -> BoxedStrategy<Term> {
        let end = select(vec![End::Local, End::Peer, End::Either]);
        let ports = select(self.ports.clone());
        let lengths = select(vec![0, 1, 8, 24, 31, 32, 80, 95, 96, 128]);
        let networks = (select(self.addresses.clone()), lengths);
        let networks = networks.prop_map(|(address, length)| network(address, length));
        let marks = select(self.marks.clone());
        let sets = (prop::collection::vec(networks.clone(), 0..4), any::<bool>());
        let sets = sets.prop_map(|(prefixes, is_large)| Arc::new(set(&prefixes, is_large)));
        prop_oneof![
            4 => (end.clone(), networks, prop::option::weighted(0.3, ports.clone()))
                .prop_map(|(end, network, port)| Term::Host { end, network, port }),
            4 => (end.clone(), comparisons(), ports)
                .prop_map(|(end, comparison, port)| Term::Port { end, comparison, port }),
            2 => (end.clone(), sets)
                .prop_map(|(end, set)| Term::Set { end, name: "set".to_owned(), set }),
            1 => end.prop_map(|end| Term::Anything { end }),
            1 => select(self.interfaces.clone()).prop_map(|index| Term::Device {
                name: format!("if{index}"),
                interface: Interface::new(index).unwrap(),
            }),
            1 => (marks.clone(), marks).prop_map(|(value, mask)| Term::Mark { value, mask }),
            1 => select(self.cgroups.clone())
                .prop_map(|id| Term::Cgroup { path: format!("/{id}"), id }),
            2 => Just(Term::Autobound),
            1 => (1..3_u64).prop_map(|inode| Term::Netns { name: inode.to_string(), inode }),
        ]
        .boxed()
    }

    /// Returns a strategy for all terms.
    pub(crate) fn terms(&self) -> BoxedStrategy<Term> {
        let duration = select(vec![0, 1, 5]).prop_map(Duration::from_millis);
        let number = select(vec![0_u64, 1, 5]);
        let text =
            |texts: &[&str]| select(texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        prop_oneof![
            3 => self.kernel_terms(),
            1 => prop_oneof![
                (1..4).prop_map(pid),
                text(&["nginx", "n*x", "*"]).prop_map(|text| Term::Process(Pattern::new(text))),
                (0..2_u32).prop_map(|uid| Term::User { name: uid.to_string(), uid }),
                text(&["nginx", "a"]).prop_map(Term::Unit),
                text(&["abcd", "web", "w*"]).prop_map(|text| Term::Container(Pattern::new(text))),
                (comparisons(), duration.clone()).prop_map(|(how, limit)| Term::Idle(how, limit)),
                (comparisons(), duration).prop_map(|(how, limit)| Term::Rtt(how, limit)),
                (comparisons(), number.clone())
                    .prop_map(|(how, limit)| Term::Retransmits(how, limit)),
                (comparisons(), number.clone())
                    .prop_map(|(how, limit)| Term::SendQueue(how, limit)),
                (comparisons(), number).prop_map(|(how, limit)| Term::ReceiveQueue(how, limit)),
            ],
        ]
        .boxed()
    }
}

pub(crate) fn network(address: IpAddr, length: u8) -> Prefix {
    let longest = if address.is_ipv4() { 32 } else { 128 };
    Prefix::masked(address, length.min(longest))
}

/// Returns a set of these prefixes, and, if it is to be large, of many that contain no socket.
pub(crate) fn set(prefixes: &[Prefix], is_large: bool) -> PrefixSet {
    let others = (0..1000_u32).map(|number| Ipv4Addr::from_bits(0xf000_0000 + number));
    let others = others.map(|address| Prefix::from(IpAddr::from(address)));
    let mut set: PrefixSet = prefixes.iter().copied().collect();
    set.extend(others.filter(|_| is_large));
    set
}

fn comparisons() -> impl Strategy<Value = Comparison> + Clone {
    select(vec![
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Equal,
        Comparison::GreaterOrEqual,
        Comparison::Greater,
    ])
}

pub(crate) fn exprs(terms: BoxedStrategy<Term>) -> BoxedStrategy<Expr> {
    terms
        .prop_map(Expr::Term)
        .prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
                inner.prop_map(|expr| Expr::Not(Box::new(expr))),
            ]
        })
        .boxed()
}

pub(crate) const SETS: [States; 8] = [
    States::CONNECTIONS,
    States::ALL_ACTIVE,
    States::ALL,
    States::LISTENING,
    States::BOUND_INACTIVE,
    States::NONE.with(State::Established).with(State::CloseWait),
    States::NONE.with(State::TimeWait),
    States::NONE.with(State::SynRecv).with(State::FinWait2),
];

pub(crate) const LOCAL_PORTS: LocalPorts = LocalPorts {
    first: 32768,
    last: 60999,
};

/// A socket: to the kernel's programs, and in its answers.
#[derive(Clone, Debug)]
pub(crate) struct TestSocket {
    pub(crate) entry: Entry,
    state: State,
    /// The row as it is in an answer where the kernel reports marks.
    connection: Connection,
}

impl TestSocket {
    pub(crate) fn is_in(&self, states: States) -> bool {
        states.contains(self.state)
    }

    /// Returns the row as it is read from an answer.
    pub(crate) fn connection(&self, marks: bool) -> Connection {
        let mut connection = self.connection.clone();
        connection.mark = connection.mark.filter(|_| marks);
        connection
    }
}

pub(crate) fn sockets(pool: &Pool) -> impl Strategy<Value = TestSocket> + use<> {
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) =
        pool.addresses.iter().partition(|address| address.is_ipv4());
    let mapped: Vec<IpAddr> = v4
        .iter()
        .map(|address| match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().into(),
            IpAddr::V6(_) => unreachable!(),
        })
        .collect();
    let none = |family: &[IpAddr]| family.iter().copied().find(IpAddr::is_unspecified).unwrap();
    let both = [&v6[..], &mapped[..]].concat();
    let of_connections = prop_oneof![
        (select(v4.clone()), select(v4.clone())),
        (select(v6.clone()), select(v6.clone())),
        (select(mapped.clone()), select(mapped)),
    ];
    // What has no peer may show the one that it had.
    let of_others = prop_oneof![
        (
            select(v4.clone()),
            prop_oneof![Just(none(&v4)), select(v4.clone())]
        ),
        (
            select(both.clone()),
            prop_oneof![Just(none(&v6)), select(both)]
        ),
    ];
    let ports = || select(pool.ports.clone());
    let state = select(vec![
        State::Established,
        State::SynSent,
        State::SynRecv,
        State::FinWait2,
        State::TimeWait,
        State::CloseWait,
        State::Listening,
        State::BoundInactive,
    ]);
    let numbers = (
        select(vec![0, 1, 2_u32]),
        select(pool.marks.clone()),
        select(pool.cgroups.clone()),
        (0..2_u32, 0..4_u32),
    );
    let words = (
        (0..2_u32, 0..6_u32, 0..6_u32),
        (0..3_u32, 0..3_u32, 0..3_u8),
    );
    (
        state,
        of_connections,
        of_others,
        (ports(), ports()),
        numbers,
        words,
        any::<[bool; 3]>(),
    )
        .prop_map(
            |(state, connected, others, ports, numbers, words, [mini, auto, tells])| {
                let peerless = matches!(state, State::Listening | State::BoundInactive);
                let (local, peer) = if peerless { others } else { connected };
                let (interface, mark, cgroup, (_, inode)) = numbers;
                let inode = if state == State::TimeWait { 0 } else { inode };
                let mini = match state {
                    State::TimeWait => true,
                    State::SynRecv | State::FinWait2 => mini && inode == 0,
                    _ => false,
                };
                // One that was disconnected and is bound to no address has no port to the old peer.
                let gone = state == State::Listening || (peerless && local.is_unspecified());
                let peer_port = if gone { 0 } else { ports.1 };
                let ((uid, receive, send), (idle, rtt, retransmits)) = words;
                let entry = Entry {
                    interface,
                    mark,
                    cgroup: if mini { 0 } else { cgroup },
                    auto: mini || auto,
                    ..Entry::new([local, peer], [ports.0, peer_port])
                };
                let mut connection = read(&entry, state, [receive, send, uid, inode]);
                if state == State::BoundInactive {
                    // As a dump does it that was asked for them.
                    connection.state = state;
                    connection.pair = connection.pair.without_peer();
                }
                connection.mark = (!mini || tells).then_some(mark);
                connection.cgroup = (!mini).then_some(cgroup);
                let info = TcpInfo {
                    rtt: Duration::from_millis(rtt.into()),
                    retransmits,
                    last_data_sent: Duration::from_millis(idle.into()),
                    last_data_received: Duration::from_millis(idle.into()),
                    ..TcpInfo::default()
                };
                connection.info = (!mini).then(|| Box::new(info));
                TestSocket {
                    entry,
                    state,
                    connection,
                }
            },
        )
}

/// Makes a row without any attribute.
pub(crate) fn row(ends: &str, state: State, inode: u32) -> Connection {
    let pair = fake::pair(ends);
    let ends = [pair.local(), pair.peer()];
    let entry = Entry::new(ends.map(|end| end.address()), ends.map(|end| end.port()));
    let mut connection = read(&entry, state, [0, 0, 0, inode]);
    connection.state = state;
    connection
}

/// Reads the answer of the kernel: `struct inet_diag_msg`.
fn read(entry: &Entry, state: State, [receive, send, uid, inode]: [u32; 4]) -> Connection {
    let number = match state {
        State::BoundInactive => 7,
        state => state.to_kernel(),
    };
    let mut bytes = vec![entry.family, number, 0, 0];
    bytes.extend(entry.ports.map(u16::to_be_bytes).concat());
    bytes.extend(entry.addresses.concat());
    for word in [entry.interface, 1, 0, 0, receive, send, uid, inode] {
        bytes.extend(word.to_ne_bytes());
    }
    read_socket(&bytes, true).unwrap()
}

/// Socket 1 is held by somebody who is seen, 2 by two, 3 by nobody who is seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) hidden: Vec<(i32, &'static str)>,
    pub(crate) partly_seen: Vec<(i32, &'static str)>,
    pub(crate) withheld: bool,
    pub(crate) by_right: bool,
}

impl Facts for Known {
    fn holders(&self, inode: Inode) -> Option<impl Iterator<Item = NamedProcess<'_>>> {
        let holders: &[(i32, &str)] = match inode.number() {
            1 => &[(1, "nginx")],
            2 => &[(1, "nginx"), (2, "sh")],
            _ => &[],
        };
        Some(holders.iter().map(|&(pid, name)| holder(pid, name)))
    }

    fn hidden(&self) -> impl Iterator<Item = NamedProcess<'_>> {
        self.hidden.iter().map(|&(pid, name)| holder(pid, name))
    }

    fn partly_seen(&self) -> impl Iterator<Item = NamedProcess<'_>> {
        self.partly_seen
            .iter()
            .map(|&(pid, name)| holder(pid, name))
    }

    fn are_withheld(&self) -> bool {
        self.withheld
    }

    fn are_known_by_right(&self) -> bool {
        self.by_right
    }

    fn cgroups(&self, connection: &Connection) -> Fact<Vec<CgroupPath<'_>>> {
        match connection.cgroup {
            Some(1) => Fact::Known(vec!["/system.slice/nginx.service".into()]),
            Some(2) => Fact::Known(vec!["/lxc.payload.web-1".into()]),
            Some(3) => Fact::Hidden,
            // Two processes of two units hold it.
            Some(5) => Fact::Known(vec![
                "/system.slice/ssh.service".into(),
                "/system.slice/nginx.service".into(),
            ]),
            _ => Fact::Absent,
        }
    }
}

fn holder(pid: i32, name: &str) -> NamedProcess<'_> {
    let name = name.as_bytes();
    let process = process(pid);
    NamedProcess {
        process,
        name,
        executable: None,
    }
}

fn process(pid: i32) -> Process {
    Process::hidden(NonZeroI32::new(pid).unwrap())
}

/// Makes the term `pid N`.
pub(crate) fn pid(pid: i32) -> Term {
    let process = Some(process(pid));
    Term::Pid { pid, process }
}
