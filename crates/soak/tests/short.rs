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
        let mut missing: Vec<&str> = GuardRule::WORDS.map(|(_, name)| name).into();
        missing.extend(By::WORDS.map(|(_, name)| name));
        // Without nft(8) there is no set.
        if std::process::Command::new("nft")
            .arg("-v")
            .output()
            .is_err()
        {
            missing.retain(|name| *name != "set");
        }
        // On a busy machine the service gets to all of its rules after a while.
        for _ in 0..16 {
            let figures = soak(program.clone(), Duration::from_secs(5), None);
            assert!(figures.is_clean(), "{figures}");
            assert!(figures.proven() > 0, "{figures}");
            assert!(figures.handed_over().0 > 0, "{figures}");
            missing.retain(|name| {
                let is_by = |(by, its): &(By, &str)| its == name && figures.deleted_by(*by) > 0;
                let is_of = |(rule, its): &(GuardRule, &str)| {
                    its == name && figures.deleted_by_rule(*rule) > 0
                };
                !By::WORDS.iter().any(is_by) && !GuardRule::WORDS.iter().any(is_of)
            });
            if missing.is_empty() {
                return;
            }
        }
        panic!("nothing was deleted by {missing:?}");
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
    // On a busy machine the service gets to its rules after a while.
    let found = (1..=8).any(|round| {
        let figures = soak(
            program.clone(),
            Duration::from_secs(2 * round),
            Some((by, lie)),
        );
        let is_found = figures.wrong(wrong) > 0;
        assert!(!is_found || !figures.is_clean());
        is_found
    });
    assert!(found, "{lie:?} is not found");
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
