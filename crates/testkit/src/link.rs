//! Devices: a veth pair to another namespace, whose either direction can be made to lose everything.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::netns::Namespace;
use crate::tcp::{self, Ends};

/// The address of this side.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
/// The address of the other side.
pub const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
/// The link-local address of this side.
pub const LINK_LOCAL_HERE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// The link-local address of the other side.
pub const LINK_LOCAL_THERE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

/// Runs commands of `ip(8)` in this thread's namespace.
pub fn ip(commands: &[&str]) {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ip (the package iproute2) is needed");
    let mut input = child.stdin.take().expect("it is piped");
    input
        .write_all(commands.join("\n").as_bytes())
        .expect("ip reads its commands");
    drop(input);
    let output = child.wait_with_output().expect("ip ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip: {commands:?}: {said}");
}

/// Sets a sysctl of this thread's namespace, as in `net/ipv4/tcp_fastopen`.
pub fn sysctl(name: &str, value: &str) {
    let path = format!("/proc/sys/{name}");
    std::fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// A namespace at the other end of a veth pair. Both devices have the name `veth0`.
#[derive(Debug)]
pub struct Neighbour {
    /// The other namespace.
    pub there: Namespace,
}

impl Neighbour {
    /// Creates one, next to this thread's namespace.
    ///
    /// Both sides know the hardware addresses, so that no ARP is needed: a connection can
    /// lose one direction and keep the other.
    pub fn new() -> Self {
        let there = Namespace::fresh();
        let tid = there.tid();
        ip(&[&format!(
            "link add veth0 type veth peer name veth0 netns {tid}"
        )]);
        configure(1, 2);
        there.run(|| configure(2, 1));
        Self { there }
    }

    /// Opens a listener here.
    pub fn listener(&self) -> TcpListener {
        tcp::listen(SocketAddr::new(HERE, 0))
    }

    /// Makes a connection from there to a listener here: the server's end is here.
    pub fn connect_to(&self, listener: &TcpListener) -> Ends {
        let to = listener.local_addr().expect("listeners are bound");
        let client = self
            .there
            .run(move || TcpStream::connect(to).expect("connect"));
        let (server, _) = listener.accept().expect("accept");
        Ends::new(client, server)
    }

    /// Makes a connection from there to here, whose listener is closed.
    pub fn connected(&self) -> Ends {
        self.connect_to(&self.listener())
    }

    /// Drops from now on everything that is sent from here.
    pub fn mute_here(&self) {
        ip(&[&neighbour(2, NOBODY)]);
    }

    /// Passes again what is sent from here.
    pub fn unmute_here(&self) {
        ip(&[&neighbour(2, 2)]);
    }

    /// Drops from now on everything that is sent from there.
    pub fn mute_there(&self) {
        self.there.run(|| ip(&[&neighbour(1, NOBODY)]));
    }
}

impl Default for Neighbour {
    fn default() -> Self {
        Self::new()
    }
}

fn configure(own: u8, other: u8) {
    ip(&[
        "link set veth0 addrgenmode none",
        &format!("link set veth0 address 02:00:00:00:00:{own:02x}"),
        &format!("addr add 10.0.0.{own}/24 dev veth0"),
        &format!("addr add fe80::{own}/64 dev veth0 nodad"),
        "link set veth0 up",
        &neighbour(other, other),
        &format!(
            "neigh replace fe80::{other} lladdr 02:00:00:00:00:{other:02x} dev veth0 nud permanent"
        ),
    ]);
}

fn neighbour(address: u8, hardware: u8) -> String {
    format!(
        "neigh replace 10.0.0.{address} lladdr 02:00:00:00:00:{hardware:02x} dev veth0 nud permanent"
    )
}

/// A hardware address that no device has.
const NOBODY: u8 = 0xee;
