//! The texts of a row's cells.

use std::time::Duration;

use tcpentry::{Connection, Devices, Pair, ScopedEndpoint, escape_for_terminal};
use uzers::{Users, UsersCache};

/// The local end, with the device its socket is bound to: what is pasted back names exactly it.
pub(crate) fn local(pair: &Pair, devices: &mut Devices) -> String {
    let device = pair.interface().map(|interface| devices.name(interface));
    ScopedEndpoint::new(pair.local(), device).to_string()
}

/// The user's name, or his number where he has none; `None` for a socket without owner.
pub(crate) fn user(connection: &Connection, users: &UsersCache) -> Option<String> {
    connection.inode?;
    let user = users.get_user_by_uid(connection.uid);
    Some(user.map_or_else(
        || connection.uid.to_string(),
        |user| escape_for_terminal(user.name().as_encoded_bytes()),
    ))
}

/// A duration in the unit that people would choose, three digits at the most.
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
