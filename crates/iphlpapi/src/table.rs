//! The tables as bytes: every field in its place and byte order, however the machine aligns.

use std::collections::HashSet;
use std::net::IpAddr;

use tcpentry::process::Owners;
use tcpentry::{Connection, Endpoint, Interface, Pair, Query, State, States, TcpTable};

use crate::code::Code;

/// The address family of a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// Converts `AF_INET` (2) and `AF_INET6`, which is 23 on Windows and 10 here.
    pub(crate) const fn from_number(number: u32) -> Option<Self> {
        match number {
            2 => Some(Self::V4),
            10 | 23 => Some(Self::V6),
            _ => None,
        }
    }

    /// Fails with "not supported" on a system without this family.
    pub(crate) fn require(self) -> Result<(), Code> {
        let bound = match self {
            Self::V4 => std::net::UdpSocket::bind("0.0.0.0:0"),
            Self::V6 => std::net::UdpSocket::bind("[::]:0"),
        };
        match bound {
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                Err(Code::NOT_SUPPORTED)
            }
            // Anything else says nothing about the family.
            _ => Ok(()),
        }
    }
}

/// The layout of a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Layout {
    /// `MIB_TCPROW`, `MIB_TCP6ROW`
    Basic,
    /// `MIB_TCPROW2`, `MIB_TCP6ROW2`
    Two,
    /// `MIB_TCPROW_OWNER_PID`, `MIB_TCP6ROW_OWNER_PID`
    Pid,
    /// `MIB_TCPROW_OWNER_MODULE`, `MIB_TCP6ROW_OWNER_MODULE`
    Module,
}

/// `TCP_TABLE_CLASS`: a layout, and a selection of states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class {
    pub(crate) layout: Layout,
    states: States,
}

impl Class {
    /// Converts its number, 0 to 8.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        let layout = match number / 3 {
            0 => Layout::Basic,
            1 => Layout::Pid,
            2 => Layout::Module,
            _ => return None,
        };
        let states = match number % 3 {
            0 => States::LISTENING,
            1 => States::ALL_ACTIVE.without(State::Listening),
            _ => States::ALL_ACTIVE,
        };
        Some(Self { layout, states })
    }

    /// Returns the class of all sockets in this layout.
    pub(crate) const fn all(layout: Layout) -> Self {
        Self {
            layout,
            states: States::ALL_ACTIVE,
        }
    }
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    Sorted,
    AsRetrieved,
}

/// Returns a whole table as the caller's buffer is to hold it: the number of rows, and the rows.
pub(crate) fn image(family: Family, class: Class, order: Order) -> Result<Vec<u8>, Code> {
    family.require()?;
    let mut rows = connections(family, class.states)?;
    if order == Order::Sorted {
        rows.sort_unstable_by_key(|row| sort_key(&row.pair));
    }
    let owners = owners(class.layout, &rows)?;
    let mut image = Image::default();
    // A caller who is short of memory gets a code, not an abort.
    image.0.try_reserve(8 + rows.len() * LONGEST_ROW)?;
    image.u32(u32::try_from(rows.len()).map_err(|_| Code::NOT_ENOUGH_MEMORY)?);
    if class.layout == Layout::Module {
        // The rows hold 64-bit fields, and Windows aligns those to 8.
        image.u32(0);
    }
    for row in &rows {
        let owner = RowOwner::of(row, &owners);
        match family {
            Family::V4 => image.row4(row, class.layout, owner),
            Family::V6 => image.row6(row, class.layout, owner),
        }
    }
    Ok(image.0)
}

/// Returns the number of connections and listeners of a family.
pub(crate) fn count(family: Family) -> Result<usize, Code> {
    Ok(connections(family, States::ALL_ACTIVE)?.len())
}

fn connections(family: Family, states: States) -> Result<Vec<Connection>, Code> {
    let mut table = TcpTable::open()?;
    let mut rows: Vec<Connection> = Vec::new();
    for row in table.connections(&Query::in_states(states))? {
        let row = row?;
        if row.pair.is_ipv4() == (family == Family::V4) {
            rows.try_reserve(1)?;
            rows.push(row);
        }
    }
    // A socket that moves during a dump can be in it twice.
    let mut seen = HashSet::new();
    seen.try_reserve(rows.len())?;
    rows.retain(|row| seen.insert(row.cookie));
    Ok(rows)
}

/// Returns local address, scope and port, then those of the peer; all ascending.
fn sort_key(pair: &Pair) -> impl Ord + use<> {
    let scope = |end: Endpoint| scope_of(end, pair.interface());
    let (local, peer) = (pair.local(), pair.peer());
    (
        (local.address(), scope(local), local.port()),
        (peer.address(), scope(peer), peer.port()),
    )
}

/// Returns the scope ID: the interface, for link-local addresses, which mean nothing without one.
fn scope_of(end: Endpoint, interface: Option<Interface>) -> u32 {
    match end.address() {
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            interface.map_or(0, Interface::index)
        }
        _ => 0,
    }
}

/// Looks up the owners, if the layout shows them.
fn owners(layout: Layout, rows: &[Connection]) -> Result<Owners, Code> {
    if layout == Layout::Basic || rows.iter().all(|row| row.inode.is_none()) {
        return Ok(Owners::default());
    }
    let sockets = rows.iter().filter_map(|row| row.inode);
    Ok(Owners::search().of_sockets(sockets).run()?)
}

/// A row's process and its start time; both 0 for none, or none that the caller may see.
#[derive(Clone, Copy, Default)]
pub(crate) struct RowOwner {
    pub(crate) pid: u32,
    /// The start time, which the table has in `OwningModuleInfo`.
    pub(crate) started: u64,
}

