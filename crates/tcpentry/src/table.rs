//! The TCP table of one network namespace: listing it, and looking one connection up.

use std::fmt;

use rustix::io::Errno;
use rustix::net::netdevice;

use crate::connection::{Connection, Cookie};
use crate::devices::Devices;
use crate::endpoint::{Device, Interface, Pair};
use crate::error::{Error, ErrorKind, Guard, Operation};
use crate::identity::{BootId, Identity, NetnsId, Place};
use crate::netns;
use crate::notation::ScopedEndpoint;
use crate::sock_diag::{Diag, Dump, DumpError, NetlinkSocket, Scope};
use crate::state::{State, States};

/// The TCP table of a network namespace.
///
/// It is one netlink socket (`NETLINK_SOCK_DIAG`), made in the namespace of the thread that opened
/// it, and stays with that namespace whatever the thread does. Nothing is read before it is asked for.
///
/// ```
/// use tcpentry::{Query, TcpTable};
/// let mut table = TcpTable::open()?;
/// for connection in table.connections(&Query::default())? {
///     println!("{}", connection?);
/// }
/// # Ok::<(), tcpentry::Error>(())
/// ```
#[doc(alias = "GetTcpTable")]
pub struct TcpTable {
    pub(crate) diag: Diag,
    socket: NetlinkSocket,
    netns: NetnsId,
    boot: Option<BootId>,
    /// Whether there is IPv4 here, once it has been asked.
    pub(crate) ipv4: Option<bool>,
    /// And IPv6.
    pub(crate) ipv6: Option<bool>,
}

impl fmt::Debug for TcpTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { netns, .. } = self;
        f.debug_struct("TcpTable")
            .field("netns", netns)
            .finish_non_exhaustive()
    }
}

/// What of the table is to be listed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// The states; what `ss` shows by default.
    pub states: States,
    /// With [`Connection::info`] and [`Connection::mptcp`], which cost about half as much again.
    pub info: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            states: States::CONNECTIONS,
            info: false,
        }
    }
}

impl Query {
    /// The sockets in these states.
    pub fn of(states: States) -> Self {
        Self {
            states,
            ..Self::default()
        }
    }

    /// The same, with the counters.
    #[must_use]
    pub fn with_info(self) -> Self {
        Self { info: true, ..self }
    }
}

/// The exact name of one connection: what [`TcpTable::find`] looks up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// By its ends, as a person names it: whichever socket has them now.
    Pair(Pair),
    /// By its identity: that socket or none.
    Identity(Identity),
}

impl Target {
    /// Its four-tuple and interface.
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
    /// Opens the table of this thread's network namespace.
    ///
    /// Needs no privilege.
    pub fn open() -> Result<Self, Error> {
        let socket = NetlinkSocket::open().map_err(|errno| match errno {
            Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT => Error::new(
                Operation::Open,
                ErrorKind::NotSupported,
                "this kernel (or a seccomp filter) has no NETLINK_SOCK_DIAG",
            )
            .with_errno(errno)
            .with_hint("load the module sock_diag, or run it outside of the sandbox"),
            errno => Error::os(Operation::Open, "socket(NETLINK_SOCK_DIAG)", errno),
        })?;
        let netns = netns::of_socket(&socket)?;
        Ok(Self::over(Diag::new(socket.clone()), socket, netns))
    }

    fn over(diag: Diag, socket: NetlinkSocket, netns: NetnsId) -> Self {
        Self {
            diag,
            socket,
            netns,
            boot: None,
            ipv4: None,
            ipv6: None,
        }
    }

    /// A table whose kernel is a fake one, in the namespace [`c1`](NetnsId::Cookie).
    #[cfg(test)]
    pub(crate) fn of(diag: Diag) -> Self {
        let socket = NetlinkSocket::open().expect("everybody may open one");
        Self::over(diag, socket, NetnsId::Cookie(1))
    }

    /// The network namespace it belongs to.
    pub const fn netns(&self) -> NetnsId {
        self.netns
    }

