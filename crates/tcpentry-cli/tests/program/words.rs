//! Words of the command line that come from elsewhere: a value is never language, and never an option.

use tcpentry_testkit::isolated;
use tcpentry_testkit::named::Named;

use crate::util::{Run, connections, is_alive, program};

fn run_words(words: &[&str]) -> Run {
    program().args(words).output().unwrap().into()
}

#[test]
fn a_hostile_name_selects_nothing_and_changes_nothing() {
    isolated(|| {
        let (held, _listener, _) = connections(2);
        for name in [
            "a or port>0",
            "x ) or ( port > 0",
            "\" or port > 0 or process \"",
            "-y",
            "--yes",
            "--own-session",
            "--",
            "and",
            "!= x",
        ] {
            for term in ["process", "unit", "container"] {
                let deleted = run_words(&["delete", "--yes", "--own-session", term, name]);
                assert_eq!(deleted.code, 1, "{term} {name}: {}", deleted.err);
            }
            let turned = ["delete", "--yes", "--own-session", "dst", name];
            let deleted = run_words(&turned);
            assert_eq!(deleted.code, 2, "{name}: {}", deleted.err);
        }
        // The second name is not an option, whatever the first one is.
        for first in ["=", "==", "!=", "eq", "gt", "(", "!", "not", "or"] {
            let words = ["delete", "not", "process", first, "process", "--yes"];
            let deleted = run_words(&words);
            assert!([1, 2].contains(&deleted.code), "{first}: {}", deleted.err);
            let words = ["delete", "process", first, "process", "--yes"];
            let deleted = run_words(&words);
            assert!([1, 2].contains(&deleted.code), "{first}: {}", deleted.err);
        }
        // As an operator it would mean everybody else.
        let words = [
            "delete",
            "--yes",
            "--own-session",
            "process",
            "!=",
            "autobound",
        ];
        assert_eq!(run_words(&words).code, 2);
        assert!(held.iter().all(is_alive));
    });
}

#[test]
fn a_name_with_blanks_or_a_dash_is_found() {
    isolated(|| {
        for name in ["tmux: server", "-y", "and"] {
            let (held, _listener, _) = connections(1);
            let _named = Named::holding(&held[0].client, name.as_bytes());
            let listed = run_words(&["--no-header", "process", name]);
            assert_eq!(listed.out.lines().count(), 1, "{name}: {}", listed.err);
            let escaped = run_words(&["--no-header", "process", r"\*"]);
            assert_eq!(escaped.out, "");
        }
    });
}

#[test]
fn a_leading_blank_is_no_endpoint() {
    isolated(|| {
        let (held, _listener, port) = connections(1);
        for words in [
            &[format!(" dport {port}")][..],
            &[" dport".to_owned(), port.to_string()],
        ] {
            let deleted = program()
                .args(["delete", "-n", "--own-session"])
                .args(words)
                .output()
                .unwrap();
            let deleted = Run::from(deleted);
            assert_eq!(deleted.code, 0, "{words:?}: {}", deleted.err);
        }
        assert!(is_alive(&held[0]));
    });
}
