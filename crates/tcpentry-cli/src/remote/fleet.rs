//! All hosts at once, each in an ssh of its own, and what they send in the order of the hosts.
//!
//! What a host sends before its turn has come is held back, up to a limit: then it waits, and so does the program there.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read, Write as _};
use std::ops::ControlFlow;
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tcpentry::escape::escape_for_terminal;

use super::children::Children;
use super::outlet::{Inlet, Outlet, outlet};
use super::ssh::Ssh;
use super::standard_error::{ErrorSink, LAST_ERRORS};
use crate::lines::{self, LineRead};

/// The work of one host.
#[derive(Debug)]
pub(super) struct HostTask {
    pub(super) host: String,
    /// The line for the remote shell.
    pub(super) command: String,
    pub(super) input: TaskInput,
    pub(super) errors: ErrorSink,
}

/// The standard input of the remote program.
#[derive(Clone, Debug)]
pub(super) enum TaskInput {
    Nothing,
    /// This, and then its end.
    Text(Arc<Vec<u8>>),
    /// This, and its end only when ssh ends.
    Held(Arc<Vec<u8>>),
}

/// Something that comes from a host.
#[derive(Debug)]
pub(super) enum HostEvent<T> {
    /// Things that were made of some of its lines.
    Some(Vec<T>),
    /// The last of it.
    Ended(HostEnd),
}

/// The end of a host's work.
#[derive(Debug)]
pub(super) struct HostEnd {
    /// The status of ssh, or the reason why it could not be run.
    pub(super) status: io::Result<ExitStatus>,
    /// Lines that are none of the program's.
    pub(super) unreadable: Option<Unreadable>,
    /// The lines that it wrote to standard error, as far as they were kept.
    #[cfg_attr(
        not(feature = "tui"),
        expect(dead_code, reason = "only a screen shows them later")
    )]
    pub(super) said: Vec<String>,
}

/// The lines of a host that are none of the program's.
#[derive(Debug, Default)]
pub(super) struct Unreadable {
    pub(super) count: u64,
    /// The first of them, shortened, fit for a terminal.
    pub(super) first: String,
    /// Set where the host was cut off for them.
    pub(super) is_cut_off: bool,
}

/// The reason why the work of the hosts was ended early.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stopped {
    Interrupted,
    /// Nobody wants more.
    Enough,
}

/// Makes something of a line of a host, or `None` of one that is none of the program's.
pub(super) type Make<T> = Arc<dyn Fn(&str, &str) -> Option<T> + Send + Sync>;

/// Runs the tasks, and calls `take` with what comes of each, by its index, in their order. `is_interrupted` is polled.
pub(super) fn run<T: Send + 'static>(
    ssh: &Ssh,
    tasks: Vec<HostTask>,
    make: &Make<T>,
    is_interrupted: &dyn Fn() -> bool,
    mut take: impl FnMut(usize, HostEvent<T>) -> ControlFlow<()>,
) -> Result<(), Stopped> {
    let held = (HELD_BY_ALL / tasks.len().max(1)).clamp(LONGEST_LINE, HELD_BY_ONE);
    let (queue, inlets): (VecDeque<_>, Vec<_>) = tasks
        .into_iter()
        .map(|task| {
            let (outlet, inlet) = outlet(held);
            ((task, outlet), inlet)
        })
        .unzip();
    let workers = queue.len().min(AT_ONCE);
    let queue = Arc::new(Mutex::new(queue));
    let children = Children::default();
    // A host that waits for its turn keeps its thread, and those before it have theirs: they were started in their order.
    for _ in 0..workers {
        let (queue, ssh, make, children) = (
            Arc::clone(&queue),
            ssh.clone(),
            Arc::clone(make),
            children.clone(),
        );
        let work = move || {
            let next = || lock(&queue).pop_front();
            while let Some((task, outlet)) = next() {
                HostRun {
                    ssh: &ssh,
                    make: &*make,
                    outlet: &outlet,
                    children: &children,
                }
                .run(task);
            }
        };
        // With fewer threads fewer hosts are asked at once.
        let _ = thread::Builder::new()
            .name("tcpentry-host".to_owned())
            .spawn(work);
    }
    // Where no thread could be started, the outlets go with it, and each host ends with that as its reason.
    drop(queue);
    for (index, inlet) in inlets.into_iter().enumerate() {
        if let Err(stopped) = take_all(index, &inlet, is_interrupted, &mut take) {
            children.end_all();
            return Err(stopped);
        }
    }
    Ok(())
}

/// Takes everything from one host.
fn take_all<T>(
    index: usize,
    inlet: &Inlet<HostEvent<T>>,
    is_interrupted: &dyn Fn() -> bool,
    take: &mut impl FnMut(usize, HostEvent<T>) -> ControlFlow<()>,
) -> Result<(), Stopped> {
    loop {
        if is_interrupted() {
            return Err(Stopped::Interrupted);
        }
        let event = match inlet.take(POLL_INTERVAL) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => HostEvent::Ended(HostEnd {
                status: Err(io::Error::other("cannot start a thread for it")),
                unreadable: None,
                said: Vec::new(),
            }),
        };
        let is_last = matches!(event, HostEvent::Ended(_));
        // A terminal sends its signal to every ssh, too: that is no failure of a host.
        if is_last && is_interrupted() {
            return Err(Stopped::Interrupted);
        }
        if take(index, event).is_break() {
            return Err(Stopped::Enough);
        }
        if is_last {
            return Ok(());
        }
    }
}

