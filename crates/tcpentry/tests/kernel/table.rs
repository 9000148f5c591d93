//! The table against the kernel's other accounts of the same sockets, and against the sockets' own.

use std::collections::{BTreeSet, HashSet};
use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;

use tcpentry::{Connection, ErrorKind, Inode, Options, Query, State, States, TcpTable};
use tcpentry_testkit::proc_net::{self, await_state};
use tcpentry_testkit::user::{self, User, without_capabilities};
use tcpentry_testkit::{isolated, kernel, seccomp, skip, tcp, until};

use crate::util::{cookie, find, listener_at, pair, pair_of, table};

/// Sockets of every kind and of every state that stays by itself.
struct Varied {
    streams: Vec<TcpStream>,
    sockets: Vec<socket2::Socket>,
    listeners: Vec<TcpListener>,
}

impl Varied {
    fn new() -> Self {
        let mut varied = Self {
            streams: Vec::new(),
            sockets: Vec::new(),
            listeners: Vec::new(),
        };
        varied.plain();
        varied.dual_stack();
        varied.on_a_device();
        varied.half_closed();
        varied.ownerless();
        varied.half_open();
        varied
    }

    fn keep(&mut self, ends: tcp::Ends) {
        self.streams.extend([ends.client, ends.server]);
    }

    fn plain(&mut self) {
        let ends = tcp::connected();
        (&ends.client).write_all(b"unread").unwrap();
        let pair = pair_of(&ends.server);
        until("it has arrived", || find(pair).recv_queue == 6);
        self.keep(ends);
        self.keep(tcp::connect_to(&tcp::listen(
            (Ipv6Addr::LOCALHOST, 0).into(),
        )));
        let unread = tcp::connected();
        tcp::fill(&unread.client);
        self.keep(unread);
        if user::others() {
            self.keep(User::new(60301).run(tcp::connected));
        }
    }

    fn dual_stack(&mut self) {
        let listener = tcp::listen((Ipv6Addr::UNSPECIFIED, 0).into());
        let to = tcp::loopback(listener.local_addr().unwrap().port());
        let client = TcpStream::connect(to).unwrap();
        let (server, _) = listener.accept().unwrap();
        self.keep(tcp::Ends::new(client, server));
        // Not accepted: its end has no owner.
        self.streams.push(TcpStream::connect(to).unwrap());
        self.listeners.push(listener);
    }

    fn on_a_device(&mut self) {
        let at = tcp::loopback(0);
        let socket = tcp::socket(at);
        socket.bind_device(Some(b"lo")).unwrap();
        let listener = tcp::listen_from(socket, at, 7);
        self.keep(tcp::connect_to(&listener));
        self.listeners.push(listener);
    }

    fn half_closed(&mut self) {
        let ends = tcp::connected();
        let (local, peer) = tcp::addresses(&ends.client);
        ends.client.shutdown(Shutdown::Write).unwrap();
        await_state(local, peer, 5);
        await_state(peer, local, 8);
        self.keep(ends);
    }

    fn ownerless(&mut self) {
        let ends = tcp::connected();
        tcp::orphan(ends.client);
        self.streams.push(ends.server);
        let ends = tcp::connected();
        tcp::time_wait(ends.client, ends.server);
    }

    fn half_open(&mut self) {
        let (listener, client) = tcp::half_open();
        self.streams.push(client);
        self.listeners.push(listener);
        let (full, in_queue) = tcp::full_listener();
        let to = full.local_addr().unwrap();
        self.streams.push(in_queue);
        let socket = tcp::socket(to);
        socket.set_nonblocking(true).unwrap();
        let _started = socket.connect(&to.into());
        self.sockets.push(socket);
        self.listeners.push(full);
    }
}

