//! Reasons why a connection is slow, or does nothing: one sentence, and the cause for programs.
//!
//! The kernel has some seventy counters of each connection. [`Watch`] reads them through rules, in an order of priority,
//! and has one [`Diagnosis`]: "the peer is not reading: 3.7 MB wait, its window is closed (for 41 s that were watched)".
//!
//! One reading says what waits. What moves, and for how long something has stood still, takes two or more: the kernel does
//! not report since when a window is closed. A limit that a socket may have of its own (`TCP_USER_TIMEOUT`, keepalive's
//! settings) is not reported either, so that the end of retries is said by the [system's defaults](RetryLimits).
//!
//! ```
//! use std::io::Write;
//! use std::net::{TcpListener, TcpStream};
//! use std::time::Instant;
//! use tcpentry::why::{Cause, RetryLimits, Watch};
//! use tcpentry::{Pair, TcpTable};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let client = TcpStream::connect(listener.local_addr()?)?;
//! let (mut server, _) = listener.accept()?;
//! server.write_all(b"hello")?;
//!
//! let mut table = TcpTable::open()?;
//! let pair = Pair::new(client.local_addr()?.into(), client.peer_addr()?.into())?;
//! let connection = table.find(&pair.into())?;
//! let first = table.details(&connection)?;
//! let mut watch = Watch::new(RetryLimits::read(), &first, Instant::now());
//! std::thread::sleep(std::time::Duration::from_millis(100));
//! watch.add(&table.details(&connection)?, Instant::now());
//!
//! let diagnosis = watch.diagnosis();
//! assert!(matches!(diagnosis.cause, Cause::NotRead { waiting: 5, .. }));
//! assert_eq!(diagnosis.to_string(), "the application here has not read 5 bytes");
//! # Ok(())
//! # }
//! ```

mod amount;
mod cause;
mod facts;
mod limits;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

pub use self::cause::{Cause, Unanswered};
use self::facts::TcpFacts;
pub use self::limits::{GivenUp, RetryLimits};
use self::rules::{Case, find_cause};
use crate::connection::{Cookie, Details};

/// The readings of one connection, as far back as rates are of interest.
#[derive(Clone, Debug)]
pub struct Watch {
    limits: RetryLimits,
    cookie: Cookie,
    begun: Instant,
    /// Never empty.
    readings: VecDeque<(Instant, TcpFacts)>,
    /// The reading from which on the peer's window was closed, and nothing taken.
    closed: Option<Instant>,
    /// The reading from which on nothing was read of what waits.
    unread: Option<Instant>,
}

/// The time over which rates are taken.
const RATES_OVER: Duration = Duration::from_secs(10);
/// The number of readings that are kept of that time.
const MAX_READINGS: usize = 64;

impl Watch {
    /// Begins to watch a connection by its first reading, which was made at this time.
    pub fn new(limits: RetryLimits, first: &Details, at: Instant) -> Self {
        let facts = TcpFacts::of(first);
        Self {
            limits,
            cookie: first.connection.cookie,
            begun: at,
            readings: VecDeque::from([(at, facts)]),
            closed: facts.has_closed_window().then_some(at),
            unread: (facts.recv_queue > 0).then_some(at),
        }
    }

    /// Adds a later reading. One of another socket begins a new watch.
    pub fn add(&mut self, details: &Details, at: Instant) {
        if details.connection.cookie != self.cookie {
            *self = Self::new(self.limits, details, at);
            return;
        }
        let now = TcpFacts::of(details);
        let (_, before) = self.last();
        let took_nothing = now.bytes_acked == before.bytes_acked;
        let read_nothing = now.consumed() == before.consumed();
        let since = |begun: Option<Instant>, goes_on: bool, is_so: bool| match begun {
            Some(begun) if goes_on && is_so => Some(begun),
            _ => is_so.then_some(at),
        };
        self.closed = since(self.closed, took_nothing, now.has_closed_window());
        self.unread = since(self.unread, read_nothing, now.recv_queue > 0);
        self.readings.push_back((at, now));
        while self.readings.len() > MAX_READINGS
            || (self.readings.len() > 2 && at.duration_since(self.readings[1].0) >= RATES_OVER)
        {
            self.readings.pop_front();
        }
    }

    /// Returns the diagnosis of the last reading, with what was watched before it.
    pub fn diagnosis(&self) -> Diagnosis {
        let (at, now) = self.last();
        let time = |since: Option<Instant>| since.map_or(Duration::ZERO, |it| at - it);
        let before = self.readings.front().filter(|(earlier, _)| *earlier < at);
        let case = Case {
            now: &now,
            before: before.map(|(earlier, facts)| (facts, at - *earlier)),
            closed: time(self.closed),
            unread: time(self.unread),
            limits: &self.limits,
        };
        Diagnosis {
            cause: find_cause(&case),
            watched: at - self.begun,
        }
    }

    fn last(&self) -> (Instant, TcpFacts) {
        self.readings[self.readings.len() - 1]
    }
}

/// The cause, displayed as one sentence without a full stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Cause, with its figures.
    pub cause: Cause,
    /// Time from the first reading to the last; zero of a single one.
    pub watched: Duration,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}
