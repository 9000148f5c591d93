//! Who holds a socket: one walk over `/proc`, in which every descriptor is read once.

use std::fmt;
use std::io;
use std::num::{NonZeroI32, NonZeroUsize};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::io::Errno;

use crate::cgroup;
use crate::connection::Inode;
use crate::process::{Opened, Proc, Process, is_ours};

/// A process that holds sockets, or may hold some.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Owner {
    /// The process.
    pub process: Process,
    /// Its name, as [`Process::name`] gives it; empty where even that is hidden (`hidepid=1`).
    /// [`escape`](crate::escape) it before a terminal sees it.
    pub name: Vec<u8>,
    /// The path of its executable (`/proc/PID/exe`), also of one that was removed since; `None` where the caller may not
    /// look at it.
    pub executable: Option<Vec<u8>>,
    /// Its real user.
    pub uid: Option<u32>,
    /// Its cgroup, where that was asked for ([`OwnerSearch::with_cgroups`]): the path in version 2;
    /// where nothing is managed in that, the one in the hierarchy of systemd; else the longest.
    pub cgroup: Option<String>,
}

/// Which processes hold which sockets: a snapshot.
///
/// ```
/// # use std::os::fd::AsFd;
/// use tcpentry::{Inode, Owners};
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
    /// Each socket with the place of its owner in `found`, sorted. A host has a million sockets.
    holdings: Vec<(Inode, u32)>,
    found: Vec<Owner>,
    hidden: Vec<Owner>,
    withheld: bool,
}

impl Owners {
    /// The owners of all sockets, as far as the caller may see them.
    ///
    /// # Errors
    /// See [`OwnerSearch::run`].
    pub fn of_all() -> io::Result<Self> {
        Self::search().run()
    }

    /// A narrower search, which costs less.
    pub const fn search<'a>() -> OwnerSearch<'a> {
        OwnerSearch {
            accepts: None,
            wanted: None,
            one_each: false,
            cgroups: false,
        }
    }

    /// All processes that hold a socket, each once, in the order of their pids.
    ///
    /// Nobody means: nobody who was seen. It may be held by one of the [`hidden`](Self::hidden), by a
    /// process that this `/proc` does not show (another pid namespace, `hidepid=2`) or whose first
    /// thread has ended before the others, by the kernel itself, or be on its way from one process to
    /// another.
    pub fn of(&self, inode: Inode) -> impl Iterator<Item = &Owner> {
        let first = self.holdings.partition_point(|&(held, _)| held < inode);
        self.holdings[first..]
            .iter()
            .take_while(move |&&(held, _)| held == inode)
            .filter_map(|&(_, place)| self.found.get(usize::try_from(place).ok()?))
    }

    /// The processes whose descriptors the caller may not see, so that any of them may hold any
    /// socket: another user's, those that are not dumpable, those with more capabilities.
    pub fn hidden(&self) -> &[Owner] {
        &self.hidden
    }

    /// Whether there are processes that this `/proc` does not even show (`hidepid=2`, another pid namespace), so that the
    /// [`hidden`](Self::hidden) are not all that may hold something unseen.
    ///
    /// It is told by the first process of the pid namespace, which others than root are not shown then; and by that
    /// namespace not being the host's: sockets can be shared with it.
    pub fn are_withheld(&self) -> bool {
        self.withheld
    }

    /// Those of both searches, which have looked into different processes.
    fn and(mut self, other: Self) -> Self {
        // A pid has 22 bits at the most.
        let before = u32::try_from(self.found.len()).expect("there are not so many processes");
        let of_other = other.holdings.into_iter();
        self.holdings
            .extend(of_other.map(|(inode, place)| (inode, before + place)));
        self.found.extend(other.found);
        self.hidden.extend(other.hidden);
        self.hidden.sort_by_key(|owner| owner.process.pid());
        // The places are in the order of the pids.
        let mut order: Vec<_> = (0..self.found.len()).collect();
        order.sort_by_key(|&place| self.found[place].process.pid());
        let mut place_of = vec![0; order.len()];
        for (new, &old) in (0..).zip(&order) {
            place_of[old] = new;
        }
        for (_, place) in &mut self.holdings {
            *place = place_of[*place as usize];
        }
        self.found.sort_by_key(|owner| owner.process.pid());
        self
    }

    /// Whether every process was looked into: none is [`hidden`](Self::hidden), and none is
    /// [withheld](Self::are_withheld).
    pub fn are_all_seen(&self) -> bool {
        self.hidden.is_empty() && !self.are_withheld()
    }
}

