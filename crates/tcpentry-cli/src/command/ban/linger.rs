//! The part of `--linger` in the background: the program once more, detached from whoever runs it.
//!
//! It is handed what was read, not the names of files: these may be pipes, or say something else by then.

use std::fs::File;
use std::io::{self, BufRead, Seek as _, Write as _};
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::MemfdFlags;
use tcpentry::filter::{Prefix, PrefixSet};

use crate::args::BanArgs;
use crate::message::notice;
use crate::output::exact_duration;

/// The bans that the part in the background keeps, and the addresses that it spares.
pub(super) struct Handed {
    pub(super) bans: Vec<Prefix>,
    pub(super) excepted: PrefixSet,
}

impl Handed {
    /// Adds the peers of the connections that carry the operator's session, which the background can't find.
    pub(super) fn spare(&mut self, peers: &[IpAddr]) {
        self.excepted
            .extend(peers.iter().map(|peer| Prefix::from(*peer)));
    }

    fn write(&self) -> io::Result<File> {
        let file = rustix::fs::memfd_create("tcpentry-bans", MemfdFlags::CLOEXEC)?;
        let mut file = File::from(file);
        let mut text = String::new();
        for (word, prefix) in self
            .bans
            .iter()
            .map(|it| ("ban", *it))
            .chain(self.excepted.iter().map(|it| ("spare", it)))
        {
            text.push_str(word);
            text.push(' ');
            text.push_str(&prefix.to_string());
            text.push('\n');
        }
        file.write_all(text.as_bytes())?;
        file.rewind()?;
        Ok(file)
    }

    /// Reads what the foreground has handed over; anything else ends nothing.
    pub(super) fn read(input: impl BufRead) -> io::Result<Self> {
        let mut handed = Self {
            bans: Vec::new(),
            excepted: PrefixSet::new(),
        };
        for line in input.lines() {
            let line = line?;
            let (word, prefix) = line.split_once(' ').unwrap_or_default();
            match (word, prefix.parse()) {
                ("ban", Ok(prefix)) => handed.bans.push(prefix),
                ("spare", Ok(prefix)) => {
                    handed.excepted.insert(prefix);
                }
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(handed)
    }
}

/// Starts the part in the background.
pub(super) fn start(
    args: &BanArgs,
    linger: Duration,
    handed: &Handed,
    is_logged: bool,
) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["ban", "--lingering", "--quiet", "--linger"]);
    command.arg(exact_duration(linger));
    if let Some(ports) = &args.port {
        command.arg(format!("--port={}", ports.text()));
    }
    for (flag, option) in [
        (is_logged, "--syslog"),
        (args.own_netns_only, "--own-netns-only"),
        (args.all_ports_in_containers, "--all-ports-in-containers"),
    ] {
        if flag {
            command.arg(option);
        }
    }
    // Whoever waits for the end of our output, or for a lock that we hold, does not wait for its.
    tcpentry::support::close_descriptors_on_exec();
    command
        .stdin(handed.write()?)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = command.spawn()?;
    if args.report.verbose {
        notice(&format!(
            "process {} continues for {}",
            child.id(),
            exact_duration(linger)
        ));
    }
    Ok(())
}

/// Leaves the session and the process group of whoever has started this: the end of their terminal, and a signal to all of their
/// group, are not for it.
pub(super) fn detach() {
    // Where this process leads a group already, it has one of its own.
    let _ = rustix::process::setsid();
}
