//! A thread of the service, and what it tells the loop. Its end wakes the loop, which does not go on without it.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{Builder, JoinHandle};

use super::state::Event;

/// Answer of a thread to the loop.
pub(super) enum ThreadAnswer {
    /// Something that the state is to hear.
    Event(Event),
    /// The local addresses of connections that are on no device, or the reason why they could not be searched for.
    Searched(Result<Vec<IpAddr>, String>),
}

/// A thread of the service.
#[derive(Debug)]
pub(super) struct ServiceThread {
    name: &'static str,
    has_ended: Arc<AtomicBool>,
    handle: JoinHandle<()>,
}

/// Wakes the loop when the thread ends, also by a panic.
struct WakeAtEnd<F: Fn()> {
    wake: F,
    has_ended: Arc<AtomicBool>,
}

impl<F: Fn()> Drop for WakeAtEnd<F> {
    fn drop(&mut self) {
        // Before the loop looks: the thread itself ends only after this.
        self.has_ended.store(true, SeqCst);
        (self.wake)();
    }
}

impl ServiceThread {
    /// Starts a thread; `wake` is called by it after each answer, and at its end.
    pub(super) fn start<F: Fn() + Send + 'static>(
        name: &'static str,
        wake: F,
        body: impl FnOnce(&F) + Send + 'static,
    ) -> io::Result<Self> {
        let has_ended = Arc::new(AtomicBool::new(false));
        let at_end = WakeAtEnd {
            wake,
            has_ended: Arc::clone(&has_ended),
        };
        let handle = Builder::new().name(name.to_owned()).spawn(move || {
            body(&at_end.wake);
        })?;
        Ok(Self {
            name,
            has_ended,
            handle,
        })
    }

    /// Returns its name once it has ended, or is about to.
    pub(super) fn ended(&self) -> Option<&'static str> {
        self.has_ended.load(SeqCst).then_some(self.name)
    }

    /// Waits for its end.
    pub(super) fn join(self) {
        // A panic has been printed by the thread itself.
        let _ = self.handle.join();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thread_that_dies_wakes_the_loop_and_has_a_name() {
        let (woken, wakes) = mpsc::channel();
        let wake = move || {
            let _ = woken.send(());
        };
        let thread = ServiceThread::start("tcpentry-test", wake, |wake| {
            wake();
            panic!("it dies, as the test wants");
        });
        let thread = thread.unwrap();
        for _ in 0..2 {
            wakes.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        assert_eq!(thread.ended(), Some("tcpentry-test"));
        thread.join();
    }
}
