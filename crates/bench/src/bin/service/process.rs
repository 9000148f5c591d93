//! The resources that a running process uses.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The resources that a process has used.
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) switches: u64,
}

/// Returns what a process uses in a time.
pub(crate) fn usage_over(pid: u32, time: Duration) -> Result<Usage> {
    let before = usage(pid)?;
    thread::sleep(time);
    let after = usage(pid)?;
    Ok(Usage {
        cpu: after.cpu.saturating_sub(before.cpu),
        switches: after.switches - before.switches,
    })
}

/// Returns the sums over its threads: `schedstat`, and voluntary context switches, one for each wake-up.
pub(crate) fn usage(pid: u32) -> Result<Usage> {
    let (mut nanos, mut switches) = (0, 0);
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?.path();
        let stat = fs::read_to_string(task.join("schedstat"))?;
        nanos += stat.split(' ').next().unwrap_or_default().parse::<u64>()?;
        let status = fs::read_to_string(task.join("status"))?;
        switches += number(&status, "voluntary_ctxt_switches:")?;
    }
    Ok(Usage {
        cpu: Duration::from_nanos(nanos),
        switches,
    })
}

/// Returns the memory of a line of `/proc/PID/status`, in MiB.
pub(crate) fn memory(pid: u32, name: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(f64::from(u32::try_from(number(&status, name)?)?) / 1024.0)
}

fn number(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let text = line.with_context(|| format!("no {name}"))?;
    let digits = text.split_whitespace().next().unwrap_or_default();
    Ok(digits.parse()?)
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
