//! `tcpentry top`: see the connections, close the one you mean.
//!
//! Keys and what the worker tells change the state; the state is drawn; what it asks for goes to the worker. ARCHITECTURE.md
//! shows the loop.

#[cfg(feature = "bench-internals")]
pub(crate) mod bench;
mod keys;
mod message;
mod model;
mod once;
mod screen;
mod state;
#[cfg(test)]
mod testing;
mod tty;
mod view;
mod worker;

use std::fs::OpenOptions;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use tcpentry::Options;

use crate::args::{Column, TopArgs};
use crate::exit::Exit;
use crate::output::{colored, complain, hint_at};
use message::{Command, Shown, Update};
use model::Arrangement;
use screen::{Screen, Signals};
use state::{Request, Top};
use view::{Areas, Theme};
use worker::{Settings, Worker};

pub(crate) fn run(args: &TopArgs) -> Exit {
    let settings = settings(args);
    let text = args.filter.join(" ");
    let mut top = start(args, &settings, &text);
    let theme = Theme {
        color: colored(args.color.color),
    };
    if args.once {
        return once::run(settings, &text, top, theme);
    }
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        complain("top needs a terminal, for keys and for the screen");
        hint_at("--once prints one frame as text; `tcpentry list` is for scripts");
        return Exit::Usage;
    }
    let (happenings, happened) = channel();
    let updates = happenings.clone();
    let tell = move |update| updates.send(Happening::Update(Box::new(update))).is_ok();
    let (commands, obeyed) = channel();
    let worker = match Worker::new(settings, &text, obeyed, Box::new(tell)) {
        Ok(worker) => worker,
        Err(refusal) => return refusal.report(Exit::of_listing),
    };
    let ended = watch(&mut top, theme, worker, &commands, &happenings, &happened);
    // The screen is gone; what was done is still to be read.
    let tally = top.log.tally();
    if !tally.is_empty() {
        complain(&tally.to_string());
    }
    match ended {
        Ok(exit) => exit,
        Err(error) => {
            complain(&format!("the terminal can't be used any more: {error}"));
            Exit::Failed
        }
    }
}

fn settings(args: &TopArgs) -> Settings {
    let options = Options::default().with_method(args.method.into());
    let by = args.sort.unwrap_or(Column::State);
    Settings {
        netns: args.netns.clone(),
        select: args.select.clone(),
        shown: match (args.select.all, args.select.listening) {
            (true, _) => Shown::All,
            (false, true) => Shown::Listening,
            (false, false) => Shown::Connections,
        },
        options: if args.listeners {
            options.with_listeners()
        } else {
            options
        },
        own_session: args.own_session,
        interval: args.interval.max(state::INTERVALS[0]),
        arrangement: Arrangement {
            by,
            descending: by.format().largest_first,
            grouping: args.group.unwrap_or_default(),
        },
    }
}

fn start(args: &TopArgs, settings: &Settings, filter: &str) -> Top {
    let mut columns = args.columns.clone();
    let mut seen = Vec::new();
    columns.retain(|column| {
        !seen.contains(column) && {
            seen.push(*column);
            true
        }
    });
    if columns.is_empty() {
        columns.extend(Column::DEFAULT);
        // Who may not delete everything is to see what he may.
        if !tcpentry::is_administrator() {
            columns.insert(4, Column::DeleteBy);
        }
        if args.netns.all_netns || args.netns.netns.len() > 1 {
            columns.insert(3, Column::Netns);
        }
    }
    let mut top = Top::new(columns, settings.arrangement, settings.interval);
    top.shown = settings.shown;
    filter.clone_into(&mut top.filter.applied);
    top
}

/// What the loop waits for.
enum Happening {
    Terminal(Event),
    Update(Box<Update>),
    /// The terminal can't be read any more.
    Lost(io::Error),
}

