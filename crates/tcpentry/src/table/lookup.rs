//! Questions about single sockets of the table: whether one is still there, and what "no such
//! socket" means.

use rustix::io::Errno;

use super::refusal::{dump_error, no_tcp_diag, refused};
use crate::connection::details::Details;
use crate::connection::endpoint::Pair;
use crate::connection::state::{State, States};
use crate::connection::{Connection, Cookie};
use crate::error::{Error, ErrorKind, Operation};
use crate::netns::LocalAddresses;
use crate::sock_diag::{Diag, Scope};

/// The half of a table that is asked about single sockets and destroys them.
///
/// It has a netlink socket of its own: the other half may be in the middle of a dump, whose answers
/// must not mix with these.
pub(crate) struct Lookup {
    pub(crate) diag: Diag,
    /// The addresses of its namespace.
    pub(crate) addresses: LocalAddresses,
}

impl Lookup {
    /// Returns the socket of a cookie, wherever the kernel's exact look-up can or can't reach it.
    ///
    /// `None` when there is no such socket. Where the look-up only reaches *another* socket of the
    /// same name (a listener of the same port, an unbound socket with the same four-tuple), the
    /// table decides.
    ///
    /// A look-up takes no lock, and may miss a connection whose entry is just being replaced; so "none" is said only
    /// after all such changes are complete (some 10 ms; DESIGN.md, "Gone is not could not look"). What is there costs nothing more.
    /// Whoever has many looks for them [in one go](Self::seek_many), and waits once.
    pub(crate) fn get_or_scan(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
        state: Option<State>,
    ) -> Result<Option<Connection>, Error> {
        let replacements = match self.seek(pair, cookie, state)? {
            Sought::There(found) => return Ok(Some(found)),
            Sought::Missed(replacements) => replacements,
        };
        for _ in 0..replacements {
            self.diag.await_grace_period();
            if let Some(found) = self.get_or_scan_now(pair, cookie)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Returns the socket of a cookie whose entry is not replaced any more, or that was missed before the last grace period.
    pub(crate) fn get_or_scan_now(
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

    /// Looks for the socket of a cookie without waiting. `state` is the one in which it was last seen.
    pub(crate) fn seek(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
        state: Option<State>,
    ) -> Result<Sought, Error> {
        let sight = self.look(pair, cookie)?;
        self.weigh(sight, pair, cookie, state)
    }

    /// Looks for many as [`seek`](Self::seek) does for one, with the questions of many sent together.
    pub(crate) fn seek_many(
        &mut self,
        names: &[(Pair, Cookie)],
        state: impl Fn(usize) -> Option<State>,
    ) -> Vec<Result<Sought, Error>> {
        let (places, asked): (Vec<_>, Vec<_>) = names
            .iter()
            .enumerate()
            .filter(|(_, (pair, _))| is_exact(pair))
            .map(|(place, name)| (place, *name))
            .unzip();
        let mut answers = vec![None; names.len()];
        for (place, answer) in places.into_iter().zip(self.diag.get_many(&asked)) {
            answers[place] = Some(answer);
        }
        let answers = names.iter().zip(answers).enumerate();
        answers
            .map(|(place, ((pair, cookie), answer))| {
                let state = state(place);
                match answer {
                    Some(Err(Errno::AGAIN)) | None => self.seek(pair, *cookie, state),
                    Some(answer) => match exact(pair, *cookie, answer, |found| found)? {
                        Some(sight) => self.weigh(sight, pair, *cookie, state),
                        None => self.seek(pair, *cookie, state),
                    },
                }
            })
            .collect()
    }

    /// Weighs one look: what was missed may be there.
    fn weigh(
        &mut self,
        sight: Sight<Connection>,
        pair: &Pair,
        cookie: Cookie,
        state: Option<State>,
    ) -> Result<Sought, Error> {
        Ok(match sight {
            Sight::There(found) => Sought::There(found),
            // If an entry has taken its place, that was there before it could be seen so.
            Sight::Left => self
                .get_or_scan_now(pair, cookie)?
                .map_or(Sought::Missed(0), Sought::There),
            Sight::Missed => Sought::Missed(self.replacements(pair, Some(cookie), state)),
        })
    }

    /// Returns the number of times that the entry of a connection of these ends that was missed may yet be replaced by another.
    ///
    /// A request becomes a socket, and that becomes an entry of TIME_WAIT: each is missed once at most, if looked for
    /// after each is complete.
    pub(crate) fn replacements(
        &mut self,
        pair: &Pair,
        cookie: Option<Cookie>,
        state: Option<State>,
    ) -> u32 {
        let most = state.map_or(2, replacements_after);
        if !has_peer(pair) || most == 0 {
            return 0;
        }
        let found = match self.diag.get(pair, None) {
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
        };
        most.min(found)
    }

    /// Looks once for the socket of a cookie.
    fn look(&mut self, pair: &Pair, cookie: Cookie) -> Result<Sight<Connection>, Error> {
        if pair.local().port() == 0 {
            return self.look_without_port(pair, cookie);
        }
        if has_peer(pair) {
            let found = self.diag.get(pair, Some(cookie));
            if let Some(sight) = exact(pair, cookie, found, |found| found)? {
                return Ok(sight);
            }
        }
        let candidates = self.with_ends_of(pair, states_of(pair))?;
        let found = candidates.into_iter().find(|found| found.cookie == cookie);
        Ok(found.map_or(Sight::Missed, |found| Sight::of(found, pair, |found| found)))
    }

    /// Looks for one that was described after its port had been taken from it.
    fn look_without_port(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
    ) -> Result<Sight<Connection>, Error> {
        let rows = self.diag.dump(scope_of(pair, States::ALL_ACTIVE));
        for found in rows.map_err(dump_error)? {
            let found = found.map_err(dump_error)?;
            if found.cookie == cookie && found.pair.peer() == pair.peer() {
                return Ok(Sight::There(found));
            }
        }
        Ok(Sight::Missed)
    }

    /// Finds the socket of a cookie as [`get_or_scan`](Self::get_or_scan) does, with all that the kernel tells.
    pub(crate) fn details(
        &mut self,
        pair: &Pair,
        cookie: Cookie,
    ) -> Result<Option<Details>, Error> {
        if let Sight::There(found) = self.look_for_details(pair, cookie)? {
            return Ok(Some(found));
        }
        match self.get_or_scan(pair, cookie, None)? {
            Some(_) => Ok(self.look_for_details(pair, cookie)?.there()),
            None => Ok(None),
        }
    }

    fn look_for_details(&mut self, pair: &Pair, cookie: Cookie) -> Result<Sight<Details>, Error> {
        if has_peer(pair) {
            let found = self.diag.details(pair, cookie);
            if let Some(sight) = exact(pair, cookie, found, |found| &found.connection)? {
                return Ok(sight);
            }
        }
        let is_it = |found: &Connection| found.cookie == cookie && found.pair.same_ends(pair);
        let found = self
            .diag
            .details_among(scope_of(pair, states_of(pair)), is_it)
            .map_err(dump_error)?;
        Ok(found.map_or(Sight::Missed, |found| {
            Sight::of(found, pair, |found| &found.connection)
        }))
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
        // A dump of a busy chain of the table may show a socket twice.
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

/// A socket that was looked for without waiting.
#[derive(Debug)]
pub(crate) enum Sought {
    There(Connection),
    /// It was missed, and is gone if it is missed again after each of so many grace periods.
    Missed(u32),
}

/// Returns the number of times that the entry of a connection seen in this state may be replaced by another.
pub(crate) const fn replacements_after(state: State) -> u32 {
    match state {
        // It is accepted.
        State::SynRecv => 2,
        // From CLOSE_WAIT and LAST_ACK no TIME_WAIT follows.
        State::TimeWait | State::CloseWait | State::LastAck => 0,
        _ => 1,
    }
}

/// The result of one look for a socket.
enum Sight<T> {
    There(T),
    /// It has just left the table. If an entry has taken its place, another look finds that.
    Left,
    /// Nothing: it is not there, or it is just being replaced.
    Missed,
}

impl<T> Sight<T> {
    /// Reads what was found by its cookie. In the state CLOSE, or with other ends (a listener, or its port taken from
    /// it), it was found before it left the table and described afterwards.
    fn of(found: T, pair: &Pair, row: impl Fn(&T) -> &Connection) -> Self {
        let row = row(&found);
        if row.pair.same_ends(pair) && row.state != State::Closed {
            Self::There(found)
        } else {
            Self::Left
        }
    }

    fn there(self) -> Option<T> {
        match self {
            Self::There(found) => Some(found),
            Self::Left | Self::Missed => None,
        }
    }
}

/// Reads the kernel's answer to an exact look-up; `None` where the socket may be out of its reach, bound to a device.
fn exact<T>(
    pair: &Pair,
    cookie: Cookie,
    found: Result<T, Errno>,
    row: impl Fn(&T) -> &Connection,
) -> Result<Option<Sight<T>>, Error> {
    match found {
        Ok(found) if row(&found).cookie == cookie => Ok(Some(Sight::of(found, pair, row))),
        Ok(_) => Err(Error::os(Operation::Find, "look it up", Errno::PROTO)),
        Err(Errno::NOENT) if pair.interface().is_none() => Ok(Some(Sight::Missed)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(refused(Operation::Find, "look it up", errno)),
    }
}

/// Returns true where the kernel's exact look-up either finds the socket of a name or says that there is none.
pub(crate) fn is_exact(pair: &Pair) -> bool {
    has_peer(pair) && pair.local().port() != 0 && pair.interface().is_none()
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
