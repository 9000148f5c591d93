//! The thread that looks at the tables and deletes: a command at a time, as the state asks for them.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, Sender};

use tcpentry::delete::Ending;
use tcpentry::{Connection, Error};

use super::look::{describe, find_missing, look};
use super::state::{Done, Event, FoundConnection, StateCommand};
use super::thread::ServiceThread;
use crate::command::delete::interrupt::Interrupt;
use crate::command::delete::selector::SelectedTable;

/// Request to the worker.
pub(super) enum WorkerTask {
    Do(StateCommand),
    /// Look which local addresses of connections are on no device.
    FindMissing,
}

/// The worker: it owns the tables of the looks that are under way.
struct TableWorker {
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
    tasks: Receiver<WorkerTask>,
    answers: Sender<Event>,
    interrupt: Interrupt,
    wake: impl Fn() + Send + 'static,
) -> io::Result<ServiceThread> {
    ServiceThread::start("tcpentry-table", wake, move |wake| {
        let mut worker = TableWorker {
            rounds: HashMap::new(),
            interrupt,
        };
        for task in tasks {
            if worker.interrupt.is_set() {
                return;
            }
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

impl TableWorker {
    fn answer(&mut self, task: WorkerTask) -> Option<Event> {
        match task {
            WorkerTask::Do(StateCommand::Look {
                id,
                round,
                rule,
                sets,
                never,
            }) => {
                let looked = look(&rule, &sets, &never, &self.interrupt);
                if self.interrupt.is_set() {
                    // The service ends, which is no failure of the rule.
                    return None;
                }
                let looked = looked.map(|(looked, scans)| {
                    let rule = rule.name.clone();
                    self.rounds.insert((id, round), Round { rule, scans });
                    looked
                });
                Some(Event::Looked { id, round, looked })
            }
            WorkerTask::Do(StateCommand::Delete {
                id,
                round,
                these,
                is_dry_run,
            }) => {
                let (rule, done) = match self.rounds.get_mut(&(id, round)) {
                    Some(kept) => {
                        let done = delete(kept, these, is_dry_run, &self.interrupt);
                        (kept.rule.clone(), done)
                    }
                    None => Default::default(),
                };
                Some(Event::Done {
                    id,
                    round,
                    rule,
                    is_dry_run,
                    done,
                })
            }
            WorkerTask::Do(StateCommand::Forget { id, round }) => {
                self.rounds.remove(&(id, round));
                None
            }
            WorkerTask::Do(StateCommand::Log(_)) => None,
            WorkerTask::FindMissing => Some(match find_missing() {
                Ok(missing) => Event::AddressesMissing(missing),
                Err(error) => Event::SearchFailed(error.to_string()),
            }),
        }
    }
}

/// Deletes these, where they still match, or only checks that.
fn delete(
    round: &mut Round,
    these: Vec<FoundConnection>,
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
                .map(|(row, result)| describe(scan, row, &result)),
        );
    }
    done
}
