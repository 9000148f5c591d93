//! The time before the screen: each ssh connects, and asks what it has to ask on the terminal, which is free until then.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::children::Children;
use super::stream::{HostStream, LOOK_INTERVAL};

/// Waits until each host has answered or failed. One of which nothing is heard, while ssh asks nothing either, keeps the
/// others waiting only for a while; from then on nothing is asked, as `may_ask` says.
pub(super) fn await_answers(streams: &[HostStream], children: &Children, may_ask: &AtomicBool) {
    let mut waits_since = Instant::now();
    let mut settled_before = 0;
    loop {
        let open = streams.iter().filter(|it| !it.state().is_settled());
        let open: Vec<_> = open.collect();
        if open.is_empty() {
            may_ask.store(false, Ordering::SeqCst);
            return;
        }
        let now = Instant::now();
        let settled = streams.len() - open.len();
        let asks = |stream: &&HostStream| {
            let pid = stream.state().pid();
            pid.is_some_and(is_at_terminal)
        };
        if settled > settled_before || open.iter().any(asks) {
            (settled_before, waits_since) = (settled, now);
        }
        if now - waits_since > PATIENCE {
            may_ask.store(false, Ordering::SeqCst);
        }
        if !may_ask.load(Ordering::SeqCst) {
            let asking = open.iter().filter(|it| it.state().may_ask());
            let asking: Vec<_> = asking.collect();
            if asking.is_empty() {
                return;
            }
            for stream in asking {
                stream.cut(children);
            }
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// Waits until each host has sent everything or failed. One of which nothing is heard, while ssh asks nothing either, fails.
pub(super) fn await_ends(streams: &[HostStream], children: &Children) {
    loop {
        let open = streams.iter().filter(|it| !it.state().is_settled());
        let open: Vec<_> = open.collect();
        if open.is_empty() {
            return;
        }
        let now = Instant::now();
        for stream in open {
            let mut state = stream.state();
            if state.silence(now) <= PATIENCE {
                continue;
            }
            let pid = state.pid();
            if pid.is_some_and(is_at_terminal) {
                state.wait_anew(now);
                continue;
            }
            drop(state);
            stream.cut(children);
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// Returns true while a process, or a descendant of it, has the terminal open: it asks for a password, or about a key.
fn is_at_terminal(pid: u32) -> bool {
    let folder = format!("/proc/{pid}");
    let links = fs::read_dir(format!("{folder}/fd")).into_iter().flatten();
    let mut links = links
        .flatten()
        .filter_map(|it| fs::read_link(it.path()).ok());
    links.any(|link| link == Path::new("/dev/tty")) || children(&folder).any(is_at_terminal)
}

/// Returns the pids of the children of a process.
fn children(folder: &str) -> impl Iterator<Item = u32> {
    let tasks = fs::read_dir(format!("{folder}/task")).into_iter().flatten();
    let lists = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids = lists.flat_map(|list| {
        let pids = list.split_whitespace().filter_map(|pid| pid.parse().ok());
        pids.collect::<Vec<_>>()
    });
    pids.collect::<Vec<_>>().into_iter()
}

/// The time for which hosts are waited for of which nothing is heard.
const PATIENCE: Duration = Duration::from_secs(20);
