//! The errors of a kernel that does not answer about the table.

use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Operation, Reason};
use crate::sock_diag::DumpError;

/// Creates the error of a dump that ended early.
pub(crate) fn dump_error(error: DumpError) -> Error {
    match error {
        DumpError::Errno(errno @ Errno::NOENT) => no_tcp_diag(Operation::List, errno),
        DumpError::Errno(errno) => refused(Operation::List, "read the kernel's answer", errno),
        DumpError::Interrupted => Error::new(
            Operation::List,
            ErrorKind::Os,
            "the table changed during each of several dumps",
        )
        .with_errno(Errno::INTR)
        .with_hint("try again"),
    }
}

/// Creates the error of a dump of UDP sockets that ended early.
pub(super) fn udp_dump_error(error: DumpError) -> Error {
    match error {
        DumpError::Errno(errno @ Errno::NOENT) => Error::new(
            Operation::List,
            ErrorKind::NotSupported,
            "the kernel's udp_diag is missing, so UDP sockets can't be listed",
        )
        .with_errno(errno)
        .with_hint("load it as root, outside of any container: modprobe udp_diag"),
        error => dump_error(error),
    }
}

/// Creates the error of a missing `tcp_diag`: the kernel then answers every request with `ENOENT`, which must not
/// read as "no such connection".
pub(super) fn no_tcp_diag(operation: Operation, errno: Errno) -> Error {
    match errno {
        Errno::NOENT => Error::new(
            operation,
            ErrorKind::NotSupported,
            "the kernel's tcp_diag is missing, so nothing can be looked up",
        )
        .because(Reason::NoTcpDiag)
        .with_hint("load it as root, outside of any container: modprobe tcp_diag"),
        errno => refused(operation, "ask the kernel", errno),
    }
}

/// Creates the error of a call about the table that failed. What a security module or a filter forbids is denied, and root
/// gets no further.
pub(crate) fn refused(operation: Operation, doing: &str, errno: Errno) -> Error {
    match errno {
        Errno::PERM | Errno::ACCESS => {
            let cause = format!("{doing}: {}", std::io::Error::from(errno));
            Error::new(operation, ErrorKind::AccessDenied, cause)
                .with_errno(errno)
                .with_hint(FORBIDDEN)
        }
        errno => Error::os(operation, doing, errno),
    }
}

/// Creates the error of a `socket(2)` that was refused.
pub(super) fn no_socket(errno: Errno) -> Error {
    let unsupported = |cause: &'static str, hint: &'static str| {
        Error::new(Operation::Open, ErrorKind::NotSupported, cause)
            .with_errno(errno)
            .because(Reason::NoSockDiag)
            .with_hint(hint)
    };
    match errno {
        Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT if is_gvisor() => unsupported(
            "this is gVisor, whose kernel has no NETLINK_SOCK_DIAG: its connections can't be looked up",
            "end the process that holds the connection; or run the container with another runtime (runc)",
        ),
        Errno::AFNOSUPPORT => unsupported(
            "this sandbox or this kernel has no netlink sockets",
            "in a systemd unit, add AF_NETLINK to RestrictAddressFamilies=; or run it outside of the sandbox",
        ),
        Errno::PROTONOSUPPORT | Errno::NOSYS => unsupported(
            "this kernel (or a seccomp filter) has no NETLINK_SOCK_DIAG",
            "run it outside of the sandbox, on a Linux kernel",
        ),
        errno => refused(Operation::Open, "socket(NETLINK_SOCK_DIAG)", errno).because(
            (errno == Errno::PERM || errno == Errno::ACCESS).then_some(Reason::NoSockDiag),
        ),
    }
}

/// Returns true in a sandbox of gVisor: all its releases have this version in `uname(2)`.
fn is_gvisor() -> bool {
    is_version_of_gvisor(rustix::system::uname().version().to_bytes())
}

fn is_version_of_gvisor(version: &[u8]) -> bool {
    version == b"#1 SMP Sun Jan 10 15:06:54 PST 2016"
}

/// The way out where the kernel would do it, and something in front of it forbids it.
pub(crate) const FORBIDDEN: &str = "a seccomp filter or a security module forbids it, even to root: run it outside of the sandbox; in a container: docker run --security-opt seccomp=unconfined; in a systemd unit: see SystemCallFilter=, and add AF_NETLINK to RestrictAddressFamilies=; with SELinux: ausearch -m avc -ts recent";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forbidden_is_denied_and_names_who_may_forbid_it() {
        for errno in [Errno::PERM, Errno::ACCESS] {
            for error in [no_socket(errno), dump_error(DumpError::Errno(errno))] {
                assert_eq!(error.kind(), ErrorKind::AccessDenied);
                assert_eq!(error.errno(), Some(errno.raw_os_error()));
                let hint = error.hint().unwrap();
                for word in ["seccomp", "SELinux", "RestrictAddressFamilies="] {
                    assert!(hint.contains(word), "{hint}");
                }
            }
            assert_eq!(no_socket(errno).reason(), Some(Reason::NoSockDiag));
        }
        assert_eq!(no_socket(Errno::MFILE).kind(), ErrorKind::Os);
    }

    #[test]
    fn gvisor_is_known_by_its_version() {
        assert!(is_version_of_gvisor(b"#1 SMP Sun Jan 10 15:06:54 PST 2016"));
        assert!(!is_version_of_gvisor(b"#1 SMP PREEMPT_DYNAMIC"));
        assert!(!is_gvisor());
    }
}
