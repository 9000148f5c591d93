//! A look at the tables: what a rule selects in them, under its guards.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::net::IpAddr;

use tcpentry::delete::Ending;
use tcpentry::filter::{PrefixSet, Truth};
use tcpentry::netns::{HostAddresses, HostRole};
use tcpentry::{
    Attribution, Connection, Error, ErrorKind, Outcome, Query, Selection, States, TcpTable,
};

use super::rules::{NetnsScope, Rule, Trigger};
use super::state::{Done, FoundConnection, LookFailure, LookResult};
use crate::args::{DeleteArgs, NetnsArgs};
use crate::command::delete::interrupt::Interrupt;
use crate::command::delete::selector::{self, RowVerdict, SelectedTable, Selector};
use crate::command::delete::stop::Stop;
use crate::own_session::SessionGuard;
use crate::peer_reset::because;
use crate::tables::selection::{self, FilterInput, Hosts, SelectionError};
use crate::tables::sets::Sets;
use crate::tables::{self, NamespaceTable};

/// Looks what a rule selects, and returns it with the tables in which that was. `sets` has what its event brought, from
/// which `never` was not taken.
pub(super) fn look(
    rule: &Rule,
    sets: &Sets,
    never: &PrefixSet,
    interrupt: &Interrupt,
) -> Result<(LookResult, Vec<SelectedTable>), LookFailure> {
    let excepted = Cell::new(0);
    let args = args_of(rule);
    let tables = tables::open_quietly(&args.netns)?;
    let mut opened = tables.opened;
    let words = [rule.delete.clone()];
    let input = FilterInput {
        words: &words,
        args: &args.select,
        sets,
    };
    let states = selector::default_states(&args);
    let selections = prepare(input, states, &mut opened)?;
    let except = match &rule.except {
        Some(except) => {
            let words = [except.clone()];
            let input = FilterInput {
                words: &words,
                ..input
            };
            prepare(input, States::ALL, &mut opened)?
        }
        None => Vec::new(),
    };
    let excepting = RefCell::new(attribution(&except));
    let judge =
        |table: usize, row: &Connection| verdict(&except[table], row, &mut excepting.borrow_mut());
    let holders = attribution(&selections);
    let scans = opened.into_iter().zip(selections).enumerate();
    let scans =
        scans.map(|(index, (table, selection))| SelectedTable::new(&args, index, table, selection));
    let mut selector = Selector::new(&args, input, scans.collect(), holders);
    let is_ban = matches!(rule.trigger, Trigger::Ban | Trigger::Set { .. });
    let lifted = is_ban || rule.ssh_sessions;
    selector.session = SessionGuard::new(lifted).of_servers();
    if is_ban {
        // A peer must not escape by a second subflow from an address that is not named.
        selector.end_whole_connections();
    }
    selector.spares = Some(Box::new(|table, row| {
        let is_excepted =
            || !except.is_empty() && !matches!(judge(table, row), RowVerdict::Selected);
        never.contains(row.peer().address()) || is_excepted()
    }));
    if !except.is_empty() {
        selector.condition = Some(Box::new(|table, row| {
            let verdict = judge(table, row);
            if matches!(verdict, RowVerdict::NotSelected) {
                excepted.set(excepted.get() + 1);
            }
            verdict
        }));
    }
    let matches = selector.find_all(interrupt).map_err(|stop| LookFailure {
        may_pass: !matches!(stop, Stop::Hidden(_)),
        reason: stop.message(true).unwrap_or_default(),
    })?;
    let (listeners, mut scans) = (selector.listeners, selector.scans);
    let mut failures = tables.notes;
    failures.extend(matches.failures.iter().map(ToString::to_string));
    let protected = matches.protected.into_iter();
    let protected =
        protected.map(|(table, row, refusal)| describe(&mut scans[table], row, &Err(refusal)));
    let protected = protected.collect();
    let found = matches.rows.iter().map(|one| FoundConnection {
        netns: scans[one.table()].table.table.netns(),
        connection: one.connection(),
    });
    let looked = LookResult {
        found: found.collect(),
        protected,
        listeners,
        excepted: excepted.get(),
        hidden: matches.hidden.len() as u64,
        failures,
    };
    Ok((looked, scans))
}

