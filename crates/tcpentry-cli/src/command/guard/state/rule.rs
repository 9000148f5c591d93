//! The state of one rule: what an event has brought, the look that is under way, and what waits for its deletion.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tcpentry::filter::{Prefix, PrefixSet};
use tcpentry::watch::SetName;
use tcpentry::{Connection, Outcome};

use super::ahead::{AheadVerdict, LookAhead};
use super::elements::Elements;
use super::entry::{GuardEntry, Weight};
use super::event::StateCommand;
use super::found::{Done, FoundConnection, LookFailure, LookResult, NamespacedKey};
use super::glob::matches_glob;
use super::matched::Matched;
use super::name::NameHistory;
use super::taken::Never;
use crate::args::pace::PaceArgs;
use crate::command::bans::BanChange;
use crate::command::guard::rules::{Rule, Trigger};
use crate::pace::Pacer;
use crate::tables::sets::Sets;

/// The numbers that a rule is reported with.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct RuleCounts {
    pub(crate) looks: u64,
    pub(crate) matched: u64,
    pub(crate) deleted: u64,
    pub(crate) gone: u64,
    pub(crate) spared: u64,
    pub(crate) guarded: u64,
    pub(crate) denied: u64,
    pub(crate) failed: u64,
    /// The number of rounds in which more than `max` matched.
    pub(crate) fuse_blown: u64,
}

/// The state of one rule.
#[derive(Debug)]
pub(crate) struct RuleState {
    pub(crate) id: u64,
    pub(crate) rule: Arc<Rule>,
    pub(crate) is_dry_run: bool,
    pub(crate) is_paused: bool,
    pub(crate) counts: RuleCounts,
    /// The last event, and when that was.
    pub(crate) last_event: Option<(Instant, String)>,
    /// The elements of each set of nftables that it is about.
    pub(crate) sets: BTreeMap<SetName, Elements>,
    pub(crate) bans: Elements,
    pub(crate) name: Option<NameHistory>,
    /// Prefixes that events have brought, and that no look was made for so far.
    pending: BTreeSet<Prefix>,
    /// Prefixes that the look under way, or the round that came of it, is about.
    brought: Arc<PrefixSet>,
    /// Addresses that may have left, and that no look was made for so far.
    leaving: BTreeSet<Prefix>,
    /// Set while the look under way is one in advance.
    ahead: Option<LookAhead>,
    /// The time before which a look that failed is not made again.
    retry: Option<Instant>,
    /// The time of the next look without an event.
    next_look: Option<Instant>,
    /// The number of the last look.
    round: u64,
    stage: RoundStage,
    matched: Matched,
    /// Protected connections that have been reported; each is reported again only after a look without it.
    reported: HashSet<NamespacedKey>,
    /// Failures of the last look.
    failures: Vec<String>,
    /// It has been reported that something can't be seen, and it still can't.
    is_blind: bool,
    pacer: Option<Pacer>,
}

/// Present work of a rule.
#[derive(Debug)]
enum RoundStage {
    Idle,
    Looking,
    /// Deletes what a look has found: some are with the worker, others wait for their turn.
    Deleting {
        waiting: VecDeque<FoundConnection>,
        in_flight: usize,
    },
}

impl RuleState {
    pub(crate) fn new(id: u64, rule: Rule, dry_run: bool, now: Instant) -> Self {
        let name = match &rule.trigger {
            Trigger::NameChanged { absent_for, .. } => Some(NameHistory::new(*absent_for)),
            _ => None,
        };
        Self {
            next_look: matches!(rule.trigger, Trigger::Every(_)).then_some(now),
            pacer: pacer(&rule),
            is_dry_run: rule.dry_run || dry_run,
            rule: Arc::new(rule),
            id,
            is_paused: false,
            counts: RuleCounts::default(),
            last_event: None,
            sets: BTreeMap::new(),
            bans: Elements::default(),
            name,
            pending: BTreeSet::new(),
            brought: Arc::default(),
            leaving: BTreeSet::new(),
            ahead: None,
            retry: None,
            round: 0,
            stage: RoundStage::Idle,
            matched: Matched::default(),
            reported: HashSet::new(),
            failures: Vec::new(),
            is_blind: false,
        }
    }

