//! A program in a real terminal: tmux keeps the screen that the program has drawn, and tells it.
//!
//! (What is read from and written to a terminal, without a screen: [`pty`](crate::pty).)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::signals::none_ignored;
use crate::wait::limit;

/// Opens a terminal of so many columns and lines; where there is none, reports that this test can't be run here, and returns from it.
#[macro_export]
macro_rules! terminal {
    ($columns:expr, $lines:expr) => {
        match $crate::tmux::Tmux::start($columns, $lines) {
            Ok(tmux) => tmux,
            Err(reason) => $crate::skip!("{reason}"),
        }
    };
}

/// A tmux server of a test's own with one window, in which a shell waits for commands. It starts in this thread's
/// network namespace, and all of it ends when this is dropped.
#[derive(Debug)]
pub struct Tmux {
    folder: PathBuf,
}

impl Tmux {
    /// Opens a window of this size; the error is the reason to skip the test.
    pub fn start(columns: u16, lines: u16) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("tcpentry-tmux-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let tmux = Self { folder };
        // A shell of root sets its prompt whatever the environment says.
        let settings = tmux.folder.join("settings");
        fs::write(&settings, format!("PS1='{PROMPT}'\n")).map_err(|error| error.to_string())?;
        let (columns, lines) = (columns.to_string(), lines.to_string());
        let started = tmux
            .command(&["-f", "/dev/null", "new-session", "-d"])
            .args(["-x", &columns, "-y", &lines, "-c"])
            .arg(&tmux.folder)
            .arg("sh")
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
            .env("ENV", &settings)
            .output();
        match started {
            Ok(output) if output.status.success() => {
                tmux.await_text(PROMPT.trim_end());
                Ok(tmux)
            }
            Ok(output) => Err(format!(
                "tmux: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            )),
            Err(error) => Err(format!("no tmux: {error}")),
        }
    }

    /// Returns a folder that is removed with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Types a text as it stands.
    pub fn types(&self, text: &str) {
        self.ask(&["send-keys", "-l", text]);
    }

    /// Presses a key by its name in tmux(1): `Enter`, `Escape`, `C-c`.
    pub fn press(&self, key: &str) {
        self.ask(&["send-keys", key]);
    }

    /// Presses a key several times.
    pub fn press_often(&self, key: &str, times: usize) {
        if times > 0 {
            self.ask(&["send-keys", "-N", &times.to_string(), key]);
        }
    }

    /// Runs a command in the shell.
    pub fn runs(&self, command: &str) {
        self.types(command);
        self.press("Enter");
    }

    /// Returns the screen, without spaces at the ends of lines.
    pub fn screen(&self) -> String {
        self.ask(&["capture-pane", "-p"])
    }

    /// Returns the screen with its colours, as escape sequences, and with the spaces at the ends of lines.
    pub fn screen_in_color(&self) -> String {
        self.ask(&["capture-pane", "-e", "-N", "-p"])
    }

    /// Returns a variable of tmux: `alternate_on`, `cursor_flag`, as in tmux(1), "FORMATS".
    pub fn knows(&self, name: &str) -> String {
        let text = self.ask(&["display-message", "-p", &format!("#{{{name}}}")]);
        text.trim_end().to_owned()
    }

    /// Gives the window another size.
    pub fn resize(&self, columns: u16, lines: u16) {
        let (columns, lines) = (columns.to_string(), lines.to_string());
        self.ask(&["resize-window", "-x", &columns, "-y", &lines]);
    }

    /// Waits until the screen is as wanted, and returns it.
    ///
    /// Drawing takes several steps, so the screen has to be unchanged at two readings.
    ///
    /// # Panics
    /// After ten seconds, with the screen.
    pub fn await_screen(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        let mut before = None;
        loop {
            let screen = self.screen();
            let is_same = before.as_ref() == Some(&screen);
            if is_same && is_so(&screen) {
                return screen;
            }
            let limit = limit();
            let waited = start.elapsed();
            assert!(waited < limit, "not within {limit:?}: {what}\n{screen}");
            before = Some(screen);
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Waits until a text is shown, and returns the screen.
    pub fn await_text(&self, text: &str) -> String {
        self.await_screen(&format!("{text:?} is shown"), |screen| {
            screen.contains(text)
        })
    }

    /// Ends the server at once, which leaves its programs without a terminal.
    pub fn breaks(&self) {
        let pid = self.knows("pid").parse().ok();
        let pid = pid.and_then(rustix::process::Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("kill");
    }

    fn ask(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("run tmux");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {words:?}: {said}");
        String::from_utf8(output.stdout).expect("the screen is text")
    }

    /// Returns a command of tmux that ignores any tmux around this process.
    ///
    /// It has no terminal, also where the tests have one: somebody would seem to sit in front of it.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("setsid");
        command
            .arg("tmux")
            .arg("-u")
            .arg("-S")
            .arg(self.folder.join("server"))
            .args(words)
            .env_remove("TMUX")
            .stdin(Stdio::null());
        none_ignored(&mut command);
        command
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The shell's prompt.
pub const PROMPT: &str = "ready> ";
/// The interval between two readings, each of which starts a process.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_what_a_program_has_drawn() {
        let tmux = match Tmux::start(40, 10) {
            Ok(tmux) => tmux,
            Err(reason) => crate::skip!("{reason}"),
        };
        tmux.runs(r"printf '\033[2J\033[5;3H%s' drawn; stty size");
        let screen = tmux.await_text("10 40");
        assert_eq!(screen.lines().nth(4), Some("  drawn10 40"));
        assert_eq!(tmux.knows("alternate_on"), "0");
    }
}