/// Whether to look into a process of this pid and name.
type Accepts<'a> = dyn Fn(i32, &[u8]) -> bool + 'a;

/// Which processes are looked into, for which sockets, and what is read of them.
#[derive(Clone)]
#[must_use = "it looks when it is run"]
pub struct OwnerSearch<'a> {
    accepts: Option<&'a Accepts<'a>>,
    /// Sorted, each once.
    wanted: Option<Vec<Inode>>,
    one_each: bool,
    cgroups: bool,
}

impl<'a> OwnerSearch<'a> {
    /// Only processes whose pid and name are accepted: the descriptors of others are not read.
    ///
    /// The hidden are told by the same measure, since names are visible to all; one whose name is
    /// hidden too (`hidepid=1`), or is cut off after 15 bytes, is always told.
    pub fn of_processes(self, accepts: &'a Accepts<'a>) -> Self {
        Self {
            accepts: Some(accepts),
            ..self
        }
    }

    /// Only these sockets.
    pub fn of_sockets(self, wanted: impl IntoIterator<Item = Inode>) -> Self {
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_unstable();
        wanted.dedup();
        Self {
            wanted: Some(wanted),
            ..self
        }
    }

    /// One holder of each wanted socket is enough: the search ends with the process that holds the
    /// last of them.
    ///
    /// Other holders of a shared socket, and hidden processes, are then told or not, as chance will
    /// have it.
    pub fn one_holder_each(self) -> Self {
        Self {
            one_each: true,
            ..self
        }
    }

    /// Also the cgroups of the processes.
    pub fn with_cgroups(self) -> Self {
        Self {
            cgroups: true,
            ..self
        }
    }

    /// Looks.
    ///
    /// # Errors
    /// When `/proc` can't be read, shows no process, or when descriptors or memory run out.
    pub fn run(self) -> io::Result<Owners> {
        let proc = Proc::open()?;
        let pids = proc.pids()?;
        // This process is always among them, where /proc is what it should be.
        let first = pids.first().ok_or(Errno::NOENT)?;
        // It is always there; and of the processes of other pid namespaces some may not be.
        let withheld = first.get() != FIRST || !is_initial_pid_namespace();
        let mut owners = if self.can_be_shared() {
            self.run_shared(&proc, &pids)?
        } else {
            let mut walk = Walk::of(self);
            for &pid in &pids {
                if walk.look_at(&proc, pid)?.is_break() {
                    break;
                }
            }
            walk.owners
        };
        owners.withheld = withheld;
        owners.holdings.sort_unstable();
        // A process can hold a socket by several descriptors.
        owners.holdings.dedup();
        Ok(owners)
    }

    /// Whether what one process shows says nothing about which others are looked into.
    fn can_be_shared(&self) -> bool {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.accepts.is_none() && !self.one_each && processors > 1
    }

    /// Looks into processes, and from so many sockets on with a second thread. Whoever is free takes the next: one
    /// may hold more than all others.
    fn run_shared(self, proc: &Proc, pids: &[NonZeroI32]) -> Result<Owners, Errno> {
        let next = AtomicUsize::new(0);
        let OwnerSearch {
            wanted, cgroups, ..
        } = self;
        let walk = || {
            Walk::of(OwnerSearch {
                wanted: wanted.clone(),
                cgroups,
                ..Owners::search()
            })
        };
        let look = |walk: &mut Walk<'_>| -> Result<bool, Errno> {
            let Some(&pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(false);
            };
            let _ = walk.look_at(proc, pid)?;
            Ok(true)
        };
        let look_at_all = || -> Result<Owners, Errno> {
            let mut walk = walk();
            while look(&mut walk)? {}
            Ok(walk.owners)
        };
        thread::scope(|scope| {
            let mut walk = walk();
            let mut other = None;
            while look(&mut walk)? {
                if other.is_none() && walk.owners.holdings.len() >= MANY {
                    let builder = thread::Builder::new().name("tcpentry-owners".to_owned());
                    // Without a thread this one looks into all.
                    other = Some(builder.spawn_scoped(scope, look_at_all));
                }
            }
            let other = match other {
                Some(Ok(other)) => other.join().unwrap_or_else(|panic| resume_unwind(panic))?,
                Some(Err(_)) | None => Owners::default(),
            };
            Ok(walk.owners.and(other))
        })
    }
}

impl fmt::Debug for OwnerSearch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerSearch")
            .field("wanted", &self.wanted)
            .field("one_each", &self.one_each)
            .field("cgroups", &self.cgroups)
            .finish_non_exhaustive()
    }
}

