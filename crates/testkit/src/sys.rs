//! The system calls that rustix lacks or calls unsafe: the only file of this crate with unsafe code.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::UnshareFlags;

/// Gives this thread a new network namespace: `unshare(CLONE_NEWNET)`.
pub(crate) fn unshare_network() -> Result<(), Errno> {
    // SAFETY: of the flags of unshare only CLONE_FILES breaks what Rust relies on (descriptors that
    // all threads share); a network namespace says which network sockets made later belong to.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
}

/// Gives this thread a copy of the mounts, to be changed for it alone: `unshare(CLONE_NEWNS)`.
pub(crate) fn unshare_mounts() -> Result<(), Errno> {
    // SAFETY: as above; that the thread gets a working directory of its own, which others do not
    // change any more, breaks nothing either.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }
}

/// Sets a numeric option: `setsockopt(IPPROTO_TCP)`.
pub(crate) fn set_tcp_option(
    socket: &impl AsFd,
    option: libc::c_int,
    value: libc::c_int,
) -> Result<(), Errno> {
    // SAFETY: the descriptor is borrowed, so it is open during the call; the kernel reads four bytes
    // from `value`, which has them.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            (&raw const value).cast(),
            4,
        )
    };
    check(result.into())
}

/// Returns `SK_MEMINFO_WMEM_QUEUED`: `getsockopt(SO_MEMINFO)` (Linux 4.12).
pub(crate) fn send_memory(socket: impl AsFd) -> Result<u32, Errno> {
    let mut counters = [0_u32; 9];
    let mut length = libc::socklen_t::try_from(size_of_val(&counters)).expect("it is short");
    // SAFETY: the descriptor is borrowed, so it is open during the call; the kernel writes no more than `length`
    // bytes to the array, which has as many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            counters.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    check(result.into()).map(|()| counters[5])
}

/// The action of a seccomp filter on a system call.
#[derive(Clone, Copy)]
pub(crate) enum Fate {
    /// Fail.
    Refused(i32),
    /// Wait until the listener has been notified.
    Notified,
    /// End the process.
    Deadly,
}

/// A rule for a system call: for any, or only with this first argument.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) call: libc::c_long,
    /// The number of an argument, and its value.
    pub(crate) argument: Option<(u32, u32)>,
    pub(crate) fate: Fate,
}

/// Puts this thread and its children under a seccomp filter.
pub(crate) fn restrict(rules: &[Rule]) -> Result<(), Errno> {
    install(rules, 0).map(drop)
}

/// Puts this thread and its children under a filter, and returns the descriptor from which [`next_notification`] reads the calls that are `Notified`.
pub(crate) fn restrict_and_listen(rules: &[Rule]) -> Result<OwnedFd, Errno> {
    let number = install(rules, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?;
    let number = i32::try_from(number).map_err(|_| Errno::PROTO)?;
    // SAFETY: with this flag the kernel answers with a descriptor that it has just made, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn install(rules: &[Rule], flags: libc::c_ulong) -> Result<libc::c_long, Errno> {
    rustix::thread::set_no_new_privs(true)?;
    let mut program = compile(rules);
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).expect("it is short"),
        filter: program.as_mut_ptr(),
    };
    let operation = libc::c_ulong::from(libc::SECCOMP_SET_MODE_FILTER);
    // SAFETY: the kernel reads `len` instructions from `filter`, which is the vector above, alive until after the call, and
    // copies them.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, &raw const filter) };
    if result < 0 {
        return Err(last_errno());
    }
    Ok(result)
}

fn compile(rules: &[Rule]) -> Vec<libc::sock_filter> {
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let jump = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let step = |code, k, jf| libc::sock_filter {
        code: u16::try_from(code).expect("opcodes have 16 bits"),
        jt: 0,
        jf,
        k,
    };
    // struct seccomp_data: the number at 0, the arguments as 64 bits from 16 on.
    let low_half = if cfg!(target_endian = "big") { 20 } else { 16 };
    let mut program = Vec::new();
    for rule in rules {
        let call = u32::try_from(rule.call).expect("numbers of calls are small");
        let fate = match rule.fate {
            Fate::Refused(errno) => libc::SECCOMP_RET_ERRNO | errno.unsigned_abs(),
            Fate::Notified => libc::SECCOMP_RET_USER_NOTIF,
            Fate::Deadly => libc::SECCOMP_RET_KILL_PROCESS,
        };
        program.push(step(load, 0, 0));
        if let Some((number, value)) = rule.argument {
            program.push(step(jump, call, 3));
            program.push(step(load, low_half + 8 * number, 0));
            program.push(step(jump, value, 1));
        } else {
            program.push(step(jump, call, 1));
        }
        program.push(step(answer, fate, 0));
    }
    program.push(step(answer, libc::SECCOMP_RET_ALLOW, 0));
    program
}

