//! The contract of `SetTcpEntry`: a row in, the outcome out.

use std::net::{Ipv4Addr, SocketAddrV4, SocketAddrV6};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::connection::Connection;
use crate::connection::endpoint::{Endpoint, Interface, Pair};
use crate::connection::state::State;
use crate::delete::{Deleted, Options};
use crate::error::{Error, ErrorKind, Guard, Operation, Reason};
use crate::table::TcpTable;
use crate::table::find::Target;

/// `MIB_TCP_STATE_DELETE_TCB`: the only state to which a connection can be set.
pub const MIB_TCP_STATE_DELETE_TCB: u32 = 12;

/// A row of the IPv4 TCP table, laid out as `MIB_TCPROW` of Windows: five 32-bit words.
///
/// Addresses are in network byte order in memory. Ports are in network byte order in the *low* 16
/// bits; the upper 16 may hold anything and are ignored.
///
/// ```
/// use tcpentry::set_entry::{MIB_TCP_STATE_DELETE_TCB, TcpRow};
/// let row = TcpRow::deleting("127.0.0.1:80".parse()?, "127.0.0.1:5000".parse()?);
/// assert_eq!(row.state, MIB_TCP_STATE_DELETE_TCB);
/// assert_eq!(row.local_port.to_ne_bytes()[..2], 80_u16.to_be_bytes());
/// assert_eq!(size_of::<TcpRow>(), 20);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
#[doc(alias = "MIB_TCPROW")]
pub struct TcpRow {
    /// `dwState`
    pub state: u32,
    /// `dwLocalAddr`
    pub local_address: u32,
    /// `dwLocalPort`
    pub local_port: u32,
    /// `dwRemoteAddr`
    pub remote_address: u32,
    /// `dwRemotePort`
    pub remote_port: u32,
}

impl TcpRow {
    /// Creates the row that asks for the deletion of the connection between two ends.
    pub fn deleting(local: SocketAddrV4, remote: SocketAddrV4) -> Self {
        Self {
            state: MIB_TCP_STATE_DELETE_TCB,
            local_address: u32::from_ne_bytes(local.ip().octets()),
            local_port: u32::from(local.port().to_be()),
            remote_address: u32::from_ne_bytes(remote.ip().octets()),
            remote_port: u32::from(remote.port().to_be()),
        }
    }

    /// Returns the connection that the row names.
    pub fn pair(&self) -> Pair {
        let end = |address: u32, field: u32| {
            SocketAddrV4::new(Ipv4Addr::from(address.to_ne_bytes()), port(field))
        };
        let local = end(self.local_address, self.local_port);
        let remote = end(self.remote_address, self.remote_port);
        Pair::v4(local, remote)
    }
}

/// A row of the IPv6 TCP table, laid out as `MIB_TCP6ROW` of Windows; the state comes first.
///
/// Ports are as in [`TcpRow`]. A scope id is the index of the interface the socket is bound to, in
/// host order; 0 names none.
///
/// ```
/// assert_eq!(size_of::<tcpentry::set_entry::Tcp6Row>(), 52);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
#[doc(alias = "MIB_TCP6ROW")]
pub struct Tcp6Row {
    /// `State`
    pub state: u32,
    /// `LocalAddr`
    pub local_address: [u8; 16],
    /// `dwLocalScopeId`
    pub local_scope: u32,
    /// `dwLocalPort`
    pub local_port: u32,
    /// `RemoteAddr`
    pub remote_address: [u8; 16],
    /// `dwRemoteScopeId`
    pub remote_scope: u32,
    /// `dwRemotePort`
    pub remote_port: u32,
}

impl Tcp6Row {
    /// Creates the row that asks for the deletion of the connection between two ends.
    pub fn deleting(local: SocketAddrV6, remote: SocketAddrV6) -> Self {
        Self {
            state: MIB_TCP_STATE_DELETE_TCB,
            local_address: local.ip().octets(),
            local_scope: local.scope_id(),
            local_port: u32::from(local.port().to_be()),
            remote_address: remote.ip().octets(),
            remote_scope: remote.scope_id(),
            remote_port: u32::from(remote.port().to_be()),
        }
    }

