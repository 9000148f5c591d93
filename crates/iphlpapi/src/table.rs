//! The tables of TCP.

use std::net::{Ipv4Addr, SocketAddrV4};

use tcpentry::{
    Connection, Cookie, Endpoint, Error, Filter, Inode, Pair, Query, Selection, State, States,
    TcpTable,
};

use crate::code::Code;
use crate::family::Family;
use crate::image::{Image, scope_of};
use crate::owner::RowOwner;
use crate::rows::{Asked, Layout, Order, TableAnswer, TableRow, answer, distinct};
use crate::shape::TableShape;

/// A layout, and a selection of states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class {
    pub(crate) layout: Layout,
    states: States,
}

impl Class {
    /// Converts the number of a `TCP_TABLE_CLASS`, 0 to 8.
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

    /// Returns the class of all connections and listeners in this layout.
    pub(crate) const fn all(layout: Layout) -> Self {
        Self {
            layout,
            states: States::ALL_ACTIVE,
        }
    }

    /// Returns the class of sockets that are bound, but neither connected nor listening.
    pub(crate) const fn bound(layout: Layout) -> Self {
        Self {
            layout,
            states: States::BOUND_INACTIVE,
        }
    }
}

/// A table of TCP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tcp {
    pub(crate) family: Family,
    pub(crate) class: Class,
    pub(crate) order: Order,
}

impl Tcp {
    pub(crate) const fn shape(self) -> TableShape {
        let (four, six) = match self.class.layout {
            Layout::Basic => (20, 52),
            Layout::Two => (28, 60),
            Layout::Pid => (24, 56),
            Layout::Module => (160, 192),
        };
        TableShape {
            first: if matches!(self.class.layout, Layout::Module) {
                8
            } else {
                4
            },
            row: match self.family {
                Family::V4 => four,
                Family::V6 => six,
            },
        }
    }

    /// Reads it, if it has room for as many rows as there are.
    pub(crate) fn read(self, room: Option<usize>) -> Result<TableAnswer, Code> {
        self.read_rows(room, true)
    }

    /// Reads it as [`read`](Self::read) does, with 0 for every owner.
    pub(crate) fn read_without_owners(self, room: Option<usize>) -> Result<TableAnswer, Code> {
        self.read_rows(room, false)
    }

    fn read_rows(self, room: Option<usize>, has_owners: bool) -> Result<TableAnswer, Code> {
        self.family.require()?;
        let asked = Asked {
            shape: self.shape(),
            layout: self.class.layout,
            order: self.order,
            room,
            has_owners,
        };
        let mut table = TcpTable::open()?;
        let query = self.query(&mut table)?;
        let rows = table.connections(&query)?;
        answer(of_family(self.family, rows), asked)
    }

    /// Returns the query for all rows of the family, and as few others as the kernel can leave out.
    fn query(self, table: &mut TcpTable) -> Result<Query, Error> {
        let states = self.class.states;
        match self.family {
            // Those of IPv4 are also in sockets of IPv6.
            Family::V4 => Ok(Query::in_states(states)),
            Family::V6 => {
                let selection = Selection::new(Filter::any().only_ipv6(), states, table)?;
                Ok(selection.query().clone())
            }
        }
    }
}

/// The number of sockets of both families.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Population {
    /// Connections and listeners.
    pub(crate) all: usize,
    /// Connections in ESTABLISHED or CLOSE_WAIT.
    pub(crate) established: usize,
}

impl Population {
    /// Counts the sockets of this network namespace, all in one dump.
    pub(crate) fn read() -> Result<Self, Code> {
        let mut table = TcpTable::open()?;
        let rows = distinct(table.connections(&Query::in_states(States::ALL_ACTIVE))?)?;
        let is_established =
            |row: &&Connection| matches!(row.state, State::Established | State::CloseWait);
        Ok(Self {
            all: rows.len(),
            established: rows.iter().filter(is_established).count(),
        })
    }
}

