//! A deleter: the rows that it chooses, and its reports to the oracle.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use tcpentry::{Connection, Error, ErrorKind, Options, Query, State, States, TcpTable};
use tcpentry_testkit::random::Random;

use crate::oracle::Oracle;
use crate::plan::Lie;
use crate::terms::{By, How, Report};
use crate::tuples::{CLIENT, SERVER, Tuple};
use crate::world::World;

/// A deleter.
pub(super) struct Hand<'w> {
    pub(super) world: &'w World,
    pub(super) number: usize,
    pub(super) by: By,
    pub(super) table: TcpTable,
    /// Parts of tables, kept for late use.
    stale: VecDeque<(Instant, Vec<Connection>)>,
    pub(super) random: Random,
}

impl<'w> Hand<'w> {
    pub(super) fn new(world: &'w World, number: usize, by: By, seed: u64) -> Self {
        Self {
            world,
            number,
            by,
            table: TcpTable::open().expect("everybody may open it"),
            stale: VecDeque::new(),
            random: Random::new(seed),
        }
    }

    /// Returns rows to delete, of the wanted age and already named.
    pub(super) fn rows(&mut self, how: How) -> Vec<Connection> {
        if how == How::Stale {
            let age = Duration::from_millis(self.random.choose(&[2, 20, 200]));
            let is_ripe = |(since, _): &(Instant, _)| since.elapsed() >= age;
            if self.stale.front().is_some_and(is_ripe) {
                return self
                    .stale
                    .pop_front()
                    .map(|(_, rows)| rows)
                    .unwrap_or_default();
            }
            if self.stale.len() < STALE {
                let rows = self.list();
                self.stale.push_back((Instant::now(), rows));
            }
            return Vec::new();
        }
        self.list()
    }

    /// Returns some rows of the table; every row is compared with what was reported of its socket before.
    pub(super) fn list(&mut self) -> Vec<Connection> {
        let oracle = &self.world.oracle;
        let mut states = States::CONNECTIONS;
        if self.random.one_in(4) {
            states = states.with(State::TimeWait);
        }
        let one_of = 2 + self.random.below(4);
        let begun = oracle.tick();
        let (mut some, mut seen) = (Vec::new(), HashSet::new());
        for row in self
            .table
            .connections(&Query::in_states(states))
            .expect("the table can be listed")
        {
            let row = row.expect("the table can be listed");
            oracle.is_in_table(row.cookie.value(), begun, &row);
            // A dump of a busy table may show a socket twice, and who names it twice hears of it once.
            if self.random.one_in(one_of) && seen.insert(row.cookie) {
                some.push(row);
            }
        }
        some
    }

    /// Returns one of the tuples, in use or not, and a side of it.
    pub(super) fn tuple(&mut self) -> (usize, usize, usize) {
        let owner = self.random.below(self.world.tuples.len());
        let slot = self.random.below(self.world.tuples[owner].all.len());
        (owner, slot, self.random.choose(&[CLIENT, SERVER]))
    }

    /// Commits the fault that the oracle has to find.
    pub(super) fn lie(&mut self, lie: Lie) {
        let (rows, oracle) = (self.list(), &self.world.oracle);
        oracle.during(self.number, || {
            for row in rows.iter().take(3) {
                let cookie = row.cookie.value();
                if lie != Lie::Unnamed {
                    oracle.name(cookie);
                }
                let is_deleted =
                    lie != Lie::Undone && self.table.delete(row, &Options::default()).is_ok();
                match lie {
                    Lie::Undone => {
                        oracle.record(self.by, How::Fresh, cookie, &Report::Deleted);
                    }
                    Lie::Unreported if is_deleted => {
                        oracle.record(self.by, How::Fresh, cookie, &Report::Gone);
                    }
                    _ => {}
                }
            }
        });
    }

    pub(super) fn name(&self, rows: &[Connection]) {
        for row in rows {
            self.world.oracle.name(row.cookie.value());
        }
    }

    pub(super) fn record(&self, how: How, row: &Connection, report: &Report) {
        self.world
            .oracle
            .record(self.by, how, row.cookie.value(), report);
        if *report == Report::Gone && self.has_new_owner(row) {
            self.world.oracle.counts.outlived.fetch_add(1, SeqCst);
        }
    }

    /// Returns true if another socket has the tuple of this row by now.
    pub(super) fn has_new_owner(&self, row: &Connection) -> bool {
        let (local, peer) = (row.local().port(), row.peer().port());
        let held = |listener: u16, client: u16, side: usize| {
            let tuples = self
                .world
                .tuples
                .iter()
                .find(|tuples| tuples.listener.port() == listener)?;
            let tuple = tuples
                .all
                .iter()
                .find(|tuple| tuple.client.port() == client)?;
            Some(tuple.sides[side].held.load(SeqCst))
        };
        let held = held(peer, local, CLIENT).or_else(|| held(local, peer, SERVER));
        held.is_some_and(|held| held != 0 && held != row.cookie.value())
    }
}

/// Deletes by both ends; `delete` returns the report, and the socket if it is known.
pub(super) fn by_pair(
    oracle: &Oracle,
    by: By,
    tuple: &Tuple,
    side: usize,
    delete: impl FnOnce() -> (Report, Option<u64>),
) {
    let place = &tuple.sides[side];
    place.named(|| {
        let ((report, said), holder) = place.held_during(delete);
        // "Gone" is a report about the socket that had the ends throughout.
        if let Some(cookie) = said.or(holder) {
            oracle.record(by, How::Pair, cookie, &report);
            return;
        }
        oracle.counts.count(by, How::Pair, &report);
        match report {
            Report::Deleted => place.deleted_unknown(),
            Report::Gone => {}
            Report::Spared => oracle.other(by, How::Pair, "spared"),
            Report::Other(words) => oracle.other(by, How::Pair, &words),
        }
    });
}

pub(super) fn report_of<T>(result: &Result<T, Error>) -> Report {
    match result {
        Ok(_) => Report::Deleted,
        Err(error) if error.kind() == ErrorKind::NotFound => Report::Gone,
        Err(error) => Report::Other(error.to_string()),
    }
}

/// The number of parts of tables that are kept at one time.
const STALE: usize = 8;
