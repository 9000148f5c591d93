//! The service beside a large table: from an event to the last deletion, a round of `every`, and idle.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType};
use tcpentry_testkit::Namespace;
use tcpentry_testkit::link::ip;
use tcpentry_testkit::tcp;

use crate::process::{self, millis};
use crate::{Args, crowd, summary};

pub(crate) fn measure(args: &Args) -> Result<()> {
    let _crowd = crowd::here(args.sockets)?;
    let clients = Namespace::fresh();
    link(&clients);
    println!("\n`guard run` beside {} connections", args.sockets);
    let service = Service::start(&args.program, BY_EVENT)?;
    events(&clients, args.rounds)?;
    let idle = process::usage_over(service.0.id(), IDLE)?;
    println!(
        "  idle, two rules of events        {:.2} ms of CPU and {} wake-ups in {} s; {:.1} MB resident",
        millis(idle.cpu),
        idle.switches,
        IDLE.as_secs(),
        process::memory(service.0.id(), "VmRSS:")?
    );
    drop(service);
    let service = Service::start(&args.program, BY_TIME)?;
    let rounds = process::usage_over(service.0.id(), IDLE)?;
    println!(
        "  a round of `every`               {:.1} ms of CPU",
        millis(rounds.cpu) / f64::from(u32::try_from(IDLE.as_secs())?)
    );
    drop(service);
    let mut times = Vec::new();
    for _ in 0..args.rounds {
        let (start, mut list) = (Instant::now(), Command::new(&args.program));
        let list = list.args(["list", "--json", FILTER]).stdout(Stdio::null());
        ensure!(list.status()?.success(), "list failed");
        times.push(start.elapsed());
    }
    println!("  `list` with its filter           {}", summary(&mut times));
    Ok(())
}

/// Joins this namespace and that of the clients.
fn link(clients: &Namespace) {
    let tid = clients.tid();
    ip(&[
        &format!("link add v0 type veth peer name v0 netns {tid}"),
        "addr add 10.98.0.1/24 dev v0",
        "link set v0 up",
    ]);
    clients.run(|| ip(&["addr add 10.98.0.2/24 dev v0", "link set v0 up"]));
}

fn events(clients: &Namespace, rounds: u32) -> Result<()> {
    let (mut left, mut banned) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ip(&["addr add 10.98.0.9/24 dev v0"]);
        let ends = connections(clients, "10.98.0.9:7000".parse()?)?;
        let remove = &mut words("ip addr del 10.98.0.9/24 dev v0");
        left.push(time_of(&ends, remove, Events::of_addresses()?)?);
        let ends = connections(clients, "10.98.0.1:7001".parse()?)?;
        let add = &mut words("nft add element inet bench banned { 10.98.0.2 }");
        banned.push(time_of(&ends, add, Events::of_sets()?)?);
        run(&mut words("nft flush set inet bench banned"))?;
        thread::sleep(Duration::from_millis(100));
    }
    for (name, mut times) in [
        ("address removed", left),
        ("element added to a set", banned),
    ] {
        println!(
            "  {name}, {CONNECTIONS} connections: {}, from the kernel's event to the last peer's reset",
            summary(&mut times)
        );
    }
    Ok(())
}

/// Runs the command, and returns the time from its first event until all these connections have ended.
fn time_of(
    ends: &[(TcpStream, TcpStream)],
    command: &mut Command,
    events: Events,
) -> Result<Duration> {
    let mut running = command.spawn()?;
    events.wait()?;
    let start = Instant::now();
    let flags = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    let limit = Timespec {
        tv_sec: 10,
        tv_nsec: 0,
    };
    for (client, _) in ends {
        let ended = poll(&mut [PollFd::new(client, flags)], Some(&limit))?;
        ensure!(
            ended == 1,
            "a connection lives, ten seconds after {command:?}"
        );
    }
    let time = start.elapsed();
    ensure!(running.wait()?.success(), "{command:?} failed");
    Ok(time)
}

/// The events that the kernel tells, as the service hears them.
struct Events(OwnedFd);

impl Events {
    fn of_addresses() -> Result<Self> {
        // NETLINK_ROUTE is 0.
        Self::of(None, RTMGRP_IPV4_IFADDR)
    }

    fn of_sets() -> Result<Self> {
        Self::of(Some(netlink::NETFILTER), NFTABLES)
    }

    fn of(protocol: Option<Protocol>, group: u32) -> Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, group))?;
        Ok(Self(socket))
    }

    /// Waits for the first one.
    fn wait(self) -> Result<()> {
        let received = rustix::net::recv(&self.0, &mut [0; 64][..], RecvFlags::empty());
        received.map(drop).context("no event of the kernel")
    }
}

/// Makes connections from the clients' namespace: both ends of each, the client's first.
fn connections(clients: &Namespace, to: SocketAddr) -> Result<Vec<(TcpStream, TcpStream)>> {
    let listener: TcpListener = tcp::listen(to);
    (0..CONNECTIONS)
        .map(|_| {
            let client = clients.run(move || TcpStream::connect(to))?;
            Ok((client, listener.accept()?.0))
        })
        .collect()
}

fn words(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// A running service; dropping it ends it.
struct Service(Child);

impl Service {
    /// Starts it, and waits until it has read the table.
    fn start(program: &Path, rules: &str) -> Result<Self> {
        run(&mut words("nft flush ruleset"))?;
        run(&mut words("nft add table inet bench"))?;
        run(&mut words(
            "nft add set inet bench banned { type ipv4_addr ; }",
        ))?;
        let folder = Path::new("/run/guard");
        fs::create_dir_all(folder)?;
        let file = folder.join("rules.toml");
        fs::write(&file, rules)?;
        let child = Command::new(program)
            .args(["guard", "run", "--config"])
            .arg(&file)
            .env("STATE_DIRECTORY", folder)
            .stdin(Stdio::null())
            .stderr(fs::File::create(folder.join("log"))?)
            .spawn()?;
        let service = Self(child);
        for _ in 0..100 {
            thread::sleep(Duration::from_millis(100));
            if fs::read_to_string(folder.join("log"))?.contains("runs ") {
                thread::sleep(Duration::from_secs(1));
                return Ok(service);
            }
        }
        anyhow::bail!(
            "the service does not run: {}",
            fs::read_to_string(folder.join("log"))?
        )
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const CONNECTIONS: usize = 100;
/// The group of `NFNLGRP_NFTABLES` (7), as a bit.
const NFTABLES: u32 = 1 << 6;
const RTMGRP_IPV4_IFADDR: u32 = 0x10;
const IDLE: Duration = Duration::from_secs(30);
const FILTER: &str = "dport = :9";
const BY_EVENT: &str = "\
[rule.left]\nwhen = \"address-removed\"\ndelete = \"src $address\"\n
[rule.banned]\nwhen = \"set inet bench banned\"\ndelete = \"dst $elements\"\n";
const BY_TIME: &str = "[rule.look]\nevery = \"1s\"\ndelete = \"dport = :9\"\n";
