//! Seccomp filters: a kernel that refuses a call, interrupts it, or tells of it, for one thread. And signals, which should
//! interrupt.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::sys::{self, Fate, Rule};
use crate::user::on_a_thread;
use crate::wait::Raised;

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
    refusing_with(call, first_argument.map(|value| (0, value)), errno, body)
}

/// Runs the body on a thread for which `socket(AF_NETLINK, ..., NETLINK_NETFILTER)` fails with `EPROTONOSUPPORT`, as in a
/// kernel without nftables.
pub fn without_nftables<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    let netfilter = Some((2, libc::NETLINK_NETFILTER.unsigned_abs()));
    refusing_with(libc::SYS_socket, netfilter, libc::EPROTONOSUPPORT, body)
}

fn refusing_with<T: Send>(
    call: libc::c_long,
    argument: Option<(u32, u32)>,
    errno: i32,
    body: impl FnOnce() -> T + Send,
) -> T {
    let rule = Rule {
        call,
        argument,
        fate: Fate::Refused(errno),
    };
    on_a_thread(move || {
        sys::restrict(&[rule]).expect("install a seccomp filter");
        body()
    })
}

/// Runs the body on a thread for which every other call of these fails with `EINTR`, as if a signal had come; the
/// repeated call goes on. Returns its result, and the interruptions of each call; `None` if there can be no
/// such filter (an old kernel, or a sandbox that has one).
pub fn interrupting<T: Send>(
    calls: &[libc::c_long],
    body: impl FnOnce() -> T + Send,
) -> Option<(T, BTreeMap<libc::c_long, u32>)> {
    let (give, take) = mpsc::channel::<OwnedFd>();
    thread::scope(|scope| {
        // Started first, so that the filter is not its own.
        let interrupter = scope.spawn(move || {
            take.recv().map_or_else(
                |_| BTreeMap::new(),
                |listener| interrupt_by_turns(&listener),
            )
        });
        let result = on_a_thread(move || {
            let rules: Vec<_> = calls.iter().map(|&call| notified(call)).collect();
            give.send(sys::restrict_and_listen(&rules).ok()?).ok()?;
            // Without this end nobody would be left to tell that there will be no filter.
            drop(give);
            Some(body())
        });
        let counts = interrupter.join().expect("it does not panic");
        Some((result?, counts))
    })
}

/// Serves notifications until all threads with the filter have ended.
fn interrupt_by_turns(listener: &OwnedFd) -> BTreeMap<libc::c_long, u32> {
    let mut interrupted = HashSet::new();
    let mut counts = BTreeMap::new();
    loop {
        let mut waiting = [PollFd::new(listener, PollFlags::IN)];
        poll(&mut waiting, None).expect("poll");
        if !waiting[0].revents().contains(PollFlags::IN) {
            return counts;
        }
        // A thread that has ended meanwhile is answered by nobody.
        let Ok(notification) = sys::next_notification(listener) else {
            continue;
        };
        let turn = (notification.pid, libc::c_long::from(notification.data.nr));
        let errno = if interrupted.remove(&turn) {
            None
        } else {
            interrupted.insert(turn);
            *counts.entry(turn.1).or_default() += 1;
            Some(libc::EINTR)
        };
        let _ = sys::answer_notification(listener, &notification, errno);
    }
}

/// Runs the body on a thread that gets a signal every few microseconds, whose handler lets no call go on that it
/// interrupts. Returns its result, and the number of signals.
pub fn amid_signals<T: Send>(body: impl FnOnce() -> T + Send) -> (T, u64) {
    sys::handle_without_restart(libc::SIGUSR1).expect("sigaction");
    let (started, start) = mpsc::channel();
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(move || {
            let tid = start.recv().expect("the thread starts");
            let mut sent = 0;
            while !is_over.load(Ordering::Relaxed) {
                sys::signal_thread(tid, libc::SIGUSR1).expect("tgkill");
                sent += 1;
                thread::sleep(Duration::from_micros(20));
            }
            sent
        });
        let value = on_a_thread(|| {
            started
                .send(rustix::thread::gettid())
                .expect("it is awaited");
            let over = Raised(is_over);
            let value = body();
            drop(over);
            // It has to be there until the last signal was sent.
            while !sender.is_finished() {
                thread::yield_now();
            }
            value
        });
        (value, sender.join().expect("it does not panic"))
    })
}

/// A program that was started, or a file that was opened, by a process that was watched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Touched {
    /// True if it was to be run.
    pub run: bool,
    /// The path, as it was named.
    pub path: PathBuf,
    /// The flags of `open`; 0 where it was to be run.
    pub flags: i32,
}

impl Touched {
    /// Returns true if it was opened to be changed, or created.
    pub fn to_write(&self) -> bool {
        let reads = self.flags & libc::O_ACCMODE == libc::O_RDONLY;
        let changes = self.flags & (libc::O_CREAT | libc::O_TRUNC) != 0;
        !self.run && (changes || !reads)
    }
}

