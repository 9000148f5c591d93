//! The checks: the kernel, the rights, `/proc`, the other network namespaces. None deletes anything.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use rustix::process::geteuid;
use tcpentry::TcpTable;
use tcpentry::escape::escape_for_terminal;
use tcpentry::netns::{Namespace, Namespaces};
use tcpentry::support::{PtraceScope, Support, is_administrator, more_rights, sees_by_right};

use crate::args::Need;
use crate::command::finding::{Finding, Status};
use crate::exit::Exit;
use crate::tables::{self, WITHHELD, describe_hidden, parallel};

/// The other network namespaces, as far as deletions in them are concerned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Elsewhere {
    /// Every connection in each of them can be deleted.
    All,
    /// Some of them are hidden, or some of their connections can't be deleted.
    NotAll,
}

/// Runs all checks but the last, the result.
pub(super) fn examine(found: &Support, table: &mut TcpTable) -> (Vec<Finding>, Elsewhere) {
    let mut findings = vec![
        kernel(),
        Finding::note(
            "namespace",
            format!(
                "network namespace {}; --all-netns shows the others",
                table.netns()
            ),
        ),
        identities(table),
        tcp_diag(found),
    ];
    if found.tcp_diag {
        findings.extend([destroy(found), net_admin(found)]);
    }
    findings.extend(kernel_differences(release()));
    findings.extend([borrowing(found), yama(found), mptcp(found)]);
    findings.extend([sys_ptrace(found), processes(found)]);
    let (others, elsewhere) = other_namespaces(found);
    findings.extend(others);
    (findings, elsewhere)
}

/// Checks what can be deleted in the other network namespaces, and by which right.
fn other_namespaces(here: &Support) -> (Vec<Finding>, Elsewhere) {
    tables::raise_descriptor_limit();
    let all = match Namespaces::all() {
        Ok(all) => all,
        Err(error) => {
            let finding = Finding::missing(
                "netns",
                error.cause().to_owned(),
                error.hint().unwrap_or(MOUNT_PROC),
            );
            return (vec![finding], Elsewhere::NotAll);
        }
    };
    let others = all.found.get(1..).unwrap_or_default();
    let mut findings = parallel::map(others, |other| other_namespace(here, other));
    if !all.hidden.is_empty() {
        let hide = describe_hidden(all.hidden.len());
        // Only a more capable process hides from root: sudo would not help.
        findings.push(if geteuid().is_root() {
            Finding::note("netns", hide)
        } else {
            Finding::missing("netns", hide, "run it as root (sudo)")
        });
    }
    if all.withheld {
        findings.push(Finding::missing("netns", WITHHELD, "run it as root (sudo)"));
    }
    // A namespace of which some can't be deleted, and those that are hidden, have no `ok`.
    let are_deletable = findings.iter().all(|finding| finding.status == Status::Ok);
    // In a container's pid namespace there is no telling what else the host has.
    let elsewhere = if are_deletable && sees_by_right() {
        Elsewhere::All
    } else {
        Elsewhere::NotAll
    };
    (findings, elsewhere)
}

fn other_namespace(here: &Support, namespace: &Namespace) -> Finding {
    let found = TcpTable::open_in(namespace).and_then(|mut table| here.probe_another(&mut table));
    match found {
        Ok(found) if found.all() => Finding::ok(
            "netns",
            format!("{namespace}: every connection can be deleted, by CAP_NET_ADMIN over it"),
        ),
        Ok(_) => Finding::note(
            "netns",
            format!("{namespace}: connections of your own processes, by borrowing"),
        ),
        Err(error) => Finding::missing(
            "netns",
            error.cause().to_owned(),
            error
                .hint()
                .map_or_else(|| more_rights().to_owned(), str::to_owned),
        ),
    }
}

fn kernel() -> Finding {
    let name = rustix::system::uname();
    let release = escape_for_terminal(name.release().to_bytes());
    Finding::note(
        "kernel",
        format!(
            "Linux {release} {}",
            escape_for_terminal(name.machine().to_bytes())
        ),
    )
}

