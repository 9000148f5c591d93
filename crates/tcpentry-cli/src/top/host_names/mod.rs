//! The names of hosts, looked up in threads of their own: a resolver that never answers holds nothing else up.
//!
//! Nothing is looked up, and no thread started, before a name is asked for. Nobody waits for the threads, not even at the end.

mod queue;
mod services;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::message::Update;
use super::model::HostName;
use queue::LookupQueue;
pub(super) use services::services;

/// The look-ups that are under way, and those that wait.
pub(super) struct HostLookups {
    shared: Arc<SharedLookups>,
    has_threads: bool,
}

struct SharedLookups {
    queue: Mutex<LookupQueue>,
    has_changed: Condvar,
    send: Box<dyn Fn(Update) -> bool + Send + Sync>,
    /// Returns the name of an address, however long that takes.
    resolve: fn(IpAddr) -> Option<String>,
}

impl HostLookups {
    /// Makes look-ups by the system, as it is set up for all programs: files, DNS, or whatever else.
    pub(super) fn new(send: impl Fn(Update) -> bool + Send + Sync + 'static) -> Self {
        Self::by(|address| dns_lookup::lookup_addr(&address).ok(), send)
    }

    fn by(
        resolve: fn(IpAddr) -> Option<String>,
        send: impl Fn(Update) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(SharedLookups {
                queue: Mutex::default(),
                has_changed: Condvar::new(),
                send: Box::new(send),
                resolve,
            }),
            has_threads: false,
        }
    }

    /// Looks these up, and no longer those that were asked for before and whose turn has not come.
    ///
    /// # Errors
    /// Fails where not even one thread can be started.
    pub(super) fn look_up(&mut self, addresses: Vec<IpAddr>) -> io::Result<()> {
        let is_needed = !addresses.is_empty();
        self.shared.queue().replace(addresses);
        self.shared.has_changed.notify_all();
        if is_needed && !std::mem::replace(&mut self.has_threads, true) {
            self.start()?;
        }
        Ok(())
    }

    fn start(&mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        spawn(move || (shared.send)(Update::Services(Arc::new(services()))))?;
        for number in 0..THREADS {
            let shared = Arc::clone(&self.shared);
            // Fewer of them only take longer.
            if let (Err(error), 0) = (spawn(move || shared.run()), number) {
                self.has_threads = false;
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Drop for HostLookups {
    fn drop(&mut self) {
        self.shared.queue().close();
        self.shared.has_changed.notify_all();
    }
}

impl SharedLookups {
    fn queue(&self) -> MutexGuard<'_, LookupQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks one after the other up, until nobody wants more.
    fn run(&self) {
        let mut queue = self.queue();
        loop {
            if queue.is_closed() {
                return;
            }
            let Some(address) = queue.take() else {
                let waited = self.has_changed.wait(queue);
                queue = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(queue);
            let name = (self.resolve)(address);
            let name = name.and_then(|name| HostName::of(&name));
            self.queue().finish(address);
            if !(self.send)(Update::HostName { address, name }) {
                return;
            }
            queue = self.queue();
        }
    }
}

fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> io::Result<()> {
    let builder = thread::Builder::new().name("tcpentry-names".to_owned());
    builder.spawn(body).map(|_| ())
}

/// The number of threads: a few addresses whose servers are silent do not hold up those of a whole screen.
const THREADS: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    fn addresses(numbers: std::ops::Range<u8>) -> Vec<IpAddr> {
        numbers
            .map(|number| IpAddr::from([192, 0, 2, number]))
            .collect()
    }

    fn lookups(resolve: fn(IpAddr) -> Option<String>) -> (HostLookups, Receiver<Update>) {
        let (sender, updates) = channel();
        let send = move |update| sender.send(update).is_ok();
        (HostLookups::by(resolve, send), updates)
    }

    /// Returns the address of the next answer, and its name.
    fn next(updates: &Receiver<Update>) -> (IpAddr, Option<String>) {
        loop {
            if let Update::HostName { address, name } = updates.recv().unwrap() {
                return (address, name.map(|name| name.to_string()));
            }
        }
    }

    #[test]
    fn each_address_is_answered_once() {
        let resolve = |address: IpAddr| match address {
            IpAddr::V4(it) if it.octets()[3] == 7 => None,
            address => Some(format!("host{}.", address.to_string().replace('.', "-"))),
        };
        let (mut lookups, updates) = lookups(resolve);
        lookups.look_up(addresses(0..20)).unwrap();
        let mut answers: Vec<_> = (0..20).map(|_| next(&updates)).collect();
        answers.sort();
        let expected = addresses(0..20).into_iter().map(|address| {
            let name = resolve(address).map(|name| name.trim_end_matches('.').to_owned());
            (address, name)
        });
        let mut expected: Vec<_> = expected.collect();
        expected.sort();
        assert_eq!(answers, expected);
    }

    #[test]
    fn a_resolver_that_never_answers_holds_nobody_up_and_is_asked_no_more_than_its_threads_ask() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let (mut lookups, updates) = lookups(|_| {
            ASKED.fetch_add(1, Ordering::Relaxed);
            loop {
                thread::park();
            }
        });
        for _ in 0..100 {
            lookups.look_up(addresses(0..200)).unwrap();
        }
        tcpentry_testkit::until("each thread asks", || {
            ASKED.load(Ordering::Relaxed) == THREADS
        });
        lookups.look_up(addresses(0..200)).unwrap();
        // Neither an end of the screen nor this one waits for them.
        drop(lookups);
        assert_eq!(ASKED.load(Ordering::Relaxed), THREADS);
        let answered = updates.try_iter();
        let mut answered = answered.filter(|it| matches!(it, Update::HostName { .. }));
        assert!(answered.next().is_none());
    }
}
