//! A record of the log, as a datagram to the journal and as a line.

use std::fmt;

use tcpentry::escape::escape_for_terminal;

/// A record: a message for people, and its parts for programs.
#[derive(Clone, Debug)]
pub(crate) struct LogRecord {
    priority: Priority,
    message: String,
    fields: Vec<(LogField, String)>,
}

/// The weight of a record, with the numbers of syslog(3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Priority {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
}

/// A field of a record in the journal. tcpentry-guard(8) lists them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LogField {
    /// The name of the rule.
    Rule,
    /// The identity of the connection, for `--id`.
    Id,
    Outcome,
    Local,
    Peer,
    /// The network namespace, where it is not the service's own.
    Netns,
    Errno,
    /// The reason why it was not deleted.
    Cause,
    DryRun,
    /// A pid and a uid of those who asked for it on the socket.
    CallerPid,
    CallerUid,
    /// The number of log records that were lost.
    Lost,
}

impl LogField {
    const fn name(self) -> &'static str {
        match self {
            Self::Rule => "TCPENTRY_RULE",
            Self::Id => "TCPENTRY_ID",
            Self::Outcome => "TCPENTRY_OUTCOME",
            Self::Local => "TCPENTRY_LOCAL",
            Self::Peer => "TCPENTRY_PEER",
            Self::Netns => "TCPENTRY_NETNS",
            Self::Errno => "TCPENTRY_ERRNO",
            Self::Cause => "TCPENTRY_CAUSE",
            Self::DryRun => "TCPENTRY_DRY_RUN",
            Self::CallerPid => "TCPENTRY_CALLER_PID",
            Self::CallerUid => "TCPENTRY_CALLER_UID",
            Self::Lost => "TCPENTRY_LOST",
        }
    }
}

impl LogRecord {
    /// Makes a record of this message, which is escaped when it is written.
    pub(crate) fn new(priority: Priority, message: impl Into<String>) -> Self {
        Self {
            priority,
            message: message.into(),
            fields: Vec::new(),
        }
    }

    /// Adds a field; the journal has it as it is.
    pub(crate) fn with(mut self, field: LogField, value: impl fmt::Display) -> Self {
        self.fields.push((field, value.to_string()));
        self
    }

    /// Adds a field that the record may lack.
    pub(crate) fn with_some(self, field: LogField, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }

    /// Returns the message as a line of text.
    pub(super) fn escaped(&self) -> String {
        let mut text = escape_for_terminal(self.message.as_bytes());
        truncate(&mut text, MAX_MESSAGE);
        text
    }

    /// Encodes the record as the journal's native protocol has it.
    pub(super) fn datagram(&self) -> Vec<u8> {
        let mut datagram = Vec::new();
        put(
            &mut datagram,
            "PRIORITY",
            &(self.priority as u8).to_string(),
        );
        put(&mut datagram, "SYSLOG_IDENTIFIER", IDENTIFIER);
        put(&mut datagram, "SYSLOG_FACILITY", DAEMON);
        put(&mut datagram, "MESSAGE", &self.escaped());
        for (field, value) in &self.fields {
            let mut value = value.clone();
            truncate(&mut value, MAX_MESSAGE);
            put(&mut datagram, field.name(), &value);
        }
        datagram
    }
}

/// Appends a field: a line, or with its length where it has several.
fn put(datagram: &mut Vec<u8>, name: &str, value: &str) {
    datagram.extend(name.as_bytes());
    if value.contains('\n') {
        datagram.push(b'\n');
        datagram.extend((value.len() as u64).to_le_bytes());
    } else {
        datagram.push(b'=');
    }
    datagram.extend(value.as_bytes());
    datagram.push(b'\n');
}

fn truncate(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push_str("...");
    }
}

const IDENTIFIER: &str = "tcpentry-guard";
/// The facility of syslog(3).
const DAEMON: &str = "3";
/// No message is so long, but for what comes from outside. Twelve fields of it fit into a datagram.
const MAX_MESSAGE: usize = 2048;
