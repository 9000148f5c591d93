//! What the service knows and decides: events in, commands out, without a system call. The time is passed in.

pub(crate) mod elements;
pub(crate) mod entry;
pub(crate) mod matched;
pub(crate) mod name;
pub(crate) mod rule;
pub(crate) mod taken;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::filter::{Prefix, PrefixSet};
use tcpentry::netns::{HostAddresses, NetnsId};
use tcpentry::watch::SetName;
use tcpentry::{Connection, Cookie, Outcome};

use super::rules::{Rule, Rules, Trigger};
use crate::tables::sets::Sets;
use entry::Entry;
use rule::RuleState;
use taken::Never;

/// A socket as all tables together know it: the namespace, and the cookie in it.
pub(crate) type SocketKey = (NetnsId, Cookie);

/// A connection that a look has found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) netns: NetnsId,
    pub(crate) connection: Connection,
}

impl Found {
    pub(crate) fn key(&self) -> SocketKey {
        (self.netns, self.connection.cookie)
    }
}

/// What a look at the tables found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looked {
    pub(crate) found: Vec<Found>,
    /// Those that match and that a guard protects.
    pub(crate) protected: Vec<Done>,
    /// The number of listeners that match and that only `listeners = true` deletes.
    pub(crate) listeners: u64,
    /// The number of those that `except` spares.
    pub(crate) excepted: u64,
    /// The number of those of which it can't be seen whether they match.
    pub(crate) hidden: u64,
    /// What of it failed, if anything.
    pub(crate) failures: Vec<String>,
}

/// What became of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) netns: NetnsId,
    pub(crate) connection: Connection,
    pub(crate) outcome: Outcome,
    pub(crate) errno: Option<i32>,
    /// The identity, for `delete --id`.
    pub(crate) identity: String,
    /// Why it was not deleted.
    pub(crate) cause: Option<String>,
    /// The name of the network namespace, where it is not the service's own.
    pub(crate) place: Option<String>,
}

/// A change of the bans.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BanChange {
    Add(Prefix, Option<Duration>),
    Del(Prefix),
    Flush,
}

/// What has happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// Addresses have left the host, each from a device; they are on no other.
    AddressesRemoved(Vec<(IpAddr, String)>),
    /// Local addresses of connections that were on no device at the start.
    AddressesMissing(Vec<IpAddr>),
    /// Elements of a set were added.
    Elements(SetName, Vec<(Prefix, Option<Duration>)>),
    /// An element was removed.
    ElementsGone(SetName, Vec<Prefix>),
    /// A set was read: all of its elements.
    SetRead(SetName, Vec<(Prefix, Option<Duration>)>),
    /// A set is no more.
    SetGone(SetName),
    /// The answer of the resolver; empty where it failed.
    Name(String, Vec<IpAddr>),
    /// Changes of the bans were handed over. Who bans again means what has come since, too.
    Bans(Vec<BanChange>),
    /// Bans that are known from before; new only to a rule that does not have them.
    KnownBans(Vec<(Prefix, Option<Duration>)>),
    /// A look is over.
    Looked { id: u64, round: u64, looked: Looked },
    /// Deletions are over.
    Done {
        id: u64,
        round: u64,
        /// The name of the rule, which a reload may have removed.
        rule: String,
        is_dry_run: bool,
        done: Vec<Done>,
    },
    /// The addresses of this host are these now.
    Host(HostAddresses),
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Look which connections a rule selects.
    Look {
        id: u64,
        round: u64,
        rule: Arc<Rule>,
        sets: Sets,
    },
    /// Delete these, which the rule's look has found, if they still match.
    Delete {
        id: u64,
        round: u64,
        these: Vec<Found>,
        is_dry_run: bool,
    },
    /// Nothing more comes of this look.
    Forget {
        id: u64,
        round: u64,
    },
    Log(Box<Entry>),
}

/// The whole state of the service.
#[derive(Debug)]
pub(crate) struct Guard {
    rules: Vec<RuleState>,
    /// The number of the next rule: none is given twice, so that an answer of the worker is about the rule that it was for.
    next_id: u64,
    configured: PrefixSet,
    never: Never,
    host: HostAddresses,
    pub(crate) metrics: Option<PathBuf>,
    /// Nothing is deleted, whatever the rules say.
    dry_run: bool,
    is_paused: bool,
    log: Vec<Entry>,
    /// The looks of rules that are no more.
    over: Vec<Command>,
}

impl Guard {
    pub(crate) fn new(rules: Rules, host: HostAddresses, dry_run: bool, now: Instant) -> Self {
        let states = rules.rules.into_iter().zip(0..);
        let states = states.map(|(rule, id)| RuleState::new(id, rule, dry_run, now));
        let rules_now: Vec<_> = states.collect();
        Self {
            next_id: rules_now.len() as u64,
            rules: rules_now,
            never: Never::new(&rules.never, host.clone()),
            configured: rules.never,
            host,
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
        self.configured = rules.never;
        self.metrics = rules.metrics;
        self.never = Never::new(&self.configured, self.host.clone());
    }

    /// Takes note of what has happened.
    pub(crate) fn apply(&mut self, event: Event, now: Instant) {
        let Self {
            rules, never, log, ..
        } = self;
        match event {
            Event::AddressesRemoved(removed) => {
                for rule in rules {
                    let Trigger::AddressRemoved { device } = &rule.rule.trigger else {
                        continue;
                    };
                    let is_meant =
                        |name: &str| device.as_deref().is_none_or(|it| matches_glob(it, name));
                    let here = removed.iter().filter(|(_, name)| is_meant(name));
                    let here: Vec<_> = here.map(|(address, _)| Prefix::from(*address)).collect();
                    rule.take(&here, never, now, log);
                }
            }
            Event::AddressesMissing(missing) => {
                let missing: Vec<_> = missing.into_iter().map(Prefix::from).collect();
                for rule in rules {
                    // Of an address that has been gone for long nobody knows the device.
                    if rule.rule.trigger == (Trigger::AddressRemoved { device: None }) {
                        rule.take(&missing, never, now, log);
                    }
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
                    let is_its = matches!(&rule.rule.trigger, Trigger::NameChanged { name: its, .. } if *its == name);
                    if let Some(history) = rule.name.as_mut().filter(|_| is_its) {
                        let former = history.answer(&addresses, now);
                        let former: Vec<_> = former.into_iter().map(Prefix::from).collect();
                        rule.take(&former, never, now, log);
                    }
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
                    .map(|done| Entry::of_connection(&name, done, is_dry_run));
                log.extend(entries);
            }
            Event::Host(host) => {
                self.never = Never::new(&self.configured, host.clone());
                self.host = host;
            }
        }
    }

    /// Returns what is to be done now.
    pub(crate) fn commands(&mut self, now: Instant) -> Vec<Command> {
        let mut commands = std::mem::take(&mut self.over);
        for rule in &mut self.rules {
            rule.commands(self.is_paused, now, &mut commands, &mut self.log);
        }
        let log = std::mem::take(&mut self.log);
        commands.extend(log.into_iter().map(Box::new).map(Command::Log));
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

/// Returns true if a text is as a pattern says, in which `*` is anything.
pub(crate) fn matches_glob(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(first) else {
        return false;
    };
    (0..=text.len())
        .filter(|at| text.is_char_boundary(*at))
        .any(|at| matches_glob(rest, &text[at..]))
}