/// Returns the known differences of this kernel from later ones, by its release: docs/KERNELS.md. Whether a
/// distribution has backported a change can't be found out without deleting something.
fn kernel_differences(release: Option<(u32, u32)>) -> impl Iterator<Item = Finding> {
    let differences = [
        (
            (6, 1),
            "TIME_WAIT",
            "kernels like 5.10 don't destroy these sockets, nor those in FIN_WAIT2 without an owner (6.1 does); \
             their timers end them",
        ),
        (
            (6, 8),
            "bound-inactive",
            "kernels before 6.8 don't show sockets that are only bound",
        ),
        (
            (6, 11),
            "orphans",
            "kernels before 6.11 may confirm the deletion of a socket without an owner but leave it in the table; that is noticed and reported",
        ),
    ];
    differences
        .into_iter()
        .filter(move |&(since, ..)| release.is_some_and(|release| release < since))
        .map(|(_, check, detail)| Finding::note(check, detail))
}

/// Returns the connections without owner, and so without another method, that this kernel may not delete.
fn exceptions(release: Option<(u32, u32)>) -> &'static str {
    let differences: Vec<_> = kernel_differences(release)
        .map(|finding| finding.check)
        .collect();
    if differences.contains(&"TIME_WAIT") {
        ", except in TIME_WAIT or in FIN_WAIT2 without an owner, and maybe other orphans"
    } else if differences.contains(&"orphans") {
        ", except maybe orphans"
    } else {
        ""
    }
}

