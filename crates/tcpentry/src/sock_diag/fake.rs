//! A kernel for tests, behind the [`Channel`]: a closure answers each request, and its answers are
//! queued and handed out as a socket would.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use super::bytecode::interpreter::{self, Entry};
use super::channel::{Channel, Datagram};
use super::diag::Diag;
use super::family::AF_INET;
use super::message::testing;
use super::reader::Reader;
use crate::connection::endpoint::{Endpoint, Interface, Pair};
use crate::connection::state::{State, States};

/// The result of one read of the socket.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Datagram(Vec<u8>),
    /// A datagram that another process sent.
    Stranger(Vec<u8>),
    /// The beginning of a datagram that does not fit the buffer.
    TooLong(Vec<u8>),
    Error(Errno),
    /// The datagram of the request is not even taken.
    Unsent(Errno),
}

impl From<Vec<u8>> for Answer {
    fn from(datagram: Vec<u8>) -> Self {
        Self::Datagram(datagram)
    }
}

impl From<Errno> for Answer {
    fn from(errno: Errno) -> Self {
        Self::Error(errno)
    }
}

/// Every request that was sent, in order.
pub(crate) type Log = Arc<Mutex<Vec<Asked>>>;

struct Fake<K> {
    kernel: Arc<Mutex<K>>,
    queue: VecDeque<Answer>,
    log: Log,
}

impl<K: FnMut(&Asked) -> Vec<Answer> + Send> Channel for Fake<K> {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let length = Reader::new(rest).u32().expect("a length") as usize;
            let (request, others) = rest.split_at(length);
            rest = others;
            self.handle(&Asked::read(request).expect("a whole request"))?;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
        let (bytes, length, from_kernel) = match self.queue.pop_front() {
            None => return Err(Errno::AGAIN),
            Some(Answer::Error(errno) | Answer::Unsent(errno)) => return Err(errno),
            Some(Answer::Datagram(bytes)) => (bytes.clone(), bytes.len(), true),
            Some(Answer::Stranger(bytes)) => (bytes.clone(), bytes.len(), false),
            Some(Answer::TooLong(bytes)) => (bytes, buffer.len() + 1, true),
        };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Datagram {
            length,
            from_kernel,
        })
    }

    /// Takes no time, and is recorded. The kernel hears of it too: what was under way is complete.
    fn await_grace_period(&mut self) {
        let grace = Asked::grace();
        self.log.lock().unwrap().push(grace.clone());
        let _ = (self.kernel.lock().unwrap())(&grace);
    }
}

impl<K: FnMut(&Asked) -> Vec<Answer>> Fake<K> {
    fn handle(&mut self, asked: &Asked) -> Result<(), Errno> {
        assert!(
            asked.question != Question::Destroy || asked.cookie != testing::ANY,
            "a deletion of any socket was asked for"
        );
        self.log.lock().unwrap().push(asked.clone());
        // One dump at a time: the kernel runs it while its answers are read.
        if asked.question.is_dump() && !self.queue.is_empty() {
            self.queue
                .push_back(asked.acknowledged(Some(Errno::BUSY)).into());
            return Ok(());
        }
        let mut answers = (self.kernel.lock().unwrap())(asked);
        if let [Answer::Unsent(errno)] = answers[..] {
            return Err(errno);
        }
        if asked.question == Question::Destroy && !asked.acknowledge {
            let success = asked.acknowledged(None);
            answers
                .retain(|answer| !matches!(answer, Answer::Datagram(bytes) if *bytes == success));
        }
        self.queue.extend(answers);
        Ok(())
    }
}

/// Starts a conversation with a fake kernel, and a record of its questions.
pub(crate) fn diag(
    kernel: impl FnMut(&Asked) -> Vec<Answer> + Send + Sync + 'static,
) -> (Diag, Log) {
    let ([diag], log) = diags(kernel);
    (diag, log)
}

/// Starts several conversations with one fake kernel, and one record of all questions.
pub(crate) fn diags<const N: usize>(
    kernel: impl FnMut(&Asked) -> Vec<Answer> + Send + Sync + 'static,
) -> ([Diag; N], Log) {
    let (kernel, log) = (Arc::new(Mutex::new(kernel)), Log::default());
    let diags = [(); N].map(|()| {
        Diag::new(Fake {
            kernel: Arc::clone(&kernel),
            queue: VecDeque::new(),
            log: log.clone(),
        })
    });
    (diags, log)
}

