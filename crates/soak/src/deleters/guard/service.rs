//! The service as a child, with a journal and a control socket in a `/run` of its own.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tcpentry_testkit::stage;

use super::record::Record;

/// The running service.
pub(super) struct Service {
    child: Child,
    journal: UnixDatagram,
}

impl Service {
    /// Starts it, with mounts of this thread's own.
    pub(super) fn start(program: &Path, rules: &str) -> io::Result<Self> {
        stage::bare()?;
        fs::create_dir_all("/run/systemd/journal")?;
        fs::create_dir("/run/state")?;
        fs::write(RULES, rules)?;
        let journal = UnixDatagram::bind("/run/systemd/journal/socket")?;
        let stderr = File::create(STDERR)?;
        let stat = stderr.metadata()?;
        let child = Command::new(program)
            .args(["guard", "run", "--config", RULES])
            .env("JOURNAL_STREAM", format!("{}:{}", stat.dev(), stat.ino()))
            .env("STATE_DIRECTORY", "/run/state")
            .env_remove("RUNTIME_DIRECTORY")
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()?;
        Ok(Self { child, journal })
    }

    /// Returns the next record; `None` if there is none in that time.
    pub(super) fn record(&self, time: Duration) -> Option<Record> {
        let mut datagram = vec![0; 64 * 1024];
        self.journal
            .set_read_timeout(Some(time))
            .expect("it is not 0");
        let length = self.journal.recv(&mut datagram).ok()?;
        Some(Record::parse(&datagram[..length]))
    }

    /// Asks it on its socket, and returns the reply; `None` where it does not answer.
    pub(super) fn ask(request: &str) -> Option<Value> {
        let mut socket = UnixStream::connect("/run/tcpentry/guard.sock").ok()?;
        socket.set_read_timeout(Some(MAX_WAIT)).ok()?;
        socket.write_all(request.as_bytes()).ok()?;
        let mut reply = String::new();
        socket.read_to_string(&mut reply).ok()?;
        serde_json::from_str(&reply).ok()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Returns its status once it has ended.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it can be waited for")
    }

    /// Returns what it has written beside its records: nothing, unless it could not go on.
    pub(super) fn last_words() -> String {
        fs::read_to_string(STDERR).unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const RULES: &str = "/run/rules.toml";
const STDERR: &str = "/run/stderr";
/// The time in which the loop of the service turns, on a busy machine.
const MAX_WAIT: Duration = Duration::from_secs(30);
