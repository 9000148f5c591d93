//! The commands, one file each: arguments in, an exit code out.

mod ban;
mod bans;
pub(crate) mod delete;
pub(crate) mod demo;
mod doctor;
mod explain;
mod finding;
mod guard;
pub(crate) mod list;
mod own_prefixes;
mod why;
mod wine;

use crate::args::line::Line;
use crate::args::{Args, Command};
use crate::exit::Exit;

/// Runs the command that was given in this line; without one, `list`.
pub(crate) fn run(args: Args, line: &Line) -> Exit {
    match args.command {
        None => list::run(&args.list),
        Some(Command::List(args)) => list::run(&args),
        Some(Command::Delete(args)) => delete::run(&args, line),
        Some(Command::Ban(args)) => ban::run(&args),
        Some(Command::Guard(args)) => guard::run(args),
        #[cfg(feature = "tui")]
        Some(Command::Top(args)) => crate::top::run(&args),
        Some(Command::Why(args)) => why::run(&args, line),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Wine(args)) => wine::run(&args),
    }
}
