//! Every table against `ss` in the same namespace; the statistics against the kernel's text.

use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream};
use std::process::Command;

use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::proc_net::await_state;
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, link, seccomp, skip, tcp};

use crate::compiler::{Build, Opened, Run, program};

/// One end: address, scope id, port.
type End = (IpAddr, u32, u16);

/// A row of any table, or of `ss`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Row {
    local: End,
    remote: End,
    state: u32,
    pid: Option<u32>,
}

impl Row {
    fn is_ipv4(&self) -> bool {
        self.local.0.is_ipv4()
    }

    fn is_listener(&self) -> bool {
        self.state == LISTEN
    }
}

const LISTEN: u32 = 2;

/// The ways to a table: arguments, family, rows, and true if these have PIDs.
const WAYS: [(&str, Family, Which, bool); 27] = {
    use Family::{V4, V6};
    use Which::{All, Connections, Listeners};
    [
        ("GetTcpTable", V4, All, false),
        ("GetTcpTable2", V4, All, true),
        ("GetTcp6Table", V6, All, false),
        ("GetTcp6Table2", V6, All, true),
        ("Allocate", V4, All, true),
        ("AllocateBasic", V4, All, false),
        ("extended 2 0", V4, Listeners, false),
        ("extended 2 1", V4, Connections, false),
        ("extended 2 2", V4, All, false),
        ("extended 2 3", V4, Listeners, true),
        ("extended 2 4", V4, Connections, true),
        ("extended 2 5", V4, All, true),
        ("extended 2 6", V4, Listeners, true),
        ("extended 2 7", V4, Connections, true),
        ("extended 2 8", V4, All, true),
        ("extended 10 3", V6, Listeners, true),
        ("extended 10 4", V6, Connections, true),
        ("extended 10 5", V6, All, true),
        ("extended 10 6", V6, Listeners, true),
        ("extended 10 7", V6, Connections, true),
        ("extended 10 8", V6, All, true),
        ("extended 23 3", V6, Listeners, true),
        ("extended 23 4", V6, Connections, true),
        ("extended 23 5", V6, All, true),
        ("extended 23 6", V6, Listeners, true),
        ("extended 23 7", V6, Connections, true),
        ("extended 23 8", V6, All, true),
    ]
};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    V4,
    V6,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Which {
    All,
    Connections,
    Listeners,
}

/// Returns `extended 2 5` in this order: the order is the second argument.
fn words(way: &str, order: &str) -> Vec<String> {
    let mut words: Vec<String> = way.split(' ').map(str::to_owned).collect();
    words.insert(1, order.to_owned());
    words
}

fn table(way: &str, order: &str) -> Vec<Row> {
    let program = program("tables", Build::Sanitized);
    read(&Run::of(Command::new(program).args(words(way, order))).success())
}

fn read(out: &str) -> Vec<Row> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let end = |at: usize| {
            Some((
                words.get(at)?.parse().ok()?,
                words.get(at + 1)?.parse().ok()?,
                words.get(at + 2)?.parse().ok()?,
            ))
        };
        Some(Row {
            local: end(0)?,
            remote: end(3)?,
            state: words.get(6)?.parse().ok()?,
            pid: match *words.get(7)? {
                "-" => None,
                pid => Some(pid.parse().ok()?),
            },
        })
    };
    out.lines()
        .map(|line| row(line).unwrap_or_else(|| panic!("{line}")))
        .collect()
}

/// Returns the table of `ss`; of several owners the one with the lowest PID.
///
/// A listener of both families, whose address it writes as a star, stands in both.
fn ss(protocol: &str) -> Vec<Row> {
    let out = Run::of(Command::new("ss").args(["-H", protocol, "-a", "-n", "-p", "-O"])).success();
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let pids = line.match_indices("pid=").filter_map(|(at, key)| {
            let digits = &line[at + key.len()..];
            digits[..digits.find(',')?].parse::<u32>().ok()
        });
        let local = ss_end(words.get(3)?)?;
        let mut remote = ss_end(words.get(4)?)?;
        // It writes a star for `::` and for `0.0.0.0`, whichever family.
        if local.0.is_ipv4() && remote.0 == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
            remote.0 = [0, 0, 0, 0].into();
        }
        // It writes the device at the local end only.
        if matches!(remote.0, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
            remote.1 = local.1;
        }
        Some(Row {
            local,
            remote,
            state: match *words.first()? {
                "LISTEN" => LISTEN,
                "SYN-SENT" => 3,
                "SYN-RECV" => 4,
                "ESTAB" => 5,
                "FIN-WAIT-1" => 6,
                "FIN-WAIT-2" => 7,
                "CLOSE-WAIT" => 8,
                "CLOSING" => 9,
                "LAST-ACK" => 10,
                "TIME-WAIT" => 11,
                "UNCONN" if protocol == "-t" => return None,
                "UNCONN" => 0,
                other => panic!("{other}"),
            },
            pid: Some(pids.min().unwrap_or(0)),
        })
    };
    let is_of_both = |line: &&str| {
        let mut words = line.split_whitespace();
        words.nth(3).is_some_and(|local| local.starts_with("*:"))
    };
    let as_ipv4 = |row: Row| {
        let ipv4 = |end: End| (IpAddr::from([0, 0, 0, 0]), 0, end.2);
        Row {
            local: ipv4(row.local),
            remote: ipv4(row.remote),
            ..row
        }
    };
    let of_both = out.lines().filter(is_of_both).filter_map(row).map(as_ipv4);
    let mut rows: Vec<Row> = out.lines().filter_map(row).chain(of_both).collect();
    rows.sort();
    rows
}

