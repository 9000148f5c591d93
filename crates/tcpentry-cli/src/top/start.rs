//! The screen from its start to its end, as the options want it.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use rustix::io::Errno;

use super::event_loop::{LoopEvent, event_loop};
use super::input;
use super::message::{SocketKind, Update, WorkerCommand};
use super::model::Arrangement;
use super::recording::FrameRecorder;
use super::state::{INTERVALS, Top, describe_stopped};
use super::view::{Signs, Theme};
use super::worker::{Settings, UpdateSender, Worker};
use crate::args::{Grouping, TopArgs, TopColumn};
use crate::exit::Exit;
use crate::message::{print_error, print_hint};
use crate::output::colored;
use crate::tables::sets::Sets;
use crate::usage;

/// Shows the screen until the user leaves it; `make` makes the thread that answers its commands.
pub(super) fn show<S: FnOnce() -> io::Result<JoinHandle<()>>>(
    mut top: Top,
    theme: Theme,
    reads_stdin: bool,
    make: impl FnOnce(Receiver<WorkerCommand>, UpdateSender) -> Result<S, Exit>,
) -> Exit {
    if reads_stdin {
        keys_from_the_terminal();
    }
    if let Err(exit) = needs_terminal() {
        return exit;
    }
    let (event_sender, events) = channel();
    let updates = event_sender.clone();
    let send = move |update| updates.send(LoopEvent::Update(Box::new(update))).is_ok();
    let (command_sender, commands) = channel();
    let spawn = match make(commands, Box::new(send)) {
        Ok(spawn) => spawn,
        Err(exit) => return exit,
    };
    let start = || {
        let worker = spawn()?;
        input::spawn_reader(event_sender)?;
        Ok(worker)
    };
    let ended = event_loop(&mut top, theme, start, &command_sender, &events);
    // The screen is gone, so that the summary stays in the terminal.
    let tally = top.log.tally();
    if !tally.is_empty() {
        print_error(&tally.to_string());
    }
    if let Some(stopped) = describe_stopped(top.deletion.waiting()) {
        print_error(&stopped);
    }
    if let Some(left) = top.holds.leaves() {
        print_error(&left);
    }
    match ended {
        Ok(exit) => exit,
        // As if the hangup had come as a signal, which only reaches the processes in the terminal's session.
        Err(error) if is_hangup(&error) => Exit::Interrupted(SIGHUP),
        Err(error) => {
            print_error(&format!("the terminal is no longer usable: {error}"));
            Exit::Failed
        }
    }
}

/// Returns an error where there is no terminal for a screen, once it has been printed.
pub(crate) fn needs_terminal() -> Result<(), Exit> {
    let problem = if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        "top needs a terminal for input and output"
    } else if std::env::var_os("TERM").is_some_and(|name| name == "dumb") {
        "this terminal can't place its cursor (TERM=dumb)"
    } else {
        return Ok(());
    };
    print_error(problem);
    print_hint(WITHOUT_TERMINAL);
    Err(Exit::Usage)
}

/// Makes the worker, which records what it reads where there is a recorder. Where it can't be made, says so and returns the exit code.
pub(super) fn make_worker(
    settings: Settings,
    filter: &str,
    recorder: Option<FrameRecorder>,
    commands: Receiver<WorkerCommand>,
    send: UpdateSender,
) -> Result<Worker, Exit> {
    let worker = Worker::new(settings, filter, commands, send);
    let mut worker = worker.map_err(|refusal| usage::print_refusal(&refusal, Exit::of_listing))?;
    if let Some(recorder) = recorder {
        worker.record_to(recorder);
    }
    Ok(worker)
}

/// Makes a worker for this thread, which gets no commands but by calls, and the end where its updates arrive.
pub(super) fn make_worker_here(
    settings: Settings,
    filter: &str,
    recorder: Option<FrameRecorder>,
) -> Result<(Worker, Receiver<Update>), Exit> {
    let (sender, updates) = channel();
    let send = Box::new(move |update: Update| sender.send(update).is_ok());
    let (_, commands) = channel();
    let worker = make_worker(settings, filter, recorder, commands, send)?;
    Ok((worker, updates))
}

/// Returns the colours and signs.
pub(super) fn theme(args: &TopArgs) -> Theme {
    Theme {
        color: colored(args.color.color),
        signs: Signs::of_locale(locale().as_deref()),
    }
}

/// Returns true for the error of a terminal that is gone.
fn is_hangup(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    error.kind() == io::ErrorKind::BrokenPipe || errno == Some(Errno::IO)
}

/// Returns the locale of text, as setlocale(3) chooses it.
fn locale() -> Option<String> {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
    let mut set = names.filter_map(|name| std::env::var(name).ok());
    set.find(|name| !name.is_empty())
}

/// Puts the terminal in the place of standard input, which was a list and has been read.
fn keys_from_the_terminal() {
    // Where there is none, standard input stays no terminal.
    if let Ok(terminal) = File::options().read(true).write(true).open("/dev/tty") {
        let _ = rustix::stdio::dup2_stdin(terminal);
    }
}

/// Returns the settings of the worker.
pub(crate) fn settings(args: &TopArgs, sets: Sets) -> Settings {
    let by = args.sort.unwrap_or(TopColumn::State);
    let arrangement = Arrangement {
        by,
        descending: by.format().largest_first,
        grouping: Grouping::None,
    };
    let grouping = args.group.unwrap_or_default();
    Settings {
        netns: args.netns.clone(),
        select: args.select.clone(),
        sets,
        kind: match (args.select.all, args.select.listening) {
            (true, _) => SocketKind::All,
            (false, true) => SocketKind::Listening,
            (false, false) => SocketKind::Connections,
        },
        options: args.method.options(args.listeners),
        own_session: args.own_session,
        interval: args.interval.max(INTERVALS[0]),
        arrangement: match args.sort {
            Some(_) => Arrangement {
                grouping,
                ..arrangement
            },
            None => arrangement.grouped_by(grouping),
        },
    }
}

/// Returns true where the rows are those of several hosts.
fn has_hosts(args: &TopArgs) -> bool {
    let hosts = args.on.on.as_ref();
    hosts.is_some_and(|hosts| hosts.names().len() > 1)
}

/// Returns the state at the start.
pub(super) fn initial_state(args: &TopArgs, settings: &Settings, filter: &str) -> Top {
    let mut columns = args.columns.clone();
    let mut seen = Vec::new();
    columns.retain(|column| {
        let is_new = !seen.contains(column);
        seen.push(*column);
        is_new
    });
    if columns.is_empty() {
        columns.extend(TopColumn::DEFAULT);
        // A user without CAP_NET_ADMIN sees which ones they may delete.
        if !has_hosts(args) && !tcpentry::support::is_administrator() {
            columns.insert(4, TopColumn::DeleteBy);
        }
        if args.netns.all_netns || args.netns.netns.len() > 1 {
            columns.insert(3, TopColumn::Netns);
        }
    }
    let has_hosts = has_hosts(args);
    if has_hosts && args.columns.is_empty() {
        columns.insert(0, TopColumn::Host);
    }
    let mut top = Top::new(columns, settings.arrangement, settings.interval);
    if has_hosts {
        top.columns.offer_hosts();
    }
    top.kind = settings.kind;
    top.deletion.set_pace(&args.pace);
    top.filter.start_with(filter);
    top
}

const WITHOUT_TERMINAL: &str = "--once prints one frame as text; `tcpentry list` is for scripts";
/// The number of the signal of a terminal that is gone, which is the same everywhere.
const SIGHUP: u8 = 1;
