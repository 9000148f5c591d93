//! One attempt to delete a connection, and its result.

use std::time::SystemTime;

use tcpentry::delete::Ending;
use tcpentry::{Connection, Error, Outcome, Pair, Target};

/// The connection that was found under a name, and the result of deleting it.
pub(super) struct Attempt {
    /// The index of the table in which it was made.
    pub(super) table: usize,
    pub(super) target: Target,
    pub(super) found: Option<Connection>,
    pub(super) result: Result<Ending, Error>,
    /// The time in which that became known.
    pub(super) at: SystemTime,
    /// The sockets in several tables that the name means, each with the index of its table.
    elsewhere: Vec<(usize, Connection)>,
    /// The other subflows of its MPTCP connection.
    pub(super) subflows: Vec<Connection>,
    /// Set where a message names them.
    pub(super) names_subflows: bool,
}

impl Attempt {
    /// Creates an attempt on a connection that was found by its name.
    pub(super) fn on_target(
        table: usize,
        target: Target,
        found: Connection,
        result: Result<Ending, Error>,
    ) -> Self {
        Self {
            table,
            target,
            found: Some(found),
            result,
            at: SystemTime::now(),
            elsewhere: Vec::new(),
            subflows: Vec::new(),
            names_subflows: false,
        }
    }

    /// Creates an attempt on a row that a filter selected.
    pub(super) fn on_row(table: usize, row: Connection, result: Result<Ending, Error>) -> Self {
        Self::on_target(table, row.pair.into(), row, result)
    }

    /// Creates an attempt that found no connection, or no single one.
    pub(super) fn not_found(table: usize, target: Target, error: Error) -> Self {
        Self {
            table,
            target,
            found: None,
            result: Err(error),
            at: SystemTime::now(),
            elsewhere: Vec::new(),
            subflows: Vec::new(),
            names_subflows: false,
        }
    }

    /// Adds the sockets in several tables between which the name does not decide.
    pub(super) fn with_candidates(self, elsewhere: Vec<(usize, Connection)>) -> Self {
        Self { elsewhere, ..self }
    }

    /// Adds the other subflows of its MPTCP connection, which end with it though nobody named them.
    pub(super) fn with_subflows(self, subflows: Vec<Connection>) -> Self {
        Self {
            subflows,
            names_subflows: true,
            ..self
        }
    }

    /// Adds the other subflows of its MPTCP connection; a message names them where not each has a report of its own.
    pub(super) fn beside(self, subflows: Vec<Connection>, names_subflows: bool) -> Self {
        Self {
            subflows,
            names_subflows,
            ..self
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match &self.result {
            Ok(_) => Outcome::Deleted,
            Err(error) => error.outcome(),
        }
    }

    /// Returns true where it was deleted, and its peer could not be told because the local address has left the host.
    pub(super) fn is_peer_left_waiting(&self) -> bool {
        let ending = self.result.as_ref();
        ending.is_ok_and(|it| it.reset.kept_back().is_some())
    }

    /// Returns the ends of the connection that was found, or those that were named.
    pub(super) fn pair(&self) -> Pair {
        self.found
            .as_ref()
            .map_or(self.target.pair(), |found| found.pair)
    }

    /// Returns the sockets between which the name does not decide, each with the index of its table.
    pub(super) fn candidates(&self) -> impl Iterator<Item = (usize, &Connection)> {
        let here = self
            .result
            .as_ref()
            .err()
            .map_or(&[][..], Error::candidates);
        let elsewhere = self.elsewhere.iter().map(|(table, it)| (*table, it));
        here.iter().map(|it| (self.table, it)).chain(elsewhere)
    }
}
