//! Processes that want to keep who looks at them, or borrows from them.

use std::time::{Duration, Instant};

use tcpentry::filter::Names as _;
use tcpentry::netns::Namespace;
use tcpentry::process::{Owners, Process};
use tcpentry::{ErrorKind, Filter, MethodChoice, Options, Outcome, Pair, SystemNames, TcpTable};
use tcpentry_testkit::fuse::Fuse;
use tcpentry_testkit::hostile::Hostile;
use tcpentry_testkit::{isolated, seccomp, skip, tcp, until};

use crate::util::{lives, pair_of, table};

/// The time for which it is tried to meet a process at the right moment: less than its file system lives.
const LONG_ENOUGH: Duration = Duration::from_secs(30);

/// Returns the pids and states of the child processes of this one that are called as the library calls its own. One that
/// waits still has been abandoned: the library has not waited for what it waits for, however slow the machine is.
fn children() -> Vec<(String, char)> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap();
    let stats = processes
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("stat")).ok());
    stats
        .filter_map(|stat| {
            let (before, behind) = stat.rsplit_once(") ")?;
            let (pid, name) = before.split_once(" (")?;
            let mut fields = behind.split(' ');
            let state = fields.next()?.chars().next()?;
            let is_ours = name == "tcpentry-helper" && fields.next() == Some(&own);
            is_ours.then(|| (pid.to_owned(), state))
        })
        .collect()
}

/// Returns the page faults of the children of this process that have ended.
fn faults_of_children() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, behind) = stat.rsplit_once(") ").unwrap();
    behind.split(' ').nth(8).unwrap().parse().unwrap()
}

