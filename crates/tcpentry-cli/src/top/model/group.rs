//! Groups: rows with a property in common, and what they are together.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use tcpentry::State;

use super::arrangement::Arrangement;
use super::cell::{NONE, NOT_LOOKED_UP, bytes, known_first, rank, way};
use super::rate_history::LENGTH;
use super::row::{RateSum, Rates, Row};
use super::state_counts::StateCounts;
use crate::args::{Grouping, TopColumn};
use crate::output::duration;

/// The identity of a group, which it has in each frame.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum GroupKey {
    /// A name, and the process from which those of this name descend.
    Process(Arc<str>, i32),
    /// A user, a container or unit, a network namespace, a host.
    Name(Arc<str>),
    Address(IpAddr),
    /// The first address of a network.
    Network(IpAddr),
    Port(u16, Option<Arc<str>>),
    State((u8, u8), State),
    /// The rows of which it is not known yet, and those without any.
    NotLookedUp,
    None,
}

impl GroupKey {
    /// Returns the group of a row that stands for both ends of its connection, where there is a server's: it is the client's,
    /// but of the ports that of the service.
    pub(super) fn of_joined(row: &Row, server: Option<&Row>, grouping: Grouping) -> Self {
        match server {
            Some(server) if grouping == Grouping::Port => Self::of(server, grouping),
            _ => Self::of(row, grouping),
        }
    }

    /// Returns the group that a row belongs to.
    pub(crate) fn of(row: &Row, grouping: Grouping) -> Self {
        let named = |name: Option<&Arc<str>>| name.map(|name| Self::Name(Arc::clone(name)));
        let known = match grouping {
            Grouping::None => None,
            Grouping::Process => match row.resolved.holders.as_deref() {
                Some(holders) if !holders.first.is_empty() => {
                    Some(Self::Process(Arc::clone(&holders.first), holders.tree))
                }
                Some(holders) if !holders.text.is_empty() => {
                    Some(Self::Name(holders.text.as_str().into()))
                }
                None if row.connection.inode.is_some() => Some(Self::NotLookedUp),
                _ => None,
            },
            Grouping::User => named(row.names.user.as_ref()),
            Grouping::Peer => Some(Self::Address(row.peer_address())),
            Grouping::Network => Some(Self::Network(network(row.peer_address()))),
            Grouping::Port => {
                let port = row.connection.local().port();
                Some(Self::Port(port, row.names.service.clone()))
            }
            Grouping::Unit => named(row.names.unit.as_ref().or(row.resolved.unit())),
            Grouping::Netns => named(row.names.netns.as_ref()),
            Grouping::Host => named(row.names.host.as_ref()),
            Grouping::State => {
                let state = row.connection.state;
                Some(Self::State(rank(state), state))
            }
        };
        known.unwrap_or(Self::None)
    }

    /// Returns the text of the group in the column of its property.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Process(name, pid) => format!("{pid} {name}"),
            Self::Name(name) => name.to_string(),
            Self::Address(address) => address.to_string(),
            Self::Network(IpAddr::V4(address)) => format!("{address}/{V4_LENGTH}"),
            Self::Network(IpAddr::V6(address)) => format!("[{address}]/{V6_LENGTH}"),
            Self::Port(port, Some(service)) => format!(":{port} {service}"),
            Self::Port(port, None) => format!(":{port}"),
            Self::State(_, state) => state.to_string(),
            Self::NotLookedUp => NOT_LOOKED_UP.to_owned(),
            Self::None => NONE.to_owned(),
        }
    }

    /// Returns false where there is nothing that the rows have in common.
    const fn is_known(&self) -> bool {
        !matches!(self, Self::NotLookedUp | Self::None)
    }
}

/// Returns the first address of the network that an address is in.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let mask = u32::MAX << (u32::BITS - V4_LENGTH);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX << (u128::BITS - V6_LENGTH);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

/// Rows with a property in common. Those that have left count for nothing.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    /// The number of rows that are present.
    pub(crate) present: usize,
    pub(crate) rows: Vec<u32>,
    states: StateCounts,
    rates: Option<Rates>,
    /// The sums of the rates of its rows at the last readings.
    pub(crate) history: [Option<f32>; LENGTH],
    recv_queue: u64,
    send_queue: u64,
    retransmits: Option<(u32, u32)>,
    worst_rtt: Option<Duration>,
    longest_idle: Option<Duration>,
    common: Vec<(TopColumn, String)>,
}

