//! The way of what a host sends to the thread that writes it: what waits there is limited in bytes.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Makes a way on which so many bytes may wait; a single larger piece may, too.
pub(super) fn outlet<T>(limit: usize) -> (Outlet<T>, Inlet<T>) {
    let (sender, receiver) = channel();
    let waiting = Arc::new(Waiting::default());
    let outlet = Outlet {
        sender,
        limit,
        waiting: Arc::clone(&waiting),
    };
    (outlet, Inlet { receiver, waiting })
}

/// The end into which pieces go.
pub(super) struct Outlet<T> {
    sender: Sender<(usize, T)>,
    limit: usize,
    waiting: Arc<Waiting>,
}

/// The end from which they are taken. Once it is dropped, nothing waits any more.
pub(super) struct Inlet<T> {
    receiver: Receiver<(usize, T)>,
    waiting: Arc<Waiting>,
}

/// The bytes that wait; `None` once nobody takes them.
struct Waiting {
    bytes: Mutex<Option<usize>>,
    changed: Condvar,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            bytes: Mutex::new(Some(0)),
            changed: Condvar::new(),
        }
    }
}

impl<T> Outlet<T> {
    /// Sends a piece of so many bytes, once there is room for it. Returns false if nobody takes it.
    pub(super) fn send(&self, size: usize, piece: T) -> bool {
        let mut bytes = self
            .waiting
            .bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while let Some(waiting) = *bytes {
            if waiting == 0 || waiting + size <= self.limit {
                *bytes = Some(waiting + size);
                drop(bytes);
                return self.sender.send((size, piece)).is_ok();
            }
            bytes = self
                .waiting
                .changed
                .wait(bytes)
                .unwrap_or_else(PoisonError::into_inner);
        }
        false
    }
}

impl<T> Inlet<T> {
    /// Takes the next piece, or waits for it so long.
    pub(super) fn take(&self, patience: Duration) -> Result<T, RecvTimeoutError> {
        let (size, piece) = self.receiver.recv_timeout(patience)?;
        self.waiting
            .set(|bytes| bytes.map(|waiting| waiting - size));
        Ok(piece)
    }
}

impl<T> Drop for Inlet<T> {
    fn drop(&mut self) {
        self.waiting.set(|_| None);
    }
}

impl Waiting {
    fn set(&self, next: impl FnOnce(Option<usize>) -> Option<usize>) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        *bytes = next(*bytes);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const MOMENT: Duration = Duration::from_secs(10);

    #[test]
    fn no_more_waits_than_the_limit() {
        let (outlet, inlet) = outlet(100);
        let sent = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..1000 {
                    assert!(outlet.send(10, number));
                    sent.fetch_add(1, Ordering::SeqCst);
                }
            });
            for number in 0..1000 {
                assert_eq!(inlet.take(MOMENT), Ok(number));
                assert!(sent.load(Ordering::SeqCst) <= number + 12);
            }
        });
    }

    #[test]
    fn a_piece_above_the_limit_goes_alone() {
        let (outlet, inlet) = outlet(10);
        assert!(outlet.send(1000, 'a'));
        thread::scope(|scope| {
            scope.spawn(|| assert!(outlet.send(1, 'b')));
            assert_eq!(inlet.take(MOMENT), Ok('a'));
            assert_eq!(inlet.take(MOMENT), Ok('b'));
        });
    }

    #[test]
    fn who_waits_for_room_goes_on_when_nobody_takes() {
        let (outlet, inlet) = outlet(10);
        assert!(outlet.send(10, ()));
        thread::scope(|scope| {
            let waits = scope.spawn(|| outlet.send(10, ()));
            thread::sleep(Duration::from_millis(20));
            drop(inlet);
            assert!(!waits.join().unwrap());
        });
    }
}
