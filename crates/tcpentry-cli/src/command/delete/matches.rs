//! The sockets that one dump of the tables selected, held until they may be deleted.

use std::collections::{BTreeSet, HashSet};

use super::sample::Sampler;
use crate::own_session;
use tcpentry::connection::CompactConnection;
use tcpentry::delete::Subflows;
use tcpentry::{Connection, Cookie, Error};

/// A socket as all tables together know it: the index of its table and its cookie.
///
/// (Before Linux 5.10 each network namespace counts its own cookies.)
pub(in crate::command) type SocketKey = (usize, Cookie);

/// The sockets that one dump of the tables selected.
#[derive(Default)]
pub(in crate::command) struct Matches {
    pub(in crate::command) rows: Vec<Match>,
    /// The first of them, to be shown.
    pub(in crate::command) preview: Vec<(usize, Connection)>,
    /// Sockets that match, but that a guard of the program protects.
    pub(in crate::command) protected: Vec<(usize, Connection, Error)>,
    /// The errors of tables, of several, that could not be dumped.
    pub(in crate::command) failures: Vec<Error>,
    /// Sockets that may or may not match: this caller may not see what decides.
    pub(in crate::command) hidden: HashSet<SocketKey>,
}

/// The result of drawing a random sample: numbers of connections, and the sockets that were left out.
pub(in crate::command) struct Sampled {
    pub(in crate::command) taken: u64,
    pub(in crate::command) of: u64,
    pub(in crate::command) left_out: HashSet<SocketKey>,
}

/// A socket to be deleted once that has been allowed, in 64 bytes: there may be a million.
#[derive(Clone)]
pub(in crate::command) struct Match {
    /// The index of its table.
    table: u32,
    connection: CompactConnection,
}

impl Match {
    pub(in crate::command) fn table(&self) -> usize {
        self.table as usize
    }

    pub(in crate::command) fn connection(&self) -> Connection {
        Connection::from(&self.connection)
    }

    pub(in crate::command) fn key(&self) -> SocketKey {
        (self.table(), self.connection.cookie())
    }
}

/// An exception, which looks at the row of a table of this index.
pub(super) type Exception<'a> = Box<dyn FnMut(usize, &Connection) -> bool + 'a>;

impl Matches {
    /// Adds a row that is to be deleted.
    pub(in crate::command) fn push(&mut self, table: usize, row: Connection) {
        self.rows.push(Match {
            table: u32::try_from(table).expect("there are not so many namespaces"),
            connection: CompactConnection::from(&row),
        });
        if self.preview.len() < PREVIEW_ROWS {
            self.preview.push((table, row));
        }
    }

    /// Returns the number of sockets that are to be deleted.
    pub(in crate::command) fn count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Keeps a random sample of the connections that are to be deleted, and returns it: `connection_of` names the connection of
    /// a row, of which MPTCP has several. The others are returned by their keys.
    pub(super) fn sample(
        &mut self,
        sampler: &mut Sampler,
        connection_of: impl Fn(&Match) -> SocketKey,
    ) -> Sampled {
        let of_rows: Vec<_> = self.rows.iter().map(connection_of).collect();
        let all: BTreeSet<_> = of_rows.iter().copied().collect();
        let all: Vec<_> = all.into_iter().collect();
        let taken = all.iter().zip(sampler.choose(&all)).filter(|(_, it)| *it);
        let taken: HashSet<_> = taken.map(|(key, _)| *key).collect();
        let rows = self.rows.iter().zip(of_rows);
        let left_out = rows.filter(|(_, connection)| !taken.contains(connection));
        let left_out: HashSet<_> = left_out.map(|(row, _)| row.key()).collect();
        self.rows.retain(|it| !left_out.contains(&it.key()));
        self.preview
            .retain(|(table, row)| !left_out.contains(&(*table, row.cookie)));
        Sampled {
            taken: taken.len() as u64,
            of: all.len() as u64,
            left_out,
        }
    }

    /// Protects what would take along another subflow of its MPTCP connection that is spared.
    pub(in crate::command) fn protect_beside(
        &mut self,
        table: usize,
        subflows: &Subflows,
        spares: &mut Exception<'_>,
    ) {
        if subflows.is_empty() {
            return;
        }
        let mut refused = HashSet::new();
        for one in self.rows.iter().filter(|it| it.table() == table) {
            let row = one.connection();
            if let Some(refusal) = refuse_beside(spares, table, &row, subflows) {
                refused.insert(one.key());
                self.protected.push((table, row, refusal));
            }
        }
        self.rows.retain(|it| !refused.contains(&it.key()));
        self.preview
            .retain(|(of, row)| !refused.contains(&(*of, row.cookie)));
    }

    /// Protects each subflow of an MPTCP connection of which another subflow, which would end with it, was not selected
    /// or is protected. `subflows` are those of the table of this index.
    pub(in crate::command) fn protect_torn(&mut self, table: usize, subflows: &Subflows) {
        if subflows.is_empty() {
            return;
        }
        let here = self
            .rows
            .iter()
            .filter(|it| it.table() == table)
            .map(|it| it.connection.cookie());
        let selected: HashSet<_> = here.collect();
        let of_session = self.protected.iter().filter(|it| it.0 == table);
        let of_session: HashSet<_> = of_session.map(|(_, row, _)| row.cookie).collect();
        let protected = &mut self.protected;
        self.rows.retain(|it| {
            if it.table() != table {
                return true;
            }
            let row = it.connection();
            let is_torn = |it: &&Connection| !selected.contains(&it.cookie);
            let Some(other) = subflows.others_of(&row).find(is_torn) else {
                return true;
            };
            let refusal = if of_session.contains(&other.cookie) {
                own_session::refused(row.pair)
            } else {
                Error::subflow_not_selected(row.pair, &other.pair)
            };
            protected.push((table, row, refusal));
            false
        });
        let left: HashSet<_> = self
            .rows
            .iter()
            .map(|it| (it.table(), it.connection.cookie()))
            .collect();
        self.preview
            .retain(|(table, row)| left.contains(&(*table, row.cookie)));
    }

    /// Removes repeated sockets: while others come and go, a dump may yield one twice.
    pub(in crate::command) fn remove_duplicates(&mut self) {
        let cookies = self.rows.iter().map(|it| it.connection.cookie());
        let mut cookies: Vec<_> = cookies.collect();
        cookies.sort_unstable();
        if cookies.windows(2).all(|two| two[0] != two[1]) {
            return;
        }
        let mut seen = HashSet::new();
        self.rows
            .retain(|it| seen.insert((it.table, it.connection.cookie())));
        let mut seen = HashSet::new();
        self.preview
            .retain(|(table, row)| seen.insert((*table, row.cookie)));
    }

    /// Sorts by table: dumps that ran side by side are mixed, while the rows of each are in order.
    pub(in crate::command) fn sort_by_table(&mut self) {
        self.rows.sort_by_key(|it| it.table);
        self.preview.sort_by_key(|(table, _)| *table);
    }
}

/// The number of rows of a preview: as many as fill a screen or two.
const PREVIEW_ROWS: usize = 60;

/// Returns the refusal of a row that would take along another subflow of its MPTCP connection that is spared.
pub(super) fn refuse_beside(
    spares: &mut Exception<'_>,
    table: usize,
    row: &Connection,
    subflows: &Subflows,
) -> Option<Error> {
    let spared = subflows.others_of(row).find(|it| spares(table, it));
    spared.map(|other| Error::subflow_not_selected(row.pair, &other.pair))
}
