//! A row of the table, and its name that never means another.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use tcpentry::{Connection, Cookie, Method, Outcome, State};

/// Which socket a row is: its cookie, in its network namespace.
///
/// (Before Linux 5.10 cookies are counted in each network namespace by itself.)
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key {
    /// The worker's number of the namespace, never given again.
    pub(crate) site: u32,
    pub(crate) cookie: Cookie,
}

/// A socket as it was seen last.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: Key,
    pub(crate) connection: Connection,
    /// What its network namespace is called, where several are shown.
    pub(crate) netns: Option<Arc<str>>,
    /// The name of the device it is bound to.
    pub(crate) device: Option<Arc<str>>,
    pub(crate) user: Option<Arc<str>>,
    /// Its container, or its unit, where the kernel tells it of the socket.
    pub(crate) unit: Option<Arc<str>>,
    /// What has been looked up of it; that is done only for what is shown.
    pub(crate) facts: Facts,
    pub(crate) change: Change,
    pub(crate) rates: Option<Rates>,
    /// When it was read.
    pub(crate) seen: Instant,
}

impl Row {
    /// A socket that was read at this time, and of which no more is known.
    pub(crate) fn read(key: Key, connection: Connection, seen: Instant) -> Self {
        Self {
            key,
            connection,
            netns: None,
            device: None,
            user: None,
            unit: None,
            facts: Facts::default(),
            change: Change::None,
            rates: None,
            seen,
        }
    }

    /// Its container, or its unit.
    pub(crate) fn unit(&self) -> Option<&str> {
        self.unit.as_deref().or(self.facts.unit.as_deref())
    }

    pub(crate) fn peer_address(&self) -> IpAddr {
        self.connection.peer().address()
    }

    /// Whether it is still there, as far as anybody has looked.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self.change, Change::Left { .. })
    }
}

/// What costs to be known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) holders: Option<Arc<Holders>>,
    /// That of its holder, where that one decides.
    pub(crate) unit: Option<Arc<str>>,
    pub(crate) may: Option<May>,
}

impl Facts {
    /// What is known of either.
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self {
            holders: self.holders.clone().or_else(|| other.holders.clone()),
            unit: self.unit.clone().or_else(|| other.unit.clone()),
            may: self.may.clone().or_else(|| other.may.clone()),
        }
    }
}

/// Who holds a socket.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Holders {
    /// Names and pids, escaped; empty where nobody holds it.
    pub(crate) text: String,
    /// The first one's name, to sort and group by.
    pub(crate) name: String,
}

/// Whether it may be deleted from here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum May {
    By(Method),
    No(Refusal),
}

/// Why not, and the way out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) outcome: Outcome,
    pub(crate) cause: String,
    pub(crate) hint: Option<String>,
}

impl From<&tcpentry::Error> for Refusal {
    fn from(error: &tcpentry::Error) -> Self {
        Self {
            outcome: error.outcome(),
            cause: error.cause().to_owned(),
            hint: crate::output::hint_of(error).map(str::to_owned),
        }
    }
}

/// What has changed lately.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Change {
    #[default]
    None,
    New {
        since: Instant,
    },
    State {
        since: Instant,
        before: State,
    },
    /// It ended, or is not selected any more.
    Left {
        since: Instant,
    },
}

/// Bytes a second, by the socket's own counters: acknowledged by the peer, and received.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rates {
    pub(crate) received: f64,
    pub(crate) sent: f64,
}
