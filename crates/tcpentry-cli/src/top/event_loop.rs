//! The loop: keys and updates in, screen and commands out.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crossterm::event::Event;

use super::background::TerminalAnswers;
use super::host_names::HostLookups;
use super::kept;
use super::keys;
use super::message::{Update, WorkerCommand};
use super::save::save_new;
use super::screen::{Screen, Signals};
use super::state::{KeptSettings, TerminalRequest, Top};
use super::view::{Areas, Theme};
use crate::exit::Exit;
use crate::message::print_error;

/// An event that the loop waits for.
pub(super) enum LoopEvent {
    Terminal(Event),
    Update(Box<Update>),
    /// The terminal can't be read any more.
    TerminalLost(io::Error),
}

/// Runs until the user quits, a signal comes or the terminal is lost.
pub(super) fn event_loop(
    top: &mut Top,
    theme: Theme,
    start: impl FnOnce(&TerminalAnswers) -> io::Result<std::thread::JoinHandle<()>>,
    commands: &Sender<WorkerCommand>,
    names: &mut HostLookups,
    events: &Receiver<LoopEvent>,
) -> io::Result<Exit> {
    let signals = Signals::install()?;
    let (mut screen, heard) = Screen::enter(top.asks_background && theme.color)?;
    top.palette = heard.palette().unwrap_or(top.palette);
    let worker = start(&heard)?;
    let mut areas = Areas::default();
    let mut drawn = None;
    let mut warned = false;
    let mut is_ending = false;
    let mut ahead = VecDeque::new();
    loop {
        let due = top.deletion.delay(Instant::now()).filter(|_| !is_ending);
        let wait = due.map_or(SIGNAL_CHECK_INTERVAL, |due| due.min(SIGNAL_CHECK_INTERVAL));
        let first = match events.recv_timeout(wait) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(Exit::Failed),
        };
        let now = Instant::now();
        let is_due = drawn.is_none_or(|drawn: Instant| now - drawn >= REDRAW_INTERVAL);
        let mut is_changed = first.is_some() || is_due || signals.take_resized();
        // Everything that has come meanwhile is drawn at once.
        let events = first.into_iter().chain(events.try_iter());
        for event in events.take(MAX_EVENTS_PER_DRAW) {
            match event {
                // Keys that were typed ahead are about what is being looked for.
                LoopEvent::Terminal(event) if keys::has_to_wait(top, &event) => {
                    ahead.push_back(event);
                }
                LoopEvent::Terminal(event) => {
                    ahead.clear();
                    keys::handle(top, &event, &areas, now);
                }
                LoopEvent::Update(update) => {
                    top.update(*update, now);
                    while !top.filter.is_awaited() && top.request.is_none() {
                        let Some(event) = ahead.pop_front() else {
                            break;
                        };
                        keys::handle(top, &event, &areas, now);
                    }
                }
                LoopEvent::TerminalLost(error) => return Err(error),
            }
            // A request to the terminal is carried out before another event can replace it.
            if top.request.is_some() {
                break;
            }
        }
        if let Some(signal) = signals.terminating() {
            drop(screen);
            // The sender sees that this signal ended the program.
            signal_hook::low_level::emulate_default_handler(signal)?;
            return Ok(Exit::Interrupted(u8::try_from(signal).unwrap_or_default()));
        }
        // The outcome of a deletion that was due is part of the summary.
        if is_ending && !top.deletion.is_paced_in_flight() {
            return Ok(Exit::Done);
        }
        warned &= top.deletion.is_running();
        if signals.take_suspend() {
            top.request = Some(TerminalRequest::Suspend);
        }
        if signals.take_resumed() {
            screen.enter_again()?;
            is_changed = true;
        }
        match top.request.take() {
            None => {}
            Some(TerminalRequest::Quit)
                if top.deletion.is_running() && !std::mem::replace(&mut warned, true) =>
            {
                top.notify("a deletion is running: quit again to end it", now);
                is_changed = true;
            }
            Some(TerminalRequest::Quit) if top.deletion.is_paced_in_flight() && !is_ending => {
                is_ending = true;
            }
            Some(TerminalRequest::Quit) => return Ok(Exit::Done),
            Some(TerminalRequest::Suspend) => {
                screen.suspend()?;
                signals.take_resumed();
            }
            Some(TerminalRequest::Redraw) => screen.clear()?,
            Some(TerminalRequest::Copy(text)) => screen.copy(&text)?,
            Some(TerminalRequest::Save(name)) => save_log(top, &name, now),
            Some(TerminalRequest::Keep(settings)) => keep(top, &settings, now),
        }
        if is_changed {
            areas = screen.draw(top, theme, now)?;
            drawn = Some(now);
            top.request_unresolved();
            look_up_names(top, names, now);
        }
        if !is_ending {
            top.send_due(Instant::now());
        }
        for command in top.take_commands() {
            // A worker that has ended is noticed below.
            let _ = commands.send(command);
        }
        if worker.is_finished() {
            drop(screen);
            print_error("the thread that reads the table has ended; nothing more will be deleted");
            return Ok(Exit::Failed);
        }
    }
}

/// Has the names looked up that the screen lacks, while it shows names.
fn look_up_names(top: &mut Top, names: &mut HostLookups, now: Instant) {
    top.request_names(now);
    if let Some(addresses) = top.names.take_request()
        && let Err(error) = names.look_up(addresses)
    {
        top.notify(format!("cannot look up names: {error}"), now);
    }
}

/// Saves the log, and says so.
fn save_log(top: &mut Top, name: &str, now: Instant) {
    let written = save_new(name, &top.log);
    let shown = tcpentry::escape::escape_for_terminal(name.as_bytes());
    match written {
        Ok(()) => top.notify(format!("saved to {shown}"), now),
        Err(error) => top.notify(format!("cannot save to {shown}: {error}"), now),
    }
}

/// Keeps the settings for later runs, and says so.
fn keep(top: &mut Top, settings: &KeptSettings, now: Instant) {
    match kept::write(settings) {
        Ok(path) => top.notify(format!("settings are kept in {path}"), now),
        Err(error) => top.notify(format!("cannot keep the settings: {error}"), now),
    }
}

/// The interval at which signals are checked while nothing else happens.
const SIGNAL_CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// The interval of redrawing while nothing happens, by which notices disappear.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);
/// The number of events taken before drawing: deleting a hundred thousand connections makes an update for each.
const MAX_EVENTS_PER_DRAW: usize = 10_000;
