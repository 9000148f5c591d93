//! `tcpentry list FILTER` beside `ss FILTER`: the same sockets, but for what is listed as a difference.

mod differences;
pub(crate) mod filters;
mod table;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tcpentry_testkit::cgroup::Cgroup;
use tcpentry_testkit::varied::Varied;
use tcpentry_testkit::{isolated, skip};

use crate::util::{Run, program};
use differences::{DIFFERENCES, Side};
use filters::{Filter, Maker};
use table::Table;

#[test]
fn the_same_filter_selects_the_same_sockets() {
    isolated(|| {
        let Some(version) = version() else {
            skip!("ss is not installed");
        };
        let seed = seed();
        let varied = Varied::seeded(3000, seed);
        let cgroups: Vec<_> = varied.cgroups().iter().map(folder).collect();
        let filters = Maker::new(seed, &cgroups).filters(FILTERS);
        let table = Table::read();
        let comparison = Comparison::new(&table);
        thread::scope(|scope| {
            for part in filters.chunks(filters.len().div_ceil(THREADS)) {
                let comparison = &comparison;
                scope.spawn(move || part.iter().for_each(|filter| comparison.of(filter, seed)));
            }
        });
        comparison.assert_it_meant_something(filters.len());
        // Another one may have mended some.
        if version.contains("iproute2-6.1.") && !cgroups.is_empty() {
            comparison.assert_each_difference_was_met();
        }
    });
}

/// Filters that `ss` takes and tcpentry does not, and its error. [`DIFFERENCES`] has what both take.
const REFUSED: [(&str, &str); 20] = [
    ("src 2001:db8::/32", "an IPv6 address needs brackets"),
    ("src 10", "is only part of an address"),
    ("src 127.1", "is only part of an address"),
    ("src 010.0.0.1", "is not an IPv4 address"),
    ("src any", "is not an address"),
    ("src all", "is not an address"),
    ("src default", "is not an address"),
    ("src 10.0.0.1:", "expected a port after `:`"),
    ("src :", "expected a port after `:`"),
    ("dport :", "expected a port after `:`"),
    ("sport = :0120", "begins with 0, which may mean octal"),
    ("sport = :70000", "is too large: at most 65535"),
    // To ss it is port 4464.
    ("sport ge :70000", "is too large: at most 65535"),
    ("sport ge :*", "`*` is any port"),
    ("fwmark = 010", "begins with 0, which may mean octal"),
    ("fwmark = 0x100000000", "is too large"),
    ("dev 0", "no device has the index 0"),
    ("dev 00", "begins with 0, which may mean octal"),
    ("src unix:/x", "is not TCP"),
    (
        r"src 10.0.0.1\:80",
        "is neither an address nor the name of a host",
    ),
];

#[test]
fn what_only_ss_takes_is_refused() {
    isolated(|| {
        if version().is_none() {
            skip!("ss is not installed");
        }
        for (filter, reason) in REFUSED {
            let words: Vec<_> = filter.split(' ').collect();
            let by_ss = Command::new("ss").arg("-tn").args(&words).output();
            assert!(by_ss.unwrap().status.success(), "{filter}");
            let refused: Run = program().arg("list").args(&words).output().unwrap().into();
            assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{filter}");
            assert!(refused.err.contains(reason), "{filter}: {}", refused.err);
        }
    });
}

#[test]
fn what_is_mixed_is_refused_and_the_reading_that_is_said_to_be_that_of_ss_is_it() {
    isolated(|| {
        if version().is_none() {
            skip!("ss is not installed");
        }
        let _varied = Varied::make(500);
        for filter in [
            "sport = :80 or sport = :443 dst 10/8",
            "sport = :80 dst 10/8 or sport = :443",
            "not sport = :80 or dst 10/8 and not sport = :443 or dport = :22",
            "dst 10/8 or ( sport = :22 or sport = :80 ) sport ge :80",
        ] {
            let words: Vec<_> = filter.split(' ').collect();
            let refused: Run = program().args(&words).output().unwrap().into();
            assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{filter}");
            let (_, reading) = refused
                .err
                .split_once("ss")
                .expect("it says how ss reads it");
            let (_, reading) = reading.split_once('`').expect("it shows the reading");
            let (reading, _) = reading.split_once('`').expect("it shows all of it");
            let reading: Vec<_> = reading.split(' ').collect();
            assert_eq!(by_ss(&words), by_us(&[], &reading), "{filter}: {reading:?}");
        }
    });
}

const FILTERS: usize = 400;
/// The number of threads; CI has a processor for each.
const THREADS: usize = 2;