/// Runs the body on a thread, and returns what the processes that it starts run and open, in order. What else changes
/// something in the file system, or could do so unseen, ends them by `SIGSYS`.
///
/// The error says why this kernel can't do it: before Linux 5.5, or if somebody listens already.
pub fn watching<T: Send>(body: impl FnOnce() -> T + Send) -> Result<(T, Vec<Touched>), Errno> {
    let watched = WATCHED.iter().map(|&call| notified(call));
    let deadly = DEADLY.iter().map(|&call| Rule {
        fate: Fate::Deadly,
        ..notified(call)
    });
    let rules: Vec<Rule> = watched.chain(deadly).collect();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let watched = scope.spawn(move || {
            let listener = sys::restrict_and_listen(&rules);
            let is_watched = listener.is_ok();
            sender.send(listener).expect("it is waited for");
            is_watched.then(body)
        });
        let listener = receiver.recv().expect("it sends before all else")?;
        let mut touched = Vec::new();
        while !watched.is_finished() {
            touched.extend(hear(&listener));
        }
        match watched.join() {
            Ok(value) => Ok((value.expect("it was watched"), touched)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

const fn notified(call: libc::c_long) -> Rule {
    Rule {
        call,
        argument: None,
        fate: Fate::Notified,
    }
}

/// Waits a little for a call, and lets it go on.
fn hear(listener: &OwnedFd) -> Option<Touched> {
    let tick = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    if poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&tick)) != Ok(1) {
        return None;
    }
    let notification = sys::next_notification(listener).ok()?;
    // What this process does itself is of no interest.
    let own = format!("/proc/self/task/{}", notification.pid);
    let touched = (!Path::new(&own).exists()).then(|| of(&notification));
    // It may have been killed meanwhile.
    let _ = sys::answer_notification(listener, &notification, None);
    touched
}

fn of(notification: &libc::seccomp_notif) -> Touched {
    let call = libc::c_long::from(notification.data.nr);
    let [first, second, third, ..] = notification.data.args;
    let (run, path, flags) = match call {
        libc::SYS_execve => (true, first, 0),
        libc::SYS_execveat => (true, second, 0),
        libc::SYS_openat => (false, second, third),
        // `open`, where there is one.
        _ => (false, first, second),
    };
    // An int of which no flag is the sign, whatever the upper half of its register has.
    let flags = i32::try_from(flags & 0x7fff_ffff).expect("it has 31 bits");
    Touched {
        run,
        path: text_of(notification.pid, path),
        flags,
    }
}

/// Reads the string behind a pointer of another process.
fn text_of(pid: u32, address: u64) -> PathBuf {
    let mut text = [0; libc::PATH_MAX as usize];
    let memory =
        File::open(format!("/proc/{pid}/mem")).expect("what it started may be looked into");
    let length = memory.read_at(&mut text, address).expect("it is mapped");
    let text = text[..length].split(|&byte| byte == 0).next();
    PathBuf::from(OsStr::from_bytes(text.unwrap_or_default()))
}

/// The calls that run a program or open a file.
const WATCHED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_openat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
];

/// The calls that create, change or remove files by other ways than a descriptor; those of the last lines could do it,
/// or more, unseen by this filter.
const DEADLY: &[libc::c_long] = &[
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    libc::SYS_openat2,
    libc::SYS_open_by_handle_at,
    libc::SYS_io_uring_setup,
    libc::SYS_ptrace,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_init_module,
    libc::SYS_finit_module,
];

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, ExitStatus};

    use super::*;
    use crate::skip;

    fn shell(script: &'static str) -> Result<(ExitStatus, Vec<Touched>), Errno> {
        watching(move || {
            Command::new("/bin/sh")
                .args(["-c", script])
                .status()
                .unwrap()
        })
    }

    #[test]
    fn what_is_run_and_opened_is_told() {
        let (status, touched) =
            match shell("read -r it </proc/version; echo it >/dev/null; exec /bin/true") {
                Ok(result) => result,
                Err(errno) => skip!("no filter can be listened to: {errno}"),
            };
        assert!(status.success());
        let run: Vec<_> = touched.iter().filter(|it| it.run).collect();
        let run: Vec<_> = run.iter().map(|it| it.path.to_str().unwrap()).collect();
        assert_eq!(run, ["/bin/sh", "/bin/true"]);
        let written: Vec<_> = touched.iter().filter(|it| it.to_write()).collect();
        assert_eq!(written.len(), 1, "{written:?}");
        assert_eq!(written[0].path, Path::new("/dev/null"));
        let read = |it: &Touched| it.path == Path::new("/proc/version");
        assert!(touched.iter().any(read), "{touched:?}");
    }

    #[test]
    fn what_changes_a_file_otherwise_is_deadly() {
        match shell("exec mkdir /proc/no-such-folder") {
            Ok((status, _)) => assert_eq!(status.signal(), Some(libc::SIGSYS)),
            Err(errno) => skip!("no filter can be listened to: {errno}"),
        }
    }
}
