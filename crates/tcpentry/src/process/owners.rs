//! The processes that hold sockets: a snapshot.

use super::cgroup_path::{CgroupPath, CgroupPathBuf};
use super::holder::Holder;
use super::holdings::{Holding, Holdings};
use super::pid::Process;
use super::proc::Descriptor;
use crate::connection::Inode;

/// A process that holds sockets, or may hold some.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Owner {
    /// The process.
    pub process: Process,
    /// Name of the process, as [`Process::name`] gives it; empty where even that is hidden (`hidepid=1`).
    /// [Escape](crate::escape::escape_for_terminal) it before a terminal sees it.
    pub name: Vec<u8>,
    /// The path of its executable (`/proc/PID/exe`), also of one that was removed since; `None` where the caller may
    /// not look at it.
    pub executable: Option<Vec<u8>>,
    /// Real user of the process.
    pub uid: Option<u32>,
    /// Cgroup of the process, where that was asked for ([`OwnerSearch::with_cgroups`](super::OwnerSearch::with_cgroups)): the path in version 2;
    /// where nothing is managed in that, the one in the hierarchy of systemd; else that of which root has made most.
    pub cgroup: Option<CgroupPathBuf>,
}

/// A snapshot of the processes that hold sockets.
///
/// ```
/// # use std::os::fd::AsFd;
/// use tcpentry::process::Owners;
/// use tcpentry::Inode;
/// # fn inode(socket: impl AsFd) -> Option<Inode> {
/// #     Inode::new(u32::try_from(rustix::fs::fstat(socket).ok()?.st_ino).ok()?)
/// # }
///
/// let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let owners = Owners::of_all()?;
/// let mut holders = owners.of(inode(&socket).unwrap());
/// assert_eq!(holders.next().unwrap().process.pid().unsigned_abs(), std::process::id());
/// assert!(holders.next().is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Each descriptor of a socket with the place of its owner in `found`.
    pub(super) holdings: Holdings,
    pub(super) found: Vec<Owner>,
    pub(super) hidden: Vec<Owner>,
    pub(super) partly_seen: Vec<Owner>,
    pub(super) withheld: bool,
    pub(super) by_right: bool,
}

impl Owners {
    /// Returns all processes that hold a socket, each once, in the order of their pids.
    ///
    /// None means that none was seen: the socket may be held by one of the [`hidden`](Self::hidden), or by a
    /// process that this `/proc` does not show (another pid namespace, `hidepid=2`). Where
    /// [all are seen](Self::are_all_seen), no process holds it: it came after the search, is on its way from one process to
    /// another (`SCM_RIGHTS`), registered with io_uring, or the kernel's own (NFS).
    pub fn of(&self, inode: Inode) -> impl Iterator<Item = &Owner> {
        self.held(inode).map(|(owner, _)| owner)
    }

