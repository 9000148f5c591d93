//! Compiled filters against the kernel of this machine: the rows that it yields, and what they say.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::{fs, io};

use rustix::net::sockopt::socket_cookie;
use socket2::Socket;
use tcpentry_testkit::proc_net::await_state;
use tcpentry_testkit::user::without_capabilities;
use tcpentry_testkit::{isolated, link, skip, tcp, until};

use super::*;
use crate::connection::Connection;
use crate::sock_diag::bytecode::tests::samples;
use crate::sock_diag::{Diag, NetlinkSocket, Scope};

/// Sockets of many kinds, as long as it lives.
#[derive(Default)]
struct Varied {
    sockets: Vec<Socket>,
    streams: Vec<TcpStream>,
    listeners: Vec<TcpListener>,
}

impl Varied {
    fn new() -> Self {
        let mut varied = Self::default();
        varied.imagined();
        varied.real();
        varied.half_open();
        varied.peerless();
        varied
    }

    /// Adds established ones whose peers are nowhere.
    fn imagined(&mut self) {
        // A connection has to have a route, even where nothing is sent.
        link::ip(&["route add default dev lo", "route add ::/0 dev lo"]);
        let v4 = |address: [u8; 4], port| SocketAddr::new(address.into(), port);
        let mapped = |address: [u8; 4], port| {
            let address = Ipv4Addr::from(address).to_ipv6_mapped();
            SocketAddr::new(address.into(), port)
        };
        let v6 = |address: &str, port| SocketAddr::new(address.parse().unwrap(), port);
        let pairs = [
            (v4([127, 0, 0, 1], 80), v4([10, 0, 0, 1], 5000)),
            (v4([127, 0, 0, 1], 443), v4([10, 0, 0, 2], 5000)),
            (v4([127, 0, 0, 2], 80), v4([10, 1, 0, 1], 65535)),
            (v4([127, 1, 0, 1], 40000), v4([192, 0, 2, 1], 443)),
            (v4([127, 1, 0, 2], 50000), v4([10, 0, 0, 1], 80)),
            (mapped([127, 0, 0, 3], 80), mapped([10, 0, 0, 1], 5000)),
            (mapped([127, 0, 0, 3], 40001), mapped([192, 0, 2, 1], 80)),
            (v6("::1", 80), v6("2001:db8::1", 5000)),
            (v6("::1", 40000), v6("2001:db8::2", 443)),
            (v6("::1", 443), v6("fe80::1", 80)),
        ];
        for (number, (local, peer)) in (0..).zip(pairs) {
            let socket = tcp::socket(local);
            if number % 3 == 0 {
                socket.bind_device(Some(b"lo")).unwrap();
            }
            if number % 2 == 0 {
                socket.set_mark(number % 8).unwrap();
            }
            tcp::imagined(&socket, local, peer);
            self.sockets.push(socket);
        }
    }

    /// Adds those that the kernel has made, and what becomes of them.
    fn real(&mut self) {
        for address in [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            Ipv6Addr::LOCALHOST.into(),
            Ipv6Addr::UNSPECIFIED.into(),
        ] {
            // Of the last one the clients are IPv4, so that what it accepts is mapped.
            let to = |port| {
                if address.is_unspecified() {
                    tcp::loopback(port)
                } else {
                    SocketAddr::new(address, port)
                }
            };
            let connect = |mark| {
                let socket = tcp::socket(SocketAddr::new(address, 0));
                socket.set_mark(mark).unwrap();
                let listener = tcp::listen_from(socket, SocketAddr::new(address, 0), 9);
                let to = to(listener.local_addr().unwrap().port());
                let client = tcp::socket(to);
                client.set_mark(mark + 1).unwrap();
                client.connect(&to.into()).unwrap();
                let (server, _) = listener.accept().unwrap();
                (listener, tcp::Ends::new(client.into(), server))
            };
            let (listener, ends) = connect(1);
            self.streams.extend([ends.client, ends.server]);
            self.listeners.push(listener);
            // FIN_WAIT2 and CLOSE_WAIT
            let (_, ends) = connect(2);
            ends.client.shutdown(Shutdown::Write).unwrap();
            let (local, peer) = tcp::addresses(&ends.client);
            await_state(local, peer, 5);
            self.streams.extend([ends.client, ends.server]);
            // The same without owner, and TIME_WAIT
            let (_, ends) = connect(3);
            tcp::orphan(ends.client);
            self.streams.push(ends.server);
            let (_, ends) = connect(4);
            tcp::time_wait(ends.client, ends.server);
        }
    }

