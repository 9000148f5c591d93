//! A row of the table, and the key that never names another socket.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tcpentry::{Connection, Cookie, Method, Outcome, State};

use super::counters::Counters;
use super::moment::Moment;
use super::rate_history::RateHistory;
use super::row_connection::RowConnection;
use crate::output::BETWEEN_HOLDERS;

/// The identity of a row's socket: its cookie, in its network namespace.
///
/// (Before Linux 5.10 each network namespace counts cookies by itself.)
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct RowKey {
    /// The worker's number of the namespace, never reused.
    pub(crate) netns: u32,
    pub(crate) cookie: Cookie,
}

/// A socket as last read.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: RowKey,
    pub(crate) connection: RowConnection,
    /// The counters that are shown.
    pub(crate) counters: Option<Counters>,
    /// The names of what it belongs to, shared by the rows that have the same.
    pub(crate) names: Arc<RowNames>,
    /// The results of look-ups; only rows on the screen are looked up.
    pub(crate) resolved: Resolved,
    pub(crate) change: Change,
    pub(crate) rates: Option<Rates>,
    pub(crate) history: RateHistory,
    /// The time at which it was read.
    pub(crate) read_at: Moment,
    /// The time at which it was read first.
    pub(crate) first_read_at: Moment,
    /// It came while the table was watched, so that its age is known.
    pub(crate) has_come: bool,
}

impl Row {
    /// Returns the row of a socket of which nothing else is known yet.
    pub(crate) fn new(
        key: RowKey,
        connection: &Connection,
        names: Arc<RowNames>,
        read_at: Moment,
    ) -> Self {
        Self {
            key,
            counters: connection.info.as_deref().map(Counters::of),
            connection: connection.into(),
            names,
            resolved: Resolved::default(),
            change: Change::None,
            rates: None,
            history: RateHistory::default(),
            read_at,
            first_read_at: read_at,
            has_come: false,
        }
    }

    /// Returns the names, to be changed for this row alone.
    #[cfg(test)]
    pub(crate) fn names_mut(&mut self) -> &mut RowNames {
        Arc::make_mut(&mut self.names)
    }

    /// Returns the container or unit of the socket, or else of its holder.
    pub(crate) fn unit(&self) -> Option<&str> {
        let of_socket = self.names.unit.as_deref();
        of_socket.or(self.resolved.unit().map(|unit| &**unit))
    }

    /// Returns the socket with the counters that the row has.
    pub(crate) fn to_connection(&self) -> Connection {
        let counters = self.counters.as_ref();
        self.connection.to_connection(self.key.cookie, counters)
    }

    /// Returns the counters, where they mean something: a listener's are those of no connection.
    pub(crate) fn traffic(&self) -> Option<&Counters> {
        let counters = self.counters.as_ref();
        counters.filter(|_| self.connection.state != State::Listening)
    }

    /// Returns the time since data was last sent or received.
    pub(crate) fn idle(&self) -> Option<Duration> {
        let counters = self.counters.as_ref();
        let counters = counters.filter(|_| self.connection.state.is_synchronized());
        counters.map(Counters::idle)
    }

    pub(crate) fn peer_address(&self) -> IpAddr {
        self.connection.peer().address()
    }

    /// Returns false for a row that is only shown because it has just left the table.
    pub(crate) fn is_present(&self) -> bool {
        !matches!(self.change, Change::Left { .. })
    }
}

/// The names of what a socket belongs to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct RowNames {
    /// Its host, where several are shown.
    pub(crate) host: Option<Arc<str>>,
    /// Its network namespace, where several are shown.
    pub(crate) netns: Option<Arc<str>>,
    /// The device it is bound to.
    pub(crate) device: Option<Arc<str>>,
    pub(crate) user: Option<Arc<str>>,
    /// Its container or unit, where the kernel reports the socket's cgroup.
    pub(crate) unit: Option<Arc<str>>,
    /// The service of its local port.
    pub(crate) service: Option<Arc<str>>,
}

