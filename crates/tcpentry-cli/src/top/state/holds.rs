//! Peers that are held off for a while, and those that come back at once.

use std::time::{Duration, Instant};

use super::super::message::SocketTarget;
use super::super::model::{Change, Frame, Moment, PeerService};
use crate::output::duration;

/// Peers that are held off, and deletions that were a moment ago.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holds {
    held: Vec<Hold>,
    /// The services of which connections were deleted, each in its network namespace, and when.
    recent: Vec<(Instant, (u32, PeerService))>,
}

/// The peers of one preview.
#[derive(Clone, Debug)]
struct Hold {
    serial: u64,
    peers: String,
    services: Vec<(u32, PeerService)>,
    until: Instant,
    /// The number of connections that came back and were deleted.
    came_back: usize,
}

impl Hold {
    fn describe(&self) -> String {
        format!("{}: {} came back", self.peers, self.came_back)
    }
}

impl Holds {
    /// Begins to hold off the peers of these services.
    pub(super) fn begin(
        &mut self,
        serial: u64,
        services: &[(u32, PeerService)],
        now: Instant,
    ) -> Instant {
        let until = now + HOLD_TIME;
        self.held.push(Hold {
            serial,
            peers: describe_peers(services),
            services: services.to_vec(),
            until,
            came_back: 0,
        });
        until
    }

    /// Counts a deletion of a peer that is held off, and remembers whose any other was.
    pub(super) fn count(&mut self, serial: u64, target: &SocketTarget, now: Instant) {
        let mut held = self.held.iter_mut();
        if let Some(hold) = held.find(|hold| hold.serial == serial) {
            hold.came_back += 1;
            return;
        }
        let service = (target.key.netns, PeerService::of(&target.connection.pair));
        let mut held = self.held.iter();
        if !held.any(|hold| hold.services.contains(&service)) {
            self.recent.retain(|(_, other)| *other != service);
            self.recent.push((now, service));
        }
    }

    /// Returns what is to be said of new rows: a peer is back so soon after a deletion.
    pub(super) fn find_back(&mut self, frame: &Frame, now: Instant) -> Option<String> {
        self.recent
            .retain(|(at, _)| now.saturating_duration_since(*at) <= BACK_WITHIN);
        if self.recent.is_empty() {
            return None;
        }
        let read_at = frame.read_at.map(Moment::from);
        let is_new =
            |change: Change| matches!(change, Change::New { since } if Some(since) >= read_at);
        let mut new = frame.rows.iter().filter(|row| is_new(row.change));
        let (row, found) = new.find_map(|row| {
            let mut recent = self.recent.iter();
            let found = recent.position(|(_, (netns, service))| {
                *netns == row.key.netns && service.has(&row.connection.pair)
            });
            Some((row, found?))
        })?;
        let (at, (_, service)) = self.recent.swap_remove(found);
        let after = duration(now.saturating_duration_since(at));
        let said = format!("{} is back {after} after its deletion", service.peer);
        Some(match &row.names.host {
            None => format!("{said} (d, h, y: hold it off)"),
            Some(host) => format!("{host}: {said}"),
        })
    }

    /// Ends one. Returns what is to be said of it.
    pub(super) fn end(&mut self, serial: u64) -> Option<String> {
        let place = self.held.iter().position(|hold| hold.serial == serial)?;
        let hold = self.held.remove(place);
        Some(format!(
            "no longer holding {}; new ones stay",
            hold.describe()
        ))
    }

    /// Ends all. Returns what is to be said of them.
    pub(super) fn end_all(&mut self) -> Option<String> {
        let said = self.leaves();
        self.held.clear();
        said
    }

    /// Describes what is no longer held off where the program ends now.
    pub(crate) fn leaves(&self) -> Option<String> {
        let all: Vec<_> = self.held.iter().map(Hold::describe).collect();
        let all = all.join(", ");
        (!all.is_empty()).then(|| format!("no longer holding {all}; new ones stay"))
    }

    /// Describes each, with the time that is left.
    pub(crate) fn progress(&self, now: Instant) -> impl Iterator<Item = String> {
        self.held.iter().map(move |hold| {
            let left = duration(hold.until.saturating_duration_since(now));
            format!("holding {}, {left} to go (x: end)", hold.describe())
        })
    }

    pub(crate) fn are_any(&self) -> bool {
        !self.held.is_empty()
    }
}

/// Returns the first of the peers, and the number of the others.
pub(crate) fn describe_peers(services: &[(u32, PeerService)]) -> String {
    let mut peers: Vec<_> = services.iter().map(|(_, service)| service.peer).collect();
    peers.sort_unstable();
    peers.dedup();
    let first = peers.first().map(ToString::to_string).unwrap_or_default();
    match peers.len() {
        0 | 1 => first,
        count => format!("{first} and {} more", count - 1),
    }
}

/// The time for which peers are held off.
pub(crate) const HOLD_TIME: Duration = Duration::from_secs(600);
/// The time within which a peer has come back at once.
const BACK_WITHIN: Duration = Duration::from_secs(5);
