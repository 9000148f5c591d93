//! The service's side of the socket. No client can hold it up: nothing here waits, each client has a deadline and a limit of
//! what it may send, and there are only so many.

mod client;
mod socket;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::caller::Caller;
use super::request::{ControlReply, RequestKind};
use client::ControlClient;
pub(crate) use client::MAX_CHANGES;
use socket::ControlSocket;

/// The socket and its clients.
#[derive(Debug)]
pub(crate) struct Control {
    socket: ControlSocket,
    clients: Vec<ControlClient>,
    next: u64,
    /// The time before which nobody is accepted: there were no descriptors.
    accept_after: Option<Instant>,
    warning: Option<String>,
}

/// A request that has come in whole.
#[derive(Debug)]
pub(crate) struct ControlRequest {
    pub(crate) kind: RequestKind,
    pub(crate) caller: Caller,
    pub(crate) reply: ReplyTo,
}

/// The client that waits for a reply. It may be gone by then.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct ReplyTo(u64);

impl Control {
    /// Listens at a path, in place of a service that is no more.
    ///
    /// # Errors
    /// When another service listens there ([`ErrorKind::AddrInUse`], with its pid), something else is there, or the folder
    /// can't be written to.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (socket, warning) = ControlSocket::open(path)?;
        Ok(Self {
            socket,
            clients: Vec::new(),
            next: 0,
            accept_after: None,
            warning,
        })
    }

    /// Takes what is worth a line in the log: why the socket is not for the group.
    pub(crate) fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Adds the descriptors that the loop polls. Which of them are ready does not matter to [`serve`](Self::serve).
    pub(crate) fn add_fds<'c>(&'c self, now: Instant, fds: &mut Vec<PollFd<'c>>) {
        if self.accepts(now) {
            fds.push(PollFd::new(&self.socket.listener, PollFlags::IN));
        }
        fds.extend(self.clients.iter().filter_map(ControlClient::poll_fd));
    }

    /// Returns the time at which [`serve`](Self::serve) is due even if no descriptor is ready.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let ends = self.clients.iter().map(ControlClient::end);
        ends.chain(self.accept_after).min()
    }

    /// Goes on with all clients as far as possible without waiting, and returns the requests that are whole.
    pub(crate) fn serve(&mut self, now: Instant) -> Vec<ControlRequest> {
        let mut requests = Vec::new();
        self.accept_after = self.accept_after.filter(|after| *after > now);
        self.advance(0, now, &mut requests);
        // A loop that was busy must not be held against a client that has sent or read in the meantime.
        self.clients.retain(|client| now < client.end());
        let first_new = self.clients.len();
        self.accept(now);
        self.advance(first_new, now, &mut requests);
        requests
    }

    /// Returns true if the client still waits for the reply to its request. One that has gone was told that it has none, and is
    /// dropped: what it asked for must not be carried out behind its back.
    pub(crate) fn still_waits(&mut self, to: &ReplyTo) -> bool {
        self.clients
            .retain(|client| client.number != to.0 || !client.has_gone());
        self.clients.iter().any(|client| client.number == to.0)
    }

    /// Sends the reply to a request.
    pub(crate) fn reply(&mut self, to: &ReplyTo, reply: &ControlReply, now: Instant) {
        let client = self.clients.iter_mut().find(|client| client.number == to.0);
        if let Some(client) = client {
            client.answer(reply, now);
        }
        self.clients.retain(|client| !client.is_over());
    }

    /// Goes on with the clients from this one on.
    fn advance(&mut self, first: usize, now: Instant, requests: &mut Vec<ControlRequest>) {
        let mut held: usize = self.clients.iter().map(ControlClient::held).sum();
        for client in &mut self.clients[first..] {
            let before = client.held();
            // Of all clients together.
            let room = MAX_HELD.saturating_sub(held - before);
            match client.advance(room, now) {
                Ok(Some(kind)) => requests.push(ControlRequest {
                    kind,
                    caller: client.caller,
                    reply: ReplyTo(client.number),
                }),
                Ok(None) => {}
                Err(reason) => client.answer(&ControlReply::Error(reason), now),
            }
            held = held - before + client.held();
        }
        self.clients.retain(|client| !client.is_over());
    }

    fn accepts(&self, now: Instant) -> bool {
        self.clients.len() < MAX_CLIENTS && self.accept_after.is_none_or(|after| after <= now)
    }

    fn accept(&mut self, now: Instant) {
        while self.accepts(now) {
            match self.socket.listener.accept() {
                Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                    self.next += 1;
                    let client = ControlClient::new(self.next, stream, now);
                    self.clients.push(client);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Whoever waits goes on waiting, and the loop would be woken up for that without end.
                Err(_) => self.accept_after = Some(now + ACCEPT_PAUSE),
            }
        }
    }
}

const MAX_CLIENTS: usize = 16;
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// The changes of all clients at once.
const MAX_HELD: usize = 400_000;
