//! The commands that wait to be sent to the worker.

use super::super::message::WorkerCommand;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    commands: Vec<WorkerCommand>,
    serial: u64,
}

impl Outbox {
    pub(super) fn push(&mut self, command: WorkerCommand) {
        self.commands.push(command);
    }

    pub(super) fn take(&mut self) -> Vec<WorkerCommand> {
        std::mem::take(&mut self.commands)
    }

    /// Returns a number by which the answer to a command is recognised.
    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}