fn rows(query: &Query) -> Vec<Connection> {
    table()
        .connections(query)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

const STATES_THERE: [State; 8] = [
    State::Established,
    State::SynSent,
    State::SynRecv,
    State::FinWait2,
    State::TimeWait,
    State::CloseWait,
    State::Listening,
    State::BoundInactive,
];

#[test]
fn it_shows_what_proc_shows() {
    isolated(|| {
        let _sockets = Varied::new();
        let ours = || -> BTreeSet<_> {
            let rows = rows(&Query::in_states(States::ALL_ACTIVE)).into_iter();
            rows.map(|row| {
                let is_listener = row.state == State::Listening;
                (
                    row.local().to_string(),
                    row.peer().to_string(),
                    row.state.to_kernel(),
                    // The limit of a listener's queue is not in /proc.
                    if is_listener { 0 } else { row.send_queue },
                    row.recv_queue,
                    row.uid,
                    row.inode.map_or(0, Inode::number),
                )
            })
            .collect()
        };
        let theirs = || -> BTreeSet<_> {
            proc_net::rows()
                .into_iter()
                .map(|row| {
                    let end = |address: SocketAddr| tcpentry::Endpoint::from(address).to_string();
                    (
                        end(row.local),
                        end(row.peer),
                        row.state,
                        row.send_queue,
                        row.recv_queue,
                        row.uid,
                        row.inode,
                    )
                })
                .collect()
        };
        let ours = assert_same(ours, theirs);
        let states: HashSet<u8> = ours.iter().map(|row| row.2).collect();
        assert_eq!(states.len(), STATES_THERE.len() - 1, "{states:?}");
        if user::others() {
            assert!(ours.iter().any(|row| row.5 == 60301));
        }
    });
}

#[test]
fn it_shows_what_ss_shows() {
    isolated(|| {
        let _sockets = Varied::new();
        let theirs = || -> BTreeSet<_> {
            let output = Command::new("ss").args(["-H", "-tanOe"]).output();
            let output = output.expect("ss (the package iproute2) is needed");
            let text = String::from_utf8(output.stdout).unwrap();
            text.lines().map(line_of_ss).collect()
        };
        let ours = || -> BTreeSet<_> {
            let mut devices = table().devices();
            let rows = rows(&Query::in_states(States::ALL_ACTIVE)).into_iter();
            rows.map(|row| Line {
                state: name_in_ss(row.state),
                queues: (row.recv_queue, row.send_queue),
                ends: (row.local().to_string(), row.peer().to_string()),
                device: row.interface().map(|index| devices.name(index).to_string()),
                uid: row.uid,
                inode: row.inode.map_or(0, Inode::number),
                cookie: row.cookie.to_string(),
            })
            .collect()
        };
        assert_same(ours, theirs);
    });
}

/// Compares two accounts of the table at a moment when it does not change: where a window is
/// closed, a probe now and then moves a few bytes from one queue to the other.
fn assert_same<T: Ord + std::fmt::Debug>(
    ours: impl Fn() -> BTreeSet<T>,
    theirs: impl Fn() -> BTreeSet<T>,
) -> BTreeSet<T> {
    let mut before = ours();
    until("the table is at rest", || {
        let other = theirs();
        let after = ours();
        let at_rest = before == after;
        if at_rest {
            assert_eq!(after, other);
        }
        before = after;
        at_rest
    });
    before
}

#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Line {
    state: &'static str,
    queues: (u32, u32),
    ends: (String, String),
    device: Option<String>,
    uid: u32,
    inode: u32,
    cookie: String,
}

fn name_in_ss(state: State) -> &'static str {
    match state {
        State::Established => "ESTAB",
        State::SynSent => "SYN-SENT",
        State::SynRecv => "SYN-RECV",
        State::FinWait2 => "FIN-WAIT-2",
        State::TimeWait => "TIME-WAIT",
        State::CloseWait => "CLOSE-WAIT",
        State::Listening => "LISTEN",
        other => panic!("{other} is not there"),
    }
}

fn line_of_ss(line: &str) -> Line {
    let words: Vec<&str> = line.split_whitespace().collect();
    // It leaves out what is 0.
    let value = |key| words.iter().find_map(|word| word.strip_prefix(key));
    let number = |key| value(key).map_or(0, |text: &str| text.parse().unwrap());
    // A dual-stack listener's end is `*:80`.
    let scoped = |text: &str| -> tcpentry::ScopedEndpoint {
        match text.strip_prefix("*:") {
            Some(port) => format!("[::]:{port}").parse().unwrap(),
            None => text.parse().unwrap(),
        }
    };
    let (local, peer) = (scoped(words[3]), scoped(words[4]));
    Line {
        state: STATES_THERE
            .into_iter()
            .filter(|&state| state != State::BoundInactive)
            .map(name_in_ss)
            .find(|&name| name == words[0])
            .unwrap_or_else(|| panic!("{line}")),
        queues: (words[1].parse().unwrap(), words[2].parse().unwrap()),
        ends: (local.endpoint.to_string(), peer.endpoint.to_string()),
        device: local.device.map(|device| device.to_string()),
        uid: number("uid:"),
        inode: number("ino:"),
        cookie: value("sk:").unwrap().to_owned(),
    }
}

