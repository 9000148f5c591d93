//! `tcpentry top`: a live table of connections, of which the marked ones can be deleted.
//!
//! Keys and the worker's updates change the state; the state is drawn; its commands go to the worker. ARCHITECTURE.md shows
//! the loop.

mod background;
#[cfg(feature = "bench-internals")]
pub(crate) mod bench;
mod elsewhere;
mod event_loop;
mod host_names;
mod input;
mod kept;
mod keys;
mod message;
mod model;
mod once;
mod record;
mod recording;
mod replay;
mod save;
mod screen;
mod sequences;
mod start;
mod state;
#[cfg(test)]
mod testing;
mod tty;
mod view;
mod worker;

use crate::args::{SetInput, TopArgs};
use crate::exit::Exit;
use crate::tables::sets;
pub(crate) use elsewhere::show_elsewhere;
pub(crate) use kept::read as read_kept;
pub(crate) use message::{Section, SocketTarget};
#[cfg(test)]
pub(crate) use model::testing::row as testing_row;
pub(crate) use model::{Baseline, Deletability, HostCount, NotDeleted, RowKey};
use recording::RecordingFailure;
pub(crate) use recording::{
    IdentifiedRow, RecordedFrame, RecordingError, RecordingReader, RowPlacer,
};
pub(crate) use replay::{ForeignFrame, OwnFilter, Polled, RowSource};
use start::{initial_state, make_worker, show, theme};
pub(crate) use start::{needs_terminal, settings};
use tcpentry::filter::FilterWords;

pub(crate) fn run(args: &TopArgs) -> Exit {
    // What a script reads does not depend on settings.
    let has_screen = !args.once && !record::is_stdout(args);
    let kept = read_kept(has_screen);
    if let Some(file) = &args.replay {
        return record::replay(args, &kept, file);
    }
    let sets = match sets::read(&args.select.sets) {
        Ok(sets) => sets,
        Err(exit) => return exit,
    };
    let settings = settings(args, &kept, sets);
    // What stands on the filter line is read as text from now on.
    let text = FilterWords::text(&args.filter);
    let recording = match record::begin(args, &settings, &text) {
        Ok(recording) => recording,
        Err(exit) => return exit,
    };
    let (recorder, failure) = match recording {
        Some((recorder, failure)) if record::is_stdout(args) => {
            return record::without_screen(args, settings, &text, recorder, &failure);
        }
        Some((recorder, failure)) => (Some(recorder), failure),
        None => (None, RecordingFailure::default()),
    };
    let top = initial_state(args, &kept, &settings, &text);
    if args.once {
        let exit = once::run(settings, &text, recorder, top, theme(args));
        return record::end(args, &failure, exit);
    }
    let reads_stdin = args
        .select
        .sets
        .iter()
        .any(|set| set.input == SetInput::Standard);
    let make = |commands, send| {
        let worker = make_worker(settings, &text, recorder, commands, send)?;
        Ok(move || worker.start())
    };
    let exit = show(top, theme(args), reads_stdin, make);
    record::end(args, &failure, exit)
}