/// The properties of a row that are expensive to look up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) holders: Option<Arc<HolderNames>>,
    pub(crate) deletability: Option<Deletability>,
}

impl Resolved {
    /// Returns the container or unit of the holder.
    pub(crate) fn unit(&self) -> Option<&Arc<str>> {
        self.holders.as_ref()?.unit.as_ref()
    }

    /// Takes over from another what is missing here.
    pub(super) fn fill_from(&mut self, other: &Self) {
        if self.holders.is_none() {
            self.holders.clone_from(&other.holders);
        }
        if self.deletability.is_none() {
            self.deletability.clone_from(&other.deletability);
        }
    }

    /// Fills in from `other` what is missing here.
    pub(crate) fn or(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.fill_from(other);
        both
    }
}

/// The names of the processes that hold a socket.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct HolderNames {
    /// Pids and names, escaped; empty where no process holds it.
    pub(crate) text: String,
    /// The number of those after the first.
    pub(crate) others: usize,
    /// The name of the first one, for sorting and grouping; empty where none is seen.
    pub(crate) first: Arc<str>,
    /// The first of the ancestors of that one which have its name.
    pub(crate) tree: i32,
    /// The container or unit of a holder, for sockets whose own is not known.
    pub(crate) unit: Option<Arc<str>>,
}

impl HolderNames {
    /// Returns the first holder, and the number of others.
    pub(crate) fn short(&self) -> String {
        let first = self.text.split(BETWEEN_HOLDERS).next();
        let first = first.unwrap_or_default();
        match self.others {
            0 => first.to_owned(),
            others => format!("{first} +{others}"),
        }
    }
}

/// The answer to "can it be deleted from here?".
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Deletability {
    By(Method),
    No(Arc<NotDeleted>),
}

/// The reason why a socket was not or can't be deleted, and the way out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NotDeleted {
    pub(crate) outcome: Outcome,
    pub(crate) cause: String,
    pub(crate) hint: Option<String>,
}

impl From<NotDeleted> for Deletability {
    fn from(reason: NotDeleted) -> Self {
        Self::No(Arc::new(reason))
    }
}

impl From<&tcpentry::Error> for NotDeleted {
    fn from(error: &tcpentry::Error) -> Self {
        Self {
            outcome: error.outcome(),
            cause: error.cause().to_owned(),
            hint: crate::message::hint_of(error).map(str::to_owned),
        }
    }
}

/// The most recent change of a row.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Change {
    #[default]
    None,
    New {
        since: Moment,
    },
    State {
        since: Moment,
        before: State,
    },
    /// It ended, or is no longer selected.
    Left {
        since: Moment,
    },
}

/// Bytes per second by the socket's own counters: received, and acknowledged by the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rates {
    pub(crate) received: f32,
    pub(crate) sent: f32,
}

/// The sum of the rates of rows, unknown while that of one of them is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateSum {
    sum: Rates,
    is_unknown: bool,
}

impl RateSum {
    pub(crate) fn add(&mut self, row: &Row) {
        match (row.rates, row.change) {
            (Some(rates), _) => {
                self.sum.received += rates.received;
                self.sum.sent += rates.sent;
            }
            // What has just come has moved next to nothing, and what has left moves nothing.
            (None, Change::New { .. } | Change::Left { .. }) => {}
            // A socket without counters moves no data any more.
            (None, _) => self.is_unknown |= row.counters.is_some(),
        }
    }

    pub(crate) fn get(self) -> Option<Rates> {
        (!self.is_unknown).then_some(self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails where a row has become larger: two frames are kept, so that eight bytes more are 16 MB on a host with a million
    /// connections, and the time to write and to read them.
    #[test]
    fn a_row_takes_240_bytes_at_most() {
        let size = size_of::<Row>();
        assert!(size <= 240, "{size}");
    }
}
