//! Processes that this caller may not see count as hidden, not as absent: nothing is deleted that could be theirs.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tcpentry_testkit::named::{Named, copy_program};
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, skip};

use crate::util::{ELSEWHERE, Run, run};

/// The program where everybody may run it.
struct Program(PathBuf);

impl Program {
    fn new(test: &str) -> Self {
        let folder = format!("tcpentry-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir(&folder).unwrap();
        let file = folder.join("tcpentry");
        copy_program(env!("CARGO_BIN_EXE_tcpentry"), &file);
        for path in [&folder, &file] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        Self(file)
    }

    /// Runs it as [`CALLER`] with these capabilities and no others, after a script of root's.
    fn run(&self, before: &str, capabilities: &str, words: &str) -> Run {
        let only = format!("-all{capabilities}");
        let script = format!(
            "{before}\nexec setpriv --reuid {CALLER} --regid {CALLER} --clear-groups \
             --inh-caps={only} --ambient-caps={only} --bounding-set={only} {} {words}",
            self.0.display()
        );
        Command::new("unshare")
            .args(["--mount", "sh", "-ec", &script])
            .env("SSH_CONNECTION", ELSEWHERE)
            .stdin(Stdio::null())
            .output()
            .unwrap()
            .into()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

/// A connection whose client's end a process of this name holds alone.
struct Held {
    server: std::net::TcpStream,
    _holder: Named,
}

impl Held {
    fn by(listener: &TcpListener, name: &str, user: Option<User>) -> Self {
        let Ends { client, server } = tcp::connect_to(listener);
        let hold = || Named::holding(&client, name.as_bytes());
        let holder = match user {
            Some(user) => user.run(hold),
            None => hold(),
        };
        Self {
            server,
            _holder: holder,
        }
    }

    fn is_there(&self) -> bool {
        tcp::pending_error(&self.server).is_none() && tcp::events(&self.server) == 0
    }
}

/// Asserts that nothing was deleted, and that what decides is said to be hidden, of so many.
fn assert_hidden(run: &Run, count: usize, about: &str) {
    let said = format!("{about}: {}{}", run.out, run.err);
    assert_eq!(run.code, 4, "{said}");
    assert!(!run.out.contains("deleted\t"), "{said}");
    let sockets = if count == 1 { "socket" } else { "sockets" };
    let counted =
        format!("for {count} {sockets} you are not permitted to see what the filter asks for");
    assert!(run.err.contains(&counted), "{counted}: {said}");
}

/// The ways in which matches are found: while the table is dumped, before, without a deletion, and again and again.
const WAYS: [&str; 5] = [
    "--yes",
    "--yes --max 9",
    "-n --yes",
    "--yes --for 300ms",
    "--yes --for 300ms --max 9",
];

#[test]
fn of_own_and_foreign_matches_none_is_deleted() {
    if !user::others() {
        skip!("there is no other user here");
    }
    isolated(|| {
        let program = Program::new("mixed");
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let mine = Held::by(&listener, "same-one", Some(User::new(CALLER)));
        let theirs = [(); 2].map(|()| Held::by(&listener, "same-one", None));
        for way in WAYS {
            for filter in ["process same-one", "not process other-one"] {
                let words = format!("delete {way} {filter} dport = :{port}");
                assert_hidden(&program.run("", ",+net_admin", &words), 2, &words);
            }
        }
        assert!(mine.is_there() && theirs.iter().all(Held::is_there));
        drop(theirs);
        let words = format!("delete --yes process same-one dport = :{port}");
        let done = program.run("", ",+net_admin", &words);
        assert_eq!(
            (done.code, done.rows().len()),
            (0, 1),
            "{}{}",
            done.out,
            done.err
        );
        assert!(!mine.is_there());
    });
}

#[test]
fn who_is_in_another_pid_namespace_may_hold_it() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let outside = [(); 2].map(|()| Held::by(&listener, "other-one", None));
        for way in WAYS {
            // What starts it has one of its own.
            let script = format!(
                "exec 3<>/dev/tcp/127.0.0.1/{port}; \
                 {PROGRAM} delete --own-session {way} process bash dport = :{port} 3<&-; exit $?"
            );
            let within: Run = Command::new("unshare")
                .args(["--pid", "--fork", "--mount-proc", "bash", "-c", &script])
                .env("SSH_CONNECTION", ELSEWHERE)
                .stdin(Stdio::null())
                .output()
                .unwrap()
                .into();
            assert_hidden(&within, 2, way);
        }
        assert!(outside.iter().all(Held::is_there));
        assert_eq!(
            run(&format!("delete --yes process bash dport = :{port}")).code,
            1
        );
    });
}

