//! A ban of one address, which has connections in one of many namespaces.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::crowd::{Holder, PEER};
use crate::{Args, summary};

pub(crate) fn measure(args: &Args) -> Result<()> {
    let each = args.sockets / args.namespaces;
    let mut holders: Vec<_> = (0..args.namespaces)
        .map(|_| Holder::in_a_namespace(each))
        .collect::<Result<_>>()?;
    let files: Vec<_> = holders
        .iter()
        .map(|holder| PathBuf::from(format!("/proc/{}/ns/net", holder.pid())))
        .collect();
    println!(
        "`ban` of one address, {} namespaces of {each} connections each",
        args.namespaces
    );
    let of_ss = files.iter().map(|file| ss_in(file)).collect::<Vec<_>>();
    // The pid namespace of this measurement hides where it was started, so that each descriptor of every process is asked
    // whether it may be a session's. On a host, and with the option, the ancestors answer.
    let mut like_a_host = ban(&args.program);
    like_a_host.arg("--own-session");
    let contestants: [(&str, usize, Command); 4] = [
        ("tcpentry ban --own-session", PEERS, like_a_host),
        ("tcpentry ban", PEERS, ban(&args.program)),
        ("tcpentry ban, nothing there", 0, ban(&args.program)),
        ("ss -K in each by nsenter", PEERS, shell(&of_ss.join("; "))),
    ];
    for (name, count, mut command) in contestants {
        let mut times = Vec::new();
        for round in 0..args.rounds as usize {
            let holder = &mut holders[round % files.len()];
            holder.connect(count)?;
            let start = Instant::now();
            let status = command.status().context(name)?;
            times.push(start.elapsed());
            ensure!(status.success(), "{name}: {status}");
            let alive = holder.connect(0)?;
            ensure!(alive == 0, "{name}: {alive} of {count} are alive");
        }
        println!("  {name:<30} {}", summary(&mut times));
    }
    Ok(())
}

fn ban(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["ban", "--quiet", &PEER.to_string()]);
    quiet(command)
}

fn ss_in(file: &Path) -> String {
    format!(
        "nsenter --net={} ss -HnK dst {PEER} 2>/dev/null",
        file.display()
    )
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    quiet(command)
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// The number of the peer's connections.
const PEERS: usize = 10;
