//! Deletion by row and by identity, and batches of either.

use std::net::{Ipv4Addr, Ipv6Addr};

use tcpentry::error::{Guard, Operation};
use tcpentry::set_entry::{MIB_TCP_STATE_DELETE_TCB, Tcp6Row, TcpRow};
use tcpentry::{
    Connection, Deleted, Endpoint, Error, ErrorKind, Identity, Options, Pair, State, Target,
    TcpTable,
};

use crate::detail::Detail;

/// Deletes the connection of a row (`SetTcpEntry`).
pub(crate) fn set(row: &TcpRow) -> Detail {
    OpenedTable::open().row(row)
}

/// Deletes the connection of an IPv6 row (`SetTcp6Entry`).
pub(crate) fn set6(row: &Tcp6Row) -> Detail {
    OpenedTable::open().row6(row)
}

/// Returns the identity of the socket that has these ends now (`tcpentry_identify`).
pub(crate) fn identify(pair: Result<Pair, Error>) -> Result<String, Detail> {
    let identified = pair.and_then(|pair| {
        let mut table = TcpTable::open()?;
        let connection = match table.find(&pair.into()) {
            Err(error) => listener_of_both(&mut table, &pair, &error).ok_or(error)?,
            Ok(found) => found,
        };
        table.identity(&connection)
    });
    identified
        .map(|identity| identity.to_string())
        .map_err(|error| Detail::of_error(&error))
}

/// Deletes the socket of an identity (`tcpentry_delete_id`).
pub(crate) fn delete_id(word: &str) -> Detail {
    OpenedTable::open().word(word)
}

/// A table for many deletions, or the error of opening it, which is the result of each.
pub(crate) struct OpenedTable(Result<TcpTable, Error>);

impl OpenedTable {
    pub(crate) fn open() -> Self {
        Self(TcpTable::open())
    }

    pub(crate) fn row(&mut self, row: &TcpRow) -> Detail {
        match &mut self.0 {
            Ok(table) => {
                let result = table.set_entry(row);
                Detail::of(&or_listener(table, row, result))
            }
            Err(error) => without_table(row.state, error),
        }
    }

    pub(crate) fn row6(&mut self, row: &Tcp6Row) -> Detail {
        match &mut self.0 {
            Ok(table) => Detail::of(&table.set_entry6(row)),
            Err(error) => without_table6(row, error),
        }
    }

    pub(crate) fn word(&mut self, word: &str) -> Detail {
        match (word.parse::<Identity>(), &mut self.0) {
            (Err(error), _) => Detail::invalid(&error.to_string()),
            (_, Err(error)) => Detail::of_error(error),
            (Ok(identity), Ok(table)) => Detail::of(&delete(table, identity)),
        }
    }

    /// Deletes the connections of rows, with one wait for those that are gone, and returns the results in their order.
    pub(crate) fn rows(&mut self, rows: &[TcpRow]) -> Vec<Detail> {
        match &mut self.0 {
            Ok(table) => {
                let results = table.set_entries(rows).into_iter().zip(rows);
                let details = results.map(|(result, row)| or_listener(table, row, result));
                details.map(|result| Detail::of(&result)).collect()
            }
            Err(error) => {
                let rows = rows.iter();
                rows.map(|row| without_table(row.state, error)).collect()
            }
        }
    }

    /// Deletes the connections of IPv6 rows, as [`rows`](Self::rows).
    pub(crate) fn rows6(&mut self, rows: &[Tcp6Row]) -> Vec<Detail> {
        match &mut self.0 {
            Ok(table) => table.set_entries6(rows).iter().map(Detail::of).collect(),
            Err(error) => rows.iter().map(|row| without_table6(row, error)).collect(),
        }
    }

    /// Deletes the sockets of identities, as [`rows`](Self::rows).
    pub(crate) fn words<'w>(
        &mut self,
        words: impl IntoIterator<Item = Option<&'w str>>,
    ) -> Vec<Detail> {
        let parsed: Vec<_> = words
            .into_iter()
            .map(|word| {
                let word = word.ok_or_else(|| Detail::invalid("id holds no text"))?;
                let identity = word.parse::<Identity>();
                identity.map_err(|error| Detail::invalid(&error.to_string()))
            })
            .collect();
        let identities = parsed.iter().flatten();
        let targets: Vec<_> = identities
            .map(|identity| Target::Identity(*identity))
            .collect();
        let mut deleted = match &mut self.0 {
            Ok(table) => {
                let deleted = table.find_and_delete_all(&targets, &Options::default());
                deleted.iter().map(Detail::of).collect()
            }
            Err(error) => vec![Detail::of_error(error); targets.len()],
        }
        .into_iter();
        let details = parsed.into_iter();
        let details = details.map(|parsed| match parsed {
            Ok(_) => deleted.next(),
            Err(detail) => Some(detail),
        });
        details.flatten().collect()
    }
}

/// Returns a result; "a listener" where nothing was found under the row of one that takes connections of both families.
fn or_listener(
    table: &mut TcpTable,
    row: &TcpRow,
    result: Result<Deleted, Error>,
) -> Result<Deleted, Error> {
    let pair = row.pair();
    result.map_err(|error| match listener_of_both(table, &pair, &error) {
        Some(_) => Error::refused(Guard::Listener, pair).during(Operation::SetEntry),
        None => error,
    })
}

/// Finds the listener of both families whose row in the IPv4 table has these ends, under which nothing was found.
fn listener_of_both(table: &mut TcpTable, pair: &Pair, error: &Error) -> Option<Connection> {
    let (local, peer) = (pair.local(), pair.peer());
    let is_any = |end: Endpoint| end.address() == Ipv4Addr::UNSPECIFIED;
    let is_listeners = is_any(local) && is_any(peer) && local.port() != 0 && peer.port() == 0;
    if !is_listeners || error.kind() != ErrorKind::NotFound {
        return None;
    }
    let any = |port| Endpoint::new(Ipv6Addr::UNSPECIFIED.into(), port);
    let of_ipv6 = Pair::new(any(local.port()), any(0)).ok()?;
    let found = match table.find(&of_ipv6.on(pair.interface()).into()) {
        Ok(found) => found,
        // Several of one port (`SO_REUSEPORT`).
        Err(error) => error.candidates().first()?.clone(),
    };
    (found.state == State::Listening && found.v6only == Some(false)).then_some(found)
}

/// Reports an error of the row itself first, even if no table can be opened.
fn without_table(state: u32, error: &Error) -> Detail {
    if state == MIB_TCP_STATE_DELETE_TCB {
        Detail::of_error(error)
    } else {
        Detail::invalid("the only state that can be set is MIB_TCP_STATE_DELETE_TCB (12)")
    }
}

/// Reports an error of the row itself first, as [`without_table`].
fn without_table6(row: &Tcp6Row, error: &Error) -> Detail {
    match row.pair() {
        Err(invalid) if row.state == MIB_TCP_STATE_DELETE_TCB => Detail::of_error(&invalid),
        _ => without_table(row.state, error),
    }
}

fn delete(table: &mut TcpTable, identity: Identity) -> Result<Deleted, Error> {
    table.find_and_delete(&Target::Identity(identity), &Options::default())
}
