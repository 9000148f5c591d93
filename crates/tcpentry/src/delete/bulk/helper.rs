//! A second processor's part of a bulk deletion: destroying batches, on a thread and over a socket of its own.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread::{self, JoinHandle};

use rustix::io::Errno;

use crate::connection::Cookie;
use crate::endpoint::Pair;
use crate::sock_diag::Diag;

/// The names of those that are to be destroyed.
pub(super) type Names = Vec<(Pair, Cookie)>;
/// What the kernel says of each.
pub(super) type Words = Vec<Result<(), Errno>>;

/// A thread that destroys. It ends with this.
pub(super) struct Helper {
    /// `None` once there is nothing more to be done.
    batches: Option<SyncSender<Names>>,
    words: Receiver<Words>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    /// `None` where no thread can be started: then there is no help.
    pub(super) fn start(mut diag: Diag) -> Option<Self> {
        let (batches, taken) = sync_channel::<Names>(QUEUED);
        let (told, words) = channel();
        let work = move || {
            for names in taken {
                if told.send(diag.destroy_many(&names)).is_err() {
                    return;
                }
            }
        };
        let builder = thread::Builder::new().name("tcpentry-destroy".to_owned());
        Some(Self {
            batches: Some(batches),
            words,
            thread: Some(builder.spawn(work).ok()?),
        })
    }

    /// Hands a batch over; back where as many wait as can be done in the meantime.
    pub(super) fn give(&self, names: Names) -> Result<(), Names> {
        match &self.batches {
            Some(batches) => batches
                .try_send(names)
                .map_err(|(TrySendError::Full(names) | TrySendError::Disconnected(names))| names),
            None => Err(names),
        }
    }

    /// The words on the batch that was given first, if they are there.
    pub(super) fn try_take(&self) -> Option<Words> {
        self.words.try_recv().ok()
    }

    /// The same, waiting for them; `None` where none will come.
    pub(super) fn take(&self) -> Option<Words> {
        self.words.recv().ok()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How many batches wait: as long as it takes to walk over as many rows.
const QUEUED: usize = 2;