    /// Returns true if another rule is this one, in a configuration that may have changed how it acts, not on what.
    pub(crate) fn is_about(&self, other: &Rule) -> bool {
        let its = &self.rule;
        its.name == other.name
            && its.trigger == other.trigger
            && its.delete == other.delete
            && its.except == other.except
            && its.netns == other.netns
    }

    /// Goes on as this rule.
    pub(crate) fn with_rule(self, rule: Rule, dry_run: bool, now: Instant) -> Self {
        let is_new_pace = (self.rule.rate, self.rule.spread) != (rule.rate, rule.spread);
        let was_enabled = self.rule.enabled;
        let new = Self {
            counts: self.counts,
            last_event: self.last_event,
            is_paused: self.is_paused,
            round: self.round,
            stage: self.stage,
            ahead: self.ahead,
            reported: self.reported,
            failures: self.failures,
            is_blind: self.is_blind,
            ..Self::new(self.id, rule, dry_run, now)
        };
        if !was_enabled {
            // What was there before is new to it.
            return new;
        }
        let pacer = if is_new_pace {
            let mut pacer = new.pacer.clone();
            if let (Some(pacer), RoundStage::Deleting { waiting, .. }) = (&mut pacer, &new.stage) {
                pacer.begin(now, waiting.len(), None);
            }
            pacer
        } else {
            // Its last deletions are known to it.
            self.pacer
        };
        Self {
            sets: self.sets,
            bans: self.bans,
            name: self.name,
            pending: self.pending,
            brought: self.brought,
            leaving: self.leaving,
            retry: self.retry,
            next_look: self.next_look,
            matched: self.matched,
            pacer,
            ..new
        }
    }

    /// Ends the rule: nothing more comes of its look.
    pub(crate) const fn forget(&self) -> StateCommand {
        StateCommand::Forget {
            id: self.id,
            round: self.round,
        }
    }

    /// Takes anew what waits for a look: something else is never taken now.
    pub(crate) fn take_again(&mut self, never: &Never) {
        let pending = std::mem::take(&mut self.pending);
        let taken = pending.into_iter().filter_map(|it| never.take(it).ok());
        self.pending = taken.flatten().collect();
    }

    /// Forgets what has been taken back before a look was made for it.
    pub(crate) fn take_back(&mut self, prefix: Prefix) {
        self.pending.remove(&prefix);
    }

    /// Takes what an event has brought, without what is never taken.
    pub(crate) fn take(
        &mut self,
        new: &[Prefix],
        never: &Never,
        now: Instant,
        log: &mut Vec<GuardEntry>,
    ) {
        if !self.rule.enabled || new.is_empty() {
            return;
        }
        for prefix in new {
            match never.take(*prefix) {
                Ok(parts) => self.pending.extend(parts),
                Err(reason) => log.push(GuardEntry::of_rule(
                    Weight::Warning,
                    &self.rule.name,
                    format!("not taken: {reason}"),
                )),
            }
        }
        let text = match new {
            [one] => one.to_string(),
            [first, more @ ..] => format!("{first} and {} more", more.len()),
            [] => String::new(),
        };
        self.last_event = Some((now, text));
    }

    /// Takes note of addresses that have left a device, to look at once for what is deleted if they are on no other.
    pub(crate) fn look_ahead(&mut self, leaving: &[Prefix], never: &Never) {
        if !self.rule.enabled {
            return;
        }
        if let Some(ahead) = &mut self.ahead {
            ahead.leave(leaving);
        }
        // The look has to be made in the time that passes before it is certain.
        if matches!(self.stage, RoundStage::Idle) && self.pending.is_empty() {
            let taken = leaving.iter().filter_map(|it| never.take(*it).ok());
            self.leaving.extend(taken.flatten());
        }
    }

