//! The connections that a rule would delete now.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use tcpentry::filter::{Prefix, PrefixSet, Truth};
use tcpentry::netns::{HostAddresses, HostRole};
use tcpentry::{Attribution, Connection, Error, Query, Selection, State, States};

use super::super::rules::{NetnsScope, Rule, Trigger};
use crate::args::{NetnsArgs, SelectArgs};
use crate::output::exact_duration;
use crate::own_session::SessionGuard;
use crate::tables::selection::{self, FilterInput, Hosts, SelectionError};
use crate::tables::sets::Sets;
use crate::tables::{self, NamespaceTable, rows};

/// The connections that a rule would delete now.
pub(super) enum Forecast {
    /// None: its event has brought nothing yet.
    Waits(String),
    /// The filter was evaluated.
    Matches(MatchCount),
    /// The filter can't be evaluated, for this reason.
    Unknown(String),
}

/// The connections that a filter selects.
#[derive(Default)]
pub(super) struct MatchCount {
    selected: u64,
    excepted: u64,
    /// Held by an SSH server.
    of_ssh: u64,
    listeners: u64,
    /// Of so many the caller may not see what the filter asks for.
    hidden: u64,
    /// The names of the namespaces; none where only the program's own was read.
    namespaces: Vec<String>,
    /// The namespaces that were left out, and those that failed.
    notes: Vec<String>,
}

impl From<SelectionError> for Forecast {
    fn from(error: SelectionError) -> Self {
        Self::Unknown(match error {
            SelectionError::Filter { error, .. } => error.to_string(),
            SelectionError::Table(error) => error.to_string(),
        })
    }
}

impl From<Error> for Forecast {
    fn from(error: Error) -> Self {
        Self::Unknown(error.to_string())
    }
}

impl Forecast {
    pub(super) fn of(rule: &Rule) -> Self {
        evaluate(rule).unwrap_or_else(|reason| reason)
    }

    /// Returns it in words.
    pub(super) fn lines(&self, rule: &Rule) -> Vec<String> {
        let mut lines = Vec::new();
        if !rule.enabled {
            lines.push("is not enabled, and does nothing until `guard resume`".to_owned());
        }
        match self {
            Self::Waits(event) => lines.push(format!("waits {event}")),
            Self::Unknown(reason) => {
                lines.push(format!(
                    "what it would delete now can't be told: {}",
                    one_line(reason)
                ));
            }
            Self::Matches(found) => {
                lines.push(found.line(rule));
                if found.hidden > 0 {
                    lines.push(selection::describe_hidden(
                        found.hidden,
                        "they are not counted",
                    ));
                }
                if !found.namespaces.is_empty() {
                    lines.push(found.places());
                }
                lines.extend(found.notes.iter().map(|note| one_line(note)));
            }
        }
        lines
    }
}

impl MatchCount {
    fn line(&self, rule: &Rule) -> String {
        let connections = if self.selected == 1 {
            "connection"
        } else {
            "connections"
        };
        let count = self.selected;
        if let Some(max) = rule.max.filter(|max| count > *max) {
            return format!(
                "would do nothing now: {count} {connections} match, and `max` is {max}"
            );
        }
        let mut line = format!("would delete {count} {connections} now");
        if let Some(time) = rule.matched_for {
            let _ = write!(line, ", if they match for {}", exact_duration(time));
        }
        let spared = [
            (self.excepted, "by `except`"),
            (self.of_ssh, "of an SSH server"),
            (self.listeners, "in LISTEN"),
        ];
        let spared = spared.iter().filter(|(count, _)| *count > 0);
        let spared: Vec<_> = spared
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        if !spared.is_empty() {
            let _ = write!(line, "; spares {}", spared.join(", "));
        }
        if rule.dry_run {
            line += "; dry-run: it only says so";
        }
        line
    }

    fn places(&self) -> String {
        let shown = self.namespaces.len().min(MAX_LISTED);
        let mut line = format!("in {}", self.namespaces[..shown].join(" "));
        if let more @ 1.. = self.namespaces.len() - shown {
            let _ = write!(line, " and {more} more");
        }
        line
    }
}

