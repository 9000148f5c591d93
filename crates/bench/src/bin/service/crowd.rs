//! The connections beside which it is measured: processes that hold them, in one namespace or in one of their own each.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};

use anyhow::{Context as _, Result};
use socket2::Socket;
use tcpentry_testkit::netns::allow_many_descriptors;
use tcpentry_testkit::tcp;

use crate::own_path;

/// A process that holds connections without peers; dropping it ends them.
pub(crate) struct Holder {
    process: Child,
    commands: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Holder {
    /// Starts one in this namespace.
    pub(crate) fn here(first: u32, count: u32) -> Result<Self> {
        Self::start(&Command::new(own_path()?), first, count)
    }

    /// Starts one in a network namespace of its own.
    pub(crate) fn in_a_namespace(count: u32) -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args([
            "--net",
            "sh",
            "-c",
            "ip link set lo up && ip route add default dev lo && exec \"$@\"",
            "sh",
        ]);
        command.arg(own_path()?);
        Self::start(&command, 0, count)
    }

    fn start(what: &Command, first: u32, count: u32) -> Result<Self> {
        // In a session of its own, as services are: what is beside this program in its session is looked at more closely.
        let mut command = Command::new("setsid");
        command.arg(what.get_program()).args(what.get_args());
        command.args(["hold", &first.to_string(), &count.to_string()]);
        // By two pipes it would be a relay to the guard of the own session, which follows the sockets of relays.
        let (ours, theirs) = UnixStream::pair()?;
        command.stdin(OwnedFd::from(theirs.try_clone()?));
        command.stdout(OwnedFd::from(theirs));
        let process = command.spawn().context("start a holder of connections")?;
        let mut holder = Self {
            process,
            commands: ours.try_clone()?,
            answers: BufReader::new(ours),
        };
        holder.answer()?;
        Ok(holder)
    }

    /// Makes so many connections to [`PEER`], and returns the number of those made before that live.
    pub(crate) fn connect(&mut self, count: usize) -> Result<usize> {
        writeln!(self.commands, "{count}")?;
        self.answer()
    }

    fn answer(&mut self) -> Result<usize> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let failed = "a holder of connections failed; it has said why";
        line.trim_end().parse().context(failed)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.commands.shutdown(Shutdown::Write);
        let _ = self.process.wait();
    }
}

/// Starts as many in this namespace as that number of connections takes.
pub(crate) fn here(sockets: u32) -> Result<Vec<Holder>> {
    numbers(0..sockets)
}

/// Starts as many in this namespace as the connections of these numbers take.
pub(crate) fn numbers(numbers: Range<u32>) -> Result<Vec<Holder>> {
    let end = numbers.end;
    numbers
        .step_by(EACH as usize)
        .map(|first| Holder::here(first, EACH.min(end - first)))
        .collect()
}

/// Holds connections until the input ends; each line of it is the number of connections to make to [`PEER`].
pub(crate) fn hold(first: u32, count: u32) -> Result<()> {
    allow_many_descriptors();
    let _sockets = tcp::part_of_a_crowd(first..first + count);
    let mut to_peer: Vec<Socket> = Vec::new();
    let mut commands = std::io::stdin().lines();
    loop {
        let alive = to_peer.iter().filter(|it| it.peer_addr().is_ok()).count();
        println!("{alive}");
        let Some(line) = commands.next().transpose()? else {
            // They end without a word: the process does.
            std::process::exit(0)
        };
        to_peer = (20_000..).take(line.parse()?).map(connected).collect();
    }
}

/// Makes a connection to the peer, without packets.
fn connected(port: u16) -> Socket {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let socket = tcp::socket(local);
    tcp::imagined(&socket, local, SocketAddr::new(PEER, 443));
    socket
}

/// An address of documentation (RFC 5737), which no host has.
pub(crate) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
/// A process has 20,000 descriptors where the hard limit can't be raised.
const EACH: u32 = 10_000;