    /// Returns the processes as [`of`](Self::of) does, each with the numbers of the descriptors by which it holds the
    /// socket, in ascending order.
    ///
    /// They are those of one table of descriptors: the process's (`/proc/PID/fd`), or where only threads hold it which
    /// have a table to themselves (`unshare(CLONE_FILES)`), that of the first of these (`/proc/PID/task/TID/fd`).
    ///
    /// ```
    /// # use std::os::fd::AsRawFd;
    /// use tcpentry::process::Owners;
    /// # use tcpentry::Inode;
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let inode = rustix::fs::fstat(&listener)?.st_ino;
    /// # let inode = Inode::new(u32::try_from(inode).unwrap()).unwrap();
    /// let copy = listener.try_clone()?;
    /// let owners = Owners::of_all()?;
    /// for (owner, descriptors) in owners.with_descriptors(inode) {
    ///     let numbers: Vec<i32> = descriptors.collect();
    ///     println!("{} {numbers:?}", owner.process.pid());
    /// #   assert_eq!(numbers, [listener.as_raw_fd(), copy.as_raw_fd()]);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with_descriptors(
        &self,
        inode: Inode,
    ) -> impl Iterator<Item = (&Owner, impl Iterator<Item = i32>)> {
        self.held(inode).map(|(owner, holdings)| {
            let table = holdings[0].descriptor.thread;
            let of_table = holdings.iter().map(|it| it.descriptor);
            let of_table = of_table.take_while(move |it| it.thread == table);
            (owner, of_table.map(|it| it.number))
        })
    }

    /// Returns the processes as [`of`](Self::of) does, each with one of the descriptors by which it holds the socket.
    pub(crate) fn with_one_descriptor(
        &self,
        inode: Inode,
    ) -> impl Iterator<Item = (&Owner, Descriptor)> {
        let held = self.held(inode);
        held.map(|(owner, holdings)| (owner, holdings[0].descriptor))
    }

    /// Returns the holders of a socket, one for each descriptor.
    pub(crate) fn holders(&self, inode: Inode) -> impl Iterator<Item = Holder> {
        let held = self.held(inode);
        held.flat_map(|(owner, holdings)| {
            holdings.iter().map(|holding| Holder {
                process: owner.process,
                descriptor: holding.descriptor,
            })
        })
    }

    /// Returns the processes that may hold sockets by descriptors that were not seen.
    pub(crate) fn may_hold_unseen(&self) -> impl Iterator<Item = Process> {
        let unseen = self.hidden.iter().chain(&self.partly_seen);
        unseen.map(|owner| owner.process)
    }

    /// Returns the processes that hold a socket, each with its entries, of which there is at least one.
    fn held(&self, inode: Inode) -> impl Iterator<Item = (&Owner, &[Holding])> {
        let holdings = self.holdings.of(inode);
        let of_process = holdings.chunk_by(|one, next| one.place == next.place);
        of_process.filter_map(|holdings| {
            let place = usize::try_from(holdings[0].place).ok()?;
            Some((self.found.get(place)?, holdings))
        })
    }

    /// Returns true if any process was seen to hold the socket.
    pub(crate) fn hold(&self, inode: Inode) -> bool {
        self.of(inode).next().is_some()
    }

    /// Returns the processes whose descriptors the caller may not see, so that any of them may hold any
    /// socket: another user's, those that are not dumpable, those with more capabilities.
    pub fn hidden(&self) -> &[Owner] {
        &self.hidden
    }

    /// Returns the processes of whose threads so many have a table of descriptors to themselves (`unshare(CLONE_FILES)`)
    /// that not all of these tables were read, so that any of these processes may hold any socket: those of users other
    /// than root who have more than 65,536 descriptors in such tables.
    pub fn partly_seen(&self) -> &[Owner] {
        &self.partly_seen
    }

    /// Returns true where there are processes that this `/proc` does not even show (`hidepid=2`, another pid namespace), so that the
    /// [`hidden`](Self::hidden) are not all that may hold something unseen.
    ///
    /// It is known by the first process of the pid namespace, which others than root are not shown then; and by that
    /// namespace not being the host's: sockets can be shared with it.
    pub fn are_withheld(&self) -> bool {
        self.withheld
    }

    /// Returns true where the names of the [hidden](Self::hidden) are all that anybody could know: none is withheld, and the
    /// caller has every right to look (root of the host; a sandbox hides some processes even from that).
    pub(crate) fn are_known_by_right(&self) -> bool {
        self.by_right
    }

    /// Returns true where a socket that no process was seen to hold is held by none: every process was looked into, or the names
    /// of the hidden are all that anybody could know.
    pub(crate) fn are_conclusive(&self) -> bool {
        self.are_all_seen() || self.are_known_by_right()
    }

    /// Returns the cgroups of those that hold a socket, where they were asked for.
    pub(crate) fn cgroups(&self) -> impl Iterator<Item = CgroupPath<'_>> {
        let owners = self.found.iter();
        owners.filter_map(|owner| owner.cgroup.as_ref().map(CgroupPathBuf::as_path))
    }

    /// Returns true where every process was looked into: none is [`hidden`](Self::hidden), and none is
    /// [withheld](Self::are_withheld).
    pub fn are_all_seen(&self) -> bool {
        self.hidden.is_empty() && !self.are_withheld()
    }
}
