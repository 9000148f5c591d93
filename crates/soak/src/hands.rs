//! Connections that change hands while they are deleted by filters about processes: what was meant is the acceptor's, and
//! what the worker has got is another's.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use tcpentry::delete::Ending;
use tcpentry::filter::Truth;
use tcpentry::{
    Action, Connection, Error, Filter, Options, Outcome, Selection, States, SystemNames, TcpTable,
};
use tcpentry_testkit::hands::Hands;

use crate::plan::Plan;

/// The results beside two acceptors.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Handovers {
    pub(crate) handed_over: u64,
    pub(crate) deleted: u64,
    pub(crate) spared: u64,
    /// Connections that the acceptor lost, in its queue or after it had accepted them.
    pub(crate) at_acceptor: u64,
    /// Connections that the worker lost.
    pub(crate) at_worker: u64,
}

impl Handovers {
    /// Returns true if hardly any died in the hands of another.
    ///
    /// Some microseconds are left between the look at a descriptor and the kernel's deletion. Evaluated once, a third of what
    /// is deleted is another's by then.
    pub(crate) const fn are_clean(&self) -> bool {
        self.at_worker * TOLERATED <= self.deleted + TOLERATED
    }
}

#[derive(Default)]
struct Counts {
    deleted: AtomicU64,
    spared: AtomicU64,
}

impl Counts {
    fn count(&self, outcome: &str) {
        match outcome {
            "deleted" => self.deleted.fetch_add(1, SeqCst),
            "spared" => self.spared.fetch_add(1, SeqCst),
            _ => 0,
        };
    }
}

/// Deletes through the library and the program, in this thread's network namespace, in which nothing else may be.
pub(crate) fn run(plan: &Plan) -> Handovers {
    let (ports, hands): (Vec<_>, Vec<_>) = PAUSES.map(accept).into_iter().unzip();
    let filters = || {
        let each = ports.iter();
        each.flat_map(|port| FILTERS.map(|filter| format!("{filter} and sport = :{port}")))
    };
    let filters: Vec<_> = filters().collect();
    let (start, over, counts) = (Instant::now(), AtomicBool::new(false), Counts::default());
    thread::scope(|scope| {
        for (&port, pause) in ports.iter().zip(PAUSES) {
            let over = &over;
            scope.spawn(move || connect(port, pause, over));
        }
        scope.spawn(|| {
            for filter in filters.iter().cycle() {
                if over.load(SeqCst) {
                    break;
                }
                by_program(&plan.program, filter, &counts);
            }
        });
        for filter in filters.iter().cycle() {
            if start.elapsed() >= plan.time {
                break;
            }
            by_library(filter, &counts);
        }
        over.store(true, SeqCst);
    });
    // The worker looks at what it has every millisecond.
    thread::sleep(Duration::from_millis(50));
    Handovers {
        handed_over: hands.iter().map(Hands::handed_over).sum(),
        deleted: counts.deleted.load(SeqCst),
        spared: counts.spared.load(SeqCst),
        at_acceptor: hands.iter().map(Hands::aborted_at_acceptor).sum(),
        at_worker: hands.iter().map(Hands::aborted_at_worker).sum(),
    }
}

/// Starts an acceptor and its worker, and returns their port.
fn accept(pause: Duration) -> (u16, Hands) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
    let port = listener.local_addr().expect("it is bound").port();
    (port, Hands::accepting(&listener, pause))
}

fn connect(port: u16, pause: Duration, over: &AtomicBool) {
    let mut clients = VecDeque::new();
    while !over.load(SeqCst) {
        clients.extend(TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
        if clients.len() > 200 {
            clients.pop_front();
        }
        thread::sleep(pause);
    }
}

fn by_library(filter: &str, counts: &Counts) {
    let mut table = TcpTable::open().expect("everybody may open it");
    let filter = Filter::parse(filter, &SystemNames::new(&table)).expect("a filter");
    let selection = Selection::new(filter, States::CONNECTIONS, &mut table).expect("a selection");
    let selection = Arc::new(selection);
    let options = Options::default().while_selected(Arc::clone(&selection));
    let mut attribution = selection.attribution();
    let select = |row: &Connection| match selection.judge(row, &mut attribution) {
        Ok(Truth::True) => Action::Delete,
        _ => Action::Skip,
    };
    let report = |_: &Connection, result: Result<Ending, Error>| {
        let outcome = result.map_or_else(|error| error.outcome(), |_| Outcome::Deleted);
        counts.count(&outcome.to_string());
        ControlFlow::Continue(())
    };
    table
        .delete_matching(selection.query(), &options, select, report)
        .expect("the table can be listed");
}

fn by_program(program: &Path, filter: &str, counts: &Counts) {
    let output = Command::new(program)
        .args(["delete", "--yes", "--own-session", "--json"])
        .args(filter.split(' '))
        .output()
        .expect("the program can be run");
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect("NDJSON");
        counts.count(object["outcome"].as_str().unwrap_or_default());
    }
}

/// The times for which the acceptors have each connection: so short that hardly any is still there when it is deleted, and
/// long enough for some to be.
const PAUSES: [Duration; 2] = [Duration::from_micros(500), Duration::from_millis(5)];
const FILTERS: [&str; 2] = ["process acceptor", "not process worker"];
/// The number of deletions of which one may come too late.
const TOLERATED: u64 = 10;
