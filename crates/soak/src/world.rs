//! The state that all threads share.

use std::sync::atomic::AtomicBool;

use crate::oracle::Oracle;
use crate::tuples::Tuples;

/// The oracle, the tuples, and the phases of a run.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) oracle: Oracle,
    pub(crate) tuples: Vec<Tuples>,
    /// True once the deletions are over.
    pub(crate) quiet: AtomicBool,
    /// True once the owners are to close their connections, too.
    pub(crate) over: AtomicBool,
}