/// Returns the first two numbers of the kernel's release.
fn release() -> Option<(u32, u32)> {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Checks whether sockets can be named by their identities.
fn identities(table: &mut TcpTable) -> Finding {
    const CHECK: &str = "identities";
    match table.origin() {
        Ok(_) => Finding::ok(
            CHECK,
            "there is a boot id: list --id shows them, delete --id takes them",
        ),
        Err(error) => Finding::missing(
            CHECK,
            error.cause().to_owned(),
            error.hint().unwrap_or(MOUNT_PROC),
        ),
    }
}

fn tcp_diag(found: &Support) -> Finding {
    if !found.tcp_diag {
        return Finding::missing(
            "tcp_diag",
            "the kernel does not answer queries about TCP sockets, and could not load its module for them",
            "as root, outside of any container: modprobe tcp_diag",
        );
    }
    let module = if Path::new("/sys/module/tcp_diag").exists() {
        "there"
    } else if Path::new("/sys/module").exists() {
        "built in"
    } else {
        "built in or loaded"
    };
    let dumps = if found.one_dump {
        "one dump"
    } else {
        "two dumps"
    };
    Finding::ok(
        "tcp_diag",
        format!("{module}; IPv4 and IPv6 are read in {dumps}"),
    )
}

fn destroy(found: &Support) -> Finding {
    if found.destroy {
        Finding::ok(
            "SOCK_DESTROY",
            "supported: the kernel deletes by itself (method sock-diag)",
        )
    } else {
        Finding::missing(
            "SOCK_DESTROY",
            "this kernel was built without CONFIG_INET_DIAG_DESTROY",
            "run a kernel that has it; until then connections can be deleted only by borrowing descriptors",
        )
    }
}

fn net_admin(found: &Support) -> Finding {
    if found.net_admin {
        Finding::ok(
            "CAP_NET_ADMIN",
            "held over this network namespace: any connection can be deleted",
        )
    } else {
        Finding::missing(
            "CAP_NET_ADMIN",
            "not held over this network namespace: only connections of your own processes can be deleted",
            as_root(),
        )
    }
}

fn borrowing(found: &Support) -> Finding {
    if found.borrow {
        Finding::ok(
            "pidfd_getfd",
            "works: descriptors can be borrowed (method borrow)",
        )
    } else {
        Finding::missing(
            "pidfd_getfd",
            "refused: Linux before 5.6, or a seccomp filter",
            "run it outside of the sandbox, or on a newer kernel",
        )
    }
}

fn yama(found: &Support) -> Finding {
    if !Path::new("/proc/sys/kernel").exists() {
        return Finding::note("Yama", "unknown: there is no /proc/sys");
    }
    match found.ptrace_scope.hint() {
        None => Finding::ok(
            "Yama",
            "forbids nothing: processes of one user may borrow from each other",
        ),
        Some(hint) if found.sys_ptrace => Finding::note("Yama", hint),
        Some(hint) => {
            let (what, fix) = hint.split_once(": ").unwrap_or((hint, ""));
            Finding::missing("Yama", what, fix)
        }
    }
}

fn mptcp(found: &Support) -> Finding {
    match mptcp_socket() {
        Ok(()) if found.borrow && may_attach(found) => Finding::note(
            "MPTCP",
            "enabled; such connections are deleted by borrowing, with or without root",
        ),
        Ok(()) => Finding::note(
            "MPTCP",
            "enabled; such connections can't be deleted without borrowing",
        ),
        Err(Errno::NOPROTOOPT) => Finding::note("MPTCP", "not enabled"),
        Err(Errno::PROTONOSUPPORT) => Finding::note("MPTCP", "not supported by this kernel"),
        Err(errno) => Finding::note(
            "MPTCP",
            format!(
                "unknown: cannot create an MPTCP socket: {}",
                io::Error::from(errno)
            ),
        ),
    }
}

/// Creates a socket of MPTCP, which says whether this namespace has it where `/proc/sys` does not.
fn mptcp_socket() -> Result<(), Errno> {
    let create = |family| {
        let flags = SocketFlags::CLOEXEC;
        socket_with(family, SocketType::STREAM, flags, Some(ipproto::MPTCP)).map(drop)
    };
    match create(AddressFamily::INET) {
        Err(Errno::AFNOSUPPORT) => create(AddressFamily::INET6),
        answer => answer,
    }
}

/// Returns true unless Yama forbids everybody to borrow.
fn may_attach(found: &Support) -> bool {
    found.ptrace_scope != PtraceScope::NoAttach
}

fn sys_ptrace(found: &Support) -> Finding {
    const CHECK: &str = "CAP_SYS_PTRACE";
    match (found.sys_ptrace, found.from_all()) {
        (_, true) => Finding::ok(
            CHECK,
            "held: descriptors can be borrowed from every process",
        ),
        (true, false) if !may_attach(found) => {
            Finding::note(CHECK, "held, but Yama makes it useless")
        }
        (true, false) if found.processes.is_none() => {
            Finding::note(CHECK, "held, but /proc shows no process to borrow from")
        }
        (true, false) => Finding::note(
            CHECK,
            "held, but not over every process: it is that of another user namespace, or CAP_DAC_READ_SEARCH is missing",
        ),
        (false, _) => Finding::note(
            CHECK,
            "not held: descriptors can be borrowed only from your own processes",
        ),
    }
}

fn processes(found: &Support) -> Finding {
    let Some(seen) = found.processes else {
        return Finding::missing(
            "/proc",
            "shows no processes, so there is none to borrow a descriptor from",
            MOUNT_PROC,
        );
    };
    let mut detail = format!(
        "{} processes seen; the descriptors of {} are hidden",
        seen.shown, seen.hidden
    );
    if seen.own_hidden > 0 {
        let _ = write!(
            detail,
            ", including {} of your own {}: not dumpable, with more capabilities, or in another user namespace",
            seen.own_hidden, seen.own
        );
    }
    // There is no /proc/mounts with subset=pid.
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    if !Path::new("/proc/sys").exists() {
        detail.push_str("; it shows only processes (subset=pid), not the kernel's settings");
    }
    match hidepid(&mounts) {
        Some(option) if !found.from_all() => Finding::missing(
            "/proc",
            format!("{detail}; mounted with {option}: processes of other users are hidden"),
            format!(
                "{}; or for everybody on this machine: mount -o remount,hidepid=0 /proc",
                more_rights()
            ),
        ),
        _ => Finding::ok("/proc", detail),
    }
}

const MOUNT_PROC: &str = "as root: mount -t proc proc /proc";

/// Returns the mount option of `/proc` that hides processes.
fn hidepid(mounts: &str) -> Option<&str> {
    let line = mounts
        .lines()
        .rfind(|line| line.split(' ').nth(1) == Some("/proc"))?;
    line.split(' ').nth(3)?.split(',').find(|option| {
        option.starts_with("hidepid=") && !["hidepid=0", "hidepid=off"].contains(option)
    })
}

/// Returns what somebody without the rights can do.
fn as_root() -> &'static str {
    if is_administrator() {
        "sudo tcpentry ..., or start it as root with CAP_NET_ADMIN"
    } else {
        "ask an administrator of this machine to run it with sudo"
    }
}