/// Waits for the next notification of a call. `ENOENT` if its caller has been killed meanwhile.
pub(crate) fn next_notification(listener: &OwnedFd) -> Result<libc::seccomp_notif, Errno> {
    let mut notification = MaybeUninit::<libc::seccomp_notif>::zeroed();
    // SAFETY: the number of this request says how large the structure is, and the kernel writes one where the pointer is
    // to room for one, full of zeros as it demands.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_RECV,
            notification.as_mut_ptr(),
        )
    };
    check(result.into())?;
    // SAFETY: it is all integers, of which zeros are some as well as what the kernel wrote.
    Ok(unsafe { notification.assume_init() })
}

/// Lets a call fail with this errno after its notification, or go on as if nobody had listened.
pub(crate) fn answer_notification(
    listener: &OwnedFd,
    notification: &libc::seccomp_notif,
    errno: Option<i32>,
) -> Result<(), Errno> {
    let mut answer = libc::seccomp_notif_resp {
        id: notification.id,
        val: 0,
        error: errno.map_or(0, |errno| -errno),
        flags: match errno {
            Some(_) => 0,
            None => u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).expect("it is a bit"),
        },
    };
    // SAFETY: the number of this request says how large the structure is, and the pointer is to one.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SEND,
            &raw mut answer,
        )
    };
    check(result.into())
}

/// Gives a signal a handler that does nothing, and does not restart the calls that it interrupts (no `SA_RESTART`).
pub(crate) fn handle_without_restart(signal: libc::c_int) -> Result<(), Errno> {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: it is a structure of numbers and pointers for which zero is a value: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
    // SAFETY: `action` is alive during the call, which reads it, and a null pointer asks for no copy of what was
    // before; the handler does nothing, so that it may come at any time.
    let result = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    check(result.into())
}

