//! `tcpentry demo`, `tcpentry doctor`, help and version: what a newcomer meets first.

use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, skip, tcp, until};

use crate::util::{Run, is_alive, opened, run, run_opened};

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
        assert_eq!(result[..2], ["ok", "result"]);
        // Of an older kernel it goes on with the exceptions.
        let every = "every connection of this network namespace can be deleted";
        assert!(result[2].starts_with(every), "{}", result[2]);
        assert!(!shown.out.contains("missing"), "{}", shown.out);
        for object in run("doctor --json").objects() {
            assert!(object["check"].is_string() && object["status"].is_string());
        }
    });
}

#[test]
fn the_doctor_tells_a_user_what_they_lack_and_what_helps() {
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
fn the_doctor_can_be_asked_for_more() {
    isolated(|| {
        assert_eq!(run("doctor --need mine").code, 0);
        let all = run("doctor --need all");
        assert_eq!(all.code, 0, "{}", all.out);
        assert_eq!(all.rows().last().unwrap()[..2], ["ok", "need"]);
        // What others run here decides; that is what it says.
        let everywhere = run("doctor --need all-netns");
        let not_ok = |row: &Vec<&str>| row[1] == "netns" && row[0] != "ok";
        let is_met =
            everywhere.rows().iter().all(|row| !not_ok(row)) && tcpentry::support::sees_by_right();
        assert_eq!(
            everywhere.code,
            if is_met { 0 } else { 4 },
            "{}",
            everywhere.out
        );
        let unknown = run("doctor --need everything");
        assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
    });
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let program = opened();
        for need in ["all", "all-netns"] {
            let words = format!("doctor --need {need}");
            let shown = User::new(4005).run(|| run_opened(&program, &words));
            assert_eq!(shown.code, 4, "{}", shown.out);
            assert_eq!(shown.rows().last().unwrap()[..2], ["missing", "need"]);
        }
    });
}

#[test]
fn the_doctor_does_not_trust_a_capability_of_another_user_namespace() {
    isolated(|| {
        let program = opened();
        let script = format!(
            "/proc/self/fd/{} doctor",
            std::os::fd::AsRawFd::as_raw_fd(&program)
        );
        let shown: Run = std::process::Command::new("unshare")
            .args(["-Ur", "sh", "-c", &format!("exec {script}")])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
            .into();
        if shown.err.contains("unshare") {
            skip!("no user namespace within: {}", shown.err.trim());
        }
        assert!(
            !shown.out.contains("be borrowed from every process"),
            "{}",
            shown.out
        );
        assert!(!shown.out.contains("every connection"), "{}", shown.out);
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

#[test]
fn deleting_ones_own_connection_as_the_readme_shows() {
    isolated(|| {
        let listener = start_nc("exec nc -l 127.0.0.1 8080");
        until("nc listens", || run("list -l").rows().len() == 1);
        let client = start_nc("sleep 60 | nc 127.0.0.1 8080");
        until("nc is connected", || run("list").rows().len() == 2);
        let listed = run("list");
        let rows = listed.rows();
        let server = rows.iter().find(|row| row[3] == "127.0.0.1:8080").unwrap();
        let words = format!("{} {}", server[3], server[4]);

        assert_eq!(run(&format!("delete -n {words}")).code, 0);
        assert_eq!(run("list").rows().len(), 2, "a dry run");
        let done = run(&format!("delete {words}"));
        let expected = ["deleted", "established", server[3], server[4], "sock-diag"];
        assert_eq!((done.code, done.rows()), (0, vec![expected.to_vec()]));
        assert_eq!(run(&format!("delete {words}")).code, 1);
        assert!(run("list").rows().is_empty());
        drop((listener, client));
    });
}

/// A shell's command that ends with the test, with everything it started.
struct Shell(std::process::Child);

fn start_nc(command: &str) -> Shell {
    use std::os::unix::process::CommandExt as _;
    let child = std::process::Command::new("sh")
        .args(["-c", command])
        .process_group(0)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn();
    Shell(child.unwrap())
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}
