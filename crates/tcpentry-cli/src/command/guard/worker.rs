//! The thread that looks at the tables and deletes: a command at a time, as the state asks for them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::{Builder, JoinHandle};

use tcpentry::delete::Ending;
use tcpentry::filter::Truth;
use tcpentry::netns::HostAddresses;
use tcpentry::{Attribution, Connection, Error, Outcome, Query, Selection, States, TcpTable};

use super::rules::{NetnsScope, Rule, Trigger};
use super::state::{Command, Done, Event, Found, Looked};
use crate::args::{DeleteArgs, NetnsArgs};
use crate::command::delete::interrupt::Interrupt;
use crate::command::delete::selector::{self, RowVerdict, SelectedTable, Selector};
use crate::own_session::SessionGuard;
use crate::tables::selection::{self, FilterInput, Hosts, SelectionError};
use crate::tables::sets::Sets;
use crate::tables::{self, NamespaceTable};

/// What the worker is asked for.
pub(super) enum Task {
    Do(Command),
    /// Look which local addresses of connections are on no device.
    FindMissing,
}

/// The worker: it owns the tables of the looks that are under way.
struct Worker {
    rounds: HashMap<(u64, u64), Round>,
    interrupt: Interrupt,
}

/// A look of which connections may still be deleted.
struct Round {
    rule: String,
    scans: Vec<SelectedTable>,
}

/// Starts the thread. It ends with the channel of its tasks; `wake` is called after each answer.
pub(super) fn start(
    tasks: Receiver<Task>,
    answers: Sender<Event>,
    interrupt: Interrupt,
    wake: impl Fn() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name("tcpentry-table".to_owned());
    builder.spawn(move || {
        let mut worker = Worker {
            rounds: HashMap::new(),
            interrupt,
        };
        for task in tasks {
            let sent = match worker.answer(task) {
                Some(event) => answers.send(event),
                None => continue,
            };
            wake();
            if sent.is_err() {
                return;
            }
        }
    })
}

impl Worker {
    fn answer(&mut self, task: Task) -> Option<Event> {
        match task {
            Task::Do(Command::Look {
                id,
                round,
                rule,
                sets,
            }) => {
                let mut looked = Looked::default();
                match self.look(&rule, &sets, &mut looked) {
                    Ok(scans) => {
                        let rule = rule.name.clone();
                        self.rounds.insert((id, round), Round { rule, scans });
                    }
                    Err(reason) => looked.failures.push(reason),
                }
                Some(Event::Looked { id, round, looked })
            }
            Task::Do(Command::Delete {
                id,
                round,
                these,
                is_dry_run,
            }) => {
                let Some(kept) = self.rounds.get_mut(&(id, round)) else {
                    return None;
                };
                let rule = kept.rule.clone();
                let done = delete(kept, these, is_dry_run, &self.interrupt);
                Some(Event::Done {
                    id,
                    round,
                    rule,
                    is_dry_run,
                    done,
                })
            }
            Task::Do(Command::Forget { id, round }) => {
                self.rounds.remove(&(id, round));
                None
            }
            Task::Do(Command::Log(_)) => None,
            Task::FindMissing => {
                // Where the table can't be read, the next look of a rule says so.
                find_missing().ok().map(Event::AddressesMissing)
            }
        }
    }

    /// Looks what a rule selects, and returns the tables in which that was.
    fn look(
        &self,
        rule: &Rule,
        sets: &Sets,
        looked: &mut Looked,
    ) -> Result<Vec<SelectedTable>, String> {
        let args = args_of(rule);
        let tables = tables::open_quietly(&args.netns).map_err(|error| error.to_string())?;
        looked.failures.extend(tables.notes);
        let mut opened = tables.opened;
        let words = [rule.delete.clone()];
        let input = FilterInput {
            words: &words,
            args: &args.select,
            sets,
        };
        let states = selector::default_states(&args);
        let selections = prepare(input, states, &mut opened)?;
        let except = rule.except.as_ref().map(|except| {
            let words = [except.clone()];
            let input = FilterInput {
                words: &words,
                ..input
            };
            prepare(input, States::ALL, &mut opened)
        });
        let except = except.transpose()?;
        let attribution = selections
            .first()
            .map_or_else(Attribution::new, Selection::attribution);
        let scans = opened.into_iter().zip(selections).enumerate();
        let scans = scans
            .map(|(index, (table, selection))| SelectedTable::new(&args, index, table, selection));
        let mut selector = Selector::new(&args, input, scans.collect(), attribution);
        let is_ban = matches!(rule.trigger, Trigger::Ban | Trigger::Set { .. });
        selector.session = SessionGuard::new(is_ban || rule.ssh_sessions);
        if !is_ban && !rule.ssh_sessions {
            selector.session = selector.session.of_servers();
        }
        if is_ban {
            // A peer must not escape by a second subflow from an address that is not named.
            selector.end_whole_connections();
        }
        if let Some(except) = &except {
            let mut attribution = except
                .first()
                .map_or_else(Attribution::new, Selection::attribution);
            selector.condition = Some(Box::new(move |table, row| {
                verdict(except.get(table), row, &mut attribution)
            }));
        }
        let matches = selector
            .find_all(&self.interrupt)
            .map_err(|stop| stop.message(true).unwrap_or_default())?;
        looked
            .failures
            .extend(matches.failures.iter().map(ToString::to_string));
        looked.hidden = matches.hidden.len() as u64;
        let mut scans = selector.scans;
        for (table, row, refusal) in matches.protected {
            if let Some(scan) = scans.get_mut(table) {
                let done = describe(scan, row, Err(refusal));
                looked.protected.push(done);
            }
        }
        for one in &matches.rows {
            let netns = scans[one.table()].table.table.netns();
            looked.found.push(Found {
                netns,
                connection: one.connection(),
            });
        }
        Ok(scans)
    }
}

