//! The rows of several hosts for the screen, and deletions on each of them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tcpentry::Identity;
use tcpentry::delete::Ending;

use super::super::children::Children;
use super::deletion::RemoteDeletion;
use super::host::Presence;
use super::merge::{HostNews, MergedTable};
use super::stream::{HostStream, LOOK_INTERVAL, place_of};
use crate::top::{
    Deletability, ForeignFrame, NotDeleted, Polled, RowKey, RowSource, Section, SocketTarget,
};

/// The streams of all hosts, merged.
pub(super) struct FleetSource {
    pub(super) streams: Vec<HostStream>,
    pub(super) children: Children,
    pub(super) table: MergedTable,
    pub(super) deletion: RemoteDeletion,
    pub(super) interval: Duration,
    /// The option of a command by which it finds sockets of other network namespaces, and a space.
    pub(super) netns: &'static str,
    /// All frames that are there are shown, and no other.
    pub(super) is_once: bool,
    pub(super) shown_at: Option<Instant>,
    pub(super) notes: Vec<String>,
    /// The identities of what was previewed: its row may be gone by the time it is deleted.
    pub(super) previewed: HashMap<RowKey, Identity>,
}

impl FleetSource {
    /// Takes what is new of each host.
    fn take_news(&self, now: Instant) -> Vec<HostNews> {
        let streams = self.streams.iter();
        let news = streams.map(|stream| {
            let mut state = stream.state();
            let is_to_be_cut = !self.is_once && state.is_to_be_cut(self.interval, now);
            let news = HostNews {
                presence: state.presence(self.interval, now),
                frame: state.take(),
            };
            drop(state);
            if is_to_be_cut {
                stream.cut(&self.children);
            }
            news
        });
        news.collect()
    }

    /// Returns the time until the next frame is due.
    fn left(&self, now: Instant) -> Duration {
        let due = self.shown_at.map(|at| at + self.interval);
        due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now))
    }

    /// Returns the place of the host of a row, and the reason why nothing can be done there, if so.
    fn host_of(&self, target: &SocketTarget, now: Instant) -> (usize, Option<String>) {
        let place = place_of(target.key);
        let presence = self.streams[place].state().presence(self.interval, now);
        match presence {
            Presence::Shown => (place, None),
            Presence::Missing(why) => (place, Some(why)),
        }
    }
}

impl RowSource for FleetSource {
    fn poll(&mut self, at_once: bool) -> Polled {
        let now = Instant::now();
        let left = self.left(now);
        let mut frame: Option<ForeignFrame> = None;
        if at_once || left.is_zero() {
            let news = self.take_news(now);
            (frame, self.notes) = self.table.take(news, now);
            if frame.is_some() {
                self.shown_at = Some(now);
            }
        }
        let has_more = self.is_once && self.streams.iter().any(|it| it.state().has_frame());
        Polled {
            frame,
            notes: self.notes.clone(),
            wait: match (self.is_once, self.left(now)) {
                (true, _) => Duration::ZERO,
                (false, left) => left.max(LOOK_INTERVAL),
            },
            is_over: self.is_once && !has_more,
            is_seeking: false,
        }
    }

    fn preview(
        &mut self,
        targets: &[(SocketTarget, Option<Identity>)],
        known: Vec<Option<Deletability>>,
    ) -> Vec<Deletability> {
        let now = Instant::now();
        let found = targets.iter().map(|(target, identity)| {
            let (host, missing) = self.host_of(target, now);
            match (missing, identity) {
                (Some(why), _) => Err(why),
                (None, None) => Err(NAMELESS.to_owned()),
                (None, Some(identity)) => Ok((host, *identity)),
            }
        });
        let found: Vec<_> = found.collect();
        for ((target, _), found) in targets.iter().zip(&found) {
            if let Ok((_, identity)) = found {
                self.previewed.insert(target.key, *identity);
            }
        }
        self.deletion.preview(targets, &found, known)
    }

    fn delete(
        &mut self,
        targets: Vec<(SocketTarget, Option<Identity>)>,
        report: &mut dyn FnMut(SocketTarget, Result<Ending, NotDeleted>),
    ) {
        let now = Instant::now();
        let targets = targets.into_iter().map(|(target, identity)| {
            let identity = identity.or_else(|| self.previewed.get(&target.key).copied());
            let (host, _) = self.host_of(&target, now);
            (target, identity.map(|identity| (host, identity)))
        });
        let targets = targets.collect();
        self.deletion.delete(targets, report);
    }

    fn command(&self, key: RowKey, identity: &Identity) -> Option<String> {
        let host = &self.streams[place_of(key)].host;
        let netns = self.netns;
        Some(format!(
            "tcpentry --on {host} delete {netns}--id {host}/{identity}"
        ))
    }

    fn beyond(&self, key: RowKey, identity: Option<&Identity>) -> Section {
        let host = &self.streams[place_of(key)].host;
        let netns = self.netns;
        let program = self.deletion.ssh.program();
        let missing = "why it is slow, its congestion window, buffers, timers and other counters";
        let mut lines = vec![(String::new(), missing.to_owned())];
        if let Some(identity) = identity {
            let why = format!("{program} {host} tcpentry why {netns}--id {identity}");
            lines.push((String::new(), why));
        }
        Section {
            title: "not read here",
            lines,
        }
    }

    fn resume(&mut self) {
        self.table.resume();
    }

    fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }
}

const NAMELESS: &str = "it has no identity: /proc does not show the boot id of its host, or it is of no network namespace that is known";
