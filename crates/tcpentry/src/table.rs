//! The TCP table of one network namespace: listing it, and looking one connection up.

use std::fmt;

use rustix::io::Errno;
use rustix::net::netdevice;

use crate::asker::{Lookup, dump_error};
use crate::connection::Connection;
use crate::devices::Devices;
use crate::endpoint::{Device, Interface, Pair};
use crate::error::{Error, ErrorKind, Guard, Operation};
use crate::filter::{LocalPorts, Pass};
use crate::identity::{BootId, Identity, NetnsId, Origin};
use crate::netns::{self, Inside, Namespace};
use crate::notation::ScopedEndpoint;
use crate::sock_diag::bytecode::Half;
use crate::sock_diag::{Diag, NetlinkSocket};
use crate::state::{State, States};
use crate::walk::Walk;

/// The TCP table of a network namespace.
///
/// It is two netlink sockets (`NETLINK_SOCK_DIAG`), one for walks and one for everything else, made in
/// the namespace of the thread that opened it, and stays with that namespace whatever the thread does. While many are
/// deleted there is a third, for a second processor, where the thread is in that namespace.
/// Nothing is read before it is asked for.
///
/// It is `Send` and `Sync`, and takes two descriptors and half a KiB; each of the sockets gets a buffer of 32 KiB with the
/// first answer. An agent can hold one for each network namespace.
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
    pub(crate) asker: Lookup,
    pub(crate) walker: Diag,
    /// For a second processor.
    pub(crate) another: Box<Another>,
    socket: NetlinkSocket,
    netns: NetnsId,
    boot: Option<BootId>,
    /// That of its file, where it was entered: its sockets keep the namespace, and so this number is not reused.
    inode: Option<u64>,
    /// See [`has_local_users`](Self::has_local_users).
    foreign_users: bool,
    /// Of that one; of its own a thread can ask any time.
    local_ports: Option<LocalPorts>,
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
    /// What else the kernel judges, in one pass over the table or two: that of a [`Selection`].
    ///
    /// [`Selection`]: crate::Selection
    pub(crate) passes: Vec<Pass>,
    /// Local and peer port; 0 leaves one open.
    pub(crate) ports: (u16, u16),
    pub(crate) half: Option<Half>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            states: States::CONNECTIONS,
            info: false,
            passes: vec![Pass::OVER_ALL],
            ports: (0, 0),
            half: None,
        }
    }
}

