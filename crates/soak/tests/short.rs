//! The short form of the soak, and proofs that its oracle finds what it is there for.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

use std::path::PathBuf;
use std::time::Duration;

use tcpentry_soak::{By, Figures, Lie, Plan, Wrong, run};
use tcpentry_testkit::{isolated, netns, skip};

#[test]
fn all_three_delete_what_they_say_and_nothing_else() {
    isolated(|| {
        let Some(program) = program() else {
            skip!("the program has not been built: cargo build -p tcpentry-cli");
        };
        let figures = soak(program, Duration::from_secs(4), None);
        assert!(figures.is_clean(), "{figures}");
        for by in [By::Library, By::CLibrary, By::Program] {
            assert!(figures.deleted_by(by) > 0, "{by:?}: {figures}");
        }
        assert!(figures.proven() > 0, "{figures}");
        assert!(figures.handed_over().0 > 0, "{figures}");
    });
}

#[test]
fn the_oracle_finds_what_was_never_named() {
    isolated(|| is_found(Lie::Unnamed, Wrong::NeverNamed));
}

#[test]
fn the_oracle_finds_deletions_that_were_denied() {
    isolated(|| is_found(Lie::Unreported, Wrong::AliveButDeleted));
}

#[test]
fn the_oracle_finds_deletions_that_never_were() {
    isolated(|| is_found(Lie::Undone, Wrong::DeletedButAlive));
}

fn is_found(lie: Lie, wrong: Wrong) {
    let Some(program) = program() else {
        skip!("the program has not been built: cargo build -p tcpentry-cli");
    };
    let figures = soak(program, Duration::from_secs(1), Some(lie));
    assert!(figures.wrong(wrong) > 0, "{figures}");
    assert!(!figures.is_clean());
}

fn soak(program: PathBuf, time: Duration, lie: Option<Lie>) -> Figures {
    // The dumps of a test look at its own sockets only.
    netns::hash_of_the_next(1024);
    let plan = Plan {
        time,
        owners: 4,
        ports: 50,
        deleters: 1,
        program,
        seed: 1,
        lie,
    };
    netns::Namespace::fresh().run(move || run(&plan, |_| ()))
}

/// Returns the program, in the folder above that of this test.
fn program() -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let built = own.parent()?.parent()?.join("tcpentry");
    built.is_file().then_some(built)
}
