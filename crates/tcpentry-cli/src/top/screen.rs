//! The terminal: put into raw mode, and restored however the program ends or while it is suspended.

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

use super::background::{self, TerminalAnswers};
use super::state::Top;
use super::tty::Tty;
use super::view::{self, Areas, Theme};
use crate::output::stdout;

/// The terminal in raw mode, on its alternate screen. Dropping it restores the terminal.
pub(super) struct Screen {
    terminal: Terminal<Tty>,
}

impl Screen {
    /// Takes the terminal over, and asks it for its background before, where that is wanted.
    pub(super) fn enter(asks_background: bool) -> io::Result<(Self, TerminalAnswers)> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // The message has to appear on the shell's screen, whichever thread panicked.
            PANICKED.store(true, Ordering::Relaxed);
            restore();
            before(info);
        }));
        let terminal = Terminal::new(Tty::new())?;
        let mut screen = Self { terminal };
        // While neither the mouse nor a paste is reported as a sequence.
        enable_raw_mode()?;
        let heard = if asks_background {
            background::ask(screen.terminal.backend_mut().out())?
        } else {
            TerminalAnswers::default()
        };
        screen.take_over()?;
        Ok((screen, heard))
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

    /// Takes the terminal over again, after something else may have changed its modes.
    pub(super) fn enter_again(&mut self) -> io::Result<()> {
        // crossterm takes the mode for raw until it is disabled, whatever the shell has set.
        disable_raw_mode()?;
        self.take_over()?;
        self.clear()
    }

    /// Clears the screen, so that everything is redrawn.
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

    /// Restores the terminal, and stops the process until the shell continues it.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        restore();
        signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
        self.enter_again()
    }

    /// Copies text to the clipboard of the terminal, also of a remote one.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(
            self.terminal.backend_mut().out(),
            CopyToClipboard::to_clipboard_from(text)
        )
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Restores the terminal. Errors are ignored: a terminal that is gone needs nothing.
fn restore() {
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

/// Set once a panicking thread has restored the terminal, after which nothing is drawn.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Flags set by signals.
pub(super) struct Signals {
    terminating: [(i32, Arc<AtomicBool>); 4],
    suspend: Arc<AtomicBool>,
    resumed: Arc<AtomicBool>,
    resized: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn install() -> io::Result<Self> {
        let flag = |signal| -> io::Result<Arc<AtomicBool>> {
            let flag = Arc::<AtomicBool>::default();
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
            Ok(flag)
        };
        Ok(Self {
            terminating: [
                (SIGTERM, flag(SIGTERM)?),
                (SIGHUP, flag(SIGHUP)?),
                (SIGINT, flag(SIGINT)?),
                (SIGQUIT, flag(SIGQUIT)?),
            ],
            suspend: flag(SIGTSTP)?,
            resumed: flag(SIGCONT)?,
            resized: flag(SIGWINCH)?,
        })
    }

    /// Returns the signal that asks the program to end.
    pub(super) fn terminating(&self) -> Option<i32> {
        let came = |(_, flag): &&(i32, Arc<AtomicBool>)| flag.load(Ordering::Relaxed);
        self.terminating
            .iter()
            .find(came)
            .map(|(signal, _)| *signal)
    }

    pub(super) fn take_suspend(&self) -> bool {
        self.suspend.swap(false, Ordering::Relaxed)
    }

    pub(super) fn take_resized(&self) -> bool {
        self.resized.swap(false, Ordering::Relaxed)
    }

    /// Returns true once after the process was continued, also after SIGSTOP, which can't be caught.
    pub(super) fn take_resumed(&self) -> bool {
        self.resumed.swap(false, Ordering::Relaxed)
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
        let (_screen, _) = Screen::enter(false).unwrap();
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
