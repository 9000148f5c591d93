//! A round of a rule: a look, what of it is deleted, and when.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::filter::Prefix;
use tcpentry::{Connection, Outcome};

use super::super::ahead::{AheadVerdict, LookAhead};
use super::super::entry::{GuardEntry, Weight};
use super::super::event::StateCommand;
use super::super::found::{Done, FoundConnection, LookFailure, LookResult};
use super::super::matched::Matched;
use super::super::stage::RoundStage;
use super::super::taken::Never;
use super::RuleState;
use crate::command::guard::rules::Trigger;
use crate::tables::sets::Sets;

impl RuleState {
    /// Takes what a look has found.
    pub(crate) fn looked(
        &mut self,
        round: u64,
        looked: Result<LookResult, LookFailure>,
        now: Instant,
        log: &mut Vec<GuardEntry>,
    ) {
        if round != self.round || !matches!(self.stage, RoundStage::Looking) {
            return;
        }
        if let Some(ahead) = &mut self.ahead {
            ahead.keep(looked);
        } else {
            self.judge(looked, now, log);
        }
    }

    /// Decides what of a look is deleted.
    fn judge(
        &mut self,
        looked: Result<LookResult, LookFailure>,
        now: Instant,
        log: &mut Vec<GuardEntry>,
    ) {
        let name = self.rule.name.clone();
        let say = |weight, text: String| GuardEntry::of_rule(weight, &name, text);
        self.counts.looks += 1;
        let looked = looked.unwrap_or_else(|failure| {
            if failure.may_pass {
                // What the event has brought is looked for again.
                self.pending.extend(self.brought.iter());
                self.retry = Some(now + RETRY);
            }
            LookResult {
                failures: vec![failure.reason],
                ..LookResult::default()
            }
        });
        for failure in &looked.failures {
            // Said once, while it lasts.
            if !self.failures.contains(failure) {
                self.counts.failed += 1;
                log.push(say(Weight::Error, failure.clone()));
            }
        }
        self.failures = looked.failures;
        if looked.hidden > 0 && !self.is_blind {
            self.counts.denied += looked.hidden;
            log.push(say(
                Weight::Warning,
                format!(
                    "{} connections may match, and it can't be seen whether they do: nothing is deleted",
                    looked.hidden
                ),
            ));
        }
        self.is_blind = looked.hidden > 0;
        let reported = std::mem::take(&mut self.reported);
        for done in looked.protected {
            let key = (done.netns, done.connection.cookie);
            self.reported.insert(key);
            if !reported.contains(&key) {
                self.count(done.outcome);
                log.push(GuardEntry::of_connection(&name, done, self.is_dry_run));
            }
        }
        // Whatever comes of it, the look is over once nothing of it waits.
        self.stage = RoundStage::over();
        let long = self.rule.matched_for.unwrap_or_default();
        let keys = looked.found.iter().map(FoundConnection::key);
        let is_due = self.matched.look(keys, now, long);
        let due = looked.found.into_iter().zip(is_due);
        let due: VecDeque<_> = due
            .filter(|(_, is_due)| *is_due)
            .map(|(it, _)| it)
            .collect();
        self.counts.matched += due.len() as u64;
        if due.is_empty() || looked.hidden > 0 {
            return;
        }
        if let Some(max) = self.rule.max.filter(|max| due.len() as u64 > *max) {
            self.counts.fuse_blown += 1;
            let text = format!(
                "{} connections match, more than max = {max}: nothing is deleted in this round",
                due.len()
            );
            log.push(say(Weight::Warning, text));
            return;
        }
        let mut waiting = due;
        if let Some(pacer) = &mut self.pacer {
            pacer.arrange(waiting.make_contiguous(), |it| it.connection.cookie);
            pacer.begin(now, waiting.len(), None);
        }
        self.stage = RoundStage::Deleting {
            waiting,
            in_flight: 0,
        };
    }

    /// Takes what became of deletions.
    pub(crate) fn done(&mut self, round: u64, done: &[Done], is_dry_run: bool, now: Instant) {
        // They were one command, and one that has ended by a signal answers for fewer.
        if round == self.round
            && let RoundStage::Deleting { in_flight, .. } = &mut self.stage
        {
            *in_flight = 0;
        }
        for one in done {
            if !is_dry_run || one.outcome != Outcome::Deleted {
                self.count(one.outcome);
            }
            if round == self.round
                && let RoundStage::Deleting { waiting, .. } = &mut self.stage
            {
                // One that had ended by itself takes nobody's time.
                let took = one.outcome == Outcome::Deleted;
                if let Some(pacer) = self.pacer.as_mut().filter(|_| took) {
                    pacer.took(now, waiting.len());
                }
            }
        }
    }