fn ss_end(text: &str) -> Option<End> {
    let (address, port) = text.rsplit_once(':')?;
    let (address, device) = match address.split_once('%') {
        Some((address, device)) => (address, Some(device)),
        None => (address, None),
    };
    let address: IpAddr = match address.trim_matches(['[', ']']) {
        "*" => Ipv6Addr::UNSPECIFIED.into(),
        address => address.parse::<IpAddr>().ok()?.to_canonical(),
    };
    let scope = match (address, device) {
        (IpAddr::V6(ip), Some(device)) if ip.is_unicast_link_local() => index_of(device),
        _ => 0,
    };
    let port = if port == "*" { 0 } else { port.parse().ok()? };
    Some((address, scope, port))
}

fn index_of(device: &str) -> u32 {
    let family = rustix::net::AddressFamily::INET;
    let socket = rustix::net::socket(family, rustix::net::SocketType::DGRAM, None).unwrap();
    rustix::net::netdevice::name_to_index(socket, device).unwrap()
}

fn expected(all: &[Row], family: Family, which: Which, pids: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = all
        .iter()
        .filter(|row| row.is_ipv4() == (family == Family::V4))
        .filter(|row| match which {
            Which::All => true,
            Which::Connections => !row.is_listener(),
            Which::Listeners => row.is_listener(),
        })
        .map(|row| Row {
            pid: row.pid.filter(|_| pids),
            ..*row
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn every_table_is_that_of_ss() {
    isolated(|| {
        let _fixture = Fixture::new();
        let all = ss("-t");
        for state in [2, 3, 4, 5, 6, 7, 8, 11] {
            assert!(all.iter().any(|row| row.state == state), "{state}: {all:?}");
        }
        for (way, family, which, pids) in WAYS {
            let expected = expected(&all, family, which, pids);
            assert!(!expected.is_empty(), "{way}");
            let mut retrieved = table(way, "0");
            retrieved.sort();
            assert_eq!(retrieved, expected, "{way}");
            let sorted = table(way, "1");
            assert!(
                sorted.is_sorted_by_key(|row| (row.local, row.remote)),
                "{way}: {sorted:?}"
            );
            let mut sorted = sorted;
            sorted.sort();
            assert_eq!(sorted, expected, "{way}");
        }
        assert_eq!(ss("-t"), all, "nothing has moved meanwhile");
        let both = |row: &&Row| row.is_listener() && row.local.0.is_ipv4() && row.pid != Some(0);
        let dual = all.iter().filter(both).filter(|row| {
            let six = |other: &&Row| other.local.2 == row.local.2 && !other.is_ipv4();
            all.iter().any(|other| six(&other))
        });
        assert_eq!(
            dual.count(),
            1,
            "a listener of both families is in both tables"
        );
    });
}

#[test]
fn every_table_of_udp_is_that_of_ss() {
    isolated(|| {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let socket = |address: &str, v6only: bool| {
            let address = at(address);
            let domain = socket2::Domain::for_address(address);
            let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None).unwrap();
            if address.is_ipv6() {
                socket.set_only_v6(v6only).unwrap();
            }
            socket.bind(&address.into()).unwrap();
            socket
        };
        let neighbour = link::Neighbour::new();
        let here = SocketAddrV6::new(link::LINK_LOCAL_HERE, 0, 0, index_of("veth0"));
        let scoped =
            socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::DGRAM, None).unwrap();
        scoped.bind(&SocketAddr::from(here).into()).unwrap();
        let sockets = [
            socket("127.0.0.1:0", false),
            socket("127.0.0.1:0", false),
            socket("0.0.0.0:0", false),
            socket("127.9.9.9:0", false),
            socket("[::1]:0", false),
            socket("[::]:0", true),
            // Of both families.
            socket("[::]:0", false),
            // An IPv4 end of an IPv6 socket.
            socket("[::ffff:127.0.0.1]:0", false),
            scoped,
        ];
        // A connected one.
        let peer = sockets[0].local_addr().unwrap();
        sockets[1].connect(&peer).unwrap();
        // Held by another process.
        let held = socket("127.0.0.2:0", false);
        let holder = Holder::of(&held, None);
        drop(held);
        // Without a port: in no table.
        let unbound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None);

        // A row of UDP has a local end only.
        let local = |row: Row| Row {
            remote: match row.local.0 {
                IpAddr::V4(_) => ([0, 0, 0, 0].into(), 0, 0),
                IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), 0, 0),
            },
            state: 0,
            ..row
        };
        let all: Vec<Row> = ss("-u").into_iter().map(local).collect();
        assert_eq!(all.len(), 11, "{all:?}");
        let holder = u32::try_from(holder.pid()).unwrap();
        assert!(all.iter().any(|row| row.pid == Some(holder)));
        for (way, family, pids) in [
            ("GetUdpTable", Family::V4, false),
            ("GetUdp6Table", Family::V6, false),
            ("udp 2 0", Family::V4, false),
            ("udp 2 1", Family::V4, true),
            ("udp 2 2", Family::V4, true),
            ("udp 10 0", Family::V6, false),
            ("udp 23 1", Family::V6, true),
            ("udp 10 2", Family::V6, true),
        ] {
            let expected = expected(&all, family, Which::All, pids);
            let mut retrieved = table(way, "0");
            retrieved.sort();
            assert_eq!(retrieved, expected, "{way}");
            let sorted = table(way, "1");
            assert!(
                sorted.is_sorted_by_key(|row| row.local),
                "{way}: {sorted:?}"
            );
        }
        for (family, rows) in [("2", "GetUdpTable"), ("10", "GetUdp6Table")] {
            let program = program("tables", Build::Sanitized);
            let out = Run::of(Command::new(program).args(["udp-statistics", family])).success();
            let numbers: Vec<u32> = out.lines().map(|it| it.parse().unwrap()).collect();
            assert_eq!(numbers[4] as usize, table(rows, "0").len());
        }
        drop((sockets, unbound, neighbour));
    });
}

