//! Deleting: by row, by identity, many of either.

use tcpentry::{Deleted, Error, Identity, Options, Pair, Target, Tcp6Row, TcpRow, TcpTable};

use crate::detail::Detail;

/// `SetTcpEntry`
pub(crate) fn set(row: &TcpRow) -> Detail {
    Detail::of(&TcpTable::open().and_then(|mut table| table.set_entry(row)))
}

/// `SetTcp6Entry`
pub(crate) fn set6(row: &Tcp6Row) -> Detail {
    Detail::of(&TcpTable::open().and_then(|mut table| table.set_entry6(row)))
}

/// `tcpentry_identify`: the identity of whatever has this name now.
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

/// `tcpentry_delete_id`
pub(crate) fn delete_id(word: &str) -> Detail {
    match TcpTable::open() {
        Ok(mut table) => delete_word(&mut table, word),
        Err(error) => Detail::of_error(&error),
    }
}

/// A table for many deletions, or the detail that stands for each of them.
pub(crate) struct Batch(Result<TcpTable, Error>);

impl Batch {
    pub(crate) fn open() -> Self {
        Self(TcpTable::open())
    }

    pub(crate) fn row(&mut self, row: &TcpRow) -> Detail {
        match &mut self.0 {
            Ok(table) => Detail::of(&table.set_entry(row)),
            Err(error) => Detail::of_error(error),
        }
    }

    pub(crate) fn row6(&mut self, row: &Tcp6Row) -> Detail {
        match &mut self.0 {
            Ok(table) => Detail::of(&table.set_entry6(row)),
            Err(error) => Detail::of_error(error),
        }
    }

    pub(crate) fn word(&mut self, word: &str) -> Detail {
        match &mut self.0 {
            Ok(table) => delete_word(table, word),
            Err(error) => Detail::of_error(error),
        }
    }
}

fn delete_word(table: &mut TcpTable, word: &str) -> Detail {
    match word.parse::<Identity>() {
        Ok(identity) => Detail::of(&delete(table, identity)),
        Err(error) => Detail::invalid(&error.to_string()),
    }
}

fn delete(table: &mut TcpTable, identity: Identity) -> Result<Deleted, Error> {
    let connection = table.find(&Target::Identity(identity))?;
    table.delete(&connection, &Options::default())
}