    /// Adds those in SYN_RECV and SYN_SENT.
    fn half_open(&mut self) {
        let (listener, client) = tcp::half_open();
        self.streams.push(client);
        self.listeners.push(listener);
        let (full, in_queue) = tcp::full_listener();
        let to = full.local_addr().unwrap();
        self.streams.push(in_queue);
        for bound in [false, true] {
            let socket = tcp::socket(to);
            socket.set_nonblocking(true).unwrap();
            if bound {
                socket.bind(&tcp::loopback(41000).into()).unwrap();
            }
            let _started = socket.connect(&to.into());
            self.sockets.push(socket);
        }
        self.listeners.push(full);
    }

    /// Adds listeners and bound sockets; some had a peer once.
    fn peerless(&mut self) {
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        for address in [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv6Addr::LOCALHOST.into(),
            Ipv6Addr::UNSPECIFIED.into(),
            mapped.into(),
        ] {
            for listens in [true, false] {
                let address = SocketAddr::new(address, 0);
                let socket = tcp::socket(address);
                socket.bind(&address.into()).unwrap();
                if listens {
                    socket.listen(4).unwrap();
                }
                self.sockets.push(socket);
            }
        }
        // Disconnected, and then bound again: the address of the peer stays.
        for (listens, from) in [
            (true, IpAddr::V4(Ipv4Addr::LOCALHOST)),
            (false, Ipv4Addr::LOCALHOST.into()),
            (true, mapped.into()),
            (false, Ipv6Addr::LOCALHOST.into()),
        ] {
            let listener = tcp::listen(SocketAddr::new(
                match from {
                    IpAddr::V6(Ipv6Addr::LOCALHOST) => from,
                    _ => Ipv4Addr::LOCALHOST.into(),
                },
                0,
            ));
            let port = listener.local_addr().unwrap().port();
            let socket = tcp::socket(SocketAddr::new(from, 0));
            socket.connect(&SocketAddr::new(from, port).into()).unwrap();
            rustix::net::connect_unspec(&socket).unwrap();
            let any = match from {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            socket.bind(&SocketAddr::new(any, 0).into()).unwrap();
            if listens {
                socket.listen(4).unwrap();
            }
            self.sockets.push(socket);
        }
        // Bound, connected, and reset by the peer: its port stays as well.
        let listener = tcp::listen(tcp::loopback(0));
        let socket = tcp::socket(tcp::loopback(0));
        socket.bind(&tcp::loopback(20000).into()).unwrap();
        let ends = tcp::connect_from(socket, &listener);
        rustix::net::connect_unspec(ends.server.as_fd()).unwrap();
        until("the reset arrives", || {
            tcp::events(&ends.client) & 0x10 != 0
        });
        self.streams.push(ends.client);
    }
}

/// This thread in a cgroup of its own, until it is dropped.
struct OwnCgroup {
    parent: String,
    path: String,
    tid: String,
}

impl OwnCgroup {
    /// Makes a cgroup for a single thread, where that is possible.
    fn new() -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/mounts")?;
        let mounted = mounts.lines().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let place = words.next()?;
            (words.next()? == "cgroup2").then_some(place)
        });
        let own = fs::read_to_string("/proc/thread-self/cgroup")?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::"));
        let (Some(mounted), Some(own)) = (mounted, own) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let parent = format!("{mounted}{own}");
        let tid = rustix::thread::gettid().as_raw_nonzero().to_string();
        let path = format!("{parent}/tcpentry-test-{tid}");
        fs::create_dir(&path)?;
        let made = Self { parent, path, tid };
        fs::write(format!("{}/cgroup.type", made.path), "threaded")?;
        fs::write(format!("{}/cgroup.threads", made.path), &made.tid)?;
        Ok(made)
    }
}

impl Drop for OwnCgroup {
    fn drop(&mut self) {
        let _ = fs::write(format!("{}/cgroup.threads", self.parent), &self.tid);
        let _ = fs::remove_dir(&self.path);
    }
}

type Rows = BTreeMap<u64, Connection>;

struct Lookup {
    diag: Diag,
    compiler: Compiler,
}