/// Keys and updates in, screen and commands out, until the end.
fn watch(
    top: &mut Top,
    theme: Theme,
    worker: Worker,
    commands: &Sender<Command>,
    happenings: &Sender<Happening>,
    happened: &Receiver<Happening>,
) -> io::Result<Exit> {
    let signals = Signals::expected()?;
    let mut screen = Screen::enter()?;
    let worker = worker.start()?;
    listen(happenings.clone())?;
    let mut areas = Areas::default();
    let mut drawn = None;
    let mut warned = false;
    loop {
        let first = match happened.recv_timeout(TICK) {
            Ok(happening) => Some(happening),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(Exit::Failed),
        };
        let now = Instant::now();
        let is_due = drawn.is_none_or(|drawn: Instant| now - drawn >= REDRAWN);
        let mut is_changed = first.is_some() || is_due || signals.resized();
        // What has come meanwhile is drawn together.
        for happening in first.into_iter().chain(happened.try_iter()).take(TOGETHER) {
            match happening {
                Happening::Terminal(event) => keys::handle(top, &event, &areas, now),
                Happening::Update(update) => top.update(*update, now),
                Happening::Lost(error) => return Err(error),
            }
            // What is asked of the terminal is done before anything else can ask.
            if top.request.is_some() {
                break;
            }
        }
        if let Some(signal) = signals.to_end() {
            drop(screen);
            // Whoever sent it sees that it was this which ended the program.
            signal_hook::low_level::emulate_default_handler(signal)?;
            return Ok(Exit::Interrupted);
        }
        if signals.to_suspend() {
            top.request = Some(Request::Suspend);
        }
        if signals.came_back() {
            screen.enter_again()?;
            is_changed = true;
        }
        match top.request.take() {
            None => {}
            Some(Request::Quit) if top.is_deleting() && !std::mem::replace(&mut warned, true) => {
                top.say("a deletion is running: once more ends all the same", now);
                is_changed = true;
            }
            Some(Request::Quit) => return Ok(Exit::Done),
            Some(Request::Suspend) => {
                screen.suspend()?;
                signals.came_back();
            }
            Some(Request::Redraw) => screen.clear()?,
            Some(Request::Copy(text)) => screen.copy(&text)?,
            Some(Request::Save(name)) => save(top, &name, now),
        }
        if is_changed {
            areas = screen.draw(top, theme, now)?;
            drawn = Some(now);
            top.look();
        }
        for command in top.take_commands() {
            // Where it has ended, that is seen below.
            let _ = commands.send(command);
        }
        if worker.is_finished() {
            drop(screen);
            complain("the thread that reads the table has ended; nothing more is deleted");
            return Ok(Exit::Failed);
        }
    }
}

/// Passes on what happens at the terminal.
fn listen(happenings: Sender<Happening>) -> io::Result<()> {
    let listen = move || {
        // The last word.
        if let Err(error) = pass_on(&happenings) {
            let _ = happenings.send(Happening::Lost(error));
        }
    };
    let builder = thread::Builder::new().name("tcpentry-keys".to_owned());
    builder.spawn(listen).map(|_| ())
}

/// Until nobody listens any more, or there is no terminal.
fn pass_on(happenings: &Sender<Happening>) -> io::Result<()> {
    loop {
        // Of a terminal that has gone away crossterm (0.29) would read nothing, for ever.
        still_there()?;
        // It reads as much as there is, and hands it out one by one; what it has is there at once.
        while event::poll(AT_ONCE)? {
            if happenings
                .send(Happening::Terminal(event::read()?))
                .is_err()
            {
                return Ok(());
            }
        }
    }
}

/// Waits until the terminal can be read, or has gone away.
fn still_there() -> io::Result<()> {
    let mut terminal = [PollFd::from_borrowed_fd(
        rustix::stdio::stdin(),
        PollFlags::IN,
    )];
    retry_on_intr(|| poll(&mut terminal, None))?;
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    if terminal[0].revents().intersects(gone) {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(())
}

/// Writes the log into a new file, which only its owner may read: never over one that is there.
fn save(top: &mut Top, name: &str, now: Instant) {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(name);
    let written = file.and_then(|file| {
        let mut file = BufWriter::new(file);
        write!(file, "{}", top.log)?;
        file.flush()
    });
    let shown = tcpentry::escape_for_terminal(name.as_bytes());
    match written {
        Ok(()) => top.say(format!("saved in {shown}"), now),
        Err(error) => top.say(format!("cannot save in {shown}: {error}"), now),
    }
}

/// With no time at all crossterm does not even look.
const AT_ONCE: Duration = Duration::from_millis(1);
/// How long nothing has to happen before it is looked whether a signal came.
const TICK: Duration = Duration::from_millis(50);
/// What is said at the bottom ends some time.
const REDRAWN: Duration = Duration::from_secs(1);
/// How much is taken in before it is drawn: the deletion of a hundred thousand tells each.
const TOGETHER: usize = 10_000;
