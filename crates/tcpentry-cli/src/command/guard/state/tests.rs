//! The service on a clock of the test's: whole stories, as the loop would tell them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tcpentry::filter::Prefix;
use tcpentry::netns::{HostAddresses, NetnsId};
use tcpentry::watch::{SetName, TableFamily};
use tcpentry::{Connection, Cookie, Endpoint, Outcome, Pair, State};

use super::elements::Elements;
use super::{Done, Event, FoundConnection, Guard, LookFailure, LookResult, StateCommand};
use crate::args::pace::Rate;
use crate::command::bans::BanChange;
use crate::command::guard::rules::{NetnsScope, Rule, Rules, Trigger};

const SECOND: Duration = Duration::from_secs(1);

fn rule(name: &str, trigger: Trigger) -> Rule {
    Rule {
        name: name.to_owned(),
        trigger,
        delete: "state close-wait".to_owned(),
        except: None,
        netns: NetnsScope::Own,
        matched_for: None,
        max: None,
        rate: None,
        spread: None,
        enabled: true,
        dry_run: false,
        listeners: false,
        ssh_sessions: false,
        everything: false,
    }
}

fn connection(number: u16) -> Connection {
    let end = |address: [u8; 4], port| Endpoint::new(address.into(), port);
    let pair = Pair::new(end([192, 0, 2, 1], 80), end([198, 51, 100, 7], number)).unwrap();
    Connection::named(
        pair,
        Cookie::new(u64::from(number) + 1).unwrap(),
        State::CloseWait,
    )
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// The service with a worker that answers at once.
struct Story {
    guard: Guard,
    now: Instant,
    /// The connections that are there.
    there: Vec<u16>,
    deleted: Vec<u16>,
    /// The time of each deletion, from the beginning.
    times: Vec<Duration>,
    start: Instant,
    log: Vec<String>,
    /// Prefixes that each look was about.
    looks: Vec<Vec<String>>,
    /// The number of looks that are over.
    forgotten: usize,
    /// Looks fail.
    fails: Option<LookFailure>,
}

impl Story {
    fn of(rules: Vec<Rule>) -> Self {
        let now = Instant::now();
        let rules = Rules {
            rules,
            never: ["203.0.113.5".parse().unwrap()].into_iter().collect(),
            metrics: None,
        };
        Self {
            guard: Guard::new(rules, HostAddresses::default(), false, now),
            now,
            there: Vec::new(),
            deleted: Vec::new(),
            times: Vec::new(),
            start: now,
            log: Vec::new(),
            looks: Vec::new(),
            forgotten: 0,
            fails: None,
        }
    }

    fn event(&mut self, event: Event) {
        self.guard.apply(event, self.now);
        self.settle();
    }

    /// Does all that is to be done now.
    fn settle(&mut self) {
        loop {
            let commands = self.guard.commands(self.now);
            let mut events = Vec::new();
            for command in commands {
                events.extend(self.work(command));
            }
            if events.is_empty() {
                return;
            }
            for event in events {
                self.guard.apply(event, self.now);
            }
        }
    }

    fn work(&mut self, command: StateCommand) -> Option<Event> {
        let netns = NetnsId::Cookie(1);
        match command {
            StateCommand::Look {
                id, round, sets, ..
            } => {
                let brought = sets.values().flat_map(|set| set.iter());
                self.looks.push(brought.map(|it| it.to_string()).collect());
                let found = self.there.iter().map(|number| FoundConnection {
                    netns,
                    connection: connection(*number),
                });
                let looked = LookResult {
                    found: found.collect(),
                    ..LookResult::default()
                };
                let looked = self.fails.clone().map_or(Ok(looked), Err);
                Some(Event::Looked { id, round, looked })
            }
            StateCommand::Delete {
                id,
                round,
                these,
                is_dry_run,
            } => {
                let mut done = Vec::new();
                for one in these {
                    let number = one.connection.peer().port();
                    let at = self.there.iter().position(|it| *it == number);
                    let outcome = if at.is_some() {
                        Outcome::Deleted
                    } else {
                        Outcome::Gone
                    };
                    if let Some(at) = at.filter(|_| !is_dry_run) {
                        self.there.swap_remove(at);
                        self.deleted.push(number);
                        self.times.push(self.now - self.start);
                    }
                    done.push(Done {
                        netns,
                        connection: one.connection,
                        outcome,
                        errno: None,
                        identity: String::new(),
                        cause: None,
                        subflows: Vec::new(),
                        place: None,
                    });
                }
                Some(Event::Done {
                    id,
                    round,
                    rule: "rule".to_owned(),
                    is_dry_run,
                    done,
                })
            }
            StateCommand::Forget { .. } => {
                self.forgotten += 1;
                None
            }
            StateCommand::Log(entry) => {
                self.log.push(entry.text);
                None
            }
        }
    }

    /// Lets time go by, from one time at which something is due to the next.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(due) = self.guard.next_due(self.now).filter(|due| *due <= end) {
            assert!(due >= self.now);
            self.now = due;
            let before = (self.looks.len(), self.deleted.len(), self.there.len());
            self.settle();
            let after = (self.looks.len(), self.deleted.len(), self.there.len());
            assert!(
                before != after
                    || self
                        .guard
                        .next_due(self.now)
                        .is_none_or(|due| due > self.now),
                "it does not spin"
            );
        }
        self.now = end;
    }
}