#[test]
fn counters_come_when_they_are_asked_for_and_change_nothing_else() {
    isolated(|| {
        let _sockets = Varied::new();
        let query = Query::in_states(States::ALL_ACTIVE);
        let by_cookie = |query: &Query| {
            let mut rows = rows(query);
            rows.sort_by_key(|row| row.cookie);
            rows.iter_mut().for_each(forget_queues);
            rows
        };
        let plain = by_cookie(&query);
        let with_info = by_cookie(&query.with_info());
        assert_eq!(plain.len(), with_info.len());
        for (plain, mut with_info) in plain.into_iter().zip(with_info) {
            assert_eq!((plain.mptcp, &plain.info), (None, &None));
            // What is only a request yet tells when it is accepted.
            let told = with_info.state != State::SynRecv || with_info.info.is_some();
            assert_eq!(with_info.mptcp.take(), told.then_some(false), "{with_info}");
            let mini = with_info.state == State::TimeWait
                || with_info.inode.is_none() && with_info.state != State::Established;
            assert_eq!(with_info.info.take().is_none(), mini, "{with_info}");
            assert_eq!(plain, with_info);
        }
    });
}

#[test]
fn two_halves_are_the_whole() {
    isolated(|| {
        let _sockets = Varied::new();
        let crowd = tcp::imagined_crowd(400);
        let query = Query::in_states(States::ALL_ACTIVE.union(States::BOUND_INACTIVE));
        let cookies = |query: &Query| {
            let mut cookies: Vec<_> = rows(query).iter().map(|row| row.cookie).collect();
            cookies.sort_unstable();
            cookies
        };
        let [first, second] = query.halves().map(|half| cookies(&half));
        assert!(first.len() > 100 && second.len() > 100);
        let mut both = [first, second].concat();
        both.sort_unstable();
        assert_eq!(both, cookies(&query));
        drop(crowd);
    });
}

/// Queues may move between two looks, see [`assert_same`].
fn forget_queues(row: &mut Connection) {
    (row.recv_queue, row.send_queue) = (0, 0);
}

#[test]
fn counters_are_plausible() {
    isolated(|| {
        let ends = tcp::connected();
        (&ends.client).write_all(&[7; 1000]).unwrap();
        let pair = pair_of(&ends.client);
        until("it is acknowledged", || find(pair).send_queue == 0);
        let info = |stream| *find(pair_of(stream)).info.unwrap();
        let (client, server) = (info(&ends.client), info(&ends.server));
        // The SYN counts as one.
        assert_eq!((client.bytes_acked, client.bytes_received), (1001, 0));
        assert_eq!((server.bytes_acked, server.bytes_received), (0, 1000));
        for info in [client, server] {
            assert!(info.rtt > Duration::ZERO && info.rtt < Duration::from_secs(10));
            assert!(info.congestion_window > 0);
            assert_eq!((info.retransmits, info.total_retransmits), (0, 0));
            assert!(info.last_data_received < Duration::from_secs(60));
        }
        let idle = find(pair).idle().unwrap();
        assert!(idle < Duration::from_secs(60));
        until("it becomes idle", || {
            find(pair).idle().unwrap() > idle + Duration::from_millis(20)
        });
    });
}

