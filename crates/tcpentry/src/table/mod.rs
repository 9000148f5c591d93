//! The TCP table of one network namespace: opening it, and listing it.

pub(crate) mod details;
pub(crate) mod devices;
pub(crate) mod dumps;
pub(crate) mod find;
pub(crate) mod lookup;
pub(crate) mod query;
pub(crate) mod refusal;
pub(crate) mod udp;

use std::fmt;

use rustix::io::Errno;

pub use self::devices::Devices;
use self::dumps::Dumps;
use self::lookup::Lookup;
use self::query::Query;
use self::refusal::{dump_error, no_socket};
pub use self::udp::{UdpEndpoint, UdpEndpoints, UdpTable};
use crate::connection::Connection;
use crate::connection::identity::{BootId, Identity, NetnsId, Origin};
use crate::error::{Error, Operation};
use crate::netns::{self, Inside, LocalAddresses, LocalPorts, Namespace};
use crate::process::proc::MOUNT_PROC;
use crate::sock_diag::{Diag, NetlinkSocket};

/// The TCP table of a network namespace.
///
/// It has two netlink sockets (`NETLINK_SOCK_DIAG`), one for dumps and one for everything else. They are opened in the
/// namespace of the calling thread and stay in it, whatever the thread does later. While many connections are deleted there
/// is a third, for a second processor, if the thread is still in that namespace. Under the same condition the first deletion
/// opens one of rtnetlink, to ask for the addresses there; entering another namespace opens that at once. Nothing is read
/// before it is asked for.
///
/// It is `Send` and `Sync`. It takes two descriptors (three after a deletion) and half a KiB, and a buffer of 32 KiB for each
/// socket from the first answer on, so that an agent can hold one for each network namespace.
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
    pub(crate) lookup: Lookup,
    pub(crate) dumper: Diag,
    /// The netlink socket of a second processor.
    pub(crate) another: Box<Another>,
    socket: NetlinkSocket,
    netns: NetnsId,
    boot: Option<BootId>,
    /// The inode of the namespace's file, where it was entered: its sockets keep the namespace alive, so that the number is not reused.
    inode: Option<u64>,
    /// See [`has_local_users`](Self::has_local_users).
    foreign_users: bool,
    /// The range of local ports of an entered namespace; a thread can read that of its own any time.
    local_ports: Option<LocalPorts>,
    /// Availability of IPv4, once it has been probed.
    pub(crate) ipv4: Option<bool>,
    /// Availability of IPv6, once it has been probed.
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

