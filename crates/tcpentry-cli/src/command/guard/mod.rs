//! `tcpentry guard`: connections that end by rule.

mod ask;
mod ban_file;
mod check;
mod look;
mod resolver;
mod rights;
mod rules;
mod run;
pub(super) mod service;
mod state;
mod thread;
mod worker;

use crate::args::{GuardArgs, GuardCommand};
use crate::exit::Exit;
use service::control::RequestKind;

/// Runs the command, and returns the exit code.
pub(super) fn run(args: GuardArgs) -> Exit {
    match args.command {
        GuardCommand::Check(args) => check::run(&args),
        GuardCommand::Run(args) => run::run(&args),
        GuardCommand::Status(args) => ask::status(&args),
        GuardCommand::Pause(args) => ask::change(&RequestKind::Pause(args.rule)),
        GuardCommand::Resume(args) => ask::change(&RequestKind::Resume(args.rule)),
    }
}
