//! The operator's own session with a real SSH server, along every way by which they may have come.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Output;

use tcpentry_testkit::sshd::{Session, SshServer};
use tcpentry_testkit::stage::{OPERATOR, OPERATOR_UID};
use tcpentry_testkit::{isolated, skip};

/// Runs a test against a server, or skips it.
macro_rules! with_server {
    ($body:expr) => {
        isolated(move || match server() {
            Ok(server) => $body(&server),
            Err(reason) => skip!("{reason}"),
        })
    };
}

mod ways;

#[test]
fn direct_the_own_connection_is_guarded_and_no_other() {
    with_server!(|server: &SshServer| {
        let program = server.program();
        let mut other = server.session("root");
        let own = server.run(
            "root",
            &format!("{OWN} unset SSH_CONNECTION; {program} delete $OWN"),
        );
        assert_guarded(&own);
        let theirs = server.run("root", &format!("{program} delete {}", other.ends()));
        assert_eq!(code(&theirs), 0, "{theirs:?}");
        assert!(!other.is_alive());
    });
}

#[test]
fn direct_the_own_connection_can_be_deleted_on_demand() {
    with_server!(|server: &SshServer| {
        let program = server.program();
        let dry = format!("{OWN} {program} delete -n --own-session $OWN");
        assert_eq!(code(&server.run("root", &dry)), 0);
        let cut = format!("{OWN} {program} delete --own-session $OWN; sleep 5");
        let cut = server.run("root", &cut);
        assert_eq!(
            code(&cut),
            255,
            "ssh says that its connection is gone: {cut:?}"
        );
    });
}

#[test]
fn direct_a_list_of_everything_spares_the_own_connection() {
    with_server!(|server: &SshServer| {
        let program = server.program();
        let mut others = [server.session("root"), server.session(OPERATOR)];
        let all = format!("{program} list --json | {program} delete --json --id -; echo code $?");
        let all = server.run("root", &all);
        let text = String::from_utf8_lossy(&all.stdout);
        assert!(text.contains("code 6"), "{all:?}");
        let guarded = text.matches("\"guard\":\"own-session\"").count();
        assert_eq!(guarded, 2, "both ends: {text}");
        for other in &mut others {
            assert!(!other.is_alive());
        }
    });
}

#[test]
fn direct_a_user_who_may_not_look_into_the_server_is_guarded_by_its_port() {
    with_server!(|server: &SshServer| {
        let program = server.program();
        let own = format!("{OWN} unset SSH_CONNECTION; {program} delete $OWN");
        assert_guarded(&server.run(OPERATOR, &own));
    });
}

#[test]
fn sudo_the_tree_is_climbed_as_well() {
    with_server!(|server: &SshServer| {
        if !has("sudo") {
            skip!("sudo is neither installed nor unpacked");
        }
        let program = server.program();
        let mut other = server.session(OPERATOR);
        let own = format!("{OWN} sudo -n {program} delete $OWN");
        assert_guarded(&server.run(OPERATOR, &own));
        // There sudo puts a terminal, a process and a session of its own in between.
        let own = server.run_on_terminal(OPERATOR, &own);
        assert_eq!(code(&own), 3, "{own:?}");
        let theirs = format!("sudo -n {program} delete {}", other.ends());
        let theirs = server.run(OPERATOR, &theirs);
        assert_eq!(code(&theirs), 0, "{theirs:?}");
        assert!(!other.is_alive());
    });
}

#[test]
fn sudo_in_a_session_of_its_own_every_session_is_guarded() {
    with_server!(|server: &SshServer| {
        if !has("sudo") {
            skip!("sudo is neither installed nor unpacked");
        }
        let program = server.program();
        let (theirs, roots) = (server.session(OPERATOR), server.session("root"));
        for ends in ["$OWN", theirs.ends(), roots.ends()] {
            let command = format!(
                "{OWN} {}",
                detached(&format!("sudo -n {program} delete {ends}"))
            );
            let output = server.run(OPERATOR, &command);
            assert_guarded(&output);
            assert_says_why(&output);
        }
    });
}

