//! Confirmed deletions that are made at a pace: those that are left, and the one that is due.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::Outcome;

use super::super::message::{PreviewBasis, SocketTarget, WorkerCommand};
use super::super::model::RowKey;
use super::counts::Counts;
use crate::args::pace::PaceArgs;
use crate::output;
use crate::pace::{self, Pacer};

/// Confirmed deletions that are made one after the other, each when it is due.
#[derive(Clone, Debug)]
pub(crate) struct PacedDeletions {
    args: PaceArgs,
    pacer: Pacer,
    /// Those of each preview that wait, in the order in which they were confirmed.
    queue: VecDeque<ConfirmedDeletion>,
    /// The one that the worker is asked to delete. The next one is not due before it is done: one that was gone takes no turn.
    in_flight: Option<InFlight>,
    /// The outcomes since nothing was left.
    counts: Counts,
    /// The number of those that are not deleted because the user has stopped it.
    stopped: usize,
}

/// The sockets of one confirmed preview that wait.
#[derive(Clone, Debug)]
struct ConfirmedDeletion {
    serial: u64,
    basis: Arc<PreviewBasis>,
    waiting: VecDeque<SocketTarget>,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    serial: u64,
    key: RowKey,
    has_deleted: bool,
}

impl PacedDeletions {
    /// Creates an empty queue; `None` where nothing has to wait.
    pub(super) fn new(args: &PaceArgs) -> Option<Self> {
        Some(Self {
            args: args.clone(),
            pacer: Pacer::new(args, fastrand::Rng::new())?,
            queue: VecDeque::new(),
            in_flight: None,
            counts: Counts::default(),
            stopped: 0,
        })
    }

    /// Describes the pace of so many, behind the words that say what is deleted.
    pub(super) fn describe(&self, count: usize) -> String {
        pace::describe(&self.args, count as u64)
    }

    /// Adds the sockets of a confirmed preview, but those that wait already. They wait for those of the previews before it.
    /// Returns the number of those that were added.
    pub(super) fn add(
        &mut self,
        serial: u64,
        basis: Arc<PreviewBasis>,
        mut targets: Vec<SocketTarget>,
        now: Instant,
    ) -> usize {
        let waiting = self.queue.iter().flat_map(|it| &it.waiting);
        let known = waiting.map(|target| target.key);
        let known: HashSet<_> = known.chain(self.in_flight.map(|it| it.key)).collect();
        targets.retain(|target| !known.contains(&target.key));
        let added = targets.len();
        if added == 0 {
            return 0;
        }
        if !self.is_running() {
            self.counts = Counts::default();
            self.stopped = 0;
        }
        self.queue.push_back(ConfirmedDeletion {
            serial,
            basis,
            waiting: targets.into(),
        });
        if self.queue.len() == 1 {
            self.begin(now);
        }
        added
    }

    /// Begins with the first of the queue.
    fn begin(&mut self, now: Instant) {
        if let Some(first) = self.queue.front_mut() {
            let key = |target: &SocketTarget| (target.key.netns, target.key.cookie.value());
            self.pacer.arrange(first.waiting.make_contiguous(), key);
            self.pacer.begin(now, first.waiting.len(), None);
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.in_flight.is_some() || !self.queue.is_empty()
    }

    /// Returns true while an outcome is still to come.
    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Returns the number of those that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.iter().map(|it| it.waiting.len()).sum()
    }

    /// Returns the time until the next one is due; `None` where none is, whatever the time.
    pub(super) fn delay(&self, now: Instant) -> Option<Duration> {
        (self.in_flight.is_none() && !self.queue.is_empty()).then(|| self.pacer.delay(now))
    }

