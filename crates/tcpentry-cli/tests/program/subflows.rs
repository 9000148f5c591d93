//! Subflows of MPTCP connections: they end together, so they are named, counted and guarded together.

use std::net::TcpListener;

use tcpentry_testkit::mptcp::{self, FIRST, SECOND};
use tcpentry_testkit::tcp::Ends;
use tcpentry_testkit::{isolated, skip};

use crate::terminal::Sitting;
use crate::util::{Run, is_alive, run};

/// A connection with two subflows, or a skip of the test.
macro_rules! two_subflows {
    () => {
        match mptcp::with_two_subflows() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        }
    };
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

/// Returns both ends of the second subflow, as the server's end has them.
fn second(port: u16) -> String {
    let listed = run(&format!("list --json sport = :{port} and dst {SECOND}"));
    let row = &listed.objects()[0];
    format!(
        "{} {}",
        row["local"].as_str().unwrap(),
        row["peer"].as_str().unwrap()
    )
}

fn outcomes(run: &Run) -> Vec<String> {
    let objects = run.objects();
    let outcome = |it: &serde_json::Value| it["outcome"].as_str().unwrap().to_owned();
    objects.iter().map(outcome).collect()
}

fn assert_both_deleted(run: &Run) {
    assert_eq!(run.code, 0, "{} {}", run.out, run.err);
    assert_eq!(outcomes(run), ["deleted", "deleted"], "{}", run.out);
}

fn assert_ended(ends: &Ends) {
    assert!(!is_alive(ends));
}

#[test]
fn a_filter_that_selects_one_subflow_deletes_none() {
    isolated(|| {
        let (ends, listener) = two_subflows!();
        let port = port_of(&listener);
        let filter = format!("sport = :{port} and dst {SECOND}");
        for options in [
            "--yes",
            "--yes --max 1",
            "--dry-run",
            "--yes --method borrow",
        ] {
            let refused = run(&format!("delete {options} --json {filter}"));
            assert_eq!(
                refused.code, 3,
                "{options}: {} {}",
                refused.out, refused.err
            );
            let objects = refused.objects();
            assert_eq!(objects.len(), 1, "{options}: {}", refused.out);
            assert_eq!(objects[0]["outcome"], "guarded");
            assert_eq!(objects[0]["guard"], "subflow");
            let error = objects[0]["error"].as_str().unwrap();
            let first = format!("{FIRST}:");
            assert!(
                error.contains("ends with all its subflows")
                    && error.contains(&first)
                    && error.ends_with("is not selected"),
                "{error}"
            );
            assert_eq!(objects[0]["subflows"].as_array().unwrap().len(), 1);
        }
        assert!(is_alive(&ends));
    });
}

#[test]
fn a_filter_that_selects_all_subflows_counts_and_deletes_all() {
    isolated(|| {
        let (ends, listener) = two_subflows!();
        let filter = format!("sport = :{}", port_of(&listener));
        let refused = run(&format!("delete --yes --max 1 {filter}"));
        assert_eq!(refused.code, 3, "{}", refused.err);
        let why = "2 connections match, more than --max 1";
        assert!(refused.err.contains(why), "{}", refused.err);
        let unconfirmed = run(&format!("delete {filter}"));
        assert_eq!(unconfirmed.code, 3, "{}", unconfirmed.err);
        let rehearsed = run(&format!("delete --yes --dry-run {filter}"));
        assert_eq!((rehearsed.code, rehearsed.rows().len()), (0, 2));
        let would_be = "would be: 2 deleted";
        assert!(rehearsed.err.contains(would_be), "{}", rehearsed.err);
        assert!(is_alive(&ends));

        let deleted = run(&format!("delete --yes --json {filter}"));
        assert_both_deleted(&deleted);
        for object in deleted.objects() {
            assert_eq!(object["subflows"].as_array().unwrap().len(), 1, "{object}");
            assert_eq!(object["mptcp"], true);
        }
        assert_ended(&ends);
    });
}

#[test]
fn the_question_is_about_all_subflows() {
    isolated(|| {
        let (ends, listener) = two_subflows!();
        let port = port_of(&listener);
        let sitting = Sitting::asked(&format!("delete sport = :{port}"));
        let screen = sitting.lines().join("\n");
        assert!(
            screen.contains("Delete these 2 connections?") && screen.contains(SECOND),
            "{screen}"
        );
        sitting.types("y\n");
        let (code, lines) = sitting.end();
        assert_eq!(code, 0, "{lines:?}");
        assert!(
            lines.contains(&"tcpentry: 2 deleted".to_owned()),
            "{lines:?}"
        );
        assert_ended(&ends);
    });
}

#[test]
fn both_ends_of_one_subflow_name_the_others_with_it() {
    isolated(|| {
        let (ends, listener) = two_subflows!();
        let pair = second(port_of(&listener));
        let refused = run(&format!("delete --max 1 {pair}"));
        assert_eq!(refused.code, 3, "{}", refused.err);
        let why = "1 is named, and another subflow of an MPTCP connection would end with it, more than --max 1";
        assert!(refused.err.contains(why), "{}", refused.err);
        let also = format!("ends with all its subflows, including {FIRST}:");
        let rehearsed = run(&format!("delete --dry-run {pair}"));
        assert_eq!(rehearsed.code, 0, "{}", rehearsed.err);
        assert!(rehearsed.err.contains(&also), "{}", rehearsed.err);
        assert!(is_alive(&ends));
        let deleted = run(&format!("delete --max 2 {pair}"));
        assert_eq!(deleted.code, 0, "{}", deleted.err);
        assert!(deleted.err.contains(&also), "{}", deleted.err);
        assert_ended(&ends);
    });
}

#[test]
fn all_subflows_named_by_their_identities_are_one_deletion_each() {
    isolated(|| {
        let (ends, listener) = two_subflows!();
        let listed = run(&format!("list --json sport = :{}", port_of(&listener)));
        let ids: Vec<_> = listed
            .objects()
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect();
        let [one, other] = ids.as_slice() else {
            panic!("{}", listed.out)
        };
        let deleted = run(&format!("delete --json --max 2 --id {one} --id {other}"));
        assert_both_deleted(&deleted);
        assert_ended(&ends);
    });
}