    fn count(&mut self, outcome: Outcome) {
        let counts = &mut self.counts;
        *match outcome {
            Outcome::Deleted => &mut counts.deleted,
            Outcome::Gone => &mut counts.gone,
            Outcome::Spared => &mut counts.spared,
            Outcome::Guarded => &mut counts.guarded,
            Outcome::Denied => &mut counts.denied,
            _ => &mut counts.failed,
        } += 1;
    }

    /// Adds what is to be done now.
    pub(crate) fn commands(
        &mut self,
        all_paused: bool,
        never: &Never,
        now: Instant,
        commands: &mut Vec<StateCommand>,
        log: &mut Vec<GuardEntry>,
    ) {
        for elements in self.sets.values_mut() {
            elements.expire(now);
        }
        self.bans.expire(now);
        let (id, round, is_dry_run) = (self.id, self.round, self.is_dry_run);
        let may_look = self.may_look(all_paused);
        if !may_look {
            // There are no looks in which anything could go on matching.
            self.matched = Matched::default();
        }
        self.go_on_from_ahead(now, log);
        self.leave_taken_back(never, now, log);
        if let RoundStage::Deleting { waiting, in_flight } = &mut self.stage {
            if !may_look && !waiting.is_empty() {
                let why = if self.rule.enabled {
                    "paused"
                } else {
                    "no longer enabled"
                };
                let left = waiting.len();
                let text = format!("{why}: {left} of this round are left alone");
                log.push(GuardEntry::of_rule(Weight::Notice, &self.rule.name, text));
                waiting.clear();
            }
            let at_once = match &self.pacer {
                None => waiting.len(),
                Some(pacer) if *in_flight == 0 && pacer.delay(now).is_zero() => 1,
                Some(_) => 0,
            };
            let these: Vec<_> = waiting.drain(..at_once.min(waiting.len())).collect();
            *in_flight += these.len();
            let is_over = waiting.is_empty() && *in_flight == 0;
            if !these.is_empty() {
                commands.push(StateCommand::Delete {
                    id,
                    round,
                    these,
                    is_dry_run,
                });
            }
            if is_over {
                self.stage = RoundStage::Idle;
                // Of a whole blocklist that is much.
                self.brought = Arc::default();
                commands.push(StateCommand::Forget { id, round });
            }
        }
        if !matches!(self.stage, RoundStage::Idle) || !may_look {
            return;
        }
        let is_time = self.next_look.is_some_and(|next| next <= now);
        let has_event = !self.pending.is_empty() && self.retry.is_none_or(|retry| retry <= now);
        let leaving = std::mem::take(&mut self.leaving);
        if !is_time && !has_event && leaving.is_empty() {
            return;
        }
        self.retry = None;
        if let Trigger::Every(every) = self.rule.trigger {
            // From the time that was due, unless that is long past: the looks keep their distance.
            let due = self
                .next_look
                .map_or(now, |next| next.max(now.checked_sub(every).unwrap_or(now)));
            self.next_look = Some((due + every).max(now));
        }
        let mut sets = Sets::new();
        if let Some(variable) = self.rule.trigger.variable() {
            let brought = if has_event {
                // What has expired, or has been taken back otherwise, meanwhile is not looked for.
                let mut pending = std::mem::take(&mut self.pending);
                pending.retain(|prefix| self.stands(*prefix));
                pending
            } else {
                self.ahead = Some(LookAhead::of(leaving.iter().copied()));
                leaving
            };
            if brought.is_empty() {
                return;
            }
            self.brought = Arc::new(brought.into_iter().collect());
            sets.insert(variable.to_owned(), Arc::clone(&self.brought));
        }
        self.round += 1;
        self.stage = RoundStage::Looking;
        commands.push(StateCommand::Look {
            id,
            round: self.round,
            rule: Arc::clone(&self.rule),
            sets,
            never: Arc::clone(&never.configured),
        });
    }

