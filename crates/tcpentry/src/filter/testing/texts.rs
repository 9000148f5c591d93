//! Filters for tests: any that a text can give, and names for them that need no system.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroI32;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::super::expr::{Comparison, End, Expr, Term};
use super::super::expr::{all_of, any_of, negated};
use super::super::pattern::Pattern;
use super::super::prefix::Prefix;
use super::super::syntax::keywords::GROUPS;
use super::super::syntax::number::looks_like_number;
use super::super::{Filter, Names, PrefixSet};
use super::sockets::pid;
use crate::connection::endpoint::Interface;
use crate::connection::state::{State, States};
use crate::process::Process;

/// Names without a system. `no-...` is unknown; every other device, user and cgroup has a number.
pub(crate) struct FakeNames;

impl Names for FakeNames {
    fn service(&self, name: &str) -> Option<u16> {
        Some(match name {
            "ssh" => 22,
            "http" | "www" => 80,
            "https" => 443,
            "3com-tsmux" => 106,
            _ => return None,
        })
    }

    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let v4 = IpAddr::from([192, 0, 2, 1]);
        let v6 = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]);
        Ok(match host {
            // In a resolver's order, once for each type of socket.
            "both.example" => vec![v6, v4, v6, v4],
            "four.example" => vec![v4],
            "six.example" => vec![v6],
            "none.example" => Vec::new(),
            _ => {
                return Err(io::Error::other("Name or service not known"));
            }
        })
    }

    fn device(&self, name: &str) -> Option<Interface> {
        let index = number(name) % 1_000 + 1;
        Interface::new(index).filter(|_| !name.starts_with("no-"))
    }

    fn user(&self, name: &str) -> Option<u32> {
        let is_number = name.starts_with(|first: char| first.is_ascii_digit() || first == '-');
        (!name.starts_with("no-") && !is_number).then(|| number(name))
    }

    fn netns(&self, name: &str) -> io::Result<u64> {
        if name.starts_with("no-") {
            return Err(io::Error::other("no such network namespace"));
        }
        Ok(number(name).into())
    }

    fn process(&self, pid: i32) -> Option<Process> {
        Some(Process::hidden(NonZeroI32::new(pid)?))
    }

    fn cgroup(&self, path: &str) -> io::Result<u64> {
        if path.starts_with("/no-") {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(number(path).into())
    }

    fn set(&self, name: &str) -> Option<Arc<PrefixSet>> {
        self.set_names().contains(&name).then(|| set(name))
    }

    fn set_names(&self) -> Vec<&str> {
        SETS.to_vec()
    }
}

const SETS: [&str; 3] = ["bad", "spared", "no-one"];

/// Returns the set of this name.
fn set(name: &str) -> Arc<PrefixSet> {
    let list = match name {
        "bad" => "10.0.0.0/8\n2001:db8::/32\n192.0.2.7\n",
        "spared" => "10.1.0.0/16\n::1\n",
        _ => "",
    };
    Arc::new(PrefixSet::read(list.as_bytes()).unwrap())
}

/// Returns a number that is always the same for a name.
fn number(name: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    (hasher.finish() >> 32) as u32
}

/// Generates any filter that a text can give, with [`FakeNames`].
pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    (proptest::option::of(states()), proptest::option::of(expr()))
        .prop_filter("not empty", |(states, expr)| {
            states.is_some() || expr.is_some()
        })
        .prop_map(|(states, expr)| Filter { states, expr })
}

/// Generates any set of states that clauses can give.
pub(crate) fn states() -> impl Strategy<Value = States> {
    let state = (1..32_u8).prop_map(|number| States::NONE.with(State::from_kernel(number)));
    let group = select(&GROUPS[..]).prop_map(|(_, states)| states);
    let set = prop_oneof![2 => state, 1 => group];
    let set = proptest::collection::vec(set, 0..4);
    (set.clone(), set).prop_map(|(included, excluded)| {
        let union = |sets: Vec<States>| sets.into_iter().reduce(States::union);
        union(included)
            .unwrap_or(States::ALL_ACTIVE)
            .difference(union(excluded).unwrap_or(States::NONE))
    })
}

/// Generates any expression that a text can give, with [`FakeNames`].
pub(crate) fn expr() -> impl Strategy<Value = Expr> {
    term()
        .prop_map(Expr::Term)
        .prop_recursive(5, 24, 4, |inner| {
            let several = proptest::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                several.clone().prop_map(all_of),
                several.prop_map(any_of),
                inner.prop_map(negated),
            ]
        })
}