/// Gives the signals that end a program their default action in a command before it starts.
pub(crate) fn reset_signals_of(command: &mut Command) {
    let reset = || {
        for signal in [
            libc::SIGHUP,
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGTERM,
            libc::SIGUSR1,
            libc::SIGUSR2,
            libc::SIGALRM,
        ] {
            // SAFETY: the default action is not a function that could be called; signal is async-signal-safe.
            if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure calls signal and nothing else: no lock, no memory is taken.
    unsafe { command.pre_exec(reset) };
}

/// Sends a signal to one thread of this process (`tgkill`).
pub(crate) fn signal_thread(tid: Pid, signal: libc::c_int) -> Result<(), Errno> {
    let (own, tid) = (std::process::id(), tid.as_raw_nonzero().get());
    // SAFETY: it touches no memory of ours.
    check(unsafe { libc::syscall(libc::SYS_tgkill, own, tid, signal) })
}

/// Forks a process that holds only `socket` (as number 0), becomes the user, writes a byte to
/// `ready` and waits to be killed. It dies with the thread that forked it.
pub(crate) fn fork_holder(
    socket: BorrowedFd<'_>,
    ready: BorrowedFd<'_>,
    uid: Option<u32>,
    kind: HolderKind,
) -> Result<Pid, Errno> {
    // SAFETY: the child of a process with threads may only call what is async-signal-safe; it runs
    // nothing but `hold`, which allocates nothing, takes no lock, and never returns.
    let pid = unsafe { libc::fork() };
    match pid {
        0 => hold(socket.as_raw_fd(), ready.as_raw_fd(), uid, kind),
        -1 => Err(last_errno()),
        pid => Ok(Pid::from_raw(pid).expect("a child's pid is positive")),
    }
}

/// Runs the child of [`fork_holder`]: system calls and nothing else.
fn hold(socket: i32, ready: i32, uid: Option<u32>, kind: HolderKind) -> ! {
    let mut stack = [0_u128; 1024];
    // SAFETY: each is a bare system call that touches no memory but the byte it is given. Closing
    // every descriptor is allowed here: nothing of the parent's runs in this process any more.
    // The calls that set ids are the raw ones, which ask no other thread.
    unsafe {
        let mut good = libc::dup2(socket, HELD) >= 0 && libc::dup2(ready, TELL) >= 0;
        good &= libc::close_range(2, u32::MAX, 0) == 0;
        if kind == HolderKind::InLargeTableOfThread {
            let limit = libc::rlimit {
                rlim_cur: (1 << 14) + 1,
                rlim_max: (1 << 14) + 1,
            };
            good &= libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0;
            // A copy of the table is as large as the highest number takes.
            good &= libc::dup2(HELD, HIGH) == HIGH;
        }
        if let Some(uid) = uid {
            let nothing = std::ptr::null::<libc::gid_t>();
            let (none, uid) = (0 as libc::c_ulong, libc::c_ulong::from(uid));
            good &= libc::syscall(libc::SYS_setgroups, none, nothing) == 0;
            good &= libc::syscall(libc::SYS_setresgid, uid, uid, uid) == 0;
            good &= libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0;
        }
        // After the change of user, which resets both.
        let dumpable = libc::c_ulong::from(kind != HolderKind::Undumpable);
        good &= libc::prctl(libc::PR_SET_DUMPABLE, dumpable) == 0;
        let is_alone = matches!(kind, HolderKind::Plain | HolderKind::Undumpable);
        if good && !is_alone {
            let is_shared = kind == HolderKind::WithoutFirstThread;
            let files = if is_shared { libc::CLONE_FILES } else { 0 };
            let flags = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
            let top = stack.as_mut_ptr_range().end.cast();
            let flags = flags | files;
            good &= libc::clone(wait_to_be_killed, top, flags, std::ptr::null_mut()) > 0;
            if good && is_shared {
                // Of this thread alone. Its stack, which has that of the other one in it, stays.
                libc::syscall(libc::SYS_exit, 0 as libc::c_long);
            }
            libc::close(HELD);
            libc::close(TELL);
            libc::close(HIGH);
            if good {
                loop {
                    libc::pause();
                }
            }
        }
        if !good {
            libc::_exit(1);
        }
        wait_to_be_killed(std::ptr::null_mut());
        libc::_exit(1)
    }
}

/// Runs the last thread of the child of [`fork_holder`]: system calls and nothing else.
extern "C" fn wait_to_be_killed(_: *mut libc::c_void) -> libc::c_int {
    // SAFETY: each is a bare system call that touches no memory but the byte it is given.
    unsafe {
        let signal = libc::c_ulong::from(libc::SIGKILL.unsigned_abs());
        if libc::prctl(libc::PR_SET_PDEATHSIG, signal) != 0 {
            return 1;
        }
        libc::write(TELL, b"!".as_ptr().cast(), 1);
        libc::close(TELL);
        loop {
            libc::pause();
        }
    }
}

/// A kind of process that holds a socket.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum HolderKind {
    Plain,
    /// Nobody may inspect it.
    Undumpable,
    /// Its first thread has ended, the other one goes on.
    WithoutFirstThread,
    /// It holds it in the table that its second thread has to itself.
    InTableOfThread,
    /// As before, and that table is large.
    InLargeTableOfThread,
}

/// The attack of a hostile process.
#[derive(Clone, Copy)]
pub(crate) enum Attack {
    /// It changes what a descriptor number means.
    Flip,
    /// It waits while it holds its `mmap_lock`.
    LockMemory,
    /// It waits while it holds the lock of its socket.
    LockSocket,
}

/// Forks a process that holds the socket and a file, and attacks until it is killed. A byte comes from `ready` when it is
/// about to begin. It dies with the thread that forked it.
pub(crate) fn fork_hostile(
    socket: BorrowedFd<'_>,
    ready: BorrowedFd<'_>,
    file: &CStr,
    attack: Attack,
) -> Result<Pid, Errno> {
    // SAFETY: as `fork_holder`: the child runs nothing but `attack`, which makes system calls only and never returns.
    let pid = unsafe { libc::fork() };
    match pid {
        0 => self::attack(socket.as_raw_fd(), ready.as_raw_fd(), file, attack),
        -1 => Err(last_errno()),
        pid => Ok(Pid::from_raw(pid).expect("a child's pid is positive")),
    }
}

/// Attacks, as the child of [`fork_hostile`]: system calls and nothing else.
fn attack(socket: i32, ready: i32, path: &CStr, attack: Attack) -> ! {
    const ROOM: i32 = 200;
    let notify = || {
        // SAFETY: it reads one byte that is there.
        unsafe { libc::write(ROOM + 2, b"!".as_ptr().cast(), 1) == 1 }
    };
    // SAFETY: each is a bare system call. Closing every other descriptor is allowed here: nothing of the parent's runs in
    // this process any more. The memory that is written to and mapped over is that of the mapping made before.
    unsafe {
        let mut good = libc::dup2(socket, ROOM) >= 0 && libc::dup2(ready, ROOM + 2) >= 0;
        good &= libc::close_range(3, ROOM.unsigned_abs() - 1, 0) == 0;
        good &= libc::close_range(ROOM.unsigned_abs() + 3, u32::MAX, 0) == 0;
        let file = libc::open(path.as_ptr(), libc::O_RDWR);
        good &= file >= 0 && libc::dup2(file, ROOM + 1) >= 0;
        let signal = libc::c_ulong::from(libc::SIGKILL.unsigned_abs());
        good &= libc::prctl(libc::PR_SET_PDEATHSIG, signal) == 0;
        // As another program of the same user would be.
        good &= libc::prctl(libc::PR_SET_DUMPABLE, 1 as libc::c_ulong) == 0;
        match attack {
            Attack::Flip => {
                good &= libc::dup2(ROOM, 3) == 3 && notify();
                while good {
                    good &= libc::dup2(ROOM + 1, 3) == 3;
                    // It is the socket for as long as the file's close takes.
                    libc::usleep(100);
                    good &= libc::dup2(ROOM, 3) == 3;
                }
            }
            Attack::LockSocket => {
                let (access, nowhere) = (libc::PROT_READ, std::ptr::null_mut());
                let memory = libc::mmap(nowhere, 4096, access, libc::MAP_SHARED, file, 1 << 19);
                if good && memory != libc::MAP_FAILED && notify() {
                    // What is sent has to be read first, with the lock held: nobody answers.
                    libc::send(ROOM, memory, 4096, 0);
                }
            }
            Attack::LockMemory => {
                good &= libc::prctl(libc::PR_SET_NAME, c"fifteen-bytes-x".as_ptr()) == 0;
                let (shared, page) = (libc::MAP_SHARED, 4096);
                let access = libc::PROT_READ | libc::PROT_WRITE;
                let nowhere = std::ptr::null_mut();
                let memory = libc::mmap(nowhere, page, access, shared, file, 0);
                good &= memory != libc::MAP_FAILED;
                if good {
                    memory.cast::<u8>().write_volatile(1);
                    notify();
                    // What is mapped there has to be written first, with the lock held: nobody answers.
                    let over = shared | libc::MAP_FIXED;
                    libc::mmap(memory, page, access, over, file, 0);
                }
            }
        }
        libc::_exit(1)
    }
}

/// Maps counters that this process and its children share; they stay mapped as long as it runs.
pub(crate) fn shared_counters() -> Result<&'static [AtomicU64; 4], Errno> {
    let (protection, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS,
    );
    let length = size_of::<[AtomicU64; 4]>();
    // SAFETY: a new mapping, zeroed and page-aligned, that nobody unmaps: a reference to it is valid for good, and zero
    // is a value of an atomic.
    unsafe {
        let memory = libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0);
        if memory == libc::MAP_FAILED {
            return Err(last_errno());
        }
        Ok(&*memory.cast())
    }
}

