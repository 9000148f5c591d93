//! A running dump: its repetition, its halves, and a kernel that refuses its program.

use rustix::io::Errno;

use super::attribute::{ports_of, read_socket_into, unread};
use super::bytecode::{Half, Program};
use super::details::read_details;
use super::diag::Diag;
use super::message::{
    Body, DumpRequest, Extent, Families, Malformed, Protocol, Request, next_message,
};
use super::reader::Reader;
use super::scope::Scope;
use crate::connection::Connection;
use crate::connection::details::Details;
use crate::connection::state::{State, States};

impl Diag {
    /// Starts a dump.
    ///
    /// A program is a help and no promise: see [`Dump::is_unfiltered`].
    pub(crate) fn dump(&mut self, scope: Scope) -> Result<Dump<'_>, DumpError> {
        let half = scope.half;
        self.start_dump(DumpRequest::of(scope), half)
    }

    /// Starts a dump of the UDP sockets: a connected one is ESTABLISHED, any other CLOSED.
    ///
    /// `ENOENT` when the module `udp_diag` is neither loaded nor to be loaded from here.
    pub(crate) fn dump_udp(&mut self) -> Result<Dump<'_>, DumpError> {
        let request = DumpRequest {
            protocol: Protocol::Udp,
            families: Families::V4,
            states: States::NONE.with(State::Established).with(State::Closed),
            extent: Extent::Plain,
            ports: (0, 0),
            program: None,
        };
        self.start_dump(request, None)
    }

    /// Returns the details of the first socket in a dump that is the wanted one.
    pub(crate) fn details_among(
        &mut self,
        scope: Scope,
        is_it: impl Fn(&Connection) -> bool,
    ) -> Result<Option<Details>, DumpError> {
        let half = scope.half;
        let request = DumpRequest {
            extent: Extent::All,
            ..DumpRequest::of(scope)
        };
        let mut dump = self.start_dump(request, half)?;
        while let Some(connection) = dump.next().transpose()? {
            if is_it(&connection) {
                return dump.details(connection).map(Some);
            }
        }
        Ok(None)
    }

    fn start_dump(
        &mut self,
        request: DumpRequest,
        half: Option<Half>,
    ) -> Result<Dump<'_>, DumpError> {
        self.ask(Request::Dump(&request))?;
        Ok(Dump {
            diag: self,
            request,
            half,
            last: 0,
            position: 0,
            length: 0,
            datagrams: 0,
            round: 1,
            interrupted: false,
            seen: Vec::new(),
            seen_before: 0,
            refusal: None,
            over: false,
            finished: false,
            row: unread(),
        })
    }
}

impl DumpRequest {
    fn of(scope: Scope) -> Self {
        Self {
            protocol: Protocol::Tcp,
            families: Families::Both,
            states: scope.states,
            extent: if scope.info {
                Extent::Info
            } else {
                Extent::Plain
            },
            ports: scope.ports,
            program: match scope.half {
                // Without room for the half it is judged here alone.
                Some(half) => Program::within(half, scope.program.clone()).or(scope.program),
                None => scope.program,
            },
        }
    }
}

/// A running dump. When the kernel has to be asked again, it yields what it has not yielded yet; a
/// socket that moves during one dump can be seen twice in it.
pub(crate) struct Dump<'d> {
    diag: &'d mut Diag,
    request: DumpRequest,
    half: Option<Half>,
    /// The offset in the buffer where the last message begins; it ends at the position.
    last: usize,
    /// The unread part of the datagram in the buffer.
    position: usize,
    length: usize,
    /// The number of datagrams that have been read.
    datagrams: u64,
    round: u32,
    interrupted: bool,
    /// The cookies yielded so far; the first `seen_before` are those of earlier rounds, sorted.
    seen: Vec<u64>,
    seen_before: usize,
    /// The kernel refused the program.
    refusal: Option<Errno>,
    /// True once the kernel has finished the running request.
    over: bool,
    finished: bool,
    /// The last socket.
    row: Connection,
}

