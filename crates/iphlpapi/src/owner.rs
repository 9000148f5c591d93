//! The owners of rows: the process with the lowest pid of those that hold the socket.

use tcpentry::Inode;
use tcpentry::process::Owners;

use crate::code::Code;

/// A row's process and its start time; both 0 for none, or none that the caller may see.
#[derive(Clone, Copy, Default)]
pub(crate) struct RowOwner {
    pub(crate) pid: u32,
    /// The start time, which the table has in `OwningModuleInfo`.
    pub(crate) started: u64,
}

/// The owners of the rows of one table.
#[derive(Default)]
pub(crate) struct RowOwners(Owners);

impl RowOwners {
    /// Looks for the owners of sockets, no longer than until each has one.
    ///
    /// Without `/proc` there are none. Fails only where memory or descriptors have run out: then whoever tries again may
    /// get more.
    pub(crate) fn find(sockets: impl Iterator<Item = Inode>) -> Result<Self, Code> {
        let mut sockets = sockets.peekable();
        if sockets.peek().is_none() {
            return Ok(Self::default());
        }
        match Owners::search().of_sockets(sockets).one_holder_each().run() {
            Ok(owners) => Ok(Self(owners)),
            Err(error) => match Code::from(error) {
                Code::GEN_FAILURE => Ok(Self::default()),
                ran_out => Err(ran_out),
            },
        }
    }

    /// Returns the process with the lowest pid of those that hold a socket.
    pub(crate) fn of(&self, socket: Option<Inode>) -> RowOwner {
        let first = socket.and_then(|inode| self.0.of(inode).next());
        first.map_or(RowOwner::default(), |owner| RowOwner {
            pid: owner.process.pid().unsigned_abs(),
            started: owner.process.start(),
        })
    }
}
