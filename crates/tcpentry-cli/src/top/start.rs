//! The screen from its start to its end, as the options want it.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::background::{self, TerminalAnswers};
use super::event_loop::{LoopEvent, event_loop};
use super::host_names::HostLookups;
use super::input;
use super::kept::ReadSettings;
use super::message::{SocketKind, Update, WorkerCommand};
use super::model::Arrangement;
use super::recording::FrameRecorder;
use super::state::{INTERVALS, Top, describe_stopped};
use super::view::{Signs, Theme};
use super::worker::{Settings, UpdateSender, Worker};
use crate::args::{Palette, TopArgs, TopColumn};
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
    let mut names = HostLookups::new({
        let updates = updates.clone();
        move |update| updates.send(LoopEvent::Update(Box::new(update))).is_ok()
    });
    let send = move |update| updates.send(LoopEvent::Update(Box::new(update))).is_ok();
    let (command_sender, commands) = channel();
    let spawn = match make(commands, Box::new(send)) {
        Ok(spawn) => spawn,
        Err(exit) => return exit,
    };
    let start = |heard: &TerminalAnswers| {
        let worker = spawn()?;
        input::spawn_reader(event_sender, heard)?;
        Ok(worker)
    };
    let ended = event_loop(&mut top, theme, start, &command_sender, &mut names, &events);
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
        palette: Palette::default(),
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
pub(crate) fn settings(args: &TopArgs, kept: &ReadSettings, sets: Sets) -> Settings {
    let kept = kept.for_hosts(has_hosts(args));
    // An order that was kept is of the groups that were.
    let sort = args.sort.or(kept.sort.filter(|_| args.group.is_none()));
    let by = sort.unwrap_or(TopColumn::State);
    let is_reversed = kept.reverse && args.sort.is_none() && sort.is_some();
    let arrangement = Arrangement {
        by,
        descending: by.format().largest_first != is_reversed,
        ..Arrangement::default()
    };
    let grouping = args.group.or(kept.group).unwrap_or_default();
    let interval = args.interval.or(kept.interval).unwrap_or(INTERVAL);
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
        interval: interval.max(INTERVALS[0]),
        arrangement: match sort {
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
pub(super) fn initial_state(
    args: &TopArgs,
    kept: &ReadSettings,
    settings: &Settings,
    filter: &str,
) -> Top {
    let has_hosts = has_hosts(args);
    let problem = kept.problem.clone();
    let kept = kept.for_hosts(has_hosts);
    let mut columns = if args.columns.is_empty() {
        kept.columns
    } else {
        args.columns.clone()
    };
    let mut seen = Vec::new();
    columns.retain(|column| {
        let is_new = !seen.contains(column);
        seen.push(*column);
        is_new
    });
    if columns.is_empty() {
        columns.extend(TopColumn::DEFAULT);
        // A user without CAP_NET_ADMIN sees which ones they may delete.
        if !has_hosts && !tcpentry::support::is_administrator() {
            columns.insert(4, TopColumn::DeleteBy);
        }
        if args.netns.all_netns || args.netns.netns.len() > 1 {
            columns.insert(3, TopColumn::Netns);
        }
    }
    if has_hosts && args.columns.is_empty() && !columns.contains(&TopColumn::Host) {
        columns.insert(0, TopColumn::Host);
    }
    let mut top = Top::new(columns, settings.arrangement, settings.interval);
    if has_hosts {
        top.columns.offer_hosts();
    }
    top.is_replay = args.replay.is_some();
    top.kind = settings.kind;
    let variable = |name| std::env::var(name).ok();
    let palette = kept
        .theme
        .or_else(|| background::reported(variable("COLORFGBG").as_deref()));
    top.palette = palette.unwrap_or_default();
    top.asks_background = palette.is_none() && background::may_answer(variable("TERM").as_deref());
    top.deletion.set_pace(&args.pace);
    top.filter.start_with(filter);
    if let Some(problem) = problem {
        top.notify(problem, Instant::now());
    }
    top
}

/// The interval where none was chosen.
const INTERVAL: Duration = Duration::from_secs(1);
const WITHOUT_TERMINAL: &str = "--once prints one frame as text; `tcpentry list` is for scripts";
/// The number of the signal of a terminal that is gone, which is the same everywhere.
const SIGHUP: u8 = 1;

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::state::KeptSettings;
    use super::*;
    use crate::args::{Args, Command, Grouping};

    fn arranged(words: &str, kept: &KeptSettings) -> (Arrangement, Duration, Vec<TopColumn>) {
        let words = format!("tcpentry top {words}");
        let Some(Command::Top(args)) = Args::parse_from(words.split_whitespace()).command else {
            panic!("{words}");
        };
        let read = ReadSettings {
            kept: kept.clone(),
            problem: None,
        };
        let settings = settings(&args, &read, Sets::new());
        let top = initial_state(&args, &read, &settings, "");
        (settings.arrangement, settings.interval, top.kept().columns)
    }

    #[test]
    fn the_command_line_comes_before_what_was_kept() {
        let kept = KeptSettings {
            columns: vec![TopColumn::Peer, TopColumn::Idle],
            sort: Some(TopColumn::Idle),
            reverse: true,
            interval: Some(Duration::from_secs(5)),
            group: Some(Grouping::User),
            theme: Some(Palette::Light),
        };
        let (arrangement, interval, columns) = arranged("", &kept);
        let expected = Arrangement {
            by: TopColumn::Idle,
            descending: false,
            grouping: Grouping::User,
            ..Arrangement::default()
        };
        assert_eq!((arrangement, interval), (expected, Duration::from_secs(5)));
        assert_eq!(columns, kept.columns);
        let words = "--sort rtt --group peer --interval 2s --columns state";
        let (arrangement, interval, columns) = arranged(words, &kept);
        let expected = Arrangement {
            by: TopColumn::Rtt,
            descending: true,
            grouping: Grouping::Peer,
            ..Arrangement::default()
        };
        assert_eq!((arrangement, interval), (expected, Duration::from_secs(2)));
        assert_eq!(columns, [TopColumn::State]);
        let (arrangement, ..) = arranged("--group peer", &kept);
        assert_eq!(arrangement.by, TopColumn::Count, "as without a file");
        let (.., columns) = arranged("--on a,b", &kept);
        assert_eq!(columns, [TopColumn::Host, TopColumn::Peer, TopColumn::Idle]);
        let (arrangement, interval, _) = arranged("", &KeptSettings::default());
        assert_eq!((arrangement, interval), (Arrangement::default(), INTERVAL));
    }
}