#[test]
fn where_proc_shows_less_nobody_is_ruled_out() {
    if !user::others() {
        skip!("there is no other user here");
    }
    isolated(|| {
        let program = Program::new("hidepid");
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        // Another test's process of that name would be one that may hold it.
        let mine = Held::by(&listener, "less-one", Some(User::new(CALLER)));
        let theirs = [(); 2].map(|()| Held::by(&listener, "less-other", None));
        let words = |way: &str| format!("delete {way} process less-one dport = :{port}");
        // Names are visible to all: it is called otherwise.
        let seen = program.run("", ",+net_admin", &words("-n --yes"));
        assert_eq!(
            (seen.code, seen.rows().len()),
            (0, 1),
            "{}{}",
            seen.out,
            seen.err
        );
        for (hidepid, what) in [(1, "names"), (2, "processes")] {
            let mount = format!("mount -t proc -o hidepid={hidepid} proc /proc");
            for way in WAYS {
                let words = words(way);
                let run = program.run(&mount, ",+net_admin", &words);
                assert_hidden(&run, 2, &format!("{what} are hidden: {words}"));
            }
        }
        // Nor is an exclusion said to exclude nothing.
        for hidepid in [1, 2] {
            let mount = format!("mount -t proc -o hidepid={hidepid} proc /proc");
            for excluded in ["process init-x", "pid 4194300", "unit x-1", "container x-1"] {
                let words = format!("delete -n --yes not {excluded} dport = :{port}");
                let run = program.run(&mount, ",+net_admin", &words);
                assert!(
                    !run.err.contains("excludes nothing"),
                    "{words}: {}",
                    run.err
                );
            }
        }
        assert!(mine.is_there() && theirs.iter().all(Held::is_there));
    });
}

/// No right helps against a limit.
#[test]
fn where_no_process_can_be_started_that_is_the_reason() {
    if !user::others() {
        skip!("there is no other user here");
    }
    isolated(|| {
        let program = Program::new("nproc");
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let mine = Held::by(&listener, "start-one", Some(User::new(CALLER)));
        let client = mine.server.peer_addr().unwrap();
        for words in [
            format!("delete --yes dport = :{port}"),
            format!("delete {client} 127.0.0.1:{port}"),
        ] {
            let limited = format!("prlimit --nproc=1 {} {words}", program.0.display());
            let run: Run = Command::new("setpriv")
                .arg(format!("--reuid={CALLER}"))
                .arg(format!("--regid={CALLER}"))
                .arg("--clear-groups")
                .args(limited.split(' '))
                .env("SSH_CONNECTION", ELSEWHERE)
                .stdin(Stdio::null())
                .output()
                .unwrap()
                .into();
            assert_eq!(run.code, 7, "{words}: {}{}", run.out, run.err);
            assert!(run.err.contains("ulimit -u"), "{words}: {}", run.err);
        }
        assert!(mine.is_there());
    });
}

#[test]
fn a_mark_that_is_not_shown_may_be_any() {
    if !user::others() {
        skip!("there is no other user here");
    }
    isolated(|| {
        let program = Program::new("marks");
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let caller = Some(User::new(CALLER));
        let mine = [(); 2].map(|()| Held::by(&listener, "mark-one", caller));
        for way in WAYS {
            for filter in ["fwmark = 7", "not fwmark = 7"] {
                let words = format!("delete {way} {filter} dport = :{port}");
                assert_hidden(&program.run("", "", &words), 2, &words);
            }
        }
        assert!(mine.iter().all(Held::is_there));
        let words = format!("delete -n --yes not fwmark = 7 dport = :{port}");
        let seen = program.run("", ",+net_admin", &words);
        assert_eq!(
            (seen.code, seen.rows().len()),
            (0, 2),
            "{}{}",
            seen.out,
            seen.err
        );
    });
}

#[test]
fn a_hidden_owners_cgroup_may_be_any() {
    if !user::others() {
        skip!("there is no other user here");
    }
    isolated(|| {
        let program = Program::new("cgroups");
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let mine = Held::by(&listener, "group-one", Some(User::new(CALLER)));
        let theirs = [(); 2].map(|()| Held::by(&listener, "group-other", None));
        // Where no hierarchy is mounted the owner's cgroup decides.
        let before = "mount -t tmpfs none /sys";
        for way in WAYS {
            for filter in ["unit some", "not unit some"] {
                let words = format!("delete {way} {filter} dport = :{port}");
                assert_hidden(&program.run(before, ",+net_admin", &words), 2, &words);
            }
        }
        assert!(mine.is_there() && theirs.iter().all(Held::is_there));
    });
}

/// A user of these tests alone.
const CALLER: u32 = 61_234;
const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpentry");
