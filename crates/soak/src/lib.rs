//! The soak: connections open and close on few tuples while library, C library, program and service delete them, and an
//! oracle that owns both ends of each compares what was asked, what was reported and what happened.
//!
//! It is started by `cargo xtask soak`; its short form runs in the tests. docs/RELIABILITY.md says what is counted.

mod deleters;
mod hands;
mod oracle;
mod owner;
mod plan;
mod report;
mod terms;
mod tuples;
mod world;

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

pub use plan::{Lie, Plan};
pub use report::Figures;
pub use terms::{By, GuardRule, How, Wrong};

use hands::Handovers;
use oracle::Oracle;
use tcpentry_testkit::Namespace;
use tuples::Tuples;
use world::World;

/// Runs the soak in this thread's network namespace, in which nothing else may be, and reports figures every ten seconds.
pub fn run(plan: &Plan, mut say: impl FnMut(&Figures)) -> Figures {
    prepare();
    let world = World {
        oracle: Oracle::new(3 * plan.deleters + 1),
        tuples: (0..plan.owners)
            .map(|number| Tuples::of_owner(number, plan.ports))
            .collect(),
        quiet: AtomicBool::new(false),
        over: AtomicBool::new(false),
    };
    // The reports of the service come when it writes them.
    let guard = 3 * plan.deleters;
    world.oracle.begin_reports(guard);
    let started = Instant::now();
    let figures = |handovers| {
        let counts = &world.oracle.counts;
        counts.figures(started.elapsed(), handovers, world.oracle.details())
    };
    // In a namespace of its own: here anybody may delete anything.
    let beside = plan.clone();
    let handovers = thread::spawn(move || Namespace::fresh().run(move || hands::run(&beside)));
    thread::scope(|scope| {
        let owners: Vec<_> = (0..usize::from(plan.owners))
            .map(|number| owner::OwnerThread::new(&world, number, plan.seed))
            .collect();
        for mut owner in owners {
            scope.spawn(move || owner.run());
        }
        let mut deleters: Vec<_> = (0..3 * plan.deleters)
            .map(|number| {
                let world = &world;
                scope.spawn(move || deleters::run(world, number, plan))
            })
            .collect();
        deleters.push(scope.spawn(|| deleters::guard::run(&world, guard, plan)));
        let mut said = started;
        while started.elapsed() < plan.time {
            thread::sleep(Duration::from_millis(50));
            if said.elapsed() >= Duration::from_secs(10) {
                said = Instant::now();
                say(&figures(Handovers::default()));
            }
        }
        world.quiet.store(true, SeqCst);
        for deleter in deleters {
            // A panic of its is that of the scope.
            let _ = deleter.join();
        }
        world.over.store(true, SeqCst);
    });
    let handovers = handovers.join();
    figures(handovers.unwrap_or_else(|panic| resume_unwind(panic)))
}

/// Adds the addresses of the clients, and lets TIME_WAIT give its tuple to the next connection; if the delay can't be set
/// (before Linux 6.14), after a second.
fn prepare() {
    tuples::add_addresses();
    for (name, value) in [("tcp_tw_reuse", "1"), ("tcp_tw_reuse_delay", "1")] {
        let _ = std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value);
    }
}
