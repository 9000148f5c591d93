//! A second look at descriptors that a scan has found: one system call each.

use std::collections::HashMap;

use super::cgroup_path::CgroupPathBuf;
use super::hierarchy::Hierarchies;
use super::owners::Owner;
use super::pid::Process;
use super::proc::{Descriptor, Opened, Proc};
use crate::connection::Inode;

/// Processes that stay open while their descriptors are looked at again.
#[derive(Default)]
pub(crate) struct Descriptors {
    proc: Option<Proc>,
    /// `None` for a process that has ended or may not be looked into.
    opened: HashMap<Process, Option<OpenedProcess>>,
    /// Set where a process that has moved to another cgroup has changed.
    hierarchies: Option<Hierarchies>,
}

struct OpenedProcess {
    opened: Opened,
    name: Vec<u8>,
    executable: Option<Vec<u8>>,
    cgroup: Option<CgroupPathBuf>,
}

impl Descriptors {
    /// Creates an empty collection that looks at the cgroups of processes, too.
    pub(crate) fn with_cgroups() -> Self {
        Self {
            hierarchies: Some(Hierarchies::default()),
            ..Self::default()
        }
    }

    /// Closes the processes, so that their names and executables are read again.
    pub(crate) fn clear(&mut self) {
        self.opened.clear();
        if let Some(hierarchies) = &mut self.hierarchies {
            hierarchies.forget_owners();
        }
    }

    /// Returns true if the process still holds the socket by this descriptor.
    pub(crate) fn holds(&mut self, process: Process, descriptor: Descriptor, inode: Inode) -> bool {
        let opened = self.open(process);
        opened.is_some_and(|it| it.opened.holds(descriptor, inode))
    }

    /// Returns true if it is there, and ran the same program under the same name (and in the same cgroup) when it was first looked at since
    /// [`clear`](Self::clear).
    pub(crate) fn is_unchanged(&mut self, owner: &Owner) -> bool {
        let now = self.open(owner.process);
        now.is_some_and(|now| {
            let is_moved = now.cgroup.is_some() && now.cgroup != owner.cgroup;
            now.name == owner.name && now.executable == owner.executable && !is_moved
        })
    }

    fn open(&mut self, process: Process) -> Option<&OpenedProcess> {
        if !self.opened.contains_key(&process) {
            if self.opened.len() >= MAX_OPEN {
                self.opened.clear();
            }
            let opened = self.enter(process);
            self.opened.insert(process, opened);
        }
        self.opened.get(&process)?.as_ref()
    }

    fn enter(&mut self, process: Process) -> Option<OpenedProcess> {
        if self.proc.is_none() {
            self.proc = Proc::open().ok();
        }
        let opened = self.proc.as_ref()?.enter(process.pid).ok()?;
        let mut room = Vec::new();
        // The pid may be another process's by now.
        let now = opened.stat(&mut room).ok()?.process;
        let name = opened.name(&mut room).ok()?;
        let executable = opened.executable(&mut room).ok().map(<[u8]>::to_vec);
        let cgroup = self.hierarchies.as_mut().and_then(|hierarchies| {
            let text = opened.cgroups(&mut room)?;
            hierarchies.of_process(text)
        });
        (now == process).then_some(OpenedProcess {
            opened,
            name,
            executable,
            cgroup,
        })
    }
}

/// The number of processes that are kept open: a descriptor each.
const MAX_OPEN: usize = 64;
