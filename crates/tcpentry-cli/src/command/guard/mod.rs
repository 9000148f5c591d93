//! `tcpentry guard`: connections that end by rule.

mod check;
mod rules;
mod service;
mod state;
mod worker;

use crate::args::{GuardArgs, GuardCommand};
use crate::exit::Exit;

/// Runs the command, and returns the exit code.
pub(super) fn run(args: GuardArgs) -> Exit {
    match args.command {
        GuardCommand::Check(args) => check::run(&args),
        GuardCommand::Run(_args) => unreachable!("run::run(&args)"),
        GuardCommand::Status(_args) => unreachable!("service::status(&args)"),
        GuardCommand::Pause(_args) => unreachable!("service::pause(&args)"),
        GuardCommand::Resume(_args) => unreachable!("service::resume(&args)"),
    }
}
