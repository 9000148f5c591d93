//! The errors of a kernel that does not answer about the table.

use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Operation, Reason};
use crate::sock_diag::DumpError;

/// Creates the error of a dump that ended early.
pub(crate) fn dump_error(error: DumpError) -> Error {
    match error {
        DumpError::Errno(errno @ Errno::NOENT) => no_tcp_diag(Operation::List, errno),
        DumpError::Errno(errno) => Error::os(Operation::List, "read the kernel's answer", errno),
        DumpError::Interrupted => Error::new(
            Operation::List,
            ErrorKind::Os,
            "the table changed during each of several walks",
        )
        .with_errno(Errno::INTR)
        .with_hint("try again"),
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
        errno => Error::os(operation, "ask the kernel", errno),
    }
}

/// Creates the error of a `socket(2)` that was refused.
pub(super) fn no_socket(errno: Errno) -> Error {
    match errno {
        Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT => Error::new(
            Operation::Open,
            ErrorKind::NotSupported,
            "this kernel (or a seccomp filter) has no NETLINK_SOCK_DIAG",
        )
        .with_errno(errno)
        .because(Reason::NoSockDiag)
        .with_hint("load the module sock_diag, or run it outside of the sandbox"),
        errno => Error::os(Operation::Open, "socket(NETLINK_SOCK_DIAG)", errno),
    }
}