#[test]
fn only_what_has_matched_in_every_look_for_long_enough_is_deleted() {
    let mut leak = rule("leak", Trigger::Every(SECOND * 30));
    leak.matched_for = Some(SECOND * 60);
    let mut story = Story::of(vec![leak]);
    story.there = vec![1, 2];
    story.pass(SECOND * 45);
    // The second one works for a while, and leaks again.
    story.there = vec![1];
    story.pass(SECOND * 30);
    assert_eq!(story.deleted, [1], "{:?}", story.times);
    assert_eq!(story.times, [SECOND * 60]);
    story.there = vec![2];
    story.pass(SECOND * 60);
    assert_eq!(story.deleted, [1]);
    story.pass(SECOND * 30);
    assert_eq!(story.deleted, [1, 2]);
}

#[test]
fn the_fuse_deletes_nothing_and_the_next_look_looks_again() {
    let mut leak = rule("leak", Trigger::Every(SECOND * 30));
    leak.max = Some(2);
    let mut story = Story::of(vec![leak]);
    story.there = vec![1, 2, 3];
    story.pass(SECOND * 31);
    assert!(story.deleted.is_empty());
    assert_eq!(story.guard.states()[0].counts.fuse_blown, 2);
    assert!(
        story.log[0].contains("3 connections match, more than max = 2"),
        "{:?}",
        story.log
    );
    story.there = vec![1, 2];
    story.pass(SECOND * 30);
    assert_eq!(story.deleted.len(), 2);
}

#[test]
fn a_rate_is_kept_and_what_has_ended_takes_nobodys_time() {
    let mut leak = rule("leak", Trigger::Every(SECOND * 600));
    leak.rate = Some(Rate {
        count: 1,
        period: SECOND,
    });
    let mut story = Story::of(vec![leak]);
    story.there = (1..=10).collect();
    story.settle();
    assert_eq!(story.deleted.len(), 1);
    // Half of them end by themselves.
    story.there.retain(|number| number % 2 == 0);
    let left = story.there.len();
    story.pass(SECOND * 60);
    assert_eq!(story.deleted.len(), 1 + left);
    let gaps = story
        .times
        .windows(2)
        .map(|two| two[1].saturating_sub(two[0]));
    assert!(gaps.min().unwrap() >= SECOND);
    assert!(
        *story.times.last().unwrap() < SECOND * 8,
        "{:?}",
        story.times
    );
}

fn of_set() -> (Rule, SetName) {
    let trigger = Trigger::Set {
        family: TableFamily::Inet,
        table: "f2b-table".to_owned(),
        set: "addr*-set-*".to_owned(),
    };
    let key = SetName::new(TableFamily::Inet, "f2b-table", "addr-set-sshd");
    (rule("banned", trigger), key)
}

#[test]
fn an_element_is_looked_for_once_however_often_it_is_announced() {
    let (banned, key) = of_set();
    let mut story = Story::of(vec![banned]);
    let other = SetName::new(TableFamily::Inet, "f2b-table", "other");
    story.event(Event::Elements(other, vec![(prefix("192.0.2.9"), None)]));
    assert!(story.looks.is_empty());
    let added = vec![(prefix("192.0.2.7"), Some(SECOND * 10))];
    story.event(Event::Elements(key.clone(), added.clone()));
    story.event(Event::Elements(key.clone(), added.clone()));
    story.event(Event::SetRead(key.clone(), added.clone()));
    assert_eq!(story.looks, [["192.0.2.7"]]);
    // It is another ban once the first one has expired.
    story.pass(SECOND * 11);
    story.event(Event::Elements(key.clone(), added));
    assert_eq!(story.looks.len(), 2);
    // After a reload of the firewall the whole set is there again.
    let all = vec![(prefix("192.0.2.7"), None), (prefix("192.0.2.8"), None)];
    story.event(Event::SetRead(key, all));
    assert_eq!(story.looks[2..], [["192.0.2.8"]]);
}

