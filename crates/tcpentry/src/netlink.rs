//! Questions over netlink protocols other than that of `sock_diag`, and their answers: routes, addresses, connection tracking,
//! sets of nftables; and the messages that the kernel sends unasked.

use rustix::io::Errno;

use crate::sock_diag::{
    Channel, HEADER_LENGTH, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR,
    Reader, next_attribute, next_raw, result_of,
};

/// A conversation with the kernel over one socket.
pub(crate) struct Conversation {
    channel: Box<dyn Channel>,
    sequence: u32,
    buffer: Vec<u8>,
}

/// A question: the type of its message, and what stands behind the header.
pub(crate) struct Question {
    pub(crate) kind: u16,
    /// Everything is asked for (`NLM_F_DUMP`), not one thing.
    pub(crate) is_dump: bool,
    pub(crate) body: Payload,
}

impl Conversation {
    pub(crate) fn over(channel: impl Channel + 'static) -> Self {
        Self {
            channel: Box::new(channel),
            sequence: 0,
            buffer: vec![0; BUFFER],
        }
    }

    /// Asks, and hands over each message of the answer: its type, and what stands behind its header. The answer to a question
    /// about one thing is one message, or an error.
    ///
    /// A dump among changes may lack what stays: it is repeated, so the same may be handed over again.
    pub(crate) fn ask(
        &mut self,
        question: &Question,
        mut on_message: impl FnMut(u16, &[u8]),
    ) -> Result<(), Errno> {
        for _ in 0..DUMPS {
            if self.ask_once(question, &mut on_message)? == Completeness::Whole {
                return Ok(());
            }
        }
        Err(Errno::AGAIN)
    }

    /// Asks, and collects what is read of the messages of the answer. Where a dump is repeated, what was read before is dropped.
    pub(crate) fn collect<T>(
        &mut self,
        question: &Question,
        mut read: impl FnMut(&mut Vec<T>, u16, &[u8]),
    ) -> Result<Vec<T>, Errno> {
        for _ in 0..DUMPS {
            let mut collected = Vec::new();
            let once = self.ask_once(question, &mut |kind, body: &[u8]| {
                read(&mut collected, kind, body);
            });
            if once? == Completeness::Whole {
                return Ok(collected);
            }
        }
        Err(Errno::AGAIN)
    }

    fn ask_once(
        &mut self,
        question: &Question,
        on_message: &mut impl FnMut(u16, &[u8]),
    ) -> Result<Completeness, Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        self.channel.send(&question.encode(self.sequence))?;
        let mut completeness = Completeness::Whole;
        loop {
            let datagram = self.channel.receive(&mut self.buffer)?;
            if !datagram.from_kernel {
                continue;
            }
            let bytes = self.buffer.get(..datagram.length);
            let mut rest = Reader::new(bytes.ok_or(Errno::MSGSIZE)?);
            while let Some(message) = next_raw(&mut rest)? {
                if message.sequence != self.sequence {
                    continue;
                }
                if message.flags & NLM_F_DUMP_INTR != 0 {
                    completeness = Completeness::Interrupted;
                }
                match message.kind {
                    NLMSG_DONE => return Ok(completeness),
                    NLMSG_ERROR => {
                        let result = result_of(message.payload).ok_or(Errno::PROTO)?;
                        return result.map(|()| completeness);
                    }
                    kind => on_message(kind, message.payload),
                }
                if !question.is_dump {
                    return Ok(completeness);
                }
            }
        }
    }
}

/// The messages that come to a socket which has joined multicast groups.
pub(crate) struct Subscription {
    channel: Box<dyn Channel>,
    buffer: Vec<u8>,
    /// Set where messages were lost, until that has been reported.
    has_lost: bool,
}

/// The state of a queue after it has been read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Queue {
    /// Nothing is left in it.
    Empty,
    /// Nothing is left in it, but messages did not get into it, or could not be read.
    Overrun,
    /// There may be more in it.
    Unfinished,
}

impl Subscription {
    pub(crate) fn over(channel: impl Channel + 'static) -> Self {
        Self {
            channel: Box::new(channel),
            buffer: vec![0; BUFFER],
            has_lost: false,
        }
    }

