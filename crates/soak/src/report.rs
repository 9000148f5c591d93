//! The figures of a run: a line while it runs, a table at its end.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use crate::hands::Handovers;
use crate::terms::{By, GuardRule, How, Report, Wrong};

/// The counters of a running soak.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) opened: AtomicU64,
    /// Connections that ended as their owners had planned.
    pub(crate) closed: AtomicU64,
    pub(crate) died: AtomicU64,
    pub(crate) exchanges: AtomicU64,
    /// Attempts at which the tuple could not be used again yet.
    pub(crate) busy: AtomicU64,
    /// Connections whose server's end never came to be accepted.
    pub(crate) unaccepted: AtomicU64,
    /// Ends that were not notified of the other's deletion, where one of the addresses had been removed meanwhile.
    pub(crate) out_of_reach: AtomicU64,
    /// Connections over which nothing came, both ends alive, while one of the addresses was removed.
    pub(crate) cut_off: AtomicU64,
    deleted: [[AtomicU64; 4]; PRODUCTS],
    gone: [[AtomicU64; 4]; PRODUCTS],
    spared: [[AtomicU64; 4]; PRODUCTS],
    other: [[AtomicU64; 4]; PRODUCTS],
    /// Reports of the service by rule: deleted, gone, and spared.
    pub(crate) rules: [[AtomicU64; 3]; RULES],
    /// Reports of "gone" for a tuple that another connection had by then.
    pub(crate) outlived: AtomicU64,
    /// Connections reported deleted whose owner got ECONNABORTED.
    pub(crate) proven: AtomicU64,
    /// Connections reported deleted after their owner had closed them: orphans and TIME_WAIT.
    pub(crate) ownerless: AtomicU64,
    /// Those reported after the connection had been judged.
    pub(crate) late: AtomicU64,
    pub(crate) wrong: [AtomicU64; Wrong::WORDS.len()],
}

impl Counts {
    /// Counts a report.
    pub(crate) fn count(&self, by: By, how: How, report: &Report) {
        let counter = match report {
            Report::Deleted => &self.deleted,
            Report::Gone => &self.gone,
            Report::Spared if how == How::Filter => &self.spared,
            Report::Spared | Report::Other(_) => &self.other,
        };
        counter[by as usize][how as usize].fetch_add(1, SeqCst);
    }

    pub(crate) fn figures(
        &self,
        time: Duration,
        handovers: Handovers,
        details: Vec<String>,
    ) -> Figures {
        let one = |counter: &AtomicU64| counter.load(SeqCst);
        let many = |counter: &[[AtomicU64; 4]; PRODUCTS]| {
            counter.each_ref().map(|hows| hows.each_ref().map(one))
        };
        Figures {
            time,
            opened: one(&self.opened),
            closed: one(&self.closed),
            died: one(&self.died),
            exchanges: one(&self.exchanges),
            busy: one(&self.busy),
            unaccepted: one(&self.unaccepted),
            out_of_reach: one(&self.out_of_reach),
            cut_off: one(&self.cut_off),
            deleted: many(&self.deleted),
            gone: many(&self.gone),
            spared: many(&self.spared),
            other: many(&self.other),
            rules: self
                .rules
                .each_ref()
                .map(|reports| reports.each_ref().map(one)),
            outlived: one(&self.outlived),
            proven: one(&self.proven),
            ownerless: one(&self.ownerless) + one(&self.late),
            wrong: Wrong::WORDS.map(|(wrong, _)| one(&self.wrong[wrong as usize])),
            handovers,
            details,
        }
    }
}

/// The results of a run.
#[derive(Clone, Debug)]
pub struct Figures {
    time: Duration,
    opened: u64,
    closed: u64,
    died: u64,
    exchanges: u64,
    busy: u64,
    unaccepted: u64,
    out_of_reach: u64,
    cut_off: u64,
    deleted: [[u64; 4]; PRODUCTS],
    gone: [[u64; 4]; PRODUCTS],
    spared: [[u64; 4]; PRODUCTS],
    other: [[u64; 4]; PRODUCTS],
    rules: [[u64; 3]; RULES],
    outlived: u64,
    proven: u64,
    ownerless: u64,
    wrong: [u64; Wrong::WORDS.len()],
    handovers: Handovers,
    details: Vec<String>,
}

impl Figures {
    /// Returns true if no fault occurred.
    pub fn is_clean(&self) -> bool {
        self.wrong.iter().all(|&count| count == 0)
            && sum(&self.other) == 0
            && self.handovers.are_clean()
            && self.is_reset_sent()
    }

