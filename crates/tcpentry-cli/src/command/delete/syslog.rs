//! The system log: one line for each deletion, with who asked for it and the outcome.
//!
//! The format is that of RFC 3164 without time and host, which the log's daemon adds (section 4.3):
//! our own time would be in the zone of our environment. The crate `syslog` would do the same with
//! eleven others behind it.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tcpentry::Outcome;
use tcpentry::escape::escape_for_terminal;
use tcpentry::process::Process;

/// The connection to the log, opened before anything is deleted.
pub(in crate::command) struct SystemLog {
    socket: UnixDatagram,
    path: PathBuf,
    who: String,
    /// The longest wait for a daemon that does not read.
    timeout: Duration,
}

impl SystemLog {
    /// Opens the log of this system; an error means that nobody keeps one.
    pub(in crate::command) fn open() -> io::Result<Self> {
        Self::at(Path::new("/dev/log"), who(), SEND_TIMEOUT)
    }

    fn at(path: &Path, who: String, timeout: Duration) -> io::Result<Self> {
        Ok(Self {
            socket: connect(path, timeout)?,
            path: path.to_owned(),
            who,
            timeout,
        })
    }

    /// Writes the outcome of a connection; `what` names it and says the rest.
    ///
    /// The caller has escaped what came from outside, as for a terminal.
    pub(super) fn record(&mut self, outcome: Outcome, what: &str) -> io::Result<()> {
        let severity = match outcome {
            Outcome::Deleted => NOTICE,
            _ => WARNING,
        };
        let message = format!(
            "<{}>tcpentry[{}]: {outcome} {what}, asked by {}",
            AUTHPRIV * 8 + severity,
            std::process::id(),
            self.who
        );
        // Whatever it holds, it stays one line.
        let message = message.replace(char::is_control, "?");
        match self.send(&message) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // One wait is enough: what follows is sent if the daemon reads again, and is lost if not.
                self.socket.set_nonblocking(true)?;
                Err(io::Error::new(
                    ErrorKind::TimedOut,
                    "its daemon is not reading",
                ))
            }
            Err(_) => {
                // The daemon has been restarted.
                self.socket = connect(&self.path, self.timeout)?;
                self.send(&message)
            }
            Ok(()) => self.socket.set_nonblocking(false),
        }
    }

    fn send(&self, message: &str) -> io::Result<()> {
        loop {
            match self.socket.send(message.as_bytes()) {
                // Signals are handled between two deletions.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other.map(drop),
            }
        }
    }
}

fn connect(path: &Path, timeout: Duration) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    // A daemon that has stopped reading is an error, not the end of all deletions.
    socket.set_write_timeout(Some(timeout))?;
    Ok(socket)
}

/// Describes the user that this runs as, and the one that logged in, whatever `su` and `sudo` changed since.
fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    let user = uzers::get_user_by_uid(uid);
    let name = user.map_or("?".to_owned(), |user| {
        escape_for_terminal(std::os::unix::ffi::OsStrExt::as_bytes(user.name()))
    });
    let login = Process::current().and_then(Process::login_uid);
    let login = login.map_or("unknown".to_owned(), |uid| uid.to_string());
    format!("{name} (uid {uid}, login uid {login})")
}

/// Security messages that not everybody may read: the facility of sudo and sshd.
const AUTHPRIV: u8 = 10;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;

    const BRIEF: Duration = Duration::from_millis(200);

    /// A daemon's end of the log.
    struct Daemon {
        socket: UnixDatagram,
        folder: PathBuf,
    }

    impl Daemon {
        fn start(name: &str) -> Self {
            let folder = format!("tcpentry-syslog-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(folder);
            fs::create_dir(&folder).unwrap();
            let socket = UnixDatagram::bind(folder.join("log")).unwrap();
            Self { socket, folder }
        }

        fn restart(&mut self) {
            fs::remove_file(self.folder.join("log")).unwrap();
            self.socket = UnixDatagram::bind(self.folder.join("log")).unwrap();
        }

        fn log(&self) -> SystemLog {
            let path = self.folder.join("log");
            SystemLog::at(&path, "alice (uid 1)".to_owned(), BRIEF).unwrap()
        }

        fn read(&self) -> String {
            let mut line = [0; 4096];
            let length = self.socket.recv(&mut line).unwrap();
            String::from_utf8(line[..length].to_vec()).unwrap()
        }
    }

    impl Drop for Daemon {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    #[test]
    fn who_what_and_the_result_are_one_line() {
        let daemon = Daemon::start("line");
        let mut log = daemon.log();
        let pid = std::process::id();
        log.record(
            Outcome::Deleted,
            "[::1]:22 [::1]:5000 (established) by sock-diag",
        )
        .unwrap();
        assert_eq!(
            daemon.read(),
            format!(
                "<85>tcpentry[{pid}]: deleted [::1]:22 [::1]:5000 (established) by sock-diag, \
                 asked by alice (uid 1)"
            )
        );
        log.record(Outcome::Denied, "of a\nb\u{1b}[2J").unwrap();
        assert_eq!(
            daemon.read(),
            format!("<84>tcpentry[{pid}]: denied of a?b?[2J, asked by alice (uid 1)")
        );
    }

    #[test]
    fn a_daemon_that_was_started_anew_is_found_again() {
        let mut daemon = Daemon::start("anew");
        let mut log = daemon.log();
        daemon.restart();
        log.record(Outcome::Deleted, "it").unwrap();
        assert!(daemon.read().contains("deleted it"));
    }

    #[test]
    fn a_daemon_that_does_not_read_is_waited_for_once() {
        let daemon = Daemon::start("stuck");
        let mut log = daemon.log();
        let start = Instant::now();
        let full = (0..100_000).find_map(|_| log.record(Outcome::Deleted, "it").err());
        assert_eq!(full.unwrap().to_string(), "its daemon is not reading");
        assert!(start.elapsed() >= BRIEF);
        let start = Instant::now();
        for _ in 0..1000 {
            log.record(Outcome::Deleted, "lost").unwrap_err();
        }
        assert!(start.elapsed() < 100 * BRIEF);

        daemon.read();
        log.record(Outcome::Deleted, "one more").unwrap();
        daemon.socket.set_nonblocking(true).unwrap();
        let mut line = [0; 4096];
        let lengths = std::iter::from_fn(|| daemon.socket.recv(&mut line).ok());
        assert!(lengths.count() > 0);
        log.record(Outcome::Deleted, "another").unwrap();
        assert!(daemon.read().contains("another"));
    }

    #[test]
    fn where_no_log_is_kept_opening_fails() {
        let nowhere = Path::new("/no/such/folder/of/tcpentry/log");
        assert!(SystemLog::at(nowhere, who(), BRIEF).is_err());
    }

    #[test]
    fn the_caller_is_told_by_name_and_number() {
        let uid = rustix::process::getuid().as_raw();
        assert!(who().contains(&format!("(uid {uid}, login uid ")));
    }
}
