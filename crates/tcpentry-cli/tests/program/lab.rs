//! A small network of real parts: this host, a client's host beside it, and a container that it forwards to.

use std::fs;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::Duration;

use socket2::Socket;
use tcpentry_testkit::link::{ip, sysctl};
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::world::World;
use tcpentry_testkit::{Namespace, isolated, mptcp, skip, until};

use crate::util::{ELSEWHERE, Run, with_input};

/// This host, a client's host beside it, and a container that it forwards to.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) client: Namespace,
    pub(crate) container: Namespace,
}

/// The process that waits for one that holds an end.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address of this host, of its clients (two), and of the container.
pub(crate) const HERE: &str = "10.98.0.1";
pub(crate) const HERE_V6: &str = "fd98::1";
pub(crate) const CLIENT: &str = "10.98.0.2";
pub(crate) const OTHER: &str = "10.98.0.3";
pub(crate) const CLIENT_V6: &str = "fd98::2";
pub(crate) const CONTAINER: &str = "10.97.0.2";

/// Runs a test on a stage, or skips it.
pub(crate) fn on_a_stage(body: impl FnOnce(&Stage) + Send + 'static) {
    isolated(|| match World::fresh() {
        Ok(world) => body(&Stage::new(world)),
        Err(reason) => skip!("{reason}"),
    });
}

/// Runs a test on a stage with an MPTCP connection to port 8080 of this host by two subflows, from [`CLIENT`] and from
/// [`OTHER`], which a process of its world holds; or skips it.
pub(crate) fn with_two_subflows(body: impl FnOnce(&Stage, &Ends) + Send + 'static) {
    on_a_stage(|stage| {
        let (ends, _listener) = match stage.connect_by_two_subflows(8080) {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let _held = stage.hold(&ends.server);
        body(stage, &ends);
    });
}

impl Stage {
    fn new(world: World) -> Self {
        let (client, container) = (world.named("client"), world.named("container"));
        for (device, there) in [("h0", &client), ("h1", &container)] {
            let tid = there.tid();
            ip(&[&format!(
                "link add {device} type veth peer name eth0 netns {tid}"
            )]);
        }
        ip(&[
            &format!("addr add {HERE}/24 dev h0"),
            &format!("addr add {HERE_V6}/64 dev h0 nodad"),
            "addr add 10.97.0.1/24 dev h1",
            "link set h0 up",
            "link set h1 up",
        ]);
        client.run(|| {
            ip(&[
                &format!("addr add {CLIENT}/24 dev eth0"),
                &format!("addr add {OTHER}/24 dev eth0"),
                &format!("addr add {CLIENT_V6}/64 dev eth0 nodad"),
                "link set eth0 up",
                &format!("route add default via {HERE}"),
            ]);
        });
        container.run(|| {
            ip(&[
                &format!("addr add {CONTAINER}/24 dev eth0"),
                "link set eth0 up",
                "route add default via 10.97.0.1",
            ]);
        });
        sysctl("net/ipv4/ip_forward", "1");
        Self {
            world,
            client,
            container,
        }
    }

    /// Publishes ports of the container on this host.
    pub(crate) fn publish(port: u16, inside: u16) {
        nft("add table ip nat");
        nft("add chain ip nat pre { type nat hook prerouting priority -100 ; }");
        nft(&format!(
            "add rule ip nat pre tcp dport {port} dnat to {CONTAINER}:{inside}"
        ));
    }

    /// Connects from an address of the client, and returns both ends; the listener is here or in the container.
    pub(crate) fn connect(&self, from: &str, to: &str, port: u16, listener: &TcpListener) -> Ends {
        let from: IpAddr = from.parse().unwrap();
        let to = SocketAddr::new(to.parse().unwrap(), port);
        let client = self.client.run(move || {
            let socket: Socket = tcp::socket(to);
            socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
            socket.connect(&to.into()).unwrap();
            TcpStream::from(socket)
        });
        let (server, _) = listener.accept().unwrap();
        Ends::new(client, server)
    }

    /// Makes an MPTCP connection to this host, whose subflows come from two addresses of the client: [`CLIENT`] and
    /// [`OTHER`]. Returns the reason where that is not to be had.
    fn connect_by_two_subflows(&self, port: u16) -> Result<(Ends, TcpListener), &'static str> {
        mptcp::add_subflows_from(HERE)?;
        self.client.run(|| mptcp::add_subflows_from(OTHER))?;
        let at = SocketAddr::new(HERE.parse().unwrap(), port);
        let listener = mptcp::socket().ok_or(mptcp::NO_MPTCP)?;
        let listener = tcp::listen_from(listener, at, 8);
        let client = self.client.run(move || {
            let socket = mptcp::socket().unwrap();
            socket
                .bind(&SocketAddr::new(CLIENT.parse().unwrap(), 0).into())
                .unwrap();
            socket.connect(&at.into()).unwrap();
            TcpStream::from(socket)
        });
        let (server, _) = listener.accept().unwrap();
        let ends = Ends::new(client, server);
        mptcp::wait_for_second(&ends, &listener)?;
        Ok((ends, listener))
    }

    /// Has a process of this world hold an end, too, until it is dropped: what no process holds that one can see can't be
    /// borrowed.
    fn hold(&self, end: &TcpStream) -> Held {
        let end = OwnedFd::from(end.try_clone().unwrap());
        let mut holder = self.world.command("sleep");
        let holder = Held(holder.arg("1000").stdin(end).spawn().unwrap());
        let comm = format!("/proc/{0}/task/{0}/children", holder.0.id());
        until("a process of this world holds it", || {
            fs::read_to_string(&comm).is_ok_and(|it| !it.is_empty())
        });
        holder
    }

    pub(crate) fn listen_in_container(&self, port: u16) -> TcpListener {
        self.container
            .run(move || tcp::listen(SocketAddr::new(CONTAINER.parse().unwrap(), port)))
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_tcpentry"));
        command.args(words).env("SSH_CONNECTION", ELSEWHERE);
        command
    }

    /// Runs the program with words, split at spaces.
    pub(crate) fn run(&self, words: &str) -> Run {
        let words: Vec<_> = words.split_whitespace().collect();
        self.command(&words).output().unwrap().into()
    }

    pub(crate) fn run_with_input(&self, words: &str, input: &str) -> Run {
        let words: Vec<_> = words.split_whitespace().collect();
        with_input(&mut self.command(&words), input)
    }
}

pub(crate) fn listen(address: &str, port: u16) -> TcpListener {
    tcp::listen(SocketAddr::new(address.parse().unwrap(), port))
}

pub(crate) fn nft(words: &str) {
    let done = Command::new("nft").args(words.split(' ')).output();
    let done = done.expect("nft (the package nftables) is needed");
    assert!(done.status.success(), "nft {words}: {done:?}");
}

/// Returns the error that the peer of a connection has got, or `None` while it waits.
pub(crate) fn told(ends: &Ends) -> Option<std::io::ErrorKind> {
    let limit = Some(Duration::from_millis(300));
    ends.client.set_read_timeout(limit).unwrap();
    match (&ends.client).read(&mut [0]) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
        Err(error) => Some(error.kind()),
        Ok(_) => None,
    }
}

pub(crate) const RESET: Option<std::io::ErrorKind> = Some(std::io::ErrorKind::ConnectionReset);

/// Has nft(8) do what a file says, in one transaction.
pub(crate) fn nft_file(text: &str) {
    let mut command = Command::new("nft");
    let done = with_input(command.args(["-f", "-"]), text);
    assert_eq!(done.code, 0, "nft: {text}: {}", done.err);
}
