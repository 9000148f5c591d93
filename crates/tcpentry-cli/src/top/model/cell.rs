//! Cells: the text of a row in each column, and the order of rows by a column.

use std::cmp::Ordering;
use std::net::IpAddr;

use tcpentry::connection::Device;
use tcpentry::{Endpoint, Method, ScopedEndpoint, State};

use super::counters::Counters;
use super::row::{Deletability, Rates, Resolved, Row};
use crate::args::TopColumn;
use crate::output::duration;

/// The layout of a column.
pub(crate) struct ColumnFormat {
    pub(crate) title: &'static str,
    pub(crate) align_right: bool,
    pub(crate) max_width: usize,
    /// Sorted with the largest first unless reversed.
    pub(crate) largest_first: bool,
}

impl TopColumn {
    /// Returns the title and the layout of the column.
    pub(crate) fn format(self) -> ColumnFormat {
        let words = |title, max_width| ColumnFormat {
            title,
            align_right: false,
            max_width,
            largest_first: false,
        };
        let numbers = |title| ColumnFormat {
            align_right: true,
            largest_first: true,
            ..words(title, 10)
        };
        match self {
            Self::State => words("STATE", 14),
            Self::Local => words("LOCAL", 63),
            Self::Peer => words("PEER", 47),
            Self::Process => words("PROCESS", 28),
            Self::User => words("USER", 16),
            Self::Unit => words("UNIT", 28),
            Self::Netns => words("NETNS", 24),
            Self::Host => words("HOST", 24),
            Self::RecvQueue => numbers("RECV-Q"),
            Self::SendQueue => numbers("SEND-Q"),
            Self::Rtt => numbers("RTT"),
            Self::Retransmits => numbers("RETRANS"),
            Self::Idle => numbers("IDLE"),
            Self::Received => numbers("IN/s"),
            Self::Sent => numbers("OUT/s"),
            Self::History => ColumnFormat {
                largest_first: true,
                ..words("HISTORY", 8)
            },
            Self::DeleteBy => words("DELETE-BY", 12),
            Self::Count => numbers("COUNT"),
        }
    }

    /// Returns the letter by which the column is chosen for the order: one of its title.
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::State => 's',
            Self::Local => 'l',
            Self::Peer => 'p',
            Self::Process => 'r',
            Self::User => 'e',
            Self::Unit => 'u',
            Self::Netns => 'n',
            Self::Host => 'h',
            Self::RecvQueue => 'v',
            Self::SendQueue => 'q',
            Self::Rtt => 't',
            Self::Retransmits => 'a',
            Self::Idle => 'd',
            Self::Received => 'i',
            Self::Sent => 'o',
            Self::History => 'y',
            Self::DeleteBy => 'b',
            Self::Count => 'c',
        }
    }

    /// Returns the text of a cell. Names are escaped where they are read.
    pub(crate) fn text(self, row: &Row, resolved: &Resolved) -> String {
        let connection = &row.connection;
        let counters = row.traffic();
        match self {
            Self::State => connection.state.to_string(),
            Self::Local => local(row),
            Self::Peer => connection.peer().to_string(),
            Self::Process => match &resolved.holders {
                Some(holders) if holders.text.is_empty() => NONE.to_owned(),
                Some(holders) => holders.short(),
                None if connection.inode.is_none() => NONE.to_owned(),
                None => NOT_LOOKED_UP.to_owned(),
            },
            Self::User => word(row.names.user.as_deref()),
            Self::Unit => word(row.unit().or(resolved.unit().map(|unit| &**unit))),
            Self::Netns => word(row.names.netns.as_deref()),
            Self::Host => word(row.names.host.as_deref()),
            Self::RecvQueue => connection.recv_queue.to_string(),
            Self::SendQueue => connection.send_queue.to_string(),
            Self::Rtt => counters.map_or(NONE.to_owned(), |counters| duration(counters.rtt())),
            Self::Retransmits => counters.map_or(NONE.to_owned(), |counters| {
                format!("{}/{}", counters.retransmits, counters.total_retransmits)
            }),
            Self::Idle => row.idle().map_or(NONE.to_owned(), duration),
            Self::Received => row
                .rates
                .map_or(NONE.to_owned(), |rates| bytes(rates.received.into())),
            Self::Sent => row
                .rates
                .map_or(NONE.to_owned(), |rates| bytes(rates.sent.into())),
            Self::DeleteBy => match &resolved.deletability {
                Some(Deletability::By(method)) => method.to_string(),
                Some(Deletability::No(refusal)) => format!("no: {}", refusal.outcome),
                None => NOT_LOOKED_UP.to_owned(),
            },
            // Its graph is drawn with the signs of the screen.
            Self::History | Self::Count => String::new(),
        }
    }

    /// Compares two rows by this column. Unknown values come last in both directions.
    pub(super) fn compare(self, a: &Row, b: &Row, descending: bool) -> Ordering {
        let way = |order| way(order, descending);
        match self {
            Self::State => way(rank(a.connection.state).cmp(&rank(b.connection.state))),
            Self::Local => way(end(a.connection.local()).cmp(&end(b.connection.local()))),
            Self::Peer => way(end(a.connection.peer()).cmp(&end(b.connection.peer()))),
            Self::Process => known_first(process(a), process(b), way),
            Self::User => known_first(a.names.user.as_deref(), b.names.user.as_deref(), way),
            Self::Unit => known_first(a.unit(), b.unit(), way),
            Self::Netns => known_first(a.names.netns.as_deref(), b.names.netns.as_deref(), way),
            Self::Host => known_first(a.names.host.as_deref(), b.names.host.as_deref(), way),
            Self::RecvQueue => way(a.connection.recv_queue.cmp(&b.connection.recv_queue)),
            Self::SendQueue => way(a.connection.send_queue.cmp(&b.connection.send_queue)),
            Self::Rtt => known_first(rtt(a), rtt(b), way),
            Self::Retransmits => known_first(retransmits(a), retransmits(b), way),
            Self::Idle => known_first(a.idle(), b.idle(), way),
            Self::Received => known_first(
                a.rates.map(|it| it.received),
                b.rates.map(|it| it.received),
                way,
            ),
            Self::Sent => known_first(a.rates.map(|it| it.sent), b.rates.map(|it| it.sent), way),
            Self::History => known_first(a.history.mean(), b.history.mean(), way),
            Self::DeleteBy => known_first(deletability_rank(a), deletability_rank(b), way),
            Self::Count => Ordering::Equal,
        }
    }
}

