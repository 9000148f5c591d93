//! What is asked about single sockets of the table: whether one is still there, and what "no such
//! socket" means.

use rustix::io::Errno;

use super::refusal::{dump_error, no_tcp_diag};
use crate::connection::details::Details;
use crate::connection::endpoint::Pair;
use crate::connection::state::States;
use crate::connection::{Connection, Cookie};
use crate::error::{Error, ErrorKind, Operation};
use crate::sock_diag::{Diag, Scope};

/// The half of a table that is asked about single sockets and destroys them.
///
/// It has a netlink socket of its own: the other half may be in the middle of a walk, whose answers
/// must not mix with these.
pub(crate) struct Lookup {
    pub(crate) diag: Diag,
}

impl Lookup {
    /// The socket of a cookie, wherever the kernel's exact look-up can or can't reach it.
    ///
    /// `None` when there is no such socket. Where the look-up only reaches *another* socket of the
    /// same name (a listener of the same port, an unbound socket with the same four-tuple), the
    /// table tells.
    pub(crate) fn by_cookie(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
    ) -> Result<Option<Connection>, Error> {
        let got = |diag: &mut Diag| diag.get(pair, Some(cookie));
        let walked = |asker: &mut Self, states| {
            let candidates = asker.with_ends_of(pair, states)?;
            Ok(candidates.into_iter().find(|found| found.cookie == cookie))
        };
        self.reach(pair, cookie, |found| found, got, walked)
    }

    /// The same with all that the kernel tells.
    pub(crate) fn details(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
    ) -> Result<Option<Details>, Error> {
        let got = |diag: &mut Diag| diag.details(pair, cookie);
        let walked = |asker: &mut Self, states| {
            let is_it = |found: &Connection| found.cookie == cookie && found.pair.same_ends(pair);
            let found = asker.diag.details_among(scope_of(pair, states), is_it);
            found.map_err(dump_error)
        };
        self.reach(pair, cookie, |found| &found.connection, got, walked)
    }

    /// By the exact look-up where it reaches, by a walk where it does not.
    fn reach<T>(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
        row: impl Fn(&T) -> &Connection,
        got: impl FnOnce(&mut Diag) -> Result<T, Errno>,
        walked: impl FnOnce(&mut Self, States) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        if !pair.peer().is_unspecified() {
            match got(&mut self.diag) {
                Ok(found) if row(&found).cookie == cookie => {
                    // Other ends: its owner has made a listener of it since.
                    return Ok(row(&found).pair.same_ends(pair).then_some(found));
                }
                Ok(_) => return Err(Error::os(Operation::Find, "look it up", Errno::PROTO)),
                Err(Errno::NOENT) if pair.interface().is_none() => return Ok(None),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(Error::os(Operation::Find, "look it up", errno)),
            }
        }
        let states = if pair.peer().is_unspecified() {
            WITHOUT_PEER
        } else {
            States::ALL_ACTIVE
        };
        walked(self, states)
    }

    /// Listeners and bound sockets of a local end.
    pub(crate) fn without_peer(&mut self, pair: &Pair) -> Result<Vec<Connection>, Error> {
        self.with_ends_of(pair, WITHOUT_PEER)
    }

    /// The sockets of these ends on any interface: a walk over the table, judged by port there.
    pub(crate) fn with_ends_of(
        &mut self,
        pair: &Pair,
        states: States,
    ) -> Result<Vec<Connection>, Error> {
        let same_ends = |found: &Result<Connection, Error>| {
            found
                .as_ref()
                .map_or(true, |found| found.pair.same_ends(pair))
        };
        let found: Result<Vec<_>, _> = self
            .diag
            .dump(scope_of(pair, states))
            .map_err(dump_error)?
            .map(|found| found.map_err(dump_error))
            .filter(same_ends)
            .collect();
        let mut found = found?;
        // A walk over a busy chain of the table may show a socket twice.
        found.sort_unstable_by_key(|found| found.cookie);
        found.dedup_by_key(|found| found.cookie);
        Ok(found)
    }

    /// What "no such socket" means: that there is none, or that the kernel could not look.
    pub(crate) fn missing(&mut self) -> Error {
        match self.diag.probe() {
            Ok(()) => Error::new(Operation::Find, ErrorKind::NotFound, "no such connection"),
            Err(errno) => no_tcp_diag(Operation::Find, errno),
        }
    }
}

/// The walk in which a socket of these ends is found.
fn scope_of(pair: &Pair, states: States) -> Scope {
    Scope {
        states,
        info: true,
        ports: (pair.local().port(), pair.peer().port()),
        program: None,
        half: None,
    }
}

/// The states of a socket without a peer.
const WITHOUT_PEER: States = States::LISTENING.union(States::BOUND_INACTIVE);
