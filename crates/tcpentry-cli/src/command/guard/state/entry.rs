//! A record of what the service did, for the journal.

use super::found::Done;
use crate::command::delete::line::WITH_SUBFLOWS;
use tcpentry::Outcome;

/// The weight of a record, as syslog(3) counts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Weight {
    Error,
    Warning,
    Notice,
    Info,
}

/// A record: of one connection, or of a rule.
#[derive(Clone, Debug)]
pub(crate) struct GuardEntry {
    pub(crate) weight: Weight,
    pub(crate) rule: String,
    pub(crate) text: String,
    /// Outcome of one connection, where the record is of one.
    pub(crate) done: Option<Done>,
    pub(crate) is_dry_run: bool,
}

impl GuardEntry {
    pub(crate) fn of_rule(weight: Weight, rule: &str, text: impl Into<String>) -> Self {
        Self {
            weight,
            rule: rule.to_owned(),
            text: text.into(),
            done: None,
            is_dry_run: false,
        }
    }

    pub(crate) fn of_connection(rule: &str, done: Done, is_dry_run: bool) -> Self {
        let outcome = done.outcome;
        let weight = match outcome {
            Outcome::Deleted => Weight::Notice,
            Outcome::Gone | Outcome::Spared => Weight::Info,
            _ => Weight::Warning,
        };
        let verb = if is_dry_run { "would be " } else { "" };
        let mut text = format!("{verb}{outcome}: {}", done.connection.pair);
        if let Some(place) = &done.place {
            text = format!("{text} in {place}");
        }
        if let Some(cause) = &done.cause {
            text = format!("{text}: {cause}");
        }
        if outcome == Outcome::Deleted && !done.subflows.is_empty() {
            let others: Vec<_> = done.subflows.iter().map(ToString::to_string).collect();
            text = format!("{text}{WITH_SUBFLOWS}{}", others.join(", "));
        }
        Self {
            weight,
            rule: rule.to_owned(),
            text,
            done: Some(done),
            is_dry_run,
        }
    }
}
