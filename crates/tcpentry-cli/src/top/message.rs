//! What the screen asks of the worker, and what the worker tells.

use std::sync::Arc;
use std::time::Duration;

use tcpentry::{Connection, Method};

use super::model::{Arranged, Arrangement, Facts, Frame, Key, May, Refusal, Row};

/// What is asked of the worker.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Read the table now.
    Refresh,
    /// Read it so often; `None` is a pause.
    Every(Option<Duration>),
    /// Show what this selects. While it is being typed, no host is looked up for it.
    Filter {
        serial: u64,
        text: String,
        typing: bool,
    },
    Show(Shown),
    /// Of all network namespaces, or of those that the words named.
    AllNamespaces(bool),
    Arrange(Arrangement),
    /// These are on the screen: look up what is not known of them.
    Look(Vec<Key>),
    /// Tell all that is known of this one, again and again.
    Details(Option<Target>),
    /// Find out what a deletion of these would do.
    Rehearse {
        serial: u64,
        targets: Vec<Target>,
    },
    /// Delete these, which were shown and confirmed.
    Delete {
        serial: u64,
        targets: Vec<Target>,
    },
}

/// Which states are shown where the filter names none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Shown {
    #[default]
    Connections,
    Listening,
    All,
}

impl Shown {
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

/// One very socket.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) key: Key,
    pub(crate) connection: Connection,
    /// What its network namespace is called, where several are shown.
    pub(crate) netns: Option<Arc<str>>,
}

impl From<&Row> for Target {
    fn from(row: &Row) -> Self {
        Self {
            key: row.key,
            connection: row.connection.clone(),
            netns: row.netns.clone(),
        }
    }
}

/// What the worker tells.
#[derive(Clone, Debug)]
pub(crate) enum Update {
    /// The table was read.
    Frame {
        frame: Arc<Frame>,
        arrangement: Arrangement,
        arranged: Arranged,
    },
    /// What was looked up.
    Facts(Vec<(Key, Facts)>),
    /// What became of a filter: it is shown, or what is wrong.
    Filter {
        serial: u64,
        result: Result<(), Wrong>,
    },
    /// Which namespaces are shown now.
    Namespaces {
        all: bool,
        notes: Vec<String>,
    },
    Details {
        key: Key,
        details: Box<Details>,
    },
    /// What a deletion would do, in the order of the targets.
    Preview {
        serial: u64,
        items: Vec<Item>,
    },
    /// What became of one.
    Outcome {
        serial: u64,
        target: Box<Target>,
        result: Result<Method, Refusal>,
    },
    /// That was all.
    Done {
        serial: u64,
    },
    /// The table can't be read.
    Trouble(String),
}

/// What is wrong with a filter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Wrong {
    /// Characters before it.
    pub(crate) column: usize,
    pub(crate) length: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// One connection of a preview.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) target: Target,
    pub(crate) holders: String,
    pub(crate) user: String,
    pub(crate) may: May,
}

/// All that is known of one connection, as it is shown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Details {
    /// The one that deletes it, and nothing else, however late.
    pub(crate) command: Option<String>,
    pub(crate) sections: Vec<Section>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// Each with its name; escaped.
    pub(crate) lines: Vec<(String, String)>,
}
