//! `--record` and `--replay`: the file, the screen or none, and what became of it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek as _, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tcpentry::escape::escape_for_terminal;
use tcpentry::filter::FilterWords;

use super::elsewhere::show_elsewhere;
use super::kept::ReadSettings;
use super::message::Update;
use super::recording::{
    FileAt, FrameRecorder, RecordingFailure, RecordingHead, RecordingReader, describe_failure,
};
use super::replay::{FileSource, OwnFilter};
use super::save::create_new;
use super::start::{make_worker_here, settings};
use super::state::INTERVALS;
use super::worker::Settings;
use crate::args::{TopArgs, TopColumn};
use crate::exit::Exit;
use crate::message::{print_error, print_hint};
use crate::output::stdout;
use crate::tables::sets::Sets;

/// Begins the recording that the options ask for. Where it can't be, says so and returns the exit code.
pub(super) fn begin(
    args: &TopArgs,
    settings: &Settings,
    filter: &str,
) -> Result<Option<(FrameRecorder, RecordingFailure)>, Exit> {
    let Some(file) = &args.record else {
        return Ok(None);
    };
    let failed = |error: &io::Error| {
        print_error(&format!("cannot record to {}: {error}", name(file, STDOUT)));
        if error.kind() == io::ErrorKind::AlreadyExists {
            print_hint("no file is overwritten: name another one, or remove it");
        }
        Exit::Failed
    };
    let out: Box<dyn Write + Send> = if is_stdout(args) {
        Box::new(stdout())
    } else {
        let file = create_new(file).map_err(|error| failed(&error))?;
        Box::new(BufWriter::with_capacity(64 * 1024, file))
    };
    let head = RecordingHead::new(settings.interval, filter, settings.kind);
    let recording = FrameRecorder::new(out, &head).map_err(|error| failed(&error))?;
    Ok(Some(recording))
}

/// Returns true where the recording goes to standard output.
pub(super) fn is_stdout(args: &TopArgs) -> bool {
    args.record
        .as_deref()
        .is_some_and(|file| file == Path::new("-"))
}

/// Returns the exit code of a run with this one, and says why its recording is not complete, if it is not.
pub(super) fn end(args: &TopArgs, failure: &RecordingFailure, exit: Exit) -> Exit {
    match (failure.get(), &args.record) {
        (Some(error), Some(file)) => {
            print_error(&format!(
                "{}: {}",
                name(file, STDOUT),
                describe_failure(error)
            ));
            failed_at_least(exit)
        }
        _ => exit,
    }
}

/// Returns the exit code of what was done, and is not complete.
const fn failed_at_least(exit: Exit) -> Exit {
    match exit {
        Exit::Done => Exit::Failed,
        exit => exit,
    }
}

/// Records to standard output until it is ended, or its reader is gone; with `--once`, as many frames as a screen needs.
pub(super) fn without_screen(
    args: &TopArgs,
    settings: Settings,
    filter: &str,
    recorder: FrameRecorder,
    failure: &RecordingFailure,
) -> Exit {
    let interval = settings.interval;
    let (mut worker, updates) = match make_worker_here(settings, filter, Some(recorder)) {
        Ok(made) => made,
        Err(exit) => return exit,
    };
    let mut left = args.once.then(|| frames_of_a_screen(args));
    let mut trouble = None;
    loop {
        let start = Instant::now();
        worker.read_table();
        for update in updates.try_iter() {
            match update {
                Update::Trouble(text) if trouble.as_ref() != Some(&text) => {
                    print_error(&text);
                    trouble = Some(text);
                }
                _ => {}
            }
        }
        match failure.get() {
            // The reader has seen enough.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Done,
            Some(_) => return end(args, failure, Exit::Failed),
            None => {}
        }
        left = left.map(|left| left - 1);
        if left == Some(0) {
            return trouble.map_or(Exit::Done, |_| Exit::Failed);
        }
        // As on a screen, reading a large table takes at most half of the time.
        let pause = interval.max(2 * start.elapsed());
        thread::sleep(pause.saturating_sub(start.elapsed()));
    }
}

/// Returns the number of frames after which everything is known that a screen shows.
fn frames_of_a_screen(args: &TopArgs) -> u32 {
    let is_rate = |column: &TopColumn| matches!(column, TopColumn::Received | TopColumn::Sent);
    let shown: &[TopColumn] = match &*args.columns {
        [] => &TopColumn::DEFAULT,
        columns => columns,
    };
    if shown.iter().chain(&args.sort).any(is_rate) {
        2
    } else {
        1
    }
}

/// Shows a recording.
pub(super) fn replay(args: &TopArgs, kept: &ReadSettings, file: &Path) -> Exit {
    let is_stdin = file == Path::new("-");
    if !args.select.sets.is_empty() || args.select.ipv4 || args.select.ipv6 {
        print_error("--replay shows what was recorded: --in, -4 and -6 select what is read");
        return Exit::Usage;
    }
    let name = name(file, "standard input");
    let input = if is_stdin {
        // The terminal takes its place.
        rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)
            .map(File::from)
            .map_err(io::Error::from)
    } else {
        File::open(file)
    };
    let (input, start) = match input {
        Ok(mut input) => {
            // A file that was redirected may have been read up to somewhere.
            let start = input.stream_position().unwrap_or_default();
            (input, start)
        }
        Err(error) => {
            print_error(&format!("cannot read {name}: {error}"));
            return Exit::Failed;
        }
    };
    let file = Arc::new(input);
    // What is read from a pipe can't be read again.
    let is_file = file.metadata().is_ok_and(|it| it.is_file());
    let input: Box<dyn BufRead + Send> = if is_file {
        Box::new(FileAt::buffered(Arc::clone(&file), start))
    } else {
        Box::new(BufReader::new(Arc::clone(&file)))
    };
    let opened = RecordingReader::open(input, name.clone());
    let (head, reader) = match opened {
        Ok((head, reader)) => (head, reader.with_offset(start)),
        Err(error) => {
            print_error(&error.to_string());
            return Exit::Failed;
        }
    };
    let (source, failure) = match FileSource::start(reader, is_file.then_some(file), name) {
        Ok(source) => source,
        Err(error) => {
            print_error(&format!("cannot start a thread: {error}"));
            return Exit::Failed;
        }
    };
    let mut settings = settings(args, kept, Sets::new());
    if !args.select.all && !args.select.listening {
        settings.kind = head.kind();
    }
    settings.interval = head
        .interval()
        .map_or(settings.interval, |interval| interval.max(INTERVALS[0]));
    let text = match FilterWords::text(&args.filter) {
        text if text.trim().is_empty() => head.filter.clone(),
        text => text,
    };
    let own = OwnFilter {
        text: head.filter.clone(),
        has_states: true,
    };
    let source = Box::new(source);
    let exit = show_elsewhere(args, kept, &settings, own, &text, source, is_stdin);
    match failure.get() {
        Some(error) => {
            print_error(&error.to_string());
            failed_at_least(exit)
        }
        None => exit,
    }
}

/// Returns the name of a file for messages; of `-`, that of what it stands for.
fn name(file: &Path, standard: &str) -> String {
    if file == Path::new("-") {
        return standard.to_owned();
    }
    escape_for_terminal(file.as_os_str().as_encoded_bytes())
}

const STDOUT: &str = "standard output";
