//! `tcpentry delete`: exactly what is named or selected, and the outcome of each.

mod attempt;
pub(super) mod banned;
mod by_filter;
mod by_name;
mod complaints;
pub(crate) mod confirm;
pub(crate) mod interrupt;
pub(super) mod line;
mod matches;
mod near_miss;
mod paced;
mod peers;
mod preview;
mod progress;
mod report;
mod rounds;
mod run;
mod sample;
pub(super) mod selector;
mod skip_list;
pub(super) mod stop;
mod sweep;
pub(super) mod syslog;
pub(crate) mod target;
mod turn;

use tcpentry::ErrorKind;

use crate::args::DeleteArgs;
use crate::args::line::Line;
use crate::args::operands::Purpose;
use crate::exit::Exit;
use crate::message::{print_error, print_failure};
use crate::tables::{self, sets};
use crate::usage;
use target::Operands;

/// Runs the command, and returns the exit code.
pub(crate) fn run(args: &DeleteArgs, line: &Line) -> Exit {
    match delete(args, line) {
        Exit::Nothing if args.ok_if_none => Exit::Done,
        exit => exit,
    }
}

fn delete(args: &DeleteArgs, line: &Line) -> Exit {
    let sets = match sets::read(&args.select.sets) {
        Ok(sets) => sets,
        Err(exit) => return exit,
    };
    let tables = match tables::open(&args.netns) {
        Ok(tables) => tables,
        Err(error) => {
            print_failure(&error);
            return match error.kind() {
                // There is no such network namespace.
                ErrorKind::InvalidParameter => Exit::Usage,
                _ => Exit::of_deletion(&error),
            };
        }
    };
    let mut input = target::standard_input();
    let purpose = Purpose::Delete {
        pids_first: line.is_about_processes(),
    };
    match target::read(&args.words, &args.id, purpose, &tables.opened, &mut input) {
        Ok(Operands::Names(names)) => match only_for_filters(args) {
            None => by_name::run(args, tables, names),
            Some(option) => {
                print_error(&format!(
                    "{option} needs a filter, but the words name connections exactly"
                ));
                Exit::Usage
            }
        },
        Ok(Operands::Filter(words)) => by_filter::run(args, &sets, tables, &words),
        Err(answer) => usage::print_answer(answer.on_line(line)),
    }
}

/// Returns an option that was given and means nothing without a filter.
pub(crate) fn only_for_filters(args: &DeleteArgs) -> Option<&'static str> {
    let given = [
        (args.period.is_some(), "--for"),
        (args.until_quiet.is_some(), "--until-quiet"),
        (args.explain, "--explain"),
        (!args.select.sets.is_empty(), "--in"),
        (args.select.all, "--all"),
        (args.select.listening, "--listening"),
        (args.select.ipv4, "--ipv4"),
        (args.select.ipv6, "--ipv6"),
    ];
    given
        .into_iter()
        .find_map(|(given, option)| given.then_some(option))
}