/// The run of one host's work.
struct HostRun<'a, T> {
    ssh: &'a Ssh,
    make: &'a (dyn Fn(&str, &str) -> Option<T> + Send + Sync),
    outlet: &'a Outlet<HostEvent<T>>,
    children: &'a Children,
}

impl<T> HostRun<'_, T> {
    fn run(&self, task: HostTask) {
        let errors = task.errors.clone();
        let (status, unreadable) = self.run_ssh(task);
        let end = HostEnd {
            status,
            unreadable,
            said: errors.take(),
        };
        // Nobody wants it where it can't be sent.
        self.outlet.send(0, HostEvent::Ended(end));
    }

    fn run_ssh(&self, task: HostTask) -> (io::Result<ExitStatus>, Option<Unreadable>) {
        let mut command = self.ssh.command(&task.host, &task.command);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let command = match task.input {
            TaskInput::Nothing => command.stdin(Stdio::null()),
            TaskInput::Text(_) | TaskInput::Held(_) => command.stdin(Stdio::piped()),
        };
        let (id, mut pipes) = match self.children.start(command) {
            Ok(started) => started,
            Err(error) => return (Err(error), None),
        };
        let (is_over, over) = channel::<()>();
        if let Some(mut input) = pipes.input.take() {
            let (text, holds) = match task.input {
                TaskInput::Held(text) => (text, true),
                TaskInput::Text(text) => (text, false),
                TaskInput::Nothing => (Arc::default(), false),
            };
            thread::spawn(move || {
                // A program that does not read it says why in its own way.
                let _ = input.write_all(&text).and_then(|()| input.flush());
                if holds {
                    // Until the other end is dropped.
                    let _ = over.recv();
                }
            });
        }
        let (is_read, errors_read) = channel::<()>();
        if let Some(errors) = pipes.errors.take() {
            let (host, sink) = (task.host.clone(), task.errors.clone());
            thread::spawn(move || {
                sink.read(&host, errors);
                drop(is_read);
            });
        }
        let unreadable = pipes
            .output
            .take()
            .and_then(|output| self.read(&task.host, output, id));
        let status = self.children.wait(id);
        drop(is_over);
        // A connection that ssh shares may keep the pipe, and stay.
        let _ = errors_read.recv_timeout(LAST_ERRORS);
        (status, unreadable)
    }

    /// Reads what a host sends, and sends on what was made of it.
    fn read(&self, host: &str, output: impl Read, id: u32) -> Option<Unreadable> {
        let mut output = BufReader::with_capacity(PARCEL, output);
        let mut unreadable: Option<Unreadable> = None;
        let (mut line, mut parcel, mut size) = (Vec::new(), Vec::new(), 0);
        loop {
            let read = lines::read(&mut output, LONGEST_LINE, &mut line);
            let made = match read {
                Ok(LineRead::Whole) => std::str::from_utf8(&line)
                    .ok()
                    .and_then(|line| (self.make)(host, line)),
                Ok(LineRead::TooLong) => None,
                Ok(LineRead::End) | Err(_) => break,
            };
            size += line.len();
            if let Some(made) = made {
                parcel.push(made);
            } else if !line.trim_ascii().is_empty() {
                let unreadable = unreadable.get_or_insert_with(|| Unreadable {
                    first: excerpt(&line),
                    ..Unreadable::default()
                });
                unreadable.count += 1;
                if matches!(read, Ok(LineRead::TooLong)) || unreadable.count == MAX_UNREADABLE {
                    unreadable.is_cut_off = true;
                    self.children.end(id);
                    break;
                }
            }
            // What can be read without waiting goes along.
            if !parcel.is_empty() && (size >= PARCEL || output.buffer().is_empty()) {
                let some = HostEvent::Some(std::mem::take(&mut parcel));
                if !self.outlet.send(std::mem::take(&mut size), some) {
                    self.children.end(id);
                    return unreadable;
                }
            }
        }
        if !parcel.is_empty() {
            self.outlet.send(size, HostEvent::Some(parcel));
        }
        unreadable
    }
}

/// Returns the beginning of a line, fit for a terminal.
fn excerpt(line: &[u8]) -> String {
    let some = &line[..line.len().min(EXCERPT)];
    escape_for_terminal(some.trim_ascii())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of hosts that are asked at once.
const AT_ONCE: usize = 32;
/// The bytes of lines that are sent on together.
const PARCEL: usize = 64 * 1024;
/// The bytes of lines that all hosts together, and one host alone, may have waiting for their turn; each may have one line.
const HELD_BY_ALL: usize = 64 * 1024 * 1024;
const HELD_BY_ONE: usize = 16 * 1024 * 1024;
/// The longest line of a host: more than a socket that a thousand processes hold.
const LONGEST_LINE: usize = 1024 * 1024;
/// The number of unreadable lines after which a host is cut off.
const MAX_UNREADABLE: u64 = 1000;
/// The bytes that are shown of an unreadable line.
const EXCERPT: usize = 60;
/// The delay until an interruption is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
