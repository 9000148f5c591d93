//! Processes in `/proc`: finding them, and their names, users and sockets.

use std::io;
use std::num::NonZeroI32;
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::str;

use rustix::io::Errno;

use super::arguments;
use super::pid::Process;
use super::proc::{Opened, Proc};
use super::table_limits::TableLimits;
use crate::connection::Inode;
use crate::error::ran_out;

impl Process {
    /// Finds the process that has this pid now; `None` where there is none that is shown.
    ///
    /// # Errors
    /// When `/proc` can't be read: nothing is known then.
    pub fn find(pid: i32) -> io::Result<Option<Self>> {
        let Some(pid) = NonZeroI32::new(pid).filter(|pid| pid.get() > 0) else {
            return Ok(None);
        };
        let proc = Proc::open()?;
        match proc.process(pid) {
            Ok(process) => Ok(Some(process)),
            Err(errno) if ran_out(errno) => Err(errno.into()),
            Err(_) => {
                proc.shows_this_one()?;
                Ok(None)
            }
        }
    }

    /// Returns this process; `None` where `/proc` does not show it.
    pub fn current() -> Option<Self> {
        let pid = rustix::process::getpid().as_raw_nonzero();
        Proc::open().ok()?.process(pid).ok()
    }

    /// Finds every process that this `/proc` shows, in the order of their pids.
    ///
    /// # Errors
    /// When `/proc` can't be read, or descriptors or memory run out.
    pub fn all() -> io::Result<Vec<Self>> {
        Self::each(|proc, pid| proc.process(pid).map(Some))
    }

    /// Finds every process that has one of these [names](Self::name). Of the others it reads little more than the name.
    ///
    /// # Errors
    /// As of [`all`](Self::all).
    pub fn of_names(names: &[&[u8]]) -> io::Result<Vec<Self>> {
        let mut room = Vec::new();
        Self::each(|proc, pid| {
            let comm = proc.comm(pid, &mut room)?;
            // What fills its room may be the beginning of one.
            let may_be = |name: &&[u8]| {
                *name == comm || (comm.len() == Process::LONGEST_COMM && name.starts_with(comm))
            };
            if !names.iter().any(may_be) {
                return Ok(None);
            }
            let opened = proc.enter(pid)?;
            let process = opened.stat(&mut room)?.process;
            let name = opened.name(&mut room)?;
            Ok(names.contains(&&*name).then_some(process))
        })
    }

    /// Collects what is found at each pid that is shown, but for processes that have ended meanwhile.
    fn each(
        mut look: impl FnMut(&Proc, NonZeroI32) -> Result<Option<Self>, Errno>,
    ) -> io::Result<Vec<Self>> {
        let proc = Proc::open()?;
        let mut processes = Vec::new();
        let each = |pid| -> Result<ControlFlow<()>, Errno> {
            match look(&proc, pid) {
                Ok(process) => processes.extend(process),
                Err(errno) if ran_out(errno) => return Err(errno),
                Err(_) => {}
            }
            Ok(ControlFlow::Continue(()))
        };
        proc.each_pid(&mut Vec::new(), each)?;
        Ok(processes)
    }

    /// Returns its name, as bytes: any user may give a process any name. [`escape`](crate::escape) it
    /// before a terminal sees it.
    ///
    /// The kernel keeps 15 bytes (`/proc/PID/comm`). Where a name has as many and the name of the executable
    /// (`/proc/PID/exe`) begins with them, it is that longer one; a caller who may not look at the executable gets the 15.
    ///
    /// The arguments are not read for it: the kernel reads them with the process's own lock (`mmap_lock`), and a process
    /// can keep that for as long as it likes.
    pub fn name(self) -> Option<Vec<u8>> {
        self.open().ok()?.name(&mut Vec::new()).ok()
    }

