//! Pipes on the path: which ends of them are known, and who is to have the others.

use std::collections::HashMap;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, fstatfs};

use super::proc::{File, Folder, Pipe, PipeEnd};

/// The processes among which the other end of a pipe is looked for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Reach {
    /// Those that were seen, and those beside them in their session.
    Near,
    /// All, where nothing was found that carries the session.
    Far,
    /// All: it is one of this program's own.
    Own,
}

/// The extent to which the other end of a pipe is known.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Known {
    Nobody,
    /// A process has both ends, as who has made it and left neither: another may have the other one.
    Both,
    Other,
}

/// The answer to whether a process has the other end of a pipe.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Held {
    None,
    /// It has, as has somebody nearer.
    Too,
    /// It has, and nobody nearer.
    Alone,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "none depends on another")]
struct WantedEnd {
    reads: bool,
    writes: bool,
    is_named: bool,
    reach: Reach,
    known: Known,
    /// True where nobody nearer had its other end when it was looked for among all processes.
    is_missing: bool,
    /// The widest search that was made for it.
    searched: Option<Reach>,
}

impl WantedEnd {
    fn is_severed(&self) -> bool {
        self.reach == Reach::Own && self.known == Known::Nobody
    }
}

/// `PIPEFS_MAGIC` of the kernel: where the pipes are that have no name.
const PIPEFS: rustix::fs::FsWord = 0x5049_5045;

/// The pipes on the path.
#[derive(Debug, Default)]
pub(super) struct Pipes(HashMap<Pipe, WantedEnd>);

/// Returns the end of a pipe that a descriptor of this process's own is. One whose other end nobody has leads
/// nowhere: who wrote to it has ended.
pub(super) fn own(descriptor: impl AsFd) -> Option<PipeEnd> {
    let stat = fstat(&descriptor).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
        return None;
    }
    let flags = fcntl_getfl(&descriptor).ok()?;
    let writes = flags.intersects(OFlags::WRONLY | OFlags::RDWR);
    let reads = !flags.contains(OFlags::WRONLY);
    let mut asked = [PollFd::new(&descriptor, PollFlags::empty())];
    poll(&mut asked, Some(&Timespec::default())).ok()?;
    let ended = PollFlags::HUP | PollFlags::ERR;
    let pipe = Pipe {
        device: stat.st_dev,
        inode: stat.st_ino,
    };
    (!asked[0].revents().intersects(ended)).then_some(PipeEnd {
        pipe,
        reads,
        writes,
        is_named: fstatfs(&descriptor).ok()?.f_type != PIPEFS,
    })
}

impl Pipes {
    /// Adds a pipe of this program's own.
    pub(super) fn want_own(&mut self, end: PipeEnd) {
        self.want(end, Reach::Own);
        if let Some(wanted) = self.0.get_mut(&end.pipe) {
            wanted.reads |= end.reads;
            wanted.writes |= end.writes;
        }
    }

    /// Leaves out those of this program's own whose other ends have been closed meanwhile.
    pub(super) fn leave_out_closed(&mut self, still_open: &[Option<PipeEnd>]) {
        for (pipe, wanted) in &mut self.0 {
            let is_open = still_open.iter().flatten().any(|end| end.pipe == *pipe);
            if wanted.reach == Reach::Own && !is_open {
                wanted.known = Known::Other;
            }
        }
    }

    /// Adds a pipe of which a process on the path has this end, unless it is one already.
    pub(super) fn want(&mut self, end: PipeEnd, reach: Reach) {
        self.0.entry(end.pipe).or_insert(WantedEnd {
            reads: end.reads,
            writes: end.writes,
            is_named: end.is_named,
            reach,
            known: Known::Nobody,
            is_missing: false,
            searched: None,
        });
    }