    /// Judges what a look in advance has found, once it is certain of each of its addresses that it has left.
    fn go_on_from_ahead(&mut self, now: Instant, log: &mut Vec<GuardEntry>) {
        let verdict = match (&mut self.ahead, &self.stage) {
            (Some(ahead), RoundStage::Looking) => ahead.verdict(),
            _ => return,
        };
        let looked = match verdict {
            AheadVerdict::Wait => return,
            // Unless one of them has come back since that was certain.
            AheadVerdict::Judge(looked)
                if self.brought.iter().all(|it| self.pending.contains(&it)) =>
            {
                Some(looked)
            }
            AheadVerdict::Judge(_) | AheadVerdict::Drop => None,
        };
        self.ahead = None;
        match looked {
            Some(looked) => {
                self.pending.retain(|it| !self.brought.contains_prefix(*it));
                self.judge(looked, now, log);
            }
            // Those that have left for certain have a look of their own.
            None => self.stage = RoundStage::over(),
        }
    }

    /// Leaves those alone whose turn has come, and by whose address none is to be ended any more.
    fn leave_taken_back(&mut self, never: &Never, now: Instant, log: &mut Vec<GuardEntry>) {
        let mut waiting = match &mut self.stage {
            RoundStage::Deleting { waiting, .. } => std::mem::take(waiting),
            _ => return,
        };
        let before = waiting.len();
        match &self.pacer {
            None => waiting.retain(|it| !self.is_taken_back(&it.connection, never)),
            // Of a paced round only the next ones.
            Some(pacer) if pacer.delay(now).is_zero() => {
                let next = waiting.iter();
                let left = next.take_while(|it| self.is_taken_back(&it.connection, never));
                waiting.drain(..left.count());
            }
            Some(_) => {}
        }
        let left = before - waiting.len();
        if let RoundStage::Deleting { waiting: place, .. } = &mut self.stage {
            *place = waiting;
        }
        if left > 0 {
            let text = format!("no longer named: {left} of this round are left alone");
            log.push(GuardEntry::of_rule(Weight::Notice, &self.rule.name, text));
        }
    }

    /// Returns true if no address of a connection is named any more, by which the round has found it.
    fn is_taken_back(&self, found: &Connection, never: &Never) -> bool {
        let ends = [found.local(), found.peer()].map(|end| end.address().to_canonical());
        let mut named = ends
            .into_iter()
            .filter(|it| self.brought.contains(*it))
            .peekable();
        let stands = |it: IpAddr| !never.has(it) && self.stands(Prefix::from(it));
        named.peek().is_some() && !named.any(stands)
    }

    /// Returns true while what an event has brought has neither expired nor been taken back.
    fn stands(&self, prefix: Prefix) -> bool {
        match &self.rule.trigger {
            Trigger::Ban => self.bans.cover(prefix),
            Trigger::Set { .. } => self.sets.values().any(|set| set.cover(prefix)),
            Trigger::NameChanged { .. } => {
                let name = self.name.as_ref();
                name.is_none_or(|name| !name.has(prefix.address()))
            }
            // Of an address that this host has again, nothing is taken anyway.
            Trigger::AddressRemoved { .. } | Trigger::Every(_) => true,
        }
    }

    fn may_look(&self, all_paused: bool) -> bool {
        self.rule.enabled && !self.is_paused && !all_paused
    }

    /// Returns the time at which there is something to do without an event.
    pub(crate) fn due(&self, all_paused: bool, now: Instant) -> Option<Instant> {
        match &self.stage {
            RoundStage::Deleting {
                waiting,
                in_flight: 0,
            } if !waiting.is_empty() => {
                let delay = self
                    .pacer
                    .as_ref()
                    .map_or(Duration::ZERO, |it| it.delay(now));
                Some(now + delay)
            }
            RoundStage::Idle if self.may_look(all_paused) && !self.pending.is_empty() => {
                Some(self.retry.map_or(now, |retry| retry.max(now)))
            }
            RoundStage::Idle if self.may_look(all_paused) => self.next_look,
            _ => None,
        }
    }

    /// Returns the number of those that wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        match &self.stage {
            RoundStage::Deleting { waiting, in_flight } => waiting.len() + in_flight,
            _ => 0,
        }
    }
}

/// The time after which a look that failed is made again.
const RETRY: Duration = Duration::from_secs(1);
