//! One exact connection: by its ends, or by its identity.

use rustix::io::Errno;

use super::lookup::Sought;
use super::refusal::refused;
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
    /// By [`Identity`]: that very socket, or [`NotFound`](ErrorKind::NotFound). One that was made under another boot id
    /// is refused where a socket here has its namespace, cookie and ends: in a container it is listed under the boot id
    /// that is mounted there.
    ///
    /// Microseconds where it is there. `NotFound` takes some 10 milliseconds, or twice that: a look-up of the kernel can miss a
    /// connection in the moment in which it becomes TIME_WAIT or is accepted, so it is looked for again after every
    /// such change is complete (`membarrier`). [`find_all`](Self::find_all) waits once for many.
    ///
    /// # Errors
    /// `NotFound`, `Ambiguous` (see [`Error::candidates`]), `NotSupported` where `tcp_diag` is
    /// missing, `OtherNetns`, `Refused(OtherBoot)`, `Os`.
    pub fn find(&mut self, target: &Target) -> Result<Connection, Error> {
        let (mut found, replacements) = self.look_for(target);
        for _ in 0..replacements {
            self.lookup.diag.await_grace_period();
            (found, _) = self.look_for(target);
            if !is_none(&found) {
                break;
            }
        }
        self.finish_find(target, found)
    }

    /// Looks up many connections, each as [`find`](Self::find) does, and returns what was found of each, in their order.
    ///
    /// Those that are not there cost one wait for all of them instead of one for each: a thousand take some 25 milliseconds.
    ///
    /// ```
    /// use tcpentry::{ErrorKind, Pair, TcpTable};
    ///
    /// let pair = Pair::new("192.0.2.1:443".parse()?, "198.51.100.7:51034".parse()?)?;
    /// let other = Pair::new("192.0.2.1:443".parse()?, "198.51.100.7:51035".parse()?)?;
    /// let found = TcpTable::open()?.find_all(&[pair.into(), other.into()]);
    /// let gone = |result: &Result<_, tcpentry::Error>| {
    ///     result.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
    /// };
    /// assert!(found.iter().all(gone));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find_all(&mut self, targets: &[Target]) -> Vec<Result<Connection, Error>> {
        Self::find_in_all([(self, targets)])
            .pop()
            .unwrap_or_default()
    }

    /// Looks up connections in several tables, and returns what was found in each, as [`find_all`](Self::find_all) does.
    ///
    /// The wait for those that are not there is one for all tables.
    pub fn find_in_all<'t>(
        tables: impl IntoIterator<Item = (&'t mut Self, &'t [Target])>,
    ) -> Vec<Vec<Result<Connection, Error>>> {
        let mut searches: Vec<_> = tables
            .into_iter()
            .map(|(table, targets)| Search::start(table, targets))
            .collect();
        while let Some(search) = searches.iter_mut().find(|search| search.is_in_doubt()) {
            search.table.lookup.diag.await_grace_period();
            for search in &mut searches {
                search.look_again();
            }
        }
        searches.into_iter().map(Search::finish).collect()
    }

    /// Looks up one connection as [`find`](Self::find) does, and never waits.
    ///
    /// `NotFound` may be said of a connection that is just becoming TIME_WAIT, or is just accepted. Enough for a question
    /// about connections that neither happens to, or that will be asked again.
    ///
    /// # Errors
    /// Fails as [`find`](Self::find) does.
    pub fn find_unconfirmed(&mut self, target: &Target) -> Result<Connection, Error> {
        let (found, _) = self.look_for(target);
        self.finish_find(target, found)
    }

    fn finish_find(
        &mut self,
        target: &Target,
        found: Result<Connection, Error>,
    ) -> Result<Connection, Error> {
        let found = match target {
            Target::Pair(_) => found,
            Target::Identity(identity) => self.check_boot(identity, found),
        };
        found.map_err(|error| {
            let error = match target {
                Target::Pair(pair)
                    if error.kind() == ErrorKind::NotFound && self.is_there(&pair.mirrored()) =>
                {
                    error.with_hint(
                        "here the two ends are the other way round: the local one comes first",
                    )
                }
                _ => error,
            };
            error.during(Operation::Find).about(target.pair())
        })
    }

    /// Looks once for each, with the questions about identities sent together.
    fn look_for_some<'a>(&mut self, targets: impl IntoIterator<Item = &'a Target>) -> Vec<Look> {
        let mut names = Vec::new();
        let looks: Vec<_> = targets
            .into_iter()
            .map(|target| match target {
                Target::Identity(identity) => match self.check_netns(identity) {
                    Ok(()) => {
                        names.push((identity.pair, identity.cookie));
                        None
                    }
                    Err(error) => Some((Err(error), 0)),
                },
                Target::Pair(pair) => Some(self.look_for_pair(pair)),
            })
            .collect();
        let mut sought = self.lookup.seek_many(&names, |_| None).into_iter();
        let looks = looks.into_iter().map(|look| {
            // As many were found as were asked for.
            look.or_else(|| sought.next().map(|sought| self.look_of(sought)))
        });
        looks.flatten().collect()
    }

    /// Looks once.
    fn look_for(&mut self, target: &Target) -> Look {
        match target {
            Target::Pair(pair) => self.look_for_pair(pair),
            Target::Identity(identity) => {
                if let Err(error) = self.check_netns(identity) {
                    return (Err(error), 0);
                }
                let sought = self.lookup.seek(&identity.pair, identity.cookie, None);
                self.look_of(sought)
            }
        }
    }

    fn look_of(&mut self, sought: Result<Sought, Error>) -> Look {
        match sought {
            Ok(Sought::There(found)) => (Ok(found), 0),
            Ok(Sought::Missed(replacements)) => (Err(self.lookup.missing()), replacements),
            Err(error) => (Err(error), 0),
        }
    }

    fn look_for_pair(&mut self, pair: &Pair) -> Look {
        let mut found = self.look_up(pair);
        if found
            .as_ref()
            .is_ok_and(|found| found.state == State::Closed)
        {
            // It has left the table; what may have taken its place is there.
            found = self.look_up(pair);
        }
        let replacements = if is_none(&found) {
            self.lookup.replacements(pair, None, None)
        } else {
            0
        };
        (found, replacements)
    }

    /// Returns true where the kernel's look-up finds a connection with exactly these ends.
    fn is_there(&mut self, pair: &Pair) -> bool {
        self.lookup
            .diag
            .get(pair, None)
            .is_ok_and(|found| found.pair == *pair && found.state != State::Listening)
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
            Err(errno) => return Err(refused(Operation::Find, "look it up", errno)),
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
                "a socket with these ends is bound to another device, or to none; name it without the device",
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

    /// Returns an error for an identity of another network namespace.
    fn check_netns(&self, identity: &Identity) -> Result<(), Error> {
        if identity.netns == self.netns {
            Ok(())
        } else {
            let cause = "the identity belongs to another network namespace";
            Err(Error::new(Operation::Find, ErrorKind::OtherNetns, cause)
                .with_hint("look for it in the table of its own namespace")
                .about(identity.pair))
        }
    }

    /// Refuses the socket of an identity that was made under another boot id.
    fn check_boot(
        &mut self,
        identity: &Identity,
        found: Result<Connection, Error>,
    ) -> Result<Connection, Error> {
        match (found, self.boot()) {
            (found, Ok(boot)) if boot == identity.boot => found,
            // A container can have a boot id of its own, while cookies are those of the kernel.
            (Ok(_), Ok(_)) => Err(Error::refused(Guard::OtherBoot, identity.pair)),
            (Err(error), Ok(_)) if error.kind() == ErrorKind::NotFound => Err(Error::new(
                Operation::Find,
                ErrorKind::NotFound,
                "no such connection; its identity was made under another boot id",
            )
            .with_hint("list it again")),
            (Ok(_), Err(error)) | (Err(error), _) => Err(error),
        }
    }

    /// Returns the pair of two endpoints as people write them, with the device's name looked up in this
    /// namespace (`if_nametoindex(3)`).
    ///
    /// # Errors
    /// `InvalidParameter` when they are not a pair, or when there is no such device.
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

/// The search for connections in one table.
struct Search<'t> {
    table: &'t mut TcpTable,
    targets: &'t [Target],
    looks: Vec<Look>,
}