#[test]
fn what_is_never_taken_is_not_looked_for() {
    let (banned, key) = of_set();
    let mut story = Story::of(vec![banned]);
    let added = ["0.0.0.0/0", "127.0.0.1", "203.0.113.5", "203.0.113.4/31"];
    let added = added.map(|it| (prefix(it), None)).to_vec();
    story.event(Event::Elements(key, added));
    assert_eq!(story.looks, [["203.0.113.4"]]);
    assert_eq!(
        story
            .log
            .iter()
            .filter(|it| it.starts_with("not taken: "))
            .count(),
        3,
        "{:?}",
        story.log
    );
}

#[test]
fn thousands_that_come_together_are_one_look() {
    let (banned, key) = of_set();
    let mut story = Story::of(vec![banned]);
    for number in 0..60_000_u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
        let added = vec![(Prefix::from(std::net::IpAddr::from(address)), None)];
        story
            .guard
            .apply(Event::Elements(key.clone(), added), story.now);
    }
    story.settle();
    assert_eq!(story.looks.len(), 1);
    assert_eq!(story.looks[0].len(), 60_000);
}

#[test]
fn an_address_is_that_of_the_devices_that_are_meant() {
    let any = rule("any", Trigger::AddressRemoved { device: None });
    let some = rule(
        "some",
        Trigger::AddressRemoved {
            device: Some("eth*".to_owned()),
        },
    );
    let mut story = Story::of(vec![any, some]);
    let removed = |device: &str| {
        Event::AddressesRemoved(vec![("192.0.2.1".parse().unwrap(), device.to_owned())])
    };
    story.event(removed("wlan0"));
    assert_eq!(story.looks.len(), 1);
    story.event(removed("eth1"));
    assert_eq!(story.looks.len(), 3);
    story.event(Event::AddressesMissing(vec!["192.0.2.1".parse().unwrap()]));
    assert_eq!(story.looks.len(), 4);
}

/// Returns the event that these addresses leave a device.
fn leaving(addresses: &[&str]) -> Event {
    Event::AddressesLeaving(of_device(addresses))
}

fn removed(addresses: &[&str]) -> Event {
    Event::AddressesRemoved(of_device(addresses))
}

fn stayed(addresses: &[&str]) -> Event {
    Event::AddressesStayed(addresses.iter().map(|it| it.parse().unwrap()).collect())
}

fn of_device(addresses: &[&str]) -> Vec<(std::net::IpAddr, String)> {
    let addresses = addresses.iter();
    addresses
        .map(|it| (it.parse().unwrap(), "eth0".to_owned()))
        .collect()
}

fn story_of_addresses(max: Option<u64>) -> Story {
    let mut rule = rule("left", Trigger::AddressRemoved { device: None });
    rule.max = max;
    let mut story = Story::of(vec![rule]);
    story.there = vec![1, 2];
    story
}

#[test]
fn an_address_that_was_found_to_be_missing_while_it_leaves_has_left() {
    let mut story = story_of_addresses(None);
    story.event(leaving(&["192.0.2.1"]));
    assert_eq!(story.looks.len(), 1);
    story.event(Event::AddressesMissing(vec!["192.0.2.1".parse().unwrap()]));
    assert_eq!(story.deleted, [1, 2]);
    // The rule goes on.
    story.event(removed(&["192.0.2.7"]));
    assert_eq!(story.looks.len(), 2);
}

#[test]
fn an_address_that_leaves_is_looked_for_at_once_and_ends_nothing_before_that_is_certain() {
    let mut story = story_of_addresses(None);
    story.event(leaving(&["192.0.2.1"]));
    assert_eq!((story.looks.len(), story.deleted.len()), (1, 0));
    assert_eq!(story.guard.states()[0].counts.matched, 0);
    story.event(removed(&["192.0.2.1"]));
    // That look is enough.
    assert_eq!((story.looks.len(), story.deleted.len()), (1, 2));
    assert_eq!(story.forgotten, 1);
    story.event(removed(&["192.0.2.1"]));
    assert_eq!(story.looks.len(), 2);
}