#[test]
fn each_row_tells_what_its_socket_tells() {
    isolated(|| {
        let sockets = Varied::new();
        let all = rows(&Query::in_states(States::ALL_ACTIVE));
        let row_of = |socket: &dyn AsFd| {
            let row = all
                .iter()
                .find(|row| row.cookie.value() == cookie(socket.as_fd()));
            let row = row.expect("every socket is there").clone();
            let file = rustix::fs::fstat(socket.as_fd()).unwrap();
            assert_eq!(
                row.inode.map(|inode| u64::from(inode.number())),
                Some(file.st_ino)
            );
            assert_eq!(row.uid, file.st_uid);
            row
        };
        for stream in &sockets.streams {
            let row = row_of(stream);
            let (local, peer) = tcp::addresses(stream);
            assert!(row.pair.same_ends(&pair(local, peer)));
            let is_mapped = matches!(local.ip(), IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
            assert_eq!(row.mapped, is_mapped);
            let device = socket2::SockRef::from(stream).device().unwrap();
            assert_eq!(row.interface().is_some(), device.is_some());
        }
        for listener in &sockets.listeners {
            let row = row_of(listener);
            assert_eq!(row.state, State::Listening);
            assert_eq!(row.local(), listener.local_addr().unwrap().into());
            assert!(row.peer().is_unspecified());
        }
        for socket in &sockets.sockets {
            assert_eq!(row_of(socket).state, State::SynSent);
        }
    });
}

#[test]
fn a_listeners_queue_and_its_limit() {
    isolated(|| {
        let socket = tcp::socket(tcp::loopback(0));
        let listener = tcp::listen_from(socket, tcp::loopback(0), 7);
        let at = listener.local_addr().unwrap();
        let _queued = [(); 3].map(|()| TcpStream::connect(at).unwrap());
        until("all three are in the queue", || {
            find(listener_at(at)).recv_queue == 3
        });
        assert_eq!(find(listener_at(at)).send_queue, 7);
    });
}

#[test]
fn the_mark_is_told_to_those_who_may_set_it() {
    isolated(|| {
        let ends = tcp::connected();
        socket2::SockRef::from(&ends.client).set_mark(0x2a).unwrap();
        assert_eq!(find(pair_of(&ends.client)).mark, Some(0x2a));
        assert_eq!(find(pair_of(&ends.server)).mark, Some(0));
        let mark = without_capabilities(|| find(pair_of(&ends.client)).mark);
        assert_eq!(mark, None);
    });
}

#[test]
fn the_cgroup_of_a_socket_is_told() {
    isolated(|| {
        let ends = tcp::connected();
        let (one, other) = (
            find(pair_of(&ends.client)).cgroup,
            find(pair_of(&ends.server)).cgroup,
        );
        assert_eq!(one, other);
        if one.is_none() {
            skip!("this kernel tells no cgroup of a socket (CONFIG_SOCK_CGROUP_DATA, Linux 5.9)");
        }
    });
}

#[test]
fn other_users_see_the_same_table() {
    isolated(|| {
        let _sockets = Varied::new();
        let seen = || {
            let mut rows = rows(&Query::in_states(States::ALL));
            rows.sort_by_key(|row| row.cookie);
            for row in &mut rows {
                forget_queues(row);
                row.mark = None;
                row.attributes.clear();
            }
            rows
        };
        assert_eq!(without_capabilities(seen), seen());
        if !user::others() {
            skip!("the second half needs a second user");
        }
        assert_eq!(User::new(60302).run(seen), seen());
    });
}

#[test]
fn only_the_states_that_are_asked_for() {
    isolated(|| {
        let mut sockets = Varied::new();
        let bound = tcp::socket(tcp::loopback(0));
        bound.bind(&tcp::loopback(0).into()).unwrap();
        sockets.sockets.push(bound);
        let mut sum = 0;
        for state in STATES_THERE {
            let of_state = rows(&Query::in_states(States::NONE.with(state)));
            let is_shown = state != State::BoundInactive || kernel::shows_bound();
            assert_eq!(!of_state.is_empty(), is_shown, "{state}");
            assert!(of_state.iter().all(|row| row.state == state), "{state}");
            sum += of_state.len();
        }
        assert_eq!(rows(&Query::in_states(States::ALL)).len(), sum);
        let default = rows(&Query::default());
        assert!(
            default
                .iter()
                .all(|row| States::CONNECTIONS.contains(row.state))
        );
        assert!(rows(&Query::in_states(States::NONE)).is_empty());
    });
}

#[test]
fn bound_sockets_are_shown_when_they_are_asked_for() {
    isolated(|| {
        if !kernel::shows_bound() {
            skip!("{}", kernel::NO_BOUND);
        }
        let bound = tcp::socket(tcp::loopback(0));
        bound.bind(&tcp::loopback(0).into()).unwrap();
        let local = bound.local_addr().unwrap().as_socket().unwrap();
        assert!(rows(&Query::in_states(States::ALL_ACTIVE)).is_empty());
        let shown = rows(&Query::in_states(States::BOUND_INACTIVE));
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0].state, State::BoundInactive);
        assert_eq!(shown[0].pair, listener_at(local));
        assert_eq!(shown[0].cookie.value(), cookie(&bound));
    });
}

