//! Probes of the kernel and of the caller's rights, without deleting anything: [`Support::probe`].

use rustix::io::Errno;

use crate::connection::endpoint::{Endpoint, Pair};
use crate::delete::{borrow, kernel};
use crate::error::ran_out;
use crate::error::{Error, Operation};
use crate::privilege::has_sys_ptrace;
pub use crate::privilege::{PtraceScope, is_administrator, more_rights, sees_by_right};
use crate::process::Process;
use crate::sock_diag::Diag;
use crate::sys;
use crate::table::TcpTable;
use crate::table::refusal::refused;

/// Lets programs that are started from now on inherit no descriptor but their standard streams, whoever has opened them:
/// `close_range(CLOSE_RANGE_CLOEXEC)` (Linux 5.11; does nothing before).
///
/// For a program that leaves one in the background: a lock or a pipe of its own caller must not stay with that.
pub fn close_descriptors_on_exec() {
    let _ = sys::close_on_exec_from(3);
}

/// Abilities of the kernel and of the caller in a table's network namespace.
///
/// ```
/// use tcpentry::TcpTable;
/// use tcpentry::support::Support;
/// let support = Support::probe(&mut TcpTable::open()?)?;
/// if support.destroy && support.net_admin {
///     println!("every connection can be deleted");
/// } else if support.borrow {
///     println!("connections of your own processes can be deleted");
/// }
/// # assert!(support.tcp_diag);
/// # Ok::<(), tcpentry::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent answers to independent questions"
)]
pub struct Support {
    /// True where the table can be read: `tcp_diag` is there.
    pub tcp_diag: bool,
    /// True where both families are read in one dump.
    pub one_dump: bool,
    /// True where the kernel has `SOCK_DESTROY` (`CONFIG_INET_DIAG_DESTROY`, Linux 4.5).
    pub destroy: bool,
    /// True where the caller may use it here: `CAP_NET_ADMIN` in the user namespace that owns the network namespace.
    pub net_admin: bool,
    /// True where descriptors can be borrowed at all (`pidfd_getfd`, Linux 5.6, no seccomp filter).
    pub borrow: bool,
    /// True where the caller holds `CAP_SYS_PTRACE`, over whichever user namespace.
    pub sys_ptrace: bool,
    /// The restriction by Yama.
    pub ptrace_scope: PtraceScope,
    /// Release of the kernel, by its first two numbers: what a distribution has carried back to it is not known.
    pub release: Option<(u32, u32)>,
    /// Processes that `/proc` shows; `None` where it shows none.
    pub processes: Option<Visibility>,
}

/// The processes that a caller can see in `/proc`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Visibility {
    /// Processes shown.
    pub shown: usize,
    /// Those whose descriptors are hidden from the caller.
    pub hidden: usize,
    /// The caller's own among the shown, this one included.
    pub own: usize,
    /// The caller's own among the hidden: not dumpable, more capable, or of another user namespace.
    pub own_hidden: usize,
}

impl Visibility {
    /// Returns true where the caller sees more of its own processes than this one, or has no more.
    const fn sees_its_own(self) -> bool {
        self.own > 0 && (self.own_hidden == 0 || self.own - self.own_hidden > 1)
    }
}

impl Support {
    /// Returns true where every connection of the namespace can be deleted.
    pub const fn all(&self) -> bool {
        self.tcp_diag && self.destroy && self.net_admin
    }

    /// Returns true where descriptors of other users' processes may be borrowed: by the right, and by what is
    /// really seen. A capability over another user namespace than theirs is none.
    pub fn from_all(&self) -> bool {
        let sees_others = |seen: Visibility| seen.sees_its_own() && seen.hidden == seen.own_hidden;
        self.sys_ptrace && self.processes.is_some_and(sees_others) && self.lends(true)
    }

    /// Returns true where at least the connections of the caller's own processes can be deleted.
    pub fn own(&self) -> bool {
        let sees_its_own = self.processes.is_some_and(Visibility::sees_its_own);
        self.all() || (sees_its_own && self.lends(self.sys_ptrace))
    }

    /// Returns true where a process may borrow from others of its user, or with the right from all.
    fn lends(&self, by_right: bool) -> bool {
        let allowed = match self.ptrace_scope {
            PtraceScope::Classic => true,
            // Descendants of the caller still lend, but its other processes do not.
            PtraceScope::Restricted | PtraceScope::AdminOnly => by_right,
            PtraceScope::NoAttach => false,
        };
        self.tcp_diag && self.borrow && allowed
    }
}

impl Support {
    /// Asks the kernel what can be deleted in a table's network namespace. Nothing is deleted.
    ///
    /// # Errors
    /// `Os` when the kernel answers something that means neither yes nor no.
    pub fn probe(table: &mut TcpTable) -> Result<Self, Error> {
        let anywhere = Support {
            tcp_diag: false,
            one_dump: false,
            destroy: false,
            net_admin: false,
            borrow: borrow::available()
                .map_err(|errno| Error::os(Operation::Probe, "pidfd_getfd", errno))?,
            sys_ptrace: has_sys_ptrace(),
            ptrace_scope: PtraceScope::read(),
            release: kernel::release(),
            processes: visibility()?,
        };
        anywhere.probe_another(table)
    }

    /// Asks the kernel what can be deleted in the network namespace of another table, and takes from this what does not
    /// depend on that: among it the processes, of which all descriptors are looked at. Nothing is deleted.
    ///
    /// # Errors
    /// As of [`probe`](Self::probe).
    pub fn probe_another(&self, table: &mut TcpTable) -> Result<Self, Error> {
        let diag = &mut table.lookup.diag;
        let tcp_diag = yes_unless(Errno::NOENT, diag.probe())?;
        Ok(Support {
            tcp_diag,
            one_dump: tcp_diag && diag.probe_one_dump().is_ok(),
            destroy: tcp_diag && yes_unless(Errno::OPNOTSUPP, destroy(diag))?,
            net_admin: tcp_diag && yes_unless(Errno::PERM, diag.probe_right())?,
            ..self.clone()
        })
    }
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
        Err(errno) => Err(refused(Operation::Probe, "ask the kernel", errno)),
    }
}

/// Counts the processes that `/proc` shows; `None` where it is not what it should be.
fn visibility() -> Result<Option<Visibility>, Error> {
    let failed = |errno| Error::os(Operation::Probe, "look through /proc", errno);
    let processes = match Process::all() {
        Ok(processes) => processes,
        Err(error) => match Errno::from_io_error(&error) {
            Some(errno) if ran_out(errno) => return Err(failed(errno)),
            _ => return Ok(None),
        },
    };
    let own = rustix::process::getuid().as_raw();
    let mut seen = Visibility {
        shown: 0,
        hidden: 0,
        own: 0,
        own_hidden: 0,
    };
    for process in processes {
        let is_own = process.uid() == Some(own);
        let is_hidden = match process.sockets() {
            Ok(_) => false,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => true,
            Err(error) => match Errno::from_io_error(&error) {
                Some(errno) if ran_out(errno) => return Err(failed(errno)),
                // It has ended meanwhile.
                _ => continue,
            },
        };
        seen.shown += 1;
        seen.hidden += usize::from(is_hidden);
        seen.own += usize::from(is_own);
        seen.own_hidden += usize::from(is_own && is_hidden);
    }
    Ok((seen.shown > 0).then_some(seen))
}
