//! Through the program, by what it prints and its exit code.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tcpentry::Identity;

use super::hand::{Hand, by_pair};
use crate::terms::{By, How, Report};
use crate::tuples::{CLIENT, Tuple};

pub(super) fn act(hand: &mut Hand<'_>, how: How, program: &Path) {
    let (world, deleter) = (hand.world, hand.number);
    let oracle = &world.oracle;
    match how {
        How::Fresh | How::Stale => {
            let rows = hand.rows(how);
            if rows.is_empty() {
                return;
            }
            let origin = hand.table.origin().expect("this machine has a boot id");
            let words = rows.iter().map(|row| origin.identity(row).to_string());
            let words: Vec<_> = words.collect();
            oracle.during(deleter, || {
                hand.name(&rows);
                let said = run(program, &["--id", "-"], &words.join("\n"));
                if said.len() != rows.len() {
                    let text = format!("{} lines for {} identities", said.len(), rows.len());
                    oracle.record(By::Program, how, 0, &Report::Other(text));
                }
                for (row, line) in rows.iter().zip(&said) {
                    if line.cookie == Some(row.cookie.value()) {
                        hand.record(how, row, &line.report);
                    } else {
                        oracle.other(By::Program, how, &format!("{row} is reported as {line:?}"));
                    }
                }
            });
        }
        How::Pair => {
            let (owner, slot, side) = hand.tuple();
            let tuple = &world.tuples[owner].all[slot];
            let [local, peer] = tuple.ends(side).map(|end| end.to_string());
            oracle.during(deleter, || {
                by_pair(oracle, By::Program, tuple, side, || {
                    let mut said = run(program, &[&local, &peer], "");
                    match (said.pop(), said.pop()) {
                        (Some(Said { report, cookie }), None) => (report, cookie),
                        said => (Report::Other(format!("{said:?} for a pair")), None),
                    }
                });
            });
        }
        How::Filter => {
            let (owner, slot, _) = hand.tuple();
            let tuples = &world.tuples[owner].all;
            let meant = &tuples[slot..tuples.len().min(slot + 40)];
            let [first, last] =
                [&meant[0], &meant[meant.len() - 1]].map(|tuple| tuple.client.port());
            let filter = format!("sport ge :{first} and sport le :{last}");
            oracle.during(deleter, || {
                let said = naming(meant, || run(program, &["--yes", &filter], ""));
                for Said { report, cookie } in said {
                    match cookie {
                        Some(cookie) => oracle.record(By::Program, how, cookie, &report),
                        None => oracle.record(
                            By::Program,
                            how,
                            0,
                            &Report::Other(format!("{report:?} of nobody")),
                        ),
                    }
                }
            });
        }
    }
}

/// Counts the clients' pairs of these tuples as named during the operation.
fn naming<T>(tuples: &[Tuple], operation: impl FnOnce() -> T) -> T {
    for tuple in tuples {
        tuple.sides[CLIENT].begin();
    }
    let result = operation();
    for tuple in tuples {
        tuple.sides[CLIENT].end();
    }
    result
}

/// A line of the program's output.
#[derive(Debug)]
struct Said {
    report: Report,
    cookie: Option<u64>,
}

fn run(program: &Path, words: &[&str], input: &str) -> Vec<Said> {
    let mut child = Command::new(program)
        // The connections are those of its parent.
        .args(["delete", "--json", "--own-session"])
        .args(words)
        .env_remove("SSH_CONNECTION")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be run");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    // It reads everything before it writes anything.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it can be waited for");
    let mut said: Vec<_> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(parse)
        .collect();
    if let Some(words) = contradiction(&said, &output) {
        said.push(Said {
            report: Report::Other(words),
            cookie: None,
        });
    }
    said
}

fn parse(line: &str) -> Said {
    let object: Value = serde_json::from_str(line).unwrap_or_default();
    let identity = object["id"]
        .as_str()
        .and_then(|id| id.parse::<Identity>().ok());
    Said {
        report: match object["outcome"].as_str() {
            Some("deleted") => Report::Deleted,
            Some("gone") => Report::Gone,
            Some("spared") => Report::Spared,
            _ => Report::Other(line.to_owned()),
        },
        cookie: identity.map(|identity| identity.cookie.value()),
    }
}

/// Returns the contradiction between the exit code and the lines, if there is one.
fn contradiction(said: &[Said], output: &Output) -> Option<String> {
    let is_deleted = said.iter().any(|line| line.report == Report::Deleted);
    let expected = i32::from(!is_deleted);
    (output.status.code() != Some(expected)).then(|| {
        let complaints = String::from_utf8_lossy(&output.stderr);
        format!("{} after {} lines: {complaints}", output.status, said.len())
    })
}
