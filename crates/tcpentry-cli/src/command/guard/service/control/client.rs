//! The client's side of the socket: a request, and the reply within a time limit.

use std::fmt;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::SocketAddrUnix;

use super::request::{ControlReply, RequestKind};
use super::{GROUP, unix_socket};
use crate::exit::Exit;

/// Asks the service, and returns its reply, which is no error.
pub(crate) fn ask(
    path: &Path,
    request: &RequestKind,
    limit: Duration,
) -> Result<ControlReply, AskError> {
    if let RequestKind::Pause(Some(rule)) | RequestKind::Resume(Some(rule)) = request {
        // A line break would begin another line.
        if rule.trim().is_empty() || rule.contains(char::is_control) {
            return Err(AskError::Refused("that is no name of a rule".to_owned()));
        }
    }
    let text = format!("{request}\n");
    let mut is_sent = false;
    let reply = exchange(path, &text, Instant::now() + limit, &mut is_sent);
    let reply = reply.map_err(|error| match AskError::of(path, error) {
        // It drops the request of a client that has gone, but it may have begun before that.
        AskError::TimedOut(path) if is_sent && *request != RequestKind::Status => {
            AskError::Late(path)
        }
        error => error,
    })?;
    match serde_json::from_slice(&reply) {
        Ok(ControlReply::Error(reason)) => Err(AskError::Refused(reason)),
        Ok(ControlReply::Unwanted(reason)) => Err(AskError::Unwanted(reason)),
        Ok(reply) => Ok(reply),
        Err(error) => Err(AskError::of(
            path,
            io::Error::new(ErrorKind::InvalidData, error),
        )),
    }
}

/// Sends the request, and returns all that comes back. Sets `is_sent` once all of it was sent: the service does nothing for
/// half a request.
fn exchange(path: &Path, text: &str, end: Instant, is_sent: &mut bool) -> io::Result<Vec<u8>> {
    let mut stream = connect(path, end)?;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        stream.set_write_timeout(Some(left(end)?))?;
        match stream.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // It does not read on: it has an answer already.
            Err(error) if is_closed(&error) => break,
            Err(error) => return Err(timed_out(error)),
        }
    }
    *is_sent = rest.is_empty();
    let mut reply = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => reply.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // What it had not read went with it.
            Err(error) if is_closed(&error) => break,
            Err(error) => return Err(timed_out(error)),
        }
        if reply.ends_with(b"\n") {
            return Ok(reply);
        }
        if reply.len() > MAX_REPLY {
            break;
        }
    }
    Err(ErrorKind::UnexpectedEof.into())
}

/// Connects to the service; where its queue is full, waits no longer than until then.
fn connect(path: &Path, end: Instant) -> io::Result<UnixStream> {
    let socket = unix_socket()?;
    let address = SocketAddrUnix::new(path)?;
    while let Err(errno) = rustix::net::connect(&socket, &address) {
        let error = io::Error::from(errno);
        if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            return Err(error);
        }
        // Its queue is full, which nothing announces the end of.
        thread::sleep(left(end)?.min(RETRY));
    }
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
    )
}

/// Returns the time that is left.
fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    Ok(left)
}

/// Makes the error of a time limit, which ends a call as if it did not wait.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => error,
    }
}

/// A reason why the service did not do what was asked for.
#[derive(Debug)]
pub(crate) enum AskError {
    /// Nobody listens.
    NotRunning(PathBuf),
    /// The socket is for others.
    Denied(PathBuf),
    /// There was no reply in time.
    TimedOut(PathBuf),
    /// There was no reply in time to a request that the service has, and may carry out.
    Late(PathBuf),
    /// The service has no rule for it, and says for what.
    Unwanted(String),
    /// The service has said why.
    Refused(String),
    Failed(PathBuf, io::Error),
}

impl AskError {
    fn of(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Self::NotRunning(path),
            ErrorKind::PermissionDenied => Self::Denied(path),
            ErrorKind::TimedOut => Self::TimedOut(path),
            _ => Self::Failed(path, error),
        }
    }

    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NotRunning(_) => Some(
                "start it with `systemctl start tcpentry-guard`, or `tcpentry guard run`"
                    .to_owned(),
            ),
            Self::Denied(_) => Some(format!(
                "run it as root (sudo), or as a user of the group {GROUP} (`usermod -aG {GROUP} USER`, and log in anew)"
            )),
            Self::TimedOut(_) | Self::Late(_) => {
                Some("`journalctl -u tcpentry-guard` has what it is at".to_owned())
            }
            Self::Unwanted(_) | Self::Refused(_) | Self::Failed(..) => None,
        }
    }

    /// Returns the exit code of the command that asked.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::NotRunning(_) => Exit::Nothing,
            Self::Denied(_) => Exit::Denied,
            Self::Unwanted(_) | Self::Refused(_) => Exit::Usage,
            Self::TimedOut(_) | Self::Late(_) | Self::Failed(..) => Exit::Failed,
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning(path) => {
                write!(
                    f,
                    "no `tcpentry guard` is running: nobody listens at {}",
                    path.display()
                )
            }
            Self::Denied(path) => {
                write!(
                    f,
                    "you may not ask the running `tcpentry guard` ({})",
                    path.display()
                )
            }
            Self::TimedOut(path) => {
                write!(
                    f,
                    "the running `tcpentry guard` does not answer ({})",
                    path.display()
                )
            }
            Self::Late(path) => {
                write!(
                    f,
                    "the running `tcpentry guard` does not answer ({}); it may still do what it was asked to",
                    path.display()
                )
            }
            Self::Unwanted(reason) | Self::Refused(reason) => f.write_str(reason),
            Self::Failed(path, error) => write!(
                f,
                "cannot ask the running `tcpentry guard` ({}): {error}",
                path.display()
            ),
        }
    }
}

/// The state of some hundred thousand rules.
const MAX_REPLY: usize = 64 << 20;
const RETRY: Duration = Duration::from_millis(20);
