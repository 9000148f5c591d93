//! The terminal: taken over, given back however the program ends, lent to the shell meanwhile.

use std::io::{self, Write as _};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};

use super::state::Top;
use super::tty::Tty;
use super::view::{self, Areas, Theme};
use crate::output::stdout;

/// The terminal while it is this program's.
pub(super) struct Screen {
    terminal: Terminal<Tty>,
}

impl Screen {
    pub(super) fn enter() -> io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // What it says is to be read on the screen of the shell, whichever thread it was.
            PANICKED.store(true, Ordering::Relaxed);
            give_back();
            before(info);
        }));
        let terminal = Terminal::new(Tty::new())?;
        let mut screen = Self { terminal };
        screen.take_over()?;
        Ok(screen)
    }

    fn take_over(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        let out = self.terminal.backend_mut().out();
        execute!(
            out,
            EnterAlternateScreen,
            EnableMouseCapture,
            EnableBracketedPaste
        )
    }

    /// After something else may have changed the terminal.
    pub(super) fn enter_again(&mut self) -> io::Result<()> {
        // It is taken for raw until it is given back, whatever the shell has made of it.
        disable_raw_mode()?;
        self.take_over()?;
        self.clear()
    }

    /// Lets everything be drawn anew.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    pub(super) fn draw(&mut self, top: &mut Top, theme: Theme, now: Instant) -> io::Result<Areas> {
        let mut areas = Areas::default();
        if PANICKED.load(Ordering::Relaxed) {
            return Ok(areas);
        }
        self.terminal
            .draw(|frame| areas = view::draw(frame, top, theme, now))?;
        Ok(areas)
    }

    /// Gives it back to the shell, and stops until that goes on with the job.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back();
        signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
        self.enter_again()
    }

    /// Into the clipboard of the terminal, wherever that runs.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(
            self.terminal.backend_mut().out(),
            CopyToClipboard::to_clipboard_from(text)
        )
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// As it was before. A terminal that has gone away needs nothing.
fn give_back() {
    let mut out = stdout();
    let _ = execute!(
        out,
        DisableBracketedPaste,
        DisableMouseCapture,
        LeaveAlternateScreen,
        Show
    );
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// Whether the terminal was given back by a thread that is dying.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Signals, as flags.
pub(super) struct Signals {
    ends: [(i32, Arc<AtomicBool>); 4],
    suspend: Arc<AtomicBool>,
    back: Arc<AtomicBool>,
    resized: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn expected() -> io::Result<Self> {
        let flag = |signal| -> io::Result<Arc<AtomicBool>> {
            let flag = Arc::<AtomicBool>::default();
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
            Ok(flag)
        };
        Ok(Self {
            ends: [
                (SIGTERM, flag(SIGTERM)?),
                (SIGHUP, flag(SIGHUP)?),
                (SIGINT, flag(SIGINT)?),
                (SIGQUIT, flag(SIGQUIT)?),
            ],
            suspend: flag(SIGTSTP)?,
            back: flag(SIGCONT)?,
            resized: flag(SIGWINCH)?,
        })
    }

    /// Which one asks for an end.
    pub(super) fn to_end(&self) -> Option<i32> {
        let came = |(_, flag): &&(i32, Arc<AtomicBool>)| flag.load(Ordering::Relaxed);
        self.ends.iter().find(came).map(|(signal, _)| *signal)
    }

    pub(super) fn to_suspend(&self) -> bool {
        self.suspend.swap(false, Ordering::Relaxed)
    }

    pub(super) fn resized(&self) -> bool {
        self.resized.swap(false, Ordering::Relaxed)
    }

    /// Whether it was stopped, also by a signal that can't be caught.
    pub(super) fn came_back(&self) -> bool {
        self.back.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use rustix::termios::tcgetattr;
    use tcpentry_testkit::pty::Terminal as Pty;
    use tcpentry_testkit::until;

    use super::*;

    /// The program of the test below.
    #[test]
    #[ignore = "it is run by another test, on a terminal"]
    fn one_that_panics() {
        let _screen = Screen::enter().unwrap();
        println!("on the screen");
        let dies = || panic!("the last word");
        // Whichever thread it is.
        let died = std::thread::spawn(dies).join();
        assert!(died.is_err());
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_its_last_word() {
        let terminal = Pty::open();
        let modes = || tcgetattr(terminal.inside()).unwrap().local_modes;
        let before = modes();
        let program = std::env::current_exe().unwrap();
        let mut child = terminal
            .command(program.to_str().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("top::screen::tests::one_that_panics")
            .spawn()
            .unwrap();
        until("it ends", || {
            terminal.screen();
            child.try_wait().unwrap().is_some()
        });
        let screen = terminal.screen();
        let place = |text: &str| {
            screen
                .find(text)
                .unwrap_or_else(|| panic!("{text:?}: {screen}"))
        };
        assert!(
            place("\x1b[?1049h") < place("\x1b[?1049l"),
            "the alternate screen"
        );
        assert!(place("\x1b[?1049l") < place("the last word"), "{screen}");
        assert_eq!(modes(), before, "no longer raw");
    }
}