#[test]
fn the_counters_of_udp_are_those_of_their_family() {
    isolated(|| {
        let statistics = |family: &str| -> Vec<u32> {
            let program = program("tables", Build::Plain);
            let out = Run::of(Command::new(program).args(["udp-statistics", family])).success();
            out.lines().map(|it| it.parse().unwrap()).collect()
        };
        for (family, here) in [("2", "127.0.0.1:0"), ("23", "[::1]:0")] {
            let other = if family == "2" { "23" } else { "2" };
            let (before, before_of_other) = (statistics(family), statistics(other));
            let socket = std::net::UdpSocket::bind(here).unwrap();
            let to = socket.local_addr().unwrap();
            for _ in 0..3 {
                socket.send_to(b"x", to).unwrap();
                socket.recv(&mut [0]).unwrap();
            }
            let nobody = SocketAddr::from((to.ip(), 1));
            socket.send_to(b"x", nobody).unwrap();
            let after = statistics(family);
            // Received, without a port, with errors, sent, sockets.
            let grown = [3, 1, 0, 4, 1];
            let difference = after
                .iter()
                .zip(&before)
                .map(|(after, before)| after - before);
            assert_eq!(difference.collect::<Vec<_>>(), grown, "{family}");
            assert_eq!(statistics(other), before_of_other);
        }
    });
}

#[test]
fn bound_sockets_have_tables_of_their_own() {
    isolated(|| {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let _listener = tcp::listen(at("127.0.0.1:0"));
        let bound = |address: &str| {
            let socket = tcp::socket(at(address));
            socket.bind(&at(address).into()).unwrap();
            socket
        };
        let sockets = [bound("127.0.0.1:0"), bound("[::1]:0")];
        for (socket, family) in sockets.iter().zip(["2", "10"]) {
            let program = program("tables", Build::Sanitized);
            let out = Run::of(Command::new(program).args(["bound", family])).success();
            let rows = read(&out);
            if rows.is_empty() {
                skip!("this kernel does not list bound sockets (Linux 6.8 does)");
            }
            let [row] = rows[..] else { panic!("{rows:?}") };
            let local = socket.local_addr().unwrap().as_socket().unwrap();
            assert_eq!((row.local.0, row.local.2), (local.ip(), local.port()));
            assert_eq!((row.state, row.pid), (1, Some(std::process::id())));
            assert_eq!(row.remote.2, 0);
        }
    });
}

