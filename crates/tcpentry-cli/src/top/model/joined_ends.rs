//! The rows that are two ends of one connection, because both are of this host.

use std::net::IpAddr;

use foldhash::{HashMap, HashSet};
use tcpentry::State;

use super::peer_service::FIRST_EPHEMERAL;
use super::row::Row;

/// Rows of which each stands for its other end, too: the client's, while the server's is hidden.
#[derive(Clone, Debug, Default)]
pub(crate) struct JoinedEnds {
    servers: HashMap<u32, u32>,
    hidden: HashSet<u32>,
}

impl JoinedEnds {
    /// Joins the rows of connections of which both ends are in the same state: where they differ, each says something of
    /// its own, and belongs to another state's rows.
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut joined = Self::default();
        for pair in find_pairs(rows) {
            let state = |place: u32| rows[place as usize].connection.state;
            if state(pair.client) == state(pair.server) {
                joined.servers.insert(pair.client, pair.server);
                joined.hidden.insert(pair.server);
            }
        }
        joined
    }

    /// Returns the number of rows that are hidden.
    pub(crate) fn count(&self) -> usize {
        self.hidden.len()
    }

    /// Returns the other end that a row stands for.
    pub(crate) fn server_of(&self, place: u32) -> Option<u32> {
        self.servers.get(&place).copied()
    }

    /// Returns true for an end that another row stands for.
    pub(crate) fn is_hidden(&self, place: u32) -> bool {
        self.hidden.contains(&place)
    }
}

/// Two rows of a frame that are the ends of one connection.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct EndPair {
    pub(crate) client: u32,
    pub(crate) server: u32,
}

/// The ends of a row, in its network namespace.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct EndsKey {
    netns: u32,
    /// Rows that have left are kept for a while, when others may have the same ends already.
    is_present: bool,
    local: (IpAddr, u16),
    peer: (IpAddr, u16),
}

impl EndsKey {
    /// Returns the ends of a row; `None` for what is no end of a connection, or has no socket any more.
    fn of(row: &Row) -> Option<Self> {
        let connection = &row.connection;
        let state = connection.state;
        let is_beginning = matches!(state, State::SynSent | State::SynRecv);
        let is_end = is_beginning || state.is_synchronized() && state != State::TimeWait;
        let [local, peer] = [connection.local(), connection.peer()]
            .map(|end| (end.address().to_canonical(), end.port()));
        is_end.then_some(Self {
            netns: row.key.netns,
            is_present: row.is_present(),
            local,
            peer,
        })
    }

    const fn mirrored(self) -> Self {
        Self {
            local: self.peer,
            peer: self.local,
            ..self
        }
    }
}

/// Finds the rows that are both ends of a connection: of the same network namespace, between exactly the same two ends. Where
/// several sockets have these ends (bound to different devices), none is chosen.
///
/// Takes time and memory for each row with a peer in the same network namespace, and next to nothing for others.
pub(crate) fn find_pairs(rows: &[Row]) -> Vec<EndPair> {
    let all = || {
        let places = (0..).zip(rows);
        places.filter_map(|(place, row)| Some((place, EndsKey::of(row)?)))
    };
    let here: HashSet<_> = all().map(|(_, ends)| (ends.netns, ends.local.0)).collect();
    let mut places: HashMap<EndsKey, Option<u32>> = HashMap::default();
    for (place, ends) in all().filter(|(_, ends)| here.contains(&(ends.netns, ends.peer.0))) {
        let only = places.entry(ends).or_insert(Some(place));
        if *only != Some(place) {
            *only = None;
        }
    }
    let mut pairs = Vec::new();
    for (ends, place) in &places {
        let other = places.get(&ends.mirrored()).copied().flatten();
        // A socket may be connected to itself; and each pair is met from both its ends.
        if let (Some(place), Some(other)) = (*place, other)
            && place < other
        {
            pairs.push((place, other, *ends));
        }
    }
    let ports = PortCounts::of(rows, !pairs.is_empty());
    let pairs = pairs.into_iter().map(|(place, other, ends)| {
        if ports.is_server(&ends) {
            EndPair {
                client: other,
                server: place,
            }
        } else {
            EndPair {
                client: place,
                server: other,
            }
        }
    });
    pairs.collect()
}

