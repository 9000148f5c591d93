//! What can be deleted here, by which method and right: asked of the kernel without deleting anything.

use rustix::io::Errno;

use crate::borrow;
use crate::endpoint::{Endpoint, Pair};
use crate::error::{Error, Operation};
use crate::privilege::{PtraceScope, may_borrow_from_all};
use crate::process::Process;
use crate::sock_diag::Diag;
use crate::table::TcpTable;

/// What the kernel and the caller's rights allow in a table's network namespace.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent answers to independent questions"
)]
pub struct Survey {
    /// Whether the table can be read: `tcp_diag` is there.
    pub tcp_diag: bool,
    /// Whether both families are read in one walk.
    pub one_walk: bool,
    /// Whether the kernel has `SOCK_DESTROY` (`CONFIG_INET_DIAG_DESTROY`).
    pub destroy: bool,
    /// Whether the caller may use it here: `CAP_NET_ADMIN` in the user namespace that owns the
    /// network namespace.
    pub net_admin: bool,
    /// Whether descriptors can be borrowed at all (`pidfd_getfd`, Linux 5.6, no seccomp filter).
    pub borrow: bool,
    /// Whether the caller may borrow from everybody (`CAP_SYS_PTRACE`).
    pub sys_ptrace: bool,
    /// What Yama forbids.
    pub ptrace_scope: PtraceScope,
    /// How many processes `/proc` shows, and how many of them hide their descriptors from the caller.
    pub processes: Option<Visibility>,
}

/// How much of `/proc` can be seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Visibility {
    /// Processes shown.
    pub shown: usize,
    /// Those whose descriptors are hidden.
    pub hidden: usize,
}

impl Survey {
    /// Whether every connection of the namespace can be deleted.
    pub const fn all(&self) -> bool {
        self.tcp_diag && self.destroy && self.net_admin
    }

    /// Whether at least the connections of the caller's own processes can be deleted.
    pub fn own(&self) -> bool {
        let may_borrow = match self.ptrace_scope {
            PtraceScope::Classic => true,
            // Descendants of the caller still lend, but his other processes do not.
            PtraceScope::Restricted | PtraceScope::AdminOnly => self.sys_ptrace,
            PtraceScope::NoAttach => false,
        };
        self.all() || (self.tcp_diag && self.borrow && may_borrow)
    }
}

/// Asks the kernel what can be deleted in a table's network namespace. Nothing is deleted.
///
/// # Errors
/// `Os` when the kernel answers something that means neither yes nor no.
pub fn survey(table: &mut TcpTable) -> Result<Survey, Error> {
    let diag = &mut table.diag;
    let tcp_diag = yes_unless(Errno::NOENT, diag.probe())?;
    Ok(Survey {
        tcp_diag,
        one_walk: tcp_diag && diag.probe_one_walk().is_ok(),
        destroy: tcp_diag && yes_unless(Errno::OPNOTSUPP, destroy(diag))?,
        net_admin: tcp_diag && yes_unless(Errno::PERM, diag.probe_right())?,
        borrow: borrow::available().is_ok(),
        sys_ptrace: may_borrow_from_all(),
        ptrace_scope: PtraceScope::read(),
        processes: visibility().ok(),
    })
}

fn destroy(diag: &mut Diag) -> Result<(), Errno> {
    // No connection can have these ends, and none the cookie that goes with them.
    let nowhere = Endpoint::new([0, 0, 0, 0].into(), 0);
    diag.probe_destroy(&Pair::new(nowhere, nowhere).expect("both ends are IPv4"))
}

fn yes_unless(no: Errno, answer: Result<(), Errno>) -> Result<bool, Error> {
    match answer {
        Ok(()) => Ok(true),
        Err(errno) if errno == no => Ok(false),
        Err(errno) => Err(Error::os(Operation::Survey, "ask the kernel", errno)),
    }
}

fn visibility() -> std::io::Result<Visibility> {
    let mut seen = Visibility {
        shown: 0,
        hidden: 0,
    };
    for process in Process::all()? {
        seen.shown += 1;
        if matches!(process.sockets(), Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
        {
            seen.hidden += 1;
        }
    }
    Ok(seen)
}
