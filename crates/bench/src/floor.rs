//! The floor: each operation in its rawest form, as a process of its own.

use std::collections::HashMap;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Subcommand, ValueEnum};
use rustix::fs::{Mode, OFlags, RawDir};
use serde::{Deserialize, Serialize};
use tcpentry::{Options, Pair, TcpTable};
use tcpentry_bench::raw::{Filter, Raw, names};
use tcpentry_testkit::netns::allow_many_descriptors;
use tcpentry_testkit::tcp;

use crate::fixture::{self, MIDDLE_PORT, RARE_PORT};

#[derive(Subcommand)]
pub(crate) enum FloorOperation {
    /// Dumps sockets, and decodes nothing.
    Dump { which: Which, threads: Threads },
    /// Dumps sockets, and destroys them in batches by their cookies.
    Delete { which: Which, threads: Threads },
    /// Reads the link of every descriptor of every process, and dumps all sockets.
    Owners { threads: Threads },
    /// Makes this many connections, looks up and destroys them one by one, by the library, without it, and from their own
    /// process, and prints the time of each.
    Exact { count: u32 },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Which {
    All,
    Half,
    Rare,
    None,
}

/// The number of netlink sockets, a thread each.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Threads {
    #[value(name = "1")]
    One,
    #[value(name = "2")]
    Two,
}

/// The time of a deletion, in process, in nanoseconds: medians.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Exact {
    /// Find and delete by the library.
    pub(crate) library: u64,
    /// Look-up and destruction without it.
    pub(crate) raw: u64,
    /// `connect(AF_UNSPEC)` on an own descriptor.
    pub(crate) disconnect: u64,
}

pub(crate) fn run(operation: &FloorOperation) -> Result<()> {
    match *operation {
        FloorOperation::Dump { which, threads } => on_threads(which, threads, dump),
        FloorOperation::Delete { which, threads } => on_threads(which, threads, delete),
        FloorOperation::Owners { threads } => {
            owners(threads)?;
            on_threads(Which::All, threads, dump)
        }
        FloorOperation::Exact { count } => {
            println!("{}", serde_json::to_string(&exact(count)?)?);
            Ok(())
        }
    }
}

/// Dumps the table in parts by local port, a thread and a socket for each.
fn on_threads(
    which: Which,
    threads: Threads,
    work: impl Fn(&mut Raw, Filter) -> Result<()> + Sync,
) -> Result<()> {
    let ports = match which {
        Which::Half => (MIDDLE_PORT, u16::MAX),
        Which::All | Which::Rare | Which::None => (0, u16::MAX),
    };
    let filter = |local_ports| Filter {
        local_ports,
        peer_port: match which {
            Which::Rare => RARE_PORT,
            Which::None => 9,
            Which::All | Which::Half => 0,
        },
        info: false,
    };
    let middle = if ports.0 == 0 {
        MIDDLE_PORT
    } else {
        MIDDLE_PORT + (MIDDLE_PORT - fixture::FIRST_PORT) / 2
    };
    let parts = match (threads, which) {
        (Threads::One, Which::Half) => vec![filter(Some(ports))],
        (Threads::One, _) => vec![filter(None)],
        (Threads::Two, _) => vec![
            filter(Some((ports.0, middle - 1))),
            filter(Some((middle, ports.1))),
        ],
    };
    if let [part] = parts[..] {
        return work(&mut Raw::open()?, part);
    }
    let work = &work;
    thread::scope(|scope| {
        let started: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(move || work(&mut Raw::open()?, part)))
            .collect();
        started
            .into_iter()
            .try_for_each(|thread| match thread.join() {
                Ok(result) => result,
                Err(_) => bail!("a thread of the floor panicked"),
            })
    })
}

fn dump(raw: &mut Raw, filter: Filter) -> Result<()> {
    raw.dump(filter, |datagram| {
        std::hint::black_box(datagram);
    })
}

fn delete(raw: &mut Raw, filter: Filter) -> Result<()> {
    let mut found = Vec::new();
    raw.dump(filter, |datagram| found.extend(names(datagram)))?;
    for batch in found.chunks(256) {
        if raw.destroy(batch)? > 0 {
            bail!("the kernel refuses");
        }
    }
    Ok(())
}

/// Calls `readlinkat` for each entry of each `/proc/PID/fd`.
fn owners(threads: Threads) -> Result<()> {
    let proc = open_directory(rustix::fs::CWD, c"/proc")?;
    let mut room = Vec::with_capacity(ROOM);
    let mut pids = Vec::new();
    let mut entries = RawDir::new(&proc, room.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let name = entry?.file_name().to_owned();
        if name.to_bytes()[0].is_ascii_digit() {
            pids.push(name);
        }
    }
    let next = AtomicUsize::new(0);
    let look = || {
        let mut room = Vec::with_capacity(ROOM);
        while let Some(pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
            // It may have ended.
            let process = open_directory(&proc, pid);
            let Ok(descriptors) = process.and_then(|process| open_directory(process, c"fd")) else {
                continue;
            };
            let mut entries = RawDir::new(&descriptors, room.spare_capacity_mut());
            while let Some(Ok(entry)) = entries.next() {
                let mut link = [0; 64];
                let _ = rustix::fs::readlinkat_raw(&descriptors, entry.file_name(), &mut link[..]);
                std::hint::black_box(link);
            }
        }
    };
    thread::scope(|scope| {
        if threads == Threads::Two {
            scope.spawn(look);
        }
        look();
    });
    Ok(())
}

fn open_directory(at: impl AsFd, path: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

/// Measures deletions of real connections over loopback, whose reset has somewhere to go, each way in turn.
fn exact(count: u32) -> Result<Exact> {
    allow_many_descriptors();
    let listener = tcp::listen(tcp::loopback(0));
    let connections: Vec<_> = (0..3 * count).map(|_| tcp::connect_to(&listener)).collect();
    let mut raw = Raw::open()?;
    let mut all = HashMap::new();
    raw.dump(Filter::default(), |datagram| {
        all.extend(names(datagram).map(|named| (named.to_string(), named)));
    })?;
    let mut table = TcpTable::open()?;
    let options = Options::default();
    let (mut by_library, mut by_hand, mut disconnected) = (Vec::new(), Vec::new(), Vec::new());
    for ends in connections.chunks_exact(3) {
        let (local, peer) = tcp::addresses(&ends[0].server);
        let pair = Pair::new(local.into(), peer.into())?;
        by_library.push(timed(|| {
            let _ = table.find_and_delete(&pair.into(), &options)?;
            Ok(())
        })?);
        let (local, peer) = tcp::addresses(&ends[1].server);
        let named = all.get(&format!("{local} {peer}"));
        let named = *named.context("the dump has shown it")?;
        by_hand.push(timed(|| raw.get_and_destroy(named))?);
        disconnected.push(timed(|| Ok(rustix::net::connect_unspec(&ends[2].server)?))?);
    }
    Ok(Exact {
        library: median(by_library),
        raw: median(by_hand),
        disconnect: median(disconnected),
    })
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

fn median(mut times: Vec<Duration>) -> u64 {
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    u64::try_from(middle.as_nanos()).unwrap_or(u64::MAX)
}

const ROOM: usize = 64 * 1024;
