//! Deletion by row and by identity, and batches of either.

use tcpentry::set_entry::{MIB_TCP_STATE_DELETE_TCB, Tcp6Row, TcpRow};
use tcpentry::{Deleted, Error, Identity, Options, Pair, Target, TcpTable};

use crate::detail::Detail;

/// Deletes the connection of a row (`SetTcpEntry`).
pub(crate) fn set(row: &TcpRow) -> Detail {
    Batch::open().row(row)
}

/// Deletes the connection of an IPv6 row (`SetTcp6Entry`).
pub(crate) fn set6(row: &Tcp6Row) -> Detail {
    Batch::open().row6(row)
}

/// Returns the identity of the socket that has these ends now (`tcpentry_identify`).
pub(crate) fn identify(pair: Result<Pair, Error>) -> Result<String, Detail> {
    let identified = pair.and_then(|pair| {
        let mut table = TcpTable::open()?;
        let connection = table.find(&pair.into())?;
        table.identity(&connection)
    });
    identified
        .map(|identity| identity.to_string())
        .map_err(|error| Detail::of_error(&error))
}

/// Deletes the socket of an identity (`tcpentry_delete_id`).
pub(crate) fn delete_id(word: &str) -> Detail {
    Batch::open().word(word)
}

/// A table for many deletions, or the error of opening it, which is the result of each.
pub(crate) struct Batch(Result<TcpTable, Error>);

impl Batch {
    pub(crate) fn open() -> Self {
        Self(TcpTable::open())
    }

    pub(crate) fn row(&mut self, row: &TcpRow) -> Detail {
        match &mut self.0 {
            Ok(table) => Detail::of(&table.set_entry(row)),
            Err(error) => without_table(row.state, error),
        }
    }

    pub(crate) fn row6(&mut self, row: &Tcp6Row) -> Detail {
        match &mut self.0 {
            Ok(table) => Detail::of(&table.set_entry6(row)),
            Err(error) => match row.pair() {
                Err(invalid) if row.state == MIB_TCP_STATE_DELETE_TCB => Detail::of_error(&invalid),
                _ => without_table(row.state, error),
            },
        }
    }

    pub(crate) fn word(&mut self, word: &str) -> Detail {
        match (word.parse::<Identity>(), &mut self.0) {
            (Err(error), _) => Detail::invalid(&error.to_string()),
            (_, Err(error)) => Detail::of_error(error),
            (Ok(identity), Ok(table)) => Detail::of(&delete(table, identity)),
        }
    }
}

/// Reports an error of the row itself first, even if no table can be opened.
fn without_table(state: u32, error: &Error) -> Detail {
    if state == MIB_TCP_STATE_DELETE_TCB {
        Detail::of_error(error)
    } else {
        Detail::invalid("the only state that can be set is MIB_TCP_STATE_DELETE_TCB (12)")
    }
}

fn delete(table: &mut TcpTable, identity: Identity) -> Result<Deleted, Error> {
    table.find_and_delete(&Target::Identity(identity), &Options::default())
}
