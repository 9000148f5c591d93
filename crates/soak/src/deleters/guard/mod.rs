//! Through the service, `tcpentry guard run`: by the outcomes in its log.
//!
//! Its rules name their tuples for as long as it runs. It deletes at times of its own, so a barrier says how far its reports
//! are in: the worker of the service does one thing after the other, and its log is read in the order in which it was written.

mod record;
mod service;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tcpentry_testkit::random::Random;

use crate::plan::{Lie, Plan};
use crate::terms::{By, GuardRule, How, Report};
use crate::tuples::{GUESTS, Tuple, Tuples, guest, remove_addresses, restore_addresses};
use crate::world::World;
use record::Record;
use service::Service;

/// The deleter: it brings about the events that the rules wait for, and hands over what the log says.
struct GuardHand<'w> {
    world: &'w World,
    number: usize,
    service: Service,
    random: Random,
    lie: Option<Lie>,
    barrier: Option<Barrier>,
    /// The prefixes of addresses that rule `set` is about, and whether the set has them; empty where there is no nftables.
    prefixes: Vec<(String, bool)>,
    is_removed: bool,
    /// The number of events.
    turn: u64,
}

/// A question how far the reports are in.
struct Barrier {
    /// The tick at which it was asked.
    time: u64,
    /// The number of looks of [`CLOCK`] by then.
    looks: u64,
    /// Set once a record has been asked for that is behind them.
    is_marked: bool,
}

pub(crate) fn run(world: &World, number: usize, plan: &Plan) {
    let lie = plan.lie.filter(|(by, _)| *by == By::Guard);
    let lie = lie.map(|(_, lie)| lie);
    let named = named(&world.tuples);
    let named = named.filter(|_| lie != Some(Lie::Unnamed));
    let sides: Vec<_> = named.filter_map(Tuple::named_side).collect();
    for side in &sides {
        side.begin();
    }
    let has_sets =
        nft("add table inet soak; add set inet soak guests { type ipv4_addr; flags interval; }");
    let service = Service::start(&plan.program, &rules(&world.tuples, has_sets));
    let mut hand = GuardHand {
        world,
        number,
        service: service.expect("the service can be started, with mounts of its own"),
        random: Random::new(plan.seed.wrapping_mul(3000)),
        lie,
        barrier: None,
        prefixes: if has_sets {
            prefixes(&world.tuples)
        } else {
            Vec::new()
        },
        is_removed: false,
        turn: 0,
    };
    hand.run();
    world.oracle.end_reports(number);
    for side in &sides {
        side.end();
    }
}

impl GuardHand<'_> {
    fn run(&mut self) {
        self.until_it_runs();
        while !self.world.quiet.load(SeqCst) {
            let turn = Instant::now();
            while turn.elapsed() < TURN {
                if let Some(record) = self.service.record(TURN / 4) {
                    self.take(record);
                }
            }
            if let Some(status) = self.service.ended() {
                self.complain(&format!("ended: {status}: {}", Service::last_words()));
                break;
            }
            self.act();
            self.go_on();
        }
        if self.is_removed {
            restore_addresses();
        }
        self.end();
    }

    fn until_it_runs(&mut self) {
        while self.service.ended().is_none() {
            match self.service.record(TURN) {
                Some(Record::Message(text)) if text.starts_with("runs ") => return,
                // The namespace has no users but this one.
                Some(Record::Complaint(text)) if text.ends_with("there is no group tcpentry") => {}
                Some(record) => self.take(record),
                None => {}
            }
        }
    }

    /// Ends the service, and takes what it says until then.
    fn end(&mut self) {
        self.service.signal(Signal::TERM);
        let start = Instant::now();
        loop {
            let ended = self.service.ended();
            while let Some(record) = self.service.record(Duration::from_millis(1)) {
                self.take(record);
            }
            match ended {
                Some(status) if status.success() => return,
                Some(status) => {
                    let words = Service::last_words();
                    return self.complain(&format!("{status}: {words}"));
                }
                None if start.elapsed() > MAX_END => return self.complain("does not end"),
                None => {}
            }
        }
    }

    /// Brings about an event.
    fn act(&mut self) {
        if self.is_removed {
            restore_addresses();
            self.is_removed = false;
            return;
        }
        self.turn += 1;
        match self.turn % 16 {
            1 => {
                remove_addresses();
                self.is_removed = true;
            }
            15 => self.service.signal(Signal::HUP),
            turn if turn % 2 == 0 => self.ban(),
            _ if !self.prefixes.is_empty() => self.change_set(),
            _ => {}
        }
    }

    /// Hands over bans: of addresses and prefixes, some of which are taken back.
    fn ban(&mut self) {
        let mut guest =
            || guest(u16::try_from(self.random.below(usize::from(GUESTS))).expect("it is small"));
        let (one, other, third) = (guest(), guest(), guest());
        let length = self.random.choose(&[26, 28, 30]);
        let request =
            format!("ban\nadd {one} 1\nadd {other}/{length} 2\nadd {third}\ndel {third}\n\n");
        let reply = Service::ask(&request).unwrap_or_default();
        if reply["done"].is_null() {
            self.complain(&format!("{request}: {reply}"));
        }
    }

    /// Adds a prefix to the set, or takes it away.
    fn change_set(&mut self) {
        let place = self.random.below(self.prefixes.len());
        let (prefix, is_in) = &mut self.prefixes[place];
        let verb = if *is_in { "delete" } else { "add" };
        if nft(&format!("{verb} element inet soak guests {{ {prefix} }}")) {
            *is_in = !*is_in;
        } else {
            let text = format!("nft can't {verb} {prefix}");
            self.complain(&text);
        }
    }

    /// Asks how far the reports are in, or goes on with that.
    fn go_on(&mut self) {
        let time = self.world.oracle.tick();
        let looks = match &self.barrier {
            Some(barrier) if barrier.is_marked => return,
            _ => Self::looks(),
        };
        let Some(looks) = looks else {
            return;
        };
        match &mut self.barrier {
            None => {
                self.barrier = Some(Barrier {
                    time,
                    looks,
                    is_marked: false,
                });
            }
            // The first of them may have been made before; the second was asked for after it, and the worker had done by then
            // what it was doing at that tick. The loop has written all of that before it takes the third.
            Some(barrier) if looks >= barrier.looks + 3 => {
                barrier.is_marked = true;
                let (_, name) = GuardRule::WORDS[CLOCK as usize];
                let _ = Service::ask(&format!("resume {name}\n"));
            }
            Some(_) => {}
        }
    }

    /// Returns the number of looks of a rule that is never held up by its pace.
    fn looks() -> Option<u64> {
        let status = Service::ask("status\n")?;
        let (_, name) = GuardRule::WORDS[CLOCK as usize];
        let rules = status["status"]["rules"].as_array()?;
        rules.iter().find(|rule| rule["name"] == name)?["looks"].as_u64()
    }

    fn take(&mut self, record: Record) {
        let oracle = &self.world.oracle;
        match record {
            Record::Outcome {
                rule,
                cookie,
                report,
            } => {
                let column = match report {
                    Report::Deleted => Some(0),
                    Report::Gone => Some(1),
                    Report::Spared => Some(2),
                    Report::Other(_) => None,
                };
                if let Some(column) = column {
                    oracle.counts.rules[rule as usize][column].fetch_add(1, SeqCst);
                }
                let report = match report {
                    Report::Deleted if self.lie == Some(Lie::Unreported) => Report::Gone,
                    report => report,
                };
                oracle.record(By::Guard, How::Filter, cookie, &report);
            }
            Record::Message(text) if text.starts_with("resumed ") => {
                if let Some(barrier) = self.barrier.take_if(|it| it.is_marked) {
                    oracle.reported_until(self.number, barrier.time);
                }
            }
            Record::Message(_) => {}
            Record::Complaint(text) => self.complain(&text),
        }
    }

    fn complain(&self, text: &str) {
        let report = Report::Other(text.to_owned());
        self.world.oracle.record(By::Guard, How::Filter, 0, &report);
    }
}

