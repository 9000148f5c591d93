//! The subflows of an MPTCP connection, which end together.

use super::single::{Deleter, guard};
use crate::connection::Connection;
use crate::connection::state::States;
use crate::error::{Error, Operation};
use crate::sock_diag::Scope;
use crate::table::TcpTable;
use crate::table::lookup::Lookup;
use crate::table::refusal::dump_error;

impl TcpTable {
    /// Returns the other subflows of the MPTCP connection that this one is a subflow of: they end with it.
    ///
    /// None for one that is no subflow, or not known to be one. It takes a dump of the table.
    ///
    /// # Errors
    /// Fails where the dump does.
    pub fn other_subflows(&mut self, connection: &Connection) -> Result<Vec<Connection>, Error> {
        other_subflows(&mut self.lookup, connection)
    }
}

fn other_subflows(lookup: &mut Lookup, connection: &Connection) -> Result<Vec<Connection>, Error> {
    let is_possible = match connection.mptcp {
        Some(is_subflow) => is_subflow,
        // The kernel may hide it, but not that there is some MPTCP connection.
        None => lookup.diag.has_mptcp() != Ok(false),
    };
    if !is_possible {
        return Ok(Vec::new());
    }
    let scope = Scope {
        states: States::ALL_ACTIVE,
        info: true,
        ports: (0, 0),
        program: None,
        half: None,
    };
    let mut found = Vec::new();
    for row in lookup.diag.dump(scope).map_err(dump_error)? {
        let row = row.map_err(dump_error)?;
        if row.cookie != connection.cookie && is_of_one_connection(&row, connection) {
            found.push(row);
        }
    }
    found.sort_unstable_by_key(|row| row.cookie);
    found.dedup_by_key(|row| row.cookie);
    Ok(found)
}

/// Returns true for two subflows of one MPTCP connection: they have its token, and the inode of its socket.
fn is_of_one_connection(one: &Connection, other: &Connection) -> bool {
    let same_token = one.mptcp_token.is_some() && one.mptcp_token == other.mptcp_token;
    same_token || (one.inode.is_some() && one.inode == other.inode)
}

impl Deleter<'_> {
    pub(super) fn other_subflows(
        &mut self,
        connection: &Connection,
    ) -> Result<Vec<Connection>, Error> {
        other_subflows(self.lookup, connection)
    }

    /// Refuses a subflow if another one, which would end with it, must not be deleted.
    pub(super) fn check_subflows(
        &mut self,
        connection: &Connection,
        others: &[Connection],
    ) -> Result<(), Error> {
        for other in others {
            guard(other, self.options)?;
        }
        let Some(recheck) = &mut self.recheck else {
            return Ok(());
        };
        let rows: Vec<_> = others.iter().collect();
        let selected = recheck.evaluate(&rows)?;
        match others.iter().zip(selected).find(|(_, selected)| !selected) {
            Some((other, _)) => {
                let because = format!("{} is not selected", other.pair);
                Err(Error::refused_subflow(connection.pair, &because).during(Operation::Delete))
            }
            None => Ok(()),
        }
    }
}