#[test]
fn an_address_that_stays_ends_nothing_and_is_not_spoken_of() {
    // Neither is the fuse, by what an address has that is still here.
    let mut story = story_of_addresses(Some(1));
    story.event(leaving(&["192.0.2.1"]));
    story.event(stayed(&["192.0.2.1"]));
    assert_eq!((story.deleted.len(), story.forgotten), (0, 1));
    assert_eq!(story.log, [""; 0]);
    assert_eq!(story.guard.states()[0].counts.looks, 0);
    assert!(story.guard.states()[0].last_event.is_none());
    // It is not taken for the next.
    story.event(removed(&["192.0.2.1"]));
    assert_eq!(story.guard.states()[0].counts.fuse_blown, 1);
}

#[test]
fn of_two_that_leave_only_the_one_that_stays_away_counts() {
    let mut story = story_of_addresses(None);
    story.event(leaving(&["192.0.2.1", "192.0.2.2"]));
    story.event(stayed(&["192.0.2.2"]));
    assert_eq!((story.looks.len(), story.deleted.len()), (1, 0));
    story.event(removed(&["192.0.2.1"]));
    assert_eq!(story.looks[1], ["192.0.2.1"]);
    assert_eq!(story.deleted.len(), 2);
}

#[test]
fn one_that_was_back_meanwhile_is_looked_for_again() {
    let mut story = story_of_addresses(None);
    story.event(leaving(&["192.0.2.1"]));
    story.there.push(3);
    story.event(leaving(&["192.0.2.1"]));
    story.event(removed(&["192.0.2.1"]));
    assert_eq!(story.deleted.len(), 3);
}

/// The address is back after it was certain that it had left, and before the look is over.
#[test]
fn one_that_comes_back_during_the_look_ends_nothing() {
    let mut story = story_of_addresses(None);
    let now = story.now;
    story.guard.apply(leaving(&["192.0.2.1"]), now);
    let look = story.guard.commands(now).pop().unwrap();
    story.guard.apply(removed(&["192.0.2.1"]), now);
    // As the addresses of the host are never taken, nor are these.
    let rules = Rules {
        rules: vec![rule("left", Trigger::AddressRemoved { device: None })],
        never: [prefix("192.0.2.1")].into_iter().collect(),
        metrics: None,
    };
    story.guard.reload(rules, now);
    let looked = story.work(look).unwrap();
    story.event(looked);
    assert_eq!((story.deleted.len(), story.forgotten), (0, 1));
}

#[test]
fn a_look_that_fails_in_advance_is_made_again() {
    let mut story = story_of_addresses(None);
    story.fails = Some(LookFailure {
        reason: "no memory".to_owned(),
        may_pass: true,
    });
    story.event(leaving(&["192.0.2.1"]));
    assert_eq!(story.log, [""; 0]);
    story.event(removed(&["192.0.2.1"]));
    assert_eq!(story.log, ["no memory"]);
    story.fails = None;
    story.pass(SECOND * 2);
    assert_eq!(story.deleted.len(), 2);
}

#[test]
fn a_pause_also_holds_what_was_found_in_advance() {
    let mut story = story_of_addresses(None);
    story.event(leaving(&["192.0.2.1"]));
    story.guard.pause(None, true);
    story.event(removed(&["192.0.2.1"]));
    assert_eq!(story.deleted.len(), 0);
}

#[test]
fn bans_come_and_go_and_expire() {
    let mut story = Story::of(vec![rule("bans", Trigger::Ban)]);
    let add = |text: &str, seconds: u32| BanChange::Add(prefix(text), Some(SECOND * seconds));
    story.event(Event::Bans(vec![
        add("192.0.2.1", 60),
        add("192.0.2.0/28", 10),
        add("192.0.2.1", 60),
    ]));
    assert_eq!(story.looks.len(), 1);
    assert_eq!(story.looks[0].len(), 2);
    story.pass(SECOND * 11);
    story.settle();
    assert_eq!(story.guard.states()[0].bans.len(), 1);
    story.event(Event::Bans(vec![
        BanChange::Del(prefix("192.0.2.1")),
        add("192.0.2.1", 60),
    ]));
    assert_eq!(story.looks.len(), 2);
    // Who bans again means what has come since; a reload does not.
    story.event(Event::Bans(vec![add("192.0.2.1", 60)]));
    assert_eq!(story.looks.len(), 3);
    let known = vec![(prefix("192.0.2.1"), Some(SECOND * 60))];
    story.event(Event::KnownBans(known));
    assert_eq!(story.looks.len(), 3);
    story.event(Event::KnownBans(vec![(prefix("192.0.2.9"), None)]));
    assert_eq!(story.looks.len(), 4);
    story.event(Event::Bans(vec![BanChange::Flush]));
    assert_eq!(story.guard.states()[0].bans.len(), 0);
}

