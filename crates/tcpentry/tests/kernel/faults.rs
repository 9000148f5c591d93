//! Real failures: system calls that a sandbox refuses, or that are interrupted, and threads that can't be had. See
//! docs/FAULTS.md.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tcpentry::delete::Ending;
use tcpentry::netns::{Namespace, Namespaces};
use tcpentry::process::Owners;
use tcpentry::{
    Action, Connection, Error, ErrorKind, Method, MethodChoice, Options, Query, TcpTable,
};
use tcpentry_testkit::{isolated, seccomp, skip, tcp};

use crate::util::{find, lives, pair_of, table};

/// Returns the errors of everything that can be asked of a table.
fn errors(table: &mut TcpTable, connection: &Connection) -> Vec<Error> {
    let options = Options::default();
    let mut told = Vec::new();
    let mut tell = |_: &Connection, result: Result<Ending, Error>| {
        told.push(result.unwrap_err());
        ControlFlow::Continue(())
    };
    table.delete_all([connection.clone()], &options, &mut tell);
    table.check_all([connection.clone()], &options, &mut tell);
    let take = |_: &Connection| Action::Delete;
    let deleted = table.delete_matching(&Query::default(), &options, take, &mut tell);
    assert_eq!(told.len(), 2, "each that was named is told");
    let listed = table
        .connections(&Query::default())
        .and_then(|mut rows| rows.try_for_each(|row| row.map(drop)));
    told.extend([
        table.find(&connection.pair.into()).unwrap_err(),
        table.delete(connection, &options).unwrap_err(),
        table.check(connection, &options).unwrap_err(),
        deleted.unwrap_err(),
        listed.unwrap_err(),
    ]);
    told
}

#[test]
fn a_sandbox_that_refuses_to_send_or_to_receive_is_an_error_of_the_system() {
    isolated(|| {
        let ends = tcp::connected();
        let connection = find(pair_of(&ends.client));
        for call in [libc::SYS_sendto, libc::SYS_recvfrom] {
            // EPERM is also what the kernel says to a caller that may not delete: none gets so far.
            for errno in [libc::EPERM, libc::EACCES, libc::ENOSYS, libc::ENOMEM] {
                let errors =
                    seccomp::refusing(call, None, errno, || errors(&mut table(), &connection));
                let kind = match errno {
                    libc::EPERM | libc::EACCES => ErrorKind::AccessDenied,
                    _ => ErrorKind::Os,
                };
                for error in errors {
                    assert_eq!(error.kind(), kind, "{error}");
                    assert_eq!(error.errno(), Some(errno), "{error}");
                }
            }
        }
        assert!(lives(&ends.client, &ends.server));
        // And the kernel is none the worse for it.
        let _deleted = table().delete(&connection, &Options::default()).unwrap();
    });
}

#[test]
fn without_a_second_thread_many_are_deleted_by_one() {
    isolated(|| {
        if !tcp::room_for(2000) {
            skip!("too few descriptors (ulimit -Hn)");
        }
        let crowd = tcp::imagined_crowd(2000);
        let told = seccomp::refusing(libc::SYS_clone3, None, libc::EAGAIN, || {
            let mut told = 0;
            let take = |_: &Connection| Action::Delete;
            let tell = |_: &Connection, result: Result<Ending, Error>| {
                assert_eq!(result.unwrap().method, Method::SockDiag);
                told += 1;
                ControlFlow::Continue(())
            };
            let options = Options::default();
            table()
                .delete_matching(&Query::default(), &options, take, tell)
                .unwrap();
            told
        });
        assert_eq!(told, crowd.len());
        assert_eq!(table().connections(&Query::default()).unwrap().count(), 0);
    });
}

/// Lists, looks owners up, and deletes in each way: by name, by borrowing, many; four connections that are told to be
/// there, and are gone then.
fn do_everything(doomed: &[tcp::Ends; 4], elsewhere: &Namespace) {
    let mut table = table();
    let rows = table.connections(&Query::default()).unwrap();
    let rows: Vec<_> = rows.map(Result::unwrap).collect();
    assert_eq!(rows.len(), 8);
    let owners = Owners::search().run().unwrap();
    let own = rustix::process::getpid().as_raw_nonzero().get();
    for row in &rows {
        let mut pids = owners.of(row.inode.unwrap()).map(|it| it.process.pid());
        assert!(pids.any(|pid| pid == own), "{row}");
    }
    let namespaces = Namespaces::all().unwrap().found;
    assert!(namespaces.iter().any(|it| it.inode() == elsewhere.inode()));
    let mut other = TcpTable::open_in(elsewhere).unwrap();
    assert_eq!(other.connections(&Query::default()).unwrap().count(), 0);

    for (ends, method) in [
        (&doomed[0], MethodChoice::SockDiag),
        (&doomed[1], MethodChoice::Borrow),
    ] {
        let options = Options::default().with_method(method);
        let found = table.find(&pair_of(&ends.client).into()).unwrap();
        let _ = table.check(&found, &options).unwrap();
        let _ = table.delete(&found, &options).unwrap();
    }
    let local = pair_of(&doomed[2].client);
    let mut told = 0;
    let take = |row: &Connection| {
        if row.pair == local {
            Action::Delete
        } else {
            Action::Skip
        }
    };
    let mut tell = |_: &Connection, result: Result<Ending, Error>| {
        result.unwrap();
        told += 1;
        ControlFlow::Continue(())
    };
    let options = Options::default();
    table
        .delete_matching(&Query::default(), &options, take, &mut tell)
        .unwrap();
    let last = table.find(&pair_of(&doomed[3].client).into()).unwrap();
    table.delete_all([last], &options, &mut tell);
    assert_eq!(told, 2);
    for ends in doomed {
        assert!(!lives(&ends.client, &ends.server));
    }
}

#[test]
fn a_call_that_is_interrupted_is_made_again() {
    // Every call of the library that could be interrupted: to the kernel's table, to /proc, to borrow.
    const CALLS: [libc::c_long; 9] = [
        libc::SYS_sendto,
        libc::SYS_recvfrom,
        libc::SYS_openat,
        libc::SYS_read,
        libc::SYS_getdents64,
        libc::SYS_readlinkat,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_connect,
    ];
    isolated(|| {
        let other = tcpentry_testkit::Namespace::fresh();
        let elsewhere = other.run(|| Namespace::own().unwrap());
        let doomed = [(); 4].map(|()| tcp::connected());
        let Some(((), interrupted)) =
            seccomp::interrupting(&CALLS, || do_everything(&doomed, &elsewhere))
        else {
            skip!("no seccomp filter can ask here what to do");
        };
        for call in CALLS {
            assert!(interrupted.contains_key(&call), "{call}: {interrupted:?}");
        }
    });
}

#[test]
fn signals_that_come_all_the_time_change_nothing() {
    isolated(|| {
        let other = tcpentry_testkit::Namespace::fresh();
        let elsewhere = other.run(|| Namespace::own().unwrap());
        let start = Instant::now();
        let ((), signals) = seccomp::amid_signals(|| {
            while start.elapsed() < Duration::from_secs(1) {
                // What std connects with is not to be interrupted.
                let doomed = std::thread::scope(|scope| {
                    let made = scope.spawn(|| [(); 4].map(|()| tcp::connected()));
                    made.join().unwrap()
                });
                do_everything(&doomed, &elsewhere);
            }
        });
        assert!(signals > 100, "{signals}");
    });
}