    /// Returns the connection that the row names.
    ///
    /// # Errors
    /// `InvalidParameter` when one end is v4-mapped and the other is not, or when the two scopes
    /// differ.
    pub fn pair(&self) -> Result<Pair, Error> {
        let invalid =
            |cause: String| Error::new(Operation::SetEntry, ErrorKind::InvalidParameter, cause);
        let local = Endpoint::new(self.local_address.into(), port(self.local_port));
        let remote = Endpoint::new(self.remote_address.into(), port(self.remote_port));
        let pair = Pair::new(local, remote).map_err(|error| invalid(error.to_string()))?;
        match (
            Interface::new(self.local_scope),
            Interface::new(self.remote_scope),
        ) {
            (Some(one), Some(other)) if one != other => {
                Err(invalid("the two scope ids differ".to_owned()).about(pair))
            }
            (one, other) => Ok(pair.on(one.or(other))),
        }
    }
}

/// Returns the port (host order) of a field whose upper half may hold junk.
fn port(field: u32) -> u16 {
    u16::from_be(u16::try_from(field & 0xffff).expect("masked"))
}

impl TcpTable {
    /// Sets the state of a TCP connection: `SetTcpEntry`. The only state is
    /// [`MIB_TCP_STATE_DELETE_TCB`], which aborts the connection and deletes its control block.
    ///
    /// The checks come in this order, and the first that fails is the answer:
    ///
    /// | condition | [`ErrorKind`] | Win32 |
    /// |---|---|---|
    /// | the state is not 12 | `InvalidParameter` | 87 |
    /// | there is no IPv4: `socket(AF_INET)` gives `EAFNOSUPPORT` | `NotSupported` | 50 |
    /// | no such connection | `NotFound` | 317 |
    /// | the row names a listener | `Refused(Listener)` | 317 |
    /// | several sockets, bound to different devices, have this four-tuple | `Ambiguous` | 1168 |
    /// | this kernel has no way to delete it | `NotSupported` | 50 |
    /// | the caller may not | `AccessDenied` | 5 |
    /// | the caller may not, but is an administrator | `NotElevated` | 317 |
    /// | anything else | `Os` | the nearest |
    ///
    /// Zero fields are values, never wildcards. Unlike Windows it lets an unprivileged caller delete
    /// the connections of its own processes.
    ///
    /// ```
    /// use std::net::{SocketAddr, TcpListener, TcpStream};
    /// use tcpentry::set_entry::TcpRow;
    /// use tcpentry::TcpTable;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let (SocketAddr::V4(local), SocketAddr::V4(remote)) = (client.local_addr()?, client.peer_addr()?)
    /// else { unreachable!() };
    ///
    /// let mut table = TcpTable::open()?;
    /// let row = TcpRow::deleting(local, remote);
    /// let _deleted = table.set_entry(&row)?;
    /// assert_eq!(table.set_entry(&row).unwrap_err().win32(), 317, "no longer there");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "SetTcpEntry")]
    pub fn set_entry(&mut self, row: &TcpRow) -> Result<Deleted, Error> {
        let pair = row.pair();
        self.set_pair(row.state, Ok(pair), AddressFamily::INET)
            .map_err(|error| error.during(Operation::SetEntry).about(pair))
    }

    /// Sets the state of an IPv6 connection: [`set_entry`](Self::set_entry) for IPv6, which Windows does not have.
    ///
    /// Makes the same checks in the same order, for IPv6; a row that names no pair (see [`Tcp6Row::pair`])
    /// is `InvalidParameter`, after its state has been looked at. A v4-mapped row names the IPv4
    /// connection.
    #[doc(alias = "SetTcp6Entry")]
    pub fn set_entry6(&mut self, row: &Tcp6Row) -> Result<Deleted, Error> {
        self.set_pair(row.state, row.pair(), AddressFamily::INET6)
            .map_err(|error| error.during(Operation::SetEntry))
    }

    /// Sets the state of each of many connections, as [`set_entry`](Self::set_entry) does of one, and returns the results in
    /// their order.
    ///
    /// The wait for those that are not there is one for all of them.
    pub fn set_entries(&mut self, rows: &[TcpRow]) -> Vec<Result<Deleted, Error>> {
        let pairs = rows.iter().map(|row| (row.state, Ok(row.pair())));
        let results = self.set_pairs(pairs, AddressFamily::INET);
        let named = |(result, row): (Result<_, Error>, &TcpRow)| {
            result.map_err(|error| error.during(Operation::SetEntry).about(row.pair()))
        };
        results.into_iter().zip(rows).map(named).collect()
    }

