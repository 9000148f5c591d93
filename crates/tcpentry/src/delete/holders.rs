//! The holders of sockets, for borrowing: one scan of `/proc` for one socket, or one for many.

use std::ops::ControlFlow;

use rustix::io::Errno;

use crate::connection::Inode;
use crate::process::holder::{Holder, each_holder};
use crate::process::{Owners, Process};

/// The source of a socket's holders.
pub(crate) enum HolderSource {
    /// A scan of `/proc` for each question, as far as the holder that will do: for one connection.
    EachTime,
    /// A scan for many.
    Remembered(Remembered),
}

/// The holders that a scan of `/proc` has shown: 16 bytes for every descriptor of a socket on the machine.
#[derive(Default)]
pub(crate) struct Remembered {
    seen: Option<Owners>,
    /// Set when a scan has been made for the running batch.
    is_new: bool,
}

impl HolderSource {
    /// Makes one for many connections, in batches.
    pub(crate) fn for_many() -> Self {
        Self::Remembered(Remembered::default())
    }

    /// Allows one more search for what is not found.
    pub(crate) fn next_batch(&mut self) {
        if let Self::Remembered(remembered) = self {
            remembered.is_new = false;
        }
    }

    /// Calls with each holder of a socket, as far as they are known, until one breaks it off, and collects
    /// the processes that may hold it unseen.
    pub(crate) fn each<B>(
        &mut self,
        inode: Inode,
        hidden: &mut Vec<Process>,
        mut visit: impl FnMut(Holder) -> ControlFlow<B>,
    ) -> Result<Option<B>, Errno> {
        match self {
            Self::EachTime => each_holder(inode, hidden, visit),
            Self::Remembered(remembered) => {
                let seen = remembered.seen()?;
                hidden.extend(seen.may_hold_unseen());
                let mut holders = seen.holders(inode);
                Ok(holders.find_map(|holder| visit(holder).break_value()))
            }
        }
    }

    /// Forgets what was seen, so that the next question makes a new scan; `false` where that can't
    /// tell anything new.
    pub(crate) fn renew(&mut self) -> bool {
        match self {
            Self::EachTime => false,
            Self::Remembered(remembered) => {
                let renew = !remembered.is_new;
                if renew {
                    remembered.seen = None;
                }
                renew
            }
        }
    }
}

impl Remembered {
    fn seen(&mut self) -> Result<&Owners, Errno> {
        if self.seen.is_none() {
            let seen = Owners::of_all();
            self.seen =
                Some(seen.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?);
            self.is_new = true;
        }
        self.seen.as_ref().ok_or(Errno::NOENT)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn inode_of(socket: &TcpListener) -> Inode {
        let number = rustix::fs::fstat(socket).unwrap().st_ino;
        Inode::new(u32::try_from(number).unwrap()).unwrap()
    }

    #[test]
    fn what_many_ask_for_is_looked_up_once_in_a_batch() {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (first, mut source) = (listen(), HolderSource::for_many());
        let knows = |source: &mut HolderSource, socket: &TcpListener| {
            let own = Process::current();
            let is_own = |holder: Holder| {
                if own == Some(holder.process) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            let found = source.each(inode_of(socket), &mut Vec::new(), is_own);
            found.unwrap().is_some()
        };
        source.next_batch();
        assert!(knows(&mut source, &first));
        let second = listen();
        assert!(!knows(&mut source, &second), "it is newer than the scan");
        assert!(!source.renew(), "the scan is of this batch");
        source.next_batch();
        assert!(source.renew());
        assert!(knows(&mut source, &second) && knows(&mut source, &first));
        assert!(!source.renew());
        // For one there is nothing to be renewed.
        let mut each = HolderSource::EachTime;
        assert!(knows(&mut each, &second) && !each.renew());
    }
}
