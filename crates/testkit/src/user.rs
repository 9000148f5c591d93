//! Other users, on threads: credentials belong to a thread, whatever the C library pretends.
//!
//! A thread may always inspect its own process; what is to be protected from it has to be held by
//! another ([`Holder`](crate::holder::Holder)).

use std::fs;
use std::panic::resume_unwind;
use std::thread;

use rustix::process::{DumpableBehavior, Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

/// A user without any capability.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// Its uid, which is its gid too.
    pub uid: u32,
    /// A group it is a member of beside its own.
    pub group: Option<u32>,
}

impl User {
    /// Returns a user of no group but its own. Tests that look for processes by user take one of their own.
    pub const fn new(uid: u32) -> Self {
        Self { uid, group: None }
    }

    /// Returns the user as a member of one more group.
    #[must_use]
    pub const fn in_group(self, group: u32) -> Self {
        Self {
            group: Some(group),
            ..self
        }
    }

    /// Runs the body as this user.
    pub fn run<T: Send>(self, body: impl FnOnce() -> T + Send) -> T {
        on_a_thread(move || {
            let groups: Vec<Gid> = self.group.into_iter().map(Gid::from_raw).collect();
            rustix::thread::set_thread_groups(&groups).expect("setgroups");
            let gid = Gid::from_raw(self.uid);
            rustix::thread::set_thread_res_gid(gid, gid, gid).expect("setresgid");
            let uid = Uid::from_raw(self.uid);
            rustix::thread::set_thread_res_uid(uid, uid, uid).expect("setresuid");
            stay_dumpable();
            body()
        })
    }
}

/// Runs the body as this user without any capability.
pub fn without_capabilities<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    on_a_thread(move || {
        let nothing = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        rustix::thread::set_capabilities(None, nothing).expect("capset");
        stay_dumpable();
        body()
    })
}

/// Returns true if there are other users here: not in a user namespace that maps only one (`unshare -Ur`).
pub fn others() -> bool {
    !in_a_user_namespace_of_one()
}

/// Returns true if this is a user namespace with a single user.
pub fn in_a_user_namespace_of_one() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").expect("/proc/self/uid_map");
    let count = |line: &str| line.split_whitespace().nth(2)?.parse::<u64>().ok();
    map.lines().filter_map(count).sum::<u64>() == 1
}

/// Returns true if root sees all holders of sockets here: not in a user namespace of one user, nor in another pid namespace
/// than the host's.
pub fn sees_all_holders() -> bool {
    let pid_namespace = fs::read_link("/proc/self/ns/pid");
    let is_of_host = pid_namespace.is_ok_and(|link| link.as_os_str() == "pid:[4026531836]");
    others() && is_of_host
}

/// The reason to skip a test about a socket that no process holds.
pub const NOT_ALL_HOLDERS: &str =
    "processes of others may hold it (unshare -Ur, a container); run it as root of the host";

/// Returns the gid of a group of this machine.
pub fn group(name: &str) -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// Makes the process dumpable again: a change of credentials ends that for the whole process.
fn stay_dumpable() {
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable).expect("PR_SET_DUMPABLE");
}

pub(crate) fn on_a_thread<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match scope.spawn(body).join() {
        Ok(value) => value,
        Err(panic) => resume_unwind(panic),
    })
}