#[test]
fn what_expires_or_is_taken_back_while_it_waits_is_not_looked_for() {
    let (banned, key) = of_set();
    let mut story = Story::of(vec![rule("bans", Trigger::Ban), banned]);
    assert!(story.guard.pause(None, true));
    let second = Some(SECOND);
    story.event(Event::Bans(vec![
        BanChange::Add(prefix("192.0.2.1"), second),
        BanChange::Add(prefix("192.0.2.2"), None),
        BanChange::Add(prefix("203.0.113.4/31"), None),
    ]));
    let added = vec![(prefix("192.0.2.3"), second), (prefix("192.0.2.4"), None)];
    story.event(Event::Elements(key.clone(), added));
    story.event(Event::Bans(vec![BanChange::Del(prefix("192.0.2.2"))]));
    story.pass(SECOND * 2);
    story.guard.pause(None, false);
    story.settle();
    // A part that was taken of a prefix stands as long as that.
    assert_eq!(story.looks, [["203.0.113.4"], ["192.0.2.4"]]);
}

#[test]
fn what_is_taken_back_stops_the_rest_of_a_paced_round() {
    let peer = prefix("198.51.100.7");
    for takes_back in ["del", "flush", "expiry", "never"] {
        let mut bans = rule("bans", Trigger::Ban);
        bans.rate = Some(Rate {
            count: 1,
            period: SECOND,
        });
        let mut story = Story::of(vec![bans.clone()]);
        story.there = (1..=10).collect();
        let lasts = (takes_back == "expiry").then_some(SECOND * 3 + SECOND / 2);
        story.event(Event::Bans(vec![BanChange::Add(peer, lasts)]));
        story.pass(SECOND * 3 + SECOND / 4);
        let deleted = story.deleted.len();
        assert!((3..=4).contains(&deleted), "{takes_back}: {deleted}");
        match takes_back {
            "del" => story.event(Event::Bans(vec![BanChange::Del(peer)])),
            "flush" => story.event(Event::Bans(vec![BanChange::Flush])),
            "never" => {
                let rules = Rules {
                    rules: vec![bans],
                    never: [peer].into_iter().collect(),
                    metrics: None,
                };
                story.guard.reload(rules, story.now);
            }
            _ => {}
        }
        story.pass(SECOND * 30);
        assert_eq!(story.deleted.len(), deleted, "{takes_back}");
        let left = format!(
            "no longer named: {} of this round are left alone",
            10 - deleted
        );
        assert!(story.log.contains(&left), "{takes_back}: {:?}", story.log);
    }
}

#[test]
fn who_pauses_stops_the_rest_and_who_resumes_gets_what_has_come_meanwhile() {
    let (mut banned, key) = of_set();
    banned.rate = Some(Rate {
        count: 1,
        period: SECOND,
    });
    let mut story = Story::of(vec![banned]);
    story.there = (1..=10).collect();
    story.event(Event::Elements(
        key.clone(),
        vec![(prefix("192.0.2.1"), None)],
    ));
    story.pass(SECOND * 3);
    let deleted = story.deleted.len();
    assert!((3..=4).contains(&deleted), "{deleted}");
    assert!(story.guard.pause(Some("banned"), true));
    assert!(!story.guard.pause(Some("none"), true));
    story.pass(SECOND * 10);
    story.event(Event::Elements(key, vec![(prefix("192.0.2.2"), None)]));
    story.pass(SECOND * 10);
    assert_eq!(story.deleted.len(), deleted);
    story.guard.pause(Some("banned"), false);
    story.pass(SECOND * 20);
    assert_eq!(story.deleted.len(), 10);
    assert_eq!(story.looks.len(), 2);
}