/// Yields the rows that the table of a family has.
///
/// A listener that takes connections of both families stands in both tables, as its connections do.
fn of_family(
    family: Family,
    rows: impl Iterator<Item = Result<Connection, Error>>,
) -> impl Iterator<Item = Result<Connection, Error>> {
    rows.filter_map(move |row| match (family, row) {
        (_, Err(error)) => Some(Err(error)),
        (Family::V4, Ok(row)) if row.pair.is_ipv4() => Some(Ok(row)),
        (Family::V4, Ok(row)) => as_ipv4(row).map(Ok),
        (Family::V6, Ok(row)) => (!row.pair.is_ipv4()).then_some(Ok(row)),
    })
}

/// Returns the IPv4 row of a listener of both families, or of a socket that is bound to become one.
fn as_ipv4(mut row: Connection) -> Option<Connection> {
    let listens = matches!(row.state, State::Listening | State::BoundInactive);
    let takes_both = row.v6only == Some(false) && row.local().address().is_unspecified();
    let end = |port| SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
    let pair = Pair::v4(end(row.local().port()), end(row.peer().port()));
    row.pair = pair.on(row.interface());
    (listens && takes_both).then_some(row)
}

/// Address, scope and port.
type EndKey = (std::net::IpAddr, u32, u16);

impl TableRow for Connection {
    /// The local end, then that of the peer.
    type Key = (EndKey, EndKey);

    fn key(&self) -> Self::Key {
        key_of(&self.pair)
    }

    fn cookie(&self) -> Cookie {
        self.cookie
    }

    fn inode(&self) -> Option<Inode> {
        self.inode
    }

    fn append_to(&self, image: &mut Image, layout: Layout, owner: RowOwner) {
        let state = mib_state(self.state);
        let ends = [self.local(), self.peer()];
        let is_ipv4 = self.pair.is_ipv4();
        if is_ipv4 || layout == Layout::Basic {
            image.u32(state);
        }
        for end in ends {
            if is_ipv4 {
                image.end4(end);
            } else {
                image.end6(end, self.interface());
            }
        }
        if !is_ipv4 && layout != Layout::Basic {
            image.u32(state);
        }
        match layout {
            Layout::Basic => {}
            Layout::Two => {
                image.u32(owner.pid);
                image.u32(OFFLOAD_IN_HOST);
            }
            Layout::Pid => image.u32(owner.pid),
            Layout::Module => {
                image.u32(owner.pid);
                image.timestamp();
                image.module(owner.started);
            }
        }
    }
}

fn key_of(pair: &Pair) -> (EndKey, EndKey) {
    let key = |end: Endpoint| (end.address(), scope_of(end, pair.interface()), end.port());
    (key(pair.local()), key(pair.peer()))
}

/// Converts a state to `MIB_TCP_STATE`.
const fn mib_state(state: State) -> u32 {
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

/// `TcpConnectionOffloadStateInHost`
const OFFLOAD_IN_HOST: u32 = 0;

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
        pairs.sort_by_key(key_of);
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

    #[test]
    fn a_listener_of_both_families_stands_in_both_tables() {
        let row = |ends: &str, state, v6only| {
            let (local, peer) = ends.split_once(' ').unwrap();
            let pair = Pair::new(local.parse().unwrap(), peer.parse().unwrap()).unwrap();
            let mut row = Connection::named(pair, Cookie::new(1).unwrap(), state);
            row.v6only = v6only;
            row
        };
        let shown = |family, row: &Connection| {
            let mut rows = of_family(family, std::iter::once(Ok(row.clone())));
            rows.next().map(|row| row.unwrap().pair.to_string())
        };
        let both = row("[::]:80 [::]:0", State::Listening, Some(false));
        assert_eq!(shown(Family::V4, &both).unwrap(), "0.0.0.0:80 0.0.0.0:*");
        assert_eq!(shown(Family::V6, &both).unwrap(), "[::]:80 [::]:*");
        for other in [
            row("[::]:80 [::]:0", State::Listening, Some(true)),
            row("[::]:80 [::]:0", State::Listening, None),
            row("[::1]:80 [::]:0", State::Listening, Some(false)),
            row("[::1]:80 [::1]:5000", State::Established, None),
        ] {
            assert_eq!(shown(Family::V4, &other), None, "{other}");
            assert!(shown(Family::V6, &other).is_some(), "{other}");
        }
        let four = row("0.0.0.0:80 0.0.0.0:0", State::Listening, None);
        assert!(shown(Family::V4, &four).is_some());
        assert_eq!(shown(Family::V6, &four), None);
    }
}