impl TcpTable {
    /// Opens the table of this thread's network namespace.
    ///
    /// Needs no privilege.
    pub fn open() -> Result<Self, Error> {
        let open = || NetlinkSocket::open().map_err(no_socket);
        let socket = open()?;
        // Both now: later the thread may be in another namespace.
        let diags = [socket.clone(), open()?].map(Diag::new);
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
            sockets: [socket, dumper],
            routes,
            foreign_users,
            local_ports,
        } = netns::enter(namespace)?;
        let netns = netns::of_socket(&socket, || Ok(namespace.inode()))?;
        let diags = [socket.clone(), dumper].map(Diag::new);
        let mut table = Self::over(diags, socket, netns);
        table.lookup.addresses = LocalAddresses::over(routes);
        Ok(Self {
            inode: Some(namespace.inode()),
            foreign_users,
            local_ports: LocalPorts::parse(&local_ports),
            ..table
        })
    }

    fn over([lookup, dumper]: [Diag; 2], socket: NetlinkSocket, netns: NetnsId) -> Self {
        Self {
            lookup: Lookup {
                diag: lookup,
                addresses: LocalAddresses::opened_by(move || of_routes(netns)),
            },
            dumper,
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

    /// Creates a table whose kernel is a fake one, in the namespace [`c1`](NetnsId::Cookie).
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
        table.lookup.addresses = LocalAddresses::over(None::<NetlinkSocket>);
        table
    }

    /// Returns the network namespace of the table (`SO_NETNS_COOKIE`, or the inode before Linux 5.14).
    pub const fn netns(&self) -> NetnsId {
        self.netns
    }

    /// Returns true where [`Connection::uid`] is a user of the caller's user namespace, and not of one that had to be entered
    /// to get here: a rootless container's root is nobody's root (Linux 6.18).
    pub const fn has_local_users(&self) -> bool {
        !self.foreign_users
    }

    /// Streams the table: `TCPDIAG_GETSOCK`, which dumps both families at once, or else `SOCK_DIAG_BY_FAMILY` for each.
    ///
    /// The order is the kernel's. A dump that the kernel marks as interrupted
    /// (`NLM_F_DUMP_INTR`) is repeated, and what was already yielded is not yielded again. Under
    /// churn a socket that comes or goes during the dump may be missing, and also one that stays, where others of
    /// its hash chain go while the dump has paused in it (the kernel goes on behind as many as it had shown). One
    /// may come twice where others come into that chain, or where it moves within the table: its cookie is the same.
    pub fn connections(&mut self, query: &Query) -> Result<Connections<'_>, Error> {
        Dumps::start(&mut self.dumper, query).map(Connections)
    }

    /// Returns true where the kernel shows the marks of sockets (`INET_DIAG_MARK`), which takes `CAP_NET_ADMIN`.
    pub(crate) fn shows_marks(&mut self) -> Result<bool, Error> {
        match self.lookup.diag.probe_right() {
            Ok(()) => Ok(true),
            Err(Errno::PERM) => Ok(false),
            Err(errno) => Err(dump_error(errno.into())),
        }
    }

    /// Returns the range out of which the kernel chooses local ports: `net.ipv4.ip_local_port_range`.
    pub(crate) fn local_ports(&self) -> Result<LocalPorts, Error> {
        match self.local_ports {
            Some(ports) => Ok(ports),
            None => LocalPorts::read().map_err(|error| {
                let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
                Error::os(Operation::List, "read net.ipv4.ip_local_port_range", errno)
                    .with_hint(MOUNT_PROC)
            }),
        }
    }

    /// Returns the inode of the table's network namespace.
    ///
    /// Of a table that was [opened](Self::open) in that of a thread, which no call reports later, it is assumed that
    /// this is still the namespace of the calling thread.
    pub(crate) fn inode(&self) -> Result<u64, Error> {
        match self.inode {
            Some(inode) => Ok(inode),
            None => netns::inode_of_this_thread(),
        }
    }

    /// Returns the identity of a connection of this table, to be carried to another process.
    pub fn identity(&mut self, connection: &Connection) -> Result<Identity, Error> {
        Ok(self.origin()?.identity(connection))
    }

    /// Returns the boot and the namespace of the table, which make [`Identity`] out of a connection while the table is streamed.
    pub fn origin(&mut self) -> Result<Origin, Error> {
        Ok(Origin {
            boot: self.boot()?,
            netns: self.netns,
        })
    }

    /// Returns the names of this namespace's devices, usable while the table is streamed.
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
}

/// The rows of a table, as the kernel gives them.
pub struct Connections<'t>(Dumps<'t>);

impl Connections<'_> {
    /// Returns the next row without moving it, which takes less than [`next`](Iterator::next) where few rows are kept.
    ///
    /// ```
    /// use tcpentry::{Query, TcpTable};
    /// let (mut table, mut unread) = (TcpTable::open()?, 0);
    /// let mut rows = table.connections(&Query::default())?;
    /// while let Some(row) = rows.advance()? {
    ///     unread += u64::from(row.recv_queue);
    /// }
    /// # Ok::<(), tcpentry::Error>(())
    /// ```
    ///
    /// # Errors
    /// As of the iterator. Nothing comes after one.
    pub fn advance(&mut self) -> Result<Option<&Connection>, Error> {
        let advanced = self.0.advance()?;
        Ok(self.0.row().filter(|_| advanced).map(|row| &*row))
    }
}

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

/// Opens it in the namespace of this thread, if that is still the table's.
fn another(netns: NetnsId) -> Option<Diag> {
    let socket = NetlinkSocket::open().ok()?;
    is_of(&socket, netns).then(|| Diag::new(socket))
}

/// Opens a socket of rtnetlink there.
fn of_routes(netns: NetnsId) -> Option<NetlinkSocket> {
    let socket = NetlinkSocket::open_for_routes().ok()?;
    is_of(&socket, netns).then_some(socket)
}

fn is_of(socket: &NetlinkSocket, netns: NetnsId) -> bool {
    let its = netns::of_socket(socket, netns::inode_of_this_thread);
    its.is_ok_and(|its| its == netns)
}