/// Returns the questions of a record.
pub(crate) fn questions(log: &Log) -> Vec<Question> {
    let log = log.lock().unwrap();
    log.iter().map(|asked| asked.question).collect()
}

/// Returns the cookies of the deletions in a record.
pub(crate) fn destroyed(log: &Log) -> Vec<u64> {
    let log = log.lock().unwrap();
    log.iter()
        .filter(|asked| asked.question == Question::Destroy)
        .map(|asked| asked.cookie)
        .collect()
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Question {
    Get,
    Destroy,
    /// A dump of both families, `TCPDIAG_GETSOCK`.
    Both,
    V4,
    V6,
    /// A dump of the connections of MPTCP in one family.
    Mptcp,
    /// No question: the wait for the changes of the table that are under way.
    Grace,
}

impl Question {
    pub(crate) fn is_dump(self) -> bool {
        !matches!(self, Self::Get | Self::Destroy | Self::Grace)
    }
}

/// A request, as the kernel reads it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) sequence: u32,
    /// The attributes asked for beside the fixed fields: `idiag_ext`.
    pub(crate) extensions: u8,
    pub(crate) states: u32,
    pub(crate) pair: Pair,
    pub(crate) cookie: u64,
    /// The program by which a dump's sockets are judged.
    pub(crate) program: Option<Vec<u8>>,
    /// Set where success is acknowledged too: `NLM_F_ACK`.
    pub(crate) acknowledge: bool,
}

impl Asked {
    fn read(datagram: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(datagram);
        assert_eq!(reader.u32()? as usize, datagram.len());
        let (kind, flags, sequence) = (reader.u16()?, reader.u16()?, reader.u32()?);
        let _port = reader.u32()?;
        let family = reader.u8()?;
        let protocol = reader.u8()?;
        let [extensions, legacy_extensions] = reader.array()?;
        let is_dump = flags & testing::DUMP != 0;
        let question = match kind {
            testing::DESTROY => Question::Destroy,
            testing::BOTH_FAMILIES => Question::Both,
            testing::BY_FAMILY if !is_dump => Question::Get,
            testing::BY_FAMILY if protocol == 255 => Question::Mptcp,
            testing::BY_FAMILY if family == AF_INET => Question::V4,
            testing::BY_FAMILY => Question::V6,
            kind => panic!("an unknown request: {kind}"),
        };
        let mut states = 0;
        if question != Question::Both {
            states = reader.u32()?;
        }
        let ports = (reader.be16()?, reader.be16()?);
        let mut end = |port| {
            let address: [u8; 16] = reader.array()?;
            let address = match address {
                [a, b, c, d, ..] if family == AF_INET => IpAddr::from([a, b, c, d]),
                address => IpAddr::from(address),
            };
            Some(Endpoint::new(address, port))
        };
        let (local, peer) = (end(ports.0)?, end(ports.1)?);
        let interface = Interface::new(reader.u32()?);
        let cookie = u64::from(reader.u32()?) | u64::from(reader.u32()?) << 32;
        if question == Question::Both {
            states = reader.u32()?;
            let _dbs = reader.u32()?;
        }
        Some(Self {
            question,
            sequence,
            extensions: match question {
                Question::Both => legacy_extensions,
                _ => extensions,
            },
            states,
            pair: Pair::new(local, peer).expect("one family").on(interface),
            cookie,
            program: match question {
                Question::Mptcp => None,
                _ => attribute(&mut reader),
            },
            acknowledge: flags & testing::ACKNOWLEDGE != 0,
        })
    }

    fn grace() -> Self {
        Self {
            question: Question::Grace,
            sequence: 0,
            extensions: 0,
            states: 0,
            pair: pair("0.0.0.0:* 0.0.0.0:*"),
            cookie: 0,
            program: None,
            acknowledge: false,
        }
    }

    /// Makes an `NLMSG_ERROR`; 0 is the acknowledgement.
    pub(crate) fn acknowledged(&self, errno: Option<Errno>) -> Vec<u8> {
        testing::acknowledged(self.sequence, errno.map_or(0, Errno::raw_os_error))
    }

    /// Makes an `NLMSG_DONE`, the end of a dump.
    pub(crate) fn done(&self, errno: Option<Errno>) -> Vec<u8> {
        testing::done(self.sequence, errno.map_or(0, Errno::raw_os_error))
    }

