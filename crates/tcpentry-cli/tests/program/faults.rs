//! The program where the system refuses it something: an exit code and a reason, and nothing done in silence. See
//! docs/FAULTS.md.

use std::process::Command;

use tcpentry_testkit::{isolated, seccomp, tcp};

use crate::util::{
    ELSEWHERE, Run, connections, ends, is_alive, local, opened, program, run_opened,
};

/// Runs the program with words where it may have so few descriptors.
fn with_descriptors(limit: u32, words: &str) -> Run {
    let script = "ulimit -n $0; exec \"$@\"";
    let words = words.split_whitespace();
    let output = Command::new("sh")
        .args(["-c", script, &limit.to_string()])
        .arg(env!("CARGO_BIN_EXE_tcpentry"))
        .args(words)
        .env("SSH_CONNECTION", ELSEWHERE)
        .output();
    output.unwrap().into()
}

#[test]
fn with_few_descriptors_it_does_all_or_says_why_not() {
    isolated(|| {
        let mut done = 0;
        // With less than four not even its libraries can be opened.
        for limit in 4..14 {
            for how in ["delete", "delete --yes src", "delete -p --yes src"] {
                let doomed = tcp::connected();
                let name = match how {
                    "delete" => ends(&doomed.client),
                    _ => local(&doomed),
                };
                let run = with_descriptors(limit, &format!("{how} {name}"));
                assert_eq!(run.code == 0, !is_alive(&doomed), "{limit}: {}", run.err);
                if run.code == 0 {
                    assert_eq!(run.rows()[0][0], "deleted", "{}", run.out);
                    done += 1;
                } else {
                    assert_eq!((run.code, run.out.as_str()), (7, ""), "{}", run.err);
                    assert!(run.err.contains("Too many open files"), "{}", run.err);
                    assert!(run.err.contains("ulimit -n"), "{}", run.err);
                }
            }
            let ends = tcp::connected();
            for words in ["list", "list -p"] {
                let listed = with_descriptors(limit, &format!("{words} src {}", local(&ends)));
                match listed.code {
                    0 => assert_eq!(listed.rows().len(), 1, "{}", listed.err),
                    code => assert_eq!((code, listed.out.as_str()), (7, ""), "{}", listed.err),
                }
            }
        }
        assert!(done > 3, "{done}");
    });
}

#[test]
fn in_a_sandbox_that_lets_it_not_send_or_receive_nothing_is_done() {
    isolated(|| {
        let connection = tcp::connected();
        let name = ends(&connection.client);
        let program = opened();
        for call in [libc::SYS_sendto, libc::SYS_recvfrom] {
            for errno in [libc::EPERM, libc::ENOSYS] {
                for words in ["delete", "delete -n", "delete --yes src", "list src"] {
                    let name = match words {
                        "delete" | "delete -n" => name.clone(),
                        _ => local(&connection),
                    };
                    let failed = seccomp::refusing(call, None, errno, || {
                        run_opened(&program, &format!("{words} {name}"))
                    });
                    let code = if errno == libc::EPERM { 4 } else { 7 };
                    assert_eq!(failed.code, code, "{words}: {}", failed.err);
                    assert!(failed.err.contains("os error"), "{words}: {}", failed.err);
                    let is_named = failed.err.contains("seccomp");
                    assert_eq!(is_named, errno == libc::EPERM, "{words}: {}", failed.err);
                }
            }
        }
        assert!(is_alive(&connection));
    });
}

#[test]
fn where_no_second_thread_is_to_be_had_one_does_it_or_says_why_not() {
    isolated(|| {
        // No thread gets a stack as large as this. So it is where a limit of processes has been reached.
        let alone = |words: &str| -> Run {
            let mut command = program();
            command.args(words.split_whitespace());
            let stack = u64::MAX.to_string();
            command
                .env("RUST_MIN_STACK", stack)
                .output()
                .unwrap()
                .into()
        };
        let (doomed, _listener, port) = connections(600);
        for words in [
            "list -a -p",
            "list --all-netns",
            "doctor",
            &format!("delete --yes -p dport = :{port}"),
        ] {
            let done = alone(words);
            assert_eq!(done.code, 0, "{words}: {}", done.err);
            assert!(!done.err.contains("panicked"), "{}", done.err);
        }
        assert!(!doomed.iter().any(is_alive));
        let demo = alone("demo");
        assert_eq!(demo.code, 7, "{}", demo.err);
        assert!(demo.err.contains("cannot start a thread"), "{}", demo.err);
    });
}
