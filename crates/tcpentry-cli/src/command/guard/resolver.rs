//! The thread that looks up names, as the system does and at its own pace: an answer can take as long as it wants.

use std::io;
use std::net::ToSocketAddrs as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::state::Event;
use super::thread::{ServiceThread, ThreadAnswer};

/// A name that is looked up again and again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct WatchedName {
    pub(super) name: String,
    pub(super) every: Duration,
}

impl WatchedName {
    /// Looks a name up often enough to see that an address is absent for so long, and not more often than anybody wants
    /// to be asked.
    pub(super) fn new(name: &str, absent_for: Duration) -> Self {
        Self {
            name: name.to_owned(),
            every: (absent_for / 10).clamp(SHORTEST, LONGEST),
        }
    }
}

/// Starts the thread, which takes each list of names in place of the one before; `wake` is called after each answer.
pub(super) fn start(
    lists: Receiver<Vec<WatchedName>>,
    answers: Sender<ThreadAnswer>,
    wake: impl Fn() + Send + 'static,
) -> io::Result<ServiceThread> {
    ServiceThread::start("tcpentry-names", wake, move |wake| {
        let mut due: Vec<(WatchedName, Instant)> = Vec::new();
        loop {
            let next = due.iter().map(|(_, due)| *due).min();
            let wait = next.map(|next| next.saturating_duration_since(Instant::now()));
            let list = match wait {
                Some(wait) => lists.recv_timeout(wait),
                None => lists.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match list {
                Ok(names) => {
                    let now = Instant::now();
                    due = names.into_iter().map(|name| (name, now)).collect();
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            for (name, due) in &mut due {
                if *due > Instant::now() {
                    continue;
                }
                let found = (name.name.as_str(), 0).to_socket_addrs();
                let addresses = found.map(|all| all.map(|it| it.ip()).collect());
                *due = Instant::now() + name.every;
                let answer = Event::Name(name.name.clone(), addresses.unwrap_or_default());
                if answers.send(ThreadAnswer::Event(answer)).is_err() {
                    return;
                }
                wake();
            }
        }
    })
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