/// Forks a process called `acceptor` that accepts connections, and after a pause sends each over `to` and closes its own
/// descriptor. It dies with the thread that forked it.
pub(crate) fn fork_acceptor(
    listener: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    pause: Duration,
    counters: &'static [AtomicU64; 4],
) -> Result<Pid, Errno> {
    // SAFETY: as in `fork_holder`: the child runs nothing but `accept_and_send`.
    let pid = unsafe { libc::fork() };
    match pid {
        0 => accept_and_send(listener.as_raw_fd(), to.as_raw_fd(), pause, counters),
        -1 => Err(last_errno()),
        pid => Ok(Pid::from_raw(pid).expect("a child's pid is positive")),
    }
}

/// Forks a process called `worker` that keeps the connections which come over `from`. It dies with the thread that
/// forked it.
pub(crate) fn fork_worker(
    from: BorrowedFd<'_>,
    counters: &'static [AtomicU64; 4],
) -> Result<Pid, Errno> {
    // SAFETY: as in `fork_holder`: the child runs nothing but `receive_and_keep`.
    let pid = unsafe { libc::fork() };
    match pid {
        0 => receive_and_keep(from.as_raw_fd(), counters),
        -1 => Err(last_errno()),
        pid => Ok(Pid::from_raw(pid).expect("a child's pid is positive")),
    }
}

