//! The second processor's part of a bulk deletion: destroying batches, on a thread and over a socket of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::io::Errno;

use crate::connection::Cookie;
use crate::connection::endpoint::Pair;
use crate::sock_diag::Diag;

/// Sockets that are destroyed together, by their names.
pub(super) type Batch = Vec<(Pair, Cookie)>;
/// The reply of the kernel for each.
pub(super) type Replies = Vec<Result<(), Errno>>;

/// The kernel was not even asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NotSent;

/// A batch, and the time until which it may be sent.
type Task = (Batch, Instant);

/// A thread that destroys batches; it ends when this is dropped.
pub(super) struct DestroyWorker {
    /// `None` once there is nothing more to be done.
    tasks: Option<SyncSender<Task>>,
    replies: Receiver<Result<Replies, NotSent>>,
    /// Set when what still waits is to be left alone.
    cancelled: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DestroyWorker {
    /// Starts the thread; `None` where none can be started.
    pub(super) fn start(mut diag: Diag) -> Option<Self> {
        let (tasks, taken) = sync_channel::<Task>(MAX_QUEUED_BATCHES);
        let (answers, replies) = channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let is_cancelled = Arc::clone(&cancelled);
        let work = move || {
            for (names, until) in taken {
                let is_late = Instant::now() > until;
                let said = if is_late || is_cancelled.load(Ordering::Relaxed) {
                    Err(NotSent)
                } else {
                    Ok(diag.destroy_many(&names))
                };
                if answers.send(said).is_err() {
                    return;
                }
            }
        };
        let builder = thread::Builder::new().name("tcpentry-destroy".to_owned());
        Some(Self {
            tasks: Some(tasks),
            replies,
            cancelled,
            thread: Some(builder.spawn(work).ok()?),
        })
    }

    /// Hands over a batch that is not to be sent later than then; back where as many wait as can be done in the
    /// meantime.
    pub(super) fn give(&self, names: Batch, until: Instant) -> Result<(), Batch> {
        let Some(tasks) = &self.tasks else {
            return Err(names);
        };
        let given = tasks.try_send((names, until));
        given.map_err(|(TrySendError::Full(task) | TrySendError::Disconnected(task))| task.0)
    }

    /// Takes the replies on the batch that was given first, of so many, if they are there.
    pub(super) fn try_take(&self, count: usize) -> Option<Result<Replies, NotSent>> {
        match self.replies.try_recv() {
            Ok(replies) => Some(replies),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Ok(no_reply(count))),
        }
    }

    /// Waits for the replies on the batch that was given first, of so many.
    pub(super) fn take(&self, count: usize) -> Result<Replies, NotSent> {
        self.replies.recv().unwrap_or_else(|_| Ok(no_reply(count)))
    }

    /// Keeps what waits from being sent: [`NotSent`] is the reply to it.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Returns the replies of a worker that has died: it may have done it or not, and only another look can say.
fn no_reply(count: usize) -> Replies {
    vec![Err(Errno::AGAIN); count]
}

impl Drop for DestroyWorker {
    fn drop(&mut self) {
        // During a panic nothing more would be reported.
        self.cancel();
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The number of batches that wait: as long as it takes to dump as many rows.
const MAX_QUEUED_BATCHES: usize = 2;
