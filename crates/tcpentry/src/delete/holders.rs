//! The holders of sockets, for borrowing: one scan of `/proc` for one socket, or one for many.

use std::ops::ControlFlow;

use rustix::io::Errno;

use crate::connection::Inode;
use crate::process::Process;
use crate::process::holder::{Holder, each_holder};

/// The source of a socket's holders.
pub(crate) enum HolderSource {
    /// A scan of `/proc` for each question, as far as the holder that will do: for one connection.
    EachTime,
    /// A scan for many.
    Remembered(Remembered),
}

/// The holders that a scan of `/proc` has shown: 24 bytes for every descriptor of a socket on the machine.
#[derive(Default)]
pub(crate) struct Remembered {
    seen: Option<Seen>,
    /// Set when a scan has been made for the running batch.
    is_new: bool,
}

struct Seen {
    /// The sockets and their holders, in the order of the inodes.
    sockets: Vec<(Inode, Holder)>,
    hidden: Vec<Process>,
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
            Self::EachTime => each_holder(|held| held == inode, hidden, |_, it| visit(it)),
            Self::Remembered(remembered) => {
                let seen = remembered.seen()?;
                hidden.extend(&seen.hidden);
                Ok(seen
                    .of(inode)
                    .find_map(|holder| visit(holder).break_value()))
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
    fn seen(&mut self) -> Result<&Seen, Errno> {
        if self.seen.is_none() {
            self.seen = Some(Seen::now()?);
            self.is_new = true;
        }
        self.seen.as_ref().ok_or(Errno::NOENT)
    }
}

impl Seen {
    fn now() -> Result<Self, Errno> {
        let (mut sockets, mut hidden) = (Vec::new(), Vec::new());
        let remember = |inode, holder| -> ControlFlow<()> {
            sockets.push((inode, holder));
            ControlFlow::Continue(())
        };
        each_holder(|_| true, &mut hidden, remember)?;
        sockets.sort_by_key(|(inode, _)| *inode);
        Ok(Self { sockets, hidden })
    }

    fn of(&self, inode: Inode) -> impl Iterator<Item = Holder> {
        let start = self.sockets.partition_point(|(held, _)| *held < inode);
        self.sockets[start..]
            .iter()
            .take_while(move |(held, _)| *held == inode)
            .map(|(_, holder)| *holder)
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