fn attribution(selections: &[Selection]) -> Attribution {
    let first = selections.first();
    first.map_or_else(Attribution::new, Selection::attribution)
}

/// Describes what became of a connection.
pub(super) fn describe(
    scan: &mut SelectedTable,
    connection: Connection,
    result: &Result<Ending, Error>,
) -> Done {
    let table = &mut scan.table;
    let identity = table
        .table
        .origin()
        .map(|origin| origin.identity(&connection).to_string());
    let subflows = scan.subflows.others_of(&connection);
    Done {
        netns: table.table.netns(),
        outcome: match result {
            Ok(_) => Outcome::Deleted,
            Err(error) => error.outcome(),
        },
        errno: result.as_ref().err().and_then(Error::errno),
        cause: match result {
            Ok(ending) => ending.reset.kept_back().map(|reason| {
                let address = connection.local().address();
                let because = because(reason);
                format!(
                    "its peer was not notified: {address} is no longer on this host, and {because}"
                )
            }),
            Err(error) => Some(error.cause().to_owned()),
        },
        identity: identity.unwrap_or_default(),
        subflows: subflows.map(|it| it.pair).collect(),
        place: table.name.clone(),
        connection,
    }
}

/// Selects only what the exception does not spare for certain.
fn verdict(except: &Selection, row: &Connection, holders: &mut Attribution) -> RowVerdict {
    let unknown = |why: &str| {
        let cause = format!("whether `except` spares it is not known: {why}");
        RowVerdict::Unknown(Error::spared(cause, row.pair))
    };
    match except.judge(row, holders) {
        Ok(Truth::False) => RowVerdict::Selected,
        Ok(Truth::True | Truth::Unknown) => RowVerdict::NotSelected,
        Ok(Truth::Hidden) => unknown("the service may not see what decides"),
        Err(error) => unknown(error.cause()),
    }
}

fn prepare(
    input: FilterInput<'_>,
    states: States,
    tables: &mut [NamespaceTable],
) -> Result<Vec<Selection>, LookFailure> {
    // A host name would be looked up here, and keep everything else waiting.
    let prepared = selection::prepare_all(input, states, tables, Hosts::Numbers);
    prepared.map_err(|error| match error {
        SelectionError::Filter { error, .. } => LookFailure {
            reason: error.to_string(),
            may_pass: false,
        },
        SelectionError::Table(error) => error.into(),
    })
}

impl From<Error> for LookFailure {
    fn from(error: Error) -> Self {
        Self {
            reason: error.to_string(),
            may_pass: error.kind() == ErrorKind::Os,
        }
    }
}

/// Returns the options of `delete` that do what a rule says.
fn args_of(rule: &Rule) -> DeleteArgs {
    let (all_netns, netns) = match &rule.netns {
        NetnsScope::Own => (false, Vec::new()),
        NetnsScope::All => (true, Vec::new()),
        NetnsScope::Named(names) => (false, names.clone()),
    };
    DeleteArgs {
        netns: NetnsArgs { netns, all_netns },
        yes: true,
        listeners: rule.listeners,
        ..DeleteArgs::default()
    }
}

/// Returns the local addresses of connections that are on no device of this network namespace.
pub(super) fn find_missing() -> Result<Vec<IpAddr>, Error> {
    let mut table = TcpTable::open()?;
    let mut addresses = HashSet::new();
    for row in table.connections(&Query::default())? {
        addresses.insert(row?.local().address().to_canonical());
    }
    let host = HostAddresses::read()?;
    let missing = addresses
        .into_iter()
        .filter(|it| host.role(*it) != Some(HostRole::Own));
    let mut missing: Vec<_> = missing.collect();
    missing.sort_unstable();
    Ok(missing)
}
