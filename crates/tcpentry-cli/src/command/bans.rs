//! The changes of the bans, as `ban` reads them and hands them over, and as the service takes them.

use std::fmt;
use std::time::Duration;

use tcpentry::filter::{FilterError, Prefix};

/// A change of the bans.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BanChange {
    /// A ban, and the time after which it ends by itself, if it does.
    Add(Prefix, Option<Duration>),
    /// The end of a ban.
    Del(Prefix),
    /// The end of all bans.
    Flush,
}

impl BanChange {
    /// Parses `add PREFIX [SECONDS]`, `del PREFIX` or `flush`.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let mut words = line.split_ascii_whitespace();
        let words = [(); 4].map(|()| words.next());
        match words {
            [Some("add"), Some(text), None, None] => Ok(Self::Add(prefix(text)?, None)),
            [Some("add"), Some(text), Some(seconds), None] => {
                let seconds = seconds.parse().ok();
                let expiry = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
                match expiry {
                    Some(expiry) => Ok(Self::Add(prefix(text)?, Some(expiry))),
                    None => Err("SECONDS is not a number of them".to_owned()),
                }
            }
            [Some("del"), Some(text), None, None] => Ok(Self::Del(prefix(text)?)),
            [Some("flush"), None, None, None] => Ok(Self::Flush),
            _ => Err("expected `add PREFIX [SECONDS]`, `del PREFIX` or `flush`".to_owned()),
        }
    }
}

impl fmt::Display for BanChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(prefix, None) => write!(f, "add {prefix}"),
            Self::Add(prefix, Some(expiry)) => write!(f, "add {prefix} {}", expiry.as_secs_f64()),
            Self::Del(prefix) => write!(f, "del {prefix}"),
            Self::Flush => f.write_str("flush"),
        }
    }
}

fn prefix(text: &str) -> Result<Prefix, String> {
    text.parse().map_err(|error: FilterError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_as_it_is_written() {
        for line in [
            "add 10.0.0.0/8",
            "add 2001:db8::1 600",
            "add ::1 0.5",
            "del 10.0.0.1",
            "flush",
        ] {
            assert_eq!(BanChange::parse(line).unwrap().to_string(), line);
        }
        for wrong in [
            "",
            "add",
            "add x",
            "10.0.0.1",
            "add 10.0.0.1 -1",
            "add 10.0.0.1 nan",
            "add 10.0.0.1 1e300",
            "add 10.0.0.1 1 2",
            "add 10.0.0.1/33",
            "del 10.0.0.1 600",
            "flush all",
        ] {
            BanChange::parse(wrong).unwrap_err();
        }
    }
}