    /// Takes the one that is due, as a command to the worker.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<WorkerCommand> {
        self.delay(now).filter(Duration::is_zero)?;
        let first = self.queue.front_mut()?;
        let target = first.waiting.pop_front()?;
        self.in_flight = Some(InFlight {
            serial: first.serial,
            key: target.key,
            has_deleted: false,
        });
        Some(WorkerCommand::Delete {
            serial: first.serial,
            targets: vec![target],
            basis: Arc::clone(&first.basis),
            paced: true,
        })
    }

    /// Counts an outcome, if it is of a deletion of this queue.
    pub(super) fn count(&mut self, serial: u64, key: RowKey, outcome: Outcome) {
        let in_flight = self.in_flight.as_mut().filter(|it| it.serial == serial);
        let is_own = in_flight.is_some();
        if let Some(in_flight) = in_flight {
            in_flight.has_deleted |= outcome == Outcome::Deleted;
            // Another subflow of its MPTCP connection, which has ended with it.
            if in_flight.key != key {
                let waiting = self.queue.iter_mut().map(|it| &mut it.waiting);
                waiting.for_each(|waiting| waiting.retain(|target| target.key != key));
            }
        }
        if is_own || self.queue.iter().any(|it| it.serial == serial) {
            self.counts.count(outcome);
        }
    }

    /// Takes the end of the one in flight. Returns false where it is none of these.
    pub(super) fn finish(&mut self, serial: u64, now: Instant) -> bool {
        let Some(in_flight) = self.in_flight.filter(|it| it.serial == serial) else {
            return false;
        };
        self.in_flight = None;
        if in_flight.has_deleted {
            let left = self.queue.front().map_or(0, |it| it.waiting.len());
            self.pacer.took(now, left);
        }
        let first = self.queue.front().map(|it| it.serial);
        self.queue.retain(|it| !it.waiting.is_empty());
        if self.queue.front().map(|it| it.serial) != first {
            self.begin(now);
        }
        true
    }

    /// Drops those that wait. Returns true where there were any.
    pub(super) fn stop(&mut self) -> bool {
        let waiting = self.waiting();
        self.stopped += waiting;
        self.queue.clear();
        waiting > 0
    }

    /// Describes the outcomes so far.
    pub(super) fn summary(&self) -> String {
        let counts = self.counts.summary();
        match (describe_stopped(self.stopped), counts.is_empty()) {
            (None, _) => counts,
            (Some(stopped), true) => stopped,
            (Some(stopped), false) => format!("{stopped}; before that: {counts}"),
        }
    }

    /// Describes the outcomes so far and those that are left, while there are any.
    pub(super) fn progress(&self, now: Instant) -> Option<String> {
        let left = self.waiting() + usize::from(self.in_flight.is_some());
        if left == 0 {
            return None;
        }
        let mut queue = self.queue.iter().map(|it| it.waiting.len());
        let first = queue.next().map_or(now, |left| self.pacer.end(now, left));
        let time = queue.fold(first.saturating_duration_since(now), |time, count| {
            time.saturating_add(self.pacer.length(count))
        });
        let time = output::duration(Duration::from_secs(time.as_secs() + 1));
        let counts = Some(self.counts.summary()).filter(|counts| !counts.is_empty());
        let parts = counts.into_iter();
        let parts: Vec<_> = parts
            .chain([format!("{left} left, {time} to go")])
            .collect();
        Some(parts.join(", "))
    }
}