#[test]
fn the_owners_are_right() {
    isolated(|| {
        let fixture = Fixture::new();
        let rows = table("GetTcpTable2", "1");
        let pid_of = |stream: &TcpStream| {
            let (local, remote) = tcp::addresses(stream);
            let is_it = |row: &&Row| {
                (row.local.0, row.local.2) == (local.ip().to_canonical(), local.port())
                    && row.remote.2 == remote.port()
            };
            rows.iter().find(is_it).unwrap().pid.unwrap()
        };
        let this = std::process::id();
        assert_eq!(pid_of(&fixture.ends.client), this);
        let holder = u32::try_from(fixture.holder.pid()).unwrap();
        let local = fixture.held.peer_addr().unwrap();
        let held = rows
            .iter()
            .find(|row| row.local.2 == local.port() && row.state == 5);
        assert_eq!(held.unwrap().pid, Some(holder));
        let nobodys = rows.iter().filter(|row| row.state == 11);
        assert!(nobodys.map(|row| row.pid).all(|pid| pid == Some(0)));
    });
}

#[test]
fn a_user_sees_all_rows_and_only_pids_of_own_processes() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here (unshare -Ur); run it as root");
        }
        let user = User::new(60401);
        let theirs = tcp::connected();
        let ends = user.run(tcp::connected);
        let holder = Holder::of(&ends.server, Some(user));
        let port = ends.server.local_addr().unwrap().port();
        drop(ends.server);
        let tables = Opened::new("tables");
        let out = user.run(|| Run::of(tables.command().args(["GetTcpTable2", "1"])).success());
        let rows = read(&out);
        assert_eq!(rows.len(), 4);
        for row in rows {
            let pid = u32::try_from(holder.pid()).unwrap();
            let expected = if row.local.2 == port { pid } else { 0 };
            assert_eq!(row.pid, Some(expected), "{row:?}");
        }
        drop(theirs);
    });
}

#[test]
fn a_family_that_is_not_there_is_50() {
    isolated(|| {
        let _ends = tcp::connected();
        let program = program("tables", Build::Plain);
        let run = |words: Vec<String>| Run::of(Command::new(&program).args(words)).success();
        let (four, six): (Vec<_>, Vec<_>) = WAYS
            .iter()
            .map(|way| (way.0, way.1))
            .chain([("statistics", Family::V4)])
            .partition(|way| way.1 == Family::V4);
        seccomp::without_ipv4(|| {
            for (way, _) in &four {
                let order = if *way == "statistics" { "2" } else { "0" };
                assert_eq!(run(words(way, order)), "code 50\n", "{way}");
            }
            for (way, _) in &six {
                assert_eq!(run(words(way, "0")), "", "{way}");
            }
        });
    });
}

#[test]
fn an_empty_table() {
    isolated(|| {
        for (way, ..) in WAYS {
            assert_eq!(table(way, "1"), [], "{way}");
        }
    });
}

#[test]
fn the_statistics_are_the_kernels() {
    isolated(|| {
        // Something in every counter that a test can move.
        let ends = tcp::connected();
        let _listener = tcp::listen(tcp::loopback(0));
        assert!(TcpStream::connect("127.0.0.1:1").is_err());
        let other = tcp::connected();
        drop(other);
        let six = tcp::connect_to(&tcp::listen("[::1]:0".parse().unwrap()));
        for (family, function) in [
            ("2", "statistics"),
            ("10", "statistics"),
            ("23", "statistics"),
            ("2", "statistics2"),
            ("23", "statistics2"),
        ] {
            tcpentry_testkit::until("the counters rest", || {
                let before = snmp();
                let program = program("tables", Build::Sanitized);
                let out = Run::of(Command::new(program).args([function, family])).success();
                let mut numbers: Vec<u32> = out.lines().map(|it| it.parse().unwrap()).collect();
                let connections = numbers.pop().unwrap();
                if snmp() != before {
                    return false;
                }
                assert_eq!(numbers, before);
                let rows = ss("-t").into_iter();
                // One of both families is one socket.
                let dual = |row: &Row| row.local.0.is_unspecified() && row.is_ipv4();
                assert_eq!(connections as usize, rows.filter(|row| !dual(row)).count());
                let established = ss("-t")
                    .iter()
                    .filter(|row| [5, 8].contains(&row.state))
                    .count();
                assert_eq!(numbers[8] as usize, established);
                true
            });
        }
        drop((ends, six));
    });
}

