//! The screen, or one frame as text, of rows that were read elsewhere or earlier.

use std::sync::mpsc::channel;
use std::time::Instant;

use super::kept::ReadSettings;
use super::message::Update;
use super::once;
use super::replay::{ForeignTable, OwnFilter, ReplayThread, RowSource};
use super::start::{initial_state, show, theme};
use super::worker::Settings;
use crate::args::TopArgs;
use crate::exit::Exit;
use crate::message::{print_error, print_hint};

/// Shows the rows of a source, which were selected by `own`; `filter` is the filter of the screen at the start.
pub(crate) fn show_elsewhere(
    args: &TopArgs,
    kept: &ReadSettings,
    settings: &Settings,
    own: OwnFilter,
    filter: &str,
    source: Box<dyn RowSource>,
    reads_stdin: bool,
) -> Exit {
    let top = initial_state(args, kept, settings, filter);
    let theme = theme(args);
    let table = |send| {
        let mut table = ForeignTable::new(send, settings.kind, own, settings.arrangement);
        match table.change_filter(filter) {
            Ok(()) => Ok(table),
            Err(problem) => {
                print_error(&problem.message);
                problem.hint.iter().for_each(|hint| print_hint(hint));
                Err(Exit::Usage)
            }
        }
    };
    if !args.once {
        return show(top, theme, reads_stdin, |commands, send| {
            let replay = ReplayThread::new(table(send)?, source, commands);
            Ok(move || replay.start())
        });
    }
    let mut top = top;
    let (sender, updates) = channel();
    let (_command_sender, commands) = channel();
    let table = match table(Box::new(move |update: Update| sender.send(update).is_ok())) {
        Ok(table) => table,
        Err(exit) => return exit,
    };
    let mut replay = ReplayThread::new(table, source, commands);
    let now = Instant::now();
    replay.show_all(|| updates.try_iter().for_each(|it| top.update(it, now)));
    once::print(top, theme, &updates, |command| {
        replay.execute(command);
    })
}