fn is_denied_in_time(table: &mut TcpTable, pair: Pair, options: &Options) {
    let found = table.find(&pair.into()).unwrap();
    let before = children();
    let begin = Instant::now();
    // Which of its two files it is at the moment is a matter of chance.
    let error = loop {
        match table.check(&found, options) {
            Ok(_) => assert!(begin.elapsed() < LONG_ENOUGH, "it was never met flipping"),
            // It was never seen as the socket.
            Err(error) if error.kind() == ErrorKind::NotSupported => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.outcome(), Outcome::Denied, "{error}");
    assert!(error.cause().contains("did not release"), "{error}");
    let stuck: Vec<_> = children();
    let stuck: Vec<_> = stuck.iter().filter(|it| !before.contains(it)).collect();
    assert!(stuck.iter().any(|(_, state)| *state == 'D'), "{stuck:?}");
}

#[test]
fn a_holder_that_swaps_its_socket_for_a_file_that_is_not_closed_keeps_nobody() {
    isolated(|| {
        let fuse = match Fuse::mounted() {
            Ok(fuse) => fuse,
            Err(error) => skip!("no FUSE file system can be mounted here: {error}"),
        };
        let ends = tcp::connected();
        let pair = pair_of(&ends.server);
        let hostile = Hostile::flipping(&ends.server, fuse);
        drop(ends.server);
        let mut table = table();
        let options = Options::default().with_method(MethodChoice::Borrow);
        is_denied_in_time(&mut table, pair, &options);
        // Others are deleted in the same run.
        let other = tcp::connected();
        let both: Vec<_> = [pair, pair_of(&other.server)]
            .iter()
            .map(|pair| table.find(&(*pair).into()).unwrap())
            .collect();
        let mut outcomes = Vec::new();
        table.delete_all(both, &options, |_, result| {
            outcomes.push(result.is_ok());
            std::ops::ControlFlow::Continue(())
        });
        assert!(children().iter().any(|(_, state)| *state == 'D'));
        assert!(outcomes.len() == 2 && outcomes[1], "{outcomes:?}");
        drop(hostile);
    });
}

#[test]
fn with_mptcp_it_keeps_nobody_who_gives_no_options() {
    isolated(|| {
        let fuse = match Fuse::mounted() {
            Ok(fuse) => fuse,
            Err(error) => skip!("no FUSE file system can be mounted here: {error}"),
        };
        let Some(ends) = crate::mptcp::connected() else {
            skip!("this kernel has no MPTCP");
        };
        let pair = pair_of(&ends.server);
        let _hostile = Hostile::flipping(&ends.server, fuse);
        drop(ends.server);
        is_denied_in_time(&mut table(), pair, &Options::default());
    });
}

#[test]
fn a_path_into_a_file_system_that_does_not_answer_keeps_nobody() {
    isolated(|| {
        let fuse = match Fuse::mounted() {
            Ok(fuse) => fuse,
            Err(error) => skip!("no FUSE here: {error}"),
        };
        let silent = fuse.file().with_file_name("silent");
        let silent = silent.to_str().unwrap();
        let start = Instant::now();
        let error = Namespace::named(silent).unwrap_err();
        let cause = format!("the file system of `{silent}` does not answer");
        assert_eq!((error.cause(), error.kind()), (&*cause, ErrorKind::Os));
        let table = table();
        let names = SystemNames::new(&table);
        for filter in ["netns", "process", "not process"] {
            let filter = format!("{filter} \"{silent}\"");
            let error = Filter::parse(&filter, &names).unwrap_err();
            assert!(error.to_string().contains("does not answer"), "{error}");
        }
        // Nothing of it is asked for a cgroup.
        assert!(names.cgroup(silent).is_err());
        assert!(start.elapsed() < LONG_ENOUGH, "{:?}", start.elapsed());
        assert!(Namespace::named(fuse.file().to_str().unwrap()).is_err());
    });
}

#[test]
fn a_process_that_locks_its_memory_keeps_nobody_who_looks_at_it() {
    isolated(|| {
        let fuse = match Fuse::mounted() {
            Ok(fuse) => fuse,
            Err(error) => skip!("no FUSE file system can be mounted here: {error}"),
        };
        let ends = tcp::connected();
        let hostile = Hostile::with_locked_memory(&ends.server, fuse);
        let stat = || std::fs::read_to_string(format!("/proc/{}/stat", hostile.pid())).unwrap();
        until("it waits", || stat().contains("(fifteen-bytes-x) D"));
        // Its memory is gone where it waits in exit.
        if stat().split(' ').nth(22) == Some("0") {
            skip!(
                "this kernel keeps no lock of memory while a file system does not answer (6.12 does not, 6.18 does)"
            );
        }
        let faults = faults_of_children();
        let owners = Owners::search().with_cgroups().run().unwrap();
        let inode = rustix::fs::fstat(&ends.server).unwrap().st_ino;
        let inode = tcpentry::Inode::new(u32::try_from(inode).unwrap()).unwrap();
        let mut names = owners.of(inode).map(|owner| &*owner.name);
        assert!(names.any(|name| name == b"fifteen-bytes-x"), "{owners:?}");
        // Others may run this test too.
        let mut found = Process::of_names(&[b"fifteen-bytes-x"]).unwrap();
        found.retain(|process| process.pid() == hostile.pid());
        let process = found[0];
        assert!(process.uid().is_some() && process.parent().is_some());
        // Nothing has waited for it: it has the lock still, and no child was sent to wait in vain.
        assert!(stat().contains("(fifteen-bytes-x) D"), "{}", stat());
        assert_eq!((children(), faults_of_children()), (vec![], faults));
        // The lock is really held.
        let start = Instant::now();
        assert_eq!(process.arguments(), None);
        assert!(start.elapsed() >= Duration::from_secs(1));
        assert!(!children().is_empty() || faults_of_children() > faults);
        assert!(stat().contains("(fifteen-bytes-x) D"), "{}", stat());
    });
}

/// With the counters it does, and a deletion asks for them: docs/FAULTS.md.
#[test]
fn a_process_that_locks_its_socket_does_not_keep_a_list_without_counters() {
    isolated(|| {
        let fuse = match Fuse::mounted() {
            Ok(fuse) => fuse,
            Err(error) => skip!("no FUSE file system can be mounted here: {error}"),
        };
        let ends = tcp::connected();
        let inode = rustix::fs::fstat(&ends.server).unwrap().st_ino;
        let hostile = Hostile::with_locked_socket(&ends.server, fuse);
        let call = format!("/proc/{}/syscall", hostile.pid());
        let send = format!("{} ", libc::SYS_sendto);
        let waits = || std::fs::read_to_string(&call).unwrap().starts_with(&send);
        until("it waits in send", waits);
        let mut table = table();
        let rows = table.connections(&tcpentry::Query::default()).unwrap();
        let inodes = rows.filter_map(|row| row.unwrap().inode);
        let mut inodes = inodes.map(|inode| u64::from(inode.number()));
        assert!(inodes.any(|it| it == inode));
        assert!(Owners::of_all().is_ok());
        assert!(waits(), "it has the lock still: nothing has waited for it");
    });
}

#[test]
fn where_no_child_can_be_started_nothing_is_borrowed_and_that_is_said() {
    isolated(|| {
        let ends = tcp::connected();
        let options = Options::default().with_method(MethodChoice::Borrow);
        // As where the processes of the user are at their limit.
        let error = seccomp::refusing(libc::SYS_clone, None, libc::EAGAIN, || {
            let mut table = table();
            let found = table.find(&pair_of(&ends.server).into()).unwrap();
            table.delete(&found, &options).unwrap_err()
        });
        assert_eq!(error.outcome(), Outcome::Failed, "{error}");
        assert!(error.cause().contains("start a child process"), "{error}");
        assert!(lives(&ends.client, &ends.server));
    });
}
