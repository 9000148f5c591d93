//! What is asked about single sockets of the table: whether one is still there, and what "no such
//! socket" means.

use rustix::io::Errno;

use super::refusal::{dump_error, no_tcp_diag};
use crate::connection::details::Details;
use crate::connection::endpoint::Pair;
use crate::connection::state::{State, States};
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
    ///
    /// A look-up takes no lock, and may miss a connection whose entry is just being replaced; so "none" is said only
    /// after all such changes are complete (some 10 ms; DESIGN.md, "Gone is not could not look"). What is there costs nothing more.
    pub(crate) fn by_cookie(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
    ) -> Result<Option<Connection>, Error> {
        match self.look(pair, cookie)? {
            Sight::There(found) => return Ok(Some(found)),
            Sight::Left => return self.by_cookie_now(pair, cookie),
            Sight::Missed => {}
        }
        for _ in 0..self.replacements(pair, Some(cookie)) {
            self.diag.await_grace_period();
            if let Some(found) = self.by_cookie_now(pair, cookie)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The same for one whose entry is not replaced any more, or that was missed before the last grace period.
    pub(crate) fn by_cookie_now(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
    ) -> Result<Option<Connection>, Error> {
        let sight = match self.look(pair, cookie)? {
            // The entry that took its place was there before it could be seen so.
            Sight::Left => self.look(pair, cookie)?,
            sight => sight,
        };
        Ok(sight.there())
    }

    /// How often the entry of a connection of these ends that was missed may yet be replaced by another.
    ///
    /// A request becomes a socket, and that becomes an entry of TIME_WAIT: each is missed once at most, if looked for
    /// after each is complete.
    pub(crate) fn replacements(&mut self, pair: &Pair, cookie: Option<Cookie>) -> u32 {
        if pair.peer().is_unspecified() {
            return 0;
        }
        match self.diag.get(pair, None) {
            // Of requests there is a listener.
            Ok(found) if found.state == State::Listening => 2,
            // A four-tuple has one entry at a time: where it is another one's, whose it was is gone.
            Ok(found)
                if found.pair == *pair && cookie.is_some_and(|cookie| cookie != found.cookie) =>
            {
                0
            }
            Ok(found) if found.pair == *pair => 1,
            Err(Errno::NOENT) => 1,
            Ok(_) | Err(_) => 2,
        }
    }

    /// One look for the socket of a cookie.
    fn look(&mut self, pair: &Pair, cookie: Cookie) -> Result<Sight<Connection>, Error> {
        if pair.local().port() == 0 {
            // It was described after its port had been taken from it.
            let named =
                |found: &Connection| found.cookie == cookie && found.pair.peer() == pair.peer();
            let rows = self.diag.dump(scope_of(pair, States::ALL_ACTIVE));
            for found in rows.map_err(dump_error)? {
                let found = found.map_err(dump_error)?;
                if named(&found) {
                    return Ok(Sight::There(found));
                }
            }
            return Ok(Sight::Missed);
        }
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
        if let Sight::There(found) = self.look_for_details(pair, cookie)? {
            return Ok(Some(found));
        }
        match self.by_cookie(pair, cookie)? {
            Some(_) => Ok(self.look_for_details(pair, cookie)?.there()),
            None => Ok(None),
        }
    }

    fn look_for_details(&mut self, pair: &Pair, cookie: Cookie) -> Result<Sight<Details>, Error> {
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
    ) -> Result<Sight<T>, Error> {
        // In the state CLOSE, or with other ends (a listener, or its port taken from it), it was found before it left the
        // table and described afterwards.
        let sight = |found: T| {
            let row = row(&found);
            if row.pair.same_ends(pair) && row.state != State::Closed {
                Sight::There(found)
            } else {
                Sight::Left
            }
        };
        if !pair.peer().is_unspecified() {
            match got(&mut self.diag) {
                Ok(found) if row(&found).cookie == cookie => return Ok(sight(found)),
                Ok(_) => return Err(Error::os(Operation::Find, "look it up", Errno::PROTO)),
                Err(Errno::NOENT) if pair.interface().is_none() => return Ok(Sight::Missed),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(Error::os(Operation::Find, "look it up", errno)),
            }
        }
        let states = if pair.peer().is_unspecified() {
            WITHOUT_PEER
        } else {
            States::ALL_ACTIVE
        };
        Ok(walked(self, states)?.map_or(Sight::Missed, sight))
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

/// What one look for a socket has shown.
enum Sight<T> {
    There(T),
    /// It has just left the table. If an entry has taken its place, another look finds that.
    Left,
    /// Nothing: it is not there, or it is just being replaced.
    Missed,
}

impl<T> Sight<T> {
    fn there(self) -> Option<T> {
        match self {
            Self::There(found) => Some(found),
            Self::Left | Self::Missed => None,
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
