//! Durations as values of options.

use std::time::Duration;

/// Parses a duration in the units that filters take.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    tcpentry::filter::parse_duration(text).map_err(|error| match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    })
}