    pub(crate) fn row(&self, row: &Row) -> Vec<u8> {
        row.message(self.sequence)
    }

    pub(crate) fn rows<'r>(&self, rows: impl IntoIterator<Item = &'r Row>) -> Vec<u8> {
        rows.into_iter().flat_map(|row| self.row(row)).collect()
    }

    /// Answers as a kernel that knows nothing of TCP: `tcp_diag` is missing.
    pub(crate) fn unknown(&self) -> Vec<Answer> {
        let missing = Some(Errno::NOENT);
        vec![if self.question.is_dump() {
            self.done(missing).into()
        } else {
            self.acknowledged(missing).into()
        }]
    }
}

/// Reads the value of the only attribute that a request may have.
fn attribute(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let (length, number) = (reader.u16()?, reader.u16()?);
    assert_eq!(number, 1, "INET_DIAG_REQ_BYTECODE");
    let program = reader.take(usize::from(length) - 4)?.to_vec();
    assert!(reader.is_empty());
    Some(program)
}

/// Marks a message as part of an interrupted dump.
pub(crate) fn interrupted(mut message: Vec<u8>) -> Vec<u8> {
    let flags = u16::from_ne_bytes([message[6], message[7]]) | testing::INTERRUPTED;
    message[6..8].copy_from_slice(&flags.to_ne_bytes());
    message
}

/// Parses `LOCAL PEER`.
pub(crate) fn pair(text: &str) -> Pair {
    let (local, peer) = text.split_once(' ').unwrap();
    Pair::new(local.parse().unwrap(), peer.parse().unwrap()).unwrap()
}

/// A socket of a fake kernel. It has no owner, unless one is given.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) pair: Pair,
    pub(crate) state: State,
    pub(crate) cookie: u64,
    pub(crate) inode: u32,
    pub(crate) mptcp: bool,
    /// True where its local port was not given by `bind`.
    pub(crate) auto: bool,
}

impl Row {
    /// Makes an established one between these ends.
    pub(crate) fn new(ends: &str, cookie: u64) -> Self {
        Self {
            pair: pair(ends),
            state: State::Established,
            cookie,
            inode: 0,
            mptcp: false,
            auto: false,
        }
    }

    pub(crate) fn state(self, state: State) -> Self {
        Self { state, ..self }
    }

    pub(crate) fn bound_to(self, interface: u32) -> Self {
        let pair = self.pair.on(Interface::new(interface));
        Self { pair, ..self }
    }

    /// Gives it an inode that no socket of this machine has: nobody's descriptor is ever borrowed.
    pub(crate) fn owned(self) -> Self {
        Self {
            inode: u32::MAX,
            ..self
        }
    }

    pub(crate) fn mptcp(self) -> Self {
        Self {
            mptcp: true,
            ..self
        }
    }

    /// Makes the kernel's message about it, in the answer to this request.
    pub(crate) fn message(&self, sequence: u32) -> Vec<u8> {
        let state = match self.state {
            State::BoundInactive => State::Closed,
            state => state,
        };
        // INET_DIAG_ULP_INFO with INET_ULP_INFO_NAME in it.
        let ulp = testing::attribute(19, &testing::attribute(1, b"mptcp\0"));
        testing::socket(
            sequence,
            &self.pair,
            state.to_kernel(),
            self.cookie,
            self.inode,
            if self.mptcp { &ulp } else { &[] },
        )
    }
}

/// A kernel with a table, which finds and destroys as Linux does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kernel {
    pub(crate) rows: Vec<Row>,
    /// True where it was built without `CONFIG_INET_DIAG_DESTROY`.
    pub(crate) no_destroy: bool,
    /// The answer to the destruction of a socket that it has found.
    pub(crate) refusal: Option<Errno>,
    /// True where it acknowledges the destruction and does nothing.
    pub(crate) lies: bool,
    /// The number of sockets in one datagram of a dump; 0 for as many as fit.
    pub(crate) in_datagram: usize,
    pub(crate) programs: Programs,
}

/// The kernel's treatment of programs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Programs {
    #[default]
    Run,
    /// It does not know their operations.
    Refuse,
    /// It yields everything.
    Ignore,
}

impl Kernel {
    pub(crate) fn of(rows: impl Into<Vec<Row>>) -> Self {
        Self {
            rows: rows.into(),
            ..Self::default()
        }
    }

