//! Amounts as a sentence has them: two digits, and the unit as a word.

use std::fmt;
use std::time::Duration;

/// Bytes: `512 bytes`, `3.7 MB` (of a million bytes).
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [
            (1_000_000_000_000, "TB"),
            (1_000_000_000, "GB"),
            (1_000_000, "MB"),
            (1_000, "kB"),
        ];
        let bytes = self.0;
        match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
            None if bytes == 1 => f.write_str("1 byte"),
            None => write!(f, "{bytes} bytes"),
            Some((unit, name)) if bytes < 10 * unit => {
                write!(f, "{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
            }
            Some((unit, name)) => write!(f, "{} {name}", bytes / unit),
        }
    }
}

/// A duration in one unit: `340 ms`, `41 s`, `6 min`, `9 days`.
pub(super) struct TimeText(pub(super) Duration);

impl fmt::Display for TimeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (micros, seconds) = (self.0.as_micros(), self.0.as_secs());
        match seconds {
            0 if micros < 1_000 => write!(f, "{micros} us"),
            0 => write!(f, "{} ms", micros / 1_000),
            1..120 => write!(f, "{seconds} s"),
            120..7_200 => write!(f, "{} min", seconds / 60),
            7_200..172_800 => write!(f, "{} hours", seconds / 3_600),
            _ => write!(f, "{} days", seconds / 86_400),
        }
    }
}

/// A count of a thing in singular or plural: `1 retry`, `10 retries`.
pub(super) struct Counted(
    pub(super) u64,
    pub(super) &'static str,
    pub(super) &'static str,
);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, one, many) = self;
        write!(f, "{count} {}", if *count == 1 { one } else { many })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_at_a_glance() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (9_999, "9.9 kB"),
            (128_512, "128 kB"),
            (3_782_144, "3.7 MB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        for (micros, text) in [
            (25, "25 us"),
            (340_000, "340 ms"),
            (41_900_000, "41 s"),
            (119_000_000, "119 s"),
            (390_000_000, "6 min"),
            (8_000_000_000, "2 hours"),
            (800_000_000_000, "9 days"),
        ] {
            assert_eq!(TimeText(Duration::from_micros(micros)).to_string(), text);
        }
        let retries = |count| Counted(count, "retry", "retries").to_string();
        assert_eq!([retries(1), retries(10)], ["1 retry", "10 retries"]);
    }
}