impl Query {
    /// The sockets in these states.
    pub fn in_states(states: States) -> Self {
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

    /// The same question in two, which share no socket and together ask for all: for two tables of one namespace, walked
    /// side by side.
    ///
    /// What costs most of a listing is that the kernel describes each socket, and two processors do that twice as fast;
    /// both look at every socket, though, which where little [is selected](Self::is_filtered) is nearly all that there
    /// is to do. A connection that changes its ports meanwhile may be in both or in none.
    ///
    /// ```
    /// use tcpentry::{Query, TcpTable};
    /// let count = |half| {
    ///     let mut table = TcpTable::open()?;
    ///     table.connections(&half)?.try_fold(0, |count, row| row.map(|_| count + 1))
    /// };
    /// let [first, second] = Query::default().halves();
    /// let (first, second) = std::thread::scope(|scope| {
    ///     let first = scope.spawn(|| count(first));
    ///     (first.join().expect("it does not panic"), count(second))
    /// });
    /// println!("{} connections", first? + second?);
    /// # Ok::<(), tcpentry::Error>(())
    /// ```
    pub fn halves(&self) -> [Self; 2] {
        [Half::First, Half::Second].map(|half| Self {
            half: Some(half),
            ..self.clone()
        })
    }

    /// Whether the kernel judges by more than the states.
    pub fn is_filtered(&self) -> bool {
        self.ports != (0, 0) || self.passes.iter().any(|pass| pass.program.is_some())
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
        let socket = open_socket()?;
        // Both now: later the thread may be in another namespace.
        let diags = [socket.clone(), open_socket()?].map(Diag::new);
        let netns = netns::of_socket(&socket, netns::inode_of_this_thread)?;
        Ok(Self::over(diags, socket, netns))
    }

    /// Opens the table of another network namespace: `setns(2)`, on a thread that is thrown away.
    ///
    /// Takes `CAP_SYS_ADMIN` over that namespace and over the caller's own user namespace; or that the
    /// user namespace which owns it is the caller's own creation, as that of a rootless container is: then a
    /// child process enters it and passes the sockets out, and every connection there can be deleted
    /// without any right here (Linux 6.18).
    ///
    /// # Errors
    /// `AccessDenied` where the caller may not enter it.
    pub fn open_in(namespace: &Namespace) -> Result<Self, Error> {
        let Inside {
            sockets: [socket, walker],
            foreign_users,
            local_ports,
        } = netns::enter(namespace)?;
        let netns = netns::of_socket(&socket, || Ok(namespace.inode()))?;
        let diags = [socket.clone(), walker].map(Diag::new);
        Ok(Self {
            inode: Some(namespace.inode()),
            foreign_users,
            local_ports: LocalPorts::parse(&local_ports),
            ..Self::over(diags, socket, netns)
        })
    }

    fn over([asker, walker]: [Diag; 2], socket: NetlinkSocket, netns: NetnsId) -> Self {
        Self {
            asker: Lookup { diag: asker },
            walker,
            another: Box::new(move || another(netns)),
            socket,
            netns,
            boot: None,
            inode: None,
            foreign_users: false,
            local_ports: None,
            ipv4: None,
            ipv6: None,
        }
    }

    /// A table whose kernel is a fake one, in the namespace [`c1`](NetnsId::Cookie).
    #[cfg(any(test, feature = "fuzz-internals"))]
    pub(crate) fn of(diags: [Diag; 2]) -> Self {
        // It is asked for the names of devices only. Miri, which has no netlink, runs the tests that do not.
        let socket = if cfg!(miri) {
            let (socket, _) = std::os::unix::net::UnixStream::pair().expect("Miri has these");
            NetlinkSocket::from(std::os::fd::OwnedFd::from(socket))
        } else {
            NetlinkSocket::open().expect("everybody may open one")
        };
        let mut table = Self::over(diags, socket, NetnsId::Cookie(1));
        // A real one would ask the real kernel.
        table.another = Box::new(|| None);
        table
    }

    /// The network namespace it belongs to.
    pub const fn netns(&self) -> NetnsId {
        self.netns
    }

    /// Whether [`Connection::uid`] is a user of the caller's, and not one of a user namespace that had to be entered
    /// to get here: a rootless container's root is nobody's root (Linux 6.18).
    pub const fn has_local_users(&self) -> bool {
        !self.foreign_users
    }

    /// Streams the table: `SOCK_DIAG_BY_FAMILY` (in truth its elder `TCPDIAG_GETSOCK`, the only one
    /// that walks both families at once).
    ///
    /// The order is the kernel's. A walk that the kernel marks as interrupted
    /// (`NLM_F_DUMP_INTR`) is repeated, and what was already yielded is not yielded again. Under
    /// churn a socket that comes or goes during the walk may be missing, and also one that stays, where others of
    /// its hash chain go while the walk has paused in it (the kernel goes on behind as many as it had shown). One
    /// may come twice where others come into that chain, or where it moves within the table: the cookie tells.
    pub fn connections(&mut self, query: &Query) -> Result<Connections<'_>, Error> {
        Walk::start(&mut self.walker, query).map(Connections)
    }

    /// Whether the kernel tells this table the marks of sockets: to `CAP_NET_ADMIN` only.
    pub(crate) fn shows_marks(&mut self) -> Result<bool, Error> {
        match self.asker.diag.probe_right() {
            Ok(()) => Ok(true),
            Err(Errno::PERM) => Ok(false),
            Err(errno) => Err(dump_error(errno.into())),
        }
    }

