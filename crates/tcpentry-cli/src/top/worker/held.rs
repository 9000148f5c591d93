//! The peers that the worker holds off.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use tcpentry::{Selection, State};

use super::super::model::RowKey;

/// Peers that are held off.
pub(super) struct HeldPeers {
    pub(super) serial: u64,
    pub(super) until: Instant,
    /// The filter in each network namespace, by its number.
    pub(super) selections: HashMap<u32, Arc<Selection>>,
    /// The sockets that were tried, in their state: what a guard protects is not tried again.
    pub(super) tried: HashSet<(RowKey, State)>,
}
