//! The holders of sockets, for borrowing: one scan of `/proc` for one socket, or one for many.

use std::io;
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
    Remembered(Box<Remembered>),
}

/// The holders that scans of `/proc` have shown.
#[derive(Default)]
pub(crate) struct Remembered {
    /// The sockets of the running batch whose holders may be asked for.
    wanted: Vec<Inode>,
    /// One holder of each of these, by a scan that ended with the last of them.
    one_each: Option<Owners>,
    /// All holders of all sockets: 16 bytes for every descriptor of a socket on the machine. Only where the one that was found
    /// does not lend.
    all: Option<Owners>,
    /// Set when a scan of all has been made for the running batch.
    is_new: bool,
}

impl HolderSource {
    /// Makes one for many connections, in batches.
    pub(crate) fn for_many() -> Self {
        Self::Remembered(Box::default())
    }

    /// Begins a batch of these sockets: what is not found may be searched for once more.
    pub(crate) fn next_batch(&mut self, wanted: impl IntoIterator<Item = Inode>) {
        if let Self::Remembered(remembered) = self {
            remembered.is_new = false;
            remembered.one_each = None;
            remembered.wanted = wanted.into_iter().collect();
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
                let mut tried = Vec::new();
                if let Some(one_each) = remembered.one_each(inode)? {
                    for holder in one_each.holders(inode) {
                        tried.push(holder);
                        if let ControlFlow::Break(value) = visit(holder) {
                            return Ok(Some(value));
                        }
                    }
                }
                let all = remembered.all()?;
                hidden.extend(all.may_hold_unseen());
                // Who refuses, or does not answer, is asked once.
                let mut others = all.holders(inode).filter(|it| !tried.contains(it));
                Ok(others.find_map(|holder| visit(holder).break_value()))
            }
        }
    }

    /// Forgets what was seen, which the next question searches for anew.
    pub(crate) fn forget(&mut self) {
        if let Self::Remembered(remembered) = self {
            remembered.one_each = None;
            remembered.all = None;
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
                    remembered.all = None;
                }
                renew
            }
        }
    }
}

impl Remembered {
    /// Returns one holder of each socket of the batch; `None` where this is none of them, or all holders are known anyway.
    fn one_each(&mut self, inode: Inode) -> Result<Option<&Owners>, Errno> {
        if self.all.is_some() || !self.wanted.contains(&inode) {
            return Ok(None);
        }
        if self.one_each.is_none() {
            let search = Owners::search().of_sockets(self.wanted.iter().copied());
            self.one_each = Some(search.one_holder_each().run().map_err(|it| errno(&it))?);
        }
        Ok(self.one_each.as_ref())
    }

    fn all(&mut self) -> Result<&Owners, Errno> {
        if self.all.is_none() {
            self.all = Some(Owners::of_all().map_err(|it| errno(&it))?);
            self.is_new = true;
        }
        self.all.as_ref().ok_or(Errno::NOENT)
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
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
        source.next_batch([]);
        assert!(knows(&mut source, &first));
        let second = listen();
        assert!(!knows(&mut source, &second), "it is newer than the scan");
        assert!(!source.renew(), "the scan is of this batch");
        source.next_batch([]);
        assert!(source.renew());
        assert!(knows(&mut source, &second) && knows(&mut source, &first));
        assert!(!source.renew());
        // Those of a batch are found without the others, which are searched for as ever.
        let (third, other) = (listen(), listen());
        let mut source = HolderSource::for_many();
        source.next_batch([&first, &third].map(inode_of));
        assert!(knows(&mut source, &third) && knows(&mut source, &first));
        let has_all = |source: &HolderSource| match source {
            HolderSource::Remembered(remembered) => remembered.all.is_some(),
            HolderSource::EachTime => false,
        };
        assert!(!has_all(&source));
        assert!(knows(&mut source, &other) && has_all(&source));
        // For one there is nothing to be renewed.
        let mut each = HolderSource::EachTime;
        assert!(knows(&mut each, &second) && !each.renew());
    }
}
