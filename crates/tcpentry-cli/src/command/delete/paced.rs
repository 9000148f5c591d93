//! Deletion at a pace: one after the other, each when it is due.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use tcpentry::delete::Ending;
use tcpentry::{Connection, Error, ErrorKind, Method, State};

use super::matches::{Match, SocketKey};
use super::run::Run;
use super::stop::Stop;
use super::turn::await_turn;

impl Run<'_> {
    /// Deletes these one after the other, each when it is due, as many as are within the limit. One that has ended by itself
    /// takes nobody's time.
    pub(super) fn delete_paced(
        &mut self,
        rows: Vec<Match>,
        limit: Option<Duration>,
    ) -> Result<(), Stop> {
        let mut paced = Paced {
            waiting: rows.into(),
            missed: Vec::new(),
            ended: HashSet::new(),
        };
        let Some(pacer) = &mut self.pacer else {
            return Ok(());
        };
        pacer.arrange(paced.waiting.make_contiguous(), Match::key);
        let now = Instant::now();
        pacer.begin(now, paced.waiting.len(), limit);
        let result = self.delete_each(&mut paced, limit.map(|limit| now + limit));
        // What has ended by itself is reported, however the run ends.
        self.confirm_missed(&mut paced);
        self.report.end_round();
        result
    }

    fn delete_each(&mut self, paced: &mut Paced, until: Option<Instant>) -> Result<(), Stop> {
        loop {
            let due = Instant::now();
            let due = due
                + self
                    .pacer
                    .as_ref()
                    .map_or(Duration::ZERO, |it| it.delay(due));
            if until.is_some_and(|until| due >= until) {
                return Ok(());
            }
            if self.interrupt.is_set() {
                return Err(Stop::Interrupted);
            }
            let Some(next) = paced.waiting.front() else {
                self.confirm_missed(paced);
                if paced.waiting.is_empty() {
                    return Ok(());
                }
                continue;
            };
            let (table, row) = (next.table(), next.connection());
            if self.has_left(table, &row) {
                paced.missed.extend(paced.waiting.pop_front());
                if paced.missed.len() >= MAX_MISSED {
                    self.confirm_missed(paced);
                }
                continue;
            }
            self.await_turn(paced)?;
            paced.waiting.pop_front();
            if let Err(refusal) = self.admit_again(&row) {
                self.report_one(table, &row, Err(refusal));
                continue;
            }
            let is_deleted = self.delete_here(table, [row.clone()], false, |_, _| true) > 0;
            if is_deleted {
                if let Some(scan) = self.scan(table) {
                    let others = scan.subflows.others_of(&row);
                    paced.ended.extend(others.map(|it| (table, it.cookie)));
                }
                if let Some(pacer) = &mut self.pacer {
                    pacer.took(Instant::now(), paced.waiting.len());
                }
            }
            self.report.flush();
        }
    }

    /// Waits until the next deletion is due.
    fn await_turn(&mut self, paced: &mut Paced) -> Result<(), Stop> {
        let Some(pacer) = &self.pacer else {
            return Ok(());
        };
        if pacer.delay(Instant::now()) > WORTH_A_LOOK {
            self.confirm_missed(paced);
        }
        if let Some(pacer) = &self.pacer {
            await_turn(
                pacer,
                paced.waiting.len(),
                &self.interrupt,
                &mut self.report,
            );
        }
        if self.interrupt.is_set() {
            return Err(Stop::Interrupted);
        }
        Ok(())
    }

    /// Applies the guard of the own session, which is looked for again where that was some time ago.
    fn admit_again(&mut self, row: &Connection) -> Result<(), Error> {
        let session = &mut self.selector.session;
        session.forget_if_old(Instant::now());
        session.admit(row)
    }

    /// Returns true for a connection that seems to have left the table: only a second look can be sure.
    fn has_left(&mut self, table: usize, row: &Connection) -> bool {
        if matches!(
            row.state,
            State::Listening | State::BoundInactive | State::Closed
        ) {
            return false;
        }
        let Some(scan) = self.scan(table) else {
            return false;
        };
        match scan.table.table.find_unconfirmed(&row.pair.into()) {
            Ok(now) => now.cookie != row.cookie,
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }

    /// Reports those that have ended by themselves; one that is there after all waits for its turn again.
    fn confirm_missed(&mut self, paced: &mut Paced) {
        let missed = std::mem::take(&mut paced.missed);
        let mut tables: Vec<_> = missed.iter().map(Match::table).collect();
        tables.sort_unstable();
        tables.dedup();
        for table in tables {
            let here = missed.iter().filter(|it| it.table() == table);
            let (ended, here): (Vec<_>, Vec<_>) = here
                .map(Match::connection)
                .partition(|row| paced.ended.contains(&(table, row.cookie)));
            // They ended with another subflow of their MPTCP connection.
            for row in ended {
                self.report_one(table, &row, Ok(Ending::foreseen(Method::Borrow)));
            }
            let mut present = HashSet::new();
            self.delete_here(table, here, true, |row, result| {
                let has_ended = result
                    .as_ref()
                    .is_err_and(|error| error.kind() == ErrorKind::NotFound);
                if !has_ended {
                    present.insert((table, row.cookie));
                }
                has_ended
            });
            let back = missed.iter().filter(|it| present.contains(&it.key()));
            paced.waiting.extend(back.cloned());
        }
    }
}

/// The state of a round.
struct Paced {
    waiting: VecDeque<Match>,
    /// Those that seem to have ended by themselves.
    missed: Vec<Match>,
    /// Those that have ended with another subflow of their MPTCP connection.
    ended: HashSet<SocketKey>,
}

/// The number of those that have ended by themselves that are looked at again together.
const MAX_MISSED: usize = 256;
/// A wait in which there is time for that.
const WORTH_A_LOOK: Duration = Duration::from_millis(50);
