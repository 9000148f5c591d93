//! Idle processes, beside which a deletion is measured.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Idle processes of one service user; dropping it ends them.
pub(crate) struct Crowd(Child);

impl Crowd {
    /// Starts this many, and returns once all of them are idle.
    ///
    /// A shell forks them, which takes no memory for a program of their own. Each waits for input that never comes, and
    /// ends with its pipe, so that none is left behind even if the benchmark is killed.
    pub(crate) fn start(count: u32) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", FORK, "sh", &count.to_string()]);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        let shell = shell.uid(SERVICE_USER).current_dir("/").spawn();
        let mut crowd = Self(shell.context("start idle processes of another user")?);
        let out = crowd.0.stdout.take().context("it is a pipe")?;
        // Those that have just been forked would run beside what is measured.
        let started = BufReader::new(out).lines().take(count as usize).count();
        if started < count as usize {
            bail!("only {started} of {count} idle processes could be started");
        }
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A user as services have one, who never logs in.
pub(crate) const SERVICE_USER: u32 = 999;

/// A command in the background has no standard input but by another descriptor.
const FORK: &str = "exec 3<&0; i=0; \
    while [ $i -lt $1 ]; do { echo; read _ <&3; } & i=$((i + 1)); done; wait";