    pub(crate) fn answer(&mut self, asked: &Asked) -> Vec<Answer> {
        let answer = match asked.question {
            Question::Get => match self.look_up(asked) {
                Some(found) => asked.row(&self.rows[found]),
                None => asked.acknowledged(Some(Errno::NOENT)),
            },
            Question::Destroy => asked.acknowledged(self.destroy(asked).err()),
            Question::Grace => return vec![],
            Question::Mptcp => {
                let connections = self.rows.iter().filter(|row| row.mptcp);
                [asked.rows(connections), asked.done(None)].concat()
            }
            _ => {
                return self
                    .dump(asked)
                    .unwrap_or_else(|errno| vec![asked.acknowledged(Some(errno)).into()]);
            }
        };
        vec![answer.into()]
    }

    fn dump(&self, asked: &Asked) -> Result<Vec<Answer>, Errno> {
        self.audit(asked)?;
        let is_yielded = |row: &&Row| is_asked(row, asked) && self.is_accepted(row, asked);
        let rows: Vec<_> = self.rows.iter().filter(is_yielded).collect();
        let size = if self.in_datagram == 0 {
            300
        } else {
            self.in_datagram
        };
        let mut datagrams: Vec<_> = rows
            .chunks(size)
            .map(|rows| asked.rows(rows.iter().copied()))
            .collect();
        // A dump's last datagram has room for its end.
        let mut last = datagrams.pop().unwrap_or_default();
        last.extend(asked.done(None));
        datagrams.push(last);
        Ok(datagrams.into_iter().map(Answer::from).collect())
    }

    fn audit(&self, asked: &Asked) -> Result<(), Errno> {
        match &asked.program {
            None => Ok(()),
            Some(_) if self.programs == Programs::Refuse => Err(Errno::INVAL),
            Some(program) => interpreter::audit(program, self.refusal != Some(Errno::PERM)),
        }
    }

    fn is_accepted(&self, row: &Row, asked: &Asked) -> bool {
        let ends = [row.pair.local(), row.pair.peer()];
        let entry = Entry {
            interface: row.pair.interface().map_or(0, Interface::index),
            auto: row.auto,
            ..Entry::new(ends.map(|end| end.address()), ends.map(|end| end.port()))
        };
        match &asked.program {
            Some(program) if self.programs == Programs::Run => interpreter::run(program, &entry),
            _ => true,
        }
    }

    fn destroy(&mut self, asked: &Asked) -> Result<(), Errno> {
        if self.no_destroy {
            return Err(Errno::OPNOTSUPP);
        }
        let found = self.look_up(asked).ok_or(Errno::NOENT)?;
        self.refusal.map_or(Ok(()), Err)?;
        if !self.lies {
            self.rows.remove(found);
        }
        Ok(())
    }

    /// Looks up as `inet_lookup` does: the first that matches in the table of connections, else a listener; only then is the
    /// cookie compared.
    fn look_up(&self, asked: &Asked) -> Option<usize> {
        let (pair, rows) = (asked.pair, &self.rows);
        let on_device = |row: &Row| {
            let bound = row.pair.interface();
            bound.is_none() || bound == pair.interface()
        };
        let connection = |row: &Row| {
            !matches!(row.state, State::Listening | State::BoundInactive)
                && row.pair.same_ends(&pair)
                && on_device(row)
        };
        let listener = |row: &Row| {
            let local = row.pair.local();
            row.state == State::Listening
                && local.port() == pair.local().port()
                && (local == pair.local() || local.address().is_unspecified())
                && on_device(row)
        };
        let found = rows.iter().position(connection);
        let found = found.or_else(|| rows.iter().position(listener))?;
        let is_it = [testing::ANY, rows[found].cookie].contains(&asked.cookie);
        is_it.then_some(found)
    }
}

/// Returns true where a dump asks for this socket.
fn is_asked(row: &Row, asked: &Asked) -> bool {
    let is_port = |asked: u16, port| asked == 0 || asked == port;
    let family = match asked.question {
        Question::V4 => row.pair.is_ipv4(),
        Question::V6 => !row.pair.is_ipv4(),
        _ => true,
    };
    let state = States::NONE.with(row.state).bits();
    family
        && asked.states & state != 0
        && is_port(asked.pair.local().port(), row.pair.local().port())
        && is_port(asked.pair.peer().port(), row.pair.peer().port())
}
