//! Announcements of the kernel: addresses that leave the host, and elements of sets of nftables.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use tcpentry::filter::Prefix;
use tcpentry::netns::{HostAddresses, HostRole};
use tcpentry::watch::{
    AddressChange, AddressWatch, HostWatch, SetChange, SetContent, SetElement, SetInfo, SetName,
    SetWatch,
};
use tcpentry::{Error, ErrorKind};

use super::retry::Retry;
use crate::command::guard::rules::{Rule, Trigger};
use crate::command::guard::state::Event;
use crate::command::guard::state::rule::RuleState;

/// The watches that the rules need.
#[derive(Default)]
pub(super) struct Sources {
    addresses: Option<AddressWatch>,
    host: Option<HostWatch>,
    sets: Option<SetWatch>,
    /// Addresses that have left a device, or that were on none: each with the time at which it is asked whether it is on one.
    gone: VecDeque<GoneAddress>,
    /// Sets that rules of the firewall fill, of which nothing is announced, and the time of the next look at them.
    polled: BTreeSet<SetName>,
    poll_due: Option<Instant>,
    /// Sets of which it has been said that their elements are no addresses.
    refused: BTreeSet<SetName>,
    /// Attempts to read the addresses of this host, to read all sets, to open the watches, and to find connections on addresses
    /// that have gone.
    host_read: Retry,
    sets_read: Retry,
    opening: Retry,
    search: Retry,
}

/// An address that was on no device when it was looked for, or that has left one.
struct GoneAddress {
    address: IpAddr,
    /// The device that it has left, if that is known.
    device: Option<String>,
    due: Instant,
}

/// Events and warnings that were heard.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) events: Vec<Event>,
    pub(super) warnings: Vec<String>,
    /// Set where it is not known which addresses have gone.
    pub(super) find_missing: bool,
}

impl Sources {
    /// Watches what these rules are about, from what is there now on.
    pub(super) fn watch(&mut self, rules: &[&Rule], now: Instant) -> Heard {
        let mut heard = Heard::default();
        let had_host = self.host.is_some();
        self.open(rules, now, &mut heard);
        // Also for a rule that was not there before.
        heard.find_missing = self.addresses.is_some();
        if self.host.is_some() && !had_host {
            // What has changed since they were read last was not announced to it.
            self.read_host(now, &mut heard);
        }
        self.refused.clear();
        self.read_all_sets(
            |name| rules.iter().any(|rule| is_of(rule, name)),
            now,
            &mut heard,
        );
        heard
    }

    /// Opens the watches that these rules need, as far as they are not open, and closes the others.
    fn open(&mut self, rules: &[&Rule], now: Instant, heard: &mut Heard) {
        let any = |is_it: fn(&Trigger) -> bool| rules.iter().any(|rule| is_it(&rule.trigger));
        let wants_addresses = any(|it| matches!(it, Trigger::AddressRemoved { .. }));
        let mut failures = Vec::new();
        keep(
            &mut self.addresses,
            wants_addresses,
            AddressWatch::open,
            &mut failures,
        );
        let wants_sets = any(|it| matches!(it, Trigger::Set { .. }));
        keep(&mut self.sets, wants_sets, SetWatch::open, &mut failures);
        let wants_host = any(|it| !matches!(it, Trigger::Every(_)));
        keep(&mut self.host, wants_host, HostWatch::open, &mut failures);
        let new = self.opening.attempted(failures, now + REOPEN);
        heard.warnings.extend(new);
    }

    /// Returns what has failed and is tried again, in words.
    pub(super) fn failures(&self) -> impl Iterator<Item = &String> {
        let retries = [
            &self.host_read,
            &self.sets_read,
            &self.opening,
            &self.search,
        ];
        retries.into_iter().flat_map(Retry::failures)
    }

    /// Returns true while it is not known which addresses are this host's: nothing may be taken from an event until then.
    pub(super) fn is_host_unread(&self) -> bool {
        self.host_read.due().is_some()
    }

