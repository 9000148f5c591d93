//! The caller's credentials: they decide between "denied" and "not elevated", and on borrowing.

use std::fs;

use rustix::process::{getegid, geteuid, getgroups};
use rustix::thread::CapabilitySet;

/// Returns true for an administrator of this machine: effective uid 0, or member of a group
/// that may become root on it (`sudo`, `wheel`, `admin`).
///
/// It says nothing about the rights that the caller holds now.
pub fn is_administrator() -> bool {
    if geteuid().is_root() {
        return true;
    }
    let Ok(groups) = fs::read_to_string("/etc/group") else {
        return false;
    };
    let mut own = getgroups().unwrap_or_default();
    own.push(getegid());
    own.iter()
        .any(|group| is_of_administrators(&groups, group.as_raw()))
}

/// Returns true where the text of `group(5)` gives one of the administrators' names to this gid.
fn is_of_administrators(groups: &str, gid: u32) -> bool {
    groups.lines().any(|line| {
        let mut fields = line.split(':');
        let name = fields.next().unwrap_or_default();
        let number = fields.nth(1).and_then(|field| field.parse().ok());
        ADMINISTRATORS.contains(&name) && number == Some(gid)
    })
}

/// Returns true where the caller holds `CAP_SYS_PTRACE` in its user namespace.
pub(crate) fn has_sys_ptrace() -> bool {
    rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_PTRACE))
}

/// Returns the advice for a caller that may not see everything: who has to run it, or where.
///
/// Root is not advised to become root, and a caller in another pid namespace than the host's is told of that.
pub fn more_rights() -> &'static str {
    let held = rustix::thread::capabilities(None).map(|sets| sets.effective);
    Standing {
        sees_all_pids: is_initial_pid_namespace(),
        is_root: geteuid().is_root(),
        is_of_host: is_namespace("user", INITIAL_USER),
        is_capable: may_read_descriptors()
            && held.is_ok_and(|held| held.contains(CapabilitySet::NET_ADMIN)),
    }
    .advice()
}

/// Returns true where no other caller would be shown more of `/proc`: one with the capabilities that it takes, in the user
/// and pid namespaces of the host.
///
/// A process or network namespace that such a caller does not see in `/proc` is seen by nobody.
pub fn sees_by_right() -> bool {
    is_initial_pid_namespace() && is_namespace("user", INITIAL_USER) && may_read_descriptors()
}

fn may_read_descriptors() -> bool {
    let reads_all = CapabilitySet::DAC_READ_SEARCH | CapabilitySet::DAC_OVERRIDE;
    let held = rustix::thread::capabilities(None).map(|sets| sets.effective);
    held.is_ok_and(|held| held.contains(CapabilitySet::SYS_PTRACE) && held.intersects(reads_all))
}

/// Returns true where the caller's pid namespace is that of the host, which shows the processes of all others.
pub(crate) fn is_initial_pid_namespace() -> bool {
    is_namespace("pid", INITIAL_PID)
}

fn is_namespace(kind: &str, name: &str) -> bool {
    let link = fs::read_link(format!("/proc/self/ns/{kind}"));
    link.is_ok_and(|link| link.as_os_str() == name)
}

/// The caller, as far as it limits what it sees.
#[expect(clippy::struct_excessive_bools, reason = "each is a limit of its own")]
struct Standing {
    sees_all_pids: bool,
    is_root: bool,
    /// True where its user namespace is that of the host.
    is_of_host: bool,
    is_capable: bool,
}

impl Standing {
    const fn advice(&self) -> &'static str {
        match self {
            Self {
                sees_all_pids: false,
                ..
            } => {
                "this pid namespace (a container's?) does not show the processes outside of it: run it as root on the host"
            }
            Self { is_root: false, .. } => "run it as root (sudo)",
            Self {
                is_of_host: false, ..
            } => "this is root of a user namespace: run it as root of the host",
            Self {
                is_capable: false, ..
            } => {
                "root lacks some of CAP_NET_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH here: run it with all capabilities"
            }
            _ => {
                "something hides it even from root: a security module (SELinux, AppArmor), or a kernel without kcmp(2)"
            }
        }
    }
}

