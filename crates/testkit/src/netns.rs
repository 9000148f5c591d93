//! Network namespaces: one for each test, and more where a test needs a peer of its own.

use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::{Pid, Resource, Rlimit, Signal, getpid, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::alone;
use crate::sys;
use crate::wait::at_least;

/// Gives the namespaces that are created from this one a hash table of their own for their connections, of
/// this many chains; `false` if the kernel can't (before Linux 6.1).
pub fn hash_of_the_next(chains: u32) -> bool {
    std::fs::write(
        "/proc/sys/net/ipv4/tcp_child_ehash_entries",
        chains.to_string(),
    )
    .is_ok()
}

/// Returns the reason why no network namespace can be created here; `None` if one can.
pub fn refusal() -> Option<Errno> {
    // On a thread that is thrown away: it has left the namespace of the others.
    let tried = thread::spawn(sys::unshare_network);
    tried.join().expect("it does not panic").err()
}

/// Runs the body of a test on a thread of its own in a fresh network namespace with `lo` up, in a process that runs no
/// other test: no child that another test starts has a copy of its descriptors.
///
/// It has to be called on the thread on which libtest runs the test, which is called by the test's name; what the test does
/// before is done in both processes. Threads and processes started from there inherit the namespace; processes that outlive the body,
/// as a server in the background or a session of ssh, are killed.
/// A panic of the body is the caller's. A body that takes longer than three minutes fails.
pub fn isolated(body: impl FnOnce() + Send + 'static) {
    if alone::has_run_elsewhere() {
        return;
    }
    allow_many_descriptors();
    let (running, finished) = mpsc::channel::<()>();
    let (entered, entry) = mpsc::channel();
    let test = spawn(move || {
        let _running = running;
        enter_fresh();
        let _ = entered.send(of_task("thread-self"));
        body();
    });
    let limit = at_least(LIMIT);
    let finished = finished.recv_timeout(limit);
    if let Ok(Some(namespace)) = entry.try_recv() {
        kill_all_in(&namespace);
    }
    match finished {
        Err(RecvTimeoutError::Timeout) => panic!("not finished after {limit:?}"),
        Err(RecvTimeoutError::Disconnected) | Ok(()) => {
            if let Err(panic) = test.join() {
                resume_unwind(panic);
            }
        }
    }
}

/// Returns the network namespace of a task as `/proc` calls it; `None` where it has ended, or is another user's.
fn of_task(task: &str) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{task}/ns/net")).ok()
}

/// Kills the processes of a namespace in which this one is with a thread at most.
fn kill_all_in(namespace: &Path) {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return;
    };
    let names = processes.filter_map(|it| it.ok()?.file_name().into_string().ok());
    for name in names {
        let pid = name.parse().ok().and_then(Pid::from_raw);
        let Some(pid) = pid.filter(|pid| *pid != getpid()) else {
            continue;
        };
        if of_task(&name).is_some_and(|it| it == namespace) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Raises the limit of descriptors as far as this user may, for tests that hold thousands of sockets.
pub fn allow_many_descriptors() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it can't be raised, the test that needs more says so itself.
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
}

/// Another network namespace, with a thread living in it.
#[derive(Debug)]
pub struct Namespace {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    tid: i32,
}

type Job = Box<dyn FnOnce() + Send>;

impl Namespace {
    /// Creates one with `lo` up.
    pub fn fresh() -> Self {
        Self::entered_by(enter_fresh)
    }