/// Generates any term that a text can give, with [`FakeNames`].
pub(crate) fn term() -> impl Strategy<Value = Term> {
    let port = || prop_oneof![select(&[0, 22, 80, 443, u16::MAX][..]), any::<u16>()];
    let host = (end(), network(), proptest::option::of(port()));
    let ports = (end(), comparison(), port());
    let device = prop_oneof![
        name().prop_filter_map("a device of a name", |name| {
            let interface = FakeNames.device(&name)?;
            (!looks_like_number(&name)).then_some((name, interface))
        }),
        (1..=u32::MAX).prop_map(|index| (index.to_string(), Interface::new(index).unwrap())),
    ];
    let user = prop_oneof![
        name().prop_filter_map("a user of a name", |name| {
            let uid = FakeNames.user(&name)?;
            (!looks_like_number(&name)).then_some((name, uid))
        }),
        any::<u32>().prop_map(|uid| (uid.to_string(), uid)),
    ];
    let cgroup = name().prop_filter_map("a cgroup", |path| {
        let id = FakeNames.cgroup(&path).ok()?;
        Some(Term::Cgroup { path, id })
    });
    let netns = name().prop_filter_map("a network namespace", |name| {
        let inode = FakeNames.netns(&name).ok()?;
        Some(Term::Netns { name, inode })
    });
    prop_oneof![
        6 => host.prop_map(|(end, network, port)| Term::Host { end, network, port }),
        6 => ports.prop_map(|(end, comparison, port)| Term::Port { end, comparison, port }),
        2 => (end(), select(&SETS[..])).prop_map(|(end, name)| Term::Set {
            end,
            name: name.to_owned(),
            set: set(name),
        }),
        1 => end().prop_map(|end| Term::Anything { end }),
        1 => device.prop_map(|(name, interface)| Term::Device { name, interface }),
        1 => mark().prop_map(|(value, mask)| Term::Mark { value, mask }),
        1 => cgroup,
        1 => Just(Term::Autobound),
        1 => (1..=i32::MAX).prop_map(pid),
        1 => name().prop_map(|name| Term::Process(Pattern::new(name))),
        1 => user.prop_map(|(name, uid)| Term::User { name, uid }),
        1 => plain().prop_map(Term::Unit),
        1 => netns,
        1 => name().prop_map(|name| Term::Container(Pattern::new(name))),
        1 => (comparison(), time()).prop_map(|(how, time)| Term::Idle(how, time)),
        1 => (comparison(), time()).prop_map(|(how, time)| Term::Rtt(how, time)),
        1 => (comparison(), count()).prop_map(|(how, count)| Term::Retransmits(how, count)),
        1 => (comparison(), count()).prop_map(|(how, size)| Term::SendQueue(how, size)),
        1 => (comparison(), count()).prop_map(|(how, size)| Term::ReceiveQueue(how, size)),
    ]
}

fn end() -> impl Strategy<Value = End> + Clone {
    select(&[End::Local, End::Peer, End::Either][..])
}

fn comparison() -> impl Strategy<Value = Comparison> + Clone {
    select(
        &[
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Equal,
            Comparison::GreaterOrEqual,
            Comparison::Greater,
        ][..],
    )
}

/// Generates prefixes of every length, also of mapped addresses.
fn network() -> impl Strategy<Value = Prefix> {
    let v4 = prop_oneof![Just(u32::from(Ipv4Addr::LOCALHOST)), any::<u32>()];
    let v6 = prop_oneof![
        Just(u128::from(Ipv6Addr::LOCALHOST)),
        any::<u32>().prop_map(|bits| u128::from(Ipv4Addr::from(bits).to_ipv6_mapped())),
        any::<u128>(),
    ];
    prop_oneof![
        (v4, 0..=32_u8)
            .prop_map(|(bits, length)| Prefix::masked(Ipv4Addr::from(bits).into(), length)),
        (v6, 0..=128_u8)
            .prop_map(|(bits, length)| Prefix::masked(Ipv6Addr::from(bits).into(), length)),
    ]
}

fn mark() -> impl Strategy<Value = (u32, u32)> {
    let mask = prop_oneof![Just(u32::MAX), Just(0xff), any::<u32>()];
    (any::<u32>(), mask)
}

fn time() -> impl Strategy<Value = Duration> {
    let unit = select(
        &[
            1,
            1_000,
            1_000_000,
            60_000_000,
            3_600_000_000,
            86_400_000_000_u64,
        ][..],
    );
    (0..1_000_u64, unit).prop_map(|(number, unit)| Duration::from_micros(number * unit))
}

fn count() -> impl Strategy<Value = u64> {
    let number = (0..5_000_u64, 0..4_u32).prop_map(|(number, power)| number << (10 * power));
    prop_oneof![number, any::<u64>()]
}

/// Generates names that are not patterns.
fn plain() -> impl Strategy<Value = String> {
    name().prop_map(|name| name.replace('*', "x"))
}

/// Generates names, plain and hostile.
fn name() -> impl Strategy<Value = String> {
    let odd = select(
        &[
            "and", "src", "gt", "state", "netns", "a b", "(x)", "a\"b c", "'", "*", "7", "'\"",
            r"\*", r"'\",
        ][..],
    );
    prop_oneof![
        4 => "[a-z/][a-z0-9@:._*/-]{0,11}",
        1 => odd.prop_map(str::to_owned),
        1 => "\\PC{1,8}",
        1 => "[ -~\u{1b}\n\u{a0}]{1,8}",
    ]
}
