//! The command by which a host is reached: ssh with its own configuration, or what `TCPENTRY_SSH` says instead.

use std::process::Command;
#[cfg(feature = "tui")]
use std::{io, os::unix::process::CommandExt as _};

/// The ssh to be run.
#[derive(Clone, Debug)]
pub(super) struct Ssh {
    /// The program, and options that come first.
    words: Vec<String>,
}

impl Ssh {
    /// Returns the ssh of this environment.
    pub(super) fn of_environment() -> Self {
        Self::from_setting(&std::env::var(VARIABLE).unwrap_or_default())
    }

    fn from_setting(setting: &str) -> Self {
        let mut words: Vec<_> = setting.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            words.push("ssh".to_owned());
        }
        Self { words }
    }

    /// Returns the name of the program, for messages.
    pub(super) fn program(&self) -> &str {
        &self.words[0]
    }

    /// Returns the command that runs a command line on a host, without a terminal there.
    pub(super) fn command(&self, host: &str, remote: &str) -> Command {
        self.with_option("-T", host, remote)
    }

    /// Becomes the ssh that runs a command line on a host, on a terminal there; returns only the reason why it can't.
    #[cfg(feature = "tui")]
    pub(super) fn become_terminal(&self, host: &str, remote: &str) -> io::Error {
        self.with_option("-t", host, remote).exec()
    }

    /// Becomes the ssh that runs a command line on a host without a terminal.
    #[cfg(feature = "tui")]
    pub(super) fn become_pipe(&self, host: &str, remote: &str) -> io::Error {
        self.command(host, remote).exec()
    }

    /// Returns one that asks nothing: what it would ask is an error.
    #[cfg(feature = "tui")]
    pub(super) fn without_questions(&self) -> Self {
        let mut words = self.words.clone();
        words.extend(["-o", "BatchMode=yes"].map(str::to_owned));
        Self { words }
    }

    fn with_option(&self, option: &str, host: &str, remote: &str) -> Command {
        let mut command = Command::new(&self.words[0]);
        // Neither is ever an option: the list of hosts has none that begins with a dash, and `remote` begins with a program.
        command.args(&self.words[1..]).args([option, host, remote]);
        command
    }
}

const VARIABLE: &str = "TCPENTRY_SSH";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_before_the_host() {
        for (setting, expected) in [
            ("", "\"ssh\" \"-T\" \"h\" \"tcpentry list\""),
            (
                " my-ssh  -F none ",
                "\"my-ssh\" \"-F\" \"none\" \"-T\" \"h\" \"tcpentry list\"",
            ),
        ] {
            let command = Ssh::from_setting(setting).command("h", "tcpentry list");
            assert_eq!(format!("{command:?}"), expected);
        }
    }
}