#[test]
fn what_a_rule_knows_survives_a_reload_and_another_rule_begins_anew() {
    let mut leak = rule("leak", Trigger::Every(SECOND * 30));
    leak.matched_for = Some(SECOND * 60);
    let mut story = Story::of(vec![leak.clone(), rule("bans", Trigger::Ban)]);
    story.event(Event::Bans(vec![BanChange::Add(prefix("192.0.2.1"), None)]));
    story.there = vec![1];
    story.pass(SECOND * 45);
    leak.max = Some(5);
    let rules = |rules| Rules {
        rules,
        ..Rules::default()
    };
    story.guard.reload(
        rules(vec![rule("bans", Trigger::Ban), leak.clone()]),
        story.now,
    );
    assert_eq!(story.guard.states()[0].bans.len(), 1);
    // It was there in the looks at 30, 60 and 90 seconds.
    story.pass(SECOND * 45);
    assert_eq!(story.times, [SECOND * 90]);
    // A rule that looks at something else has not seen anything.
    leak.delete = "state last-ack".to_owned();
    story.there = vec![2];
    story.guard.reload(rules(vec![leak]), story.now);
    story.pass(SECOND * 59);
    assert_eq!(story.deleted, [1]);
    story.pass(SECOND * 2);
    assert_eq!(story.deleted, [1, 2]);
}

#[test]
fn an_answer_about_a_rule_that_is_no_more_is_logged() {
    let mut story = Story::of(vec![rule("leak", Trigger::Every(SECOND * 30))]);
    story.there = vec![1];
    let look = story.guard.commands(story.now).remove(0);
    let looked = story.work(look).unwrap();
    story.guard.apply(looked, story.now);
    let delete = story.guard.commands(story.now).remove(0);
    story.guard.reload(Rules::default(), story.now);
    let done = story.work(delete).unwrap();
    story.event(done);
    assert!(
        story.log[0].starts_with("deleted: 192.0.2.1:80"),
        "{:?}",
        story.log
    );
}

#[test]
fn what_an_event_has_brought_is_looked_for_again_where_the_look_failed() {
    let (banned, key) = of_set();
    let mut story = Story::of(vec![banned]);
    let failure = |may_pass| LookFailure {
        reason: "no descriptors are left".to_owned(),
        may_pass,
    };
    story.fails = Some(failure(true));
    let added = |text| vec![(prefix(text), None)];
    story.event(Event::Elements(key.clone(), added("192.0.2.7")));
    story.pass(SECOND * 5);
    story.event(Event::Elements(key.clone(), added("192.0.2.8")));
    assert_eq!(story.looks.len(), 6, "once a second");
    assert_eq!(story.log, ["no descriptors are left"], "said once");
    story.fails = None;
    story.there = vec![1];
    story.pass(SECOND);
    story.looks[6].sort();
    assert_eq!(story.looks[6], ["192.0.2.7", "192.0.2.8"]);
    assert_eq!(story.deleted, [1]);
    // What will fail again is not tried again.
    story.fails = Some(failure(false));
    story.event(Event::Elements(key, added("192.0.2.9")));
    story.pass(SECOND * 5);
    assert_eq!(story.looks.len(), 8);
}

#[test]
fn a_dry_run_deletes_nothing_and_says_so() {
    let mut leak = rule("leak", Trigger::Every(SECOND * 30));
    leak.dry_run = true;
    let mut story = Story::of(vec![leak]);
    story.there = vec![1];
    story.settle();
    assert!(story.deleted.is_empty());
    assert!(
        story.log[0].starts_with("would be deleted: "),
        "{:?}",
        story.log
    );
}

#[test]
fn a_name_without_an_address_is_said_once_until_it_has_one() {
    let trigger = Trigger::NameChanged {
        name: "db".to_owned(),
        absent_for: SECOND,
    };
    let mut story = Story::of(vec![rule("moved", trigger)]);
    let said = "db has no address now: until it has one, none is former";
    for (addresses, times) in [("", 1), ("", 1), ("192.0.2.1", 1), ("", 2), ("", 2)] {
        let addresses = addresses.parse().into_iter().collect();
        story.event(Event::Name("db".to_owned(), addresses));
        assert_eq!(story.log, vec![said; times]);
    }
}

