//! The stream of a host: a thread runs `top --record -` there over an ssh, and again once it has ended.

use std::io::{self, BufReader, Read, Write as _};
use std::os::fd::AsFd;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tcpentry::escape::escape_for_terminal;

use super::super::children::{ChildPipes, Children};
use super::super::fleet::HostEnd;
use super::super::ssh::Ssh;
use super::super::standard_error::{ErrorSink, LAST_ERRORS};
use super::gate::{Gate, GatePass};
use super::host::{HostFrame, HostProblem, HostState};
use super::problem::explain;
use crate::exit::Exit;
use crate::top::{Baseline, RecordedFrame, RecordingError, RecordingReader, RowKey, RowPlacer};

/// The work that all streams have in common.
#[derive(Clone)]
pub(super) struct StreamTask {
    pub(super) ssh: Ssh,
    pub(super) children: Children,
    /// The line for the remote shell.
    pub(super) command: String,
    /// The standard input of the remote program, if it reads any.
    pub(super) input: Option<Arc<Vec<u8>>>,
    /// It ends by itself, and is not repeated.
    pub(super) is_once: bool,
    /// Set while ssh may ask something on the terminal.
    pub(super) may_ask: Arc<AtomicBool>,
    /// The gate for the first attempts.
    pub(super) gate: Gate,
}

/// The stream of a host, shared by its thread and those who look at it.
#[derive(Clone)]
pub(super) struct HostStream {
    pub(super) host: Arc<str>,
    pub(super) errors: ErrorSink,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<HostState>,
    /// Notified once the state is over.
    over: Condvar,
}

impl HostStream {
    /// Starts the thread of a host, which has this place among all hosts.
    pub(super) fn start(host: &str, place: usize, task: StreamTask) -> io::Result<Self> {
        let stream = Self {
            host: host.into(),
            errors: ErrorSink::printing(),
            shared: Arc::new(Shared {
                state: Mutex::new(HostState::new(host, task.is_once, Instant::now())),
                over: Condvar::new(),
            }),
        };
        let first = u32::try_from(place)
            .unwrap_or(u32::MAX)
            .saturating_mul(NAMESPACES);
        let run = StreamRun {
            placer: RowPlacer::of_host(Arc::clone(&stream.host), first, NAMESPACES),
            pass: None,
            stream: stream.clone(),
            task,
        };
        let builder = thread::Builder::new().name("tcpentry-stream".to_owned());
        builder.spawn(move || run.run())?;
        Ok(stream)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, HostState> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the ssh that runs, because nothing is heard of the host.
    pub(super) fn cut(&self, children: &Children) {
        if let Some(pid) = self.state().cut() {
            children.end(pid);
        }
    }

    /// Begins nothing more.
    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.shared.over.notify_all();
    }
}

/// The thread of a stream.
struct StreamRun {
    task: StreamTask,
    stream: HostStream,
    placer: RowPlacer,
    /// The permission to connect, until the host has answered or failed.
    pass: Option<GatePass>,
}