fn evaluate(rule: &Rule) -> Result<Forecast, Forecast> {
    let opened = tables::open_quietly(&netns(&rule.netns))?;
    let mut tables = opened.opened;
    let mut sets = Sets::new();
    if let Some(variable) = rule.trigger.variable() {
        let elements = match &mut tables[..] {
            [own] => present(rule, own)?,
            _ => PrefixSet::new(),
        };
        if elements.is_empty() {
            return Ok(Forecast::Waits(event(&rule.trigger)));
        }
        sets = BTreeMap::from([(variable.to_owned(), Arc::new(elements))]);
    }
    let mut matches = count(rule, &sets, &mut tables)?;
    let names = tables.iter().filter_map(|table| table.name.clone());
    matches.namespaces = names.collect();
    matches.notes.extend(opened.notes);
    Ok(Forecast::Matches(matches))
}

/// Returns what the event of a rule would bring at the start: what is there already.
fn present(rule: &Rule, table: &mut NamespaceTable) -> Result<PrefixSet, Error> {
    match &rule.trigger {
        // Which device a lost address was on is not known.
        Trigger::AddressRemoved { device: None } if rule.netns == NetnsScope::Own => {
            lost_addresses(table)
        }
        _ => Ok(PrefixSet::new()),
    }
}

/// Returns the local addresses of connections that no device of this host has.
fn lost_addresses(table: &mut NamespaceTable) -> Result<PrefixSet, Error> {
    let host = HostAddresses::read()?;
    let mut lost = PrefixSet::new();
    for row in table.table.connections(&Query::default())? {
        let address = row?.local().address();
        if host.role(address) != Some(HostRole::Own) {
            lost.insert(Prefix::from(address));
        }
    }
    Ok(lost)
}

fn count(rule: &Rule, sets: &Sets, tables: &mut [NamespaceTable]) -> Result<MatchCount, Forecast> {
    let states = if rule.listeners {
        States::CONNECTIONS.union(States::LISTENING)
    } else {
        States::CONNECTIONS
    };
    let selections = prepare(&rule.delete, sets, states, tables)?;
    let excepted = match &rule.except {
        Some(except) => Some(prepare(except, sets, States::ALL, tables)?),
        None => None,
    };
    let attribution = |selections: &[Selection]| {
        let first = selections.first();
        first.map_or_else(Attribution::new, Selection::attribution)
    };
    let mut holders = attribution(&selections);
    let mut holders_of_excepted = attribution(excepted.as_deref().unwrap_or_default());
    let mut ssh = SessionGuard::new(rule.ssh_sessions || is_of_bans(&rule.trigger));
    let mut matches = MatchCount::default();
    let dumps = tables
        .iter_mut()
        .zip(selections.iter().map(Selection::query));
    let failures = rows::each_row(dumps.collect(), |index, row: Connection| {
        match selections[index].judge(&row, &mut holders)? {
            Truth::True => {}
            Truth::Hidden => {
                matches.hidden += 1;
                return Ok(());
            }
            Truth::False | Truth::Unknown => return Ok(()),
        }
        let is_spared = match &excepted {
            // What is not known to be no exception is one.
            Some(excepted) => {
                excepted[index].judge(&row, &mut holders_of_excepted)? != Truth::False
            }
            None => false,
        };
        let counter = if is_spared {
            &mut matches.excepted
        } else if row.state == State::Listening && !rule.listeners {
            &mut matches.listeners
        } else if ssh.is_of_a_server(&row) {
            &mut matches.of_ssh
        } else {
            &mut matches.selected
        };
        *counter += 1;
        Ok::<_, Forecast>(())
    })?;
    matches.notes = failures.iter().map(Error::to_string).collect();
    Ok(matches)
}

fn prepare(
    filter: &str,
    sets: &Sets,
    states: States,
    tables: &mut [NamespaceTable],
) -> Result<Vec<Selection>, SelectionError> {
    let input = FilterInput {
        words: &[filter.to_owned()],
        args: &SelectArgs::default(),
        sets,
    };
    // A rule names no host.
    selection::prepare_all(input, states, tables, Hosts::Numbers)
}

fn is_of_bans(trigger: &Trigger) -> bool {
    matches!(trigger, Trigger::Set { .. } | Trigger::Ban)
}

fn netns(scope: &NetnsScope) -> NetnsArgs {
    match scope {
        NetnsScope::Own => NetnsArgs::default(),
        NetnsScope::All => NetnsArgs {
            all_netns: true,
            ..NetnsArgs::default()
        },
        NetnsScope::Named(names) => NetnsArgs {
            netns: names.clone(),
            ..NetnsArgs::default()
        },
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
            format!("for elements of the set {} {table} {set}", family)
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
