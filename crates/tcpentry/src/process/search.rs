//! The search for the holders of sockets: one scan of `/proc`, in which every descriptor is read once.

use std::fmt;
use std::io;
use std::num::{NonZeroI32, NonZeroUsize};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use rustix::io::Errno;

use super::hierarchy::Hierarchies;
use super::holdings::{Holding, Holdings};
use super::owners::{Owner, Owners};
use super::pid::Process;
use super::proc::{FIRST, Opened, Proc, is_denied, look};
use super::table_limits::TableLimits;
use super::threads;
use crate::connection::Inode;
use crate::privilege::{is_initial_pid_namespace, sees_by_right};

impl Owners {
    /// Finds the owners of all sockets, as far as the caller may see them.
    ///
    /// # Errors
    /// See [`OwnerSearch::run`].
    pub fn of_all() -> io::Result<Self> {
        Self::search().run()
    }

    /// Creates a search that can be narrowed, which costs less.
    pub const fn search<'a>() -> OwnerSearch<'a> {
        OwnerSearch {
            accepts: None,
            wanted: None,
            one_each: false,
            cgroups: false,
        }
    }
}

/// A predicate on pid and name: true to look into the process.
type Accepts<'a> = dyn Fn(i32, &[u8]) -> bool + 'a;

/// A search for the holders of sockets: the processes to look into, the sockets, and what is read of each process.
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
    /// Restricts the search to processes whose pid and name are accepted: the descriptors of others are not read.
    ///
    /// The hidden are reported by the same measure, since names are visible to all; one whose name is
    /// hidden too (`hidepid=1`), or is cut off after 15 bytes, is always reported.
    pub fn of_processes(self, accepts: &'a Accepts<'a>) -> Self {
        Self {
            accepts: Some(accepts),
            ..self
        }
    }

    /// Restricts the search to these sockets.
    pub fn of_sockets(self, wanted: impl IntoIterator<Item = Inode>) -> Self {
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_unstable();
        wanted.dedup();
        Self {
            wanted: Some(wanted),
            ..self
        }
    }

    /// Ends the search as soon as one holder of each wanted socket is found: with the process that holds the
    /// last of them.
    ///
    /// Processes are looked into in the order of their pids, so that the [first](Owners::of) of a socket is that with the
    /// lowest of all that hold it. Others that hold it, and hidden processes, may be reported or not. A socket that nobody holds
    /// costs a whole search, once for all such sockets.
    pub fn one_holder_each(self) -> Self {
        Self {
            one_each: true,
            ..self
        }
    }

    /// Adds the cgroups of the processes.
    pub fn with_cgroups(self) -> Self {
        Self {
            cgroups: true,
            ..self
        }
    }

    /// Scans `/proc`, and returns the owners.
    ///
    /// # Errors
    /// When `/proc` can't be read, shows no process, or when descriptors or memory run out.
    pub fn run(self) -> io::Result<Owners> {
        let proc = Proc::open()?;
        let pids = proc.pids()?;
        // This process is always among them, where /proc is what it should be.
        let first = pids.first().ok_or(Errno::NOENT)?;
        // It is always there; of the processes of other pid namespaces some may not be; and what a thread holds alone is
        // not looked at without a way to find such threads.
        let withheld =
            first.get() != FIRST || !is_initial_pid_namespace() || !threads::are_comparable();
        let can_be_shared = self.can_be_shared();
        let shared = Arc::new(SharedSearch {
            proc,
            pids,
            next: AtomicUsize::new(0),
            wanted: self.wanted.map(WantedSockets::of),
            one_each: self.one_each,
            cgroups: self.cgroups,
        });
        let mut scan = RunningSearch::of(&shared, self.accepts);
        let seen = if can_be_shared {
            run_shared(&shared, scan)?
        } else {
            scan.look_at_all()?;
            scan.findings
        };
        Ok(Owners {
            holdings: Holdings::from(seen.holdings),
            found: seen.found,
            hidden: seen.hidden,
            partly_seen: seen.partly_seen,
            withheld,
            by_right: !withheld && sees_by_right(),
        })
    }

    /// Returns true where several processes can be looked into at once: the caller's function need not stand that.
    fn can_be_shared(&self) -> bool {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.accepts.is_none() && processors > 1
    }
}

