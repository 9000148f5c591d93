//! The step that only the benchmarks measure by itself: the decoding of a dump, without the kernel that made it.
//!
//! It is there for `benches/` only, which see no more of this crate than others do, and only with the feature
//! `bench-internals`. Nothing of it is stable.

#![allow(missing_docs, reason = "it is for nobody else")]

use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;

use crate::connection::Connection;
use crate::error::Error;
use crate::sock_diag::{Channel, Datagram, Diag, NetlinkSocket};
use crate::table::dumps::Dumps;
use crate::table::query::Query;
use crate::table::refusal::dump_error;

/// The kernel's answer to one dump of the table.
#[derive(Debug)]
pub struct Recording {
    query: Query,
    datagrams: Arc<[Vec<u8>]>,
}

impl Recording {
    /// Records a dump of this thread's network namespace.
    pub fn new(query: &Query) -> Result<Self, Error> {
        let socket = NetlinkSocket::open().map_err(|errno| dump_error(errno.into()))?;
        let datagrams = Arc::default();
        let mut diag = Diag::new(Recorder {
            socket,
            datagrams: Arc::clone(&datagrams),
        });
        Dumps::start(&mut diag, query)?.try_for_each(|row| row.map(drop))?;
        let mut datagrams = datagrams.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Self {
            query: query.clone(),
            datagrams: std::mem::take(&mut *datagrams).into(),
        })
    }

    /// Returns its length in bytes.
    pub fn length(&self) -> usize {
        self.datagrams.iter().map(Vec::len).sum()
    }

    /// Dumps it, as a table, and hands over each row.
    pub fn replay(&self, mut take: impl FnMut(Connection)) -> Result<(), Error> {
        let mut diag = Diag::new(Replay {
            datagrams: Arc::clone(&self.datagrams),
            next: 0,
        });
        Dumps::start(&mut diag, &self.query)?.try_for_each(|row| row.map(&mut take))
    }
}

/// The kernel, overheard.
struct Recorder {
    socket: NetlinkSocket,
    datagrams: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Channel for Recorder {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        self.socket.send(datagram)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
        let datagram = self.socket.receive(buffer)?;
        if let Some(bytes) = buffer.get(..datagram.length) {
            let datagrams = self.datagrams.lock();
            datagrams
                .unwrap_or_else(PoisonError::into_inner)
                .push(bytes.to_vec());
        }
        Ok(datagram)
    }
}

/// A kernel that says what was recorded, whatever it is asked. The sequence numbers fit, because both conversations begin
/// with their first question.
struct Replay {
    datagrams: Arc<[Vec<u8>]>,
    next: usize,
}

impl Channel for Replay {
    fn send(&mut self, _: &[u8]) -> Result<(), Errno> {
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
        let bytes = self.datagrams.get(self.next).ok_or(Errno::AGAIN)?;
        self.next += 1;
        buffer
            .get_mut(..bytes.len())
            .ok_or(Errno::MSGSIZE)?
            .copy_from_slice(bytes);
        Ok(Datagram {
            length: bytes.len(),
            from_kernel: true,
        })
    }
}