    /// Hands over each queued message of the kernel, its type and what stands behind its header, without waiting.
    ///
    /// After an overrun (`ENOBUFS`) the kernel drops everything until the queue has been emptied, and reports it no second time: so it
    /// is reported here when the queue is empty.
    pub(crate) fn drain(&mut self, mut on_message: impl FnMut(u16, &[u8])) -> Result<Queue, Errno> {
        for _ in 0..DATAGRAMS {
            let datagram = match self.channel.receive(&mut self.buffer) {
                Ok(datagram) => datagram,
                Err(Errno::NOBUFS) => {
                    self.has_lost = true;
                    continue;
                }
                Err(Errno::AGAIN) if std::mem::take(&mut self.has_lost) => {
                    return Ok(Queue::Overrun);
                }
                Err(Errno::AGAIN) => return Ok(Queue::Empty),
                Err(errno) => return Err(errno),
            };
            if !datagram.from_kernel {
                continue;
            }
            // What is cut off or no message is as good as lost.
            let Some(bytes) = self.buffer.get(..datagram.length) else {
                self.has_lost = true;
                continue;
            };
            let mut rest = Reader::new(bytes);
            loop {
                match next_raw(&mut rest) {
                    Ok(Some(message)) => on_message(message.kind, message.payload),
                    Ok(None) => break,
                    Err(_) => {
                        self.has_lost = true;
                        break;
                    }
                }
            }
        }
        Ok(Queue::Unfinished)
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Completeness {
    Whole,
    /// Something changed meanwhile (`NLM_F_DUMP_INTR`).
    Interrupted,
}

impl Question {
    fn encode(&self, sequence: u32) -> Vec<u8> {
        let flags = NLM_F_REQUEST | if self.is_dump { NLM_F_DUMP } else { 0 };
        let length = HEADER_LENGTH + self.body.0.len();
        let mut bytes = Vec::with_capacity(length);
        bytes.extend(
            u32::try_from(length)
                .expect("questions are short")
                .to_ne_bytes(),
        );
        bytes.extend(self.kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        // The port is the kernel's to fill in.
        bytes.extend([0; 4]);
        bytes.extend(&self.body.0);
        bytes
    }
}

/// A structure and attributes behind it.
pub(crate) struct Payload(Vec<u8>);

impl Payload {
    /// Begins with a structure whose length is a multiple of four.
    pub(crate) fn of(structure: &[u8]) -> Self {
        debug_assert!(structure.len() % 4 == 0);
        Self(structure.to_vec())
    }

    /// Adds an attribute.
    pub(crate) fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(ATTRIBUTE_HEADER + value.len()).expect("attributes are short");
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// Adds an attribute that consists of attributes (`NLA_F_NESTED`).
    pub(crate) fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self(Vec::new());
        fill(&mut inner);
        self.attribute(kind | NLA_F_NESTED, &inner.0);
    }
}

/// Splits attributes into their types, without the flags of byte order and nesting, and values. Ends where something is not an attribute.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = Reader::new(bytes);
    std::iter::from_fn(move || next_attribute(&mut rest).ok().flatten())
}

/// Finds the value of the first attribute of this type.
pub(crate) fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes)
        .find(|(it, _)| *it == kind)
        .map(|(_, value)| value)
}