#[test]
fn tmux_with_nobody_attached_every_session_is_guarded() {
    with_server!(|server: &SshServer| {
        if !has("tmux") {
            skip!("tmux is neither installed nor unpacked");
        }
        let program = server.program();
        let mut sessions = [server.session("root"), server.session(OPERATOR)];
        for user in ["root", OPERATOR] {
            let command = format!("{OWN} {}", in_tmux(&format!("{program} delete $OWN")));
            assert_guarded(&server.run(user, &command));
        }
        let command = in_tmux(&format!("{program} delete {}", sessions[0].ends()));
        assert_guarded(&server.run("root", &command));
        assert!(sessions.iter_mut().all(Session::is_alive));
    });
}

#[test]
fn tmux_and_sudo_within_guard_every_session_while_nobody_is_attached() {
    with_server!(|server: &SshServer| {
        if !has("tmux") || !has("sudo") {
            skip!("tmux or sudo is neither installed nor unpacked");
        }
        let program = server.program();
        let (theirs, roots) = (server.session(OPERATOR), server.session("root"));
        for ends in ["$OWN", theirs.ends(), roots.ends()] {
            let command = in_tmux(&format!("sudo -n {program} delete {ends}"));
            assert_guarded(&server.run(OPERATOR, &format!("{OWN} {command}")));
        }
    });
}

#[test]
fn a_login_uid_narrows_it_only_where_the_server_knows_another() {
    with_server!(|server: &SshServer| {
        // What PAM does when somebody logs in.
        let log_in = format!("echo {OPERATOR_UID} >/proc/self/loginuid");
        if code(&server.run("root", &log_in)) != 0 {
            skip!("no login uid can be set here");
        }
        // This server has asked no PAM: whose its sessions are nobody knows.
        let program = server.program();
        let sessions = [server.session(OPERATOR), server.session("root")];
        for session in &sessions {
            let delete = detached(&format!("{log_in}; {program} delete {}", session.ends()));
            assert_guarded(&server.run("root", &delete));
        }
    });
}

#[test]
fn direct_a_filter_spares_the_own_connection_and_takes_the_others() {
    with_server!(|server: &SshServer| {
        let mut others = [server.session("root"), server.session(OPERATOR)];
        let said = server.run("root", &spared(server.program()));
        assert_spared(&said);
        for other in &mut others {
            assert!(!other.is_alive());
        }
    });
}

#[test]
fn direct_a_filter_of_the_own_connection_alone_is_refused_and_says_so() {
    with_server!(|server: &SshServer| {
        let program = server.program();
        let mut other = server.session("root");
        let alone = format!("{OWN} {program} delete --yes src ${{OWN% *}} dst ${{OWN#* }}");
        for options in ["", " -n", " --for 10ms"] {
            let own = server.run("root", &format!("{alone}{options}"));
            assert_guarded(&own);
            let text = String::from_utf8_lossy(&own.stdout);
            let rows: Vec<&str> = text.lines().skip(1).collect();
            assert!(
                rows.len() == 1 && rows[0].starts_with("guarded\t"),
                "{own:?}"
            );
        }
        let told = server.run("root", &format!("{alone} --json"));
        assert_eq!(code(&told), 3, "{told:?}");
        let text = String::from_utf8_lossy(&told.stdout);
        assert!(text.contains("\"guard\":\"own-session\""), "{told:?}");

        let rehearsed = server.run("root", &format!("{alone} -n --own-session"));
        assert_eq!(code(&rehearsed), 0, "{rehearsed:?}");
        let cut = server.run("root", &format!("{alone} --own-session; sleep 5"));
        assert_eq!(code(&cut), 255, "{cut:?}");
        assert!(other.is_alive());
    });
}

#[test]
fn sudo_a_filter_spares_the_own_connection_and_takes_the_others() {
    with_server!(|server: &SshServer| {
        if !has("sudo") {
            skip!("sudo is neither installed nor unpacked");
        }
        let mut others = [server.session("root"), server.session(OPERATOR)];
        let command = spared(&format!("sudo -n {}", server.program()));
        assert_spared(&server.run(OPERATOR, &command));
        for other in &mut others {
            assert!(!other.is_alive());
        }
        // In a session of its own nobody knows which one it is.
        let mut all = [server.session(OPERATOR), server.session("root")];
        let delete = format!("sudo -n {} delete --yes sport = :22", server.program());
        assert_guarded(&server.run(OPERATOR, &detached(&delete)));
        assert!(all.iter_mut().all(Session::is_alive));
    });
}