/// Returns the fourteen counters of the kernel's text, low halves.
fn snmp() -> Vec<u32> {
    let text = fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let values = lines.next_back().unwrap().split(' ').take(14);
    let low = |value: i64| {
        u32::from_ne_bytes((value & 0xffff_ffff).to_ne_bytes()[..4].try_into().unwrap())
    };
    values.map(|value| low(value.parse().unwrap())).collect()
}

/// Sockets of both families, in many states, of several owners; none changes by itself.
struct Fixture {
    ends: tcp::Ends,
    /// The end that another process does not hold.
    held: TcpStream,
    holder: Holder,
    _rest: Vec<Box<dyn std::any::Any>>,
}

impl Fixture {
    fn new() -> Self {
        let mut rest: Vec<Box<dyn std::any::Any>> = Vec::new();
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let ends = tcp::connected();
        for address in ["127.0.0.1:0", "0.0.0.0:0", "127.200.3.4:0", "[::1]:0"] {
            let listener = tcp::listen(at(address));
            rest.push(Box::new([(); 3].map(|()| tcp::connect_to(&listener))));
            rest.push(Box::new(listener));
        }
        // Not IPv4 as well.
        let only = tcp::socket(at("[::]:0"));
        only.set_only_v6(true).unwrap();
        rest.push(Box::new(tcp::listen_from(only, at("[::]:0"), 8)));
        // Both families, with a v4-mapped connection.
        let dual = tcp::listen(at("[::]:0"));
        let client = TcpStream::connect(tcp::loopback(dual.local_addr().unwrap().port())).unwrap();
        rest.push(Box::new((client, dual.accept().unwrap().0, dual)));
        // Bound to a port and nothing more: in no table.
        let bound = tcp::socket(tcp::loopback(0));
        bound.bind(&tcp::loopback(0).into()).unwrap();
        rest.push(Box::new(bound));

        // Held by another process.
        let other = tcp::connected();
        let holder = Holder::of(&other.server, None);
        drop(other.server);

        // FIN_WAIT2 and CLOSE_WAIT; TIME_WAIT.
        let half = tcp::connected();
        half.client.shutdown(std::net::Shutdown::Write).unwrap();
        let (local, peer) = tcp::addresses(&half.client);
        await_state(local, peer, 5);
        rest.push(Box::new(half));
        for listening in ["127.0.0.1:0", "[::1]:0"] {
            let done = tcp::connect_to(&tcp::listen(at(listening)));
            tcp::time_wait(done.client, done.server);
        }
        // SYN_RECV: a request that has not become a connection.
        let lazy = tcp::listen(tcp::loopback(0));
        tcp::defer_accept(&lazy);
        let client = TcpStream::connect(lazy.local_addr().unwrap()).unwrap();
        let (local, peer) = tcp::addresses(&client);
        await_state(peer, local, 3);
        rest.push(Box::new((client, lazy)));

        let neighbour = link::Neighbour::new();
        // Link-local, with the scope of the device.
        let here = SocketAddrV6::new(link::LINK_LOCAL_HERE, 0, 0, index_of("veth0"));
        let listener = tcp::listen(here.into());
        let port = listener.local_addr().unwrap().port();
        let client = neighbour.there.run(move || {
            let to = SocketAddrV6::new(link::LINK_LOCAL_HERE, port, 0, index_of("veth0"));
            TcpStream::connect(SocketAddr::from(to)).unwrap()
        });
        rest.push(Box::new((client, listener.accept().unwrap().0, listener)));
        // FIN_WAIT1, then SYN_SENT: towards a neighbour who no longer hears.
        let ends_there = neighbour.connected();
        neighbour.mute_here();
        ends_there
            .server
            .shutdown(std::net::Shutdown::Write)
            .unwrap();
        let (local, peer) = tcp::addresses(&ends_there.server);
        await_state(local, peer, 4);
        rest.push(Box::new(ends_there));
        let calling = tcp::socket(at("10.0.0.2:9"));
        calling.set_nonblocking(true).unwrap();
        let in_progress = tcp::errno(calling.connect(&at("10.0.0.2:9").into()));
        assert_eq!(in_progress, rustix::io::Errno::INPROGRESS);
        rest.push(Box::new(calling));
        rest.push(Box::new(neighbour));
        Self {
            ends,
            held: other.client,
            holder,
            _rest: rest,
        }
    }
}
