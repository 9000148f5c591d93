//! The thread that looks at the tables and deletes: a command at a time, as the state asks for them.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, Sender};

use tcpentry::delete::Ending;
use tcpentry::{Connection, Error};

use super::look::{describe, find_missing, look};
use super::state::{Done, Event, FoundConnection, StateCommand};
use super::thread::{ServiceThread, ThreadAnswer};
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
    answers: Sender<ThreadAnswer>,
    interrupt: Interrupt,
    wake: impl Fn() + Send + 'static,
) -> io::Result<ServiceThread> {
    ServiceThread::start("tcpentry-table", wake, move |wake| {
        let mut worker = TableWorker {
            rounds: HashMap::new(),
            interrupt,
        };
        let mut queue = TaskQueue::new(tasks);
        while let Some(task) = queue.next() {
            if worker.interrupt.is_set() {
                return;
            }
            let sent = match worker.answer(task) {
                Some(answer) => answers.send(answer),
                None => continue,
            };
            wake();
            if sent.is_err() {
                return;
            }
        }
    })
}

/// The tasks that wait. Looks that are over are forgotten before others begin: each holds descriptors of every namespace.
struct TaskQueue {
    tasks: Receiver<WorkerTask>,
    waiting: VecDeque<WorkerTask>,
}

impl TaskQueue {
    fn new(tasks: Receiver<WorkerTask>) -> Self {
        let waiting = VecDeque::new();
        Self { tasks, waiting }
    }

    /// Returns the next task; waits for it. `None` where none comes any more.
    fn next(&mut self) -> Option<WorkerTask> {
        if self.waiting.is_empty() {
            self.waiting.push_back(self.tasks.recv().ok()?);
        }
        self.waiting.extend(self.tasks.try_iter());
        let over = self.waiting.iter().position(|task| self.is_over(task));
        self.waiting.remove(over.unwrap_or(0))
    }

    /// Returns true for the end of a look of which nothing else waits.
    fn is_over(&self, task: &WorkerTask) -> bool {
        let WorkerTask::Do(StateCommand::Forget { id, round }) = task else {
            return false;
        };
        !self.waiting.iter().any(|other| match other {
            WorkerTask::Do(
                StateCommand::Look {
                    id: its, round: of, ..
                }
                | StateCommand::Delete {
                    id: its, round: of, ..
                },
            ) => (its, of) == (id, round),
            _ => false,
        })
    }
}

impl TableWorker {
    fn answer(&mut self, task: WorkerTask) -> Option<ThreadAnswer> {
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
                Some(ThreadAnswer::Event(Event::Looked { id, round, looked }))
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
                Some(ThreadAnswer::Event(Event::Done {
                    id,
                    round,
                    rule,
                    is_dry_run,
                    done,
                }))
            }
            WorkerTask::Do(StateCommand::Forget { id, round }) => {
                self.rounds.remove(&(id, round));
                None
            }
            WorkerTask::Do(StateCommand::Log(_)) => None,
            WorkerTask::FindMissing => {
                let missing = find_missing().map_err(|error| error.to_string());
                Some(ThreadAnswer::Searched(missing))
            }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_look_that_is_over_is_forgotten_before_other_tasks_but_behind_its_own() {
        let (send, tasks) = mpsc::channel();
        let delete = |id| StateCommand::Delete {
            id,
            round: 1,
            these: Vec::new(),
            is_dry_run: true,
        };
        let forget = |id| StateCommand::Forget { id, round: 1 };
        for command in [delete(1), delete(2), forget(2), forget(3), forget(1)] {
            send.send(WorkerTask::Do(command)).unwrap();
        }
        drop(send);
        let mut queue = TaskQueue::new(tasks);
        let order: Vec<_> = std::iter::from_fn(|| queue.next())
            .map(|task| match task {
                WorkerTask::Do(StateCommand::Delete { id, .. }) => ("delete", id),
                WorkerTask::Do(StateCommand::Forget { id, .. }) => ("forget", id),
                _ => unreachable!("there is no other"),
            })
            .collect();
        let expected = [
            ("forget", 3),
            ("delete", 1),
            ("forget", 1),
            ("delete", 2),
            ("forget", 2),
        ];
        assert_eq!(order, expected);
    }
}
