//! The thread that reads the terminal's events.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;

use super::background::TerminalAnswers;
use super::event_loop::LoopEvent;
use super::sequences::LateAnswers;

/// Starts a thread that sends the terminal's events, after the keys that were heard before.
pub(super) fn spawn_reader(events: Sender<LoopEvent>, heard: &TerminalAnswers) -> io::Result<()> {
    for key in heard.keys() {
        let _ = events.send(LoopEvent::Terminal(Event::Key(key)));
    }
    let late = LateAnswers::after(heard.within(), Instant::now());
    let read = move || {
        if let Err(error) = read_events(&events, late) {
            let _ = events.send(LoopEvent::TerminalLost(error));
        }
    };
    let builder = thread::Builder::new().name("tcpentry-keys".to_owned());
    builder.spawn(read).map(|_| ())
}

/// Sends events until the receiver or the terminal is gone.
fn read_events(events: &Sender<LoopEvent>, mut late: LateAnswers) -> io::Result<()> {
    loop {
        // From a terminal that is gone crossterm (0.29) would read nothing, for ever.
        await_input()?;
        // crossterm reads all that is there and returns the events one by one.
        while event::poll(POLL_TIMEOUT)? {
            let event = event::read()?;
            if late.takes(&event, Instant::now()) {
                continue;
            }
            if events.send(LoopEvent::Terminal(event)).is_err() {
                return Ok(());
            }
        }
    }
}

/// Waits until the terminal has input. Fails where it is gone.
fn await_input() -> io::Result<()> {
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

/// The shortest timeout: with zero, crossterm does not read at all.
const POLL_TIMEOUT: Duration = Duration::from_millis(1);