impl StreamRun {
    fn run(mut self) {
        self.pass = Some(self.task.gate.enter());
        loop {
            let problem = self.attempt();
            self.pass = None;
            let mut state = self.stream.state();
            if self.task.is_once && problem.exit == Exit::Done {
                state.complete();
                return;
            }
            let pause = state.lose(problem, Instant::now());
            if self.task.is_once {
                return;
            }
            let over = &self.stream.shared.over;
            let waited = over.wait_timeout_while(state, pause, |state| !state.is_over);
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                return;
            }
        }
    }

    /// Makes an attempt, and returns the reason of its end.
    fn attempt(&mut self) -> HostProblem {
        let mut state = self.stream.state();
        // Who waits for the last question looks at the state.
        let may_ask = self.task.may_ask.load(Ordering::SeqCst);
        state.begin(may_ask, Instant::now());
        drop(state);
        let ssh = if may_ask {
            self.task.ssh.clone()
        } else {
            self.task.ssh.without_questions()
        };
        let problem = self.read_stream(&ssh);
        if self.stream.state().end_attempt() {
            return HostProblem::of_silence();
        }
        problem
    }

    /// Runs an ssh to its end, and returns the reason of that.
    fn read_stream(&mut self, ssh: &Ssh) -> HostProblem {
        let host = Arc::clone(&self.stream.host);
        let mut command = ssh.command(&host, &self.task.command);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let command = match self.task.input {
            None => command.stdin(Stdio::null()),
            Some(_) => command.stdin(Stdio::piped()),
        };
        let (id, pipes) = match self.task.children.start(command) {
            Ok(started) => started,
            Err(error) => {
                let end = HostEnd {
                    status: Err(error),
                    unreadable: None,
                    said: Vec::new(),
                };
                return explain(&host, ssh, &end, None);
            }
        };
        self.stream.state().run(id);
        let ChildPipes {
            input,
            output,
            errors,
        } = pipes;
        if let (Some(mut input), Some(text)) = (input, self.task.input.clone()) {
            // A program that does not read it says why in its own way.
            thread::spawn(move || input.write_all(&text));
        }
        let (is_read, errors_read) = channel::<()>();
        if let Some(errors) = errors {
            let (sink, host) = (self.stream.errors.clone(), Arc::clone(&host));
            thread::spawn(move || {
                sink.read(&host, errors);
                drop(is_read);
            });
        }
        // It is ended before its pipe is closed, of which it would complain.
        let kept = output
            .as_ref()
            .and_then(|output| output.as_fd().try_clone_to_owned().ok());
        let read = output.map_or(Ok(()), |output| self.read_frames(output));
        if read.is_err() {
            self.task.children.end(id);
        }
        drop(kept);
        let status = self.task.children.wait(id);
        // A connection that ssh shares may keep the pipe, and stay.
        let _ = errors_read.recv_timeout(LAST_ERRORS);
        let mut end = HostEnd {
            status,
            unreadable: None,
            said: self.stream.errors.take(),
        };
        if let (Err(_), Ok(status)) = (&read, &end.status)
            && status.code().is_none()
        {
            // It was ended here.
            end.status = Ok(ExitStatus::default());
        }
        explain(&host, ssh, &end, read.as_ref().err())
    }

    /// Reads frames up to the end.
    fn read_frames(
        &mut self,
        output: impl Read + AsFd + Send + 'static,
    ) -> Result<(), RecordingError> {
        let heard = HeardOutput {
            output,
            stream: self.stream.clone(),
        };
        let input = BufReader::with_capacity(64 * 1024, heard);
        let name = self.stream.host.to_string();
        let (_, reader) = RecordingReader::open(Box::new(input), name)?;
        let mut reader = reader.with_rows_up_to(MOST_ROWS);
        let mut base = None;
        while let Some(RecordedFrame { head, rows }) = reader.next()? {
            let at = head.at();
            let now = Instant::now();
            let base = *base.get_or_insert_with(|| now.checked_sub(at).unwrap_or(now));
            let rows = self.placer.place(rows, base + at, &reader)?;
            let notes = head.notes.iter();
            let frame = HostFrame {
                rows,
                hidden: head.hidden,
                notes: notes
                    .map(|note| escape_for_terminal(note.as_bytes()))
                    .collect(),
                is_reset: head.baseline() == Baseline::Reset,
            };
            self.stream.state().add(frame, Instant::now());
            if !self.task.is_once {
                self.pass = None;
            }
        }
        Ok(())
    }
}

/// Returns the place of the host that a row is of.
pub(super) const fn place_of(key: RowKey) -> usize {
    (key.netns / NAMESPACES) as usize
}

/// The output of a host, which is heard of by it.
struct HeardOutput<R> {
    output: R,
    stream: HostStream,
}

impl<R: Read + AsFd> Read for HeardOutput<R> {
    /// Reads as the output does, but not much longer than until the process is ended: another one may hold the pipe.
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut is_ended = false;
        loop {
            let mut output = [PollFd::new(&self.output, PollFlags::IN)];
            match poll(&mut output, Some(&CUT_INTERVAL)) {
                Ok(0) if is_ended => return Err(io::ErrorKind::TimedOut.into()),
                Ok(0) => is_ended = self.stream.state().is_cut(),
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        let length = self.output.read(room)?;
        self.stream.state().hear(Instant::now());
        Ok(length)
    }
}

/// The interval at which a read that waits looks if its process has been ended.
const CUT_INTERVAL: Timespec = Timespec {
    tv_sec: 2,
    tv_nsec: 0,
};
/// The number of network namespaces that a host may have.
const NAMESPACES: u32 = 1 << 16;
/// The number of rows that a frame of one host may have.
const MOST_ROWS: u64 = 1_000_000;
/// The interval at which streams are looked at.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(50);
