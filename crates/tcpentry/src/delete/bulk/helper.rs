//! A second processor's part of a bulk deletion: destroying batches, on a thread and over a socket of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::io::Errno;

use crate::connection::Cookie;
use crate::endpoint::Pair;
use crate::sock_diag::Diag;

/// The names of those that are to be destroyed.
pub(super) type Names = Vec<(Pair, Cookie)>;
/// What the kernel says of each.
pub(super) type Words = Vec<Result<(), Errno>>;

/// Names, and until when what is known of them holds.
type Task = (Names, Instant);

/// A thread that destroys. It ends with this.
pub(super) struct Helper {
    /// `None` once there is nothing more to be done.
    tasks: Option<SyncSender<Task>>,
    words: Receiver<Words>,
    /// Whether what still waits is to be left alone.
    called_off: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    /// `None` where no thread can be started: then there is no help.
    pub(super) fn start(mut diag: Diag) -> Option<Self> {
        let (tasks, taken) = sync_channel::<Task>(QUEUED);
        let (told, words) = channel();
        let called_off = Arc::new(AtomicBool::new(false));
        let is_called_off = Arc::clone(&called_off);
        let work = move || {
            for (names, until) in taken {
                let is_late = Instant::now() > until;
                let said = if is_late || is_called_off.load(Ordering::Relaxed) {
                    vec![NOT_SENT; names.len()]
                } else {
                    diag.destroy_many(&names)
                };
                if told.send(said).is_err() {
                    return;
                }
            }
        };
        let builder = thread::Builder::new().name("tcpentry-destroy".to_owned());
        Some(Self {
            tasks: Some(tasks),
            words,
            called_off,
            thread: Some(builder.spawn(work).ok()?),
        })
    }

    /// Hands a batch over that is not to be sent later than then; back where as many wait as can be done in the
    /// meantime.
    pub(super) fn give(&self, names: Names, until: Instant) -> Result<(), Names> {
        let Some(tasks) = &self.tasks else {
            return Err(names);
        };
        let given = tasks.try_send((names, until));
        given.map_err(|(TrySendError::Full(task) | TrySendError::Disconnected(task))| task.0)
    }

    /// The words on the batch that was given first, of so many, if they are there.
    pub(super) fn try_take(&self, count: usize) -> Option<Words> {
        match self.words.try_recv() {
            Ok(words) => Some(words),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(unsaid(count)),
        }
    }

    /// The same, waiting for them.
    pub(super) fn take(&self, count: usize) -> Words {
        self.words.recv().unwrap_or_else(|_| unsaid(count))
    }

    /// What waits is not sent any more: [`NOT_SENT`] is the word on it.
    pub(super) fn call_off(&self) {
        self.called_off.store(true, Ordering::Relaxed);
    }
}

/// A helper that has died without a word may have done it or not: only another look can tell.
fn unsaid(count: usize) -> Words {
    vec![Err(Errno::AGAIN); count]
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Whoever panics has nobody to tell what is done from now on.
        self.call_off();
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The kernel was not even asked.
pub(super) const NOT_SENT: Result<(), Errno> = Err(Errno::CANCELED);
/// How many batches wait: as long as it takes to walk over as many rows.
const QUEUED: usize = 2;
