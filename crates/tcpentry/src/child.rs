//! A child process that does for us what may never come back: a call that waits for a file of somebody else's.
//!
//! A thread would not do. Who waits in a file system that does not answer (FUSE, NFS) sleeps beyond `SIGKILL`, and a
//! process with such a thread never ends. A child that sleeps so is abandoned; it ends when that file system does.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
use rustix::thread::sched_getaffinity;

use crate::sys;

/// The way out where none can be started: `EAGAIN` of `RLIMIT_NPROC` or of a cgroup's `pids.max`.
pub(crate) const MORE_PROCESSES: &str =
    "allow this user more processes: ulimit -u; in a systemd unit: TasksMax=";

/// A child process and a channel of messages to it. Dropped, it ends, or is abandoned.
#[derive(Debug)]
pub(crate) struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    channel: OwnedFd,
}

impl Child {
    /// Starts one, which has copies of the channel's other end and of `kept`, and of no other descriptor. It ends with
    /// `body`, which has to return when the channel is at its end.
    ///
    /// `body` must make system calls only: see [`sys::start_child`]. Since Linux 5.3; `ENOSYS` before.
    pub(crate) fn start(
        kept: Option<BorrowedFd<'_>>,
        body: impl FnOnce(BorrowedFd<'_>),
    ) -> Result<Self, Errno> {
        reap_abandoned();
        let (channel, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let theirs = theirs.as_fd();
        let pid = sys::start_child([theirs, kept.unwrap_or(theirs)], || {
            // For whoever finds it waiting.
            let _ = rustix::thread::set_name(NAME);
            body(theirs);
        })?;
        let pidfd = retry_on_intr(|| rustix::process::pidfd_open(pid, PidfdFlags::empty()));
        match pidfd {
            Ok(pidfd) => Ok(Self {
                pid,
                pidfd,
                channel,
            }),
            Err(errno) => {
                // Its end is near: the channel is closed.
                drop(channel);
                remember(pid);
                Err(errno)
            }
        }
    }

    /// Sends it a message.
    pub(crate) fn send(&self, message: &[u8]) -> Result<(), Errno> {
        send(self.channel.as_fd(), message)
    }

    /// Waits for a message of it: `ETIMEDOUT` where none comes in time, `EPIPE` where it has ended.
    pub(crate) fn receive(&self, message: &mut [u8], limit: Duration) -> Result<usize, Errno> {
        let (length, _) = self.receive_with_descriptor(message, limit)?;
        Ok(length)
    }

    /// Waits for a message as [`receive`](Self::receive) does, and for the descriptor that comes with it, if one does.
    pub(crate) fn receive_with_descriptor(
        &self,
        message: &mut [u8],
        limit: Duration,
    ) -> Result<(usize, Option<OwnedFd>), Errno> {
        let channel = self.channel.as_fd();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let mut receive = || {
            let mut parts = [IoSliceMut::new(message)];
            let received = rustix::net::recvmsg(channel, &mut parts, &mut control, flags);
            received.map(|it| it.bytes)
        };
        let mut received = soon(&mut receive);
        if received == Err(Errno::AGAIN) {
            if !wait_for([channel, self.pidfd.as_fd()], limit)? {
                return Err(Errno::TIMEDOUT);
            }
            // Where it has ended, its last message is still there.
            received = retry_on_intr(receive);
        }
        let length = match received {
            Ok(length @ 1..) => length,
            Ok(0) | Err(Errno::AGAIN) => return Err(Errno::PIPE),
            Err(errno) => return Err(errno),
        };
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut rights) => rights.next(),
            _ => None,
        });
        Ok((length, descriptor))
    }

    fn ends_within(&self, limit: Duration) -> bool {
        let pidfd = self.pidfd.as_fd();
        wait_for([pidfd, pidfd], limit) == Ok(true)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Others of this process may have a copy of the descriptor by a fork: the connection itself is ended.
        let _ = rustix::net::shutdown(&self.channel, Shutdown::Both);
        let has_ended = self.ends_within(GRACE) || {
            let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
            self.ends_within(GRACE)
        };
        if !(has_ended && sys::reap(self.pid, WaitOptions::NOHANG)) {
            remember(self.pid);
        }
    }
}

/// Takes the next message, in the child; `None` at the end of the channel.
pub(crate) fn next<'m>(channel: BorrowedFd<'_>, message: &'m mut [u8]) -> Option<&'m [u8]> {
    let mut receive = |flags| {
        let received = rustix::net::recv(channel, &mut *message, flags);
        received.map(|(length, _)| length)
    };
    let received = match soon(|| receive(RecvFlags::DONTWAIT)) {
        Err(Errno::AGAIN) => retry_on_intr(|| receive(RecvFlags::empty())),
        received => received,
    };
    match received {
        Ok(length @ 1..) => message.get(..length),
        Ok(0) | Err(_) => None,
    }
}

