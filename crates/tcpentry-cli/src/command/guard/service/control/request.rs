//! Requests and replies, as they are written.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tcpentry::filter::{FilterError, Prefix};

use crate::command::guard::service::status::GuardStatus;
pub(crate) use crate::command::guard::state::BanChange;

/// An order to the service, or a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum RequestKind {
    Status,
    /// Pause a rule, or all.
    Pause(Option<String>),
    /// Resume a rule, or all.
    Resume(Option<String>),
    /// Change the bans, in this order.
    Ban(Vec<BanChange>),
}

/// The reply: `{"status":{...}}`, `{"done":"..."}` or `{"error":"..."}`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ControlReply {
    Status(Box<GuardStatus>),
    /// It was done: what, for people.
    Done(String),
    /// It was not done: the reason.
    Error(String),
}

impl RequestKind {
    /// Parses the first line of a request; the changes of a `ban` follow.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let (word, rule) = match line.split_once(' ') {
            Some((word, rule)) => (word, Some(rule.trim()).filter(|rule| !rule.is_empty())),
            None => (line, None),
        };
        match (word, rule.map(str::to_owned)) {
            ("status", None) => Ok(Self::Status),
            ("pause", rule) => Ok(Self::Pause(rule)),
            ("resume", rule) => Ok(Self::Resume(rule)),
            ("ban", None) => Ok(Self::Ban(Vec::new())),
            _ => Err("expected `status`, `pause [RULE]`, `resume [RULE]` or `ban`".to_owned()),
        }
    }
}

impl fmt::Display for RequestKind {
    /// Writes the request as the service reads it, but for its last newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Pause(None) => f.write_str("pause"),
            Self::Pause(Some(rule)) => write!(f, "pause {rule}"),
            Self::Resume(None) => f.write_str("resume"),
            Self::Resume(Some(rule)) => write!(f, "resume {rule}"),
            Self::Ban(changes) => {
                f.write_str("ban\n")?;
                changes
                    .iter()
                    .try_for_each(|change| writeln!(f, "{change}"))
            }
        }
    }
}

impl BanChange {
    /// Parses `add PREFIX [SECONDS]`, `del PREFIX` or `flush`.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
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
    fn a_request_is_read_as_it_is_written() {
        for request in [
            RequestKind::Status,
            RequestKind::Pause(None),
            RequestKind::Pause(Some("a rule".to_owned())),
            RequestKind::Resume(None),
            RequestKind::Resume(Some("leak".to_owned())),
        ] {
            assert_eq!(RequestKind::parse(&request.to_string()), Ok(request));
        }
        assert_eq!(RequestKind::parse("ban"), Ok(RequestKind::Ban(Vec::new())));
        assert_eq!(RequestKind::parse("pause "), Ok(RequestKind::Pause(None)));
        for wrong in ["", "status it", "ban 10.0.0.1", "STATUS", "pausing"] {
            RequestKind::parse(wrong).unwrap_err();
        }
    }

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

    #[test]
    fn a_reply_has_one_key() {
        let done = ControlReply::Done("paused".to_owned());
        assert_eq!(
            serde_json::to_string(&done).unwrap(),
            "{\"done\":\"paused\"}"
        );
        let status = ControlReply::Status(Box::default());
        let text = serde_json::to_string(&status).unwrap();
        assert!(text.starts_with("{\"status\":{\"pid\":0,"), "{text}");
        assert_eq!(serde_json::from_str::<ControlReply>(&text).unwrap(), status);
    }
}