/// A search under way.
struct Walk<'a> {
    search: OwnerSearch<'a>,
    /// Which of the wanted sockets have a holder, and how many have none yet.
    found: Vec<bool>,
    missing: usize,
    owners: Owners,
    room: Vec<u8>,
}

impl<'a> Walk<'a> {
    fn of(search: OwnerSearch<'a>) -> Self {
        let wanted = search.wanted.as_ref().map_or(0, Vec::len);
        Self {
            missing: wanted,
            found: vec![false; wanted],
            search,
            owners: Owners::default(),
            room: Vec::new(),
        }
    }

    fn look_at(&mut self, proc: &Proc, pid: NonZeroI32) -> Result<ControlFlow<()>, Errno> {
        look(proc, pid, |process| self.look_into(process))
    }

    fn look_into(&mut self, process: Result<Opened, Process>) -> Result<ControlFlow<()>, Errno> {
        let opened = match process {
            Ok(opened) => opened,
            Err(process) => {
                self.owners.hidden.push(Owner {
                    process,
                    name: Vec::new(),
                    executable: None,
                    uid: None,
                    cgroup: None,
                });
                return Ok(ControlFlow::Continue(()));
            }
        };
        if let Some(accepts) = self.search.accepts {
            let name = opened.name(&mut self.room)?;
            if !accepts(opened.pid(), &name) && !opened.is_name_cut(&name, &mut self.room) {
                return Ok(ControlFlow::Continue(()));
            }
        }
        let before = self.owners.holdings.len();
        let looked = self.sockets(&opened).and_then(|()| {
            if self.owners.holdings.len() > before {
                let owner = self.owner(&opened)?;
                self.owners.found.push(owner);
            }
            Ok(())
        });
        if let Err(errno) = looked {
            // What has ended holds nothing any more; what became hidden has become another program.
            self.owners.holdings.truncate(before);
            if !is_denied(errno) {
                return Err(errno);
            }
            if !opened.stat(&mut self.room)?.is_kernel_thread {
                let owner = self.owner(&opened)?;
                self.owners.hidden.push(owner);
            }
        }
        if self.search.one_each && self.is_complete(before) {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Adds the wanted sockets of a process that is to become the next owner.
    fn sockets(&mut self, opened: &Opened) -> Result<(), Errno> {
        let place = u32::try_from(self.owners.found.len()).map_err(|_| Errno::NOMEM)?;
        let holdings = &mut self.owners.holdings;
        let wanted = self.search.wanted.as_deref();
        let failed = opened.each_socket(&mut self.room, |_, inode| {
            if wanted.is_none_or(|wanted| wanted.binary_search(&inode).is_ok()) {
                if holdings.try_reserve(1).is_err() {
                    return ControlFlow::Break(Errno::NOMEM);
                }
                holdings.push((inode, place));
            }
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn owner(&mut self, opened: &Opened) -> Result<Owner, Errno> {
        let room = &mut self.room;
        Ok(Owner {
            process: opened.stat(room)?.process,
            name: opened.name(room)?,
            executable: opened.executable(room).ok().map(<[u8]>::to_vec),
            uid: opened.uid(room),
            cgroup: if self.search.cgroups {
                opened.cgroups(room).and_then(cgroup::of_process)
            } else {
                None
            },
        })
    }

    /// Whether every wanted socket has a holder, now that the last process has been looked into.
    fn is_complete(&mut self, before: usize) -> bool {
        let wanted = self.search.wanted.as_deref().unwrap_or_default();
        for (inode, _) in &self.owners.holdings[before..] {
            if let Ok(place) = wanted.binary_search(inode) {
                self.missing -= usize::from(!self.found[place]);
                self.found[place] = true;
            }
        }
        self.search.wanted.is_some() && self.missing == 0
    }
}

/// A process that holds a socket, and under which number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder {
    pub(crate) process: Process,
    pub(crate) descriptor: i32,
}

/// Calls with each descriptor of a wanted socket, until one breaks it off, and collects the processes
/// whose descriptors may not be seen.
pub(crate) fn each_holder<B>(
    is_wanted: impl Fn(Inode) -> bool,
    hidden: &mut Vec<Process>,
    mut visit: impl FnMut(Inode, Holder) -> ControlFlow<B>,
) -> Result<Option<B>, Errno> {
    let (mut room, mut stat_room) = (Vec::new(), Vec::new());
    each_process(|process| {
        let opened = match process {
            Ok(opened) => opened,
            Err(process) => {
                hidden.push(process);
                return Ok(ControlFlow::Continue(()));
            }
        };
        // Most processes hold none of them: asked for with the first.
        let mut known = None;
        let looked = opened.each_socket(&mut room, |descriptor, inode| {
            if !is_wanted(inode) {
                return ControlFlow::Continue(());
            }
            let process = match known {
                Some(process) => process,
                None => match opened.stat(&mut stat_room) {
                    Ok(stat) => *known.insert(stat.process),
                    Err(errno) => return ControlFlow::Break(Err(errno)),
                },
            };
            let holder = Holder {
                process,
                descriptor,
            };
            visit(inode, holder).map_break(Ok)
        });
        match looked {
            Ok(None) => Ok(ControlFlow::Continue(())),
            Ok(Some(result)) => result.map(ControlFlow::Break),
            Err(errno) if is_denied(errno) => {
                hidden.push(opened.stat(&mut stat_room)?.process);
                Ok(ControlFlow::Continue(()))
            }
            Err(errno) => Err(errno),
        }
    })
}

/// Calls with every process that `/proc` shows, opened or, where it may not be, by its pid.
///
/// What fails because the process has ended meanwhile is passed over.
fn each_process<B>(
    mut look: impl FnMut(Result<Opened, Process>) -> Result<ControlFlow<B>, Errno>,
) -> Result<Option<B>, Errno> {
    let proc = Proc::open()?;
    proc.each_pid(&mut Vec::new(), |pid| self::look(&proc, pid, &mut look))
}

/// Calls with one process, as [`each_process`] with all.
fn look<B>(
    proc: &Proc,
    pid: NonZeroI32,
    look: impl FnOnce(Result<Opened, Process>) -> Result<ControlFlow<B>, Errno>,
) -> Result<ControlFlow<B>, Errno> {
    let looked = match proc.enter(pid) {
        Ok(opened) => look(Ok(opened)),
        Err(errno) if is_denied(errno) => look(Err(Process::hidden(pid))),
        Err(errno) => Err(errno),
    };
    match looked {
        Err(errno) if !is_ours(errno) => Ok(ControlFlow::Continue(())),
        looked => looked,
    }
}

const fn is_denied(errno: Errno) -> bool {
    matches!(errno, Errno::ACCESS | Errno::PERM)
}

/// Whether the caller's pid namespace is that of the host, which shows the processes of all others.
fn is_initial_pid_namespace() -> bool {
    let link = std::fs::read_link("/proc/self/ns/pid");
    link.is_ok_and(|link| link.as_os_str() == INITIAL)
}

/// Where there are so many sockets of others, there may be more: some ten milliseconds have passed.
const MANY: usize = 4096;
/// `PROC_PID_INIT_INO`: always the same.
const INITIAL: &str = "pid:[4026531836]";
/// The process whose end is that of its pid namespace.
pub(crate) const FIRST: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(pid: i32) -> Owner {
        Owner {
            process: Process::hidden(NonZeroI32::new(pid).unwrap()),
            name: Vec::new(),
            executable: None,
            uid: None,
            cgroup: None,
        }
    }

    #[test]
    fn what_two_have_found_is_in_the_order_of_the_pids() {
        let inode = |number| Inode::new(number).unwrap();
        let one = Owners {
            holdings: vec![(inode(7), 0), (inode(8), 1), (inode(9), 1)],
            found: vec![owner(1), owner(5)],
            hidden: vec![owner(9)],
            ..Owners::default()
        };
        let other = Owners {
            holdings: vec![(inode(9), 0), (inode(7), 1)],
            found: vec![owner(3), owner(4)],
            hidden: vec![owner(2)],
            ..Owners::default()
        };
        let mut all = one.and(other);
        all.holdings.sort_unstable();
        let holders = |number| -> Vec<i32> {
            let holders = all.of(inode(number));
            holders.map(|owner| owner.process.pid()).collect()
        };
        assert_eq!(holders(7), [1, 4]);
        assert_eq!(holders(8), [5]);
        assert_eq!(holders(9), [3, 5]);
        let hidden: Vec<_> = all.hidden().iter().map(|it| it.process.pid()).collect();
        assert_eq!(hidden, [2, 9]);
    }

    #[test]
    fn two_find_what_one_finds() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
        let inode = Inode::new(u32::try_from(inode).unwrap()).unwrap();
        let proc = Proc::open().unwrap();
        let pids = proc.pids().unwrap();
        let mut owners = Owners::search().run_shared(&proc, &pids).unwrap();
        owners.holdings.sort_unstable();
        owners.holdings.dedup();
        let this = Process::current().unwrap();
        assert!(owners.of(inode).any(|owner| owner.process == this));
        assert!(owners.found.is_sorted_by_key(|owner| owner.process.pid()));
    }
}
