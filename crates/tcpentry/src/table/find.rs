//! One exact connection: by its ends, or by its identity.

use rustix::io::Errno;

use super::{TcpTable, devices};
use crate::connection::Connection;
use crate::connection::endpoint::{Device, Interface, Pair};
use crate::connection::identity::Identity;
use crate::connection::notation::ScopedEndpoint;
use crate::connection::state::{State, States};
use crate::error::{Error, ErrorKind, Guard, Operation};

/// The exact name of one connection: what [`TcpTable::find`] looks up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// Both ends, as people name a connection: whichever socket has them now.
    Pair(Pair),
    /// An identity: that socket or none.
    Identity(Identity),
}

impl Target {
    /// Returns the four-tuple and the interface.
    pub const fn pair(&self) -> Pair {
        match self {
            Self::Pair(pair) => *pair,
            Self::Identity(identity) => identity.pair,
        }
    }
}

impl From<Pair> for Target {
    fn from(pair: Pair) -> Self {
        Self::Pair(pair)
    }
}

impl From<Identity> for Target {
    fn from(identity: Identity) -> Self {
        Self::Identity(identity)
    }
}

impl TcpTable {
    /// Looks up one connection, exactly.
    ///
    /// By [`Pair`]: the socket with these ends, in any state of a connection. Without an interface
    /// that is the socket bound to none; only when there is no such one, the only socket with these
    /// ends that is bound to a device. Zero fields are values, never wildcards: a pair whose peer is
    /// `0.0.0.0:0` names the listener (or the bound socket) of the local end.
    ///
    /// By [`Identity`]: that very socket, or [`NotFound`](ErrorKind::NotFound).
    ///
    /// Microseconds where it is there. `NotFound` takes some 10 milliseconds, or twice that: a look-up of the kernel can miss a
    /// connection in the moment in which it becomes TIME_WAIT or is accepted, so it is looked for again after every
    /// such change is complete (`membarrier`).
    ///
    /// # Errors
    /// `NotFound`, `Ambiguous` (see [`Error::candidates`]), `NotSupported` where `tcp_diag` is
    /// missing, `Refused(OtherNetns)`, `Os`.
    pub fn find(&mut self, target: &Target) -> Result<Connection, Error> {
        let found = match target {
            Target::Pair(pair) => self.find_pair(pair),
            Target::Identity(identity) => self.find_identity(identity),
        };
        found.map_err(|error| error.during(Operation::Find).about(target.pair()))
    }

    fn find_pair(&mut self, pair: &Pair) -> Result<Connection, Error> {
        self.look_up_surely(pair).map_err(|error| {
            if error.kind() == ErrorKind::NotFound && self.is_there(&pair.mirrored()) {
                return error.with_hint(
                    "the two ends are here the other way round: the local one comes first",
                );
            }
            error
        })
    }

    /// Returns true where the kernel's look-up finds a connection with exactly these ends.
    fn is_there(&mut self, pair: &Pair) -> bool {
        self.lookup
            .diag
            .get(pair, None)
            .is_ok_and(|found| found.pair == *pair && found.state != State::Listening)
    }

    /// Says that there is none only after the changes of the table that may have hidden one are complete: see
    /// [`Lookup::get_or_scan`](super::lookup::Lookup::get_or_scan).
    fn look_up_surely(&mut self, pair: &Pair) -> Result<Connection, Error> {
        let mut found = self.look_up(pair);
        if found
            .as_ref()
            .is_ok_and(|found| found.state == State::Closed)
        {
            // It has left the table; what may have taken its place is there.
            found = self.look_up(pair);
        }
        if !is_none(&found) {
            return found;
        }
        for _ in 0..self.lookup.replacements(pair, None) {
            self.lookup.diag.await_grace_period();
            found = self.look_up(pair);
            if !is_none(&found) {
                break;
            }
        }
        found
    }

