//! The objects of JSON that the remote program writes, of this version or of one beside it: a key that is unknown or missing is
//! no error.

use serde::Deserialize;
use serde::de::IgnoredAny;
use tcpentry::{Identity, Outcome};

use crate::output::{ContainerLabel, put_escaped};

/// The keys of a socket, of a deletion and of a finding of doctor that are shown here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteObject {
    /// Present where the remote program has asked other hosts in turn, or lies.
    host: Option<IgnoredAny>,
    pub(super) id: Option<String>,
    pub(super) state: Option<String>,
    pub(super) local: Option<String>,
    pub(super) peer: Option<String>,
    pub(super) netns_name: Option<String>,
    pub(super) inode: Option<u64>,
    pub(super) processes: Option<Vec<RemoteProcess>>,
    pub(super) user: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) container: Option<ContainerLabel>,
    pub(super) recv_queue: Option<u64>,
    pub(super) send_queue: Option<u64>,
    pub(super) idle_ms: Option<u64>,
    pub(super) rtt_us: Option<u64>,
    pub(super) retransmits: Option<u64>,
    pub(super) total_retransmits: Option<u64>,
    pub(super) outcome: Option<String>,
    pub(super) method: Option<String>,
    pub(super) error: Option<String>,
    pub(super) hint: Option<String>,
    pub(super) subflows: Option<Vec<String>>,
    pub(super) check: Option<String>,
    pub(super) status: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) fix: Option<String>,
}

/// A process that holds a socket.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteProcess {
    pub(super) pid: i32,
    pub(super) name: String,
}

impl RemoteObject {
    /// Parses a line; `None` for what is no object of the program.
    pub(super) fn parse(line: &str) -> Option<Self> {
        // serde takes an array for a struct, too.
        let object: Self = serde_json::from_str(line)
            .ok()
            .filter(|_| line.trim_start().starts_with('{'))?;
        let is_known = object.local.is_some() || object.check.is_some();
        is_known.then_some(object)
    }

    /// Returns the identity, where it is one.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.id.as_ref()?.parse().ok()
    }

    /// Returns the outcome of a deletion; one that this version does not know is a failure.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let name = self.outcome.as_ref()?;
        let known = [
            Outcome::Deleted,
            Outcome::Gone,
            Outcome::Denied,
            Outcome::Guarded,
            Outcome::Spared,
            Outcome::Unsupported,
        ];
        let found = known.into_iter().find(|it| it.to_string() == *name);
        Some(found.unwrap_or(Outcome::Failed))
    }

    /// Returns the line it was parsed from with the host as the first key, and a newline.
    pub(super) fn line_with_host(&self, host: &str, line: &str) -> Vec<u8> {
        let body = match self.host {
            None => line.trim().to_owned(),
            Some(_) => without_host(line),
        };
        // Outside of strings JSON has these as spaces, and inside of them not at all.
        let body = body.replace(['\t', '\r', '\n'], " ");
        let body = body.strip_prefix('{').unwrap_or(&body).trim_start();
        let host = serde_json::to_string(host).unwrap_or_default();
        let comma = if body == "}" { "" } else { "," };
        let mut out = Vec::with_capacity(body.len() + host.len() + 16);
        out.extend_from_slice(b"{\"host\":");
        // Writing to memory can't fail.
        let _ = put_escaped(&mut out, &host);
        out.extend_from_slice(comma.as_bytes());
        let _ = put_escaped(&mut out, body);
        out.push(b'\n');
        out
    }
}

/// Returns an object without a host of its own.
fn without_host(line: &str) -> String {
    let mut object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(line).unwrap_or_default();
    object.remove("host");
    serde_json::to_string(&object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_host(line: &str) -> String {
        let object = RemoteObject::parse(line).unwrap();
        String::from_utf8(object.line_with_host("a", line)).unwrap()
    }

    #[test]
    fn a_key_that_is_unknown_or_missing_is_no_error() {
        let object = RemoteObject::parse(r#"{"local":"a","new":[{"x":1}],"uid":null}"#).unwrap();
        assert_eq!(object.local.as_deref(), Some("a"));
        assert!(object.peer.is_none() && object.outcome().is_none());
        for (name, outcome) in [
            ("deleted", Outcome::Deleted),
            ("spared", Outcome::Spared),
            ("new", Outcome::Failed),
        ] {
            let line = format!(r#"{{"local":"a","outcome":"{name}"}}"#);
            assert_eq!(RemoteObject::parse(&line).unwrap().outcome(), Some(outcome));
        }
    }

    #[test]
    fn what_is_no_object_of_the_program_is_none() {
        for line in [
            "",
            "Welcome!",
            "[]",
            "{}",
            "null",
            "1",
            "{\"local\":",
            r#"{"a":1}"#,
            r#"{"local":"a"} x"#,
            r#"{"local":1}"#,
            r#"{"local":"a","local":"b"}"#,
            "[null,null,null,\"a\",null]",
        ] {
            assert!(RemoteObject::parse(line).is_none(), "{line}");
        }
    }

    #[test]
    fn the_host_is_the_first_key_and_the_only_one_of_that_name() {
        for (line, expected) in [
            (
                r#"{"local":"x","b":2}"#,
                r#"{"host":"a","local":"x","b":2}"#,
            ),
            (r#"  { "local":"x" } "#, r#"{"host":"a","local":"x" }"#),
            ("{\t\"local\":\r\"x\"}", r#"{"host":"a","local": "x"}"#),
            (r#"{"local":"x","host":"b"}"#, r#"{"host":"a","local":"x"}"#),
            (
                r#"{"local":"x","h\u006fst":"b"}"#,
                r#"{"host":"a","local":"x"}"#,
            ),
        ] {
            assert_eq!(with_host(line).trim_end(), expected);
        }
    }

    #[test]
    fn what_a_terminal_would_act_upon_is_escaped_and_still_the_same() {
        let line = "{\"local\":\"\u{9b}2J\u{202e}\u{7f}\"}";
        let shown = with_host(line);
        assert_eq!(
            shown,
            "{\"host\":\"a\",\"local\":\"\\u009b2J\\u202e\\u007f\"}\n"
        );
        let again = RemoteObject::parse(&shown).unwrap();
        assert_eq!(again.local.as_deref(), Some("\u{9b}2J\u{202e}\u{7f}"));
    }
}
