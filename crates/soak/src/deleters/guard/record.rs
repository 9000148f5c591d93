//! Records of the service, as the native protocol of the systemd journal has them.

use std::collections::HashMap;

use tcpentry::Identity;

use crate::terms::{GuardRule, Report};

/// A record of the service.
#[derive(Debug)]
pub(super) enum Record {
    /// Outcome of one connection.
    Outcome {
        rule: GuardRule,
        cookie: u64,
        report: Report,
    },
    /// Something that is in order.
    Message(String),
    /// A warning, an error, or what can't be read.
    Complaint(String),
}

impl Record {
    pub(super) fn parse(datagram: &[u8]) -> Self {
        let fields = fields(datagram).unwrap_or_default();
        let field = |name| fields.get(name).map(String::as_str);
        let message = field("MESSAGE").unwrap_or("a record without a message");
        let complaint = || Self::Complaint(message.to_owned());
        let Some(outcome) = field("TCPENTRY_OUTCOME") else {
            return match field("PRIORITY") {
                Some("5" | "6") => Self::Message(message.to_owned()),
                _ => complaint(),
            };
        };
        let rule = GuardRule::WORDS
            .iter()
            .find(|(_, name)| field("TCPENTRY_RULE") == Some(name));
        let identity = field("TCPENTRY_ID").and_then(|id| id.parse::<Identity>().ok());
        let (Some((rule, _)), Some(identity)) = (rule, identity) else {
            return complaint();
        };
        Self::Outcome {
            rule: *rule,
            cookie: identity.cookie.value(),
            report: match outcome {
                "deleted" => Report::Deleted,
                "gone" => Report::Gone,
                "spared" => Report::Spared,
                _ => Report::Other(message.to_owned()),
            },
        }
    }
}

/// Returns the fields: each a line, or with its length where it has several.
fn fields(mut rest: &[u8]) -> Option<HashMap<String, String>> {
    let mut fields = HashMap::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        let (name, value) = if let Some(sign) = line.iter().position(|byte| *byte == b'=') {
            rest = after;
            (&line[..sign], &line[sign + 1..])
        } else {
            let (length, after) = after.split_first_chunk()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            let value = after.get(..length)?;
            rest = after.get(length + 1..)?;
            (line, value)
        };
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        fields.insert(text(name), text(value));
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_record() {
        let datagram = b"PRIORITY=5\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nTCPENTRY_RULE=set\n";
        let fields = fields(datagram).unwrap();
        assert_eq!(fields["MESSAGE"], "a\nb");
        assert_eq!(fields["TCPENTRY_RULE"], "set");
        assert!(super::fields(b"MESSAGE\n\x09\0\0\0\0\0\0\0short\n").is_none());
        assert!(matches!(
            Record::parse(b"PRIORITY=5\nMESSAGE=runs\n"),
            Record::Message(_)
        ));
        assert!(matches!(
            Record::parse(b"PRIORITY=3\nMESSAGE=runs\n"),
            Record::Complaint(_)
        ));
        assert!(matches!(Record::parse(b"nonsense"), Record::Complaint(_)));
    }
}
