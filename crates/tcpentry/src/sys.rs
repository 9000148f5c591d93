//! The system calls that rustix lacks: the only file of this library with unsafe code.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

use rustix::io::Errno;

/// `getsockopt(SO_NETNS_COOKIE)`: the never reused number of a socket's network namespace.
///
/// Since Linux 5.14; `ENOPROTOOPT` before.
pub(crate) fn netns_cookie(socket: impl AsFd) -> Result<u64, Errno> {
    let mut cookie = MaybeUninit::<u64>::uninit();
    let mut length = COOKIE_LENGTH;
    // SAFETY: the descriptor is open for the duration of the call (it is borrowed), and the kernel
    // writes at most `length` bytes to `cookie`, which has room for as many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            cookie.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(last_errno());
    }
    if length != COOKIE_LENGTH {
        return Err(Errno::PROTO);
    }
    // SAFETY: the kernel reported success and that it wrote all eight bytes.
    Ok(unsafe { cookie.assume_init() })
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

const COOKIE_LENGTH: libc::socklen_t = 8;