    fn look_up(&mut self, pair: &Pair) -> Result<Connection, Error> {
        if pair.peer().is_unspecified() {
            let candidates = self.lookup.listeners_on(pair)?;
            return self.only_one(candidates, pair);
        }
        match self.lookup.diag.get(pair, None) {
            Ok(connection) if connection.pair == *pair && connection.state != State::Listening => {
                return Ok(connection);
            }
            // With an interface the kernel finds the socket bound to it and the one bound to none:
            // there is neither.
            Err(Errno::NOENT) if pair.interface().is_some() => return Err(self.lookup.missing()),
            // It does not find sockets bound to a device that was not named, and an answer that is
            // another socket (the listener of the local end, one bound to no device) says nothing.
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(Error::os(Operation::Find, "look it up", errno)),
        }
        let states = States::ALL_ACTIVE.without(State::Listening);
        let candidates = self.lookup.with_ends_of(pair, states)?;
        self.only_one(candidates, pair)
    }

    /// Returns the one that is meant among sockets of the same ends.
    fn only_one(
        &mut self,
        mut candidates: Vec<Connection>,
        pair: &Pair,
    ) -> Result<Connection, Error> {
        let exact: Vec<_> = candidates
            .iter()
            .filter(|found| found.pair == *pair)
            .cloned()
            .collect();
        let on_another_device = exact.is_empty() && !candidates.is_empty();
        if !exact.is_empty() || pair.interface().is_some() {
            candidates = exact;
        }
        if candidates.is_empty() && on_another_device {
            return Err(self.lookup.missing().with_hint(
                "a socket of these ends is bound to another device or to none; name it without the device",
            ));
        }
        if candidates.len() > 1 {
            let hint = if candidates
                .iter()
                .all(|found| found.state == State::Listening)
            {
                "they are listeners that share a port; name one by its identity"
            } else {
                "name the device (ADDRESS%DEVICE:PORT), or one of them by its identity"
            };
            return Err(Error::new(
                Operation::Find,
                ErrorKind::Ambiguous,
                format!("{} sockets have these ends", candidates.len()),
            )
            .with_hint(hint)
            .with_candidates(candidates));
        }
        candidates.pop().ok_or_else(|| self.lookup.missing())
    }

    fn find_identity(&mut self, identity: &Identity) -> Result<Connection, Error> {
        if identity.boot != self.boot()? {
            return Err(Error::new(
                Operation::Find,
                ErrorKind::NotFound,
                "its identity is from another boot or another machine",
            )
            .with_hint("list it again"));
        }
        if identity.netns != self.netns {
            return Err(Error::refused(Guard::OtherNetns, identity.pair));
        }
        self.lookup
            .get_or_scan(&identity.pair, identity.cookie)?
            .ok_or_else(|| self.lookup.missing())
    }

    /// Returns the pair of two endpoints as people write them, with the device's name looked up in this
    /// namespace (`if_nametoindex(3)`).
    ///
    /// # Errors
    /// `InvalidParameter` when they are no pair, or when there is no such device.
    pub fn resolve(&self, local: &ScopedEndpoint, peer: &ScopedEndpoint) -> Result<Pair, Error> {
        let invalid =
            |cause: String| Error::new(Operation::Find, ErrorKind::InvalidParameter, cause);
        let pair =
            Pair::new(local.endpoint, peer.endpoint).map_err(|error| invalid(error.to_string()))?;
        let named = [&local.device, &peer.device].map(|device| {
            device
                .as_ref()
                .map(|device| self.interface(device))
                .transpose()
        });
        match named {
            [Err(error), _] | [_, Err(error)] => Err(error),
            [Ok(Some(one)), Ok(Some(other))] if one != other => Err(invalid(format!(
                "{local} {peer}: the two ends name different devices"
            ))),
            [Ok(one), Ok(other)] => Ok(pair.on(one.or(other))),
        }
    }

    /// Finds a device of this namespace by its name.
    pub(crate) fn interface(&self, device: &Device) -> Result<Interface, Error> {
        devices::interface(&self.socket, device)
    }
}

fn is_none(found: &Result<Connection, Error>) -> bool {
    found
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

#[cfg(test)]
mod tests;