/// The number of sockets at each local port, by which a server is told from its clients.
struct PortCounts(HashMap<(u32, u16), u32>);

impl PortCounts {
    fn of(rows: &[Row], is_needed: bool) -> Self {
        let mut counts = HashMap::default();
        for row in rows.iter().filter(|_| is_needed) {
            let port = (row.key.netns, row.connection.local().port());
            *counts.entry(port).or_insert(0) += 1;
        }
        Self(counts)
    }

    /// Returns true if the local end is the server's: its port is none of those that Linux chooses by itself; or where that
    /// tells nothing, more sockets have it; or else it is the lower one.
    fn is_server(&self, ends: &EndsKey) -> bool {
        let rank = |end: (IpAddr, u16)| {
            let count = self
                .0
                .get(&(ends.netns, end.1))
                .copied()
                .unwrap_or_default();
            let port = std::cmp::Reverse(end.1);
            (
                end.1 < FIRST_EPHEMERAL,
                count,
                port,
                std::cmp::Reverse(end.0),
            )
        };
        rank(ends.local) > rank(ends.peer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;
    use tcpentry::Pair;

    use super::super::frame::{Baseline, Frame};
    use super::super::testing::{row, row_of};
    use super::*;

    fn between(cookie: u64, local: &str, peer: &str) -> Row {
        let mut row = row(cookie);
        row.connection.pair = Pair::new(local.parse().unwrap(), peer.parse().unwrap()).unwrap();
        row
    }

    /// Returns the cookies of client and server of each pair.
    fn pairs(rows: &[Row]) -> Vec<(u64, u64)> {
        let cookie = |place: u32| rows[place as usize].key.cookie.value();
        let found = find_pairs(rows).into_iter();
        let mut found: Vec<_> = found
            .map(|pair| (cookie(pair.client), cookie(pair.server)))
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn client_and_server_are_told_by_their_ports() {
        let (a, b) = ("127.0.0.1:5432", "127.0.0.1:40000");
        let high = "127.0.0.1:50051";
        assert_eq!(pairs(&[between(1, a, b), between(2, b, a)]), [(2, 1)]);
        assert_eq!(pairs(&[between(1, b, a), between(2, a, b)]), [(1, 2)]);
        // Both ports may have been chosen by Linux: one of them has several connections, or a listener.
        let several = [
            between(1, high, b),
            between(2, b, high),
            between(3, high, "192.0.2.9:40001"),
        ];
        assert_eq!(pairs(&several), [(2, 1)]);
        let mut listener = between(3, high, "0.0.0.0:0");
        listener.connection.state = State::Listening;
        assert_eq!(
            pairs(&[between(1, high, b), between(2, b, high), listener]),
            [(2, 1)]
        );
        // The same port at two addresses.
        let (c, d) = ("127.0.0.1:700", "127.0.0.2:700");
        assert_eq!(pairs(&[between(1, d, c), between(2, c, d)]), [(1, 2)]);
    }

    #[test]
    fn only_two_ends_of_one_connection_are_a_pair() {
        let (a, b) = ("10.0.0.1:80", "10.0.0.1:40000");
        let ends = || [between(1, a, b), between(2, b, a)];
        assert_eq!(pairs(&ends()), [(2, 1)]);
        // IPv4 in IPv6 is IPv4.
        let (mapped, other) = ("[::ffff:10.0.0.1]:80", "[::ffff:10.0.0.1]:40000");
        assert_eq!(
            pairs(&[between(1, mapped, other), between(2, b, a)]),
            [(2, 1)]
        );
        let [one, mut two] = ends();
        two.key.netns = 1;
        assert!(pairs(&[one, two]).is_empty(), "another network namespace");
        for state in [
            State::TimeWait,
            State::Listening,
            State::Closed,
            State::BoundInactive,
        ] {
            let [one, mut two] = ends();
            two.connection.state = state;
            assert!(pairs(&[one, two]).is_empty(), "{state}");
        }
        let [one, two] = ends();
        let twice = between(3, b, a);
        assert!(
            pairs(&[one.clone(), two, twice]).is_empty(),
            "of two devices"
        );
        let itself = between(4, a, a);
        assert!(pairs(&[itself]).is_empty());
        let elsewhere = between(5, "10.0.0.1:40000", "10.0.0.1:81");
        assert!(pairs(&[one, elsewhere]).is_empty());
    }

    #[test]
    fn what_has_left_is_no_end_of_what_is_there() {
        let now = Instant::now();
        let (a, b) = ("10.0.0.1:80", "10.0.0.1:40000");
        let frame = Frame::default().followed_by(
            vec![between(1, a, b), between(2, b, a)],
            Baseline::Previous,
            now,
        );
        let next = frame.followed_by(
            vec![between(1, a, b), between(3, b, a)],
            Baseline::Previous,
            now,
        );
        assert_eq!((next.rows.len(), pairs(&next.rows)), (3, vec![(3, 1)]));
        let last = next.followed_by(Vec::new(), Baseline::Previous, now);
        // As long as they are shown, they are shown as they were; the first two have the same ends.
        assert_eq!((last.rows.len(), pairs(&last.rows)), (3, vec![]));
    }

    #[test]
    fn ends_in_different_states_are_rows_of_their_own() {
        let (a, b) = ("10.0.0.1:80", "10.0.0.1:40000");
        let mut rows = [between(1, a, b), between(2, b, a)];
        assert_eq!(JoinedEnds::of(&rows).count(), 1);
        rows[0].connection.state = State::CloseWait;
        rows[1].connection.state = State::FinWait2;
        assert_eq!(JoinedEnds::of(&rows).count(), 0);
        assert_eq!(pairs(&rows), [(2, 1)], "but of one connection");
    }

    fn any_row() -> impl Strategy<Value = Row> {
        let address =
            prop::sample::select(vec!["127.0.0.1", "10.0.0.1", "[::ffff:10.0.0.1]", "[::1]"]);
        let port = prop::sample::select(vec![80_u16, 40_000, 50_000]);
        let end = (address, port).prop_map(|(address, port)| format!("{address}:{port}"));
        let states = vec![
            State::Established,
            State::Established,
            State::CloseWait,
            State::TimeWait,
            State::Listening,
        ];
        let state = prop::sample::select(states);
        (end.clone(), end, state, 0_u32..2).prop_filter_map(
            "one family",
            |(local, peer, state, netns)| {
                let pair = Pair::new(local.parse().ok()?, peer.parse().ok()?).ok()?;
                let mut row = row_of(1, state);
                row.connection.pair = pair;
                row.key.netns = netns;
                Some(row)
            },
        )
    }

    proptest! {
        #[test]
        fn pairs_are_those_that_comparing_each_with_each_finds(rows in prop::collection::vec(any_row(), 0..14)) {
            let ends: Vec<_> = rows.iter().map(EndsKey::of).collect();
            let is_only = |ends_of: &EndsKey| ends.iter().flatten().filter(|it| *it == ends_of).count() == 1;
            let mut expected = Vec::new();
            for (a, b) in (0..rows.len()).flat_map(|a| (a + 1..rows.len()).map(move |b| (a, b))) {
                if let (Some(one), Some(other)) = (&ends[a], &ends[b])
                    && one.mirrored() == *other
                    && one.local != one.peer
                    && is_only(one)
                    && is_only(other)
                {
                    expected.push([a, b]);
                }
            }
            let found = find_pairs(&rows).into_iter();
            let mut found: Vec<_> = found.map(|pair| {
                let mut pair = [pair.client as usize, pair.server as usize];
                pair.sort_unstable();
                pair
            }).collect();
            found.sort_unstable();
            prop_assert_eq!(&found, &expected);
            // No row is in two pairs, and which end is the client's does not depend on the order of the rows.
            let reversed: Vec<_> = rows.iter().rev().cloned().collect();
            let last = rows.len().saturating_sub(1);
            let turned = find_pairs(&reversed).into_iter().map(|pair| {
                let place = |place: u32| u32::try_from(last - place as usize).unwrap();
                EndPair { client: place(pair.client), server: place(pair.server) }
            });
            let mut turned: Vec<_> = turned.collect();
            turned.sort_unstable();
            let mut straight = find_pairs(&rows);
            straight.sort_unstable();
            prop_assert_eq!(straight, turned);
            let joined = JoinedEnds::of(&rows);
            prop_assert!(joined.servers.keys().all(|place| !joined.is_hidden(*place)));
            prop_assert_eq!(joined.count(), joined.servers.len());
        }
    }
}
