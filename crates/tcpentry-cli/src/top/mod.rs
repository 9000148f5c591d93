//! `tcpentry top`: a live table of connections, of which the marked ones can be deleted.
//!
//! Keys and the worker's updates change the state; the state is drawn; its commands go to the worker. ARCHITECTURE.md shows
//! the loop.

#[cfg(feature = "bench-internals")]
pub(crate) mod bench;
mod event_loop;
mod input;
mod keys;
mod message;
mod model;
mod once;
mod record;
mod recording;
mod replay;
mod save;
mod screen;
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
use recording::RecordingFailure;
use start::{initial_state, settings, show, theme};
use tcpentry::filter::FilterWords;
use worker::Worker;

pub(crate) fn run(args: &TopArgs) -> Exit {
    if let Some(file) = &args.replay {
        return record::replay(args, file);
    }
    let sets = match sets::read(&args.select.sets) {
        Ok(sets) => sets,
        Err(exit) => return exit,
    };
    let settings = settings(args, sets);
    // What stands on the filter line is read as text from now on.
    let text = FilterWords::text(&args.filter);
    let recording = match record::begin(args, &settings, &text) {
        Ok(recording) => recording,
        Err(exit) => return exit,
    };
    let (recorder, failure) = match recording {
        Some((recorder, failure)) => (Some(recorder), failure),
        None => (None, RecordingFailure::default()),
    };
    let recorder = match recorder {
        Some(recorder) if record::is_stdout(args) => {
            return record::without_screen(args, settings, &text, recorder, &failure);
        }
        recorder => recorder,
    };
    let top = initial_state(args, &settings, &text);
    if args.once {
        let exit = once::run(settings, &text, recorder, top, theme(args));
        return record::end(args, &failure, exit);
    }
    let reads_stdin = args
        .select
        .sets
        .iter()
        .any(|set| set.input == SetInput::Standard);
    let make = |commands, send| match Worker::new(settings, &text, commands, send) {
        Ok(mut worker) => {
            if let Some(recorder) = recorder {
                worker.record_to(recorder);
            }
            Ok(move || worker.start())
        }
        Err(refusal) => Err(crate::usage::print_refusal(&refusal, Exit::of_listing)),
    };
    let exit = show(top, theme(args), reads_stdin, make);
    record::end(args, &failure, exit)
}
