//! A terminal: what a person would type and see.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::pty::OpenptFlags;

use crate::signals::none_ignored;
use crate::wait::until;

/// A pseudo-terminal, seen from the side of screen and keyboard.
#[derive(Debug)]
pub struct Terminal {
    master: OwnedFd,
    /// The program's end, kept open so that the screen stays readable when a program has ended.
    slave: OwnedFd,
    screen: Mutex<Vec<u8>>,
}

impl Terminal {
    /// Opens a new one, which nobody has as controlling terminal.
    pub fn open() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags).expect("a pseudo-terminal");
        rustix::pty::grantpt(&master).expect("grantpt");
        rustix::pty::unlockpt(&master).expect("unlockpt");
        let name = rustix::pty::ptsname(&master, Vec::new()).expect("ptsname");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::openat(CWD, name, flags, Mode::empty()).expect("its other end");
        Self {
            master,
            slave,
            screen: Mutex::default(),
        }
    }

    /// Returns the side of programs, for standard input, output and error.
    pub fn inside(&self) -> File {
        self.slave.try_clone().expect("dup").into()
    }

    /// Returns the side of screen and keyboard, for a caller that reads the screen itself.
    pub fn outside(&self) -> File {
        self.master.try_clone().expect("dup").into()
    }

    /// Returns a command that runs in a session of its own with this as its controlling terminal, so that
    /// Ctrl-C reaches it; the caller adds arguments. Its exit code is the program's.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "--wait", program])
            .stdin(Stdio::from(self.inside()))
            .stdout(Stdio::from(self.inside()))
            .stderr(Stdio::from(self.inside()));
        none_ignored(&mut command);
        command
    }

    /// Types a text: `\x03` is Ctrl-C, `\x04` Ctrl-D.
    pub fn type_in(&self, text: &str) {
        self.outside().write_all(text.as_bytes()).expect("type");
    }

    /// Returns everything shown so far, including the echo of what was typed.
    pub fn screen(&self) -> String {
        let mut screen = self.screen.lock().expect("nobody panics while holding it");
        let now = Timespec::default();
        while poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&now)) == Ok(1) {
            let mut text = [0; 4096];
            match rustix::io::read(&self.master, &mut text) {
                Ok(length) if length > 0 => screen.extend(&text[..length]),
                _ => break,
            }
        }
        String::from_utf8_lossy(&screen).into_owned()
    }

    /// Waits until a text is shown.
    pub fn await_text(&self, text: &str) {
        until(&format!("{text:?} is shown"), || {
            self.screen().contains(text)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_a_terminal_and_feels_ctrl_c() {
        let terminal = Terminal::open();
        let script = "trap 'exit 7' INT; tty >/dev/null && echo ready; while :; do sleep 0.1; done";
        let mut child = terminal.command("sh").args(["-c", script]).spawn().unwrap();
        terminal.await_text("ready");
        terminal.type_in("\x03");
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }
}