/// Returns the seed: always this one, unless another is given to search for more.
fn seed() -> u64 {
    std::env::var("TCPENTRY_TEST_SEED").map_or(1, |seed| seed.parse().unwrap())
}

/// Returns the version of `ss`, as `ss utility, iproute2-6.1.0`; `None` where there is no `ss`.
fn version() -> Option<String> {
    let said: Run = Command::new("ss").arg("-V").output().ok()?.into();
    Some(said.out)
}

fn folder(cgroup: &Cgroup) -> String {
    cgroup.folder().to_str().unwrap().to_owned()
}

/// Returns the cookies of what `ss` selects.
fn by_ss(words: &[&str]) -> BTreeSet<String> {
    let done: Run = Command::new("ss")
        .args(["-tnHeO"])
        .args(words)
        .output()
        .unwrap()
        .into();
    assert_eq!((done.code, done.err.as_str()), (0, ""), "ss {words:?}");
    done.out.lines().map(table::cookie).collect()
}

/// Returns the cookies of what `tcpentry` selects.
fn by_us(options: &[&str], words: &[&str]) -> BTreeSet<String> {
    let done: Run = program()
        .args(["list", "--id", "--no-header"])
        .args(options)
        .args(words)
        .output()
        .unwrap()
        .into();
    // Where only listeners match, that is said.
    let is_fine = done.err.is_empty() || done.err.contains("; use -l to list ");
    assert!(done.code == 0 && is_fine, "{words:?}: {}", done.err);
    let cookie = |line: &str| line.split('/').nth(3).unwrap().to_owned();
    done.out.lines().map(cookie).collect()
}

struct Comparison<'t> {
    table: &'t Table,
    /// The number of times that each of the differences was met.
    met: Vec<AtomicUsize>,
    /// The number of filters that select some sockets, and not all.
    divide: AtomicUsize,
}

impl<'t> Comparison<'t> {
    fn new(table: &'t Table) -> Self {
        Self {
            table,
            met: DIFFERENCES.iter().map(|_| AtomicUsize::new(0)).collect(),
            divide: AtomicUsize::new(0),
        }
    }

    fn of(&self, filter: &Filter, seed: u64) {
        // A socket that came into another state between the two shows a difference once.
        for _ in 0..2 {
            if self.differing(filter).is_empty() {
                return;
            }
        }
        let differing = self.differing(filter);
        let listed: Vec<_> = differing.iter().take(10).collect();
        assert!(
            differing.is_empty(),
            "seed {seed}: {filter}\n{} sockets differ: {listed:#?}",
            differing.len()
        );
    }

    /// Returns the sockets that only one of them selects for no listed reason.
    fn differing(&self, filter: &Filter) -> Vec<(Side, &table::Socket)> {
        let (theirs, ours) = (filter.words(), filter.words_of_ours());
        let words = |words: &'static str| words.split_whitespace();
        let option: Vec<_> = words(filter.option).collect();
        let with_option: Vec<_> = option.iter().copied().chain(borrowed(&theirs)).collect();
        let theirs = by_ss(&with_option);
        let ours = by_us(&option, &borrowed(&ours).collect::<Vec<_>>());

        let selected = ours.intersection(&theirs).count();
        if (1..self.table.sockets.len()).contains(&selected) {
            self.divide.fetch_add(1, Ordering::Relaxed);
        }
        let only_ss = theirs.difference(&ours).map(|cookie| (Side::Ss, cookie));
        let only_us = ours.difference(&theirs).map(|cookie| (Side::Us, cookie));
        only_ss
            .chain(only_us)
            // What is bound and nothing else is not in the tables of every ss.
            .filter_map(|(side, cookie)| Some((side, self.table.sockets.get(cookie)?)))
            .filter(|(side, socket)| !self.is_listed(filter, socket, *side))
            .collect()
    }

    fn is_listed(&self, filter: &Filter, socket: &table::Socket, side: Side) -> bool {
        let mut found = false;
        for (difference, met) in DIFFERENCES.iter().zip(&self.met) {
            if (difference.explains)(filter, socket, side) {
                met.fetch_add(1, Ordering::Relaxed);
                found = true;
            }
        }
        found
    }

    fn assert_it_meant_something(&self, filters: usize) {
        let divide = self.divide.load(Ordering::Relaxed);
        assert!(divide > filters / 2, "only {divide} select a part");
    }

    fn assert_each_difference_was_met(&self) {
        for (difference, met) in DIFFERENCES.iter().zip(&self.met) {
            let met = met.load(Ordering::Relaxed);
            assert!(met > 0, "never met: {}", difference.why);
        }
    }
}

fn borrowed(words: &[String]) -> impl Iterator<Item = &str> {
    words.iter().map(String::as_str)
}
