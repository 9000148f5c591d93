//! The contract of `SetTcpEntry`: a row in, the outcome out.

use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::connection::Connection;
use crate::delete::{Deleted, Options};
use crate::endpoint::{Endpoint, Pair};
use crate::error::{Error, ErrorKind, Guard, Operation};
use crate::state::State;
use crate::table::TcpTable;

/// `MIB_TCP_STATE_DELETE_TCB`: the only state to which a connection can be set.
pub const MIB_TCP_STATE_DELETE_TCB: u32 = 12;

/// A row of the IPv4 TCP table, laid out as `MIB_TCPROW` of Windows: five 32-bit words.
///
/// Addresses are in network byte order in memory. Ports are in network byte order in the *low* 16
/// bits; the upper 16 may hold anything and are ignored.
///
/// ```
/// use tcpentry::{MIB_TCP_STATE_DELETE_TCB, TcpRow};
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
    /// The row that asks for the deletion of the connection between two ends.
    pub fn deleting(local: SocketAddrV4, remote: SocketAddrV4) -> Self {
        Self {
            state: MIB_TCP_STATE_DELETE_TCB,
            local_address: u32::from_ne_bytes(local.ip().octets()),
            local_port: u32::from(local.port().to_be()),
            remote_address: u32::from_ne_bytes(remote.ip().octets()),
            remote_port: u32::from(remote.port().to_be()),
        }
    }

    fn pair(&self) -> Pair {
        let end = |address: u32, port: u32| {
            let port = u16::try_from(port & 0xffff).expect("masked");
            let address = Ipv4Addr::from(address.to_ne_bytes());
            Endpoint::new(address.into(), u16::from_be(port))
        };
        let local = end(self.local_address, self.local_port);
        let remote = end(self.remote_address, self.remote_port);
        Pair::new(local, remote).expect("both ends are IPv4")
    }
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
    /// the connections of his own processes.
    ///
    /// ```
    /// use std::net::{SocketAddr, TcpListener, TcpStream};
    /// use tcpentry::{TcpRow, TcpTable};
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
        self.set_pair(row.state, pair)
            .map_err(|error| error.during(Operation::SetEntry).about(pair))
    }

    fn set_pair(&mut self, state: u32, pair: Pair) -> Result<Deleted, Error> {
        if state != MIB_TCP_STATE_DELETE_TCB {
            return Err(Error::new(
                Operation::SetEntry,
                ErrorKind::InvalidParameter,
                format!("state {state} can't be set"),
            )
            .with_hint("the only state is MIB_TCP_STATE_DELETE_TCB (12)"));
        }
        if !self.has_ipv4()? {
            return Err(Error::new(
                Operation::SetEntry,
                ErrorKind::NotSupported,
                "there is no IPv4 here",
            )
            .with_errno(Errno::AFNOSUPPORT));
        }
        let is_listener = |found: &Connection| found.state == State::Listening;
        let connection = match self.find(&pair.into()) {
            Ok(connection) if is_listener(&connection) => {
                return Err(Error::refused(Guard::Listener, pair));
            }
            // Of several listeners (`SO_REUSEPORT`) none is a connection either.
            Err(error) if error.candidates().iter().any(is_listener) => {
                return Err(Error::refused(Guard::Listener, pair));
            }
            found => found?,
        };
        self.delete(&connection, &Options::default())
    }

    /// Whether IPv4 is there at all, asked once per table.
    fn has_ipv4(&mut self) -> Result<bool, Error> {
        if let Some(known) = self.ipv4 {
            return Ok(known);
        }
        let socket = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        );
        let has = match socket {
            Ok(_) => true,
            Err(Errno::AFNOSUPPORT) => false,
            Err(errno) => return Err(Error::os(Operation::SetEntry, "socket(AF_INET)", errno)),
        };
        self.ipv4 = Some(has);
        Ok(has)
    }
}
