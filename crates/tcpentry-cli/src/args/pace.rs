//! The options for the pace of a deletion, and for a random sample of what is selected.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args as ClapArgs;

use super::duration::duration;

/// The options for the pace of a deletion.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct PaceArgs {
    /// Delete at this rate, evenly spaced and never faster (20/s, 5/m)
    #[arg(long, value_name = "N/s", conflicts_with = "spread")]
    pub(crate) rate: Option<Rate>,
    /// Spread the deletions evenly over this long, in random order, at most 1s apart
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) spread: Option<Duration>,
}

/// The options for a random sample of what is selected.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct SampleArgs {
    /// Delete only a random sample of what is selected: N connections, or N percent of them
    #[arg(long, value_name = "N|N%")]
    pub(crate) sample: Option<Sample>,
    /// Repeat the random choices of the earlier run that printed this number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
}

impl PaceArgs {
    /// Returns true where each deletion has its time.
    pub(crate) const fn is_paced(&self) -> bool {
        self.rate.is_some() || self.spread.is_some()
    }
}

impl SampleArgs {
    /// Returns the number that repeats the random choices of a run, which is a random one itself if none was given, and
    /// makes their source.
    pub(crate) fn random(&self) -> (u64, fastrand::Rng) {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        (seed, fastrand::Rng::with_seed(seed))
    }
}

/// A number of deletions in each period of this length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Rate {
    pub(crate) count: u32,
    pub(crate) period: Duration,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (count, unit) = text
            .split_once('/')
            .ok_or("expected a number and a unit of time, such as 20/s or 5/m")?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err("the unit of time is s, m or h, as in 20/s".to_owned()),
        };
        let count = count.parse().ok().filter(|it| (1..=MAX_COUNT).contains(it));
        Ok(Self {
            count: count
                .ok_or_else(|| format!("expected a number from 1 to {MAX_COUNT} before the /"))?,
            period: Duration::from_secs(seconds),
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.period.as_secs() {
            1 => "s",
            60 => "m",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// The size of a random sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sample {
    Count(u64),
    /// A part of all, from 0 to 1.
    Part(f64),
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || "expected a number of connections, or a percentage such as 10%".to_owned();
        let Some(percent) = text.strip_suffix('%') else {
            let count = text.parse().map_err(|_| expected())?;
            return match count {
                0 => Err(EMPTY.to_owned()),
                count => Ok(Self::Count(count)),
            };
        };
        // No sign, no exponent, no "inf".
        let is_plain = percent
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let percent: f64 = percent
            .parse()
            .ok()
            .filter(|_| is_plain)
            .ok_or_else(expected)?;
        if percent > 100.0 {
            return Err("a percentage is at most 100%".to_owned());
        }
        if percent == 0.0 {
            return Err(EMPTY.to_owned());
        }
        Ok(Self::Part(percent / 100.0))
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Part(part) => write!(f, "{}%", part * 100.0),
        }
    }
}

const EMPTY: &str = "a sample of 0 deletes nothing; -n shows what matches";
/// The most deletions in a second: one in a microsecond is more than this can do.
const MAX_COUNT: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_for_each_unit_of_time() {
        for (text, count, seconds) in [("20/s", 20, 1), ("1/h", 1, 3600), ("600/m", 600, 60)] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(
                (rate.count, rate.period.as_secs()),
                (count, seconds),
                "{text}"
            );
            assert_eq!(rate.to_string(), text);
        }
        for text in [
            "",
            "20",
            "0/s",
            "-1/s",
            "1.5/s",
            "20/",
            "20/d",
            "/s",
            "20 /s",
            "1000001/s",
            "99999999999/s",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_sample_is_a_number_or_a_percentage() {
        for (text, sample) in [
            ("3", Sample::Count(3)),
            ("10%", Sample::Part(0.1)),
            ("0.5%", Sample::Part(0.005)),
            ("100%", Sample::Part(1.0)),
        ] {
            assert_eq!(text.parse(), Ok(sample), "{text}");
        }
        for text in [
            "", "0", "0%", "0.0%", "%", ".%", "-1", "1.5", "101%", "-1%", "1e1%", "inf%", "nan%",
            "+5%", "10 %", "1%%",
        ] {
            assert!(text.parse::<Sample>().is_err(), "{text}");
        }
    }
}
