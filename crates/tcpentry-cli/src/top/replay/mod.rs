//! The thread that shows rows which were read elsewhere or earlier: a recording, or the streams of other hosts.
//!
//! It takes the commands that the worker takes, and has no table: what is to be deleted is up to the source of the rows.

mod file;
mod names;
mod source;
mod table;

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::message::WorkerCommand;
use super::worker::CommandQueue;
pub(crate) use file::FileSource;
pub(crate) use source::{ForeignFrame, Polled, RowSource};
pub(crate) use table::{ForeignTable, OwnFilter};

/// The thread's state.
pub(crate) struct ReplayThread {
    table: ForeignTable,
    source: Box<dyn RowSource>,
    queue: CommandQueue,
    /// Set while no further frame is shown.
    paused: bool,
    /// Set while a frame is on its way that a key asked for: also while it is paused.
    is_seeking: bool,
}

impl ReplayThread {
    pub(crate) fn new(
        table: ForeignTable,
        source: Box<dyn RowSource>,
        commands: Receiver<WorkerCommand>,
    ) -> Self {
        Self {
            table,
            source,
            queue: CommandQueue::new(commands),
            paused: false,
            is_seeking: false,
        }
    }

    /// Starts the thread.
    pub(crate) fn start(self) -> std::io::Result<thread::JoinHandle<()>> {
        let builder = thread::Builder::new().name("tcpentry-replay".to_owned());
        builder.spawn(|| self.run())
    }

    fn run(mut self) {
        let mut next = Instant::now();
        loop {
            match self.queue.next(next) {
                Ok(command) => {
                    if let Some(wait) = self.execute(command) {
                        next = Instant::now() + wait;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let wait = if self.paused && !self.is_seeking {
                        PAUSE
                    } else {
                        self.show_next(false).0
                    };
                    next = Instant::now() + wait;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Shows every frame that is left, and calls `each` after each.
    pub(crate) fn show_all(&mut self, mut each: impl FnMut()) {
        loop {
            let (wait, is_over) = self.show_next(true);
            each();
            if is_over {
                return;
            }
            thread::sleep(wait);
        }
    }

    /// Shows what there is. Returns the time until there may be more, and true where there won't.
    fn show_next(&mut self, at_once: bool) -> (Duration, bool) {
        let Polled {
            frame,
            notes,
            wait,
            is_over,
            is_seeking,
        } = self.source.poll(at_once);
        self.is_seeking = is_seeking;
        match frame {
            Some(mut frame) => {
                frame.notes = [notes, frame.notes].concat();
                self.table.take(frame);
                self.table.send_details(&*self.source);
            }
            None => self.table.set_notes(notes),
        }
        (wait, is_over)
    }

    /// Executes a command. Returns the time until the next frame is looked for, where that is to change.
    pub(crate) fn execute(&mut self, command: WorkerCommand) -> Option<Duration> {
        match command {
            // While it is paused this goes on by one frame.
            WorkerCommand::Refresh => {
                let (wait, _) = self.show_next(true);
                Some(if self.paused { PAUSE } else { wait })
            }
            WorkerCommand::Every(None) => {
                self.paused = true;
                Some(PAUSE)
            }
            WorkerCommand::Every(Some(interval)) => {
                if std::mem::take(&mut self.paused) {
                    self.source.resume();
                }
                self.source.set_interval(interval);
                Some(Duration::ZERO)
            }
            WorkerCommand::Seek(step) => {
                self.source.seek(step);
                self.is_seeking = true;
                Some(Duration::ZERO)
            }
            command => {
                self.table.execute(command, &mut *self.source);
                None
            }
        }
    }
}

/// The interval while paused: until a command comes.
const PAUSE: Duration = Duration::from_secs(365 * 86_400);