    /// Returns its arguments, as bytes (`/proc/PID/cmdline`), the first 64 KiB of them: whatever the process has put there.
    /// [`escape`](crate::escape) them before a terminal sees them. Empty for a thread of the kernel.
    ///
    /// `None` also where the process keeps the kernel from reading them for a second: see [`name`](Self::name). A child
    /// process reads them, so that this one can't be kept.
    pub fn arguments(self) -> Option<Vec<Vec<u8>>> {
        let opened = self.open().ok()?;
        let text = arguments::read(opened.directory.as_fd())?;
        let text = text.strip_suffix(b"\0").unwrap_or(&text);
        let all = text.split(|byte| *byte == 0).map(<[u8]>::to_vec);
        Some(if text.is_empty() {
            Vec::new()
        } else {
            all.collect()
        })
    }

    /// Returns its real user.
    pub fn uid(self) -> Option<u32> {
        self.open().ok()?.uid(&mut Vec::new())
    }

    /// Returns its parent.
    pub fn parent(self) -> Option<Self> {
        let mut room = Vec::new();
        let opened = self.open().ok()?;
        loop {
            let pid = opened.parent(&mut room)?;
            let parent = Self::find(pid).ok()?;
            // No pid is reused while its process is a parent.
            if opened.parent(&mut room) == Some(pid) {
                return parent;
            }
        }
    }

    /// Returns the user who logged in to the session it runs in (`/proc/PID/loginuid`), where PAM has set one.
    pub fn login_uid(self) -> Option<u32> {
        let mut room = Vec::new();
        let text = self.open().ok()?.read(c"loginuid", &mut room).ok()?;
        let uid = str::from_utf8(text).ok()?.trim().parse().ok()?;
        (uid != u32::MAX).then_some(uid)
    }

    /// Returns the inodes of the sockets it holds; where its threads have [very many](super::Owners::partly_seen), of some.
    ///
    /// # Errors
    /// `PermissionDenied` where its descriptors may not be seen; any other when it has ended.
    pub fn sockets(self) -> io::Result<Vec<Inode>> {
        let mut sockets = Vec::new();
        let opened = self.open()?;
        let mut limits = TableLimits::new();
        opened.each_socket(
            &mut Vec::new(),
            &mut limits,
            |_, inode| -> ControlFlow<()> {
                sockets.push(inode);
                ControlFlow::Continue(())
            },
        )?;
        Ok(sockets)
    }

    /// Opens its directory; `ESRCH` when it has ended, also when its pid means another process by now.
    fn open(self) -> Result<Opened, Errno> {
        let opened = Proc::open()?.enter(self.pid)?;
        let is_this = opened.stat(&mut Vec::new())?.process == self;
        is_this.then_some(opened).ok_or(Errno::SRCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_knows_itself() {
        let this = Process::current().unwrap();
        assert_eq!(this.uid(), Some(rustix::process::getuid().as_raw()));
        assert!(this.parent().is_some());
        assert!(this.name().is_some());
        assert!(Process::all().unwrap().contains(&this));
        assert_eq!(Process::find(this.pid()).unwrap(), Some(this));
    }

    #[test]
    fn processes_are_found_by_their_names() {
        let this = Process::current().unwrap();
        // That of the program, of which the kernel keeps but the beginning; that of the thread may differ.
        let name = this.name().unwrap();
        assert!(
            Process::of_names(&[b"nobody has this", &name])
                .unwrap()
                .contains(&this)
        );
        assert_eq!(Process::of_names(&[b"nobody has this name"]).unwrap(), []);
        assert_eq!(Process::of_names(&[]).unwrap(), []);
        let beginning = &name[..name.len() - 1];
        assert!(!Process::of_names(&[beginning]).unwrap().contains(&this));
    }

    #[test]
    fn what_is_no_pid_is_no_process() {
        for pid in [i32::MIN, -1, 0, i32::MAX] {
            assert_eq!(Process::find(pid).unwrap(), None);
        }
    }

    #[test]
    fn nothing_is_said_of_an_earlier_process_of_the_same_pid() {
        let this = Process::current().unwrap();
        let earlier = Process {
            start: this.start - 1,
            ..this
        };
        assert_ne!(earlier, this);
        assert_eq!(earlier.name(), None);
        assert_eq!(earlier.uid(), None);
        assert_eq!(earlier.parent(), None);
        let error = earlier.sockets().unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::SRCH));
    }
}