/// Returns the order, or its reverse.
pub(super) fn way(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}

/// Compares two values, unknown ones last in both directions.
pub(super) fn known_first<T: PartialOrd>(
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
    let holders = row.resolved.holders.as_deref()?;
    (!holders.first.is_empty()).then_some(&*holders.first)
}

fn rtt(row: &Row) -> Option<u32> {
    Some(row.counters.as_ref()?.rtt)
}

fn retransmits(row: &Row) -> Option<(u8, u32)> {
    let counters = row.counters.as_ref()?;
    Some((counters.retransmits, counters.total_retransmits))
}

fn deletability_rank(row: &Row) -> Option<u8> {
    Some(match row.resolved.deletability.as_ref()? {
        Deletability::By(Method::SockDiag) => 0,
        Deletability::By(_) => 1,
        Deletability::No(_) => 2,
    })
}

/// Returns the local end with the device that the socket is bound to, as `delete` takes it.
pub(super) fn local(row: &Row) -> String {
    let device = row.names.device.as_deref();
    let device = device.map(|name| Device::Name(name.to_owned()));
    ScopedEndpoint::new(row.connection.local(), device).to_string()
}

/// Formats a number of bytes in at most four characters.
pub(super) fn bytes(bytes: f64) -> String {
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

/// Formats the bytes that a connection has moved.
pub(crate) fn describe_total(counters: &Counters) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is a number for people")]
    let text = |count: u64| bytes(count as f64);
    format!(
        "in {} out {}",
        text(counters.bytes_received),
        text(counters.bytes_acked)
    )
}

/// Formats the rates of several connections.
pub(crate) fn describe_rates(rates: Option<Rates>) -> String {
    match rates {
        Some(Rates { received, sent }) => {
            format!(
                "in {}/s out {}/s",
                bytes(received.into()),
                bytes(sent.into())
            )
        }
        None => format!("in {NONE} out {NONE}"),
    }
}

/// Returns the name of a state in four letters.
pub(crate) fn short_state(state: State) -> String {
    let name = match state {
        State::Established => "estb",
        State::SynSent => "syns",
        State::SynRecv => "synr",
        State::FinWait1 => "fin1",
        State::FinWait2 => "fin2",
        State::TimeWait => "timw",
        State::Closed => "clsd",
        State::CloseWait => "clsw",
        State::LastAck => "lack",
        State::Listening => "lstn",
        State::Closing => "clsg",
        State::BoundInactive => "bnd",
        _ => return state.to_string(),
    };
    name.to_owned()
}

/// Ranks states by how likely somebody is looking for them: stuck connections before healthy ones.
pub(super) fn rank(state: State) -> (u8, u8) {
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

/// The text where there is no value.
pub(super) const NONE: &str = "-";
/// The text where the value has not been looked up yet.
pub(super) const NOT_LOOKED_UP: &str = "...";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_has_a_letter_of_its_own_in_its_title() {
        let mut seen = std::collections::HashSet::new();
        for column in TopColumn::all() {
            let (letter, title) = (column.letter(), column.format().title);
            assert!(title.to_ascii_lowercase().contains(letter), "{title}");
            assert!(seen.insert(letter), "{title}");
        }
    }

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
}
