//! Knowledge and decisions of the service: events in, commands out, without a system call. The time is passed in.

mod ahead;
pub(crate) mod elements;
pub(crate) mod entry;
mod event;
mod found;
mod glob;
pub(crate) mod matched;
pub(crate) mod name;
pub(crate) mod rule;
mod stage;
pub(crate) mod taken;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tcpentry::filter::Prefix;
use tcpentry::netns::HostAddresses;
use tcpentry::watch::SetName;

use super::rules::{Rules, Trigger};
use entry::GuardEntry;
pub(crate) use event::{Event, StateCommand};
pub(crate) use found::{Done, FoundConnection, LookFailure, LookResult};
use glob::matches_glob;
use rule::RuleState;
use taken::Never;

/// The whole state of the service.
#[derive(Debug)]
pub(crate) struct Guard {
    rules: Vec<RuleState>,
    /// The number of the next rule: none is given twice, so that an answer of the worker is about the rule that it was for.
    next_id: u64,
    never: Never,
    pub(crate) metrics: Option<PathBuf>,
    /// Nothing is deleted, whatever the rules say.
    dry_run: bool,
    is_paused: bool,
    log: Vec<GuardEntry>,
    /// The looks of rules that are no more.
    over: Vec<StateCommand>,
}

impl Guard {
    pub(crate) fn new(rules: Rules, host: HostAddresses, dry_run: bool, now: Instant) -> Self {
        let states = rules.rules.into_iter().zip(0..);
        let states = states.map(|(rule, id)| RuleState::new(id, rule, dry_run, now));
        let rules_now: Vec<_> = states.collect();
        Self {
            next_id: rules_now.len() as u64,
            rules: rules_now,
            never: Never::new(Arc::new(rules.never), host),
            metrics: rules.metrics,
            dry_run,
            is_paused: false,
            log: Vec::new(),
            over: Vec::new(),
        }
    }

    /// Takes another configuration. A rule of the same name that looks at the same keeps what it knows, and what it is at.
    pub(crate) fn reload(&mut self, rules: Rules, now: Instant) {
        let mut before = std::mem::take(&mut self.rules);
        for rule in rules.rules {
            let known = before.iter().position(|it| it.is_about(&rule));
            let state = if let Some(index) = known {
                let state = before.swap_remove(index);
                state.with_rule(rule, self.dry_run, now)
            } else {
                self.next_id += 1;
                RuleState::new(self.next_id - 1, rule, self.dry_run, now)
            };
            self.rules.push(state);
        }
        self.over.extend(before.iter().map(RuleState::forget));
        self.metrics = rules.metrics;
        self.change_never(self.never.with(rules.never));
    }

    /// Changes what is never taken from an event, also of what has been and waits.
    fn change_never(&mut self, never: Never) {
        self.never = never;
        for rule in &mut self.rules {
            rule.take_again(&self.never);
        }
    }

