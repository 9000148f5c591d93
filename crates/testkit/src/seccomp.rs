//! Seccomp filters: a kernel that refuses a call, or interrupts it, for one thread. And signals, which should do that.

use std::collections::{BTreeMap, HashSet};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

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

/// Runs the body on a thread whose every other call of these fails with `EINTR`, as if a signal had come; the same
/// call made again goes on. What it returns, and how often each call was interrupted; `None` where there can be no
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
            give.send(sys::announce(calls).ok()?).ok()?;
            // Without this end nobody would be left to tell that there will be no filter.
            drop(give);
            Some(body())
        });
        let counts = interrupter.join().expect("it does not panic");
        Some((result?, counts))
    })
}

/// Until all that have the filter have ended.
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
        let _ = sys::answer_announced(listener.as_fd(), |thread, call| {
            if interrupted.remove(&(thread, call)) {
                return None;
            }
            interrupted.insert((thread, call));
            *counts.entry(call).or_default() += 1;
            Some(libc::EINTR)
        });
    }
}

/// Runs the body on a thread that gets a signal every few microseconds, whose handler lets no call go on that it
/// interrupts. What it returns, and how many signals came.
pub fn amid_signals<T: Send>(body: impl FnOnce() -> T + Send) -> (T, u64) {
    sys::handle_without_restart(libc::SIGUSR1).expect("sigaction");
    let (tell, told) = mpsc::channel();
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(move || {
            let tid = told.recv().expect("the thread starts");
            let mut sent = 0;
            while !is_over.load(Ordering::Relaxed) {
                sys::signal_thread(tid, libc::SIGUSR1).expect("tgkill");
                sent += 1;
                thread::sleep(Duration::from_micros(20));
            }
            sent
        });
        let value = on_a_thread(|| {
            tell.send(rustix::thread::gettid()).expect("it is awaited");
            let value = body();
            is_over.store(true, Ordering::Relaxed);
            // It has to be there until the last signal was sent.
            while !sender.is_finished() {
                thread::yield_now();
            }
            value
        });
        (value, sender.join().expect("it does not panic"))
    })
}
