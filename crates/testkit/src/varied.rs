//! Some thousands of TCP sockets of every kind, for filters to choose from.
//!
//! A seed decides what is made; only the ports that the kernel chooses differ between runs.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::Uid;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::cgroup::Cgroup;
use crate::link::{self, HERE, Neighbour};
use crate::random::Random;
use crate::wait::{limit, until};
use crate::{proc_net, skip, tcp, user};

/// The addresses of this namespace that sockets are bound to.
pub const ADDRESSES: [&str; 10] = [
    "127.0.0.1",
    "127.0.0.2",
    "127.8.0.1",
    "10.0.0.1",
    "10.1.2.3",
    "192.0.2.7",
    "::1",
    "fd00::1",
    "2001:db8::1",
    "2001:db8:0:1::7",
];
/// The addresses elsewhere that sockets are connected to, or try to be. Nothing answers there.
pub const ELSEWHERE: [&str; 9] = [
    "203.0.113.7",
    "203.0.113.200",
    "198.51.100.1",
    "10.1.255.254",
    "10.200.0.1",
    "2001:db8:ffff::1",
    "2001:db8:ffff::2",
    "2001:db8:1::1",
    "fd00:1::1",
];
/// Ports that sockets share; others are chosen by the seed or by the kernel.
pub const PORTS: [u16; 8] = [22, 80, 443, 1023, 1024, 5432, 8080, 65535];
/// Marks (`SO_MARK`); 0 is none.
pub const MARKS: [u32; 5] = [0, 1, 0x10, 0x11, 0xff00_0000];
/// Devices that sockets are bound to.
pub const DEVICES: [&str; 2] = ["lo", "veth0"];
/// The users that sockets belong to, if there are others than root.
pub const USERS: [u32; 3] = [0, 33, 54321];

/// The population of a namespace. It is closed and drained when dropped.
#[derive(Debug)]
pub struct Varied {
    sockets: Vec<Socket>,
    /// The ends in the other namespace.
    there: Vec<Socket>,
    cgroups: Vec<Cgroup>,
    _neighbour: Neighbour,
}

impl Varied {
    /// Makes about this many rows of the table, in this thread's namespace.
    pub fn make(rows: usize) -> Self {
        Self::seeded(rows, 1)
    }

    /// Makes them of another seed.
    pub fn seeded(rows: usize, seed: u64) -> Self {
        let mut maker = Maker::new(seed);
        maker.populate(rows);
        maker.settle();
        Self {
            sockets: maker.sockets,
            there: maker.there,
            cgroups: maker.cgroups,
            _neighbour: maker.neighbour,
        }
    }

    /// Returns every socket of this namespace that has an owner, which is this process.
    pub fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    /// Returns the cgroups that some belong to; empty if none can be created, which has been reported.
    pub fn cgroups(&self) -> &[Cgroup] {
        &self.cgroups
    }
}