/// Returns what can be deleted, and the exit code.
pub(super) fn verdict(found: &Support) -> (Finding, Exit) {
    const CHECK: &str = "result";
    if found.all() {
        let detail = "every connection of this network namespace can be deleted";
        let but = exceptions(release());
        return (Finding::ok(CHECK, format!("{detail}{but}")), Exit::Done);
    }
    if found.own() {
        let detail = if found.from_all() {
            "every connection held by a process seen here can be deleted, by borrowing; those without an owner (TIME_WAIT, orphans) can't"
        } else if found.processes.is_some_and(|seen| seen.own_hidden > 0) {
            "the connections of your own processes can be deleted, by borrowing, where their descriptors are shown; nobody else's"
        } else {
            "the connections of your own processes can be deleted, by borrowing; nobody else's"
        };
        return (Finding::ok(CHECK, detail), Exit::Done);
    }
    let by_right = found.tcp_diag && (found.destroy || (found.borrow && may_attach(found)));
    if by_right {
        let detail = "nothing can be deleted with the rights you have";
        (Finding::missing(CHECK, detail, as_root()), Exit::Denied)
    } else {
        let detail = "nothing can be deleted on this system";
        (
            Finding::missing(CHECK, detail, "see what is missing above"),
            Exit::Unsupported,
        )
    }
}

/// Returns the finding about what `--need` asks for, and the exit code.
pub(super) fn need(need: Need, found: &Support, elsewhere: Elsewhere) -> (Finding, Exit) {
    const CHECK: &str = "need";
    let is_met = match need {
        Need::Mine => found.own(),
        Need::All => found.all(),
        Need::AllNetns => found.all() && elsewhere == Elsewhere::All,
    };
    let what = match need {
        Need::Mine => "the connections of your own processes",
        Need::All => "every connection of this network namespace",
        Need::AllNetns => "every connection of every network namespace",
    };
    if is_met {
        return (
            Finding::ok(CHECK, format!("{what} can be deleted")),
            Exit::Done,
        );
    }
    let detail = format!("{what}: not all of them can be deleted");
    if found.tcp_diag && found.destroy {
        (Finding::missing(CHECK, detail, more_rights()), Exit::Denied)
    } else {
        let fix = "see what is missing above";
        (Finding::missing(CHECK, detail, fix), Exit::Unsupported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_old_kernel_does_otherwise_is_names() {
        let names = |release| kernel_differences(Some(release)).map(|finding| finding.check);
        let all = ["TIME_WAIT", "bound-inactive", "orphans"];
        assert_eq!(names((5, 10)).collect::<Vec<_>>(), all);
        assert_eq!(names((6, 1)).collect::<Vec<_>>(), all[1..]);
        assert_eq!(names((6, 10)).collect::<Vec<_>>(), all[2..]);
        assert_eq!(names((6, 11)).count(), 0);
        assert!(exceptions(Some((5, 10))).contains("FIN_WAIT2"));
        assert!(exceptions(Some((6, 1))).contains("maybe orphans"));
        assert_eq!(exceptions(Some((6, 11))), "");
        assert!(release().is_some());
    }

    #[test]
    fn a_proc_that_hides_is_noticed() {
        let mounts =
            |options: &str| format!("sysfs /sys sysfs rw 0 0\nproc /proc proc {options} 0 0\n");
        assert_eq!(
            hidepid(&mounts("rw,nosuid,hidepid=invisible")),
            Some("hidepid=invisible")
        );
        assert_eq!(hidepid(&mounts("rw,hidepid=2")), Some("hidepid=2"));
        assert_eq!(hidepid(&mounts("rw,hidepid=0")), None);
        assert_eq!(hidepid(&mounts("rw,nosuid")), None);
        assert_eq!(hidepid(""), None);
    }
}