impl<'t> Search<'t> {
    fn start(table: &'t mut TcpTable, targets: &'t [Target]) -> Self {
        let looks = table.look_for_some(targets);
        Self {
            table,
            targets,
            looks,
        }
    }

    fn is_in_doubt(&self) -> bool {
        self.looks.iter().any(|(_, left)| *left > 0)
    }

    /// Looks again for those that may have been missed, after a grace period.
    fn look_again(&mut self) {
        let looks = self.looks.iter_mut().zip(self.targets);
        let (in_doubt, targets): (Vec<_>, Vec<_>) =
            looks.filter(|((_, left), _)| *left > 0).unzip();
        let again = self.table.look_for_some(&targets);
        for (look, (found, _)) in in_doubt.into_iter().zip(again) {
            let left = if is_none(&found) { look.1 - 1 } else { 0 };
            *look = (found, left);
        }
    }

    fn finish(self) -> Vec<Result<Connection, Error>> {
        let looks = self.targets.iter().zip(self.looks);
        let table = self.table;
        looks
            .map(|(target, (found, _))| table.finish_find(target, found))
            .collect()
    }
}

/// The finding of one look-up, and the number of grace periods that have to pass before "not found" is certain.
type Look = (Result<Connection, Error>, u32);

fn is_none(found: &Result<Connection, Error>) -> bool {
    found
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

#[cfg(test)]
mod tests;