/// The restriction that the security module Yama lays on borrowing: `kernel.yama.ptrace_scope`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PtraceScope {
    /// No Yama, or 0: processes of the same user may borrow from each other.
    Classic,
    /// 1: only from descendants, or with `CAP_SYS_PTRACE`.
    Restricted,
    /// 2: only with `CAP_SYS_PTRACE`.
    AdminOnly,
    /// 3: never, until the next boot.
    NoAttach,
}

impl PtraceScope {
    /// Reads `/proc/sys/kernel/yama/ptrace_scope`; without that file there is no Yama.
    pub fn read() -> Self {
        let text = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
        Self::from_sysctl(text.trim())
    }

    fn from_sysctl(text: &str) -> Self {
        match text {
            "" | "0" => Self::Classic,
            "1" => Self::Restricted,
            "2" => Self::AdminOnly,
            _ => Self::NoAttach,
        }
    }

    /// Returns the restriction and the way out; `None` where Yama forbids nothing.
    pub const fn hint(self) -> Option<&'static str> {
        match self {
            Self::Classic => None,
            Self::Restricted => Some(
                "kernel.yama.ptrace_scope is 1: a process may borrow only from its own children; \
                 run it as root (sudo), or allow it for all: sysctl kernel.yama.ptrace_scope=0",
            ),
            Self::AdminOnly => Some(
                "kernel.yama.ptrace_scope is 2: only root may borrow (CAP_SYS_PTRACE); run it with sudo",
            ),
            Self::NoAttach => Some(
                "kernel.yama.ptrace_scope is 3: nobody may borrow until the next boot; \
                 run it as root (sudo), which needs no borrowing where the kernel has SOCK_DESTROY",
            ),
        }
    }
}

/// `PROC_PID_INIT_INO`: always the same.
const INITIAL_PID: &str = "pid:[4026531836]";
/// `PROC_USER_INIT_INO`: always the same.
const INITIAL_USER: &str = "user:[4026531837]";
const ADMINISTRATORS: [&str; 3] = ["sudo", "wheel", "admin"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_decides_by_its_number() {
        let groups =
            "root:x:0:\nsudo:x:27:alice\nbroken\nusers:x:100:bob,sudo\nwheel:x:notanumber:\n";
        assert!(is_of_administrators(groups, 27));
        assert!(!is_of_administrators(groups, 0));
        assert!(!is_of_administrators(groups, 100));
    }

    #[test]
    fn root_is_not_advised_to_become_root() {
        let root = |sees_all_pids, is_of_host, is_capable| Standing {
            sees_all_pids,
            is_root: true,
            is_of_host,
            is_capable,
        };
        for (standing, advice) in [
            (root(false, true, true), "on the host"),
            (root(true, false, true), "user namespace"),
            (root(true, true, false), "CAP_SYS_PTRACE"),
            (root(true, true, true), "even from root"),
        ] {
            assert!(standing.advice().contains(advice), "{}", standing.advice());
            assert!(!standing.advice().contains("sudo"));
        }
        let user = Standing {
            is_root: false,
            ..root(true, true, false)
        };
        assert_eq!(user.advice(), "run it as root (sudo)");
    }

    #[test]
    fn each_scope_of_yama_has_its_hint() {
        let hint = |text| PtraceScope::from_sysctl(text).hint();
        assert_eq!((hint(""), hint("0")), (None, None));
        assert!(hint("1").unwrap().contains("own children"));
        assert!(hint("2").unwrap().contains("CAP_SYS_PTRACE"));
        assert!(hint("3").unwrap().contains("until the next boot"));
    }
}