    /// Takes note of what has happened.
    pub(crate) fn apply(&mut self, event: Event, now: Instant) {
        let Self {
            rules, never, log, ..
        } = self;
        match event {
            Event::AddressesLeaving(leaving) => {
                for rule in rules {
                    let here = rule.rule.trigger.addresses_of(&leaving);
                    rule.look_ahead(&here, never);
                }
            }
            Event::AddressesRemoved(removed) => {
                for rule in rules {
                    let here = rule.rule.trigger.addresses_of(&removed);
                    rule.take(&here, never, now, log);
                    rule.settle_ahead(removed.iter().map(|(address, _)| *address));
                }
            }
            Event::AddressesStayed(stayed) => rules
                .iter_mut()
                .for_each(|rule| rule.settle_ahead(stayed.iter().copied())),
            Event::AddressesMissing(missing) => {
                let prefixes: Vec<_> = missing.iter().copied().map(Prefix::from).collect();
                for rule in rules {
                    // Of an address that has been gone for long nobody knows the device.
                    if rule.rule.trigger == (Trigger::AddressRemoved { device: None }) {
                        rule.take(&prefixes, never, now, log);
                    }
                    rule.settle_ahead(missing.iter().copied());
                }
            }
            Event::Elements(key, added) => {
                for rule in about(rules, &key) {
                    let known = rule.sets.entry(key.clone()).or_default();
                    let new = added
                        .iter()
                        .filter(|(prefix, lasts)| known.add(*prefix, *lasts, now));
                    let new: Vec<_> = new.map(|(prefix, _)| *prefix).collect();
                    rule.take(&new, never, now, log);
                }
            }
            Event::ElementsGone(key, gone) => {
                for rule in about(rules, &key) {
                    for prefix in &gone {
                        if let Some(known) = rule.sets.get_mut(&key) {
                            known.remove(*prefix);
                        }
                        rule.take_back(*prefix);
                    }
                }
            }
            Event::SetRead(key, all) => {
                for rule in about(rules, &key) {
                    let known = rule.sets.entry(key.clone()).or_default();
                    let new = known.replace(all.iter().copied(), now);
                    rule.take(&new, never, now, log);
                }
            }
            Event::SetGone(key) => {
                for rule in rules {
                    rule.sets.remove(&key);
                }
            }
            Event::Name(name, addresses) => {
                for rule in rules {
                    rule.take_answer(&name, &addresses, never, now, log);
                }
            }
            Event::Bans(changes) => {
                for rule in of_bans(rules) {
                    rule.change_bans(&changes, never, now, log);
                }
            }
            Event::KnownBans(known) => {
                for rule in of_bans(rules) {
                    rule.know_bans(&known, never, now, log);
                }
            }
            Event::Looked { id, round, looked } => {
                if let Some(rule) = rules.iter_mut().find(|it| it.id == id) {
                    rule.looked(round, looked, now, log);
                }
            }
            Event::Done {
                id,
                round,
                rule: name,
                is_dry_run,
                done,
            } => {
                if let Some(rule) = rules.iter_mut().find(|it| it.id == id) {
                    rule.done(round, &done, is_dry_run, now);
                }
                let entries = done
                    .into_iter()
                    .map(|done| GuardEntry::of_connection(&name, done, is_dry_run));
                log.extend(entries);
            }
            Event::Host(host) => self.change_never(self.never.on(host)),
        }
    }

    /// Returns what is to be done now.
    pub(crate) fn commands(&mut self, now: Instant) -> Vec<StateCommand> {
        let mut commands = std::mem::take(&mut self.over);
        for rule in &mut self.rules {
            rule.commands(
                self.is_paused,
                &self.never,
                now,
                &mut commands,
                &mut self.log,
            );
        }
        let log = std::mem::take(&mut self.log);
        commands.extend(log.into_iter().map(Box::new).map(StateCommand::Log));
        commands
    }

    /// Returns the time at which there is something to do without an event, if there is one.
    pub(crate) fn next_due(&self, now: Instant) -> Option<Instant> {
        let due = self
            .rules
            .iter()
            .filter_map(|rule| rule.due(self.is_paused, now));
        due.min()
    }

    /// Stops or resumes a rule, or all; false where there is none of this name.
    pub(crate) fn pause(&mut self, name: Option<&str>, pauses: bool) -> bool {
        let Some(name) = name else {
            self.is_paused = pauses;
            // All means each, also one that was paused by its name.
            if !pauses {
                self.rules.iter_mut().for_each(|it| it.is_paused = false);
            }
            return true;
        };
        let rule = self.rules.iter_mut().find(|it| it.rule.name == name);
        rule.map(|it| it.is_paused = pauses).is_some()
    }

    pub(crate) fn states(&self) -> &[RuleState] {
        &self.rules
    }

    pub(crate) const fn is_paused(&self) -> bool {
        self.is_paused
    }

    pub(crate) const fn is_dry_run(&self) -> bool {
        self.dry_run
    }
}

impl Trigger {
    /// Returns the addresses that left a device that it is about.
    fn addresses_of(&self, removed: &[(IpAddr, String)]) -> Vec<Prefix> {
        let Self::AddressRemoved { device } = self else {
            return Vec::new();
        };
        let is_meant = |name: &str| device.as_deref().is_none_or(|it| matches_glob(it, name));
        let here = removed.iter().filter(|(_, name)| is_meant(name));
        here.map(|(address, _)| Prefix::from(*address)).collect()
    }
}

/// Returns the rules about a set.
fn about<'r>(rules: &'r mut [RuleState], set: &SetName) -> impl Iterator<Item = &'r mut RuleState> {
    let rules = rules.iter_mut();
    rules.filter(move |it| it.rule.trigger.is_about_set(set))
}

/// Returns the rules about bans.
fn of_bans(rules: &mut [RuleState]) -> impl Iterator<Item = &mut RuleState> {
    let rules = rules.iter_mut();
    rules.filter(|it| it.rule.trigger == Trigger::Ban)
}
