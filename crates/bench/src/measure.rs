//! One run of a program: how long it took, and what it used.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::pipe::fcntl_setpipe_size;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

use crate::usage;

/// A command to run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) words: Vec<OsString>,
    /// True to use one processor only.
    pub(crate) pinned: bool,
}

/// The cost of a run.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_kib: u64,
}

impl Run {
    pub(crate) fn of<W: Into<OsString>>(words: impl IntoIterator<Item = W>) -> Self {
        Self {
            words: words.into_iter().map(Into::into).collect(),
            pinned: false,
        }
    }

    pub(crate) fn pinned(self) -> Self {
        Self {
            pinned: true,
            ..self
        }
    }

    /// Runs it, and discards its output.
    pub(crate) fn sample(&self) -> Result<Sample> {
        let mut buffer = vec![0; BUFFER];
        self.run(|out| {
            while out.read(&mut buffer)? > 0 {}
            Ok(())
        })
    }

    /// Runs it, and returns its output.
    pub(crate) fn output(&self) -> Result<String> {
        let mut text = String::new();
        self.run(|out| out.read_to_string(&mut text).map(drop))?;
        Ok(text)
    }

    /// Runs it, and passes on each line of its output.
    pub(crate) fn lines(&self, mut take: impl FnMut(&str)) -> Result<()> {
        self.run(|out| {
            BufReader::new(out)
                .lines()
                .try_for_each(|line| line.map(|line| take(&line)))
        })?;
        Ok(())
    }

    /// Runs it, and returns false where it ends with a usage error.
    pub(crate) fn is_understood(&self) -> Result<bool> {
        let [program, arguments @ ..] = &self.words[..] else {
            bail!("nothing to run");
        };
        let mut command = Command::new(program);
        let quiet = command.args(arguments).stdin(Stdio::null());
        let ended = quiet.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let ended = ended.with_context(|| format!("run {}", program.to_string_lossy()))?;
        Ok(ended.code() != Some(USAGE_ERROR))
    }

    fn run(
        &self,
        read: impl FnOnce(&mut std::process::ChildStdout) -> std::io::Result<()>,
    ) -> Result<Sample> {
        let [program, arguments @ ..] = &self.words[..] else {
            bail!("nothing to run");
        };
        let mut command = Command::new(program);
        command.args(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let everywhere = sched_getaffinity(None)?;
        if self.pinned {
            // It is inherited; set back below.
            let mut one = CpuSet::new();
            let first = (0..CpuSet::MAX_CPU).find(|cpu| everywhere.is_set(*cpu));
            one.set(first.context("there is a processor")?);
            sched_setaffinity(None, &one)?;
        }
        let start = Instant::now();
        let started = command.spawn();
        sched_setaffinity(None, &everywhere)?;
        let mut process = started.with_context(|| format!("run {}", program.to_string_lossy()))?;
        let mut out = process.stdout.take().context("it is a pipe")?;
        // Neither side is to wait for the other more than it has to.
        let _ = fcntl_setpipe_size(&out, PIPE);
        let result = read(&mut out);
        drop(out);
        let usage = usage::wait(process)?;
        let wall = start.elapsed();
        result?;
        if usage.code != 0 {
            bail!("{:?} ended with {}", self.words, usage.code);
        }
        Ok(Sample {
            wall,
            cpu: usage.cpu,
            peak_kib: usage.peak_kib,
        })
    }
}

/// The exit code of tcpentry for words that it can't read.
const USAGE_ERROR: i32 = 2;
/// The largest buffer of a pipe without privileges.
const PIPE: usize = 1024 * 1024;
const BUFFER: usize = 64 * 1024;
