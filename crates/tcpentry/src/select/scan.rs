//! A scan of `/proc`, with its time.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::error::{Error, Operation};
use crate::process::owners::Owners;
use crate::process::proc::look_failed;

/// The owners that a scan has found, its end, and the time that it took.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) owners: Owners,
    end: Instant,
    cost: Duration,
}

impl Scan {
    /// Runs a search, and reports its failure as one of this operation.
    pub(crate) fn run(
        operation: Operation,
        search: impl FnOnce() -> io::Result<Owners>,
    ) -> Result<Self, Error> {
        let start = Instant::now();
        let owners = search().map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            look_failed(operation, "look through /proc", errno)
        })?;
        let end = Instant::now();
        Ok(Self {
            owners,
            end,
            cost: end - start,
        })
    }

    /// Returns true if it is not longer ago than it took: who scans again only then spends half of the time on it at most.
    pub(crate) fn is_recent(&self) -> bool {
        self.end.elapsed() < self.cost
    }
}
