//! The messages between the screen and the worker.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::delete::Ending;
use tcpentry::{Connection, Selection};

use super::model::{
    Arranged, Arrangement, Deletability, Find, Frame, NotDeleted, PeerService, Resolved, Row,
    RowKey,
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

/// A message from the worker.
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
    pub(crate) sections: Vec<Section>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// Names and values, escaped.
    pub(crate) lines: Vec<(String, String)>,
}