    /// Returns true if nearly all peers are told although the address has gone, which `address-removed` is for.
    fn is_reset_sent(&self) -> bool {
        self.out_of_reach * 20 <= self.deleted_by_rule(GuardRule::Removed).max(100)
    }

    /// Returns the number of deletions that were reported.
    pub fn deleted(&self) -> u64 {
        sum(&self.deleted)
    }

    /// Returns the number of deletions through one of the products.
    pub fn deleted_by(&self, by: By) -> u64 {
        self.deleted[by as usize].iter().sum()
    }

    /// Returns the number of deletions by a rule of the service.
    pub fn deleted_by_rule(&self, rule: GuardRule) -> u64 {
        self.rules[rule as usize][0]
    }

    /// Returns the number of faults of a kind.
    pub fn wrong(&self, wrong: Wrong) -> u64 {
        self.wrong[wrong as usize]
    }

    /// Returns the number of connections that were handed to a worker, and of those that died there.
    pub fn handed_over(&self) -> (u64, u64) {
        (self.handovers.handed_over, self.handovers.at_worker)
    }

    /// Returns the number of deletions that the owner's ECONNABORTED proved.
    pub fn proven(&self) -> u64 {
        self.proven
    }

    /// Returns the line that is printed while it runs.
    pub fn line(&self) -> String {
        format!(
            "{:5.0} s  opened {}  closed {}  died {}  deleted {}  gone {}  other {}  WRONG {}",
            self.time.as_secs_f64(),
            self.opened,
            self.closed,
            self.died,
            self.deleted(),
            sum(&self.gone),
            sum(&self.other),
            self.wrong.iter().sum::<u64>()
        )
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_secs_f64();
        writeln!(f, "\n{:<40}{seconds:>12.0}", "seconds")?;
        for (what, count) in [
            ("connections opened", self.opened),
            ("closed by their owners", self.closed),
            ("died", self.died),
            ("exchanges of data in both directions", self.exchanges),
            ("tuple still busy", self.busy),
            ("server's end never accepted", self.unaccepted),
            ("not notified, as an address had gone", self.out_of_reach),
            ("alive and cut off by that for 3 s", self.cut_off),
            ("reported deleted", self.deleted()),
            ("  of them the owner got ECONNABORTED", self.proven),
            ("  of them orphans and TIME_WAIT", self.ownerless),
            ("reported gone", sum(&self.gone)),
            ("  of them the tuple had a new owner", self.outlived),
            ("no longer matched, and spared", sum(&self.spared)),
            ("reported otherwise (must be 0)", sum(&self.other)),
        ] {
            writeln!(f, "{what:<40}{count:>12}")?;
        }
        writeln!(
            f,
            "\n{:<20}{:>12}{:>12}{:>12}{:>12}",
            "deleted", "fresh", "stale", "pair", "filter"
        )?;
        for ((_, name), hows) in By::WORDS.iter().zip(self.deleted) {
            write!(f, "{name:<20}")?;
            for count in hows {
                write!(f, "{count:>12}")?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "\n{:<20}{:>12}{:>12}{:>12}",
            "rule of guard", "deleted", "gone", "spared"
        )?;
        for ((_, name), [deleted, gone, spared]) in GuardRule::WORDS.iter().zip(self.rules) {
            writeln!(f, "{name:<20}{deleted:>12}{gone:>12}{spared:>12}")?;
        }
        writeln!(f, "\nmust be 0")?;
        for ((_, what), count) in Wrong::WORDS.iter().zip(self.wrong) {
            writeln!(f, "{what:<40}{count:>12}")?;
        }
        writeln!(f, "\nbeside acceptors that hand over to workers")?;
        let handovers = &self.handovers;
        for (what, count) in [
            ("handed over", handovers.handed_over),
            ("reported deleted", handovers.deleted),
            ("spared", handovers.spared),
            ("died at the acceptor", handovers.at_acceptor),
            ("killed in the hands of another", handovers.at_worker),
        ] {
            writeln!(f, "{what:<40}{count:>12}")?;
        }
        for detail in &self.details {
            writeln!(f, "  {detail}")?;
        }
        Ok(())
    }
}

fn sum(counts: &[[u64; 4]; PRODUCTS]) -> u64 {
    counts.iter().flatten().sum()
}

const PRODUCTS: usize = By::WORDS.len();
const RULES: usize = GuardRule::WORDS.len();