    /// Returns true if a process has the other end of one of them, and remembers it.
    pub(super) fn held_by(&mut self, folder: &Folder, descriptors: &[(i32, File)]) -> Held {
        let mut found = HashMap::new();
        // A child that is only read, or only written to, relays nothing: a server whose output somebody collects.
        let (mut writes_near, mut reads_near) = (false, false);
        for end in self.ends(folder, descriptors) {
            let Some(wanted) = self.0.get(&end.pipe) else {
                continue;
            };
            let (ours, theirs) = found.entry(end.pipe).or_insert((false, false));
            *ours |= (end.reads && wanted.reads) || (end.writes && wanted.writes);
            *theirs |= (end.reads && wanted.writes) || (end.writes && wanted.reads);
            if wanted.reach == Reach::Near {
                writes_near |= end.writes && wanted.reads;
                reads_near |= end.reads && wanted.writes;
            }
        }
        let relays_near = writes_near && reads_near;
        let mut held = Held::None;
        for (pipe, (ours, theirs)) in found {
            let is_relay = |wanted: &&mut WantedEnd| relays_near || wanted.reach != Reach::Near;
            if let Some(wanted) = self.0.get_mut(&pipe).filter(|_| theirs).filter(is_relay) {
                let known = if ours { Known::Both } else { Known::Other };
                wanted.known = wanted.known.max(known);
                held = held.max(if wanted.is_missing {
                    Held::Alone
                } else {
                    Held::Too
                });
            }
        }
        held
    }

    /// Returns true if some of these descriptors may be of these pipes.
    pub(super) fn may_be_among(&self, descriptors: &[(i32, File)]) -> bool {
        descriptors.iter().any(|(_, file)| self.may_be(*file))
    }

    fn may_be(&self, file: File) -> bool {
        match file {
            File::Pipe(inode) => self.0.keys().any(|pipe| pipe.inode == inode),
            File::Named => self.0.values().any(|wanted| wanted.is_named),
            _ => false,
        }
    }

    /// Returns the descriptors of a process that are of these pipes.
    fn ends(&self, folder: &Folder, descriptors: &[(i32, File)]) -> Vec<PipeEnd> {
        let descriptors = descriptors.iter().filter(|(_, file)| self.may_be(*file));
        descriptors
            .filter_map(|(number, file)| folder.pipe_end(*number, *file))
            .collect()
    }

    /// Returns true while there is one of at least this reach whose other end has not been looked for so far and is not
    /// known; from now on it has been.
    pub(super) fn begin_search(&mut self, least: Reach, reach: Reach) -> bool {
        let may_relay = self.may_relay_near();
        let mut any = false;
        for wanted in self.0.values_mut() {
            let is_of_use = may_relay || wanted.reach != Reach::Near;
            let is_due = is_of_use && wanted.searched.is_none_or(|searched| searched < reach);
            if wanted.known < Known::Other && wanted.reach >= least && is_due {
                let is_far = reach >= Reach::Far && (wanted.reach == Reach::Own || wanted.is_named);
                wanted.is_missing = is_far && wanted.known == Known::Nobody;
                wanted.searched = Some(reach);
                any = true;
            }
        }
        any
    }

    /// Returns true when the other end of each of at least this reach is known.
    pub(super) fn are_known(&self, least: Reach) -> bool {
        let may_relay = self.may_relay_near();
        self.0.values().all(|wanted| {
            let is_of_use = may_relay || wanted.reach != Reach::Near;
            wanted.reach < least || wanted.known == Known::Other || !is_of_use
        })
    }

    /// Returns true if there are pipes in both directions by which a child may relay: one that was only left to whoever
    /// is near, as that of a job server is, leads nowhere.
    fn may_relay_near(&self) -> bool {
        let near = || self.0.values().filter(|wanted| wanted.reach == Reach::Near);
        near().any(|wanted| wanted.reads) && near().any(|wanted| wanted.writes)
    }

    /// Returns true when nobody was seen who has the other end of one of this program's own.
    pub(super) fn are_severed(&self) -> bool {
        self.0.values().any(WantedEnd::is_severed)
    }

    /// Returns true when nobody was seen who writes to one from which this program reads.
    pub(super) fn is_input_severed(&self) -> bool {
        let mut all = self.0.values();
        all.any(|wanted| wanted.reads && wanted.is_severed())
    }
}
