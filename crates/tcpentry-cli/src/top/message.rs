//! The messages between the screen and the worker.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::delete::Ending;
use tcpentry::{Connection, Selection, State};

use super::model::{
    Arranged, Arrangement, Deletability, Find, Frame, HostName, NotDeleted, PeerService, Resolved,
    Row, RowKey,
};

/// A request to the worker.
#[derive(Clone, Debug)]
pub(crate) enum WorkerCommand {
    /// Read the table now.
    Refresh,
    /// Read the table at this interval; `None` pauses.
    Every(Option<Duration>),
    /// Show what this filter selects. While it is being typed, no host names are resolved for it.
    Filter {
        serial: u64,
        text: String,
        typing: bool,
    },
    /// Go to another frame of a replay.
    Seek(SeekStep),
    ShowKind(SocketKind),
    /// Show all network namespaces, or those named on the command line.
    AllNamespaces(bool),
    /// Sort, group and find rows like this.
    Arrange(Arrangement, Find),
    /// Look up what is not known of these rows, which are on the screen.
    Resolve(Vec<RowKey>),
    /// Send the details of this socket now and after each reading.
    Details(Option<SocketTarget>),
    /// Find out what a deletion of these would do.
    Preview {
        serial: u64,
        targets: Vec<SocketTarget>,
    },
    /// Delete these, which were shown and confirmed.
    Delete {
        /// The number of the preview.
        serial: u64,
        targets: Vec<SocketTarget>,
        basis: Arc<PreviewBasis>,
        /// Others of the same preview are deleted before or after these: meanwhile the table is read as ever.
        paced: bool,
    },
    /// Delete, until then, whatever comes of these peers, each in the network namespace of this number.
    Hold {
        serial: u64,
        services: Vec<(u32, PeerService)>,
        until: Instant,
    },
    /// Hold nobody off any more.
    EndHolds,
}

/// A way to another frame of a replay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SeekStep {
    FrameBefore,
    NextFrame,
    MinuteBack,
    MinuteOn,
}

/// The states shown where the filter names none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum SocketKind {
    #[default]
    Connections,
    Listening,
    All,
}

impl SocketKind {
    /// Returns the kind after this one, cyclically.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Connections => Self::Listening,
            Self::Listening => Self::All,
            Self::All => Self::Connections,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Listening => "listeners",
            Self::All => "all states",
        }
    }
}

/// One particular socket, to be shown in detail or deleted.
#[derive(Clone, Debug)]
pub(crate) struct SocketTarget {
    pub(crate) key: RowKey,
    pub(crate) connection: Connection,
    /// Its host, where several are shown.
    pub(crate) host: Option<Arc<str>>,
    /// The name of its network namespace, where several are shown.
    pub(crate) netns: Option<Arc<str>>,
}

impl From<&Row> for SocketTarget {
    fn from(row: &Row) -> Self {
        Self {
            key: row.key,
            connection: row.to_connection(),
            host: row.names.host.clone(),
            netns: row.names.netns.clone(),
        }
    }
}

/// A message from the worker, or from those that look up names.
#[derive(Clone, Debug)]
pub(crate) enum Update {
    /// A new reading of the table.
    Frame {
        frame: Arc<Frame>,
        arrangement: Arrangement,
        find: Find,
        arranged: Arranged,
    },
    /// Properties that were looked up.
    Resolved(Vec<(RowKey, Resolved)>),
    /// The answer to a filter: it is in effect, or this is wrong with it.
    Filter {
        serial: u64,
        result: Result<(), FilterProblem>,
    },
    /// The namespaces shown from now on, and messages about those that can't be.
    Namespaces { all: bool, notes: Vec<String> },
    Details {
        key: RowKey,
        details: Box<DetailText>,
    },
    /// The expected outcome of a deletion, in the order of its targets.
    Preview {
        serial: u64,
        items: Vec<PreviewItem>,
        basis: Arc<PreviewBasis>,
    },
    /// The outcome for one target of a deletion.
    Outcome {
        serial: u64,
        target: Box<SocketTarget>,
        result: Result<Ending, NotDeleted>,
    },
    /// The end of holding peers off, because the time is over, or for this reason.
    HoldEnded { serial: u64, reason: Option<String> },
    /// The end of a deletion.
    Done { serial: u64 },
    /// The answer for an address whose name was asked for: it may have none.
    HostName {
        address: IpAddr,
        name: Option<HostName>,
    },
    /// The names of services, by port.
    Services(Arc<foldhash::HashMap<u16, Arc<str>>>),
    /// The reason why the table can't be read.
    Trouble(String),
}

