//! The parameters of a run.

use std::path::PathBuf;
use std::time::Duration;

use crate::terms::By;

/// The parameters of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The time during which connections are deleted.
    pub time: Duration,
    /// Owners of connections, a thread and a listener each.
    pub owners: u16,
    /// The largest number of connections of each owner: its client ports.
    pub ports: u16,
    /// The number of deleters through each of the three products.
    pub deleters: usize,
    /// The program.
    pub program: PathBuf,
    /// The seed of all random choices.
    pub seed: u64,
    /// A fault of the deleters through the library, or of the service, which the oracle has to find.
    pub lie: Option<(By, Lie)>,
}

/// Faults that are made on purpose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lie {
    /// Delete what nobody has named.
    Unnamed,
    /// Delete, and report "gone".
    Unreported,
    /// Report "deleted", and delete nothing.
    Undone,
}
