//! The program leaves everything else alone: it runs no other program, and opens no file for writing. SECURITY.md
//! promises it.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use tcpentry_testkit::pty::Terminal;
use tcpentry_testkit::seccomp::{Touched, watching};
use tcpentry_testkit::{isolated, skip, stage};

use crate::util::{Run, connections, ends, identity, is_alive, local, program, run};
use crate::wine::stage::WineStage;

/// Asserts that the watched program ran nothing but itself, and opened nothing for writing; gives what was watched, or skips
/// the test where nobody can watch.
macro_rules! clean {
    ($watched:expr) => {
        match $watched {
            Ok((value, touched)) => {
                assert_clean(&touched);
                value
            }
            Err(errno) => skip!("no filter can be listened to: {errno}"),
        }
    };
}

#[track_caller]
fn assert_clean(touched: &[Touched]) {
    let program = Path::new(env!("CARGO_BIN_EXE_tcpentry"));
    // The demo starts itself, by the path that the kernel tells.
    let itself = [program.to_owned(), program.canonicalize().unwrap()];
    let (run, opened): (Vec<&Touched>, Vec<&Touched>) = touched.iter().partition(|it| it.run);
    let others: Vec<&PathBuf> = run
        .iter()
        .map(|it| &it.path)
        .filter(|path| !itself.contains(path))
        .collect();
    assert!(others.is_empty(), "it ran {others:?}");
    let written: Vec<_> = opened.iter().filter(|it| it.to_write()).collect();
    assert!(written.is_empty(), "it opened {written:?}");
    // Itself, and its libraries at least: it has been watched.
    assert!(!run.is_empty() && !opened.is_empty());
}

#[test]
fn looking_runs_and_writes_nothing() {
    isolated(|| {
        let (_ends, _listener, port) = connections(2);
        for (words, code) in [
            ("list -a -p -i", 0),
            ("list --json -p --id", 0),
            ("list process sh or user root or container x or dev lo", 0),
            ("list host localhost and sport = :http", 0),
            (&format!("list -N {}", std::process::id()), 0),
            ("list --all-netns -p", 0),
            ("doctor", 0),
            ("--help", 0),
            ("list no such filter", 2),
            (&format!("delete -n --yes -p dport = :{port}"), 0),
        ] {
            let done: Run = clean!(watching(|| run(words)));
            assert_eq!(done.code, code, "{words}: {}{}", done.out, done.err);
        }
    });
}

#[test]
fn deleting_runs_and_writes_nothing() {
    isolated(|| {
        let (doomed, _listener, port) = connections(5);
        let id = identity(doomed[1].client.local_addr().unwrap());
        for words in [
            format!("delete {}", ends(&doomed[0].client)),
            format!("delete --id {id}"),
            format!("delete --yes -p src {}", local(&doomed[2])),
        ] {
            let done: Run = clean!(watching(|| run(&words)));
            assert_eq!(done.code, 0, "{words}: {}", done.err);
        }
        let borrowed = format!("delete --method borrow {}", ends(&doomed[3].client));
        let done: Run = clean!(watching(|| run(&borrowed)));
        assert_eq!(done.code, 0, "{}", done.err);
        let rest = format!("delete --yes --until-quiet 10ms dport = :{port}");
        let done: Run = clean!(watching(|| run(&rest)));
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(!doomed.iter().any(is_alive));
    });
}

#[test]
fn deleting_very_many_runs_and_writes_nothing() {
    isolated(|| {
        let (doomed, _listener, port) = connections(700);
        let words = format!("delete --yes dport = :{port}");
        let done: Run = clean!(watching(|| run(&words)));
        assert_eq!((done.code, done.rows().len()), (0, 700), "{}", done.err);
        assert!(!doomed.iter().any(is_alive));
    });
}

#[test]
fn asking_runs_and_writes_nothing() {
    isolated(|| {
        let (doomed, _listener, port) = connections(2);
        let status = clean!(watching(|| {
            let terminal = Terminal::open();
            let mut child = program()
                .args(["delete", "dport", "=", &format!(":{port}")])
                .stdin(terminal.inside())
                .stdout(terminal.inside())
                .stderr(terminal.inside())
                .spawn()
                .unwrap();
            terminal.await_text("[y/N] ");
            terminal.type_in("y\n");
            child.wait().unwrap()
        }));
        assert!(status.success());
        assert!(!doomed.iter().any(is_alive));
    });
}

#[test]
fn the_system_log_is_told_and_not_written_to() {
    isolated(|| {
        if let Err(reason) = stage::without_devices() {
            skip!("no mount namespace: {reason}");
        }
        let log = UnixDatagram::bind("/dev/log").unwrap();
        let (doomed, _listener, port) = connections(2);
        let words = format!("delete --yes --syslog dport = :{port}");
        let done: Run = clean!(watching(|| run(&words)));
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(!doomed.iter().any(is_alive));
        assert!(log.recv(&mut [0; 1000]).unwrap() > 0);
    });
}

#[test]
fn the_demo_runs_itself_and_writes_nothing() {
    isolated(|| {
        let done: Run = clean!(watching(|| run("demo")));
        assert_eq!(done.code, 0, "{}", done.err);
    });
}

/// `install` and `remove` write, and that only below the prefix: `wine/mod.rs` compares.
#[test]
fn looking_at_a_prefix_runs_wine_alone_and_writes_nothing() {
    isolated(|| {
        let stage = WineStage::new("looked-at");
        let wine = stage.path("wine/bin/wine");
        let looked = |expected: i32| {
            let (done, touched) = match watching(|| stage.run(&["status"])) {
                Ok(watched) => watched,
                Err(errno) => skip!("no filter can be listened to: {errno}"),
            };
            assert_eq!(done.code, expected, "{}{}", done.out, done.err);
            let own = stage.path("ours/bin/tcpentry");
            let others = |it: &&Touched| it.run && it.path != own && it.path != wine;
            assert_eq!(touched.iter().find(others).map(|it| &it.path), None);
            assert!(touched.iter().any(|it| it.run && it.path == wine));
            let written = touched.iter().find(|it| it.to_write());
            assert_eq!(written.map(|it| &it.path), None);
        };
        looked(1);
        stage.install();
        looked(0);
    });
}

/// A user who may run it as root with arguments of their own may name any file.
#[test]
fn what_is_no_namespace_is_looked_at_and_not_opened() {
    isolated(|| {
        for file in ["/dev/zero", "/proc/kmsg", "/proc/self/exe"] {
            let words = format!("list -N {file}");
            let (done, touched) = match watching(|| run(&words)) {
                Ok(watched) => watched,
                Err(errno) => skip!("no filter can be listened to: {errno}"),
            };
            assert_eq!(done.code, 2, "{}", done.err);
            assert!(
                done.err.contains("is not a network namespace"),
                "{}",
                done.err
            );
            let mut seen = touched.iter().filter(|it| it.path == Path::new(file));
            let looked = seen.all(|it| it.flags & libc::O_PATH != 0);
            assert!(looked && !touched.is_empty(), "{touched:?}");
        }
    });
}
