//! The subflows of MPTCP connections, which end together.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::connection::state::States;
use crate::connection::{Connection, Cookie, Inode};
use crate::error::Error;
use crate::sock_diag::Scope;
use crate::table::TcpTable;
use crate::table::lookup::Lookup;
use crate::table::refusal::dump_error;

/// The subflows of each MPTCP connection of a table: a snapshot.
///
/// Two subflows belong together if they have the token of their MPTCP connection
/// ([`Connection::mptcp_token`]), or the inode of its socket.
#[derive(Clone, Debug, Default)]
pub struct Subflows {
    /// Those of connections that have several.
    rows: Vec<Connection>,
    places: HashMap<Cookie, Vec<usize>>,
}

impl TcpTable {
    /// Returns the subflows of all MPTCP connections.
    ///
    /// It takes a dump of the table, or two where the kernel does not show what is MPTCP (up to Linux 6.12, to callers
    /// without `CAP_NET_ADMIN`); where the network namespace has no MPTCP connection, two short questions.
    ///
    /// # Errors
    /// Fails where the dump does.
    pub fn subflows(&mut self) -> Result<Subflows, Error> {
        Subflows::read(&mut self.lookup)
    }

    /// Returns the other subflows of the MPTCP connection that this one is a subflow of: they end with it.
    ///
    /// None for one that is not a subflow, or not known to be one.
    ///
    /// # Errors
    /// Fails as [`subflows`](Self::subflows) does.
    pub fn other_subflows(&mut self, connection: &Connection) -> Result<Vec<Connection>, Error> {
        if connection.mptcp == Some(false) {
            return Ok(Vec::new());
        }
        Ok(self.subflows()?.others_of(connection).cloned().collect())
    }
}

impl Subflows {
    /// Returns true where no MPTCP connection has more than one subflow.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the other subflows of its MPTCP connection.
    pub fn others_of(&self, connection: &Connection) -> impl Iterator<Item = &Connection> {
        let places = self.places.get(&connection.cookie).into_iter().flatten();
        places.map(|&place| &self.rows[place])
    }

    fn read(lookup: &mut Lookup) -> Result<Self, Error> {
        if lookup.diag.has_mptcp() == Ok(false) {
            return Ok(Self::default());
        }
        let (mut rows, mut inodes) = (Vec::new(), Repeated::default());
        each_row(lookup, |row| match row.mptcp {
            Some(true) => rows.push(row),
            Some(false) => {}
            // The kernel may hide it. What is held by one socket alone is one connection.
            None => inodes.count(row.inode),
        })?;
        if !inodes.twice.is_empty() {
            each_row(lookup, |row| {
                if row.mptcp.is_none() && row.inode.is_some_and(|it| inodes.twice.contains(&it)) {
                    rows.push(row);
                }
            })?;
        }
        Ok(Self::of(rows))
    }

    fn of(mut rows: Vec<Connection>) -> Self {
        rows.sort_unstable_by_key(|row| row.cookie);
        rows.dedup_by_key(|row| row.cookie);
        let (mut by_token, mut by_inode) = (HashMap::new(), HashMap::new());
        for (place, row) in rows.iter().enumerate() {
            if let Some(token) = row.mptcp_token {
                by_token.entry(token).or_insert_with(Vec::new).push(place);
            }
            if let Some(inode) = row.inode {
                by_inode.entry(inode).or_insert_with(Vec::new).push(place);
            }
        }
        let mut places = HashMap::new();
        for (place, row) in rows.iter().enumerate() {
            let by_token = row.mptcp_token.and_then(|token| by_token.get(&token));
            let by_inode = row.inode.and_then(|inode| by_inode.get(&inode));
            let all = by_token.into_iter().chain(by_inode).flatten().copied();
            let mut others: Vec<_> = all.filter(|&other| other != place).collect();
            others.sort_unstable();
            others.dedup();
            if !others.is_empty() {
                places.insert(row.cookie, others);
            }
        }
        if places.is_empty() {
            rows.clear();
        }
        Self { rows, places }
    }
}

/// The inodes of sockets, and those that came twice.
#[derive(Default)]
struct Repeated {
    once: HashSet<Inode>,
    twice: HashSet<Inode>,
}

impl Repeated {
    fn count(&mut self, inode: Option<Inode>) {
        if let Some(inode) = inode.filter(|&inode| !self.once.insert(inode)) {
            self.twice.insert(inode);
        }
    }
}

fn each_row(lookup: &mut Lookup, mut take: impl FnMut(Connection)) -> Result<(), Error> {
    let scope = Scope {
        states: States::ALL_ACTIVE,
        info: true,
        ports: (0, 0),
        program: None,
        half: None,
    };
    for row in lookup.diag.dump(scope).map_err(dump_error)? {
        take(row.map_err(dump_error)?);
    }
    Ok(())
}

/// The subflows as a run of deletions last read them.
#[derive(Default)]
pub(super) struct KnownSubflows {
    subflows: Subflows,
    /// The end of the dump, and the time that it took.
    read: Option<(Instant, Duration)>,
}

impl KnownSubflows {
    /// Reads them again unless that was just now: not longer ago than it takes, so that many deletions cost twice as
    /// much at the most.
    pub(super) fn refresh(&mut self, lookup: &mut Lookup) -> Result<&Subflows, Error> {
        let is_recent = |(end, cost): (Instant, Duration)| end.elapsed() < cost;
        if !self.read.is_some_and(is_recent) {
            let start = Instant::now();
            self.subflows = Subflows::read(lookup)?;
            let end = Instant::now();
            self.read = Some((end, end - start));
        }
        Ok(&self.subflows)
    }
}
