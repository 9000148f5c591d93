//! Seccomp filters: a kernel that refuses a call, for one thread.

use crate::sys;
use crate::user::on_a_thread;

/// Runs the body on a thread for which `socket(AF_INET, ...)` fails with `EAFNOSUPPORT`, as in a
/// kernel without IPv4.
pub fn without_ipv4<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    let family = libc::AF_INET.unsigned_abs();
    refusing(libc::SYS_socket, Some(family), libc::EAFNOSUPPORT, body)
}

/// Runs the body on a thread for which a system call fails: always, or with this first argument.
pub fn refusing<T: Send>(
    call: libc::c_long,
    first_argument: Option<u32>,
    errno: i32,
    body: impl FnOnce() -> T + Send,
) -> T {
    on_a_thread(move || {
        sys::refuse(call, first_argument, errno).expect("install a seccomp filter");
        body()
    })
}
