//! The program `tcpentry`: arguments in, one command, an exit code out.

mod args;
mod command;
mod complete;
mod exit;
mod file;
#[cfg(feature = "fuzz-internals")]
#[doc(hidden)]
pub mod fuzz;
mod lines;
mod manual;
mod message;
mod output;
mod own_session;
mod pace;
mod peer_reset;
mod privilege;
mod remote;
mod stream;
#[cfg(feature = "tui")]
mod sudo;
mod tables;
mod terminal;
#[cfg(feature = "tui")]
mod top;
mod usage;

use std::process::ExitCode;
use std::sync::Arc;

use clap::CommandFactory;
use signal_hook::consts::SIGXFSZ;

use command::demo;

#[cfg(feature = "bench-internals")]
#[doc(hidden)]
pub use command::list::bench::rows_as_tabs;
pub use manual::{ManualPage, manual, manual_pages};
#[cfg(all(feature = "bench-internals", feature = "tui"))]
#[doc(hidden)]
pub use top::bench::{FrameOrder, Refresh, Rows};

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == demo::PEER) {
        privilege::drop_all();
        let server = words.get(2).map(|word| word.to_string_lossy());
        return demo::peer(server.as_deref()).into();
    }
    if words.get(1).is_some_and(|word| word == complete::COMPLETE) {
        privilege::drop_all();
        return complete::run(words.into_iter().skip(2)).into();
    }
    write_errors();
    match args::read(words) {
        Ok((args, line)) => {
            privilege::drop_for(&args);
            let exit = match args.on_hosts() {
                Some((command, hosts)) => remote::run(command, &line, hosts),
                None => command::run(args, &line),
            };
            exit.into()
        }
        Err(usage) => {
            privilege::drop_all();
            usage::print_usage(usage).into()
        }
    }
}

/// Makes a file that reaches its limit (`ulimit -f`) an error of the write, and not the end of the program between a deletion
/// and its report. A reader that has gone away is one already: the standard library ignores SIGPIPE.
fn write_errors() {
    // Where no handler can be installed, the signal ends the program.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

/// Returns the definition of commands and options, from which the manual page is made.
pub fn command() -> clap::Command {
    args::Args::command()
}
