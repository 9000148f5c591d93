//! The connections that a rule would delete now.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use tcpentry::Error;
use tcpentry::filter::{Prefix, PrefixSet};
use tcpentry::netns::HostAddresses;
use tcpentry::watch::{SetContent, SetWatch};

use crate::command::delete::interrupt::Interrupt;
use crate::command::guard::look::{find_missing, look};
use crate::command::guard::rules::{Rule, Rules, Trigger};
use crate::command::guard::state::LookResult;
use crate::command::guard::state::taken::Never;
use crate::output::exact_duration;
use crate::tables::selection;
use crate::tables::sets::Sets;

/// The connections that a rule would delete now.
pub(super) enum Forecast {
    /// None: its event has brought nothing yet.
    Waits(String),
    /// The filter was evaluated, in these namespaces; in none that has a name where only the program's own was read.
    Matches(LookResult, Vec<String>),
    /// The filter can't be evaluated, for this reason.
    Unknown(String),
}

impl Forecast {
    pub(super) fn of(rule: &Rule, rules: &Rules) -> Self {
        let evaluated = evaluate(rule, rules);
        evaluated.unwrap_or_else(Self::Unknown)
    }

    /// Returns it in words.
    pub(super) fn lines(&self, rule: &Rule) -> Vec<String> {
        let mut lines = Vec::new();
        if !rule.enabled {
            lines.push("is not enabled: set `enabled = true`, and reload".to_owned());
        }
        match self {
            Self::Waits(event) => lines.push(format!("waits {event}")),
            Self::Unknown(reason) => {
                lines.push(format!(
                    "what it would delete now can't be told: {}",
                    one_line(reason)
                ));
            }
            Self::Matches(looked, namespaces) => {
                lines.push(matches(looked, rule));
                if looked.hidden > 0 {
                    lines.push(selection::describe_hidden(
                        looked.hidden,
                        "they are not counted",
                    ));
                }
                lines.extend(places(namespaces));
                lines.extend(looked.failures.iter().map(|failure| one_line(failure)));
            }
        }
        lines
    }
}

fn matches(looked: &LookResult, rule: &Rule) -> String {
    let count = looked.found.len() as u64;
    let connections = if count == 1 {
        "connection"
    } else {
        "connections"
    };
    if let Some(max) = rule.max.filter(|max| count > *max) {
        return format!("would do nothing now: {count} {connections} match, and `max` is {max}");
    }
    let mut line = format!("would delete {count} {connections} now");
    if let Some(time) = rule.matched_for {
        let _ = write!(line, ", if they match for {}", exact_duration(time));
    }
    let mut spared = BTreeMap::new();
    for done in &looked.protected {
        let why = done.cause.as_deref().unwrap_or_default();
        *spared.entry(format!("because {why}")).or_insert(0) += 1;
    }
    spared.insert("by `except`".to_owned(), looked.excepted);
    spared.insert("in LISTEN".to_owned(), looked.listeners);
    let spared = spared.iter().filter(|(_, count)| **count > 0);
    let spared: Vec<_> = spared
        .map(|(why, count)| format!("{count} {why}"))
        .collect();
    if !spared.is_empty() {
        let _ = write!(line, "; spares {}", spared.join(", "));
    }
    if rule.dry_run {
        line += "; dry-run: it only says so";
    }
    line
}

fn places(namespaces: &[String]) -> Option<String> {
    let shown = namespaces.len().min(MAX_LISTED);
    let mut line = format!("in {}", namespaces[..shown].join(" "));
    if let more @ 1.. = namespaces.len() - shown {
        let _ = write!(line, " and {more} more");
    }
    (!namespaces.is_empty()).then_some(line)
}

fn evaluate(rule: &Rule, rules: &Rules) -> Result<Forecast, String> {
    let mut sets = Sets::new();
    if let Some(variable) = rule.trigger.variable() {
        let present = present(rule).map_err(|error| error.to_string())?;
        let host = HostAddresses::read().map_err(|error| error.to_string())?;
        let never = Never::new(Arc::new(rules.never.clone()), host);
        let taken = present
            .into_iter()
            .filter_map(|prefix| never.take(prefix).ok());
        let taken: PrefixSet = taken.flatten().collect();
        if taken.is_empty() {
            return Ok(Forecast::Waits(event(&rule.trigger)));
        }
        sets.insert(variable.to_owned(), Arc::new(taken));
    }
    let looked = look(rule, &sets, &rules.never, &Interrupt::never());
    let (looked, scans) = looked.map_err(|failure| failure.reason)?;
    let names = scans.iter().filter_map(|scan| scan.table.name.clone());
    Ok(Forecast::Matches(looked, names.collect()))
}

/// Returns what the event of a rule would bring at the start: what is there already.
fn present(rule: &Rule) -> Result<Vec<Prefix>, Error> {
    match &rule.trigger {
        // Which device a lost address was on is not known.
        Trigger::AddressRemoved { device: None } => {
            Ok(find_missing()?.into_iter().map(Prefix::from).collect())
        }
        Trigger::Set { .. } => {
            let mut watch = SetWatch::open()?;
            let mut present = Vec::new();
            for set in watch.sets()? {
                // Of a set of something else the service says so, and takes nothing.
                let is_of_addresses = matches!(set.content, SetContent::Ipv4 | SetContent::Ipv6);
                if is_of_addresses && rule.trigger.is_about_set(&set.name) {
                    let elements = watch.elements(&set.name)?;
                    present.extend(elements.into_iter().map(|it| it.prefix));
                }
            }
            Ok(present)
        }
        _ => Ok(Vec::new()),
    }
}

/// Returns what a rule waits for.
fn event(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Every(_) => String::new(),
        Trigger::AddressRemoved { device: None } => "for an address to leave this host".to_owned(),
        Trigger::AddressRemoved {
            device: Some(device),
        } => format!("for an address to leave a device {device}"),
        Trigger::Set { family, table, set } => {
            format!("for elements of the set {family} {table} {set}")
        }
        Trigger::NameChanged { name, .. } => format!("for other addresses of {name}"),
        Trigger::Ban => "for what `tcpentry ban` hands over".to_owned(),
    }
}

/// Returns a text that stays in one line of comments.
fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// As many namespaces are named.
const MAX_LISTED: usize = 5;
