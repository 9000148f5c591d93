//! Many questions in one datagram: look-ups, and destructions.

use rustix::io::Errno;

use super::attribute::read_socket;
use super::diag::{DATAGRAMS, Diag};
use super::message::{Body, Extent, Malformed, Request, next_message};
use super::reader::Reader;
use crate::connection::endpoint::Pair;
use crate::connection::{Connection, Cookie};

impl Diag {
    /// Looks many sockets up by their names and cookies, as [`get`](Self::get) does one.
    ///
    /// `EAGAIN` for each whose answer is not there: it may be asked for again.
    pub(crate) fn get_many(
        &mut self,
        sockets: &[(Pair, Cookie)],
    ) -> Vec<Result<Connection, Errno>> {
        let mut found = Vec::with_capacity(sockets.len());
        for some in sockets.chunks(LOOKUP_BATCH) {
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
    /// [`DESTROY_BATCH`] at once. The words on them are in their order.
    ///
    /// The kernel only reports failures, each in a datagram of its own, and the last request,
    /// which asks to be acknowledged: where that answer is there and nothing got lost, silence on
    /// the others is success. Else silence is `EAGAIN`: it has been done or refused, and only another
    /// look decides.
    pub(crate) fn destroy_many(&mut self, sockets: &[(Pair, Cookie)]) -> Vec<Result<(), Errno>> {
        let mut words = Vec::with_capacity(sockets.len());
        for some in sockets.chunks(DESTROY_BATCH) {
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
    /// Returns true when every answer could be read: the kernel queues its answers before `send` returns, and what does not fit
    /// the queue is lost and reported by one `ENOBUFS`. It is read until nothing is left, because until then whatever is added is
    /// lost silently. An error when nothing was sent.
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
}

/// As many failures, a datagram each, as the default receive buffer (212,992 bytes) holds (measured,
/// Linux 6.18). More than a hundred at once gain nothing.
pub(crate) const DESTROY_BATCH: usize = 256;
/// The number of answers to look-ups that the default receive buffer holds.
const LOOKUP_BATCH: usize = 64;