/// Gives a forked process its two descriptors as 0 and 1, and its name, and ties its life to the parent's.
///
/// # Safety
/// Only in a child that has just been forked: it closes every other descriptor.
unsafe fn settle(first: i32, second: i32, name: &CStr) {
    // SAFETY: bare system calls that touch no memory but the name.
    unsafe {
        // The first may be in the place of the second.
        let second = libc::fcntl(second, libc::F_DUPFD, 10);
        let good = libc::dup2(first, 0) >= 0
            && libc::dup2(second, 1) >= 0
            && libc::close_range(2, u32::MAX, 0) == 0
            && libc::prctl(libc::PR_SET_NAME, name.as_ptr()) == 0
            && libc::prctl(
                libc::PR_SET_PDEATHSIG,
                libc::c_ulong::from(libc::SIGKILL.unsigned_abs()),
            ) == 0;
        if !good {
            libc::_exit(1);
        }
    }
}

/// Runs the child of [`fork_acceptor`]: system calls and nothing else.
fn accept_and_send(listener: i32, to: i32, pause: Duration, counters: &[AtomicU64; 4]) -> ! {
    let pause = libc::timespec {
        tv_sec: 0,
        tv_nsec: pause.subsec_nanos().into(),
    };
    // SAFETY: this is a child that has just been forked; then bare system calls, with memory of this frame only.
    unsafe {
        settle(listener, to, c"acceptor");
        loop {
            let socket = libc::accept(0, std::ptr::null_mut(), std::ptr::null_mut());
            if socket < 0 {
                continue;
            }
            counters[0].fetch_add(1, Relaxed);
            libc::nanosleep(&raw const pause, std::ptr::null_mut());
            if is_aborted(socket) {
                counters[1].fetch_add(1, Relaxed);
            } else {
                send_descriptor(1, socket);
            }
            libc::close(socket);
        }
    }
}

/// Runs the child of [`fork_worker`]: system calls and nothing else.
fn receive_and_keep(from: i32, counters: &[AtomicU64; 4]) -> ! {
    /// The descriptors it keeps at most: those of the default limit, but for some.
    const KEPT: usize = 512;
    let mut kept = [-1; KEPT];
    // SAFETY: this is a child that has just been forked; then bare system calls, with memory of this frame only.
    unsafe {
        settle(from, from, c"worker");
        let mut next = 0;
        loop {
            if let Some(socket) = receive_descriptor(0, libc::MSG_DONTWAIT) {
                // One that ended on its way was in nobody's hands.
                if is_aborted(socket) {
                    libc::close(socket);
                } else {
                    counters[2].fetch_add(1, Relaxed);
                    if kept[next] >= 0 {
                        libc::close(kept[next]);
                    }
                    kept[next] = socket;
                    next = (next + 1) % KEPT;
                }
                continue;
            }
            for place in &mut kept {
                if *place >= 0 && is_aborted(*place) {
                    counters[3].fetch_add(1, Relaxed);
                    libc::close(*place);
                    *place = -1;
                }
            }
            let mut wait = libc::pollfd {
                fd: 0,
                events: libc::POLLIN,
                revents: 0,
            };
            libc::poll(&raw mut wait, 1, 1);
        }
    }
}

/// Returns true if the connection was aborted from outside: the kernel says so once.
fn is_aborted(socket: i32) -> bool {
    let mut error: libc::c_int = 0;
    let mut length = libc::socklen_t::try_from(size_of::<libc::c_int>()).expect("it is small");
    let value = (&raw mut error).cast();
    // SAFETY: the kernel writes an int where there is room for one.
    let result = unsafe {
        libc::getsockopt(
            socket,
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            value,
            &raw mut length,
        )
    };
    result == 0 && error == libc::ECONNABORTED
}

/// The room for one descriptor in a control message.
#[repr(C, align(8))]
struct Control([u8; 24]);

/// Calls a function with a message of one byte that has room for one descriptor.
fn with_message<T>(call: impl FnOnce(&mut libc::msghdr) -> T) -> T {
    let (mut byte, mut control) = ([b'!'], Control([0; 24]));
    let mut piece = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    // SAFETY: a message of zeroes is one that points to nothing.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len() as _;
    call(&mut message)
}

