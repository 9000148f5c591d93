//! The event of a rule: the words of `when`.

use std::time::Duration;

use tcpentry::ScopedEndpoint;
use tcpentry::watch::{TableFamily, UnknownFamily};

use super::Trigger;
use super::section::cited;
use crate::args::habits::commands::nearest;
use crate::output::exact_duration;

/// The error of a word of `when`.
#[derive(Debug, PartialEq)]
pub(super) struct WordError {
    /// The number of characters before the word.
    pub(super) column: usize,
    pub(super) cause: String,
    pub(super) hint: Option<String>,
}

/// The time in which an address of a name has to be in no answer, if nothing else is asked for.
pub(super) const ABSENT_FOR: Duration = Duration::from_secs(600);

/// The events: their words, and the form of `when`.
const EVENTS: [(&str, &str); 4] = [
    ("address-removed", "address-removed"),
    ("set", "set FAMILY TABLE SET"),
    ("name-changed", "name-changed NAME"),
    ("ban", "ban"),
];

impl Trigger {
    /// Parses the words of `when`; `device` and `absent-for` are keys of their own.
    pub(super) fn parse(text: &str) -> Result<Self, WordError> {
        let words = words(text);
        let mut rest = words.iter();
        let Some(&(column, event)) = rest.next() else {
            return Err(WordError {
                column: 0,
                cause: "`when` names no event".to_owned(),
                hint: Some(events()),
            });
        };
        let mut next = |what: &str, form: &str| {
            rest.next().copied().ok_or_else(|| WordError {
                column: text.chars().count(),
                cause: format!("expected {what}"),
                hint: Some(format!("`when = \"{form}\"`")),
            })
        };
        let trigger = match event {
            "address-removed" => Self::AddressRemoved { device: None },
            "ban" => Self::Ban,
            "name-changed" => Self::NameChanged {
                name: host_name(next("the name of a host", EVENTS[2].1)?)?,
                absent_for: ABSENT_FOR,
            },
            "set" => {
                let mut next = |what| next(what, EVENTS[1].1);
                Self::Set {
                    family: family(next("the family of a table of nftables")?)?,
                    table: glob(next("the name of a table of nftables")?, MAX_NFT_NAME)?,
                    set: glob(next("the name of a set of nftables")?, MAX_NFT_NAME)?,
                }
            }
            other => {
                let near = nearest(other, EVENTS.iter().map(|(word, _)| *word));
                return Err(WordError {
                    column,
                    cause: format!("{} is not an event", cited(other)),
                    hint: Some(match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => events(),
                    }),
                });
            }
        };
        match rest.next() {
            None => Ok(trigger),
            Some(&(column, word)) => Err(WordError {
                column,
                cause: format!("expected the end of `{event}`, found {}", cited(word)),
                hint: EVENTS
                    .iter()
                    .find(|(word, _)| *word == event)
                    .map(|(_, form)| format!("`when = \"{form}\"`")),
            }),
        }
    }

    /// Returns the words of `when`, or of `every`.
    pub(in crate::command::guard) fn text(&self) -> String {
        match self {
            Self::Every(time) => format!("every {}", exact_duration(*time)),
            event => event.when().unwrap_or_default(),
        }
    }

    /// Returns the words of `when`; `None` where the rule has `every`.
    pub(super) fn when(&self) -> Option<String> {
        Some(match self {
            Self::Every(_) => return None,
            Self::AddressRemoved { .. } => "address-removed".to_owned(),
            Self::Set { family, table, set } => format!("set {family} {table} {set}"),
            Self::NameChanged { name, .. } => format!("name-changed {name}"),
            Self::Ban => "ban".to_owned(),
        })
    }

    /// Returns the variable that its event brings, without the `$`.
    pub(in crate::command::guard) const fn variable(&self) -> Option<&'static str> {
        match self {
            Self::Every(_) => None,
            Self::AddressRemoved { .. } => Some("address"),
            Self::Set { .. } | Self::Ban => Some("elements"),
            Self::NameChanged { .. } => Some("former"),
        }
    }
}

/// Checks a glob: `*` stands for anything, and other signs of shells are a mistake.
pub(super) fn glob((column, word): (usize, &str), longest: usize) -> Result<String, WordError> {
    let error = |cause: String, hint: Option<String>| WordError {
        column,
        cause,
        hint,
    };
    if let Some(sign) = word.chars().find(|it| "?[]{}".contains(*it)) {
        return Err(error(
            format!("`{sign}` in {} is no part of a name", cited(word)),
            Some("only `*` is special here: it stands for anything".to_owned()),
        ));
    }
    if word.is_empty() {
        let hint = "`*` stands for any".to_owned();
        return Err(error("the name is empty".to_owned(), Some(hint)));
    }
    if word.chars().any(|it| it.is_control() || it.is_whitespace()) {
        return Err(error(format!("{} is not a name", cited(word)), None));
    }
    let literal = word.bytes().filter(|byte| *byte != b'*').count();
    if literal > longest {
        let cause = format!("{} is longer than {longest} bytes", cited(word));
        return Err(error(cause, Some("no name is as long".to_owned())));
    }
    Ok(word.to_owned())
}

fn family((column, word): (usize, &str)) -> Result<TableFamily, WordError> {
    word.parse().map_err(|error: UnknownFamily| WordError {
        column,
        cause: format!("{} is not a family of tables", cited(word)),
        hint: Some(error.to_string()),
    })
}

fn host_name((column, word): (usize, &str)) -> Result<String, WordError> {
    let error = |cause: &str, hint: &str| {
        Err(WordError {
            column,
            cause: format!("{} {cause}", cited(word)),
            hint: Some(hint.to_owned()),
        })
    };
    let is_address = word.parse::<std::net::IpAddr>().is_ok();
    if is_address || word.parse::<ScopedEndpoint>().is_ok() {
        return error(
            "is an address, which never changes",
            "name a host, or use `every`",
        );
    }
    let is_part = |it: char| it.is_alphanumeric() || matches!(it, '-' | '_' | '.');
    if !word.chars().all(is_part) || word.len() > MAX_HOST_NAME || word.starts_with(['-', '.']) {
        return error(
            "is not the name of a host",
            "a port is a term of the filter: `dst $former dport = :5432`",
        );
    }
    Ok(word.to_owned())
}

/// Returns the words of a text, each with the number of characters before it.
fn words(text: &str) -> Vec<(usize, &str)> {
    let words = text.split_whitespace();
    let words = words.map(|word| {
        // A word is a part of the text.
        let at = word.as_ptr() as usize - text.as_ptr() as usize;
        (text[..at].chars().count(), word)
    });
    words.collect()
}

fn events() -> String {
    let forms: Vec<_> = EVENTS.iter().map(|(_, form)| format!("`{form}`")).collect();
    format!("events are {}", forms.join(", "))
}

/// `NFT_NAME_MAXLEN` without its NUL.
const MAX_NFT_NAME: usize = 255;
/// RFC 1035, without the last dot.
const MAX_HOST_NAME: usize = 253;
