//! Idle processes, beside which a deletion is measured.

use std::io::{BufRead as _, BufReader};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use anyhow::{Context as _, Result, bail};

/// Idle processes of one service user; dropping it ends them.
pub(crate) struct Crowd {
    shell: Child,
    input: UnixStream,
}

impl Crowd {
    /// Starts this many, and returns once all of them are idle.
    ///
    /// A shell forks them, which takes no memory for a program of their own. Each waits for input that never comes, and
    /// ends with its socket, so that none is left behind even if the benchmark is killed. Of a pipe the guard of the own
    /// session would look for the other end.
    pub(crate) fn start(count: u32) -> Result<Self> {
        let (input, theirs) = UnixStream::pair()?;
        let mut shell = Command::new("sh");
        shell.args(["-c", FORK, "sh", &count.to_string()]);
        shell.stdin(OwnedFd::from(theirs.try_clone()?));
        shell.stdout(OwnedFd::from(theirs));
        let out = BufReader::new(input.try_clone()?);
        let spawned = shell.uid(SERVICE_USER).current_dir("/").spawn();
        let crowd = Self {
            shell: spawned.context("start idle processes of another user")?,
            input,
        };
        // The command has the other end as well, so that a shell that ends early would not be heard of.
        drop(shell);
        // Those that have just been forked would run beside what is measured.
        let started = out.lines().take(count as usize).count();
        if started < count as usize {
            bail!("only {started} of {count} idle processes could be started");
        }
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.input.shutdown(Shutdown::Write);
        let _ = self.shell.wait();
    }
}

/// A user as services have one, who never logs in.
pub(crate) const SERVICE_USER: u32 = 999;

/// A command in the background has no standard input but by another descriptor.
const FORK: &str = "exec 3<&0; i=0; \
    while [ $i -lt $1 ]; do { echo; read _ <&3; } & i=$((i + 1)); done; wait";