    /// Sets the state of each of many IPv6 connections: [`set_entry6`](Self::set_entry6) of many, as
    /// [`set_entries`](Self::set_entries).
    pub fn set_entries6(&mut self, rows: &[Tcp6Row]) -> Vec<Result<Deleted, Error>> {
        let pairs = rows.iter().map(|row| (row.state, row.pair()));
        let results = self.set_pairs(pairs, AddressFamily::INET6);
        let named =
            |result: Result<_, Error>| result.map_err(|error| error.during(Operation::SetEntry));
        results.into_iter().map(named).collect()
    }

    fn set_pair(
        &mut self,
        state: u32,
        pair: Result<Pair, Error>,
        family: AddressFamily,
    ) -> Result<Deleted, Error> {
        let pair = self.settable(state, pair, family)?;
        let found = self.find(&pair.into());
        let connection = self.deletable(pair, found)?;
        self.delete_seen(connection, &Options::default())
    }

    fn set_pairs(
        &mut self,
        asked: impl Iterator<Item = (u32, Result<Pair, Error>)>,
        family: AddressFamily,
    ) -> Vec<Result<Deleted, Error>> {
        let pairs: Vec<_> = asked
            .map(|(state, pair)| self.settable(state, pair, family))
            .collect();
        let named = pairs.iter().flatten();
        let targets: Vec<_> = named.map(|pair| Target::Pair(*pair)).collect();
        let mut found = self.find_all(&targets).into_iter();
        let connections = pairs.into_iter().map(|pair| {
            let pair = pair?;
            let found = found.next().unwrap_or_else(|| Err(self.lookup.missing()));
            self.deletable(pair, found)
        });
        let connections = connections.collect();
        self.delete_found(connections, &Options::default())
    }

    /// Returns the ends of a row that may be set.
    fn settable(
        &mut self,
        state: u32,
        pair: Result<Pair, Error>,
        family: AddressFamily,
    ) -> Result<Pair, Error> {
        if state != MIB_TCP_STATE_DELETE_TCB {
            return Err(Error::new(
                Operation::SetEntry,
                ErrorKind::InvalidParameter,
                format!("state {state} can't be set"),
            )
            .with_hint("the only state is MIB_TCP_STATE_DELETE_TCB (12)"));
        }
        let pair = pair?;
        if !self.has(family)? {
            return Err(no_family(family).about(pair));
        }
        Ok(pair)
    }

    /// Returns what was found by these ends, if it is a connection.
    fn deletable(
        &mut self,
        pair: Pair,
        found: Result<Connection, Error>,
    ) -> Result<Connection, Error> {
        let is_listener = |found: &Connection| found.state == State::Listening;
        match found {
            Ok(connection) if is_listener(&connection) => {
                Err(Error::refused(Guard::Listener, pair))
            }
            // Of several listeners (`SO_REUSEPORT`) none is a connection either.
            Err(error) if error.candidates().iter().any(is_listener) => {
                Err(Error::refused(Guard::Listener, pair))
            }
            // A bound socket is not a connection, whether or not this kernel shows it.
            Ok(connection) if connection.state == State::BoundInactive => {
                Err(self.lookup.missing().about(pair))
            }
            found => found,
        }
    }

    /// Returns true where the system has IPv4 (IPv6), probed once per table.
    fn has(&mut self, family: AddressFamily) -> Result<bool, Error> {
        let known = match family {
            AddressFamily::INET => &mut self.ipv4,
            _ => &mut self.ipv6,
        };
        if let Some(known) = known {
            return Ok(*known);
        }
        let has = match rustix::net::socket_with(
            family,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        ) {
            Ok(_) => true,
            Err(Errno::AFNOSUPPORT) => false,
            Err(errno) => return Err(Error::os(Operation::SetEntry, "socket(2)", errno)),
        };
        *known = Some(has);
        Ok(has)
    }
}

fn no_family(family: AddressFamily) -> Error {
    let name = if family == AddressFamily::INET {
        "IPv4"
    } else {
        "IPv6"
    };
    let cause = format!("there is no {name} here");
    Error::new(Operation::SetEntry, ErrorKind::NotSupported, cause)
        .because(Reason::NoAddressFamily)
        .with_errno(Errno::AFNOSUPPORT)
}