impl RowOwner {
    /// Returns the process with the lowest pid of those that hold the socket.
    fn of(row: &Connection, owners: &Owners) -> Self {
        let first = row.inode.and_then(|inode| owners.of(inode).next());
        first.map_or(Self::default(), |owner| Self {
            pid: owner.process.pid().unsigned_abs(),
            started: owner.process.start(),
        })
    }
}

/// Converts a state to `MIB_TCP_STATE`.
pub(crate) const fn mib_state(state: State) -> u32 {
    match state {
        State::Listening => 2,
        State::SynSent => 3,
        State::SynRecv => 4,
        State::Established => 5,
        State::FinWait1 => 6,
        State::FinWait2 => 7,
        State::CloseWait => 8,
        State::Closing => 9,
        State::LastAck => 10,
        State::TimeWait => 11,
        // Closed, bound, and what no version of Windows knows either.
        _ => 1,
    }
}

/// Bytes under construction, in the machine's order.
#[derive(Debug, Default)]
pub(crate) struct Image(pub(crate) Vec<u8>);

impl Image {
    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_ne_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_ne_bytes());
    }

    /// Appends a port: network byte order in the low half, 0 in the upper.
    fn port(&mut self, port: u16) {
        self.u32(u32::from(port.to_be()));
    }

    fn row4(&mut self, row: &Connection, layout: Layout, owner: RowOwner) {
        self.u32(mib_state(row.state));
        for end in [row.local(), row.peer()] {
            match end.address() {
                IpAddr::V4(address) => self.0.extend(address.octets()),
                IpAddr::V6(_) => self.u32(0),
            }
            self.port(end.port());
        }
        match layout {
            Layout::Basic => {}
            Layout::Two => {
                self.u32(owner.pid);
                self.u32(OFFLOAD_IN_HOST);
            }
            Layout::Pid => self.u32(owner.pid),
            Layout::Module => {
                self.u32(owner.pid);
                self.module(owner.started);
            }
        }
    }

    fn row6(&mut self, row: &Connection, layout: Layout, owner: RowOwner) {
        let state = mib_state(row.state);
        if layout == Layout::Basic {
            self.u32(state);
        }
        for end in [row.local(), row.peer()] {
            match end.address() {
                IpAddr::V6(address) => self.0.extend(address.octets()),
                IpAddr::V4(address) => self.0.extend(address.to_ipv6_mapped().octets()),
            }
            self.u32(scope_of(end, row.interface()));
            self.port(end.port());
        }
        match layout {
            Layout::Basic => {}
            Layout::Two => {
                self.u32(state);
                self.u32(owner.pid);
                self.u32(OFFLOAD_IN_HOST);
            }
            Layout::Pid => {
                self.u32(state);
                self.u32(owner.pid);
            }
            Layout::Module => {
                self.u32(state);
                self.u32(owner.pid);
                self.module(owner.started);
            }
        }
    }

    /// Appends `liCreateTimestamp`, which Linux does not keep, and `OwningModuleInfo`, which is ours to use: the start
    /// time of the process, so that another one with the same pid is not taken for it.
    fn module(&mut self, started: u64) {
        self.u64(0);
        self.u64(started);
        for _ in 1..MODULE_INFO {
            self.u64(0);
        }
    }
}

/// `TcpConnectionOffloadStateInHost`
const OFFLOAD_IN_HOST: u32 = 0;
/// `MIB_TCP6ROW_OWNER_MODULE`
const LONGEST_ROW: usize = 192;
/// `TCPIP_OWNING_MODULE_SIZE`
const MODULE_INFO: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_number() {
        let class = |number| Class::from_number(number).map(|class| (class.layout, class.states));
        assert_eq!(class(0), Some((Layout::Basic, States::LISTENING)));
        assert_eq!(
            class(4),
            Some((Layout::Pid, States::ALL_ACTIVE.without(State::Listening)))
        );
        assert_eq!(class(8), Some((Layout::Module, States::ALL_ACTIVE)));
        assert_eq!((class(9), class(u32::MAX)), (None, None));
    }

    #[test]
    fn families_of_both_worlds() {
        assert_eq!(Family::from_number(2), Some(Family::V4));
        assert_eq!(Family::from_number(10), Some(Family::V6));
        assert_eq!(Family::from_number(23), Some(Family::V6));
        assert_eq!(Family::from_number(0), None);
    }

    #[test]
    fn ends_are_sorted_as_numbers() {
        let pair = |local: &str, peer: &str| {
            Pair::new(local.parse().unwrap(), peer.parse().unwrap()).unwrap()
        };
        let mut pairs = [
            pair("10.0.0.2:1", "10.0.0.1:1"),
            pair("10.0.0.1:256", "10.0.0.1:1"),
            pair("10.0.0.1:255", "10.0.0.1:2"),
            pair("10.0.0.1:255", "9.255.0.1:3"),
            pair("9.0.0.1:1", "10.0.0.1:1"),
        ];
        pairs.sort_by_key(sort_key);
        let shown: Vec<String> = pairs.iter().map(Pair::to_string).collect();
        assert_eq!(
            shown,
            [
                "9.0.0.1:1 10.0.0.1:1",
                "10.0.0.1:255 9.255.0.1:3",
                "10.0.0.1:255 10.0.0.1:2",
                "10.0.0.1:256 10.0.0.1:1",
                "10.0.0.2:1 10.0.0.1:1",
            ]
        );
    }
}
