//! `tcpentry demo`, `tcpentry doctor`, help and version: what a newcomer meets first.

use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, skip, tcp};

use crate::util::{is_alive, opened, run, run_opened};

#[test]
fn the_demo_shows_what_it_says() {
    isolated(|| {
        let bystander = tcp::connected();
        let shown = run("demo");
        assert_eq!(shown.code, 0, "{}{}", shown.out, shown.err);
        for line in [
            "NO_ERROR: 127.0.0.1:",
            "deleted by sock-diag",
            "server    read: ECONNABORTED",
            "client 2  read: ECONNRESET",
            "client 1  sent ping, got it back",
            "client 3  sent ping, got it back",
            "listener  accepted a new connection",
            "Exactly one connection was deleted, the one that was named.",
        ] {
            assert!(shown.out.contains(line), "{line} is not in\n{}", shown.out);
        }
        assert!(is_alive(&bystander));
        let left = run("list").rows().len();
        assert_eq!(left, 2, "the demo leaves nothing behind");
    });
}

#[test]
fn the_doctor_of_root_is_content() {
    isolated(|| {
        let shown = run("doctor");
        assert_eq!(shown.code, 0, "{}", shown.out);
        let rows = shown.rows();
        let result = rows.last().unwrap();
        let expected = [
            "ok",
            "result",
            "every connection of this network namespace can be deleted",
        ];
        assert_eq!(result, &expected);
        assert!(!shown.out.contains("missing"), "{}", shown.out);
        for object in run("doctor --json").objects() {
            assert!(object["check"].is_string() && object["status"].is_string());
        }
    });
}

#[test]
fn the_doctor_tells_a_user_what_he_lacks_and_what_helps() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let program = opened();
        let shown = User::new(4005).run(|| run_opened(&program, "doctor"));
        let missing = shown
            .rows()
            .iter()
            .any(|row| row[0] == "missing" && row[1] == "CAP_NET_ADMIN" && row[2].contains(" -> "));
        assert!(missing, "{}", shown.out);
        let own = shown
            .out
            .contains("the connections of your own processes can be deleted");
        assert_eq!(shown.code, if own { 0 } else { 4 }, "{}", shown.out);
    });
}

#[test]
fn help_and_version() {
    isolated(|| {
        for words in [
            "--help",
            "-h",
            "delete --help",
            "list --help",
            "doctor -h",
            "demo -h",
        ] {
            let shown = run(words);
            assert_eq!((shown.code, shown.err.as_str()), (0, ""), "{words}");
            assert!(shown.out.contains("Usage: tcpentry"), "{words}");
            assert!(
                !shown.out.contains("demo-peer"),
                "{words}: that is nobody's business"
            );
        }
        let version = format!("tcpentry {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(run("--version").out, version);
    });
}
