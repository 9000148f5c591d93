//! One rule, from the keys of its table.

use std::time::Duration;

use super::filter::{Demand, LONGEST_DEVICE};
use super::section::{KeyReader, LocatedText, cited};
use super::trigger::{ABSENT_FOR, glob};
use super::{NetnsScope, Rule, Trigger, filter};
use crate::args::duration::duration;
use crate::args::pace::Rate;

/// The keys of a rule.
pub(super) const KEYS: [&str; 16] = [
    "when",
    "every",
    "device",
    "absent-for",
    "delete",
    "except",
    "everything",
    "netns",
    "matched-for",
    "max",
    "rate",
    "spread",
    "enabled",
    "dry-run",
    "listeners",
    "ssh-sessions",
];

/// Reads a rule; `None` where it has errors, which are the reader's.
pub(super) fn read(reader: &mut KeyReader<'_>, name: &str) -> Option<Rule> {
    reader.allow_only(&KEYS);
    let trigger = trigger(reader);
    // A trigger that is wrong says nothing about variables.
    let known = trigger.as_ref();
    let everything = reader.flag("everything").unwrap_or_default();
    let demand = if everything {
        Demand::None
    } else {
        Demand::Choice
    };
    if !reader.has("delete") {
        reader.fail(
            format!("the rule {} has no `delete`", cited(name)),
            format!("it is the filter of what ends: `delete = {EXAMPLE}`"),
        );
    }
    let delete = reader.text("delete", EXAMPLE);
    let delete = delete.and_then(|text| filter::read(reader, &text, known, demand));
    if reader.has("matched-for")
        && matches!(known, Some(event) if !matches!(event, Trigger::Every(_)))
    {
        reader.fail_at_key(
            "matched-for",
            "`matched-for` needs `every`: an event is followed by one look",
            "leave it out, or let the rule look again and again",
        );
    }
    let except = reader.text("except", "\"sport = :22\"");
    let except = except.and_then(|text| filter::read(reader, &text, known, Demand::None));
    let rule = Rule {
        name: name.to_owned(),
        netns: netns(reader),
        matched_for: period(reader, "matched-for", "\"60s\""),
        max: reader.count("max", "200"),
        rate: rate(reader),
        spread: spread(reader),
        enabled: reader.flag("enabled").unwrap_or(true),
        dry_run: reader.flag("dry-run").unwrap_or_default(),
        listeners: reader.flag("listeners").unwrap_or_default(),
        ssh_sessions: reader.flag("ssh-sessions").unwrap_or_default(),
        everything,
        except,
        // Both are there where there is no error.
        delete: delete.unwrap_or_default(),
        trigger: trigger.unwrap_or(Trigger::Ban),
    };
    reader.is_in_order().then_some(rule)
}

fn trigger(reader: &mut KeyReader<'_>) -> Option<Trigger> {
    let trigger = match (reader.has("when"), reader.has("every")) {
        (true, true) => {
            reader.fail_at_key(
                "every",
                "a rule has `when` or `every`, and this one has both",
                "make two rules of it, with the same `delete`",
            );
            None
        }
        (false, false) => {
            reader.fail(
                "the rule has neither `when` nor `every`",
                "`every = \"30s\"` looks at the table again and again, `when = \"ban\"` acts on an event",
            );
            None
        }
        (true, false) => event(reader),
        (false, true) => period(reader, "every", "\"30s\"").map(Trigger::Every),
    };
    let device = device(reader);
    let absent_for = period(reader, "absent-for", "\"10m\"");
    let is_wrong = |key| trigger.is_some() && reader.has(key);
    let (device_is_wrong, absent_is_wrong) = (is_wrong("device"), is_wrong("absent-for"));
    Some(match trigger? {
        Trigger::AddressRemoved { .. } if !absent_is_wrong => Trigger::AddressRemoved { device },
        Trigger::NameChanged { name, .. } if !device_is_wrong => Trigger::NameChanged {
            name,
            absent_for: absent_for.unwrap_or(ABSENT_FOR),
        },
        trigger => {
            let is_of_name = matches!(trigger, Trigger::NameChanged { .. });
            let is_of_address = matches!(trigger, Trigger::AddressRemoved { .. });
            if device_is_wrong && !is_of_address {
                reader.fail_at_key(
                    "device",
                    "`device` is a key of rules with `when = \"address-removed\"`",
                    "leave it out; in a filter, `dev NAME` is the device that a socket is bound to",
                );
            }
            if absent_is_wrong && !is_of_name {
                reader.fail_at_key(
                    "absent-for",
                    "`absent-for` is a key of rules with `when = \"name-changed NAME\"`",
                    "leave it out",
                );
            }
            trigger
        }
    })
}

