//! Findings of looks and deletions.

use tcpentry::netns::NetnsId;
use tcpentry::{Connection, Cookie, Outcome, Pair};

/// A socket as all tables together know it: the namespace, and the cookie in it.
pub(crate) type NamespacedKey = (NetnsId, Cookie);

/// A connection that a look has found.
#[derive(Clone, Debug)]
pub(crate) struct FoundConnection {
    pub(crate) netns: NetnsId,
    pub(crate) connection: Connection,
}

impl FoundConnection {
    pub(crate) fn key(&self) -> NamespacedKey {
        (self.netns, self.connection.cookie)
    }
}

/// Result of a look at the tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct LookResult {
    pub(crate) found: Vec<FoundConnection>,
    /// Those that match and that a guard protects.
    pub(crate) protected: Vec<Done>,
    /// The number of listeners that match and that only `listeners = true` deletes.
    pub(crate) listeners: u64,
    /// The number of those that `except` spares.
    pub(crate) excepted: u64,
    /// The number of those of which it can't be seen whether they match.
    pub(crate) hidden: u64,
    /// Failures of the look.
    pub(crate) failures: Vec<String>,
}

/// Reason why a look found nothing out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LookFailure {
    pub(crate) reason: String,
    /// Set where another look may succeed.
    pub(crate) may_pass: bool,
}

/// Outcome of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) netns: NetnsId,
    pub(crate) connection: Connection,
    pub(crate) outcome: Outcome,
    pub(crate) errno: Option<i32>,
    /// The identity, for `delete --id`.
    pub(crate) identity: String,
    /// Reason why it was not deleted.
    pub(crate) cause: Option<String>,
    /// The other subflows of its MPTCP connection, which end with it.
    pub(crate) subflows: Vec<Pair>,
    /// The name of the network namespace, where it is not the service's own.
    pub(crate) place: Option<String>,
}