/// Looks into processes, and from so many sockets on with a second thread. Whoever is free takes the next: one
/// may hold more than all others. One that is taken is looked into to its end, also where the search is over meanwhile:
/// none with a lower pid than any that was found is left out.
///
/// The thread is none of a scope: that keeps a block for the calling thread, which tools that look for leaks report.
fn run_shared(shared: &Arc<SharedSearch>, mut scan: RunningSearch<'_>) -> Result<Findings, Errno> {
    scan.second = Some(SecondThread {
        shared: Arc::clone(shared),
        limits: scan.limits.for_another_thread(),
        started: None,
    });
    let looked = scan.look_at_all();
    let second = scan.second.take().and_then(|second| second.started);
    // It does not outlive the call, whatever has come of it.
    let seen = match second {
        Some(Ok(second)) => second.join().unwrap_or_else(|panic| resume_unwind(panic)),
        // Without a thread this one has looked into all.
        Some(Err(_)) | None => Ok(Findings::default()),
    };
    looked?;
    Ok(scan.findings.and(seen?))
}

/// The second thread of a search, and what it needs.
struct SecondThread {
    shared: Arc<SharedSearch>,
    limits: TableLimits,
    started: Option<io::Result<JoinHandle<Result<Findings, Errno>>>>,
}

impl SecondThread {
    /// Starts it, once.
    fn start(&mut self) {
        if self.started.is_some() {
            return;
        }
        let (shared, limits) = (Arc::clone(&self.shared), self.limits.for_another_thread());
        let builder = thread::Builder::new().name("tcpentry-owners".to_owned());
        self.started = Some(builder.spawn(move || {
            let mut scan = RunningSearch::of(&shared, None);
            scan.limits = limits;
            scan.look_at_all()?;
            Ok(scan.findings)
        }));
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

/// The findings of one thread.
#[derive(Default)]
struct Findings {
    holdings: Vec<Holding>,
    found: Vec<Owner>,
    hidden: Vec<Owner>,
    partly_seen: Vec<Owner>,
}

impl Findings {
    /// Merges it with what another thread has found in other processes.
    fn and(mut self, other: Self) -> Self {
        // A pid has 22 bits at the most.
        let before = u32::try_from(self.found.len()).expect("there are not so many processes");
        let of_other = other.holdings.into_iter();
        self.holdings.extend(of_other.map(|it| Holding {
            place: before + it.place,
            ..it
        }));
        self.found.extend(other.found);
        self.hidden.extend(other.hidden);
        self.partly_seen.extend(other.partly_seen);
        self.hidden.sort_by_key(|owner| owner.process.pid());
        // The places are in the order of the pids.
        let mut order: Vec<_> = (0..self.found.len()).collect();
        order.sort_by_key(|&place| self.found[place].process.pid());
        let mut place_of = vec![0; order.len()];
        for (new, &old) in (0..).zip(&order) {
            place_of[old] = new;
        }
        for it in &mut self.holdings {
            it.place = place_of[it.place as usize];
        }
        self.found.sort_by_key(|owner| owner.process.pid());
        self
    }
}

/// A search, as far as all threads have it in common.
struct SharedSearch {
    proc: Proc,
    /// In ascending order, and how many of them have been taken.
    pids: Vec<NonZeroI32>,
    next: AtomicUsize,
    wanted: Option<WantedSockets>,
    one_each: bool,
    cgroups: bool,
}

/// The wanted sockets.
struct WantedSockets {
    /// Sorted, each once.
    inodes: Vec<Inode>,
    /// True for each that has a holder, and the number of those without one.
    found: Vec<AtomicBool>,
    missing: AtomicUsize,
}

impl WantedSockets {
    fn of(inodes: Vec<Inode>) -> Self {
        Self {
            found: inodes.iter().map(|_| AtomicBool::new(false)).collect(),
            missing: AtomicUsize::new(inodes.len()),
            inodes,
        }
    }

    fn contains(&self, inode: Inode) -> bool {
        self.inodes.binary_search(&inode).is_ok()
    }

    /// Notes that these have a holder.
    fn note(&self, held: &[Holding]) {
        for it in held {
            if let Ok(place) = self.inodes.binary_search(&it.inode) {
                if !self.found[place].swap(true, Ordering::Relaxed) {
                    self.missing.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Returns true where each has a holder.
    fn are_all_found(&self) -> bool {
        self.missing.load(Ordering::Relaxed) == 0
    }
}

/// A search under way, or the part of it that one thread does.
struct RunningSearch<'a> {
    shared: &'a SharedSearch,
    accepts: Option<&'a Accepts<'a>>,
    findings: Findings,
    limits: TableLimits,
    second: Option<SecondThread>,
    hierarchies: Hierarchies,
    room: Vec<u8>,
}

impl<'a> RunningSearch<'a> {
    fn of(shared: &'a SharedSearch, accepts: Option<&'a Accepts<'a>>) -> Self {
        Self {
            shared,
            accepts,
            findings: Findings::default(),
            limits: TableLimits::new(),
            second: None,
            hierarchies: Hierarchies::default(),
            room: Vec::new(),
        }
    }

    /// Looks into all processes that no other thread takes.
    fn look_at_all(&mut self) -> Result<(), Errno> {
        while self.look_at_next()? {}
        Ok(())
    }

    /// Looks into the next process; `false` where there is none, or none is needed any more.
    fn look_at_next(&mut self) -> Result<bool, Errno> {
        let place = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(&pid) = self.shared.pids.get(place) else {
            return Ok(false);
        };
        let looked = look(&self.shared.proc, pid, |process| self.look_into(process))?;
        Ok(looked.is_continue())
    }

    fn look_into(&mut self, process: Result<Opened, Process>) -> Result<ControlFlow<()>, Errno> {
        let opened = match process {
            Ok(opened) => opened,
            Err(process) => {
                self.findings.hidden.push(Owner {
                    process,
                    name: Vec::new(),
                    executable: None,
                    uid: None,
                    cgroup: None,
                });
                return Ok(ControlFlow::Continue(()));
            }
        };
        let mut accepted = None;
        if let Some(accepts) = self.accepts {
            let name = opened.name(&mut self.room)?;
            if !accepts(opened.pid(), &name) && !opened.is_name_cut(&name, &mut self.room) {
                return Ok(ControlFlow::Continue(()));
            }
            accepted = Some(name);
        }
        let before = self.findings.holdings.len();
        let looked = self.sockets(&opened).and_then(|()| {
            let holds_any = self.findings.holdings.len() > before;
            let is_partly_seen = self.limits.has_left_out();
            if holds_any || is_partly_seen {
                let owner = self.owner(&opened, &mut accepted)?;
                if is_partly_seen {
                    self.findings.partly_seen.push(owner.clone());
                }
                if holds_any {
                    self.findings.found.push(owner);
                }
            }
            Ok(())
        });
        if let Err(errno) = looked {
            // What has ended holds nothing any more; what became hidden has become another program.
            self.findings.holdings.truncate(before);
            if !is_denied(errno) {
                return Err(errno);
            }
            if !opened.stat(&mut self.room)?.is_kernel_thread {
                let owner = self.owner(&opened, &mut accepted)?;
                self.findings.hidden.push(owner);
            }
        }
        let wanted = self.shared.wanted.as_ref();
        let Some(wanted) = wanted.filter(|_| self.shared.one_each) else {
            return Ok(ControlFlow::Continue(()));
        };
        wanted.note(&self.findings.holdings[before..]);
        Ok(if wanted.are_all_found() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }

    /// Adds the wanted sockets of a process that is to become the next owner.
    fn sockets(&mut self, opened: &Opened) -> Result<(), Errno> {
        let place = u32::try_from(self.findings.found.len()).map_err(|_| Errno::NOMEM)?;
        let holdings = &mut self.findings.holdings;
        let second = &mut self.second;
        let wanted = self.shared.wanted.as_ref();
        let failed =
            opened.each_socket(&mut self.room, &mut self.limits, |descriptor, inode| {
                if wanted.is_none_or(|wanted| wanted.contains(inode)) {
                    if holdings.try_reserve(1).is_err() {
                        return ControlFlow::Break(Errno::NOMEM);
                    }
                    holdings.push(Holding {
                        inode,
                        place,
                        descriptor,
                    });
                    // One process may hold them all, and the others be looked into meanwhile.
                    if let (MANY, Some(second)) = (holdings.len(), second.as_mut()) {
                        second.start();
                    }
                }
                ControlFlow::Continue(())
            })?;
        failed.map_or(Ok(()), Err)
    }

    /// Reads what is reported of a process. The name by which it was accepted is not read again: it may have changed.
    fn owner(&mut self, opened: &Opened, accepted: &mut Option<Vec<u8>>) -> Result<Owner, Errno> {
        let room = &mut self.room;
        Ok(Owner {
            process: opened.stat(room)?.process,
            name: accepted.take().map_or_else(|| opened.name(room), Ok)?,
            executable: opened.executable(room).ok().map(<[u8]>::to_vec),
            uid: opened.uid(room),
            cgroup: if self.shared.cgroups {
                let text = opened.cgroups(room);
                text.and_then(|text| self.hierarchies.of_process(text))
            } else {
                None
            },
        })
    }
}

/// The number of sockets from which on a second thread helps: some ten milliseconds have passed.
const MANY: usize = 4096;

#[cfg(test)]
mod tests {
    use super::super::proc::Descriptor;
    use super::*;

    #[test]
    fn two_find_what_one_finds() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
        let inode = Inode::new(u32::try_from(inode).unwrap()).unwrap();
        let this = Process::current().unwrap();
        // Everything, then this socket alone.
        for wanted in [None, Some(vec![inode])] {
            let proc = Proc::open().unwrap();
            let shared = Arc::new(SharedSearch {
                pids: proc.pids().unwrap(),
                proc,
                next: AtomicUsize::new(0),
                one_each: wanted.is_some(),
                wanted: wanted.map(WantedSockets::of),
                cgroups: false,
            });
            let scan = || RunningSearch::of(&shared, None);
            let seen = run_shared(&shared, scan()).unwrap();
            let mut of_socket = seen.holdings.iter().filter(|it| it.inode == inode);
            assert!(of_socket.any(|it| seen.found[it.place as usize].process == this));
            assert!(seen.found.is_sorted_by_key(|owner| owner.process.pid()));
            // Of a search that is over, each thread takes one more process at most.
            let more = run_shared(&shared, scan()).unwrap();
            assert!(more.found.len() <= 1);
        }
    }

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
        let held = |number, place| Holding {
            inode: inode(number),
            place,
            descriptor: Descriptor {
                thread: None,
                number: 3,
            },
        };
        let one = Findings {
            holdings: vec![held(7, 0), held(8, 1), held(9, 1)],
            found: vec![owner(1), owner(5)],
            hidden: vec![owner(9)],
            partly_seen: Vec::new(),
        };
        let other = Findings {
            holdings: vec![held(9, 0), held(7, 1)],
            found: vec![owner(3), owner(4)],
            hidden: vec![owner(2)],
            partly_seen: Vec::new(),
        };
        let mut all = one.and(other);
        all.holdings.sort_unstable();
        let holders = |number| -> Vec<i32> {
            let held = all.holdings.iter().filter(|it| it.inode == inode(number));
            let owners = held.map(|it| &all.found[it.place as usize]);
            owners.map(|owner| owner.process.pid()).collect()
        };
        assert_eq!(holders(7), [1, 4]);
        assert_eq!(holders(8), [5]);
        assert_eq!(holders(9), [3, 5]);
        let hidden: Vec<_> = all.hidden.iter().map(|it| it.process.pid()).collect();
        assert_eq!(hidden, [2, 9]);
    }
}
