//! Requests and replies, as they are written.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::command::bans::BanChange;
use crate::command::guard::service::status::GuardStatus;

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

/// The reply: `{"status":{...}}`, `{"done":"..."}`, `{"unwanted":"..."}` or `{"error":"..."}`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ControlReply {
    Status(Box<GuardStatus>),
    /// It was done: what, for people.
    Done(String),
    /// It was not done, because no rule is about it: the reason.
    Unwanted(String),
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
