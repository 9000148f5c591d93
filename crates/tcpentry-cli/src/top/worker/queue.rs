//! The commands that wait for the worker: of those that a later one makes needless, only the newest is kept.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use super::super::message::WorkerCommand;

/// The commands from the screen.
pub(in super::super) struct CommandQueue {
    commands: Receiver<WorkerCommand>,
    waiting: VecDeque<WorkerCommand>,
}

impl CommandQueue {
    pub(in super::super) fn new(commands: Receiver<WorkerCommand>) -> Self {
        Self {
            commands,
            waiting: VecDeque::new(),
        }
    }

    /// Returns the next command.
    ///
    /// # Errors
    /// `Timeout` where something else is due, and nothing that the user waits for; `Disconnected` where the screen has ended.
    pub(in super::super) fn next(
        &mut self,
        due: Instant,
    ) -> Result<WorkerCommand, RecvTimeoutError> {
        let is_urgent = self.has_urgent();
        let left = due.saturating_duration_since(Instant::now());
        // However many come, what is due is done.
        if !is_urgent && left.is_zero() && !self.waiting.is_empty() {
            return Err(RecvTimeoutError::Timeout);
        }
        match self.waiting.pop_front() {
            Some(command) => Ok(command),
            None => self.commands.recv_timeout(left),
        }
    }

    /// Returns true where a command waits that interrupts a dump.
    pub(super) fn has_urgent(&mut self) -> bool {
        self.take();
        self.waiting.iter().any(is_urgent)
    }

    /// Returns true where another filter waits: typing may be faster than filters are compiled.
    pub(super) fn has_filter(&mut self) -> bool {
        self.take();
        let mut waiting = self.waiting.iter();
        waiting.any(|it| matches!(it, WorkerCommand::Filter { .. }))
    }

    fn take(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.waiting.retain(|it| !is_needless(it, &command));
            self.waiting.push_back(command);
        }
    }
}

/// Returns true for a command that the user waits for.
const fn is_urgent(command: &WorkerCommand) -> bool {
    matches!(
        command,
        WorkerCommand::Filter { .. }
            | WorkerCommand::ShowKind(_)
            | WorkerCommand::AllNamespaces(_)
            | WorkerCommand::Details(Some(_))
            | WorkerCommand::Preview { .. }
            | WorkerCommand::Delete { paced: false, .. }
    )
}

/// Returns true for a command that has been replaced by a later one.
const fn is_needless(command: &WorkerCommand, later: &WorkerCommand) -> bool {
    matches!(
        (command, later),
        (WorkerCommand::Resolve(_), WorkerCommand::Resolve(_))
            | (WorkerCommand::Arrange(..), WorkerCommand::Arrange(..))
            | (WorkerCommand::Details(_), WorkerCommand::Details(_))
            | (WorkerCommand::ShowKind(_), WorkerCommand::ShowKind(_))
            | (
                WorkerCommand::AllNamespaces(_),
                WorkerCommand::AllNamespaces(_)
            )
            | (WorkerCommand::Filter { .. }, WorkerCommand::Filter { .. })
            | (WorkerCommand::Preview { .. }, WorkerCommand::Preview { .. })
            | (WorkerCommand::Refresh, WorkerCommand::Refresh)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::super::super::model::testing::key;
    use super::*;

    fn filter(text: &str) -> WorkerCommand {
        WorkerCommand::Filter {
            serial: 1,
            text: text.to_owned(),
            typing: true,
        }
    }

    #[test]
    fn of_many_look_ups_only_the_newest_is_kept_and_no_deletion_is_dropped() {
        let (send, commands) = channel();
        let mut queue = CommandQueue::new(commands);
        let delete = |serial| WorkerCommand::Delete {
            serial,
            targets: Vec::new(),
            basis: std::sync::Arc::default(),
            paced: true,
        };
        for round in 1..=60 {
            send.send(WorkerCommand::Resolve(vec![key(round)])).unwrap();
            send.send(filter(&round.to_string())).unwrap();
            send.send(WorkerCommand::Every(None)).unwrap();
            if round % 20 == 0 {
                send.send(delete(round)).unwrap();
            }
        }
        let due = Instant::now() + Duration::from_secs(60);
        let (mut keys, mut deletions, mut pauses, mut filters) = (Vec::new(), Vec::new(), 0, 0);
        drop(send);
        while let Ok(command) = queue.next(due) {
            match command {
                WorkerCommand::Resolve(of) => keys.extend(of),
                WorkerCommand::Delete { serial, .. } => deletions.push(serial),
                WorkerCommand::Every(None) => pauses += 1,
                WorkerCommand::Filter { text, .. } => {
                    assert_eq!(text, "60");
                    filters += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((keys, deletions), (vec![key(60)], vec![20, 40, 60]));
        assert_eq!((pauses, filters), (60, 1));
    }

    #[test]
    fn what_is_due_waits_for_urgent_commands_only() {
        let (send, commands) = channel();
        let mut queue = CommandQueue::new(commands);
        let due = Instant::now();
        send.send(WorkerCommand::Resolve(vec![key(1)])).unwrap();
        assert_eq!(queue.next(due).err(), Some(RecvTimeoutError::Timeout));
        send.send(filter("x")).unwrap();
        assert!(queue.has_urgent() && queue.has_filter());
        // In the order in which they came.
        assert!(matches!(queue.next(due), Ok(WorkerCommand::Resolve(_))));
        assert!(matches!(queue.next(due), Ok(WorkerCommand::Filter { .. })));
        assert_eq!(queue.next(due).err(), Some(RecvTimeoutError::Timeout));
        drop(send);
        assert_eq!(queue.next(due).err(), Some(RecvTimeoutError::Disconnected));
    }
}