    /// Enters that of a file of `nsfs`, and sets `lo` up.
    pub fn at(file: &Path) -> Self {
        let open = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open(file, open, Mode::empty())
            .unwrap_or_else(|errno| panic!("{}: {errno}", file.display()));
        Self::entered_by(move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("setns");
            bring_up_loopback().expect("bring up lo");
        })
    }

    fn entered_by(enter: impl FnOnce() + Send + 'static) -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (entered, tid) = mpsc::channel();
        let thread = spawn(move || {
            enter();
            let _ = entered.send(rustix::thread::gettid().as_raw_nonzero().get());
            for job in queue {
                job();
            }
        });
        Self {
            jobs: Some(jobs),
            thread: Some(thread),
            tid: tid.recv().expect("the thread enters its namespace"),
        }
    }

    /// Returns the thread that lives in it, which `ip link ... netns` takes as a pid.
    pub fn tid(&self) -> i32 {
        self.tid
    }

    /// Mounts its file on a new one, which keeps it alive when its thread has ended. The calling thread needs
    /// mounts of its own ([`stage::bare`](crate::stage::bare)).
    pub fn mount_on(&self, path: &Path) {
        std::fs::write(path, "").expect("create a file");
        let own = format!("/proc/self/task/{}/ns/net", self.tid);
        rustix::mount::mount_bind(own, path).expect("mount it");
    }

    /// Runs a closure there and waits for it; its panic is the caller's.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, result) = mpsc::channel();
        let job: Job = Box::new(move || {
            let _ = answer.send(catch_unwind(AssertUnwindSafe(job)));
        });
        let jobs = self.jobs.as_ref().expect("it lives until it is dropped");
        jobs.send(job).expect("its thread lives as long");
        match result.recv().expect("every job is answered") {
            Ok(value) => value,
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn spawn(body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let name = alone::name().or_else(|| thread::current().name().map(str::to_owned));
    let name = name.unwrap_or_else(|| "test".to_owned());
    thread::Builder::new()
        .name(name)
        .spawn(body)
        .expect("start a thread")
}

fn enter_fresh() {
    match sys::unshare_network() {
        Ok(()) => bring_up_loopback().expect("bring up lo"),
        Err(Errno::PERM) => panic!(
            "no network namespace without privilege: run the tests by `cargo xtask test`, \
             which gives them a user namespace (unshare -Urn)"
        ),
        Err(errno) => panic!("unshare(CLONE_NEWNET): {errno}"),
    }
}

/// Sets `lo` up: one `RTM_NEWLINK`.
fn bring_up_loopback() -> Result<(), Errno> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None, // NETLINK_ROUTE is 0
    )?;
    let mut request = Vec::new();
    request.extend(32_u32.to_ne_bytes());
    request.extend(RTM_NEWLINK.to_ne_bytes());
    request.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    request.extend([0; 8]); // sequence, port
    request.extend([0; 4]); // struct ifinfomsg: family, type
    request.extend(LOOPBACK.to_ne_bytes());
    request.extend(IFF_UP.to_ne_bytes());
    request.extend(IFF_UP.to_ne_bytes());
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &request, SendFlags::empty(), &kernel)?;
    let mut answer = [0; 64];
    rustix::net::recv(&socket, &mut answer[..], RecvFlags::empty())?;
    let [.., a, b, c, d] = answer[..20] else {
        return Err(Errno::PROTO);
    };
    match i32::from_ne_bytes([a, b, c, d]) {
        0 => Ok(()),
        errno => Err(Errno::from_raw_os_error(-errno)),
    }
}

const LIMIT: Duration = Duration::from_secs(180);
/// `lo` is the first device of every namespace.
const LOOPBACK: i32 = 1;
const RTM_NEWLINK: u16 = 16;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const IFF_UP: u32 = 1;

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_process_that_outlives_its_test_is_killed() {
        static LEFT: Mutex<Option<Child>> = Mutex::new(None);
        isolated(|| {
            let child = Command::new("sleep").arg("1000").spawn().unwrap();
            *LEFT.lock().unwrap() = Some(child);
        });
        // It runs in another process than the test that libtest has started.
        if let Some(mut child) = LEFT.lock().unwrap().take() {
            let status = child.wait().unwrap();
            assert_eq!(status.code(), None, "by a signal");
        }
    }
}