/// Opens more connections than fit into one of the kernel's datagrams.
fn many() -> Vec<tcp::Ends> {
    let listener = tcp::listen(tcp::loopback(0));
    (0..300).map(|_| tcp::connect_to(&listener)).collect()
}

fn cookies(table: &mut TcpTable) -> Vec<u64> {
    table
        .connections(&Query::default())
        .unwrap()
        .map(|row| row.unwrap().cookie.value())
        .collect()
}

#[test]
fn a_table_of_many_datagrams_shows_each_socket_once() {
    isolated(|| {
        let ends = many();
        let shown = cookies(&mut table());
        assert_eq!(shown.len(), 2 * ends.len());
        let distinct: HashSet<u64> = shown.into_iter().collect();
        let true_ones: HashSet<u64> = ends
            .iter()
            .flat_map(|ends| [cookie(&ends.client), cookie(&ends.server)])
            .collect();
        assert_eq!(distinct, true_ones);
    });
}

#[test]
fn an_abandoned_dump_does_not_disturb_the_next_question() {
    isolated(|| {
        let ends = many();
        let mut table = table();
        for taken in [0, 1, 3, 250, 500, 599, 600] {
            let dump = table.connections(&Query::default()).unwrap();
            assert_eq!(dump.take(taken).map(Result::unwrap).count(), taken);
            let pair = pair_of(&ends[taken % ends.len()].server);
            let found = table.find(&pair.into()).unwrap();
            assert_eq!(found.pair, pair);
            assert_eq!(cookies(&mut table).len(), 2 * ends.len());
        }
        // A deletion right behind an abandoned dump, of a row of that dump.
        let first = table
            .connections(&Query::default())
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let _deleted = table.delete(&first, &Options::default()).unwrap();
        let error = table.find(&first.pair.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_sandbox_without_netlink_is_said_so() {
    let netlink = libc::AF_NETLINK.unsigned_abs();
    for (errno, cause) in [
        (libc::EPROTONOSUPPORT, "seccomp"),
        (libc::EAFNOSUPPORT, "sandbox"),
    ] {
        let error = seccomp::refusing(libc::SYS_socket, Some(netlink), errno, || {
            TcpTable::open().unwrap_err()
        });
        assert_eq!((error.kind(), error.win32()), (ErrorKind::NotSupported, 50));
        assert_eq!(error.errno(), Some(errno));
        assert!(error.cause().contains(cause), "{error}");
    }
}

#[test]
fn everything_that_is_listed_can_be_deleted() {
    isolated(|| {
        if !kernel::destroys_time_wait() {
            skip!("{}", kernel::NO_TIME_WAIT);
        }
        let sockets = Varied::new();
        let mut table = table();
        let query = Query::in_states(States::ALL_ACTIVE.without(State::Listening));
        for info in [false, true] {
            let query = if info {
                query.clone().with_info()
            } else {
                query.clone()
            };
            let listed: Vec<_> = table
                .connections(&query)
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let half = if info { listed.len() } else { listed.len() / 2 };
            for connection in &listed[..half] {
                match table.delete(connection, &Options::default()) {
                    Ok(deleted) => assert_eq!(deleted.connection.cookie, connection.cookie),
                    // The reset of its other end has ended it.
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
                }
            }
        }
        assert_eq!(table.connections(&query).unwrap().count(), 0);
        let listening = table
            .connections(&Query::in_states(States::LISTENING))
            .unwrap();
        assert_eq!(listening.count(), sockets.listeners.len());
    });
}