/// Deletes these, where they still match, or only checks that.
fn delete(
    round: &mut Round,
    these: Vec<Found>,
    is_dry_run: bool,
    interrupt: &Interrupt,
) -> Vec<Done> {
    let mut done = Vec::new();
    let mut by_table: HashMap<_, Vec<Connection>> = HashMap::new();
    for one in these {
        by_table.entry(one.netns).or_default().push(one.connection);
    }
    for scan in &mut round.scans {
        let Some(here) = by_table.remove(&scan.table.table.netns()) else {
            continue;
        };
        let mut results = Vec::new();
        let on_result = |row: &Connection, result: Result<Ending, Error>| {
            results.push((row.clone(), result));
            interrupt.control_flow()
        };
        let (table, options) = (&mut scan.table.table, &scan.options);
        if is_dry_run {
            table.check_all(here, options, on_result);
        } else {
            table.delete_all(here, options, on_result);
        }
        done.extend(
            results
                .into_iter()
                .map(|(row, result)| describe(scan, row, result)),
        );
    }
    done
}

/// Describes what became of a connection.
fn describe(
    scan: &mut SelectedTable,
    connection: Connection,
    result: Result<Ending, Error>,
) -> Done {
    let table = &mut scan.table;
    let identity = table
        .table
        .origin()
        .map(|origin| origin.identity(&connection).to_string());
    Done {
        netns: table.table.netns(),
        outcome: match &result {
            Ok(_) => Outcome::Deleted,
            Err(error) => error.outcome(),
        },
        errno: result.as_ref().err().and_then(Error::errno),
        cause: match &result {
            Ok(ending) => ending
                .reset
                .kept_back()
                .map(|why| format!("its peer was not told: {why}")),
            Err(error) => Some(error.cause().to_owned()),
        },
        identity: identity.unwrap_or_default(),
        place: table.name.clone(),
        connection,
    }
}

/// Returns true only where it is certain that the exception does not hold.
fn verdict(
    except: Option<&Selection>,
    row: &Connection,
    attribution: &mut Attribution,
) -> RowVerdict {
    let unknown = |why: &str| {
        RowVerdict::Unknown(Error::spared(
            format!("whether `except` spares it is not known: {why}"),
            row.pair,
        ))
    };
    match except.map(|except| except.judge(row, attribution)) {
        None | Some(Ok(Truth::False | Truth::Unknown)) => RowVerdict::Selected,
        Some(Ok(Truth::True)) => RowVerdict::NotSelected,
        Some(Ok(Truth::Hidden)) => unknown("the service may not see what decides"),
        Some(Err(error)) => unknown(error.cause()),
    }
}

fn prepare(
    input: FilterInput<'_>,
    states: States,
    tables: &mut [NamespaceTable],
) -> Result<Vec<Selection>, String> {
    // A host name would be looked up here, and keep everything else waiting.
    selection::prepare_all(input, states, tables, Hosts::Numbers).map_err(|error| match error {
        SelectionError::Filter { error, .. } => error.to_string(),
        SelectionError::Table(error) => error.to_string(),
    })
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
fn find_missing() -> Result<Vec<IpAddr>, Error> {
    let mut table = TcpTable::open()?;
    let mut addresses = HashSet::new();
    for row in table.connections(&Query::default())? {
        addresses.insert(row?.local().address().to_canonical());
    }
    let host = HostAddresses::read()?;
    let missing = addresses.into_iter().filter(|it| host.role(*it).is_none());
    let mut missing: Vec<_> = missing.collect();
    missing.sort_unstable();
    Ok(missing)
}
