//! The columns: what each shows of a row, and how rows are put in order by it.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::time::Duration;

use tcpentry::{Device, Endpoint, Method, ScopedEndpoint, State};

use super::row::{Change, Facts, May, Row};
use crate::output::duration;

/// A column, by what it shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Column {
    State,
    Local,
    Peer,
    Process,
    User,
    Unit,
    Netns,
    ReceiveQueue,
    SendQueue,
    Rtt,
    Retransmits,
    Idle,
    Received,
    Sent,
    May,
}

/// What a column is called, and how it is laid out.
pub(crate) struct Definition {
    /// The word for `--columns` and `--sort`.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) right: bool,
    /// It is never wider than this.
    pub(crate) most: usize,
    /// Whether one wants to see the largest first.
    pub(crate) descending: bool,
}

impl Column {
    pub(crate) const ALL: [Self; 15] = [
        Self::State,
        Self::Local,
        Self::Peer,
        Self::Process,
        Self::User,
        Self::Unit,
        Self::Netns,
        Self::ReceiveQueue,
        Self::SendQueue,
        Self::Rtt,
        Self::Retransmits,
        Self::Idle,
        Self::Received,
        Self::Sent,
        Self::May,
    ];

    /// Those that are shown where nobody has chosen, in their order.
    pub(crate) const DEFAULT: [Self; 12] = [
        Self::State,
        Self::Local,
        Self::Peer,
        Self::Process,
        Self::Idle,
        Self::ReceiveQueue,
        Self::SendQueue,
        Self::Received,
        Self::Sent,
        Self::Retransmits,
        Self::User,
        Self::Unit,
    ];

    pub(crate) fn definition(self) -> Definition {
        let words = |name, title, about, most| Definition {
            name,
            title,
            about,
            right: false,
            most,
            descending: false,
        };
        let numbers = |name, title, about| Definition {
            right: true,
            descending: true,
            ..words(name, title, about, 10)
        };
        match self {
            Self::State => words("state", "STATE", "its state", 14),
            Self::Local => words("local", "LOCAL", "the local end", 63),
            Self::Peer => words("peer", "PEER", "the peer's end", 47),
            Self::Process => words("process", "PROCESS", "the processes that hold it", 28),
            Self::User => words("user", "USER", "the user it belongs to", 16),
            Self::Unit => words("unit", "UNIT", "its container, or its systemd unit", 28),
            Self::Netns => words("netns", "NETNS", "its network namespace", 24),
            Self::ReceiveQueue => numbers("recv-q", "RECV-Q", "bytes received and not read"),
            Self::SendQueue => numbers("send-q", "SEND-Q", "bytes sent and not acknowledged"),
            Self::Rtt => numbers("rtt", "RTT", "round-trip time"),
            Self::Retransmits => {
                numbers("retrans", "RETRANS", "retransmits, now and in all its life")
            }
            Self::Idle => numbers("idle", "IDLE", "since data moved in either direction"),
            Self::Received => numbers("in", "IN/s", "bytes received a second"),
            Self::Sent => numbers("out", "OUT/s", "bytes sent and acknowledged a second"),
            Self::May => words(
                "delete-by",
                "DELETE-BY",
                "how you may delete it, or that you may not",
                12,
            ),
        }
    }

