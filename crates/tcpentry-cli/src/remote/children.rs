//! The running children, which can be ended from another thread.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The running children, by their pids, so that they can be ended from another thread.
#[derive(Clone, Default)]
pub(super) struct Children(Arc<Mutex<Running>>);

#[derive(Default)]
struct Running {
    /// Set once no more are started.
    is_over: bool,
    children: BTreeMap<u32, Child>,
}

/// The ends of a child's pipes.
pub(super) struct ChildPipes {
    pub(super) input: Option<std::process::ChildStdin>,
    pub(super) output: Option<std::process::ChildStdout>,
    pub(super) errors: Option<std::process::ChildStderr>,
}

impl Children {
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one, and returns its pid and its pipes.
    pub(super) fn start(
        &self,
        command: &mut std::process::Command,
    ) -> io::Result<(u32, ChildPipes)> {
        let mut running = self.lock();
        if running.is_over {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut child = command.spawn()?;
        let pipes = ChildPipes {
            input: child.stdin.take(),
            output: child.stdout.take(),
            errors: child.stderr.take(),
        };
        let id = child.id();
        running.children.insert(id, child);
        Ok((id, pipes))
    }

    /// Waits for a child, without keeping others from ending it.
    pub(super) fn wait(&self, id: u32) -> io::Result<ExitStatus> {
        let mut pause = Duration::from_millis(1);
        loop {
            let mut running = self.lock();
            let Some(child) = running.children.get_mut(&id) else {
                return Err(io::ErrorKind::NotFound.into());
            };
            if let Some(status) = child.try_wait().transpose() {
                running.children.remove(&id);
                return status;
            }
            drop(running);
            thread::sleep(pause);
            pause = (pause * 2).min(POLL_INTERVAL);
        }
    }

    /// Ends a child that runs.
    pub(super) fn end(&self, id: u32) {
        if let Some(child) = self.lock().children.get(&id) {
            terminate(child);
        }
    }

    /// Ends all of them, and waits until they have ended: gently, because ssh may have to give back a terminal.
    pub(super) fn end_all(&self) {
        let mut running = self.lock();
        running.is_over = true;
        running.children.values().for_each(terminate);
        let end = Instant::now() + GENTLE;
        while Instant::now() < end {
            let is_running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
            if !running.children.values_mut().any(is_running) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        for child in running.children.values_mut() {
            // It has ended by itself where it can't be killed.
            let _ = child.kill();
        }
    }
}

/// Sends TERM to a child that has not been waited for.
fn terminate(child: &Child) {
    // It has ended by itself where that fails.
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
}

/// The longest pause between two looks at a child.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The time between TERM and KILL.
const GENTLE: Duration = Duration::from_secs(1);
