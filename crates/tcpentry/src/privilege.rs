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
    fn each_scope_of_yama_has_its_hint() {
        let hint = |text| PtraceScope::from_sysctl(text).hint();
        assert_eq!((hint(""), hint("0")), (None, None));
        assert!(hint("1").unwrap().contains("own children"));
        assert!(hint("2").unwrap().contains("CAP_SYS_PTRACE"));
        assert!(hint("3").unwrap().contains("until the next boot"));
    }
}