/// Describes those that are not deleted because the user has stopped it, if there are any.
pub(crate) fn describe_stopped(count: usize) -> Option<String> {
    match count {
        0 => None,
        1 => Some("stopped: 1 was not deleted".to_owned()),
        count => Some(format!("stopped: {count} were not deleted")),
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyCode;
    use tcpentry::Method;
    use tcpentry::delete::Ending;

    use super::super::super::message::Update;
    use super::super::super::model::NotDeleted;
    use super::super::super::model::testing::row;
    use super::super::super::testing::{Desk, answer, guarded};
    use super::super::Focus;
    use super::*;

    /// Returns a screen on which so many were confirmed at this pace.
    fn confirmed(pace: &str, count: u64) -> Desk {
        let mut desk = Desk::with((1..=count).map(row).collect());
        desk.set_pace(pace);
        desk.type_in("*");
        desk.open_preview(&[]);
        // Of all that there are the number is asked for.
        if desk.top.awaits_number() {
            desk.type_in(&count.to_string());
            desk.press(KeyCode::Enter);
        } else {
            desk.type_in("y");
        }
        desk
    }

    /// Waits until the next one is due, and lets the worker answer with this outcome. Returns its cookie.
    fn delete_next(desk: &mut Desk, outcome: Outcome) -> u64 {
        desk.now += desk.top.deletion.delay(desk.now).unwrap_or_default();
        desk.top.send_due(desk.now);
        answer_with(desk, outcome)
    }

    fn answer_with(desk: &mut Desk, outcome: Outcome) -> u64 {
        let commands = desk.requested().into_iter();
        let mut deletions = commands.filter_map(|command| match command {
            WorkerCommand::Delete {
                serial,
                targets,
                paced: true,
                ..
            } => Some((serial, targets)),
            _ => None,
        });
        let (serial, targets) = deletions.next().expect("one is due");
        assert!(deletions.next().is_none(), "one after the other");
        let [target] = &targets[..] else {
            panic!("{targets:?}");
        };
        report(desk, serial, target, outcome);
        desk.receive(Update::Done { serial });
        target.key.cookie.value()
    }

    fn report(desk: &mut Desk, serial: u64, target: &SocketTarget, outcome: Outcome) {
        desk.receive(Update::Outcome {
            serial,
            target: Box::new(target.clone()),
            result: match outcome {
                Outcome::Deleted => Ok(Ending::foreseen(Method::SockDiag)),
                outcome => Err(NotDeleted {
                    outcome,
                    ..guarded()
                }),
            },
        });
    }

    #[test]
    fn each_is_deleted_when_it_is_due_and_the_table_is_there_meanwhile() {
        let mut desk = confirmed("--rate 5/s", 20);
        assert_eq!(desk.top.focus, Focus::Table);
        let begin = desk.now;
        let mut deleted = vec![answer_with(&mut desk, Outcome::Deleted)];
        assert!(desk.top.deletion.delay(desk.now) > Some(Duration::from_millis(190)));
        desk.top.send_due(desk.now);
        assert!(desk.requested_deletions().is_empty(), "it is not yet due");
        desk.press(KeyCode::Down);
        assert_eq!(desk.current(), Some(2));
        for _ in 1..20 {
            deleted.push(delete_next(&mut desk, Outcome::Deleted));
        }
        assert_eq!(deleted, (1..=20).collect::<Vec<_>>());
        let whole = (desk.now - begin).as_secs_f64();
        assert!((3.8..3.9).contains(&whole), "{whole}");
        assert!(!desk.top.deletion.is_running());
        assert!(desk.draw(80, 24).contains("20 deleted"));
        assert!(desk.marked().is_empty());
        let refreshes = desk.requested().into_iter();
        let is_refresh = |command: &WorkerCommand| matches!(command, WorkerCommand::Refresh);
        assert_eq!(refreshes.filter(is_refresh).count(), 1);
    }

    #[test]
    fn the_next_is_not_due_before_the_worker_has_answered() {
        let mut desk = confirmed("--rate 5/s", 2);
        assert_eq!(desk.requested_deletions(), [[1]]);
        desk.wait(10);
        desk.top.send_due(desk.now);
        assert!(desk.requested_deletions().is_empty());
        assert_eq!(desk.top.deletion.delay(desk.now), None);
    }

    #[test]
    fn one_that_is_gone_takes_no_turn() {
        let mut desk = confirmed("--rate 1/m", 3);
        answer_with(&mut desk, Outcome::Gone);
        assert_eq!(desk.top.deletion.delay(desk.now), Some(Duration::ZERO));
        delete_next(&mut desk, Outcome::Deleted);
        assert!(desk.top.deletion.delay(desk.now) > Some(Duration::from_secs(59)));
        delete_next(&mut desk, Outcome::Guarded);
        let shown = desk.draw(120, 24);
        assert!(
            shown.contains("1 deleted, 1 already gone, 1 not deleted (l: log)"),
            "{shown}"
        );
        assert_eq!(desk.top.log.entries.len(), 3);
    }

    #[test]
    fn a_spread_is_in_random_order() {
        let mut desk = confirmed("--spread 10s", 100);
        assert!(
            desk.requested_deletions().is_empty(),
            "the first waits, too"
        );
        let begin = desk.now;
        let deleted: Vec<_> = (0..100)
            .map(|_| delete_next(&mut desk, Outcome::Deleted))
            .collect();
        let whole = (desk.now - begin).as_secs_f64();
        assert!((9.0..11.0).contains(&whole), "{whole}");
        assert!(!deleted.is_sorted());
        let mut sorted = deleted;
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn x_stops_what_is_left() {
        let mut desk = confirmed("--rate 1/s", 5);
        answer_with(&mut desk, Outcome::Deleted);
        delete_next(&mut desk, Outcome::Deleted);
        let shown = desk.draw(120, 24);
        assert!(
            shown.contains("2 deleted, 3 left, 4s to go (x: stop)"),
            "{shown}"
        );
        // On every screen but where text is typed.
        desk.type_in("l");
        assert!(desk.draw(120, 24).contains("(x: stop)"));
        desk.type_in("x");
        let shown = desk.draw(120, 24);
        assert!(
            shown.contains("stopped: 3 were not deleted; before that: 2 deleted"),
            "{shown}"
        );
        assert!(!shown.contains("(x: stop)"));
        assert!(!desk.top.deletion.is_running());
        desk.wait(60);
        desk.top.send_due(desk.now);
        assert!(desk.requested_deletions().is_empty());
        desk.press(KeyCode::Esc);
        assert_eq!(desk.marked(), [3, 4, 5], "they can be confirmed again");
    }

    #[test]
    fn the_one_in_flight_is_reported_after_a_stop() {
        let mut desk = confirmed("--rate 1/s", 5);
        desk.type_in("x");
        assert!(desk.top.deletion.is_running());
        answer_with(&mut desk, Outcome::Deleted);
        assert!(!desk.top.deletion.is_running());
        let shown = desk.draw(120, 24);
        assert!(
            shown.contains("stopped: 4 were not deleted; before that: 1 deleted"),
            "{shown}"
        );
        // The next deletion knows nothing of it.
        desk.wait(10);
        desk.open_preview(&[]);
        desk.type_in("y");
        for _ in 0..4 {
            delete_next(&mut desk, Outcome::Deleted);
        }
        let shown = desk.draw(120, 24);
        assert!(shown.contains("4 deleted"), "{shown}");
        assert!(!shown.contains("stopped"), "{shown}");
    }

    #[test]
    fn a_letter_of_a_filter_stops_nothing() {
        let mut desk = confirmed("--rate 1/s", 5);
        desk.type_in("/process nginx");
        assert_eq!(desk.top.deletion.waiting(), 4);
    }

    #[test]
    fn a_second_deletion_waits_for_the_first_and_keeps_the_rate() {
        let mut desk = confirmed("--rate 1/s", 2);
        answer_with(&mut desk, Outcome::Deleted);
        desk.read((1..=4).map(row).collect());
        desk.type_in("u");
        desk.top.table.move_to(3);
        desk.type_in("d");
        let (serial, targets) = desk.requested_preview();
        desk.receive(answer(serial, targets, &[]));
        let shown = desk.draw(120, 24);
        assert!(shown.contains("1 confirmed earlier"), "{shown}");
        desk.type_in("y");
        assert!(desk.requested_deletions().is_empty());
        assert_eq!(delete_next(&mut desk, Outcome::Deleted), 2);
        assert!(desk.top.deletion.delay(desk.now) > Some(Duration::from_millis(990)));
        assert_eq!(delete_next(&mut desk, Outcome::Deleted), 4);
        assert!(desk.draw(120, 24).contains("3 deleted"));
    }

    #[test]
    fn one_that_waits_is_not_added_again() {
        let mut desk = confirmed("--rate 1/s", 3);
        answer_with(&mut desk, Outcome::Deleted);
        assert_eq!(desk.marked(), [2, 3]);
        desk.open_preview(&[]);
        desk.type_in("y");
        let shown = desk.draw(120, 24);
        assert!(
            shown.contains("these are already waiting to be deleted"),
            "{shown}"
        );
        assert_eq!(desk.top.deletion.waiting(), 2);
        for cookie in 2..=3 {
            assert_eq!(delete_next(&mut desk, Outcome::Deleted), cookie);
        }
        assert!(!desk.top.deletion.is_running());
    }

    #[test]
    fn a_subflow_that_ended_with_another_one_takes_no_turn() {
        let mut desk = confirmed("--rate 1/s", 3);
        let commands = desk.requested();
        let [
            WorkerCommand::Delete {
                serial, targets, ..
            },
        ] = &commands[..]
        else {
            panic!("{commands:?}");
        };
        report(&mut desk, *serial, &targets[0], Outcome::Deleted);
        report(
            &mut desk,
            *serial,
            &SocketTarget::from(&row(2)),
            Outcome::Deleted,
        );
        desk.receive(Update::Done { serial: *serial });
        assert_eq!(desk.top.deletion.waiting(), 1);
        assert_eq!(delete_next(&mut desk, Outcome::Deleted), 3);
        assert!(desk.draw(120, 24).contains("3 deleted"));
    }

    #[test]
    fn the_preview_says_at_what_pace() {
        for (pace, question) in [
            ("", "Delete these 20 connections?  y / n"),
            (
                "--rate 5/s",
                "Delete these 20 connections at 5/s, in about 3s?  y / n",
            ),
            (
                "--spread 20s",
                "Delete these 20 connections over 20s?  y / n",
            ),
            (
                "--spread 2m",
                "Delete these 20 connections within 2m, at most 1s apart?  y / n",
            ),
        ] {
            let mut desk = Desk::with((1..=20).map(row).collect());
            desk.set_pace(pace);
            desk.type_in("*");
            desk.open_preview(&[]);
            let shown = desk.draw(120, 24);
            assert!(shown.contains(question), "{shown}");
        }
        let mut desk = Desk::with((1..=3).map(row).collect());
        desk.set_pace("--rate 1/s");
        desk.type_in("*");
        desk.open_preview(&[2]);
        let shown = desk.draw(120, 24);
        let question = "Delete 2 of 3 connections at 1/s, in about 1s, and leave 1 alone?  y / n";
        assert!(shown.contains(question), "{shown}");
        desk.type_in("y");
        let allowed = desk.requested_deletions();
        assert_eq!(allowed, [[1]]);
        assert_eq!(desk.top.log.entries.len(), 1, "what is protected is logged");
    }
}