impl Lookup {
    fn new(states: States, marks: bool) -> Self {
        Self {
            diag: Diag::new(NetlinkSocket::open().unwrap()),
            compiler: Compiler {
                states,
                marks,
                local_ports: LocalPorts::read().unwrap(),
                netns: 1,
            },
        }
    }

    /// Returns the rows of a dump, by cookie.
    fn dump(&mut self, ports: (u16, u16), program: Option<Program>) -> Rows {
        let scope = Scope {
            states: self.compiler.states,
            info: true,
            ports,
            program,
            half: None,
        };
        let mut dump = self.diag.dump(scope).unwrap();
        let rows = dump.by_ref().map(Result::unwrap);
        let rows = rows.map(|row| (row.cookie.value(), row)).collect();
        assert!(!dump.is_unfiltered(), "the kernel refused a program");
        rows
    }

    /// Asserts that the kernel and the rest select what the whole does.
    fn compare<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        let all = self.dump((0, 0), None);
        let auto = self.dump((0, 0), Program::of(&Check::Auto.into()));
        for expr in exprs {
            self.compare_one(expr, &all, &auto);
        }
    }

    fn compare_one(&mut self, expr: &Expr, all: &Rows, auto: &Rows) {
        let marks = self.compiler.marks;
        let judge = Judge {
            facts: &Known::default(),
            marks,
            local_ports: self.compiler.local_ports,
            netns: self.compiler.netns,
            users: true,
        };
        let judged = |expr: &Expr, connection, autobound| {
            Selected::from(judge.judge(
                expr,
                Subject {
                    connection,
                    autobound,
                },
            ))
        };
        let plan = self.compiler.compile(expr);
        let mut yielded = BTreeMap::new();
        for pass in &plan.passes {
            for (cookie, row) in self.dump(plan.ports, pass.program.clone()) {
                let twice = yielded.insert(cookie, (row, pass.autobound));
                assert!(twice.is_none(), "{expr:?}: {twice:?} comes twice");
            }
        }
        for (cookie, row) in all {
            let whole = judged(expr, row, Some(auto.contains_key(cookie)));
            let Some((row, autobound)) = yielded.get(cookie) else {
                assert_eq!(
                    whole,
                    Selected::No,
                    "{expr:?}: {row:?} is kept back: {plan:?}"
                );
                continue;
            };
            assert_eq!(judged(expr, row, *autobound), whole, "{expr:?}: {row:?}");
            let rest = plan.rest.as_ref();
            let rest = rest.map_or(Selected::Yes, |rest| judged(rest, row, *autobound));
            assert_eq!(rest, whole, "{expr:?}: {row:?} by {plan:?}");
        }
    }
}

/// Compares some hundred expressions of terms that meet the sockets, for several sets of states.
fn compare_all(marks: bool, pool: &Pool) {
    let count = 40;
    let samples = samples(SETS.len() * count, &exprs(pool.kernel_terms()));
    for (states, exprs) in SETS.into_iter().zip(samples.chunks(count)) {
        Lookup::new(states, marks).compare(exprs);
    }
}

#[test]
fn the_kernel_yields_what_is_meant() {
    isolated(|| {
        let _varied = Varied::new();
        let rows: Vec<_> = Lookup::new(States::ALL, true)
            .dump((0, 0), None)
            .into_values()
            .collect();
        assert!(rows.len() > 40, "{}", rows.len());
        let pool = Pool::of(&rows);
        compare_all(true, &pool);
        without_capabilities(|| compare_all(false, &pool));
    });
}

#[test]
fn the_kernel_knows_a_cgroup() {
    isolated(|| {
        let outside = tcp::connected();
        let made = match OwnCgroup::new() {
            Ok(made) => made,
            Err(error) => skip!("no cgroup can be made for a thread: {error}"),
        };
        let mut inside = Varied::default();
        inside.real();
        let id = fs::metadata(&made.path).unwrap().ino();
        let path = made.path.clone();
        let expr = Expr::Term(Term::Cgroup { path, id });
        let mut asker = Lookup::new(States::ALL, true);
        let program = asker.compiler.compile(&expr).passes.remove(0).program;
        let yielded = asker.dump((0, 0), program);
        let is_yielded = |socket| yielded.contains_key(&socket_cookie(socket).unwrap());
        assert!(inside.streams.iter().all(is_yielded));
        assert!(!is_yielded(&outside.client));
        asker.compare([&expr, &Expr::Not(Box::new(expr.clone()))]);
        drop(outside);
    });
}
