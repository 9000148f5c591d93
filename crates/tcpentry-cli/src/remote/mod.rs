//! `--on HOST,...`: the command on other hosts, each over an ssh of its own, and one report of all.
//!
//! Nothing listens there and nothing is kept: the remote program writes JSON, which is merged here. What a host sends is not
//! trusted: neither to be short, nor to end, nor to be fit for a terminal.

mod check;
mod children;
mod delete;
mod fleet;
mod input;
mod object;
mod outlet;
mod report;
mod reports;
mod rows;
mod ssh;
mod standard_error;
#[cfg(feature = "tui")]
mod top;
mod verdict;
mod words;

use crate::args::line::Line;
use crate::args::{HostCommand, HostList};
use crate::exit::Exit;

/// Runs the command of this line on these hosts, and returns the exit code for all of them.
pub(crate) fn run(command: HostCommand<'_>, line: &Line, hosts: &HostList) -> Exit {
    match command {
        HostCommand::List(args) => reports::list(args, line, hosts),
        HostCommand::Delete(args) => delete::run(args, line, hosts),
        #[cfg(feature = "tui")]
        HostCommand::Top(args) => top::run(args, line, hosts),
        HostCommand::Doctor(args) => reports::doctor(args, line, hosts),
    }
}