    pub(super) fn add_fds<'s>(&'s self, fds: &mut Vec<PollFd<'s>>) {
        if self.is_host_unread() {
            // What is announced waits until then.
            return;
        }
        if let Some(addresses) = &self.addresses {
            fds.push(PollFd::new(addresses, PollFlags::IN));
        }
        if let Some(sets) = &self.sets {
            fds.push(PollFd::from_borrowed_fd(sets.as_fd(), PollFlags::IN));
        }
    }

    /// Returns the time at which there is something to read though nothing is announced.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.is_host_unread() {
            return self.host_read.due();
        }
        let gone = self.gone.front().map(|gone| gone.due);
        let retries = [&self.sets_read, &self.opening, &self.search];
        let retries = retries.into_iter().filter_map(Retry::due);
        gone.into_iter().chain(self.poll_due).chain(retries).min()
    }

    /// Reads what has come.
    pub(super) fn read(&mut self, rules: &[RuleState], now: Instant) -> Heard {
        let enabled = rules.iter().map(|it| &*it.rule).filter(|it| it.enabled);
        let enabled: Vec<_> = enabled.collect();
        let mut heard = Heard::default();
        if self.opening.is_due(now) {
            let open = |it: &Self| [it.addresses.is_some(), it.sets.is_some(), it.host.is_some()];
            let before = open(self);
            self.open(&enabled, now, &mut heard);
            if open(self) != before {
                let mut begun = self.watch(&enabled, now);
                begun.warnings.splice(..0, heard.warnings);
                return begun;
            }
        }
        self.read_changed_host(now, &mut heard);
        if self.is_host_unread() {
            return heard;
        }
        self.read_addresses(now, &mut heard);
        if self.is_host_unread() {
            return heard;
        }
        if self.search.is_due(now) {
            // The answer comes from the worker, and ends this time.
            self.search.plan(now + RETRY);
            heard.find_missing = true;
        }
        let is_wanted = |name: &SetName| enabled.iter().any(|rule| is_of(rule, name));
        if self.sets_read.is_due(now) {
            self.read_all_sets(is_wanted, now, &mut heard);
        }
        self.read_sets(is_wanted, now, &mut heard);
        heard
    }

    /// Reads the addresses of this host where they have changed, or could not be read before, so that nothing is decided by
    /// others.
    fn read_changed_host(&mut self, now: Instant, heard: &mut Heard) {
        let changed = self.host.as_mut().map(HostWatch::has_changed);
        if matches!(changed, Some(Ok(true) | Err(_))) || self.is_host_unread() {
            self.read_host(now, heard);
        }
    }

    fn read_host(&mut self, now: Instant, heard: &mut Heard) -> Option<HostAddresses> {
        let read = HostAddresses::read();
        let failures = read.as_ref().err().map(|error| {
            format!("{error}: nothing is taken from an event until it is known which are its own")
        });
        let failures = failures.into_iter().collect();
        let new = self.host_read.attempted(failures, now + RETRY);
        heard.warnings.extend(new);
        let host = read.ok()?;
        heard.events.push(Event::Host(host.clone()));
        Some(host)
    }

    fn read_addresses(&mut self, now: Instant, heard: &mut Heard) {
        let first = self.gone.len();
        self.hear_addresses(now, heard);
        let due = self.gone.partition_point(|gone| gone.due <= now);
        if due > 0 {
            self.read_gone(due, now, heard);
        }
        let leaving = self.gone.range(first.saturating_sub(due)..);
        let leaving = leaving.filter_map(|gone| Some((gone.address, gone.device.clone()?)));
        let leaving: Vec<_> = leaving.collect();
        if !leaving.is_empty() {
            // Before it is taken that they are this host's.
            self.read_changed_host(now, heard);
            heard.events.push(Event::AddressesLeaving(leaving));
        }
    }

    /// Decides by the addresses that this host has now what has become of so many that have left a device.
    fn read_gone(&mut self, due: usize, now: Instant, heard: &mut Heard) {
        // By the same addresses it is decided what is taken. Nothing is ended by an address that may be there.
        let Some(host) = self.read_host(now, heard) else {
            return;
        };
        let mut gone: Vec<_> = self.gone.drain(..due).collect();
        let mut stayed: Vec<_> = gone.iter().map(|gone| gone.address).collect();
        // One that has come back and left again is on its way again.
        self.hear_addresses(now, heard);
        let announced = self.gone.iter().filter(|gone| gone.device.is_some());
        let leaving: HashSet<_> = announced.map(|gone| gone.address).collect();
        gone.retain(|gone| {
            let is_here = host.role(gone.address) == Some(HostRole::Own);
            !is_here && !leaving.contains(&gone.address)
        });
        let left: HashSet<_> = gone.iter().map(|gone| gone.address).collect();
        stayed.retain(|address| !left.contains(address) && !leaving.contains(address));
        let (mut removed, mut missing) = (Vec::new(), Vec::new());
        for GoneAddress {
            address, device, ..
        } in gone
        {
            match device {
                Some(device) => removed.push((address, device)),
                None => missing.push(address),
            }
        }
        if !removed.is_empty() {
            heard.events.push(Event::AddressesRemoved(removed));
        }
        if !missing.is_empty() {
            heard.events.push(Event::AddressesMissing(missing));
        }
        if !stayed.is_empty() {
            heard.events.push(Event::AddressesStayed(stayed));
        }
    }

    /// Takes note of addresses that have left a device.
    fn hear_addresses(&mut self, now: Instant, heard: &mut Heard) {
        let changes = match self.addresses.as_mut().map(AddressWatch::read) {
            None => return,
            Some(Ok(changes)) => changes,
            Some(Err(error)) => {
                heard.warnings.push(error.to_string());
                return;
            }
        };
        for change in changes {
            match change {
                AddressChange::Removed { address, name, .. } => {
                    self.gone.push_back(GoneAddress {
                        address,
                        device: Some(name.unwrap_or_default()),
                        due: now + MOVE,
                    });
                }
                AddressChange::Lost => {
                    heard.find_missing = true;
                    heard.warnings.push(LOST_ADDRESSES.to_owned());
                }
                _ => {}
            }
        }
    }

    /// Takes the local addresses of connections that were on no device, or the reason why they could not be searched for. One that
    /// was on none may have been on its way to another.
    pub(super) fn searched(&mut self, missing: Result<Vec<IpAddr>, String>, now: Instant) -> Heard {
        let mut heard = Heard::default();
        match missing {
            Ok(addresses) => {
                self.search.end();
                let gone = addresses.into_iter().map(|address| GoneAddress {
                    address,
                    device: None,
                    due: now + MOVE,
                });
                self.gone.extend(gone);
            }
            Err(reason) => heard.warnings = self.search.attempted(vec![reason], now + RETRY),
        }
        heard
    }

    fn read_sets(&mut self, is_wanted: impl Fn(&SetName) -> bool, now: Instant, heard: &mut Heard) {
        let Some(watch) = &mut self.sets else {
            return;
        };
        let changes = match watch.read() {
            Ok(changes) => changes,
            Err(error) => {
                heard.warnings.push(error.to_string());
                // What it could not read is read later, also where nothing more is announced.
                self.poll_due = Some(now + POLL);
                return;
            }
        };
        let mut unclear = BTreeSet::new();
        for change in changes {
            match change {
                SetChange::Added { set, elements } if is_wanted(&set) => {
                    heard.events.push(Event::Elements(set, parts(elements)));
                }
                SetChange::Removed { set, elements } if is_wanted(&set) => {
                    let prefixes = elements.into_iter().map(|it| it.prefix).collect();
                    heard.events.push(Event::ElementsGone(set, prefixes));
                }
                SetChange::Deleted { set } => {
                    self.polled.remove(&set);
                    heard.events.push(Event::SetGone(set));
                }
                SetChange::Unclear { set } if is_wanted(&set) => {
                    unclear.insert(set);
                }
                SetChange::Created(info)
                    if is_wanted(&info.name) && self.is_readable(&info, now, heard) =>
                {
                    unclear.insert(info.name);
                }
                SetChange::Lost => return self.read_all_sets(is_wanted, now, heard),
                _ => {}
            }
        }
        if self.poll_due.is_some_and(|due| due <= now) {
            self.poll_due = (!self.polled.is_empty()).then_some(now + POLL);
            unclear.extend(self.polled.iter().cloned());
        }
        let mut failures = Vec::new();
        for set in unclear {
            if let Err(error) = self.read_set(set, heard) {
                failures.push(error.to_string());
            }
        }
        if !failures.is_empty() {
            let new = self.sets_read.attempted(failures, now + RETRY);
            heard.warnings.extend(new);
        }
        forget_what_came_back(&mut heard.events);
    }

    fn read_all_sets(
        &mut self,
        is_wanted: impl Fn(&SetName) -> bool,
        now: Instant,
        heard: &mut Heard,
    ) {
        self.polled.clear();
        self.poll_due = None;
        let is_unread = self.is_host_unread();
        let Some(watch) = &mut self.sets else {
            self.sets_read.end();
            return;
        };
        if is_unread {
            self.sets_read.plan(now + RETRY);
            return;
        }
        let mut failures = Vec::new();
        match watch.sets() {
            Ok(all) => {
                for info in all.into_iter().filter(|info| is_wanted(&info.name)) {
                    if self.is_readable(&info, now, heard)
                        && let Err(error) = self.read_set(info.name, heard)
                    {
                        failures.push(error.to_string());
                    }
                }
            }
            Err(error) => failures.push(error.to_string()),
        }
        let new = self.sets_read.attempted(failures, now + RETRY);
        heard.warnings.extend(new);
    }

    /// Returns true for a set of addresses, and looks at it again and again where nothing is announced of it.
    fn is_readable(&mut self, info: &SetInfo, now: Instant, heard: &mut Heard) -> bool {
        let is_of_addresses = matches!(info.content, SetContent::Ipv4 | SetContent::Ipv6);
        if !is_of_addresses && self.refused.insert(info.name.clone()) {
            heard.warnings.push(format!(
                "the set {} is not one of addresses: its elements end nothing",
                info.name
            ));
        }
        if is_of_addresses && info.is_filled_by_rules {
            self.polled.insert(info.name.clone());
            self.poll_due.get_or_insert(now + POLL);
        }
        is_of_addresses
    }

    fn read_set(&mut self, set: SetName, heard: &mut Heard) -> Result<(), Error> {
        let Some(watch) = &mut self.sets else {
            return Ok(());
        };
        match watch.elements(&set) {
            Ok(elements) => heard.events.push(Event::SetRead(set, parts(elements))),
            // It may have gone since it was named.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                heard.events.push(Event::SetGone(set));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Opens a watch that is wanted, or lets it go.
fn keep<T>(
    watch: &mut Option<T>,
    is_wanted: bool,
    open: fn() -> Result<T, Error>,
    failures: &mut Vec<String>,
) {
    if !is_wanted {
        *watch = None;
    } else if watch.is_none() {
        match open() {
            Ok(opened) => *watch = Some(opened),
            Err(error) => failures.push(format!(
                "{error}: rules about what it announces do nothing until it can be opened"
            )),
        }
    }
}

/// Forgets that elements have gone which are there again: a firewall that is loaded anew takes its sets away and brings them back
/// in one transaction.
fn forget_what_came_back(events: &mut Vec<Event>) {
    let mut back: BTreeMap<SetName, BTreeSet<Prefix>> = BTreeMap::new();
    let mut read = BTreeSet::new();
    for event in events.iter_mut().rev() {
        match event {
            Event::SetRead(set, _) => {
                read.insert(set.clone());
            }
            Event::Elements(set, added) => {
                let prefixes = added.iter().map(|(prefix, _)| *prefix);
                back.entry(set.clone()).or_default().extend(prefixes);
            }
            Event::ElementsGone(set, gone) => {
                if let Some(back) = back.get(set) {
                    gone.retain(|it| !back.contains(it));
                }
            }
            _ => {}
        }
    }
    // What is read as a whole needs no other event to say what is no longer there, nor what is new.
    events.retain(|event| match event {
        Event::Elements(set, _) | Event::ElementsGone(set, _) | Event::SetGone(set) => {
            !read.contains(set)
        }
        _ => true,
    });
}

fn is_of(rule: &Rule, name: &SetName) -> bool {
    rule.trigger.is_about_set(name)
}

fn parts(elements: Vec<SetElement>) -> Vec<(Prefix, Option<Duration>)> {
    let parts = elements.into_iter();
    parts.map(|it| (it.prefix, it.expires_in)).collect()
}

/// An address that moves to another device leaves the first one before it comes to the other.
const MOVE: Duration = Duration::from_millis(20);
/// The time until something that failed is tried again: a shortage may pass.
const RETRY: Duration = Duration::from_secs(1);
/// The time until a watch that can't be opened is tried again: a kernel without nftables has none for good.
const REOPEN: Duration = Duration::from_secs(30);
const LOST_ADDRESSES: &str = "addresses changed faster than they could be read: connections on addresses that have gone are searched for, \
    but rules with `device` do nothing for them";
/// The time between two looks at a set that rules of the firewall fill.
const POLL: Duration = Duration::from_secs(5);
