//! The program `tcpentry`: words in, one command, an exit code out.

mod args;
mod command;
mod exit;
mod manual;
mod output;
mod session;
mod target;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub use manual::manual;

/// Runs the program with the words it was started with.
pub fn main() -> ExitCode {
    // Prints help, version and usage errors by itself, and ends with 0 or 2.
    let args = args::Args::parse();
    command::run(args).into()
}

/// The definition of all words and options, from which manual page and completions are made.
pub fn command() -> clap::Command {
    args::Args::command()
}
