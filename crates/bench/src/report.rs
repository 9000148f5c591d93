//! The report: a table for people, JSON for whoever compares two runs.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::floor::Exact;
use crate::measure::Sample;

#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: u32,
    pub(crate) measured: Vec<Measured>,
    /// The times in process, by number of sockets.
    pub(crate) exact: BTreeMap<u32, Exact>,
}

/// The machine of a measurement.
#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) kernel: String,
    pub(crate) processors: usize,
    pub(crate) ss: String,
}

impl Machine {
    pub(crate) fn this() -> Result<Self> {
        let ss = Command::new("ss").arg("-V").output()?;
        Ok(Self {
            kernel: tcpentry_testkit::kernel::release(),
            processors: std::thread::available_parallelism()?.get(),
            ss: String::from_utf8_lossy(&ss.stdout).trim().to_owned(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kernel,
            processors,
            ss,
        } = self;
        write!(f, "Linux {kernel}, {processors} processors, {ss}")
    }
}

/// The figures of an operation.
#[derive(Serialize)]
pub(crate) struct Measured {
    pub(crate) sockets: u32,
    pub(crate) operation: &'static str,
    pub(crate) figures: BTreeMap<&'static str, Figures>,
}

/// The cost for one contestant, over all rounds.
#[derive(Serialize)]
pub(crate) struct Figures {
    pub(crate) cpu_ms: Spread,
    pub(crate) wall_ms: Spread,
    pub(crate) peak_kib: u64,
}

#[derive(Clone, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// The values of each round, in order.
    all: Vec<f64>,
}

impl Figures {
    pub(crate) fn of(samples: &[Sample]) -> Self {
        let spread = |of: fn(&Sample) -> Duration| {
            Spread::of(
                samples
                    .iter()
                    .map(|sample| of(sample).as_secs_f64() * 1e3)
                    .collect(),
            )
        };
        Self {
            cpu_ms: spread(|sample| sample.cpu),
            wall_ms: spread(|sample| sample.wall),
            peak_kib: samples
                .iter()
                .map(|sample| sample.peak_kib)
                .max()
                .unwrap_or_default(),
        }
    }
}

impl Spread {
    fn of(all: Vec<f64>) -> Self {
        let mut sorted = all.clone();
        sorted.sort_by(f64::total_cmp);
        Self {
            median: sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN),
            least: sorted.first().copied().unwrap_or(f64::NAN),
            most: sorted.last().copied().unwrap_or(f64::NAN),
            all,
        }
    }

    /// Returns the median of the ratios of each round.
    pub(crate) fn ratio(&self, to: &Self) -> f64 {
        let ratios = self.all.iter().zip(&to.all).map(|(one, other)| one / other);
        Self::of(ratios.collect()).median
    }
}

impl Measured {
    pub(crate) const HEADER: &str = "\
operation                                     cpu ms (spread)          wall ms (spread)         peak KiB   ss: cpu   wall   x less: cpu    wall   of floor: cpu    wall   of before: cpu    wall";
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(ours) = self.figures.get("tcpentry") else {
            return Ok(());
        };
        let spread = |of: &Spread| format!("{:.2} ({:.2}-{:.2})", of.median, of.least, of.most);
        let (cpu, wall) = (spread(&ours.cpu_ms), spread(&ours.wall_ms));
        write!(
            f,
            "{:<45} {cpu:<24} {wall:<24} {:>8}",
            self.operation, ours.peak_kib
        )?;
        if let Some(ss) = self.figures.get("ss") {
            write!(
                f,
                "  {:>8.1} {:>6.0}  {:>12.1} {:>7.1}",
                ss.cpu_ms.median,
                ss.wall_ms.median,
                ss.cpu_ms.ratio(&ours.cpu_ms),
                ss.wall_ms.ratio(&ours.wall_ms),
            )?;
        }
        for (name, width) in [("floor", 14), ("before", 15)] {
            if let Some(other) = self.figures.get(name) {
                let cpu = ours.cpu_ms.ratio(&other.cpu_ms);
                let wall = ours.wall_ms.ratio(&other.wall_ms);
                write!(f, "  {cpu:>width$.2} {wall:>7.2}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64() * 1e6;
        write!(
            f,
            "delete one, in process: {:.1} us; GET and DESTROY alone {:.1} us ({:.2} of it); connect(AF_UNSPEC) on one's own {:.1} us",
            us(self.library),
            us(self.raw),
            us(self.library) / us(self.raw),
            us(self.disconnect),
        )
    }
}