impl Drop for Varied {
    fn drop(&mut self) {
        // A reset instead of a FIN, also to the orphans, which are the other ends of what is held.
        for socket in self.there.iter().chain(&self.sockets) {
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
        self.there.clear();
        self.sockets.clear();
        // A request holds its listener, and so the namespace, until it is given up after a minute.
        let _ = Command::new("ss")
            .args(["-tK", "state", "syn-recv"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if thread::panicking() {
            return;
        }
        // What is left ends with the namespace. An orphan would keep it.
        until("nothing but TIME_WAIT is left", || {
            let rows = proc_net::rows();
            // Where the kernel has no SOCK_DESTROY, requests stay.
            rows.iter()
                .all(|row| [TIME_WAIT, SYN_RECV].contains(&row.state))
        });
    }
}

/// The maker of the population.
struct Maker {
    random: Random,
    neighbour: Neighbour,
    cgroups: Vec<Cgroup>,
    /// Prepared sockets, by family: making one costs a process.
    in_cgroups: [Vec<Socket>; 2],
    listeners: Vec<Listener>,
    /// A listener from which nobody accepts.
    lazy: Option<Socket>,
    sockets: Vec<Socket>,
    there: Vec<Socket>,
    /// The expected number of rows of a state, without and with owner.
    expected: BTreeMap<(u8, bool), usize>,
    rows: usize,
    other_users: bool,
}

struct Listener {
    socket: Socket,
    /// The addresses at which it is reached.
    reach: Vec<SocketAddr>,
}

/// The kinds that are made in turn, until there are enough.
const KINDS: [fn(&mut Maker); 18] = [
    Maker::established,
    Maker::established_elsewhere,
    Maker::unread,
    Maker::close_wait,
    Maker::established,
    Maker::sending_elsewhere,
    Maker::time_wait,
    Maker::syn_sent,
    Maker::established_elsewhere,
    Maker::close_wait_of_orphan,
    Maker::established,
    Maker::stuck,
    Maker::fin_wait_1,
    Maker::fin_wait_1_elsewhere,
    Maker::fin_wait_1_orphan,
    Maker::not_accepted,
    Maker::bound,
    Maker::listening,
];

impl Maker {
    fn new(seed: u64) -> Self {
        let neighbour = Neighbour::new();
        link::ip(&network());
        Self {
            random: Random::new(seed),
            neighbour,
            cgroups: cgroups(),
            in_cgroups: [Vec::new(), Vec::new()],
            listeners: Vec::new(),
            lazy: None,
            sockets: Vec::new(),
            there: Vec::new(),
            expected: BTreeMap::new(),
            rows: 0,
            other_users: user::others(),
        }
    }

    fn populate(&mut self, rows: usize) {
        self.listen();
        self.talk_to_the_neighbour(rows.div_ceil(50));
        for make_one in KINDS.into_iter().cycle() {
            if self.rows >= rows {
                break;
            }
            make_one(self);
        }
    }

    fn established(&mut self) {
        let (client, server) = self.pair();
        self.keep(client, ESTABLISHED);
        self.keep(server, ESTABLISHED);
    }

    /// Makes a connection with unread data, at one end or both.
    fn unread(&mut self) {
        let (client, server) = self.pair();
        let data = &DATA[..=self.random.below(4000)];
        client.send(data).expect("send");
        if self.random.one_in(3) {
            server.send(data).expect("send");
        }
        self.keep(client, ESTABLISHED);
        self.keep(server, ESTABLISHED);
    }

    /// Makes a connection with unread data, and more that waits to be sent.
    fn stuck(&mut self) {
        let (client, server) = self.stuck_pair();
        self.keep(client, ESTABLISHED);
        self.keep(server, ESTABLISHED);
    }

    /// Makes an established connection that no process has accepted.
    fn not_accepted(&mut self) {
        let lazy = self.lazy.as_ref().expect("it is made first");
        let to = address_of(lazy);
        let client = self.socket(to);
        client.connect(&to.into()).expect("connect");
        self.keep(client, ESTABLISHED);
        self.expect(ESTABLISHED, false);
    }

    fn close_wait(&mut self) {
        let (client, server) = self.pair();
        client.shutdown(Shutdown::Write).expect("shutdown");
        self.keep(client, FIN_WAIT_2);
        self.keep(server, CLOSE_WAIT);
    }

    fn close_wait_of_orphan(&mut self) {
        let (client, server) = self.pair();
        drop(client);
        self.expect(FIN_WAIT_2, false);
        self.keep(server, CLOSE_WAIT);
    }

    fn time_wait(&mut self) {
        let (client, server) = self.pair();
        let (first, second) = if self.random.one_in(2) {
            (server, client)
        } else {
            (client, server)
        };
        first.shutdown(Shutdown::Write).expect("shutdown");
        drop((first, second));
        // Not to be counted on: it gives way to a new connection of its four-tuple.
        self.rows += 1;
    }

    /// Makes a connection whose FIN waits behind data that the peer has no room for.
    fn fin_wait_1(&mut self) {
        let (client, server) = self.stuck_pair();
        client.shutdown(Shutdown::Write).expect("shutdown");
        self.keep(client, FIN_WAIT_1);
        self.keep(server, ESTABLISHED);
    }

    fn fin_wait_1_orphan(&mut self) {
        let (client, server) = self.stuck_pair();
        drop(client);
        self.expect(FIN_WAIT_1, false);
        self.keep(server, ESTABLISHED);
    }

    fn syn_sent(&mut self) {
        let to = self.elsewhere();
        let client = self.socket(to);
        let local = self.routable(to.is_ipv4());
        self.prepare(&client, local, Some("veth0"));
        client.set_nonblocking(true).expect("O_NONBLOCK");
        let started = client.connect(&to.into());
        assert_eq!(tcp::errno(started), Errno::INPROGRESS);
        self.keep(client, SYN_SENT);
    }

    fn established_elsewhere(&mut self) {
        let socket = self.imagined();
        self.keep(socket, ESTABLISHED);
    }

    fn sending_elsewhere(&mut self) {
        let socket = self.imagined();
        let data = &DATA[..=self.random.below(4000)];
        socket.send(data).expect("send");
        self.keep(socket, ESTABLISHED);
    }

    fn fin_wait_1_elsewhere(&mut self) {
        let socket = self.imagined();
        socket.shutdown(Shutdown::Write).expect("shutdown");
        self.keep(socket, FIN_WAIT_1);
    }

    fn bound(&mut self) {
        let v4 = self.random.one_in(2);
        let address = self.local(v4);
        let socket = self.socket(SocketAddr::new(address, 0));
        let port = if self.random.one_in(2) {
            0
        } else {
            self.port()
        };
        bind_near(&socket, address, port);
        // It is in no table of /proc.
        self.rows += 1;
        self.sockets.push(socket);
    }

    fn listening(&mut self) {
        let v4 = self.random.one_in(2);
        let address = self.local(v4);
        let socket = self.socket(SocketAddr::new(address, 0));
        if self.random.one_in(3) {
            bind_device(&socket, Some("lo"));
        }
        bind_near(&socket, address, self.port());
        let backlog = self.random.choose(&[0, 1, 5, 128]);
        socket.listen(backlog).expect("listen");
        self.keep(socket, LISTEN);
    }

    /// Opens the listeners to which everything on the loopback device is connected.
    fn listen(&mut self) {
        let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) =
            addresses(&ADDRESSES).into_iter().partition(IpAddr::is_ipv4);
        let any = [IpAddr::from(Ipv4Addr::UNSPECIFIED)];
        let any6 = [IpAddr::from(Ipv6Addr::UNSPECIFIED)];
        // Address, port, device, mark, in a cgroup, IPv6 only.
        for (address, port, device, mark, in_cgroup, only_v6) in [
            (any[0], 80, None, 0, false, false),
            (any6[0], 443, None, 0, false, false),
            (any6[0], 22, None, 0x10, true, false),
            (any6[0], 1024, None, 0, false, false),
            (any6[0], 5432, Some("lo"), 0, false, false),
            (any6[0], 8080, None, 0, true, true),
            (v4[1], 0, Some("lo"), 1, false, false),
            (v4[4], 0, None, 0, true, false),
            (v6[1], 0, Some("lo"), 0x11, true, true),
        ] {
            let domain = Domain::for_address(SocketAddr::new(address, port));
            let socket = if in_cgroup {
                self.take_from_cgroup(domain)
            } else {
                plain(domain)
            };
            if address.is_ipv6() {
                socket.set_only_v6(only_v6).expect("IPV6_V6ONLY");
            }
            bind_device(&socket, device);
            socket.set_mark(mark).expect("SO_MARK");
            let at = listen_at(&socket, address, port);
            let mut reach = match address {
                address if !address.is_unspecified() => vec![at],
                IpAddr::V4(_) => with_port(&v4, at.port()),
                IpAddr::V6(_) => with_port(&v6, at.port()),
            };
            if address == any6[0] && !only_v6 {
                let v4 = with_port(&v4, at.port());
                reach.extend(v4.iter().copied().map(mapped));
                reach.extend(v4);
            }
            if device.is_some() {
                reach.retain(|to| !is_here(to.ip()));
            }
            self.expect(LISTEN, true);
            self.listeners.push(Listener { socket, reach });
        }
        self.lazy = Some(plain(Domain::IPV4));
        let lazy = self.lazy.as_ref().expect("it is just made");
        listen_at(lazy, v4[2], 0);
        self.expect(LISTEN, true);
    }

    /// Makes the states that take a peer whose packets don't arrive: SYN_RECV, CLOSING, LAST_ACK; and a few that live.
    fn talk_to_the_neighbour(&mut self, count: usize) {
        let listener = plain(Domain::IPV4);
        let to = listen_at(&listener, HERE, 0);
        let clients = self.neighbour.there.run(move || -> Vec<Socket> {
            let connect = |_| {
                let client = tcp::socket(to);
                client.connect(&to.into()).expect("connect");
                client
            };
            (0..3 * count).map(connect).collect()
        });
        let mut servers: Vec<Socket> = (0..3 * count)
            .map(|_| listener.accept().expect("accept").0)
            .collect();
        // They were queued in the order in which they were connected.
        let pairs: Vec<_> = clients.iter().zip(&servers).collect();
        let (closed_there, others) = pairs.split_at(count);
        let (closed_here, _established) = others.split_at(count);
        for (client, server) in closed_there {
            client.shutdown(Shutdown::Write).expect("shutdown");
            await_state(server, CLOSE_WAIT);
        }
        self.neighbour.mute_here();
        for (_, server) in closed_there {
            server.shutdown(Shutdown::Write).expect("shutdown");
        }
        for (client, server) in closed_here {
            server.shutdown(Shutdown::Write).expect("shutdown");
            client.shutdown(Shutdown::Write).expect("shutdown");
        }
        for _ in 0..count {
            self.expect(LAST_ACK, true);
            self.expect(CLOSING, true);
            self.expect(ESTABLISHED, true);
            self.expect(SYN_RECV, false);
        }
        let requests = self.neighbour.there.run(move || -> Vec<Socket> {
            let ask = |_| {
                let client = tcp::socket(to);
                client.set_nonblocking(true).expect("O_NONBLOCK");
                let started = client.connect(&to.into());
                assert_eq!(tcp::errno(started), Errno::INPROGRESS);
                client
            };
            (0..count).map(ask).collect()
        });
        self.there.extend(clients);
        self.there.extend(requests);
        self.sockets.append(&mut servers);
        self.keep(listener, LISTEN);
    }

    /// Makes a connection over the loopback device, and returns both ends.
    fn pair(&mut self) -> (Socket, Socket) {
        self.connect(|_| ())
    }

    /// Makes a connection with small buffers, to which the client has sent more than fits.
    fn stuck_pair(&mut self) -> (Socket, Socket) {
        let (client, server) = self.connect(|client| {
            client.set_send_buffer_size(4096).expect("SO_SNDBUF");
        });
        server.set_recv_buffer_size(4096).expect("SO_RCVBUF");
        client.set_nonblocking(true).expect("O_NONBLOCK");
        while client.send(&DATA).is_ok() {}
        client.set_nonblocking(false).expect("O_NONBLOCK");
        (client, server)
    }

    fn connect(&mut self, narrow: impl FnOnce(&Socket)) -> (Socket, Socket) {
        let index = self.random.below(self.listeners.len());
        let to = self.random.choose(&self.listeners[index].reach);
        let client = self.socket(to);
        narrow(&client);
        client
            .set_write_timeout(Some(limit()))
            .expect("SO_SNDTIMEO");
        let v4 = to.ip().to_canonical().is_ipv4();
        let mut local = self.local(v4);
        if v4 && to.is_ipv6() {
            local = mapped(SocketAddr::new(local, 0)).ip();
        }
        let by_lo = !is_here(local) && !is_here(to.ip());
        self.prepare(&client, local, by_lo.then_some("lo"));
        client
            .connect(&to.into())
            .unwrap_or_else(|error| panic!("connect {client:?} to {to}: {error}"));
        let (server, _) = self.listeners[index].socket.accept().expect("accept");
        if self.other_users && self.random.one_in(3) {
            self.give_away(&server);
        }
        (client, server)
    }

    /// Makes a connection without a peer: whatever it sends gets lost.
    fn imagined(&mut self) -> Socket {
        loop {
            let mut to = self.elsewhere();
            let mut local = SocketAddr::new(self.routable(to.is_ipv4()), self.port());
            if to.is_ipv4() && self.random.one_in(5) {
                [to, local] = [to, local].map(mapped);
            }
            let socket = self.socket(to);
            if self.random.one_in(4) {
                bind_device(&socket, Some("veth0"));
            }
            match tcp::try_imagined(&socket, local, to) {
                Ok(()) => return socket,
                // There is this very connection already.
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
                Err(error) => panic!("connect {local} to {to}: {error}"),
            }
        }
    }

    /// Creates a socket for an address, of a random user, cgroup and mark.
    fn socket(&mut self, of: SocketAddr) -> Socket {
        let domain = Domain::for_address(of);
        let socket = if self.random.one_in(4) {
            self.take_from_cgroup(domain)
        } else {
            tcp::socket(of)
        };
        if self.random.one_in(3) {
            let mark = self.random.choose(&MARKS);
            socket.set_mark(mark).expect("SO_MARK");
        }
        if self.other_users && self.random.one_in(3) {
            self.give_away(&socket);
        }
        socket
    }

    fn take_from_cgroup(&mut self, domain: Domain) -> Socket {
        let family = usize::from(domain == Domain::IPV6);
        if self.in_cgroups[family].is_empty() {
            for cgroup in &self.cgroups {
                let made = cgroup.sockets(domain, 50).expect("it has been tried");
                self.in_cgroups[family].extend(made);
            }
            let ready = &mut self.in_cgroups[family];
            for index in (1..ready.len()).rev() {
                ready.swap(index, self.random.below(index + 1));
            }
        }
        self.in_cgroups[family]
            .pop()
            .unwrap_or_else(|| plain(domain))
    }

    /// Gives a socket to a user: it belongs to the owner of its file.
    fn give_away(&mut self, socket: &Socket) {
        let owner = Uid::from_raw(self.random.choose(&USERS));
        rustix::fs::fchown(socket, Some(owner), None).expect("fchown of a socket");
    }

    /// Binds before connecting: to a device, to an address, to a port, or not at all.
    fn prepare(&mut self, socket: &Socket, address: IpAddr, device: Option<&str>) {
        if self.random.one_in(4) {
            bind_device(socket, device);
        }
        match self.random.below(3) {
            0 => {}
            1 => bind_near(socket, address, 0),
            _ => bind_near(socket, address, self.port()),
        }
    }

    /// Returns an address of this namespace.
    fn local(&mut self, v4: bool) -> IpAddr {
        let mut addresses = addresses(&ADDRESSES);
        addresses.retain(|address| address.is_ipv4() == v4);
        self.random.choose(&addresses)
    }

    /// Returns an address of this namespace that is routable.
    fn routable(&mut self, v4: bool) -> IpAddr {
        let mut addresses = addresses(&ADDRESSES);
        addresses.retain(|address| address.is_ipv4() == v4 && !address.is_loopback());
        self.random.choose(&addresses)
    }

    /// Returns an address where nothing answers.
    fn elsewhere(&mut self) -> SocketAddr {
        let address = self.random.choose(&addresses(&ELSEWHERE));
        SocketAddr::new(address, self.port())
    }

    /// Returns a well-known port, or any other.
    fn port(&mut self) -> u16 {
        if self.random.one_in(3) {
            return self.random.choose(&PORTS);
        }
        u16::try_from(1 + self.random.below(65535)).expect("it has 16 bits")
    }

    fn keep(&mut self, socket: Socket, state: u8) {
        self.expect(state, true);
        self.sockets.push(socket);
    }

    fn expect(&mut self, state: u8, owned: bool) {
        *self.expected.entry((state, owned)).or_default() += 1;
        self.rows += 1;
    }

    /// Waits until every connection is in its state.
    fn settle(&mut self) {
        // Those that were not needed.
        self.in_cgroups = [Vec::new(), Vec::new()];
        let listeners = self.listeners.drain(..).map(|listener| listener.socket);
        self.sockets.extend(listeners.chain(self.lazy.take()));
        let start = Instant::now();
        loop {
            let mut found = BTreeMap::new();
            let rows = proc_net::rows();
            for row in rows.iter().filter(|row| row.state != TIME_WAIT) {
                *found.entry((row.state, row.inode != 0)).or_default() += 1;
            }
            if found == self.expected {
                return;
            }
            let expected = &self.expected;
            assert!(
                start.elapsed() < limit(),
                "(state, owned): {expected:?} became {found:?}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Sets addresses of both families on lo, and a route to everywhere else that loses everything.
fn network() -> Vec<&'static str> {
    vec![
        "address add 10.1.2.3/32 dev lo",
        "address add 192.0.2.7/32 dev lo",
        "address add fd00::1/128 dev lo nodad",
        "address add 2001:db8::1/128 dev lo nodad",
        "address add 2001:db8:0:1::7/128 dev lo nodad",
        "neigh add 10.0.0.3 lladdr 02:00:00:00:00:ee dev veth0 nud permanent",
        "neigh add fe80::3 lladdr 02:00:00:00:00:ee dev veth0 nud permanent",
        "route add default via 10.0.0.3 dev veth0",
        "route add ::/0 via fe80::3 dev veth0",
    ]
}

/// Creates cgroups with names as of systemd and container engines.
fn cgroups() -> Vec<Cgroup> {
    let container = format!("docker-{}.scope", "5eed".repeat(16));
    let made: io::Result<Vec<Cgroup>> = ["web.service", &container]
        .into_iter()
        .map(Cgroup::fresh)
        .collect();
    made.unwrap_or_else(|error| {
        let current = thread::current();
        let test = current.name().unwrap_or("a test");
        skip::report(test, &format!("no part of it in cgroups: {error}"));
        Vec::new()
    })
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts
        .iter()
        .map(|text| text.parse().expect("they are addresses"))
        .collect()
}

/// Returns an IPv4 address as an IPv6 socket has it.
fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(v4) => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

fn with_port(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    addresses
        .iter()
        .map(|address| SocketAddr::new(*address, port))
        .collect()
}

/// Returns true for the address of veth0: what goes to it counts as come by veth0, though it never left the host, so
/// that sockets bound to lo don't get it.
fn is_here(address: IpAddr) -> bool {
    address.to_canonical() == HERE
}

fn plain(domain: Domain) -> Socket {
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).expect("socket")
}

fn listen_at(socket: &Socket, address: IpAddr, port: u16) -> SocketAddr {
    let at = SocketAddr::new(address, port);
    socket.bind(&at.into()).expect("bind");
    socket.listen(4096).expect("listen");
    address_of(socket)
}

fn address_of(socket: &Socket) -> SocketAddr {
    let address = socket.local_addr().expect("it is bound");
    address.as_socket().expect("it is of IP")
}

fn bind_device(socket: &Socket, device: Option<&str>) {
    if let Some(device) = device {
        let bound = socket.bind_device(Some(device.as_bytes()));
        bound.expect("SO_BINDTODEVICE");
    }
}

/// Binds to the port or, where that is taken, to the next free one.
fn bind_near(socket: &Socket, address: IpAddr, port: u16) {
    let mut port = port;
    loop {
        let bound = socket.bind(&SocketAddr::new(address, port).into());
        match bound {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                port = port.wrapping_add(1).max(1);
            }
            Err(error) => panic!("bind to {address} {port}: {error}"),
        }
    }
}

fn await_state(socket: &Socket, state: u8) {
    let peer = socket.peer_addr().expect("it is connected");
    let peer = peer.as_socket().expect("it is of IP");
    proc_net::await_state(address_of(socket), peer, state);
}

const DATA: [u8; 8192] = [b'x'; 8192];

/// The kernel's numbers of the states.
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const SYN_RECV: u8 = 3;
const FIN_WAIT_1: u8 = 4;
const FIN_WAIT_2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;
const LISTEN: u8 = 10;
const CLOSING: u8 = 11;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Namespace, isolated};

    #[test]
    fn every_state_is_there_and_nothing_is_left() {
        isolated(|| {
            let varied = Varied::make(2000);
            let rows = proc_net::rows();
            let states: BTreeSet<u8> = rows.iter().map(|row| row.state).collect();
            assert_eq!(states, BTreeSet::from([1, 2, 3, 4, 5, 6, 8, 9, 10, 11]));
            assert!(rows.len() > 1800, "the others are only bound");
            // This waits for it.
            drop(varied);
        });
    }

    #[test]
    fn a_seed_makes_the_same_again() {
        isolated(|| {
            let peers = |seed| {
                Namespace::fresh().run(move || {
                    let _varied = Varied::seeded(300, seed);
                    let mut rows = proc_net::rows();
                    rows.retain(|row| row.state == FIN_WAIT_1 && row.inode != 0);
                    let ends = rows.iter().map(|row| row.peer).filter(is_elsewhere);
                    ends.collect::<BTreeSet<_>>()
                })
            };
            assert_eq!(peers(7), peers(7));
            assert_ne!(peers(7), peers(8));
        });
    }

    fn is_elsewhere(address: &SocketAddr) -> bool {
        addresses(&ELSEWHERE).contains(&address.ip())
    }
}
