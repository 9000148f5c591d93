//! The system calls that rustix lacks: the only file of this library with unsafe code.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, Resource, WaitOptions, waitpid};

/// Returns the never reused number of a socket's network namespace: `getsockopt(SO_NETNS_COOKIE)`.
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

/// Returns true where a socket is in the repair mode of checkpoints, in which nothing is sent: `getsockopt(TCP_REPAIR)`. False
/// of what is not a socket of TCP.
pub(crate) fn is_in_repair(socket: impl AsFd) -> bool {
    get_option(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_REPAIR).is_ok_and(|mode| mode != 0)
}

/// Ends the repair mode of a socket, and sends nothing: `setsockopt(TCP_REPAIR, TCP_REPAIR_OFF_NO_WP)`. `EPERM` without
/// `CAP_NET_ADMIN` over its network namespace.
pub(crate) fn leave_repair(socket: impl AsFd) -> Result<(), Errno> {
    set_option(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_REPAIR, -1)
}

/// Returns true where the packets of a socket may leave with a source that is not local: `getsockopt(IP_TRANSPARENT)`.
pub(crate) fn is_transparent(socket: impl AsFd) -> Result<bool, Errno> {
    // Of an AF_INET6 socket it is the same option as IPV6_TRANSPARENT (Linux 6.18).
    let value = get_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_TRANSPARENT)?;
    Ok(value != 0)
}

/// Lets the packets of a socket leave with a source that is not local, or no more: `setsockopt(IP_TRANSPARENT)`. To set it takes
/// `CAP_NET_ADMIN` or `CAP_NET_RAW` over the socket's network namespace (`EPERM`); to clear it takes nothing. `EINVAL` of a
/// connected MPTCP socket (Linux 6.18).
pub(crate) fn set_transparent(socket: impl AsFd, value: bool) -> Result<(), Errno> {
    let value = libc::c_int::from(value);
    set_option(
        socket.as_fd(),
        libc::IPPROTO_IP,
        libc::IP_TRANSPARENT,
        value,
    )
}

/// Marks all descriptors from this number on to be closed by `exec`: `close_range(CLOSE_RANGE_CLOEXEC)` (Linux 5.11).
pub(crate) fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    // SAFETY: with this flag the call closes nothing; it sets FD_CLOEXEC on descriptors, which no code here depends on being
    // unset, and takes no pointer.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(last_errno())
    }
}

/// Reads an option of a socket that is an `int`.
fn get_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
) -> Result<libc::c_int, Errno> {
    let mut value: libc::c_int = 0;
    let mut length = INT_LENGTH;
    // SAFETY: the descriptor is open for the duration of the call (it is borrowed), and the kernel writes at most `length`
    // bytes to `value`, which has room for as many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(value)
    } else {
        Err(last_errno())
    }
}

/// Sets an option of a socket that is an `int`.
fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> Result<(), Errno> {
    // SAFETY: the descriptor is open for the duration of the call (it is borrowed), and the kernel reads `INT_LENGTH` bytes
    // of `value`, which has as many.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            INT_LENGTH,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(last_errno())
    }
}

/// Returns the kind of a file of `nsfs`, as a `CLONE_NEW*`: `ioctl(NS_GET_NSTYPE)`. Since Linux 4.11.
pub(crate) fn namespace_kind(file: impl AsFd) -> Result<libc::c_int, Errno> {
    // SAFETY: the descriptor is open for the duration of the call (it is borrowed). This request takes no argument;
    // what another kind of file would take for one is NULL, where nothing of ours is.
    let kind = unsafe { libc::ioctl(file.as_fd().as_raw_fd(), libc::NS_GET_NSTYPE, NOTHING) };
    if kind < 0 {
        Err(last_errno())
    } else {
        Ok(kind)
    }
}

