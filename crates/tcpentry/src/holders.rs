//! Where borrowing learns who holds a socket: one walk over `/proc` for one, or one for many.

use std::io;

use crate::connection::Inode;
use crate::process::{self, HiddenProcess, Holder, Holders};

/// Who holds which socket.
pub(crate) enum HolderSource {
    /// A walk over `/proc` for each question: for one connection.
    EachTime,
    /// A walk for many.
    Remembered(Remembered),
}

/// What a walk over `/proc` has shown: 12 bytes for every descriptor of a socket on the machine.
#[derive(Default)]
pub(crate) struct Remembered {
    seen: Option<Seen>,
    /// Whether a walk has been made for the running batch.
    is_new: bool,
}

struct Seen {
    /// In the order of the inodes.
    sockets: Vec<(Inode, Holder)>,
    hidden: Vec<HiddenProcess>,
}

impl HolderSource {
    /// For many connections, in batches.
    pub(crate) fn for_many() -> Self {
        Self::Remembered(Remembered::default())
    }

    /// From now on, what is not found is worth another walk once more.
    pub(crate) fn next_batch(&mut self) {
        if let Self::Remembered(remembered) = self {
            remembered.is_new = false;
        }
    }

    /// The holders of a socket, as far as they are known.
    pub(crate) fn holders(&mut self, inode: Inode) -> io::Result<Holders> {
        match self {
            Self::EachTime => process::holders(inode),
            Self::Remembered(remembered) => remembered.holders(inode),
        }
    }

    /// Forgets what was seen, so that the next question makes a new walk; `false` where that can't
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
    fn holders(&mut self, inode: Inode) -> io::Result<Holders> {
        let Seen { sockets, hidden } = match &self.seen {
            Some(seen) => seen,
            None => self.walk()?,
        };
        let start = sockets.partition_point(|(other, _)| *other < inode);
        let of_it = sockets[start..]
            .iter()
            .take_while(|(other, _)| *other == inode);
        Ok(Holders {
            found: of_it.map(|(_, holder)| *holder).collect(),
            hidden: hidden.clone(),
        })
    }

    fn walk(&mut self) -> io::Result<&Seen> {
        let mut sockets = Vec::new();
        let hidden = process::each_socket(|inode, holder| sockets.push((inode, holder)))?;
        sockets.sort_by_key(|(inode, _)| *inode);
        self.is_new = true;
        Ok(self.seen.insert(Seen { sockets, hidden }))
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
            let own = process::Process::current();
            let holders = source.holders(inode_of(socket)).unwrap().found;
            holders.iter().any(|holder| holder.process == own)
        };
        source.next_batch();
        assert!(knows(&mut source, &first));
        let second = listen();
        assert!(!knows(&mut source, &second), "it is newer than the walk");
        assert!(!source.renew(), "the walk is of this batch");
        source.next_batch();
        assert!(source.renew());
        assert!(knows(&mut source, &second) && knows(&mut source, &first));
        assert!(!source.renew());
        // For one there is nothing to be renewed.
        let mut each = HolderSource::EachTime;
        assert!(knows(&mut each, &second) && !each.renew());
    }
}
