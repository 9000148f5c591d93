//! A socket that is registered with io_uring, and no descriptor of any process.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;

use crate::sys;

/// An io_uring that holds a socket, which is closed when this is dropped.
#[derive(Debug)]
pub struct Ring {
    _ring: OwnedFd,
}

impl Ring {
    /// Registers a socket (`IORING_REGISTER_FILES`). The caller closes its own copy.
    ///
    /// # Errors
    /// Where this kernel has no io_uring, or `kernel.io_uring_disabled` or a seccomp filter forbids it.
    pub fn holding(socket: impl AsFd) -> Result<Self, Errno> {
        sys::ring_with(socket.as_fd()).map(|ring| Self { _ring: ring })
    }
}