impl Group {
    /// Sums up these rows, which are not all gone.
    pub(super) fn of<'r>(key: GroupKey, places: Vec<u32>, row: impl Fn(u32) -> &'r Row) -> Self {
        let mut group = Self {
            key,
            present: 0,
            rows: Vec::new(),
            states: StateCounts::default(),
            rates: None,
            history: [None; LENGTH],
            recv_queue: 0,
            send_queue: 0,
            retransmits: None,
            worst_rtt: None,
            longest_idle: None,
            common: Vec::new(),
        };
        let mut sum = RateSum::default();
        let mut first: Option<&Row> = None;
        let mut common = COMMON.to_vec();
        for row in places.iter().map(|place| row(*place)) {
            sum.add(row);
            if !row.is_present() {
                continue;
            }
            group.add(row);
            let first = *first.get_or_insert(row);
            common.retain(|(_, is_same)| is_same(first, row));
        }
        group.rates = sum.get();
        if let Some(first) = first {
            let text = |column: TopColumn| column.text(first, &first.resolved);
            let columns = common.iter().map(|(column, _)| *column);
            group.common = columns.map(|column| (column, text(column))).collect();
        }
        group.rows = places;
        group
    }

    fn add(&mut self, row: &Row) {
        let connection = &row.connection;
        self.present += 1;
        self.states.add(connection.state);
        for (sum, rate) in self.history.iter_mut().zip(row.history.values()) {
            if let Some(rate) = rate {
                *sum = Some(sum.unwrap_or_default() + rate);
            }
        }
        self.recv_queue += u64::from(connection.recv_queue);
        self.send_queue += u64::from(connection.send_queue);
        self.longest_idle = self.longest_idle.max(row.idle());
        if let Some(counters) = row.traffic() {
            self.worst_rtt = self.worst_rtt.max(Some(counters.rtt()));
            let (now, total) = self.retransmits.unwrap_or_default();
            self.retransmits = Some((
                now + u32::from(counters.retransmits),
                total.saturating_add(counters.total_retransmits),
            ));
        }
    }

    /// Returns the address that all its peers have, where rows are grouped by that.
    pub(crate) const fn peer(&self) -> Option<IpAddr> {
        match self.key {
            GroupKey::Address(address) => Some(address),
            _ => None,
        }
    }

    /// Returns the text of the group in a column.
    pub(crate) fn text(&self, column: TopColumn, grouping: Grouping) -> String {
        if grouping.column() == Some(column) {
            return self.key.text();
        }
        let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
        match column {
            TopColumn::Count => self.present.to_string(),
            TopColumn::State => {
                let states = self.states.texts().map(|(_, text)| text);
                states.collect::<Vec<_>>().join(" ")
            }
            TopColumn::RecvQueue => self.recv_queue.to_string(),
            TopColumn::SendQueue => self.send_queue.to_string(),
            TopColumn::Received => or_none(self.rates.map(|rates| bytes(rates.received.into()))),
            TopColumn::Sent => or_none(self.rates.map(|rates| bytes(rates.sent.into()))),
            TopColumn::Rtt => or_none(self.worst_rtt.map(duration)),
            TopColumn::Idle => or_none(self.longest_idle.map(duration)),
            TopColumn::Retransmits => or_none(
                self.retransmits
                    .map(|(now, total)| format!("{now}/{total}")),
            ),
            TopColumn::History | TopColumn::DeleteBy => String::new(),
            TopColumn::Local
            | TopColumn::Peer
            | TopColumn::Process
            | TopColumn::User
            | TopColumn::Unit
            | TopColumn::Netns
            | TopColumn::Host => self.common(column).unwrap_or(SEVERAL).to_owned(),
        }
    }

    /// Returns the text that all rows have in a column.
    fn common(&self, column: TopColumn) -> Option<&str> {
        let text = self.common.iter().find(|(it, _)| *it == column);
        text.map(|(_, text)| &**text)
    }

    /// Compares two groups by a column. Unknown values come last in both directions; the larger of equal ones first.
    pub(super) fn compare(&self, other: &Self, arrangement: Arrangement) -> Ordering {
        let Arrangement {
            by,
            descending,
            grouping,
            ..
        } = arrangement;
        let way = |order| way(order, descending);
        let by_value = if grouping.column() == Some(by) {
            let key = |group: &Self| group.key.is_known().then(|| group.key.clone());
            known_first(key(self), key(other), way)
        } else {
            match by {
                TopColumn::Count => way(self.present.cmp(&other.present)),
                // Those with stuck ones first, and of those the ones with most of them.
                TopColumn::State => {
                    let states = |group: &Self| {
                        let first = group.states.first();
                        first.map(|(rank, count)| (rank, std::cmp::Reverse(count)))
                    };
                    known_first(states(self), states(other), way)
                }
                TopColumn::RecvQueue => way(self.recv_queue.cmp(&other.recv_queue)),
                TopColumn::SendQueue => way(self.send_queue.cmp(&other.send_queue)),
                TopColumn::Received => {
                    let rate = |group: &Self| group.rates.map(|rates| rates.received);
                    known_first(rate(self), rate(other), way)
                }
                TopColumn::Sent => {
                    let rate = |group: &Self| group.rates.map(|rates| rates.sent);
                    known_first(rate(self), rate(other), way)
                }
                TopColumn::History => {
                    let sum = |group: &Self| {
                        let known = group.history.iter().flatten();
                        known.copied().reduce(|sum, rate| sum + rate)
                    };
                    known_first(sum(self), sum(other), way)
                }
                TopColumn::Rtt => known_first(self.worst_rtt, other.worst_rtt, way),
                TopColumn::Idle => known_first(self.longest_idle, other.longest_idle, way),
                TopColumn::Retransmits => known_first(self.retransmits, other.retransmits, way),
                _ => known_first(self.common(by), other.common(by), way),
            }
        };
        by_value
            .then_with(|| other.present.cmp(&self.present))
            .then_with(|| self.key.cmp(&other.key))
    }
}

/// Returns true where two rows have the same text in a column.
type IsSame = fn(&Row, &Row) -> bool;

/// The columns of names and ends, of which a group shows what all its rows have.
const COMMON: [(TopColumn, IsSame); 7] = [
    (TopColumn::Local, |a, b| {
        a.connection.local() == b.connection.local() && a.names.device == b.names.device
    }),
    (TopColumn::Peer, |a, b| {
        a.connection.peer() == b.connection.peer()
    }),
    (TopColumn::Process, |a, b| {
        a.resolved.holders == b.resolved.holders
    }),
    (TopColumn::User, |a, b| a.names.user == b.names.user),
    (TopColumn::Unit, |a, b| a.unit() == b.unit()),
    (TopColumn::Netns, |a, b| a.names.netns == b.names.netns),
    (TopColumn::Host, |a, b| a.names.host == b.names.host),
];

/// The text where the rows of a group have several.
const SEVERAL: &str = "several";
/// The bits of an address that name the network of a peer.
const V4_LENGTH: u32 = 24;
const V6_LENGTH: u32 = 64;
