//! The short form of the soak, and proofs that its oracle finds what it is there for.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use tcpentry_soak::{By, Figures, GuardRule, Lie, Plan, Wrong, run};
use tcpentry_testkit::{isolated, netns, skip, stage};

#[test]
fn all_delete_what_they_say_and_nothing_else() {
    isolated(|| {
        let program = match program() {
            Ok(program) => program,
            Err(reason) => skip!("{reason}"),
        };
        let figures = soak(program, Duration::from_secs(4), None);
        assert!(figures.is_clean(), "{figures}");
        for (by, name) in By::WORDS {
            assert!(figures.deleted_by(by) > 0, "{name}: {figures}");
        }
        let rules = GuardRule::WORDS.iter();
        // Without nft(8) there is no set.
        for (rule, name) in rules.filter(|(rule, _)| *rule != GuardRule::Set) {
            assert!(figures.deleted_by_rule(*rule) > 0, "{name}: {figures}");
        }
        assert!(figures.proven() > 0, "{figures}");
        assert!(figures.handed_over().0 > 0, "{figures}");
    });
}

#[test]
fn the_oracle_finds_what_was_never_named() {
    isolated(|| is_found(By::Library, Lie::Unnamed, Wrong::NeverNamed));
}

#[test]
fn the_oracle_finds_deletions_that_were_denied() {
    isolated(|| is_found(By::Library, Lie::Unreported, Wrong::AliveButDeleted));
}

#[test]
fn the_oracle_finds_deletions_that_never_were() {
    isolated(|| is_found(By::Library, Lie::Undone, Wrong::DeletedButAlive));
}

#[test]
fn the_oracle_finds_what_no_rule_of_the_service_names() {
    isolated(|| is_found(By::Guard, Lie::Unnamed, Wrong::NeverNamed));
}

#[test]
fn the_oracle_finds_deletions_that_the_log_of_the_service_denies() {
    isolated(|| is_found(By::Guard, Lie::Unreported, Wrong::AliveButDeleted));
}

fn is_found(by: By, lie: Lie, wrong: Wrong) {
    let program = match program() {
        Ok(program) => program,
        Err(reason) => skip!("{reason}"),
    };
    let figures = soak(program, Duration::from_secs(2), Some((by, lie)));
    assert!(figures.wrong(wrong) > 0, "{figures}");
    assert!(!figures.is_clean());
}

fn soak(program: PathBuf, time: Duration, lie: Option<(By, Lie)>) -> Figures {
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

/// Returns the program, in the folder above that of this test; or the reason why the soak can't run.
fn program() -> Result<PathBuf, String> {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap();
    let built = folder.join("tcpentry");
    if !built.is_file() {
        return Err("the program has not been built: cargo build -p tcpentry-cli".to_owned());
    }
    // On a thread that is thrown away: its mounts are its own.
    let tried = std::thread::spawn(stage::bare).join().unwrap();
    tried.map_err(|error| format!("no mounts of the service's own: {error}"))?;
    Ok(built)
}