/// An error in a filter, and its place in the text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct FilterProblem {
    /// The number of characters before it.
    pub(crate) column: usize,
    pub(crate) length: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// One connection of a preview.
#[derive(Clone, Debug)]
pub(crate) struct PreviewItem {
    pub(crate) target: SocketTarget,
    pub(crate) holders: String,
    pub(crate) user: String,
    pub(crate) deletability: Deletability,
}

/// The knowledge behind a preview. Its sockets are deleted by it, whatever the filter is by then.
#[derive(Clone, Debug, Default)]
pub(crate) struct PreviewBasis {
    /// The sockets that were shown as deletable.
    pub(crate) deletable: HashSet<RowKey>,
    /// The sockets that matched the filter.
    pub(crate) selected: HashSet<RowKey>,
    /// The filter in each network namespace, by its number.
    pub(crate) selections: HashMap<u32, Arc<Selection>>,
}

/// The details of one connection, as text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct DetailText {
    /// The command that deletes this connection and never another.
    pub(crate) command: Option<String>,
    /// The sentence, which stands above the charts, or why there is none.
    pub(crate) head: Vec<Section>,
    /// The values that are charted; `None` where the connection could not be read.
    pub(crate) reading: Option<DetailReading>,
    pub(crate) sections: Vec<Section>,
    /// The counters in groups.
    pub(crate) groups: Vec<Section>,
    /// The counters by the kernel's names, which a key shows instead.
    pub(crate) kernel: Vec<Section>,
}

/// The values of one reading that are charted, each `None` where it is unknown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DetailReading {
    /// The time of the reading; of a recording, that at which it was made.
    pub(crate) at: Instant,
    pub(crate) rtt: Option<Duration>,
    /// In segments.
    pub(crate) congestion_window: Option<u64>,
    /// In bytes per second, as the kernel has last measured it.
    pub(crate) delivery_rate: Option<u64>,
    /// The bytes so far that the peer has acknowledged.
    pub(crate) bytes_acked: Option<u64>,
    /// The bytes so far that have come.
    pub(crate) bytes_received: Option<u64>,
    pub(crate) send_queue: Option<u64>,
    pub(crate) recv_queue: Option<u64>,
    /// Of a listener: the connections that are not accepted yet.
    pub(crate) accept_queue: Option<u64>,
}

impl DetailReading {
    /// Returns the reading of a socket at this time of which only its row is known.
    pub(crate) fn of_row(at: Instant, row: &Connection) -> Self {
        let is_listener = row.state == State::Listening;
        let queue = |bytes: u32| (!is_listener).then_some(u64::from(bytes));
        let info = row.info.as_deref().filter(|_| !is_listener);
        Self {
            at,
            // Zero: not measured yet.
            rtt: info.map(|info| info.rtt).filter(|rtt| !rtt.is_zero()),
            congestion_window: None,
            delivery_rate: None,
            bytes_acked: info.map(|info| info.bytes_acked),
            bytes_received: info.map(|info| info.bytes_received),
            send_queue: queue(row.send_queue),
            recv_queue: queue(row.recv_queue),
            accept_queue: is_listener.then_some(row.recv_queue.into()),
        }
    }
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// Names and values, escaped.
    pub(crate) lines: Vec<(String, String)>,
}
