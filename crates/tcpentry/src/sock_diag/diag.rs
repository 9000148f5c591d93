//! The three questions to the kernel, get, destroy and dump, over a [`Channel`].

use rustix::io::Errno;

use super::attribute::{ports_of, read_socket};
use super::bytecode::{Check, Condition, Half, Program};
use super::channel::Channel;
use super::details::read_details;
use super::message::{Body, DumpRequest, Extent, Families, Malformed, Request, next_message};
use super::reader::Reader;
use crate::connection::{Connection, Cookie};
use crate::details::Details;
use crate::endpoint::Pair;
use crate::state::{State, States};

/// A conversation with the kernel's `sock_diag`.
///
/// Errors are bare errnos: what they mean depends on what was asked, and the caller knows.
pub(crate) struct Diag {
    channel: Box<dyn Channel>,
    sequence: u32,
    request: Vec<u8>,
    buffer: Box<[u8]>,
    /// A dump was left before its end; its rest must be read before the next question.
    unfinished: bool,
    /// How many more datagrams are read for the running question: see [`DATAGRAMS`].
    left: u32,
}

/// Which sockets a dump is to yield.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) states: States,
    /// With `struct tcp_info` and the knowledge of what is MPTCP; about 1.5 times the cost.
    pub(crate) info: bool,
    /// Local and peer port, judged by the kernel; 0 leaves one open.
    pub(crate) ports: (u16, u16),
    /// What else the kernel judges each socket by.
    pub(crate) program: Option<Program>,
    /// Only this half of them.
    pub(crate) half: Option<Half>,
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

    /// The same with all that the kernel tells.
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
    /// lost: it has been done or refused, and only another look can tell.
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

    /// Looks many sockets up by their names and cookies, as [`get`](Self::get) does one.
    ///
    /// `EAGAIN` for each whose answer is not there: it may be asked for again.
    pub(crate) fn get_many(
        &mut self,
        sockets: &[(Pair, Cookie)],
    ) -> Vec<Result<Connection, Errno>> {
        let mut found = Vec::with_capacity(sockets.len());
        for some in sockets.chunks(LOOK_UPS) {
            let start = found.len();
            found.resize_with(start + some.len(), || Err(Errno::AGAIN));
            let requests = some.iter().map(|(pair, cookie)| Request::Get {
                pair,
                cookie: Some(*cookie),
                extent: Extent::Info,
            });
            // What can't be sent is not answered either.
            let _ = self.exchange(requests, |index, body| {
                found[start + index] = match body {
                    Body::Socket(bytes) => read_socket(bytes, true).map_err(Errno::from),
                    Body::Acknowledged(Err(errno)) => Err(errno),
                    Body::Acknowledged(Ok(())) | Body::Done(_) | Body::Other => Err(Errno::PROTO),
                };
            });
        }
        found
    }

    /// Destroys many sockets, as [`destroy`](Self::destroy) does one, at most
    /// [`DESTRUCTIONS`] at once. The words on them are in their order.
    ///
    /// The kernel only tells of failures, each in a datagram of its own, and of the last request,
    /// which asks to be acknowledged: where that answer is there and nothing got lost, silence on
    /// the others is success. Else silence is `EAGAIN`: it has been done or refused, and only another
    /// look can tell.
    pub(crate) fn destroy_many(&mut self, sockets: &[(Pair, Cookie)]) -> Vec<Result<(), Errno>> {
        let mut words = Vec::with_capacity(sockets.len());
        for some in sockets.chunks(DESTRUCTIONS) {
            self.destroy_some(some, &mut words);
        }
        words
    }

    fn destroy_some(&mut self, sockets: &[(Pair, Cookie)], words: &mut Vec<Result<(), Errno>>) {
        let count = sockets.len();
        let requests = sockets
            .iter()
            .enumerate()
            .map(|(index, (pair, cookie))| Request::Destroy {
                pair,
                cookie: *cookie,
                acknowledged: index + 1 == count,
            });
        let mut told = vec![None; count];
        let whole = self.exchange(requests, |index, body| {
            let is_last = index + 1 == count;
            told[index] = Some(match (told[index], body) {
                (None, Body::Acknowledged(Err(errno))) => Err(errno),
                (None, Body::Acknowledged(Ok(()))) if is_last => Ok(()),
                // A second word, one that was not asked for, a socket or the end of a dump is no
                // word on a destruction.
                _ => Err(Errno::AGAIN),
            });
        });
        let fence = told.last().is_some_and(Option::is_some);
        let silence = match whole {
            Ok(true) if fence => Ok(()),
            Ok(_) => Err(Errno::AGAIN),
            Err(errno) => Err(errno),
        };
        words.extend(told.into_iter().map(|word| word.unwrap_or(silence)));
    }

    /// Sends requests as one datagram, and hands every answer over with the index of its request.
    ///
    /// Whether all that the kernel said could be read: it queues its answers before `send` returns,
    /// and what does not fit the queue is lost and told by one `ENOBUFS`. It is read until nothing is
    /// left, because until then everything that is added gets lost in silence. An error when nothing
    /// was sent.
    fn exchange<'r>(
        &mut self,
        requests: impl Iterator<Item = Request<'r>>,
        mut take: impl FnMut(usize, Body<'_>),
    ) -> Result<bool, Errno> {
        self.drain();
        self.request.clear();
        let first = self.sequence.wrapping_add(1);
        for request in requests {
            self.sequence = self.sequence.wrapping_add(1);
            request.encode(self.sequence, &mut self.request);
        }
        self.left = DATAGRAMS;
        self.channel.send(&self.request)?;
        let count = self.sequence.wrapping_sub(first) as usize + 1;
        let mut whole = true;
        loop {
            let length = match self.receive() {
                Ok(length) => length,
                Err(Errno::AGAIN) => return Ok(whole),
                Err(Errno::NOBUFS | Errno::MSGSIZE) => {
                    whole = false;
                    continue;
                }
                Err(_) => return Ok(false),
            };
            let mut datagram = Reader::new(&self.buffer[..length]);
            loop {
                match next_message(&mut datagram) {
                    Ok(Some(message)) => {
                        let index = message.sequence.wrapping_sub(first) as usize;
                        if index < count && !matches!(message.body, Body::Other) {
                            take(index, message.body);
                        }
                    }
                    Ok(None) => break,
                    Err(Malformed) => {
                        whole = false;
                        break;
                    }
                }
            }
        }
    }

    /// Starts a dump.
    ///
    /// A program is a help and no promise: see [`Dump::is_unfiltered`].
    pub(crate) fn dump(&mut self, scope: Scope) -> Result<Dump<'_>, DumpError> {
        let half = scope.half;
        self.walk(DumpRequest::of(scope), half)
    }

    /// All that the kernel tells of the first socket in a dump that is the one.
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
        let mut dump = self.walk(request, half)?;
        while let Some(connection) = dump.next().transpose()? {
            if is_it(&connection) {
                return dump.details(connection).map(Some);
            }
        }
        Ok(None)
    }

    fn walk(&mut self, request: DumpRequest, half: Option<Half>) -> Result<Dump<'_>, DumpError> {
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
        })
    }

    /// Whether the kernel runs programs, and doesn't just take them: a dump by one that rejects all.
    ///
    /// For those who have to believe what a program says, because no row tells it. Costs a walk.
    pub(crate) fn runs_programs(&mut self, states: States) -> Result<bool, DumpError> {
        let mut dump = self.dump(Scope {
            states,
            info: false,
            ports: (0, 0),
            program: Program::of(&Condition::NEVER),
            half: None,
        })?;
        Ok(dump.next().transpose()?.is_none() && !dump.is_unfiltered())
    }

    /// Whether there are connections of MPTCP in this namespace; `ENOENT` where the kernel can't tell.
    ///
    /// 60 microseconds, whatever the number of TCP sockets (Linux 6.18). To be asked since Linux 5.9.
    pub(crate) fn has_mptcp(&mut self) -> Result<bool, Errno> {
        for families in [Families::V4, Families::V6] {
            self.ask(Request::DumpMptcp(families))?;
            // Whatever comes instead of its end.
            self.unfinished = true;
            match self.answer()? {
                Reply::Done => self.unfinished = false,
                Reply::Socket(_) => return Ok(true),
                Reply::Acknowledged => return Err(Errno::PROTO),
            }
        }
        Ok(false)
    }

    /// Whether the kernel's TCP part of `sock_diag` answers at all: a dump of no state.
    ///
    /// `ENOENT` when the module `tcp_diag` is neither loaded nor to be loaded from here.
    pub(crate) fn probe(&mut self) -> Result<(), Errno> {
        self.dump_of_nothing(Families::V4, None)
    }

    /// Whether both families can be dumped in one walk.
    pub(crate) fn probe_one_walk(&mut self) -> Result<(), Errno> {
        self.dump_of_nothing(Families::Both, None)
    }

    /// Whether this socket has `CAP_NET_ADMIN` over its namespace, asked without doing anything:
    /// a filter by mark needs it, exactly as `SOCK_DESTROY` does. `EPERM` when not.
    pub(crate) fn probe_right(&mut self) -> Result<(), Errno> {
        let by_mark = Program::of(&Check::Mark { value: 1, mask: 1 }.into());
        self.dump_of_nothing(Families::V4, by_mark)
    }

    /// Whether this kernel has `SOCK_DESTROY` (`CONFIG_INET_DIAG_DESTROY`), asked without destroying:
    /// for a cookie that no socket has. `EOPNOTSUPP` when not.
    pub(crate) fn probe_destroy(&mut self, pair: &Pair) -> Result<(), Errno> {
        let nobody =
            Cookie::new(0).expect("0 is a value like others, which the kernel never gives");
        match self.destroy(pair, nobody) {
            Err(Errno::NOENT) => Ok(()),
            other => other,
        }
    }

    fn dump_of_nothing(
        &mut self,
        families: Families,
        program: Option<Program>,
    ) -> Result<(), Errno> {
        self.ask(Request::Dump(&DumpRequest {
            families,
            states: States::NONE,
            extent: Extent::Plain,
            ports: (0, 0),
            program,
        }))?;
        self.answer().map(|_| ())
    }

    fn ask(&mut self, request: Request<'_>) -> Result<(), Errno> {
        self.drain();
        self.request.clear();
        self.sequence = self.sequence.wrapping_add(1);
        request.encode(self.sequence, &mut self.request);
        self.left = DATAGRAMS;
        self.channel.send(&self.request)
    }

    /// Reads the rest of an abandoned dump: the kernel would answer the next one with `EBUSY`.
    fn drain(&mut self) {
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

    /// The answer to a request that is no dump: a socket, or the kernel's word.
    fn answer(&mut self) -> Result<Reply<Connection>, Errno> {
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

    /// The next datagram of the kernel, whole; `EPROTO` where there are more than can be an answer.
    fn receive(&mut self) -> Result<usize, Errno> {
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

impl DumpRequest {
    fn of(scope: Scope) -> Self {
        Self {
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

/// What the kernel says to a request that is no dump.
enum Reply<T> {
    Socket(T),
    Done,
    Acknowledged,
}

/// A running dump. When the kernel has to be asked again, it yields what it has not yielded yet; a
/// socket that moves during one walk can be seen twice in it.
pub(crate) struct Dump<'d> {
    diag: &'d mut Diag,
    request: DumpRequest,
    half: Option<Half>,
    /// Where in the buffer the last message begins; it ends at the position.
    last: usize,
    /// The unread part of the datagram in the buffer.
    position: usize,
    length: usize,
    /// How many datagrams have been read.
    datagrams: u64,
    round: u32,
    interrupted: bool,
    /// The cookies yielded so far; the first `seen_before` are those of earlier rounds, sorted.
    seen: Vec<u64>,
    seen_before: usize,
    /// The kernel refused the program.
    refusal: Option<Errno>,
    /// Whether the kernel has said its last word on the running request.
    over: bool,
    finished: bool,
}

impl Iterator for Dump<'_> {
    type Item = Result<Connection, DumpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let item = self.step().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.finished = true;
        }
        item
    }
}

impl Dump<'_> {
    /// The number of the datagram that the last socket came with. The kernel fills one datagram ahead:
    /// its walk stands at the end of the next one.
    pub(crate) fn datagram(&self) -> u64 {
        self.datagrams
    }

    /// Whether the kernel refused the program (an old one does not know every operation), so that it
    /// yields whatever the program would have kept back. Known with the first socket.
    pub(crate) const fn is_unfiltered(&self) -> bool {
        self.refusal.is_some()
    }

    /// After its end, asks for something else: another walk, with all the same.
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

    /// All that was told of the socket which has just been yielded.
    fn details(&self, connection: Connection) -> Result<Details, DumpError> {
        let mut message = Reader::new(&self.diag.buffer[self.last..self.position]);
        match next_message(&mut message)?.map(|message| message.body) {
            Some(Body::Socket(bytes)) => Ok(read_details(bytes, connection)?),
            _ => Err(Malformed.into()),
        }
    }

    /// The next socket that has not been yielded yet; `None` at the end.
    fn step(&mut self) -> Result<Option<Connection>, DumpError> {
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
                    let mut connection = read_socket(bytes, self.request.extent != Extent::Plain)?;
                    if self.seen[..self.seen_before]
                        .binary_search(&connection.cookie.value())
                        .is_ok()
                    {
                        continue;
                    }
                    self.seen.try_reserve(1).map_err(|_| Errno::NOMEM)?;
                    self.seen.push(connection.cookie.value());
                    self.name_bound_socket(&mut connection);
                    return Ok(Some(connection));
                }
                Body::Done(Ok(())) if self.interrupted => self.repeat()?,
                Body::Done(Ok(())) if self.request.families == Families::V4 => {
                    self.start(Families::V6)?;
                }
                Body::Done(Ok(())) => return Ok(None),
                Body::Done(Err(errno)) | Body::Acknowledged(Err(errno)) => self.refused(errno)?,
                Body::Acknowledged(Ok(())) | Body::Other => {}
            }
        }
    }

    /// Only a walk that was asked for bound sockets shows closed ones, and they are the bound ones:
    /// without a peer, whatever is left of one.
    fn name_bound_socket(&self, connection: &mut Connection) {
        if connection.state == State::Closed && self.request.states.contains(State::BoundInactive) {
            connection.state = State::BoundInactive;
            // It keeps the peer of the connection that it once was (Linux 6.18).
            connection.pair = connection.pair.without_peer();
        }
    }

    /// A kernel that does not run the program yields everything, and one that does not do both families
    /// in one walk does one after the other.
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

    /// The table changed under the walk: walk again, and yield what has not been yielded.
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

/// Why a dump ended before its end.
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

impl From<Malformed> for Errno {
    fn from(_: Malformed) -> Self {
        Self::PROTO
    }
}

/// The kernel caps a dump's datagrams at 32 KiB. One size for the whole life of a socket: after a
/// larger read a smaller one was cut off in mid-message (Linux 6.18).
const BUFFER: usize = 32 * 1024;
/// An answer of more datagrams has no end: they would be a hundred million sockets (some 75 of them fill one, with their
/// counters more). Only a kernel that walks in circles sends as many, or a process that may send to us and does not stop.
const DATAGRAMS: u32 = 1 << 20;
const ATTEMPTS: usize = 3;
/// As many failures, a datagram each, as the default receive buffer (212,992 bytes) holds (measured,
/// Linux 6.18). More than a hundred at once gain nothing.
pub(crate) const DESTRUCTIONS: usize = 256;
/// And as many answers to look-ups.
const LOOK_UPS: usize = 64;
const ROUNDS: u32 = 8;

#[cfg(test)]
mod tests;
