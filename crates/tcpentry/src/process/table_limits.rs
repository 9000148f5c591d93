//! The limits on what is read of the tables of descriptors that threads have to themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The limits of what one search reads in tables that threads have to themselves.
///
/// A thread costs its user next to nothing, and with a copy of a table of a thousand descriptors whoever looks for the
/// holders of sockets 13 ms: three processes of 300 such threads 12 seconds. What is left out is reported as
/// [partly seen](super::Owners::partly_seen).
#[derive(Debug)]
pub(crate) struct TableLimits {
    left: Arc<Mutex<Left>>,
    has_left_out: bool,
}

/// Rest of the limits, for all threads that search.
#[derive(Debug)]
struct Left {
    of_user: HashMap<Option<u32>, u64>,
    of_all: u64,
}

impl TableLimits {
    pub(crate) fn new() -> Self {
        let left = Left {
            of_user: HashMap::new(),
            of_all: LIMIT_OF_ALL,
        };
        Self {
            left: Arc::new(Mutex::new(left)),
            has_left_out: false,
        }
    }

    /// Returns the limits for another thread of the same search.
    pub(super) fn for_another_thread(&self) -> Self {
        Self {
            left: Arc::clone(&self.left),
            has_left_out: false,
        }
    }

    /// Returns true if something of the process that was looked into last was left out.
    pub(crate) const fn has_left_out(&self) -> bool {
        self.has_left_out
    }

    /// Remembers that something of this process was left out.
    pub(super) const fn leave_out(&mut self) {
        self.has_left_out = true;
    }

    /// Begins another process.
    pub(super) const fn next(&mut self) {
        self.has_left_out = false;
    }

    /// Takes the room of a table from what this user has left; `false` where that is not enough. Root's is not limited.
    pub(super) fn allow(&mut self, uid: Option<u32>, size: u64) -> bool {
        if uid == Some(0) {
            return true;
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let of_all = left.of_all;
        let of_user = left.of_user.entry(uid).or_insert(LIMIT_OF_USER);
        if size > *of_user || size > of_all {
            return false;
        }
        *of_user -= size;
        // Who has a range of users for containers has many.
        left.of_all -= size;
        true
    }
}

/// The descriptors for which there is room in the tables that are read of one user's threads, and of all but root's: a
/// program with a table for each of 200 threads stays below.
const LIMIT_OF_USER: u64 = 1 << 16;
const LIMIT_OF_ALL: u64 = 4 * LIMIT_OF_USER;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_takes_no_more_than_a_share_and_root_what_there_is() {
        let mut limits = TableLimits::new();
        assert!(limits.allow(Some(0), u64::MAX));
        assert!(limits.allow(Some(1), LIMIT_OF_USER - 64));
        assert!(!limits.allow(Some(1), 65));
        let mut other = limits.for_another_thread();
        assert!(other.allow(Some(1), 64) && !limits.allow(Some(1), 1));
        for uid in 2..5 {
            assert!(limits.allow(Some(uid), LIMIT_OF_USER));
        }
        assert!(!limits.allow(Some(5), 1), "of all");
    }
}
