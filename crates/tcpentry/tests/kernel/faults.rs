//! What fails for real: system calls that a sandbox refuses, and threads that can't be had. See docs/FAULTS.md.

use std::ops::ControlFlow;

use tcpentry::{Connection, Error, ErrorKind, Method, Options, Query, TcpTable, Verdict};
use tcpentry_testkit::{isolated, seccomp, skip, tcp};

use crate::util::{find, lives, pair_of, table};

/// The errors of everything that can be asked of a table.
fn errors(table: &mut TcpTable, connection: &Connection) -> Vec<Error> {
    let options = Options::default();
    let mut told = Vec::new();
    let mut tell = |_: &Connection, result: Result<Method, Error>| {
        told.push(result.unwrap_err());
        ControlFlow::Continue(())
    };
    table.delete_all([connection.clone()], &options, &mut tell);
    table.check_all([connection.clone()], &options, &mut tell);
    let take = |_: &Connection| Verdict::Take;
    let walked = table.delete_matching(&Query::default(), &options, take, &mut tell);
    assert_eq!(told.len(), 2, "each that was named is told");
    let listed = table
        .connections(&Query::default())
        .and_then(|mut rows| rows.try_for_each(|row| row.map(drop)));
    told.extend([
        table.find(&connection.pair.into()).unwrap_err(),
        table.delete(connection, &options).unwrap_err(),
        table.check(connection, &options).unwrap_err(),
        walked.unwrap_err(),
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
            // EPERM is also what the kernel says to who may not delete: nobody gets so far.
            for errno in [libc::EPERM, libc::EACCES, libc::ENOSYS, libc::ENOMEM] {
                let errors =
                    seccomp::refusing(call, None, errno, || errors(&mut table(), &connection));
                for error in errors {
                    assert_eq!(error.kind(), ErrorKind::Os, "{error}");
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
            let take = |_: &Connection| Verdict::Take;
            let tell = |_: &Connection, result: Result<Method, Error>| {
                assert_eq!(result.unwrap(), Method::SockDiag);
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