/// Returns true if two threads, of any processes, share their table of descriptors: `kcmp(KCMP_FILES)`. `EPERM` where one of
/// them may not be inspected; `ENOSYS` without `CONFIG_KCMP`.
pub(crate) fn share_descriptors(one: i32, other: i32) -> Result<bool, Errno> {
    let unused: libc::c_ulong = 0;
    // SAFETY: the kernel takes five numbers, the last two of which it does not look at for this kind, and touches no memory.
    let order = unsafe { libc::syscall(libc::SYS_kcmp, one, other, KCMP_FILES, unused, unused) };
    if order < 0 {
        Err(last_errno())
    } else {
        Ok(order == 0)
    }
}

/// Opens the user namespace that owns a namespace: `ioctl(NS_GET_USERNS)`. Since Linux 4.9; `EPERM` where it is neither the
/// caller's own nor one below it. The file must be one of `nsfs`, as that of a [`Namespace`](crate::netns::Namespace) is.
pub(crate) fn owning_user_namespace(file: impl AsFd) -> Result<OwnedFd, Errno> {
    // SAFETY: as above: no argument, and NULL for who would take one.
    let descriptor = unsafe { libc::ioctl(file.as_fd().as_raw_fd(), libc::NS_GET_USERNS, NOTHING) };
    if descriptor < 0 {
        return Err(last_errno());
    }
    // SAFETY: of a file of `nsfs` this request makes a descriptor, just now and for us: nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Runs a function in a child process of a single thread, which is what the kernel wants of who enters a user
/// namespace, and waits for its end.
///
/// See [`start_child`] for what the function may do.
pub(crate) fn in_a_child(body: impl FnOnce()) -> Result<(), Errno> {
    let child = clone_child(body)?;
    // What it did is told otherwise.
    reap(child, WaitOptions::empty());
    Ok(())
}

/// Starts a child process of a single thread that has copies of these descriptors and of no others, and runs a
/// function in it. It has to be [reaped](reap).
///
/// The function runs in a copy of this process in which all other threads have stopped, wherever they were:
/// it must make system calls only, allocate nothing and take no lock. Of the descriptors that the copy of the memory
/// tells of it must use these only.
///
/// The rest of the program does not notice: the child is announced by no `SIGCHLD`, a `wait` for any child does
/// not find it, and no handler of a signal runs in it.
pub(crate) fn start_child(kept: [BorrowedFd<'_>; 2], body: impl FnOnce()) -> Result<Pid, Errno> {
    let [first, second] = kept.map(|it| it.as_raw_fd().unsigned_abs());
    let kept = [first.min(second), first.max(second)];
    clone_child(move || {
        close_all_but(kept);
        body();
    })
}

/// Takes the end of a child of [`start_child`] away, so that nothing of it is left; `false` where it has not ended yet and
/// the options say not to wait.
pub(crate) fn reap(child: Pid, options: WaitOptions) -> bool {
    let of_no_signal = WaitOptions::from_bits_retain(WCLONE);
    let waited = retry_on_intr(|| waitpid(Some(child), options | of_no_signal));
    // An error means that somebody else has waited for it.
    !matches!(waited, Ok(None))
}

/// Closes all descriptors but two, in ascending order: for a child that is about to live longer than a moment, whose
/// copies would keep the sockets and pipes of the program open.
fn close_all_but([first, second]: [u32; 2]) {
    let close = |from: u32, to: u32| {
        if from > to {
            return;
        }
        let flags: libc::c_uint = 0;
        // SAFETY: it touches no memory. The descriptors are those of the child, in which nothing else runs and whose
        // function uses the two only that are left.
        if unsafe { libc::syscall(libc::SYS_close_range, from, to, flags) } == 0 {
            return;
        }
        // Before Linux 5.9, or in a sandbox that does not know the call.
        let limit = rustix::process::getrlimit(Resource::Nofile).current;
        let limit = limit.and_then(|limit| u32::try_from(limit).ok());
        for descriptor in from..to.min(limit.unwrap_or(MANY_DESCRIPTORS)) {
            // SAFETY: as above.
            unsafe { libc::syscall(libc::SYS_close, descriptor) };
        }
    };
    if let Some(before) = first.checked_sub(1) {
        close(0, before);
    }
    if let Some(before) = second.checked_sub(1) {
        close(first + 1, before);
    }
    close(second + 1, u32::MAX);
}

/// Clones this process: [`start_child`].
fn clone_child(body: impl FnOnce()) -> Result<Pid, Errno> {
    let before = set_blocked_signals(None)?;
    let no_flags: libc::c_long = 0;
    // SAFETY: without any flag (no CLONE_VM) the child gets a copy of the memory, and without a stack it runs on its copy
    // of this one, as after fork(2). What it may do there is restricted as the documentation of `start_child` says, and
    // each caller in this crate keeps to that. It never returns from here, not even by a panic: `ExitOnDrop` sees to it.
    let child = unsafe {
        libc::syscall(
            libc::SYS_clone,
            no_flags,
            NOTHING,
            NOTHING,
            NOTHING,
            NOTHING,
        )
    };
    if child == 0 {
        let _ending = ExitOnDrop;
        body();
        return Err(Errno::CHILD);
    }
    let failure = (child < 0).then(last_errno);
    set_blocked_signals(Some(before))?;
    if let Some(errno) = failure {
        return Err(errno);
    }
    let child = i32::try_from(child).ok().and_then(Pid::from_raw);
    child.ok_or(Errno::PROTO)
}

/// Ends the process when dropped: by `_exit(2)`, which runs no destructors and no exit handlers.
struct ExitOnDrop;

impl Drop for ExitOnDrop {
    fn drop(&mut self) {
        // SAFETY: it touches no memory.
        unsafe { libc::_exit(0) }
    }
}

/// Sets which signals this thread does not take, all without a set; returns which it did not before.
fn set_blocked_signals(set: Option<libc::sigset_t>) -> Result<libc::sigset_t, Errno> {
    let mut every = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: sigfillset initializes the set it is given, and pthread_sigmask, where it succeeds, the one
    // before; both are alive and large enough. No signal is taken that was not to be taken before.
    unsafe {
        libc::sigfillset(every.as_mut_ptr());
        let set = set.unwrap_or(every.assume_init());
        match libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, before.as_mut_ptr()) {
            0 => Ok(before.assume_init()),
            errno => Err(Errno::from_raw_os_error(errno)),
        }
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// An argument that is none, as wide as the widest that a call with `...` might read.
const NOTHING: *const libc::c_void = ptr::null();
/// `__WCLONE` of `linux/wait.h`, in the type that flags have.
const WCLONE: u32 = 0x8000_0000;
/// The number of descriptors that is assumed where there is no limit.
const MANY_DESCRIPTORS: u32 = 1 << 20;

/// `linux/kcmp.h`
const KCMP_FILES: libc::c_int = 2;
const INT_LENGTH: libc::socklen_t = 4;
const _: () = assert!(size_of::<libc::c_int>() == 4);
const COOKIE_LENGTH: libc::socklen_t = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_takes_no_signal_and_leaves_no_trace() {
        let blocked = |pid: &str| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let find = |line: &str| line.strip_prefix("SigBlk:\t").map(str::to_owned);
            status.lines().find_map(find).unwrap()
        };
        let before = blocked("thread-self");
        let (from, to) = rustix::pipe::pipe().unwrap();
        in_a_child(|| {
            let mut status = [0; 4096];
            let file = rustix::fs::open(
                c"/proc/self/status",
                rustix::fs::OFlags::RDONLY,
                rustix::fs::Mode::empty(),
            );
            if let Ok(length) = file.and_then(|file| rustix::io::read(file, &mut status)) {
                let _ = rustix::io::write(&to, &status[..length]);
            }
        })
        .unwrap();
        drop(to);
        let mut status = String::new();
        std::io::Read::read_to_string(&mut std::fs::File::from(from), &mut status).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        let mask = u64::from_str_radix(&field("SigBlk:"), 16).unwrap();
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGCHLD, libc::SIGALRM] {
            assert_ne!(mask & 1 << (signal - 1), 0, "signal {signal}");
        }
        assert_eq!(field("Threads:"), "1");
        let pid = field("Pid:");
        assert_ne!(pid, std::process::id().to_string());
        assert!(
            !std::path::Path::new(&format!("/proc/{pid}")).exists(),
            "it was waited for"
        );
        assert_eq!(blocked("thread-self"), before);
    }
}
