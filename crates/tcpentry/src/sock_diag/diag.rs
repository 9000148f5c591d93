//! One conversation with the kernel over a [`Channel`]: ask, read, get, destroy.

use rustix::io::Errno;

use super::attribute::read_socket;
use super::channel::Channel;
use super::details::read_details;
use super::message::{Body, Extent, Malformed, Request, next_message};
use super::reader::Reader;
use crate::connection::details::Details;
use crate::connection::endpoint::Pair;
use crate::connection::{Connection, Cookie};

/// A conversation with the kernel's `sock_diag`.
///
/// Errors are bare errnos: what they mean depends on what was asked, and the caller knows.
pub(crate) struct Diag {
    pub(super) channel: Box<dyn Channel>,
    pub(super) sequence: u32,
    pub(super) request: Vec<u8>,
    pub(super) buffer: Box<[u8]>,
    /// A dump was left before its end; its rest must be read before the next question.
    pub(super) unfinished: bool,
    /// The number of datagrams that are still read for the running question: see [`DATAGRAMS`].
    pub(super) left: u32,
}

impl Diag {
    pub(crate) fn new(channel: impl Channel + 'static) -> Self {
        Self {
            channel: Box::new(channel),
            sequence: 0,
            request: Vec::new(),
            buffer: Box::default(),
            unfinished: false,
            left: DATAGRAMS,
        }
    }

    /// Looks one socket up by its four-tuple and interface, and by its cookie where one is given.
    ///
    /// Without a cookie the kernel may answer with the *listener* of the local end; the caller
    /// compares. `ENOENT` when there is neither, and also when `tcp_diag` is missing.
    pub(crate) fn get(&mut self, pair: &Pair, cookie: Option<Cookie>) -> Result<Connection, Errno> {
        let extent = Extent::Info;
        let request = Request::Get {
            pair,
            cookie,
            extent,
        };
        self.look_up(request, |bytes| read_socket(bytes, true))
    }

    /// Looks up one socket, with every attribute.
    pub(crate) fn details(&mut self, pair: &Pair, cookie: Cookie) -> Result<Details, Errno> {
        let request = Request::Get {
            pair,
            cookie: Some(cookie),
            extent: Extent::All,
        };
        self.look_up(request, |bytes| {
            read_details(bytes, read_socket(bytes, true)?)
        })
    }

    /// Returns once every change of the table that was under way is complete: what a look-up missed because one entry was
    /// just taking the place of another is found by the next.
    pub(crate) fn await_grace_period(&mut self) {
        self.channel.await_grace_period();
    }

    fn look_up<T>(
        &mut self,
        request: Request<'_>,
        read: impl Fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, Errno> {
        let mut lost = Errno::AGAIN;
        // A question may be asked again when its answer got lost for want of memory.
        for _ in 0..ATTEMPTS {
            self.ask(request)?;
            match self.read_answer(&read) {
                Err(errno @ (Errno::AGAIN | Errno::NOBUFS)) => lost = errno,
                Err(errno) => return Err(errno),
                Ok(Reply::Socket(found)) => return Ok(found),
                Ok(Reply::Done | Reply::Acknowledged) => return Err(Errno::PROTO),
            }
        }
        Err(lost)
    }

    /// Destroys the socket of this cookie: `SOCK_DESTROY`.
    ///
    /// `Ok` only when the kernel has acknowledged it. `EAGAIN` or `ENOBUFS` when its answer got
    /// lost: it has been done or refused, and only another look decides.
    pub(crate) fn destroy(&mut self, pair: &Pair, cookie: Cookie) -> Result<(), Errno> {
        self.ask(Request::Destroy {
            pair,
            cookie,
            acknowledged: true,
        })?;
        match self.answer()? {
            Reply::Acknowledged => Ok(()),
            // The end of a dump is no word on a destruction.
            Reply::Done | Reply::Socket(_) => Err(Errno::PROTO),
        }
    }

    pub(super) fn ask(&mut self, request: Request<'_>) -> Result<(), Errno> {
        self.drain();
        self.request.clear();
        self.sequence = self.sequence.wrapping_add(1);
        request.encode(self.sequence, &mut self.request);
        self.left = DATAGRAMS;
        self.channel.send(&self.request)
    }

    /// Reads the rest of an abandoned dump: the kernel would answer the next one with `EBUSY`.
    pub(super) fn drain(&mut self) {
        if !std::mem::take(&mut self.unfinished) {
            return;
        }
        self.left = DATAGRAMS;
        loop {
            let length = match self.receive() {
                Ok(length) => length,
                // What is lost of it is of no interest; the rest still waits to be read.
                Err(Errno::NOBUFS | Errno::MSGSIZE) => continue,
                Err(_) => return,
            };
            let mut datagram = Reader::new(&self.buffer[..length]);
            while let Ok(Some(message)) = next_message(&mut datagram) {
                let over = matches!(message.body, Body::Done(_) | Body::Acknowledged(_));
                if over && message.sequence == self.sequence {
                    return;
                }
            }
        }
    }

    /// Reads the answer to a request that is not a dump: a socket, or an acknowledgement.
    pub(super) fn answer(&mut self) -> Result<Reply<Connection>, Errno> {
        self.read_answer(&|bytes: &[u8]| read_socket(bytes, true))
    }

    fn read_answer<T>(
        &mut self,
        read: &impl Fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<Reply<T>, Errno> {
        loop {
            let length = self.receive()?;
            let mut datagram = Reader::new(&self.buffer[..length]);
            while let Some(message) = next_message(&mut datagram)? {
                if message.sequence != self.sequence {
                    continue;
                }
                match message.body {
                    Body::Socket(bytes) => return Ok(Reply::Socket(read(bytes)?)),
                    Body::Done(result) => return result.map(|()| Reply::Done),
                    Body::Acknowledged(result) => return result.map(|()| Reply::Acknowledged),
                    Body::Other => {}
                }
            }
        }
    }

    /// Reads the next datagram of the kernel, whole; `EPROTO` where there are more than can be an answer.
    pub(super) fn receive(&mut self) -> Result<usize, Errno> {
        loop {
            if self.buffer.is_empty() {
                self.buffer = vec![0; BUFFER].into();
            }
            self.left = self.left.checked_sub(1).ok_or(Errno::PROTO)?;
            let datagram = self.channel.receive(&mut self.buffer)?;
            if !datagram.from_kernel {
                continue;
            }
            // The kernel fits its datagrams to the buffer; one that does not fit can't be trusted.
            if datagram.length > self.buffer.len() {
                return Err(Errno::MSGSIZE);
            }
            return Ok(datagram.length);
        }
    }
}

/// The kernel's answer to a request that is not a dump.
pub(super) enum Reply<T> {
    Socket(T),
    Done,
    Acknowledged,
}

/// The kernel caps a dump's datagrams at 32 KiB. One size for the whole life of a socket: after a
/// larger read a smaller one was cut off in mid-message (Linux 6.18).
const BUFFER: usize = 32 * 1024;
/// An answer of more datagrams has no end: they would be a hundred million sockets (some 75 of them fill one, with their
/// counters more). Only a kernel that walks in circles sends as many, or a process that may send to us and does not stop.
pub(super) const DATAGRAMS: u32 = 1 << 20;
const ATTEMPTS: usize = 3;
