//! The part of `--linger` in the background: the program once more, detached from whoever runs it.

use std::io;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::args::BanArgs;
use crate::message::notice;
use crate::output::exact_duration;

/// Starts the part in the background, which spares these peers too: those of the connections that carry the operator's session.
pub(super) fn start(
    args: &BanArgs,
    linger: Duration,
    session: &[IpAddr],
    is_logged: bool,
) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["ban", "--lingering", "--quiet", "--linger"]);
    command.arg(exact_duration(linger));
    if let Some(ports) = &args.port {
        command.arg(format!("--port={}", ports.text()));
    }
    if let Some(file) = &args.file {
        command.arg("--file").arg(file);
    }
    if is_logged {
        command.arg("--syslog");
    }
    for (flag, option) in [
        (args.own_netns_only, "--own-netns-only"),
        (args.all_ports_in_containers, "--all-ports-in-containers"),
    ] {
        if flag {
            command.arg(option);
        }
    }
    for except in args
        .except
        .iter()
        .cloned()
        .chain(session.iter().map(IpAddr::to_string))
    {
        command.arg(format!("--except={except}"));
    }
    command.arg("--").args(&args.peers);
    // Whoever waits for the end of our output does not wait for its.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = command.spawn()?;
    if args.verbose {
        notice(&format!(
            "process {} goes on for {}",
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