    /// Out of which range the kernel chooses local ports here: `net.ipv4.ip_local_port_range`.
    pub(crate) fn local_ports(&self) -> Result<LocalPorts, Error> {
        match self.local_ports {
            Some(ports) => Ok(ports),
            None => LocalPorts::read().map_err(|error| {
                let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
                Error::os(Operation::List, "read net.ipv4.ip_local_port_range", errno)
            }),
        }
    }

    /// The inode of its namespace.
    ///
    /// Of a table that was [opened](Self::open) in that of a thread, which no call tells later, it is assumed that
    /// this is still the namespace of the calling thread.
    pub(crate) fn inode(&self) -> Result<u64, Error> {
        match self.inode {
            Some(inode) => Ok(inode),
            None => netns::inode_of_this_thread(),
        }
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
        self.asker
            .diag
            .get(pair, None)
            .is_ok_and(|found| found.pair == *pair && found.state != State::Listening)
    }

    fn look_up(&mut self, pair: &Pair) -> Result<Connection, Error> {
        if pair.peer().is_unspecified() {
            let candidates = self.asker.without_peer(pair)?;
            return self.only_one(candidates, pair);
        }
        match self.asker.diag.get(pair, None) {
            Ok(connection) if connection.pair == *pair && connection.state != State::Listening => {
                return Ok(connection);
            }
            // With an interface the kernel finds the socket bound to it and the one bound to none:
            // there is neither.
            Err(Errno::NOENT) if pair.interface().is_some() => return Err(self.asker.missing()),
            // It does not find sockets bound to a device that was not named, and an answer that is
            // another socket (the listener of the local end, one bound to no device) says nothing.
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(Error::os(Operation::Find, "look it up", errno)),
        }
        let states = States::ALL_ACTIVE.without(State::Listening);
        let candidates = self.asker.with_ends_of(pair, states)?;
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
            return Err(self.asker.missing().with_hint(
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
        candidates.pop().ok_or_else(|| self.asker.missing())
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
        self.asker
            .by_cookie(&identity.pair, identity.cookie)?
            .ok_or_else(|| self.asker.missing())
    }

    /// The identity of a connection of this table, to be carried to another process.
    pub fn identity(&mut self, connection: &Connection) -> Result<Identity, Error> {
        Ok(self.place()?.identity(connection))
    }

    /// Where its sockets live: what turns connections into identities while the table is streamed.
    pub fn place(&mut self) -> Result<Origin, Error> {
        Ok(Origin {
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

    pub(crate) fn interface(&self, device: &Device) -> Result<Interface, Error> {
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
pub struct Connections<'t>(Walk<'t>);

impl Iterator for Connections<'_> {
    type Item = Result<Connection, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl fmt::Debug for Connections<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

/// Opens another conversation with the kernel about the same network namespace, where it can.
pub(crate) type Another = dyn FnMut() -> Option<Diag> + Send + Sync;

/// In the namespace of this thread, if that is still this one.
fn another(netns: NetnsId) -> Option<Diag> {
    let socket = NetlinkSocket::open().ok()?;
    let its = netns::of_socket(&socket, netns::inode_of_this_thread).ok()?;
    (its == netns).then(|| Diag::new(socket))
}

fn open_socket() -> Result<NetlinkSocket, Error> {
    NetlinkSocket::open().map_err(|errno| match errno {
        Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT => Error::new(
            Operation::Open,
            ErrorKind::NotSupported,
            "this kernel (or a seccomp filter) has no NETLINK_SOCK_DIAG",
        )
        .with_errno(errno)
        .with_hint("load the module sock_diag, or run it outside of the sandbox"),
        errno => Error::os(Operation::Open, "socket(NETLINK_SOCK_DIAG)", errno),
    })
}

#[cfg(test)]
mod tests;
