//! Durations as people read and type them.

use std::time::Duration;

/// Formats a duration in the unit that people would choose, three digits at most.
pub(crate) fn duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    let (value, unit) = match micros {
        0..1_000 => (micros, "us"),
        1_000..1_000_000 => (micros / 1_000, "ms"),
        1_000_000..60_000_000 => (micros / 1_000_000, "s"),
        60_000_000..3_600_000_000 => (micros / 60_000_000, "m"),
        3_600_000_000..86_400_000_000 => (micros / 3_600_000_000, "h"),
        _ => (micros / 86_400_000_000, "d"),
    };
    format!("{value}{unit}")
}

/// Formats a duration exactly, in the largest unit: as one could have typed it.
pub(crate) fn exact_duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    let units = [
        (86_400_000_000, "d"),
        (3_600_000_000, "h"),
        (60_000_000, "m"),
        (1_000_000, "s"),
        (1_000, "ms"),
    ];
    let fits = |&(unit, _): &(u128, &str)| micros >= unit && micros % unit == 0;
    let (unit, name) = units.into_iter().find(fits).unwrap_or((1, "us"));
    format!("{}{name}", micros / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_in_human_units() {
        for (micros, text) in [
            (0, "0us"),
            (999, "999us"),
            (1_500, "1ms"),
            (59_999_999, "59s"),
            (600_000_000, "10m"),
            (7_200_000_000, "2h"),
            (86_400_000_000, "1d"),
            (8_640_000_000_000, "100d"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
    }
}