impl Iterator for Dump<'_> {
    type Item = Result<Connection, DumpError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(true) => Some(Ok(self.take_row())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl Dump<'_> {
    /// Reads the next socket into the [row](Self::row); `false` at the end, and after an error.
    pub(crate) fn advance(&mut self) -> Result<bool, DumpError> {
        if self.finished {
            return Ok(false);
        }
        let advanced = self.step();
        self.finished = advanced != Ok(true);
        advanced
    }

    /// Returns the last socket.
    pub(crate) const fn row(&mut self) -> &mut Connection {
        &mut self.row
    }

    /// Takes the last socket.
    pub(crate) fn take_row(&mut self) -> Connection {
        std::mem::replace(&mut self.row, unread())
    }

    /// Returns the number of the datagram that the last socket came with. The kernel fills one datagram ahead:
    /// it stands at the end of the next one.
    pub(crate) fn datagram(&self) -> u64 {
        self.datagrams
    }

    /// Returns true where the kernel refused the program (an old one does not know every operation), so that it
    /// yields whatever the program would have kept back. Known with the first socket.
    pub(crate) const fn is_unfiltered(&self) -> bool {
        self.refusal.is_some()
    }

    /// Starts another dump on the same socket, after the end of this one.
    pub(crate) fn go_on(&mut self, scope: Scope) -> Result<(), DumpError> {
        self.half = scope.half;
        self.request = DumpRequest::of(scope);
        self.round = 1;
        self.seen.clear();
        self.seen_before = 0;
        self.refusal = None;
        self.finished = false;
        Ok(self.start(Families::Both)?)
    }

    /// Reads the details of the socket which has just been yielded.
    fn details(&self, connection: Connection) -> Result<Details, DumpError> {
        let mut message = Reader::new(&self.diag.buffer[self.last..self.position]);
        match next_message(&mut message)?.map(|message| message.body) {
            Some(Body::Socket(bytes)) => Ok(read_details(bytes, connection)?),
            _ => Err(Malformed.into()),
        }
    }

    /// Reads the next socket that has not been yielded yet; `false` at the end.
    fn step(&mut self) -> Result<bool, DumpError> {
        loop {
            let mut datagram = Reader::new(&self.diag.buffer[self.position..self.length]);
            let Some(message) = next_message(&mut datagram)? else {
                self.length = self.diag.receive()?;
                self.position = 0;
                self.datagrams += 1;
                continue;
            };
            let rest = datagram.rest().len();
            self.last = self.position;
            self.position = self.length - rest;
            if message.sequence != self.diag.sequence {
                continue;
            }
            self.interrupted |= message.interrupted;
            self.over = matches!(message.body, Body::Done(_) | Body::Acknowledged(_));
            match message.body {
                Body::Socket(bytes) => {
                    // A kernel that does not judge by halves yields the other one as well.
                    if let Some(half) = self.half {
                        if !half.contains(ports_of(bytes).ok_or(Malformed)?) {
                            continue;
                        }
                    }
                    let has_info = self.request.extent != Extent::Plain;
                    read_socket_into(bytes, has_info, &mut self.row)?;
                    let cookie = self.row.cookie.value();
                    if self.seen[..self.seen_before].binary_search(&cookie).is_ok() {
                        continue;
                    }
                    self.seen.try_reserve(1).map_err(|_| Errno::NOMEM)?;
                    self.seen.push(cookie);
                    self.name_bound_socket();
                    return Ok(true);
                }
                Body::Done(Ok(())) if self.interrupted => self.repeat()?,
                Body::Done(Ok(())) if self.request.families == Families::V4 => {
                    self.start(Families::V6)?;
                }
                Body::Done(Ok(())) => return Ok(false),
                Body::Done(Err(errno)) | Body::Acknowledged(Err(errno)) => self.refused(errno)?,
                Body::Acknowledged(Ok(())) | Body::Other => {}
            }
        }
    }

    /// Sets the state of bound sockets: only a dump that was asked for them shows closed ones, and they are the bound ones:
    /// without a peer, whatever is left of one.
    fn name_bound_socket(&mut self) {
        let connection = &mut self.row;
        if connection.state == State::Closed && self.request.states.contains(State::BoundInactive) {
            connection.state = State::BoundInactive;
            // It keeps the peer of the connection that it once was (Linux 6.18).
            connection.pair = connection.pair.without_peer();
        }
    }

    /// Repeats a refused request without what was refused: a kernel that does not run the program yields everything, and one that does not do both families
    /// in one dump does one after the other.
    fn refused(&mut self, errno: Errno) -> Result<(), DumpError> {
        let of_programs = [Errno::INVAL, Errno::PERM].contains(&errno);
        if of_programs && self.seen.is_empty() && self.request.program.take().is_some() {
            self.refusal = Some(errno);
            Ok(self.start(self.request.families)?)
        } else if self.request.families == Families::Both && self.seen.is_empty() {
            Ok(self.start(Families::V4)?)
        } else {
            Err(DumpError::Errno(errno))
        }
    }

    /// Repeats a dump under which the table changed, to yield what has not been yielded.
    fn repeat(&mut self) -> Result<(), DumpError> {
        if self.round == ROUNDS {
            return Err(DumpError::Interrupted);
        }
        self.round += 1;
        self.seen.sort_unstable();
        self.seen_before = self.seen.len();
        Ok(self.start(self.request.families)?)
    }

    fn start(&mut self, families: Families) -> Result<(), Errno> {
        self.request.families = families;
        self.interrupted = false;
        self.length = 0;
        self.position = 0;
        self.over = false;
        self.diag.ask(Request::Dump(&self.request))
    }
}

impl Drop for Dump<'_> {
    fn drop(&mut self) {
        self.diag.unfinished = !self.over;
    }
}

/// The reason for which a dump was cut short.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DumpError {
    /// The kernel's word, or a failed system call.
    Errno(Errno),
    /// It was interrupted as often as it was repeated.
    Interrupted,
}

impl From<Errno> for DumpError {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Malformed> for DumpError {
    fn from(malformed: Malformed) -> Self {
        Self::Errno(malformed.into())
    }
}

const ROUNDS: u32 = 8;
