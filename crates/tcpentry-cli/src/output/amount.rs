//! Amounts as people read them: three digits, and the unit behind a space.

use std::time::Duration;

use tcpentry::connection::Measure;

/// Formats a number of bytes: `1448 B`, `65.5 kB`, `3.78 MB` (of a million bytes).
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    // A segment, or a few, is read to the byte.
    if bytes < 10_000 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64 / 1e3;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1e3, larger);
    }
    format!("{} {unit}", digits(value))
}

/// Formats bytes per second.
pub(crate) fn rate(rate: u64) -> String {
    format!("{}/s", bytes(rate))
}

/// Formats a time: `310 us`, `24.1 ms`, `1.20 s`, and from two minutes on as `6 min`, `9 days`.
pub(crate) fn time(time: Duration) -> String {
    let (micros, seconds) = (time.as_micros(), time.as_secs());
    match seconds {
        0 if micros < 1_000 => format!("{micros} us"),
        0 => format!("{} ms", digits(time.as_secs_f64() * 1e3)),
        1..120 => format!("{} s", digits(time.as_secs_f64())),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Formats a count, its thousands apart: `1,234,567`.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a field of the kernel.
pub(crate) fn measure(measure: Measure) -> String {
    match measure {
        Measure::Count(number) => count(number),
        Measure::Bytes(number) => bytes(number),
        Measure::Time(duration) => time(duration),
        Measure::BytesPerSecond(number) => rate(number),
        Measure::Unlimited => "no limit".to_owned(),
        other => other.to_string(),
    }
}

/// Formats a number below 1,000 in three digits.
fn digits(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_three_digits_and_a_unit() {
        for (value, text) in [
            (0, "0 B"),
            (1_448, "1448 B"),
            (9_999, "9999 B"),
            (65_535, "65.5 kB"),
            (999_499, "999 kB"),
            (999_600, "1.00 MB"),
            (3_782_144, "3.78 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(value), text);
        }
        for (micros, text) in [
            (0, "0 us"),
            (310, "310 us"),
            (1_000, "1.00 ms"),
            (24_130, "24.1 ms"),
            (999_400, "999 ms"),
            (1_204_000, "1.20 s"),
            (41_900_000, "41.9 s"),
            (390_000_000, "6 min"),
            (8_000_000_000, "2 hours"),
            (800_000_000_000, "9 days"),
        ] {
            assert_eq!(time(Duration::from_micros(micros)), text);
        }
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(count(value), text);
        }
        assert_eq!(measure(Measure::Unlimited), "no limit");
        assert_eq!(measure(Measure::BytesPerSecond(12_500_000)), "12.5 MB/s");
        assert_eq!(measure(Measure::Flag(true)), "yes");
    }
}
