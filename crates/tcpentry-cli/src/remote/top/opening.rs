//! The time before the screen: each ssh connects, and asks what it has to ask on the terminal, which is free until then.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::super::children::Children;
use super::stream::{HostStream, LOOK_INTERVAL};

/// Waits until each host has answered or failed. One of which nothing is heard, while ssh asks nothing either, keeps the
/// others waiting only for a while.
pub(super) fn await_answers(streams: &[HostStream], children: &Children) {
    let mut waits_since = Instant::now();
    let mut settled_before = 0;
    let mut cut_at = None;
    loop {
        let open = streams.iter().filter(|it| !it.state().is_settled());
        let open: Vec<_> = open.collect();
        let now = Instant::now();
        if open.is_empty() || cut_at.is_some_and(|at| now - at > LAST_WORDS) {
            return;
        }
        let settled = streams.len() - open.len();
        let is_heard = |stream: &&HostStream| stream.state().silence(now) < PATIENCE;
        let asks = |stream: &&HostStream| {
            let child = stream.state().child;
            child.is_some_and(|child| is_at_terminal(child.pid))
        };
        if settled > settled_before || open.iter().any(asks) {
            (settled_before, waits_since) = (settled, now);
        }
        if now - waits_since > PATIENCE && !open.iter().any(is_heard) {
            for stream in &open {
                stream.cut(children);
            }
            cut_at.get_or_insert(now);
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

/// The time that is left to an ssh that is being ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The time for which hosts are waited for of which nothing is heard.
const PATIENCE: Duration = Duration::from_secs(15);
