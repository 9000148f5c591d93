//! `cargo xtask screenshot`: a picture of `tcpentry top` for the README, of the real program in a real terminal, whose
//! connections are real ones of a network namespace of their own.

mod picture;

use std::io::Write as _;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tcpentry_testkit::tmux::Tmux;

use crate::command::{self, cargo, program};
use crate::namespace::Namespace;

/// Builds the program, and takes the picture in a namespace.
pub(crate) fn run() -> Result<()> {
    command::run(&mut cargo("build --locked -p tcpentry-cli".split(' ')))?;
    let own = std::env::current_exe().context("where this program is")?;
    let own = own.to_string_lossy();
    command::run(&mut Namespace::find()?.enter(&program([&*own, "screenshot", INSIDE])))
}

/// Takes the picture, in the namespace.
pub(crate) fn take() -> Result<()> {
    for address in ADDRESSES {
        let mut add = program(["ip", "address", "add", address, "dev", "lo"]);
        command::run(&mut add)?;
    }
    let mut scene = Scene::start()?;
    let top = command::target_folder()?.join("debug/tcpentry");
    let tmux = Tmux::start(COLUMNS, LINES).map_err(anyhow::Error::msg)?;
    tmux.runs(&format!("LANG=C.UTF-8 {} top {WORDS}", top.display()));
    tmux.await_text(&format!("{} selected", Scene::ROWS));
    // Rates take a second reading, and owners a look.
    tmux.await_screen("all is known", |screen| {
        let known = |line: &str| !line.contains("established") || !line.ends_with('-');
        !screen.contains(" ... ") && screen.lines().all(known)
    });
    // The graphs take a reading for each dot.
    thread::sleep(READINGS);
    tmux.press_often("Space", MARKED);
    tmux.await_text(&format!("{MARKED} marked"));
    scene.next()?;
    tmux.await_screen(
        "what is new, has changed and has ended is shown",
        |screen| {
            ['+', '~', '-'].iter().all(|sign| {
                let gutter = |line: &str| line.chars().nth(2) == Some(*sign);
                screen.lines().any(gutter)
            })
        },
    );
    let table = tmux.screen_in_color();
    let details = details(&tmux, &mut scene)?;
    let picture = picture::of(&format!("{}\n\n{details}", table.trim_end_matches('\n')));
    std::fs::write(FILE, picture).with_context(|| format!("cannot write {FILE}"))?;
    println!("{FILE}");
    Ok(())
}

/// Returns the upper part of the details of a connection whose peer stops to read: the sentence, and the charts.
fn details(tmux: &Tmux, scene: &mut Scene) -> Result<String> {
    tmux.types("u/");
    // The filter of before.
    tmux.press("C-u");
    // A service has that name, too.
    tmux.types("rsync and src 192.0.2.10");
    tmux.press("Enter");
    tmux.await_text("1 selected");
    // A chart stands beside its name.
    tmux.resize(DETAIL_COLUMNS, LINES);
    tmux.press("Enter");
    tmux.await_text("since this was opened");
    thread::sleep(CHARTED);
    scene.next()?;
    tmux.await_text("the peer is not reading: ");
    thread::sleep(STUCK);
    let screen = tmux.screen_in_color();
    // The first line is about the table. An empty line is below the sentence, and one below the charts.
    let lines = screen.lines().skip(1);
    let mut gaps = 0;
    let upper = lines.take_while(|line| {
        gaps += usize::from(is_blank(line));
        gaps < 2
    });
    Ok(upper.collect::<Vec<_>>().join("\n"))
}

/// Returns true for a line of spaces and escape sequences alone.
fn is_blank(line: &str) -> bool {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default();
    let text = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    first.trim().is_empty() && text.into_iter().all(|text| text.trim().is_empty())
}

/// The argument that says that this program is in the namespace.
pub(crate) const INSIDE: &str = "--inside";

/// Servers and clients.
struct Scene(Child);

impl Scene {
    /// The number of rows that the filter selects at first.
    const ROWS: usize = 16;

    fn start() -> Result<Self> {
        let mut scene = program(["python3", "-c", include_str!("scene.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run python3")?;
        let mut ready = [0; 6];
        let out = scene.stdout.as_mut().expect("it is a pipe");
        std::io::Read::read_exact(out, &mut ready).context("the scene is not set")?;
        Ok(Self(scene))
    }

    /// Opens a connection, changes the state of one, and ends one; the next time, stops reading from one.
    fn next(&mut self) -> Result<()> {
        let commands = self.0.stdin.as_mut().expect("it is a pipe");
        Ok(commands.write_all(b"next\n")?)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Its processes end with their input.
        self.0.stdin = None;
        let _ = self.0.wait();
    }
}

/// Addresses for documentation (RFC 5737); all of a subnet belong to the loopback device.
const ADDRESSES: [&str; 3] = ["192.0.2.10/24", "198.51.100.1/24", "203.0.113.1/24"];
const WORDS: &str =
    "-a --columns state,local,peer,process,idle,recvq,sendq,in,out,history src 192.0.2.10";
const COLUMNS: u16 = 118;
const LINES: u16 = 25;
const DETAIL_COLUMNS: u16 = 88;
const READINGS: Duration = Duration::from_secs(12);
/// The time for which a connection moves data, and then none, while its details are open.
const CHARTED: Duration = Duration::from_secs(50);
const STUCK: Duration = Duration::from_secs(12);
/// The number of rows to mark: three that nobody reads.
const MARKED: usize = 3;
const FILE: &str = "docs/top.svg";
