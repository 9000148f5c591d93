//! The program where the system is shown to it in part, or refused: a container's boot id, `/proc` in part or not at all, a
//! filter of system calls.

use std::fs::File;
use std::process::Stdio;

use serde_json::Value;
use tcpentry_testkit::{isolated, seccomp, skip, stage, tcp};

use crate::util::{Run, ends, is_alive, opened, program, run, run_opened};

/// Changes what is mounted for the rest of a test, or skips it.
macro_rules! mount {
    ($mounted:expr) => {
        if let Err(reason) = $mounted {
            skip!("no mount namespace: {reason}");
        }
    };
}

#[test]
fn an_identity_of_another_boot_id_is_guarded_while_its_connection_lives() {
    isolated(|| {
        let doomed = tcp::connected();
        let id = || {
            let listed = run(&format!(
                "list --json src {}",
                doomed.client.local_addr().unwrap()
            ));
            listed.objects()[0]["id"].as_str().unwrap().to_owned()
        };
        let of_the_host = id();
        mount!(stage::with_boot_id("01234567-89ab-cdef-0123-456789abcdef"));
        let of_the_container = id();
        assert_ne!(of_the_host, of_the_container);
        for words in ["delete -n --json --id", "delete --json --id"] {
            let refused = run(&format!("{words} {of_the_host}"));
            assert_eq!(refused.code, 3, "{}", refused.err);
            let object = &refused.objects()[0];
            assert_eq!(object["outcome"], "guarded");
            assert_eq!(object["guard"], "other-boot");
            assert_eq!(object["win32"], 1168);
        }
        let refused = run(&format!("delete --id {of_the_host}"));
        assert!(refused.err.contains("boot id"), "{}", refused.err);
        assert!(
            refused
                .err
                .contains("\nhint: list it here with `tcpentry list --id`"),
            "{}",
            refused.err
        );
        assert!(is_alive(&doomed));
        let deleted = run(&format!("delete --id {of_the_container}"));
        assert_eq!(deleted.code, 0, "{}", deleted.err);
        assert!(!is_alive(&doomed));
        let gone = run(&format!("delete --id {of_the_host}"));
        assert_eq!(gone.code, 1, "{}", gone.err);
    });
}

#[test]
fn without_proc_or_with_processes_only_it_lists_and_deletes_and_says_what_is_missing() {
    for subset in [false, true] {
        isolated(move || {
            let connections = [tcp::connected(), tcp::connected()];
            let is_mptcp_here = std::fs::read_to_string("/proc/sys/net/mptcp/enabled");
            let [doomed, named] = connections.each_ref().map(|it| ends(&it.client));
            let id = run("list --json").objects()[0]["id"].clone();
            if subset {
                mount!(stage::proc_with(c"subset=pid"));
            } else {
                mount!(stage::without_proc());
            }
            let listed = run("list");
            assert_eq!((listed.code, listed.rows().len()), (0, 4), "{}", listed.err);
            for object in run("list --json").objects() {
                assert_eq!(object["id"], Value::Null);
                assert_ne!(object["netns"], Value::Null);
            }
            let words = [
                "list --id".to_owned(),
                format!("delete --id {}", id.as_str().unwrap()),
            ];
            for words in words {
                let refused = run(&words);
                assert_eq!(refused.code, 7, "{words}: {}", refused.err);
                assert!(refused.err.contains("boot_id"), "{}", refused.err);
                assert!(refused.err.contains("mount -t proc"), "{}", refused.err);
            }

            let needy = [
                "list -p",
                "list process x",
                "list pid 1",
                "list unit x",
                "list container abcd",
                "list netns x",
                "list -N x",
                "list -N 5",
                "list -N /run/netns/x",
                "list --all-netns",
                "delete --yes process x",
                "delete --yes not pid 1",
                "ban 192.0.2.1",
            ];
            for words in needy.iter().filter(|_| !subset) {
                let refused = run(words);
                assert_eq!(refused.code, 7, "{words}: {}", refused.err);
                assert!(
                    refused.err.contains("hint: as root: mount -t proc"),
                    "{words}: {}",
                    refused.err
                );
            }

            let findings = run("doctor --json").objects();
            let of = |check: &str| {
                let found = findings.iter().find(|it| it["check"] == check);
                let found = found.unwrap_or_else(|| panic!("{check}: {findings:?}"));
                let [status, detail] =
                    ["status", "detail"].map(|key| found[key].as_str().unwrap().to_owned());
                (status, detail)
            };
            assert_eq!(of("identities").0, "missing");
            assert!(of("Yama").1.contains("unknown"), "{findings:?}");
            let mptcp = match is_mptcp_here.as_deref().map(str::trim) {
                Ok("1") => "enabled",
                Ok(_) => "not enabled",
                Err(_) => "not supported by this kernel",
            };
            assert!(of("MPTCP").1.starts_with(mptcp), "{findings:?}");
            let (status, detail) = of("/proc");
            if subset {
                assert!(detail.contains("subset=pid"), "{detail}");
            } else {
                assert_eq!(status, "missing");
            }

            for (connection, name) in connections.iter().zip([doomed, named]) {
                let deleted = run(&format!("delete --own-session {name}"));
                assert_eq!(deleted.code, 0, "{}", deleted.err);
                assert!(!is_alive(connection));
            }
        });
    }
}

