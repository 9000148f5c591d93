//! The state of one rule: what events have brought, and what is reported of it. Its round is a module of its own.

mod round;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tcpentry::filter::{Prefix, PrefixSet};
use tcpentry::watch::SetName;

use super::ahead::LookAhead;
use super::elements::Elements;
use super::entry::{GuardEntry, Weight};
use super::event::StateCommand;
use super::found::NamespacedKey;
use super::glob::matches_glob;
use super::matched::Matched;
use super::name::NameHistory;
use super::stage::RoundStage;
use super::taken::Never;
use crate::args::pace::PaceArgs;
use crate::command::bans::BanChange;
use crate::command::guard::rules::{Rule, Trigger};
use crate::pace::Pacer;

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

    /// Returns the number of connections that are watched for how long they match.
    #[cfg(test)]
    pub(crate) fn matched_count(&self) -> usize {
        self.matched.len()
    }
}

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
