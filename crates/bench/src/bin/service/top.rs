//! `tcpentry top` on a large table: the time from a key to the changed screen, the price of a refresh, and memory.

use std::fs::File;
use std::io::Read as _;
use std::num::NonZero;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{Winsize, tcsetwinsize};
use rustix::time::{ClockId, clock_gettime};
use tcpentry_bench::raw::{Filter, Raw};
use tcpentry_testkit::pty::Terminal;
use vt100::Parser;

use crate::process::{self, millis};
use crate::{Args, crowd};

pub(crate) fn measure(args: &Args) -> Result<()> {
    let mut crowd = Vec::new();
    let mut made = 0;
    for sockets in [args.sockets / 5, args.sockets] {
        crowd.extend(crowd::numbers(made..sockets)?);
        made = sockets;
        let mut top = Top::start(&args.program, sockets)?;
        println!("\n`top` of {sockets} connections, every second, {COLUMNS}x{LINES}");
        top.refreshes()?;
        for key in [Key::DOWN, Key::PAGE] {
            top.scroll(key)?;
        }
        let peak = process::memory(top.process.id(), "VmHWM:")?;
        println!("  peak                             {peak:.1} MiB");
    }
    Ok(())
}

/// A key and the one that takes it back.
#[derive(Clone, Copy)]
struct Key {
    name: &'static str,
    there: &'static str,
    back: &'static str,
}

impl Key {
    const DOWN: Self = Self {
        name: "Down, Up",
        there: "\x1b[B",
        back: "\x1b[A",
    };
    const PAGE: Self = Self {
        name: "PageDown, PageUp",
        there: "\x1b[6~",
        back: "\x1b[5~",
    };
}

/// The program in a terminal; dropping it ends it.
struct Top {
    process: Child,
    terminal: Terminal,
    keyboard: File,
    screen: Parser,
}