    /// The column of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|column| column.definition().name == name)
    }

    /// What stands in a cell. Names come escaped from who has read them.
    pub(crate) fn text(self, row: &Row, facts: &Facts) -> String {
        let connection = &row.connection;
        let info = connection
            .info
            .as_deref()
            .filter(|_| connection.state != State::Listening);
        match self {
            Self::State => connection.state.to_string(),
            Self::Local => local(row),
            Self::Peer => connection.peer().to_string(),
            Self::Process => match &facts.holders {
                Some(holders) if holders.text.is_empty() => NONE.to_owned(),
                Some(holders) => holders.text.clone(),
                None if connection.inode.is_none() => NONE.to_owned(),
                None => LATER.to_owned(),
            },
            Self::User => word(row.user.as_deref()),
            Self::Unit => word(row.unit().or(facts.unit.as_deref())),
            Self::Netns => word(row.netns.as_deref()),
            Self::ReceiveQueue => connection.receive_queue.to_string(),
            Self::SendQueue => connection.send_queue.to_string(),
            Self::Rtt => info.map_or(NONE.to_owned(), |info| duration(info.rtt)),
            Self::Retransmits => info.map_or(NONE.to_owned(), |info| {
                format!("{}/{}", info.retransmits, info.total_retransmits)
            }),
            Self::Idle => connection.idle().map_or(NONE.to_owned(), duration),
            Self::Received => row
                .rates
                .map_or(NONE.to_owned(), |rates| bytes(rates.received)),
            Self::Sent => row.rates.map_or(NONE.to_owned(), |rates| bytes(rates.sent)),
            Self::May => match &facts.may {
                Some(May::By(method)) => method.to_string(),
                Some(May::No(refusal)) => format!("no: {}", refusal.outcome),
                None => LATER.to_owned(),
            },
        }
    }

    /// What comes first by this column. What is unknown comes last, whichever way.
    pub(super) fn compare(self, a: &Row, b: &Row, descending: bool) -> Ordering {
        let way = |order: Ordering| if descending { order.reverse() } else { order };
        match self {
            Self::State => way(rank(a.connection.state).cmp(&rank(b.connection.state))),
            Self::Local => way(end(a.connection.local()).cmp(&end(b.connection.local()))),
            Self::Peer => way(end(a.connection.peer()).cmp(&end(b.connection.peer()))),
            Self::Process => known(process(a), process(b), way),
            Self::User => known(a.user.as_deref(), b.user.as_deref(), way),
            Self::Unit => known(a.unit(), b.unit(), way),
            Self::Netns => known(a.netns.as_deref(), b.netns.as_deref(), way),
            Self::ReceiveQueue => way(a.connection.receive_queue.cmp(&b.connection.receive_queue)),
            Self::SendQueue => way(a.connection.send_queue.cmp(&b.connection.send_queue)),
            Self::Rtt => known(rtt(a), rtt(b), way),
            Self::Retransmits => known(retransmits(a), retransmits(b), way),
            Self::Idle => known(a.connection.idle(), b.connection.idle(), way),
            Self::Received => known(
                a.rates.map(|it| it.received),
                b.rates.map(|it| it.received),
                way,
            ),
            Self::Sent => known(a.rates.map(|it| it.sent), b.rates.map(|it| it.sent), way),
            Self::May => known(may(a), may(b), way),
        }
    }
}

/// What is unknown comes last, whichever way.
fn known<T: PartialOrd>(
    a: Option<T>,
    b: Option<T>,
    way: impl Fn(Ordering) -> Ordering,
) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => way(a.partial_cmp(&b).unwrap_or(Ordering::Equal)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

fn process(row: &Row) -> Option<&str> {
    let holders = row.facts.holders.as_deref()?;
    (!holders.name.is_empty()).then_some(&*holders.name)
}

fn rtt(row: &Row) -> Option<Duration> {
    Some(row.connection.info.as_deref()?.rtt)
}

fn retransmits(row: &Row) -> Option<(u8, u32)> {
    let info = row.connection.info.as_deref()?;
    Some((info.retransmits, info.total_retransmits))
}

fn may(row: &Row) -> Option<u8> {
    Some(match row.facts.may.as_ref()? {
        May::By(Method::SockDiag) => 0,
        May::By(_) => 1,
        May::No(_) => 2,
    })
}

/// The local end with the device that its socket is bound to, as `delete` takes it.
fn local(row: &Row) -> String {
    let device = row.device.as_deref();
    let end = ScopedEndpoint {
        endpoint: row.connection.local(),
        device: device.map(|name| Device::Name(name.to_owned())),
    };
    end.to_string()
}

/// The sign of a change, which tells it without colour.
pub(crate) const fn sign(change: Change) -> char {
    match change {
        Change::None => ' ',
        Change::New { .. } => '+',
        Change::State { .. } => '~',
        Change::Left { .. } => '-',
    }
}

/// In the unit that takes four characters.
pub(crate) fn bytes(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["", "k", "M", "G"] {
        if value < 999.5 {
            return if value < 9.95 && !unit.is_empty() {
                format!("{value:.1}{unit}")
            } else {
                format!("{value:.0}{unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.0}T")
}

/// What people look for stands first: what goes wrong before what is well.
fn rank(state: State) -> (u8, u8) {
    let rank = match state {
        State::CloseWait => 0,
        State::SynSent | State::SynRecv => 1,
        State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck => 2,
        State::Established => 3,
        State::Listening => 5,
        _ => 4,
    };
    (rank, state.to_kernel())
}

fn end(end: Endpoint) -> (IpAddr, u16) {
    (end.address(), end.port())
}

fn word(text: Option<&str>) -> String {
    text.unwrap_or(NONE).to_owned()
}

/// There is none.
const NONE: &str = "-";
/// It has not been looked up yet.
const LATER: &str = "...";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_four_characters() {
        for (value, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (999.6, "1.0k"),
            (9_949.0, "9.9k"),
            (12_345.0, "12k"),
            (999_600.0, "1.0M"),
            (2e12, "2T"),
        ] {
            assert_eq!(bytes(value), text);
        }
    }

    #[test]
    fn each_column_is_found_by_its_name() {
        for column in Column::ALL {
            assert_eq!(Column::named(column.definition().name), Some(column));
        }
        assert_eq!(Column::named("colour"), None);
    }
}