/// Sends a message.
pub(crate) fn send(channel: BorrowedFd<'_>, message: &[u8]) -> Result<(), Errno> {
    retry_on_intr(|| rustix::net::send(channel, message, SendFlags::NOSIGNAL)).map(drop)
}

/// Sends a message with a descriptor.
pub(crate) fn send_with_descriptor(
    channel: BorrowedFd<'_>,
    message: &[u8],
    descriptor: impl AsFd,
) -> Result<(), Errno> {
    let descriptors = [descriptor.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(Errno::NOBUFS);
    }
    let parts = [IoSlice::new(message)];
    retry_on_intr(|| rustix::net::sendmsg(channel, &parts, &mut control, SendFlags::NOSIGNAL))
        .map(drop)
}

/// Tries again for as long as an answer usually takes: `EAGAIN` where there is none yet. A processor that has gone to sleep, above
/// all a virtual one, wakes up later than that.
///
/// It does not yield the processor: where others run on it, their turn would take milliseconds, and who sleeps for the answer is
/// woken at once.
fn soon<T>(mut receive: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    let first = receive();
    if !matches!(first, Err(Errno::AGAIN | Errno::INTR)) {
        return first;
    }
    // The other end needs the only one that there is.
    let is_alone = sched_getaffinity(None).is_ok_and(|processors| processors.count() < 2);
    let start = Instant::now();
    while !is_alone && start.elapsed() < SOON {
        match receive() {
            Err(Errno::AGAIN | Errno::INTR) => std::hint::spin_loop(),
            received => return received,
        }
    }
    Err(Errno::AGAIN)
}

/// Waits until one of two descriptors can be read; `false` where none can in time.
fn wait_for(descriptors: [BorrowedFd<'_>; 2], limit: Duration) -> Result<bool, Errno> {
    let start = Instant::now();
    loop {
        let left = limit.saturating_sub(start.elapsed());
        let timeout = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        let mut polled = descriptors.map(|it| PollFd::from_borrowed_fd(it, PollFlags::IN));
        match poll(&mut polled, Some(&timeout)) {
            Err(Errno::INTR) => {}
            answer => return answer.map(|ready| ready > 0),
        }
    }
}

fn remember(child: Pid) {
    abandoned(|children| children.push(child));
}

/// Reaps abandoned children that have ended: they would stay zombies as long as this process lives.
fn reap_abandoned() {
    abandoned(|children| children.retain(|&child| !sys::reap(child, WaitOptions::NOHANG)));
}

fn abandoned(change: impl FnOnce(&mut Vec<Pid>)) {
    static ABANDONED: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
    if let Ok(mut children) = ABANDONED.lock() {
        change(&mut children);
    }
}

/// The name of the child as `ps` shows it, of at most 15 bytes.
const NAME: &std::ffi::CStr = c"tcpentry-helper";
/// Longer than an answer takes of a child that is awake; with both asleep in between it was 40 us (Linux 6.18, two virtual processors).
const SOON: Duration = Duration::from_micros(50);
/// The time that a child which has nothing left to do, or was killed, is given to end.
const GRACE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_answers_and_ends_with_its_channel() {
        let child = Child::start(None, |channel| {
            let mut message = [0; 8];
            while let Some(said) = next(channel, &mut message) {
                let _ = send(channel, said);
            }
        })
        .unwrap();
        let mut answer = [0; 8];
        for said in [&b"one"[..], b"two"] {
            child.send(said).unwrap();
            let length = child.receive(&mut answer, Duration::from_secs(10)).unwrap();
            assert_eq!(&answer[..length], said);
        }
        let late = child.receive(&mut answer, Duration::from_millis(1));
        assert_eq!(late, Err(Errno::TIMEDOUT));
        let folder = format!("/proc/{}", child.pid.as_raw_nonzero());
        let descriptors = std::fs::read_dir(format!("{folder}/fd")).unwrap();
        assert_eq!(descriptors.count(), 1, "it has none but its channel");
        drop(child);
        assert!(!std::path::Path::new(&folder).exists(), "it was waited for");
    }

    #[test]
    fn a_child_that_does_not_listen_is_killed() {
        let child = Child::start(None, |_| {
            std::thread::sleep(Duration::from_secs(3600));
        })
        .unwrap();
        let folder = format!("/proc/{}", child.pid.as_raw_nonzero());
        drop(child);
        assert!(!std::path::Path::new(&folder).exists());
    }

    #[test]
    fn a_child_that_has_ended_is_noticed_at_once() {
        let child = Child::start(None, |_| {}).unwrap();
        let ended = child.receive(&mut [0; 8], Duration::from_secs(3600));
        assert_eq!(ended, Err(Errno::PIPE));
    }
}