fn event(reader: &mut KeyReader<'_>) -> Option<Trigger> {
    let text = reader.text("when", "\"ban\"")?;
    match Trigger::parse(text.text) {
        Ok(trigger) => Some(trigger),
        Err(error) => {
            reader.fail_in(&text, error.column, error.cause, error.hint);
            None
        }
    }
}

fn device(reader: &mut KeyReader<'_>) -> Option<String> {
    let text = reader.text("device", "\"eth*\"")?;
    match glob((0, text.text), LONGEST_DEVICE) {
        Ok(glob) => Some(glob),
        Err(error) => {
            reader.fail_in(&text, error.column, error.cause, error.hint);
            None
        }
    }
}

/// Reads a duration that is not 0.
fn period(reader: &mut KeyReader<'_>, key: &str, example: &str) -> Option<Duration> {
    let text = reader.text(key, example)?;
    let cause = match duration(text.text) {
        _ if text.text.is_empty() => format!("`{key}` is empty"),
        Ok(time) if time.is_zero() => format!("`{key}` is 0"),
        Ok(time) if time > LONGEST => format!("`{key}` is longer than ten years"),
        Ok(time) => return Some(time),
        Err(cause) => cause,
    };
    let hint = format!("such as `{key} = {example}`");
    reader.fail_in(&text, 0, cause, Some(hint));
    None
}

fn rate(reader: &mut KeyReader<'_>) -> Option<Rate> {
    let text = reader.text("rate", "\"20/s\"")?;
    match text.text.parse() {
        Ok(rate) => Some(rate),
        Err(cause) => {
            let cause: String = cause;
            reader.fail_in(
                &text,
                0,
                cause,
                Some("such as `rate = \"20/s\"`".to_owned()),
            );
            None
        }
    }
}

fn spread(reader: &mut KeyReader<'_>) -> Option<Duration> {
    let spread = period(reader, "spread", "\"5m\"");
    if reader.has("rate") && reader.has("spread") {
        reader.fail_at_key(
            "spread",
            "a rule has `rate` or `spread`, and this one has both",
            "`rate` is so many in a second, `spread` all of a round evenly over that time",
        );
    }
    spread
}

fn netns(reader: &mut KeyReader<'_>) -> NetnsScope {
    let example = "[\"web\", \"db\"]";
    if reader.has("netns") && !reader.is_list("netns") {
        let Some(text) = reader.text("netns", example) else {
            return NetnsScope::Own;
        };
        return match text.text {
            "own" => NetnsScope::Own,
            "all" => NetnsScope::All,
            other => {
                let cause = format!("`netns` is `own`, `all` or a list, found {}", cited(other));
                let hint = format!("names stand in a list: `netns = {example}`");
                reader.fail_in(&text, 0, cause, Some(hint));
                NetnsScope::Own
            }
        };
    }
    let Some(texts) = reader.texts("netns", example) else {
        return NetnsScope::Own;
    };
    if texts.is_empty() {
        reader.fail_at_key(
            "netns",
            "`netns` names no namespace",
            "leave it out for the program's own",
        );
    }
    let mut names: Vec<String> = Vec::new();
    for text in &texts {
        if let Some((cause, hint)) = judge_netns(text, &names) {
            reader.fail_in(text, 0, cause, Some(hint));
        }
        names.push(text.text.to_owned());
    }
    NetnsScope::Named(names)
}

fn judge_netns(text: &LocatedText<'_>, before: &[String]) -> Option<(String, String)> {
    let name = text.text;
    if name.is_empty() || name.chars().any(char::is_control) {
        let hint = "a name of `ip netns`, a path, or what the column NETNS shows";
        return Some(("this is no name of a namespace".to_owned(), hint.to_owned()));
    }
    let is_repeated = before.iter().any(|it| it == name);
    is_repeated.then(|| {
        let cause = format!("the namespace {} is named twice", cited(name));
        (cause, "leave one of them out".to_owned())
    })
}

const EXAMPLE: &str = "\"state close-wait process java\"";
/// So that no sum with a time overflows.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);