const ATTRIBUTE_HEADER: usize = 4;
const NLA_F_NESTED: u16 = 1 << 15;
/// The size of a buffer: the kernel fills no more into a datagram of a dump.
const BUFFER: usize = 32 * 1024;
/// The number of tries of a dump that others' changes interrupt each time; nothing better can be had then.
const DUMPS: usize = 5;
/// So many datagrams are read before the caller may do something else.
const DATAGRAMS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sock_diag::Datagram;

    /// Answers every question with these bytes, in which the sequence is filled in.
    struct Canned(Vec<Vec<u8>>);

    impl Channel for Canned {
        fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
            for answer in &mut self.0 {
                if answer.len() >= HEADER_LENGTH {
                    answer[8..12].copy_from_slice(&datagram[8..12]);
                }
            }
            Ok(())
        }

        fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
            if self.0.is_empty() {
                return Err(Errno::AGAIN);
            }
            let answer = self.0.remove(0);
            let shown = answer.len().min(buffer.len());
            buffer[..shown].copy_from_slice(&answer[..shown]);
            Ok(Datagram {
                length: answer.len(),
                from_kernel: true,
            })
        }
    }

    fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER_LENGTH + payload.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(payload);
        bytes
    }

    type Seen = Vec<(u16, Vec<u8>)>;

    fn ask(answers: Vec<Vec<u8>>) -> (Result<(), Errno>, Seen) {
        let question = Question {
            kind: 1,
            is_dump: true,
            body: Payload::of(&[0; 4]),
        };
        let mut seen = Vec::new();
        let result = Conversation::over(Canned(answers)).ask(&question, |kind, payload| {
            seen.push((kind, payload.to_vec()));
        });
        (result, seen)
    }

    #[test]
    fn an_answer_ends_by_done_or_an_error() {
        let done = message(NLMSG_DONE, 0, &[0; 4]);
        assert_eq!(
            ask(vec![message(20, 0, b"abcd"), done]),
            (Ok(()), vec![(20, b"abcd".to_vec())])
        );
        let refused = message(NLMSG_ERROR, 0, &(-1_i32).to_ne_bytes());
        assert_eq!(ask(vec![refused]).0, Err(Errno::PERM));
        assert_eq!(ask(vec![message(NLMSG_ERROR, 0, &[0; 4])]).0, Ok(()));
    }

    #[test]
    fn a_hostile_answer_is_an_error() {
        for answer in [
            message(NLMSG_ERROR, 0, &[]),
            message(NLMSG_ERROR, 0, &i32::MIN.to_ne_bytes()),
            message(NLMSG_ERROR, 0, &1_i32.to_ne_bytes()),
            vec![0; 3],
            vec![0; HEADER_LENGTH],
            vec![0xff; HEADER_LENGTH],
            vec![0; BUFFER + 1],
        ] {
            assert!(
                ask(vec![answer.clone()]).0.is_err(),
                "{:?}",
                &answer[..answer.len().min(20)]
            );
        }
        // Nothing comes.
        assert_eq!(ask(Vec::new()).0, Err(Errno::AGAIN));
    }

    #[test]
    fn an_interrupted_dump_is_repeated() {
        let interrupted = || message(NLMSG_DONE, NLM_F_DUMP_INTR, &[0; 4]);
        assert_eq!(
            ask(vec![interrupted(), message(NLMSG_DONE, 0, &[0; 4])]).0,
            Ok(())
        );
        assert_eq!(
            ask((0..DUMPS).map(|_| interrupted()).collect()).0,
            Err(Errno::AGAIN)
        );
    }

    #[test]
    fn what_an_interrupted_dump_brought_is_dropped() {
        let question = Question {
            kind: 1,
            is_dump: true,
            body: Payload::of(&[0; 4]),
        };
        let answers = vec![
            message(20, NLM_F_DUMP_INTR, b"gone"),
            message(NLMSG_DONE, 0, &[0; 4]),
            message(20, 0, b"here"),
            message(NLMSG_DONE, 0, &[0; 4]),
        ];
        let mut conversation = Conversation::over(Canned(answers));
        let read = conversation.collect(&question, |read, _, body| read.push(body.to_vec()));
        assert_eq!(read, Ok(vec![b"here".to_vec()]));
    }

    /// Yields these results, and then nothing.
    struct Queued(Vec<Result<(Vec<u8>, bool), Errno>>);

    impl Channel for Queued {
        fn send(&mut self, _: &[u8]) -> Result<(), Errno> {
            unreachable!("it only listens")
        }

        fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
            if self.0.is_empty() {
                return Err(Errno::AGAIN);
            }
            let (bytes, from_kernel) = self.0.remove(0)?;
            let shown = bytes.len().min(buffer.len());
            buffer[..shown].copy_from_slice(&bytes[..shown]);
            Ok(Datagram {
                length: bytes.len(),
                from_kernel,
            })
        }
    }

    #[test]
    fn what_is_lost_or_no_message_is_an_overrun_once_the_queue_is_empty() {
        let good = || Ok((message(20, 0, b"abcd"), true));
        let forged = || Ok((message(20, 0, b"evil"), false));
        let drain = |queued: Vec<_>| {
            let mut subscription = Subscription::over(Queued(queued));
            let mut seen = Vec::new();
            let queue = subscription.drain(|kind, body| seen.push((kind, body.to_vec())));
            assert_eq!(subscription.drain(|_, _| {}), Ok(Queue::Empty));
            (queue, seen)
        };
        let seen = |count| vec![(20, b"abcd".to_vec()); count];
        assert_eq!(drain(vec![]), (Ok(Queue::Empty), seen(0)));
        assert_eq!(drain(vec![forged(), good()]), (Ok(Queue::Empty), seen(1)));
        let overrun = vec![Err(Errno::NOBUFS), good(), Err(Errno::NOBUFS), good()];
        assert_eq!(drain(overrun), (Ok(Queue::Overrun), seen(2)));
        assert_eq!(drain(vec![Err(Errno::IO)]), (Err(Errno::IO), seen(0)));
        for hostile in [vec![0; BUFFER + 1], vec![0; 3], vec![0xff; HEADER_LENGTH]] {
            let queued = vec![Ok((hostile, true)), good()];
            assert_eq!(drain(queued), (Ok(Queue::Overrun), seen(1)));
        }
    }

    #[test]
    fn a_flood_does_not_keep_the_caller() {
        let flood = (0..=DATAGRAMS).map(|_| Ok((Vec::new(), false))).collect();
        let mut subscription = Subscription::over(Queued(flood));
        assert_eq!(subscription.drain(|_, _| {}), Ok(Queue::Unfinished));
        assert_eq!(subscription.drain(|_, _| {}), Ok(Queue::Empty));
    }

    #[test]
    fn attributes_are_read_as_they_are_written() {
        let mut body = Payload::of(&[]);
        body.attribute(1, b"abc");
        body.nested(2, |inner| inner.attribute(7, &[9]));
        assert_eq!(body.0.len() % 4, 0);
        let read: Vec<_> = attributes(&body.0).collect();
        assert_eq!(read[0], (1, &b"abc"[..]));
        assert_eq!(attribute(read[1].1, 7), Some(&[9][..]));
        for hostile in [&[0; 4][..], &[3, 0, 1, 0], &[255, 255, 1, 0, 1], &[1]] {
            assert_eq!(attributes(hostile).count(), 0, "{hostile:?}");
        }
    }
}