#[test]
fn two_weeks_leave_no_more_than_a_day() {
    let (banned, key) = of_set();
    let mut leak = rule("leak", Trigger::Every(SECOND * 30));
    leak.matched_for = Some(SECOND * 60);
    let moved = Trigger::NameChanged {
        name: "db".to_owned(),
        absent_for: SECOND * 600,
    };
    let mut story = Story::of(vec![
        banned,
        leak,
        rule("moved", moved),
        rule("bans", Trigger::Ban),
    ]);
    for minute in 0..14 * 24 * 60_u32 {
        let number = u16::try_from(minute % 60_000).unwrap();
        // A leak a minute, and another ban and another address of a name with it.
        story.there.push(number);
        let address = std::net::IpAddr::from(std::net::Ipv4Addr::from_bits(0x0a00_0000 + minute));
        story.event(Event::Elements(
            key.clone(),
            vec![(address.into(), Some(SECOND * 600))],
        ));
        story.event(Event::Bans(vec![BanChange::Add(
            address.into(),
            Some(SECOND * 600),
        )]));
        story.event(Event::Name("db".to_owned(), vec![address]));
        story.pass(SECOND * 60);
        story.log.clear();
        story.looks.clear();
    }
    let states = story.guard.states();
    assert!(states[0].sets.values().map(Elements::len).sum::<usize>() <= 11);
    assert!(states[3].bans.len() <= 11);
    assert!(states[1].matched_count() <= 4);
    assert!(states[2].name.as_ref().unwrap().len() <= 15);
    let distinct: HashSet<_> = story.deleted.iter().collect();
    assert!(distinct.len() > 19_000);
}

#[test]
fn a_look_is_forgotten_whatever_comes_of_it() {
    let mut leak = rule("leak", Trigger::Every(SECOND));
    leak.max = Some(1);
    let mut story = Story::of(vec![leak]);
    for there in [vec![], vec![1, 2, 3], vec![1]] {
        story.there = there;
        story.pass(SECOND);
    }
    assert!(story.looks.len() >= 3);
    assert_eq!(story.forgotten, story.looks.len());
    // So is that of a rule which a reload takes away.
    story.guard.apply(
        Event::Bans(vec![BanChange::Add(prefix("192.0.2.7"), None)]),
        story.now,
    );
    story.guard.reload(Rules::default(), story.now);
    story.settle();
    assert_eq!(story.forgotten, story.looks.len() + 1);
}

#[test]
fn what_is_taken_back_before_a_look_is_not_looked_for() {
    let mut story = Story::of(vec![rule("bans", Trigger::Ban)]);
    story.guard.pause(None, true);
    let add = |it: &str| BanChange::Add(prefix(it), None);
    story.event(Event::Bans(vec![add("192.0.2.7"), add("192.0.2.8")]));
    story.event(Event::Bans(vec![BanChange::Del(prefix("192.0.2.7"))]));
    story.guard.pause(None, false);
    story.settle();
    assert_eq!(story.looks, [["192.0.2.8"]]);
    story.event(Event::Bans(vec![add("192.0.2.9"), BanChange::Flush]));
    assert_eq!(story.looks.len(), 1);
}

#[test]
fn time_in_which_nothing_was_looked_at_is_no_time_of_matching() {
    let mut leak = rule("leak", Trigger::Every(SECOND * 10));
    leak.matched_for = Some(SECOND * 60);
    let mut story = Story::of(vec![leak]);
    story.there = vec![1];
    story.pass(SECOND * 5);
    story.guard.pause(Some("leak"), true);
    story.pass(SECOND * 600);
    story.guard.pause(Some("leak"), false);
    story.pass(SECOND * 50);
    assert!(story.deleted.is_empty(), "{:?}", story.times);
    story.pass(SECOND * 20);
    assert_eq!(story.deleted, [1]);
}

#[test]
fn a_rule_that_is_enabled_by_a_reload_takes_what_is_there() {
    let (banned, key) = of_set();
    let with = |enabled| Rules {
        rules: vec![Rule {
            enabled,
            ..banned.clone()
        }],
        ..Rules::default()
    };
    let mut story = Story::of(with(true).rules);
    let all = vec![(prefix("192.0.2.7"), None)];
    story.event(Event::SetRead(key.clone(), all.clone()));
    for enabled in [true, false, true] {
        story.guard.reload(with(enabled), story.now);
        story.event(Event::SetRead(key.clone(), all.clone()));
    }
    assert_eq!(story.looks, [["192.0.2.7"], ["192.0.2.7"]]);
}