#[test]
fn tmux_with_nobody_attached_a_filter_spares_every_session() {
    with_server!(|server: &SshServer| {
        if !has("tmux") {
            skip!("tmux is neither installed nor unpacked");
        }
        let mut others = [server.session(OPERATOR), server.session("root")];
        let all = format!("{} delete --yes sport = :22", server.program());
        assert_guarded(&server.run("root", &in_tmux(&all)));
        assert!(others.iter_mut().all(Session::is_alive));
    });
}

/// Deletes every connection of the server's port, rehearsed first; what it says comes back by standard error.
fn spared(program: &str) -> String {
    let delete = format!("{program} delete --yes sport = :22");
    format!(
        "{delete} -n --json >&2; echo rehearsed $? >&2; {delete} >&2; code=$?; \
         {delete} --json >&2; echo again $? >&2; exit $code"
    )
}

/// Asserts that the others were deleted and the own one was spared, in each form of the report.
fn assert_spared(output: &Output) {
    assert_eq!(code(output), 6, "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("rehearsed 6\n"), "as expected: {text}");
    assert!(text.contains("\nguarded\testablished\t"), "{text}");
    assert!(text.contains("\ndeleted\testablished\t"), "{text}");
    assert!(names_the_session(&text), "{text}");
    assert!(text.contains("hint: --own-session deletes it"), "{text}");
    let outcome = "\"outcome\":\"guarded\"";
    let guard = "\"dry_run\":false,\"method\":null,\"peer_told\":null,\"guard\":\"own-session\"";
    assert!(text.contains(outcome) && text.contains(guard), "{text}");
    assert!(text.contains("again 3\n"), "only that one is left: {text}");
}

pub(crate) fn server() -> Result<SshServer, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let unpacked = target.expect("it has a parent").join("unpacked/root");
    let server = SshServer::start(Path::new(env!("CARGO_BIN_EXE_tcpentry")), &unpacked)?;
    fs::write("/run/job", JOB).unwrap();
    allow("/run/job");
    Ok(server)
}

/// Sets `OWN` to both ends of the session's connection, as the program takes them.
const OWN: &str = "set -- $SSH_CONNECTION; export OWN=\"$3:$4 $1:$2\";";

/// A script that runs a command whose parent is not the session, and which knows nothing of it.
const JOB: &str = "\
#!/bin/sh
unset SSH_CONNECTION
(eval \"$COMMAND\") >$JOB.said 2>&1
echo $? >$JOB.code
";

/// Runs a command in a session of its own; its output and its exit code come back.
fn detached(command: &str) -> String {
    awaited(command, "setsid --fork /run/job")
}

/// Runs a command in a window of a tmux server of its own; its output and its exit code come back.
fn in_tmux(command: &str) -> String {
    let tmux = "TMUX_TMPDIR=$HOME tmux -u -L $$ -f /dev/null new-session -d /run/job";
    awaited(command, tmux)
}

fn awaited(command: &str, start: &str) -> String {
    format!(
        "export JOB=$HOME/job.$$ COMMAND='{command}'; {start} || exit; \
         until [ -s $JOB.code ]; do sleep 0.05; done; cat $JOB.said >&2; exit $(cat $JOB.code)"
    )
}

fn assert_guarded(output: &Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(names_the_session(&text), "{output:?}");
    assert_eq!(code(output), 3);
}

/// Asserts that a line says why more is guarded than the own session where the path to the operator is unknown.
fn assert_says_why(output: &Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    let why = "every connection of an SSH server is protected: ";
    assert_eq!(text.matches(why).count(), 1, "{output:?}");
}

/// Returns true for a refusal because a connection carries the session, or may.
fn names_the_session(text: &str) -> bool {
    let mut causes = ["it carries", "it may carry"].into_iter();
    causes.any(|it| text.contains(&format!("{it} your own session")))
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("ssh ends by itself")
}

fn allow(path: &str) {
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// Returns true if the stage has a program, with its set-uid bit: unpacked by an ordinary user, sudo makes nobody root.
fn has(program: &str) -> bool {
    let file = fs::metadata(Path::new("/usr/bin").join(program));
    file.is_ok_and(|file| program != "sudo" || (file.uid() == 0 && file.mode() & 0o4000 != 0))
}
