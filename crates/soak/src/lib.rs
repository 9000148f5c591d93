//! The soak: connections open and close on few tuples while library, C library and program delete them, and an oracle
//! that owns both ends of each compares what was asked, what was reported and what happened.
//!
//! It is started by `cargo xtask soak`; its short form runs in the tests. docs/RELIABILITY.md says what is counted.

mod deleters;
mod oracle;
mod owner;
mod report;
mod terms;
mod tuples;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

pub use report::Figures;
pub use terms::{By, How, Wrong};

use oracle::Oracle;
use tuples::Tuples;

/// How long and how much.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For how long deletions go on.
    pub time: Duration,
    /// Owners of connections, a thread and a listener each.
    pub owners: u16,
    /// How many connections each owner has at most: its client ports.
    pub ports: u16,
    /// Deleters through each of the three products.
    pub deleters: usize,
    /// The program.
    pub program: PathBuf,
    /// What to vary by.
    pub seed: u64,
    /// What the deleters through the library do instead, to see the oracle find it.
    pub lie: Option<Lie>,
}

/// Faults that are made on purpose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lie {
    /// Deletes what nobody has named.
    Unnamed,
    /// Deletes, and reports "gone".
    Unreported,
    /// Reports "deleted", and deletes nothing.
    Undone,
}

/// What all threads see.
#[derive(Debug)]
struct World {
    oracle: Oracle,
    tuples: Vec<Tuples>,
    /// The deletions are over.
    quiet: AtomicBool,
    /// The owners are to close what they have, too.
    over: AtomicBool,
}

/// Runs it in the network namespace of this thread, in which nothing else may be, and says how it goes every ten seconds.
pub fn run(plan: &Plan, mut say: impl FnMut(&Figures)) -> Figures {
    prepare();
    let world = World {
        oracle: Oracle::new(3 * plan.deleters),
        tuples: (0..plan.owners)
            .map(|number| Tuples::of_owner(number, plan.ports))
            .collect(),
        quiet: AtomicBool::new(false),
        over: AtomicBool::new(false),
    };
    let started = Instant::now();
    let figures = || {
        let counts = &world.oracle.counts;
        counts.figures(started.elapsed(), world.oracle.details())
    };
    thread::scope(|scope| {
        let owners: Vec<_> = (0..usize::from(plan.owners))
            .map(|number| owner::Owner::new(&world, number, plan.seed))
            .collect();
        for mut owner in owners {
            scope.spawn(move || owner.run());
        }
        let deleters: Vec<_> = (0..3 * plan.deleters)
            .map(|number| {
                let world = &world;
                scope.spawn(move || deleters::run(world, number, plan))
            })
            .collect();
        let mut said = started;
        while started.elapsed() < plan.time {
            thread::sleep(Duration::from_millis(50));
            if said.elapsed() >= Duration::from_secs(10) {
                said = Instant::now();
                say(&figures());
            }
        }
        world.quiet.store(true, SeqCst);
        for deleter in deleters {
            // A panic of its is that of the scope.
            let _ = deleter.join();
        }
        world.over.store(true, SeqCst);
    });
    figures()
}

/// TIME_WAIT gives its tuple to the next connection; where the delay can't be set (before Linux 6.14) after a second.
fn prepare() {
    for (name, value) in [("tcp_tw_reuse", "1"), ("tcp_tw_reuse_delay", "1")] {
        let _ = std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value);
    }
}