    /// Takes note that it is certain of these addresses whether they have left.
    pub(crate) fn settle_ahead(&mut self, addresses: impl Iterator<Item = IpAddr>) {
        for address in addresses.map(Prefix::from) {
            self.leaving.remove(&address);
            if let Some(ahead) = &mut self.ahead {
                ahead.settle(address, self.pending.contains(&address));
            }
        }
    }

    /// Takes the addresses of a name, and what they make former where the rule is about it.
    pub(crate) fn take_answer(
        &mut self,
        name: &str,
        addresses: &[IpAddr],
        never: &Never,
        now: Instant,
        log: &mut Vec<GuardEntry>,
    ) {
        let is_its =
            matches!(&self.rule.trigger, Trigger::NameChanged { name: its, .. } if its == name);
        if let Some(history) = self.name.as_mut().filter(|_| is_its) {
            if history.is_newly_unanswered(addresses) {
                log.push(GuardEntry::of_rule(
                    Weight::Warning,
                    &self.rule.name,
                    format!("{name} has no address now: until it has one, none is former"),
                ));
            }
            let former = history.answer(addresses, now);
            let former: Vec<_> = former.into_iter().map(Prefix::from).collect();
            self.take(&former, never, now, log);
        }
    }

    /// Takes bans that are known from before, as far as the rule does not have them.
    pub(crate) fn know_bans(
        &mut self,
        known: &[(Prefix, Option<Duration>)],
        never: &Never,
        now: Instant,
        log: &mut Vec<GuardEntry>,
    ) {
        let new = known
            .iter()
            .filter(|(prefix, lasts)| self.bans.add(*prefix, *lasts, now));
        let new: Vec<_> = new.map(|(prefix, _)| *prefix).collect();
        self.take(&new, never, now, log);
    }

    /// Changes the bans, and takes those that were handed over.
    pub(crate) fn change_bans(
        &mut self,
        changes: &[BanChange],
        never: &Never,
        now: Instant,
        log: &mut Vec<GuardEntry>,
    ) {
        let mut new = Vec::new();
        for change in changes {
            match *change {
                BanChange::Add(prefix, lasts) => {
                    self.bans.add(prefix, lasts, now);
                    new.push(prefix);
                }
                BanChange::Del(prefix) => {
                    self.bans.remove(prefix);
                    self.take_back(prefix);
                }
                BanChange::Flush => {
                    self.bans.clear();
                    self.pending.clear();
                }
            }
        }
        // What was taken back in the same request ends nothing.
        new.retain(|it| self.bans.contains(*it));
        new.sort_unstable();
        new.dedup();
        self.take(&new, never, now, log);
    }

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

    /// Returns the number of connections that are watched for how long they match.
    #[cfg(test)]
    pub(crate) fn matched_count(&self) -> usize {
        self.matched.len()
    }
}

impl RoundStage {
    /// Returns the stage of a round of which nothing waits.
    const fn over() -> Self {
        Self::Deleting {
            waiting: VecDeque::new(),
            in_flight: 0,
        }
    }
}

/// The time after which a look that failed is made again.
const RETRY: Duration = Duration::from_secs(1);

fn pacer(rule: &Rule) -> Option<Pacer> {
    let pace = PaceArgs {
        rate: rule.rate,
        spread: rule.spread,
    };
    Pacer::new(&pace, fastrand::Rng::new())
}

impl Trigger {
    /// Returns true if it is about the elements of a set of nftables.
    pub(crate) fn is_about_set(&self, name: &SetName) -> bool {
        let Self::Set { family, table, set } = self else {
            return false;
        };
        *family == name.family && matches_glob(table, &name.table) && matches_glob(set, &name.set)
    }
}