/// Sends a descriptor over a socket of `AF_UNIX`.
fn send_descriptor(to: i32, descriptor: i32) {
    // SAFETY: all that the message points to outlives the call; the control message has room for one descriptor.
    with_message(|message| unsafe {
        let header = libc::CMSG_FIRSTHDR(message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as _;
        libc::CMSG_DATA(header)
            .cast::<i32>()
            .write_unaligned(descriptor);
        libc::sendmsg(to, message, libc::MSG_NOSIGNAL);
    });
}

/// Receives a descriptor; `None` where there is none.
fn receive_descriptor(from: i32, flags: i32) -> Option<i32> {
    // SAFETY: all that the message points to outlives the call, and the kernel keeps to the lengths it is given.
    with_message(|message| unsafe {
        if libc::recvmsg(from, message, flags) <= 0 {
            return None;
        }
        let header = libc::CMSG_FIRSTHDR(message);
        if header.is_null() || (*header).cmsg_type != libc::SCM_RIGHTS {
            return None;
        }
        Some(libc::CMSG_DATA(header).cast::<i32>().read_unaligned())
    })
}

/// Forks a process that enters a cgroup, makes TCP sockets in *this* process's table of descriptors,
/// writes their numbers to `numbers` and ends.
pub(crate) fn fork_maker(
    cgroup_procs: BorrowedFd<'_>,
    numbers: BorrowedFd<'_>,
    domain: i32,
    count: usize,
) -> Result<Pid, Errno> {
    let (cgroup_procs, numbers) = (cgroup_procs.as_raw_fd(), numbers.as_raw_fd());
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: as fork does it, with a copy of the memory (no CLONE_VM) on the same stack (none is
    // given); the child runs nothing but `make`, bare system calls, and never returns. That the
    // table of descriptors is shared means that it must close none, and it does not.
    let pid = unsafe {
        let flags = libc::c_long::from(libc::CLONE_FILES | libc::SIGCHLD);
        libc::syscall(libc::SYS_clone, flags, nothing, nothing, nothing, nothing)
    };
    match i32::try_from(pid) {
        Ok(0) => make(cgroup_procs, numbers, domain, count),
        Ok(pid) if pid > 0 => Ok(Pid::from_raw(pid).expect("a child's pid is positive")),
        _ => Err(last_errno()),
    }
}

/// Runs the child of [`fork_maker`]: system calls and nothing else.
fn make(cgroup_procs: i32, numbers: i32, domain: i32, count: usize) -> ! {
    // SAFETY: each is a bare system call that touches no memory but the bytes it is given.
    unsafe {
        if libc::write(cgroup_procs, b"0".as_ptr().cast(), 1) == 1 {
            for _ in 0..count {
                let socket = libc::socket(domain, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
                if socket < 0 || libc::write(numbers, (&raw const socket).cast(), 4) != 4 {
                    break;
                }
            }
        }
        libc::_exit(0)
    }
}

/// Takes over a descriptor that the child of [`fork_maker`] made in this process's table.
pub(crate) fn made_for_us(number: i32) -> OwnedFd {
    // SAFETY: the child has just opened it, told its number once and to us alone, and ended without
    // closing it: it is open and nobody else's.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Makes an io_uring and registers a file with it, which it holds beside all descriptors.
pub(crate) fn ring_with(file: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    const IORING_REGISTER_FILES: libc::c_long = 2;
    /// The size of `struct io_uring_params`.
    const PARAMETERS: usize = 120;
    let mut parameters = [0_u64; PARAMETERS / 8];
    // SAFETY: the kernel reads and writes the parameters, which have the size that it knows.
    let number = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) };
    let number = i32::try_from(number).unwrap_or(-1);
    if number < 0 {
        return Err(last_errno());
    }
    // SAFETY: the kernel has just opened it for us alone.
    let ring = unsafe { OwnedFd::from_raw_fd(number) };
    let files = [file.as_raw_fd()];
    // SAFETY: both descriptors are open during the call; the kernel reads one number, which is there.
    let result = unsafe {
        libc::syscall(
            libc::SYS_io_uring_register,
            ring.as_raw_fd(),
            IORING_REGISTER_FILES,
            files.as_ptr(),
            1,
        )
    };
    check(result)?;
    Ok(ring)
}

fn check(result: i64) -> Result<(), Errno> {
    if result == 0 {
        Ok(())
    } else {
        Err(last_errno())
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

const HELD: i32 = 0;
/// A number for which a table has room for 32,768 descriptors.
const HIGH: i32 = 1 << 14;
const TELL: i32 = 1;
