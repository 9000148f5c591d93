//! A client of the service: it has a deadline and a limit of what it may send, and nothing here waits for it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::super::caller::Caller;
use super::super::request::{ControlReply, RequestKind};
use crate::command::bans::BanChange;

/// A client, from its request to the reply.
#[derive(Debug)]
pub(super) struct ControlClient {
    pub(super) number: u64,
    stream: UnixStream,
    pub(super) caller: Caller,
    stage: ClientStage,
    /// The end of patience without progress, and in any case.
    idle_until: Instant,
    until: Instant,
}

#[derive(Debug)]
enum ClientStage {
    Reading {
        /// The begin of a line.
        rest: Vec<u8>,
        /// The changes so far, once the first line was `ban`.
        changes: Option<Vec<BanChange>>,
    },
    /// The service has the request.
    Waiting,
    Writing {
        text: Vec<u8>,
        written: usize,
    },
    Over,
}

impl ControlClient {
    pub(super) fn new(number: u64, stream: UnixStream, now: Instant) -> Self {
        Self {
            number,
            caller: Caller::of(&stream),
            stream,
            stage: ClientStage::Reading {
                rest: Vec::new(),
                changes: None,
            },
            idle_until: now + PATIENCE,
            until: now + LONGEST,
        }
    }

    /// Returns what the loop polls for it, if it is its turn.
    pub(super) fn poll_fd(&self) -> Option<PollFd<'_>> {
        let events = match self.stage {
            ClientStage::Reading { .. } => PollFlags::IN,
            ClientStage::Writing { .. } => PollFlags::OUT,
            // Even without events, a hang-up would be one.
            ClientStage::Waiting | ClientStage::Over => return None,
        };
        Some(PollFd::new(&self.stream, events))
    }

    /// Returns the time at which it is dropped.
    pub(super) fn end(&self) -> Instant {
        self.idle_until.min(self.until)
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.stage, ClientStage::Over)
    }

    /// Returns true if the client has closed its socket, and not only the half of it that it writes to.
    pub(super) fn has_gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.stream, PollFlags::empty())];
        let now = Timespec::default();
        rustix::event::poll(&mut fds, Some(&now)).is_ok()
            && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }

    /// Returns the number of changes that it has sent.
    pub(super) fn held(&self) -> usize {
        match &self.stage {
            ClientStage::Reading { changes, .. } => changes.as_ref().map_or(0, Vec::len),
            _ => 0,
        }
    }

    /// Reads or writes without waiting; returns the request once it is whole, or the reason why it is none.
    pub(super) fn advance(
        &mut self,
        room: usize,
        now: Instant,
    ) -> Result<Option<RequestKind>, String> {
        match &mut self.stage {
            ClientStage::Reading { .. } => self.read(room, now),
            ClientStage::Writing { .. } => {
                self.write(now);
                Ok(None)
            }
            ClientStage::Waiting | ClientStage::Over => Ok(None),
        }
    }

    fn read(&mut self, room: usize, now: Instant) -> Result<Option<RequestKind>, String> {
        let mut buffer = [0; 16 * 1024];
        // The others have their turn after that.
        for _ in 0..READS_AT_ONCE {
            match self.stream.read(&mut buffer) {
                // Half a request is none.
                Ok(0) => {
                    self.stage = ClientStage::Over;
                    return Ok(None);
                }
                Ok(count) => {
                    self.idle_until = now + PATIENCE;
                    if let Some(request) = self.take(&buffer[..count], room)? {
                        self.stage = ClientStage::Waiting;
                        return Ok(Some(request));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(_) => {
                    self.stage = ClientStage::Over;
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Takes what has come, line by line.
    fn take(&mut self, mut bytes: &[u8], room: usize) -> Result<Option<RequestKind>, String> {
        let ClientStage::Reading { rest, changes } = &mut self.stage else {
            return Ok(None);
        };
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            rest.extend(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let line = std::mem::take(rest);
            if line.len() > MAX_LINE {
                return Err(TOO_LONG.to_owned());
            }
            let line = std::str::from_utf8(&line).map_err(|_| "a line is not UTF-8".to_owned())?;
            let line = line.trim();
            match changes {
                None => match RequestKind::parse(line)? {
                    RequestKind::Ban(none) => *changes = Some(none),
                    request => return Ok(Some(request)),
                },
                Some(changes) if line.is_empty() => {
                    return Ok(Some(RequestKind::Ban(std::mem::take(changes))));
                }
                Some(changes) if changes.len() >= MAX_CHANGES => {
                    return Err(format!(
                        "a request is {MAX_CHANGES} lines at most: send several"
                    ));
                }
                Some(changes) if changes.len() >= room => return Err(TOO_MANY.to_owned()),
                Some(changes) => {
                    let number = changes.len() + 2;
                    let change = BanChange::parse(line).map_err(|reason| {
                        format!("line {number}: {reason}; nothing of it was taken")
                    })?;
                    changes.push(change);
                }
            }
        }
        rest.extend(bytes);
        if rest.len() > MAX_LINE {
            return Err(TOO_LONG.to_owned());
        }
        Ok(None)
    }

    /// Sends the reply, as far as it is taken.
    pub(super) fn answer(&mut self, reply: &ControlReply, now: Instant) {
        let mut text = Vec::new();
        // Memory takes whatever is written.
        let _ = crate::output::line(&mut text, reply);
        // Who still sends is not left waiting for a reader.
        let _ = self.stream.shutdown(Shutdown::Read);
        self.stage = ClientStage::Writing { text, written: 0 };
        self.idle_until = now + PATIENCE;
        self.until = now + LONGEST;
        self.write(now);
    }

    fn write(&mut self, now: Instant) {
        let ClientStage::Writing { text, written } = &mut self.stage else {
            return;
        };
        while *written < text.len() {
            match self.stream.write(&text[*written..]) {
                Ok(count) => {
                    *written += count;
                    self.idle_until = now + PATIENCE;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => break,
            }
        }
        self.stage = ClientStage::Over;
    }
}

/// The time without progress after which a client is dropped, and the time for all of it.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
pub(super) const LONGEST: Duration = Duration::from_secs(30);
/// No name of a rule, and no prefix, is so long.
const MAX_LINE: usize = 1024;
const TOO_MANY: &str = "too much comes in at once from all clients together: try again";
const TOO_LONG: &str = "a line is too long";
/// The changes of one request: 40 bytes each.
pub(crate) const MAX_CHANGES: usize = 200_000;
const READS_AT_ONCE: usize = 4;
