//! `cargo xtask spread`: the times at which the peers of real connections see their end, while `tcpentry delete --spread` runs.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use tcpentry_testkit::netns::allow_many_descriptors;

/// Spread the deletion of real connections, and print a chart of the times at which their peers see it
#[derive(Parser)]
struct Args {
    /// The program tcpentry
    #[arg(long)]
    program: PathBuf,
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// The time in seconds
    #[arg(long, default_value_t = 120)]
    over: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    allow_many_descriptors();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let mut ends = Vec::new();
    for number in 0..args.connections {
        ends.push(connect(number, port, &listener)?);
    }
    let clients: HashMap<u64, &TcpStream> =
        (0..).zip(ends.iter().map(|(client, _)| client)).collect();
    let seen = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (&number, client) in &clients {
        let data = epoll::EventData::new_u64(number);
        epoll::add(&seen, client, data, epoll::EventFlags::RDHUP)?;
    }
    let over = Duration::from_secs(args.over);
    let begin = Instant::now();
    let mut program = Command::new(&args.program)
        .args([
            "delete",
            "--yes",
            "--quiet",
            // They are those of its parent.
            "--own-session",
            "--spread",
            &format!("{}s", args.over),
        ])
        .arg(format!("sport = :{port}"))
        .stdin(Stdio::null())
        .spawn()?;
    let times = watch(&seen, &clients, begin)?;
    ensure!(program.wait()?.success(), "the program failed");
    ensure!(
        times.len() == args.connections,
        "{} have ended",
        times.len()
    );
    print(&times, over)
}

/// Makes a real connection over the loopback device; addresses of their own give each thousand of them ports enough.
fn connect(number: usize, port: u16, listener: &TcpListener) -> Result<(TcpStream, TcpStream)> {
    let third = u8::try_from(number / 1000 % 250)?;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    let from = SocketAddr::from((Ipv4Addr::new(127, 1, third, 1), 0));
    socket.bind(&from.into())?;
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    let (server, _) = listener.accept()?;
    Ok((socket.into(), server))
}

/// Waits for the end of each connection, and returns the times since the beginning.
fn watch(
    seen: impl std::os::fd::AsFd,
    clients: &HashMap<u64, &TcpStream>,
    begin: Instant,
) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(clients.len());
    let mut events = Vec::with_capacity(256);
    while times.len() < clients.len() {
        let limit = rustix::event::Timespec {
            tv_sec: 10,
            tv_nsec: 0,
        };
        events.clear();
        if epoll::wait(&seen, spare_capacity(&mut events), Some(&limit))? == 0 {
            break;
        }
        for event in &events {
            if let Some(client) = clients.get(&event.data.u64()) {
                times.push(begin.elapsed());
                epoll::delete(&seen, client)?;
            }
        }
    }
    times.sort_unstable();
    Ok(times)
}

/// Prints the number of ends in each of 24 parts of the time, and in the busiest second.
fn print(times: &[Duration], over: Duration) -> Result<()> {
    let part = over / PARTS;
    let mut out = std::io::stdout().lock();
    for number in 0..=PARTS {
        let bounds = part * number..part * (number + 1);
        let count = times.iter().filter(|it| bounds.contains(it)).count();
        if number == PARTS && count == 0 {
            break;
        }
        let width = count * 60 * PARTS as usize / times.len() / 2;
        writeln!(
            out,
            "{:>5.0}s {count:>6} {}",
            bounds.start.as_secs_f64(),
            "#".repeat(width)
        )?;
    }
    let second = Duration::from_secs(1);
    let in_second = |from: &Duration| {
        times
            .iter()
            .filter(|it| (*from..*from + second).contains(it))
            .count()
    };
    let busiest = times
        .iter()
        .step_by(1 + times.len() / 1000)
        .map(in_second)
        .max();
    let gap = times
        .windows(2)
        .map(|two| two[1].saturating_sub(two[0]))
        .max();
    let last = times.last().copied().unwrap_or_default();
    writeln!(
        out,
        "{} ended in {:.1} s; {} in the busiest second; {} ms between two at most",
        times.len(),
        last.as_secs_f64(),
        busiest.unwrap_or_default(),
        gap.unwrap_or_default().as_millis()
    )?;
    Ok(())
}

const PARTS: u32 = 24;
