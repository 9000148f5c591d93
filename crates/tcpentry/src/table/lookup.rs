//! What is asked about single sockets of the table: whether one is still there, and what "no such
//! socket" means.

use rustix::io::Errno;

use super::refusal::{dump_error, no_tcp_diag, refused};
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
    /// Finds the socket of a cookie, wherever the kernel's exact look-up can or can't reach it.
    ///
    /// `None` when there is no such socket. Where the look-up only reaches *another* socket of the
    /// same name (a listener of the same port, an unbound socket with the same four-tuple), a dump of
    /// the table tells.
    pub(crate) fn get_or_scan(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
    ) -> Result<Option<Connection>, Error> {
        if has_peer(pair) {
            let found = self.diag.get(pair, Some(cookie));
            match exact(pair, cookie, found.as_ref())? {
                Exact::Found => return Ok(found.ok()),
                Exact::Gone => return Ok(None),
                Exact::OutOfReach => {}
            }
        }
        let candidates = self.with_ends_of(pair, states_of(pair))?;
        Ok(candidates.into_iter().find(|found| found.cookie == cookie))
    }

    /// Finds the socket of a cookie as [`get_or_scan`](Self::get_or_scan) does, with all that the kernel tells.
    pub(crate) fn details(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
    ) -> Result<Option<Details>, Error> {
        if has_peer(pair) {
            let found = self.diag.details(pair, cookie);
            let connection = found.as_ref().map(|found| &found.connection);
            match exact(pair, cookie, connection)? {
                Exact::Found => return Ok(found.ok()),
                Exact::Gone => return Ok(None),
                Exact::OutOfReach => {}
            }
        }
        let is_it = |found: &Connection| found.cookie == cookie && found.pair.same_ends(pair);
        self.diag
            .details_among(scope_of(pair, states_of(pair)), is_it)
            .map_err(dump_error)
    }

    /// Finds the listeners and bound sockets of a local end.
    pub(crate) fn listeners_on(&mut self, pair: &Pair) -> Result<Vec<Connection>, Error> {
        self.with_ends_of(pair, WITHOUT_PEER)
    }

    /// Finds the sockets of these ends on any interface: a dump of the table, filtered by port in the kernel.
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

    /// Returns the error that "no such socket" means: there is none, or the kernel could not look.
    pub(crate) fn missing(&mut self) -> Error {
        match self.diag.probe() {
            Ok(()) => Error::new(Operation::Find, ErrorKind::NotFound, "no such connection"),
            Err(errno) => no_tcp_diag(Operation::Find, errno),
        }
    }
}

/// The result of the kernel's exact look-up.
enum Exact {
    Found,
    Gone,
    /// It may be there, bound to a device.
    OutOfReach,
}

/// Reads the answer to a look-up by name and cookie.
fn exact(pair: &Pair, cookie: Cookie, found: Result<&Connection, &Errno>) -> Result<Exact, Error> {
    match found {
        Ok(found) if found.cookie == cookie => Ok(if found.pair.same_ends(pair) {
            Exact::Found
        } else {
            // Its owner has made a listener of it since.
            Exact::Gone
        }),
        Ok(_) => Err(Error::os(Operation::Find, "look it up", Errno::PROTO)),
        Err(&Errno::NOENT) if pair.interface().is_none() => Ok(Exact::Gone),
        Err(&Errno::NOENT) => Ok(Exact::OutOfReach),
        Err(&errno) => Err(refused(Operation::Find, "look it up", errno)),
    }
}

/// Returns true where the kernel's exact look-up can find it.
fn has_peer(pair: &Pair) -> bool {
    !pair.peer().is_unspecified()
}

/// Returns the states in which a socket of this name can be.
fn states_of(pair: &Pair) -> States {
    if has_peer(pair) {
        States::ALL_ACTIVE
    } else {
        WITHOUT_PEER
    }
}

/// Returns the scope of a dump in which a socket of these ends is found.
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