    /// Streams the table: `SOCK_DIAG_BY_FAMILY` (in truth its elder `TCPDIAG_GETSOCK`, the only one
    /// that walks both families at once).
    ///
    /// The order is the kernel's. A walk that the kernel marks as interrupted
    /// (`NLM_F_DUMP_INTR`) is repeated, and what was already yielded is not yielded again. Under
    /// churn a socket that comes or goes during the walk may be missing, and one that moves within the
    /// table may come twice: the cookie tells.
    pub fn connections(&mut self, query: &Query) -> Result<Connections<'_>, Error> {
        self.dump(Scope {
            states: query.states,
            info: query.info,
            ports: (0, 0),
        })
    }

    fn dump(&mut self, scope: Scope) -> Result<Connections<'_>, Error> {
        self.diag.dump(scope).map(Connections).map_err(dump_error)
    }

    /// Looks up one connection, exactly.
    ///
    /// By [`Pair`]: the socket with these ends, in any state of a connection. Without an interface
    /// that is the socket bound to none; only when there is no such one, the only socket with these
    /// ends that is bound to a device. Zero fields are values, never wildcards: a pair whose peer is
    /// `0.0.0.0:0` names the listener (or the bound socket) of the local end.
    ///
    /// By [`Identity`]: that very socket, or [`NotFound`](ErrorKind::NotFound).
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
        self.look_up(pair).map_err(|error| {
            if error.kind() == ErrorKind::NotFound && self.is_there(&pair.mirrored()) {
                return error.with_hint(
                    "the two ends are here the other way round: the local one comes first",
                );
            }
            error
        })
    }

    /// Whether the kernel's look-up finds a connection, exactly so.
    fn is_there(&mut self, pair: &Pair) -> bool {
        self.diag
            .get(pair, None)
            .is_ok_and(|found| found.pair == *pair && found.state != State::Listening)
    }

    fn look_up(&mut self, pair: &Pair) -> Result<Connection, Error> {
        if pair.peer().is_unspecified() {
            let candidates = self.without_peer(pair)?;
            return self.only_one(candidates, pair);
        }
        match self.diag.get(pair, None) {
            Ok(connection) if connection.pair == *pair && connection.state != State::Listening => {
                return Ok(connection);
            }
            // With an interface the kernel finds the socket bound to it and the one bound to none:
            // there is neither.
            Err(Errno::NOENT) if pair.interface().is_some() => return Err(self.missing()),
            // It does not find sockets bound to a device that was not named, and an answer that is
            // another socket (the listener of the local end, one bound to no device) says nothing.
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(Error::os(Operation::Find, "look it up", errno)),
        }
        let candidates = self.with_ends_of(pair, States::ALL_ACTIVE.without(State::Listening))?;
        self.only_one(candidates, pair)
    }

    /// The one that is meant, among sockets of the same ends.
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
            return Err(self.missing().with_hint(
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
        candidates.pop().ok_or_else(|| self.missing())
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
        self.by_cookie(&identity.pair, identity.cookie)?
            .ok_or_else(|| self.missing())
    }

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
        if !pair.peer().is_unspecified() {
            match self.diag.get(pair, Some(cookie)) {
                Ok(connection) if connection.cookie == cookie => {
                    // Other ends: its owner has made a listener of it since.
                    return Ok(connection.pair.same_ends(pair).then_some(connection));
                }
                Ok(_) => return Err(Error::os(Operation::Find, "look it up", Errno::PROTO)),
                Err(Errno::NOENT) if pair.interface().is_none() => return Ok(None),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(Error::os(Operation::Find, "look it up", errno)),
            }
        }
        let candidates = if pair.peer().is_unspecified() {
            self.without_peer(pair)?
        } else {
            self.with_ends_of(pair, States::ALL_ACTIVE)?
        };
        Ok(candidates.into_iter().find(|found| found.cookie == cookie))
    }

    /// Listeners and bound sockets of a local end.
    fn without_peer(&mut self, pair: &Pair) -> Result<Vec<Connection>, Error> {
        self.with_ends_of(pair, States::LISTENING.union(States::BOUND_INACTIVE))
    }

    /// The sockets of these ends on any interface: a walk over the table, judged by port there.
    fn with_ends_of(&mut self, pair: &Pair, states: States) -> Result<Vec<Connection>, Error> {
        let scope = Scope {
            states,
            info: true,
            ports: (pair.local().port(), pair.peer().port()),
        };
        let same_ends = |found: &Result<Connection, Error>| {
            found
                .as_ref()
                .map_or(true, |found| found.pair.same_ends(pair))
        };
        let found: Result<Vec<_>, _> = self.dump(scope)?.filter(same_ends).collect();
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

    /// The identity of a connection of this table, to be carried to another process.
    pub fn identity(&mut self, connection: &Connection) -> Result<Identity, Error> {
        Ok(self.place()?.identity(connection))
    }

    /// Where its sockets live: what turns connections into identities while the table is streamed.
    pub fn place(&mut self) -> Result<Place, Error> {
        Ok(Place {
            boot: self.boot()?,
            netns: self.netns,
        })
    }

    /// The names of this namespace's devices, also while the table is streamed.
    pub fn devices(&self) -> Devices {
        Devices::new(self.socket.clone())
    }

    fn boot(&mut self) -> Result<BootId, Error> {
        if let Some(boot) = self.boot {
            return Ok(boot);
        }
        let boot = netns::boot_id()?;
        self.boot = Some(boot);
        Ok(boot)
    }

    /// The pair of two endpoints as people write them, with the device's name looked up in this
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

    fn interface(&self, device: &Device) -> Result<Interface, Error> {
        let name = match device {
            Device::Index(interface) => return Ok(*interface),
            Device::Name(name) => name,
        };
        match netdevice::name_to_index(&self.socket, name) {
            Ok(index) => Interface::new(index).ok_or(Errno::NODEV),
            Err(errno) => Err(errno),
        }
        .map_err(|errno| {
            let name = name.escape_debug();
            Error::new(
                Operation::Find,
                ErrorKind::InvalidParameter,
                format!("no device `{name}` here"),
            )
            .with_errno(errno)
            .with_hint("`ip link` lists the devices of this network namespace")
        })
    }
}

/// The rows of a table, as the kernel gives them.
pub struct Connections<'t>(Dump<'t>);

impl Iterator for Connections<'_> {
    type Item = Result<Connection, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|row| row.map_err(dump_error))
    }
}

impl fmt::Debug for Connections<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

fn dump_error(error: DumpError) -> Error {
    match error {
        DumpError::Errno(errno @ Errno::NOENT) => no_tcp_diag(Operation::List, errno),
        DumpError::Errno(errno) => Error::os(Operation::List, "read the kernel's answer", errno),
        DumpError::Interrupted => Error::new(
            Operation::List,
            ErrorKind::Os,
            "the table changed during each of several walks",
        )
        .with_errno(Errno::INTR)
        .with_hint("try again"),
    }
}

/// The kernel answers every question with `ENOENT` when its `tcp_diag` is missing: that must not
/// read as "no such connection".
fn no_tcp_diag(operation: Operation, errno: Errno) -> Error {
    match errno {
        Errno::NOENT => Error::new(
            operation,
            ErrorKind::NotSupported,
            "the kernel's tcp_diag is missing, so nothing can be looked up",
        )
        .with_hint("load it as root, outside of any container: modprobe tcp_diag"),
        errno => Error::os(operation, "ask the kernel", errno),
    }
}

#[cfg(test)]
mod tests;