impl Top {
    fn start(program: &Path, sockets: u32) -> Result<Self> {
        let terminal = Terminal::open();
        let size = Winsize {
            ws_col: COLUMNS,
            ws_row: LINES,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(terminal.inside(), size)?;
        // setsid(1) becomes the program, so that it has the pid of the program.
        let program = program.to_str().context("its path is text")?;
        let mut command = terminal.command(program);
        command.args(["top", "--interval", &format!("{}s", INTERVAL.as_secs())]);
        command.env("TERM", "xterm-256color");
        let process = command.spawn().context("start tcpentry top")?;
        let mut top = Self {
            process,
            keyboard: terminal.outside(),
            terminal,
            screen: screen(),
        };
        let all = format!("{sockets} connections");
        top.watch("the table", |screen| screen.contents().contains(&all))?;
        Ok(top)
    }

    /// Reads what is drawn until the screen is as expected, and returns the time that it took.
    fn watch(&mut self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) -> Result<Duration> {
        let start = Instant::now();
        let limit = Timespec {
            tv_sec: 30,
            tv_nsec: 0,
        };
        let mut text = [0; 4096];
        while !is_so(self.screen.screen()) {
            let ready = poll(
                &mut [PollFd::new(&self.keyboard, PollFlags::IN)],
                Some(&limit),
            )?;
            ensure!(
                ready == 1,
                "{what} is not on the screen:\n{}",
                self.screen.screen().contents()
            );
            let length = self.keyboard.read(&mut text)?;
            self.screen.process(&text[..length]);
        }
        Ok(start.elapsed())
    }

    /// Prints the price of a refresh, and that of the bare dump which it needs.
    fn refreshes(&mut self) -> Result<()> {
        let pid = self.process.id();
        // The holders of the rows on the screen are looked up once.
        thread::sleep(2 * INTERVAL);
        let (start, before) = (Instant::now(), process::usage(pid)?);
        let mut dumps = Duration::ZERO;
        // What is drawn fits into the terminal's buffer meanwhile.
        for _ in 0..REFRESHES {
            thread::sleep(INTERVAL);
            dumps += bare_dump()?;
        }
        let cpu = process::usage(pid)?.cpu.saturating_sub(before.cpu);
        let refreshes = start.elapsed().div_duration_f64(INTERVAL);
        let (refresh, floor) = (
            millis(cpu) / refreshes,
            millis(dumps) / f64::from(REFRESHES),
        );
        println!(
            "  a refresh                        {refresh:.1} ms of CPU: {:.2} of a bare dump with the counters, {floor:.1} ms",
            refresh / floor
        );
        let resident = process::memory(pid, "VmRSS:")?;
        let peak = process::memory(pid, "VmHWM:")?;
        println!(
            "  memory                           {resident:.1} MiB resident, {peak:.1} at most"
        );
        Ok(())
    }

    /// Types without a pause, each key as soon as the last one is seen to have moved the cursor, and prints the times.
    fn scroll(&mut self, key: Key) -> Result<()> {
        let (mut times, mut old) = (Vec::new(), 0);
        let end = Instant::now() + SCROLLING;
        let mut is_there = false;
        while Instant::now() < end {
            let before = Cursor::on(self.screen.screen());
            let typed = if is_there { key.back } else { key.there };
            is_there = !is_there;
            self.terminal.type_in(typed);
            times.push(self.watch(key.name, |screen| Cursor::on(screen) != before)?);
            let header = self.screen.screen().rows(0, COLUMNS).next();
            old += usize::from(header.is_some_and(|header| header.contains(" old ")));
        }
        times.sort_unstable();
        let at = |share: usize| millis(times[(times.len() - 1) * share / 1000]);
        println!(
            "  {:<32} {:.1} ms (median of {}), 99 %: {:.1}, 99.9 %: {:.1}, at most {:.1}; {old} screens of an old table",
            key.name,
            at(500),
            times.len(),
            at(990),
            at(999),
            at(1000)
        );
        Ok(())
    }
}

/// Returns the CPU that it takes to be sent all sockets with their counters, and to read none of them.
fn bare_dump() -> Result<Duration> {
    let mut raw = Raw::open()?;
    let before = own_cpu();
    let all = Filter {
        info: true,
        ..Filter::default()
    };
    raw.dump(all, |datagram| {
        std::hint::black_box(datagram);
    })?;
    Ok(own_cpu().saturating_sub(before))
}

/// Returns the CPU that this thread has used.
fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

impl Drop for Top {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns a screen on which nothing is drawn yet.
fn screen() -> Parser {
    let [lines, columns] = [LINES, COLUMNS].map(|it| NonZero::new(it).expect("it is not 0"));
    Parser::new(lines, columns, 0)
}

/// The things that a key moves: the position in the header, and the line that is marked by colours.
#[derive(Eq, PartialEq)]
struct Cursor {
    position: Option<String>,
    line: Option<u16>,
}

impl Cursor {
    fn on(screen: &vt100::Screen) -> Self {
        let is_marked = |row: &u16| {
            let cell = screen.cell(*row, COLUMNS / 2);
            cell.is_some_and(|cell| cell.inverse() || cell.bgcolor() != vt100::Color::Default)
        };
        let mut rows = screen.rows(0, COLUMNS);
        Self {
            position: rows.find(|row| row.contains(" of ")).map(|row| {
                let words = row.split_whitespace();
                words
                    .take_while(|word| *word != "of")
                    .last()
                    .unwrap_or_default()
                    .to_owned()
            }),
            line: (FIRST_LINE..LINES - 1).find(is_marked),
        }
    }
}

const COLUMNS: u16 = 120;
const LINES: u16 = 40;
/// The line behind the header, the totals and the titles, which have colours of their own.
const FIRST_LINE: u16 = 3;
const INTERVAL: Duration = Duration::from_secs(1);
const REFRESHES: u32 = 10;
const SCROLLING: Duration = Duration::from_secs(15);