#[test]
fn a_sandbox_that_forbids_the_socket_is_denied_or_named() {
    isolated(|| {
        let program = opened();
        let family = u32::try_from(libc::AF_NETLINK).unwrap();
        for (errno, code, word) in [
            (libc::EPERM, 4, "seccomp"),
            (libc::EACCES, 4, "SELinux"),
            (libc::EAFNOSUPPORT, 5, "RestrictAddressFamilies="),
            (libc::EPROTONOSUPPORT, 5, "sandbox"),
            (libc::ENOSYS, 5, "sandbox"),
        ] {
            for words in ["list", "delete --yes dport = :1", "doctor"] {
                let refused = seccomp::refusing(libc::SYS_socket, Some(family), errno, || {
                    run_opened(&program, words)
                });
                // A listing has no code for what a system lacks.
                let code = if words == "list" && code == 5 {
                    7
                } else {
                    code
                };
                assert_eq!(refused.code, code, "{words}: {}", refused.err);
                let hint = refused.err.lines().find(|line| line.starts_with("hint: "));
                assert!(
                    hint.is_some_and(|hint| hint.contains(word)),
                    "{}",
                    refused.err
                );
            }
        }
    });
}

#[test]
fn standard_output_that_is_full_is_an_error_of_whatever_only_reports() {
    isolated(|| {
        let connection = tcp::connected();
        let name = ends(&connection.client);
        let full = |words: &str| -> Run {
            let out = File::options().write(true).open("/dev/full").unwrap();
            let mut command = program();
            command
                .args(words.split(' '))
                .stdout(out)
                .stderr(Stdio::piped());
            command.spawn().unwrap().wait_with_output().unwrap().into()
        };
        let mut only_report = vec![
            "list",
            "list --json",
            "list -l -p",
            "list --explain dport = :1",
            "doctor",
            "doctor --json",
            "demo",
            "--help",
            "--version",
            "list --help",
            "delete -h",
        ];
        if cfg!(feature = "tui") {
            only_report.push("top --once");
        }
        let _listener = tcp::listen(tcp::loopback(0));
        for words in only_report {
            let done = full(words);
            assert_eq!(done.code, 7, "{words}: {}", done.err);
            assert!(done.err.contains("No space left"), "{words}: {}", done.err);
        }
        // What is done counts, and that it is not all in the report is said.
        let done = full(&format!("delete {name}"));
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(done.err.contains("No space left"), "{}", done.err);
        assert!(!is_alive(&connection));
    });
}
