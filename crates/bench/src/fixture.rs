//! The table that is measured: established sockets without peers, held by processes of their own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv6Addr, Shutdown, SocketAddr};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::Uid;
use socket2::Socket;
use tcpentry_testkit::netns::allow_many_descriptors;
use tcpentry_testkit::tcp::{imagined, socket};

use crate::crowd::SERVICE_USER;

/// A table of established sockets, spread over processes, addresses and ports.
///
/// They are made in repair mode (`TCP_REPAIR`): no peer, no packet, some microseconds each. It ends when it is
/// dropped, and leaves nothing behind: the sockets are reset, not closed.
pub(crate) struct Fixture {
    holders: Vec<HolderProcess>,
    sockets: u32,
}

struct HolderProcess {
    process: Child,
    commands: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Fixture {
    /// Creates the table; changes the routes of its network namespace.
    pub(crate) fn new(sockets: u32) -> Result<Self> {
        // The loopback device has but one IPv6 address.
        let route = ["-6", "route", "replace", "local", "fd00::/8", "dev", "lo"];
        let routed = Command::new("ip").args(route).status().context("run ip")?;
        if !routed.success() {
            bail!("ip {}: {routed}", route.join(" "));
        }
        let mut holders = Vec::new();
        for first in (0..sockets).step_by(EACH as usize) {
            let count = EACH.min(sockets - first);
            holders.push(HolderProcess::start(first, count)?);
        }
        let mut fixture = Self { holders, sockets };
        fixture.wait()?;
        Ok(fixture)
    }

    /// Returns the number of sockets of the complete table.
    pub(crate) const fn sockets(&self) -> u32 {
        self.sockets
    }

    /// Returns the number of processes that hold the sockets.
    pub(crate) fn processes(&self) -> usize {
        self.holders.len()
    }

    /// Recreates the sockets that have been deleted.
    pub(crate) fn restore(&mut self) -> Result<()> {
        for holder in &mut self.holders {
            holder.commands.write_all(b"restore\n")?;
        }
        self.wait()
    }

    fn wait(&mut self) -> Result<()> {
        for holder in &mut self.holders {
            let mut line = String::new();
            holder.answers.read_line(&mut line)?;
            if line != READY {
                bail!("a process of the fixture did not get its sockets; it has said why");
            }
        }
        Ok(())
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // The end of their input is the end of them.
        for holder in &mut self.holders {
            let _ = holder.commands.shutdown(Shutdown::Write);
        }
        for holder in &mut self.holders {
            let _ = holder.process.wait();
        }
    }
}

impl HolderProcess {
    fn start(first: u32, count: u32) -> Result<Self> {
        // By two pipes it would be a relay to the guard of the own session, as the helper of an SSH client is, and its
        // sockets would be guarded.
        let (ours, theirs) = UnixStream::pair()?;
        let process = Command::new(std::env::current_exe()?)
            .args(["hold", &first.to_string(), &count.to_string()])
            .stdin(OwnedFd::from(theirs.try_clone()?))
            .stdout(OwnedFd::from(theirs))
            .spawn()
            .context("start a process of the fixture")?;
        Ok(Self {
            process,
            commands: ours.try_clone()?,
            answers: BufReader::new(ours),
        })
    }
}

/// Holds the sockets of these numbers until the input ends, and recreates dead ones for each line of it.
pub(crate) fn hold(first: u32, count: u32) -> Result<()> {
    allow_many_descriptors();
    let mut sockets: Vec<_> = (first..first + count).map(made).collect();
    let mut out = std::io::stdout();
    let mut commands = std::io::stdin().lines();
    loop {
        out.write_all(READY.as_bytes())?;
        out.flush()?;
        if commands.next().transpose()?.is_none() {
            return Ok(());
        }
        for (number, socket) in (first..).zip(&mut sockets) {
            if socket.peer_addr().is_err() {
                *socket = made(number);
            }
        }
    }
}

fn made(number: u32) -> Socket {
    let (local, peer) = ends(number);
    let socket = socket(local);
    // However it ends, it goes at once, and without a FIN that nobody would answer.
    socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    imagined(&socket, local, peer);
    if SERVICES.contains(&number) {
        // The kernel shows the new owner of the file as that of the socket. A user namespace may not map them: what needs
        // these sockets is not measured there.
        let _ = rustix::fs::fchown(&socket, Some(Uid::from_raw(SERVICE_USER)), None);
    }
    socket
}

/// Returns the ends of a socket. One of sixteen is IPv6; the local ports are spread over a range, half of the peers' are 443
/// and one of a hundred is [`RARE_PORT`].
pub(crate) fn ends(number: u32) -> (SocketAddr, SocketAddr) {
    // Also a small table has all of the range.
    let place = u64::from(number) * 7919 % u64::from(PORTS);
    let local_port = FIRST_PORT + u16::try_from(place).expect("it is a port");
    let peer_port = match number {
        number if number % 100 == 7 => RARE_PORT,
        number if number % 2 == 0 => 443,
        _ => 5432,
    };
    // Few of an address and few of a port: a bind looks through those that have both.
    let [_, high, middle, low] = (number / 16).to_be_bytes();
    if number % 16 == 15 {
        let group = u16::from_be_bytes([middle, low]);
        let peer = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, u16::from(high), group, 1);
        (
            SocketAddr::from((Ipv6Addr::LOCALHOST, local_port)),
            SocketAddr::from((peer, peer_port)),
        )
    } else {
        (
            SocketAddr::from(([127, 1 + high, middle, low], local_port)),
            SocketAddr::from(([127, 128 + high, low, middle], peer_port)),
        )
    }
}

/// Returns the two ends of a socket as every tool prints them.
pub(crate) fn words(number: u32) -> [String; 2] {
    let (local, peer) = ends(number);
    [local.to_string(), peer.to_string()]
}

const READY: &str = "ready\n";
/// A process has 20,000 descriptors where the hard limit can't be raised; the others are for its own.
const EACH: u32 = 16_000;
pub(crate) const MOST: u32 = 4_000_000;
/// The sockets that belong to a service's user; the others are root's. Also the smallest table has them.
pub(crate) const SERVICES: Range<u32> = 500..1000;
pub(crate) const FIRST_PORT: u16 = 10_000;
const PORTS: u16 = 40_000;
/// The lowest local port of the upper half of the sockets.
pub(crate) const MIDDLE_PORT: u16 = FIRST_PORT + PORTS / 2;
/// The port of one peer in a hundred.
pub(crate) const RARE_PORT: u16 = 8443;