/// Returns the tuples that rules are about.
fn named(tuples: &[Tuples]) -> impl Iterator<Item = &Tuple> {
    let all = tuples.iter().flat_map(|of_owner| &of_owner.all);
    all.filter(|tuple| tuple.rule.is_some())
}

/// Returns prefixes that have all clients of the tuples that rule `set` is about.
fn prefixes(tuples: &[Tuples]) -> Vec<(String, bool)> {
    let of_set = named(tuples).filter(|tuple| tuple.rule == Some(GuardRule::Set));
    let addresses: BTreeSet<_> = of_set
        .filter_map(|tuple| match tuple.client.ip() {
            IpAddr::V4(address) => Some(address.to_bits() >> 3 << 3),
            IpAddr::V6(_) => None,
        })
        .collect();
    let prefix = |bits| (format!("{}/29", Ipv4Addr::from_bits(bits)), false);
    addresses.into_iter().map(prefix).collect()
}

/// Returns the configuration.
fn rules(tuples: &[Tuples], has_sets: bool) -> String {
    let ports = |rule| {
        let of_owner = |of_owner: &Tuples| {
            let mut its = of_owner.all.iter().filter(|it| it.rule == Some(rule));
            let first = its.next()?.client.port();
            let last = its.next_back().map_or(first, |it| it.client.port());
            Some(format!("( sport ge :{first} and sport le :{last} )"))
        };
        let owners: Vec<_> = tuples.iter().filter_map(of_owner).collect();
        owners.join(" or ")
    };
    let (paced, lasting) = (ports(GuardRule::Paced), ports(GuardRule::Lasting));
    let removed = ports(GuardRule::Removed);
    let mut rules = format!(
        "[rule.paced]\nevery = \"100ms\"\ndelete = \"{paced}\"\nrate = \"400/s\"\nmax = 100000\nssh-sessions = true\n\
         [rule.lasting]\nevery = \"100ms\"\ndelete = \"{lasting}\"\nmatched-for = \"100ms\"\nssh-sessions = true\n\
         [rule.bans]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n\
         [rule.removed]\nwhen = \"address-removed\"\ndelete = \"src $address and ( {removed} )\"\nssh-sessions = true\n"
    );
    if has_sets {
        rules += "[rule.set]\nwhen = \"set inet soak gue*\"\ndelete = \"dst $elements\"\n";
    }
    rules
}

/// Runs commands of `nft(8)` in this thread's namespace; returns false where they fail, or it is not there.
fn nft(commands: &str) -> bool {
    let output = Command::new("nft").arg(commands).output();
    output.is_ok_and(|output| output.status.success())
}

/// The rule whose looks are counted.
const CLOCK: GuardRule = GuardRule::Lasting;
/// The time between two events.
const TURN: Duration = Duration::from_millis(100);
/// The time in which the service ends, on a busy machine.
const MAX_END: Duration = Duration::from_secs(30);
