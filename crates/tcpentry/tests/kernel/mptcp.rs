//! MPTCP: destroying a subflow is not a deletion, the connection outlives it.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::Arc;

use rustix::io::Errno;
use tcpentry::error::Guard;
use tcpentry::{
    Connection, ErrorKind, Filter, Method, MethodChoice, Options, Query, Selection, State, States,
    SystemNames, TcpTable,
};
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::in_flight::InFlight;
use tcpentry_testkit::kernel::is_at_least;
use tcpentry_testkit::mptcp::{self, socket};
use tcpentry_testkit::{isolated, skip, tcp, user};

use crate::util::{assert_reset, delete, find, lives, not_found, pair_of, table};

fn listener() -> Option<TcpListener> {
    Some(tcp::listen_from(socket()?, tcp::loopback(0), 8))
}

pub(crate) fn connected() -> Option<tcp::Ends> {
    let listener = listener()?;
    let ends = tcp::connect_from(socket()?, &listener);
    // Fully established on both sides: data has gone both ways.
    assert!(lives(&ends.client, &ends.server) && lives(&ends.server, &ends.client));
    Some(ends)
}

#[test]
fn the_connection_really_ends() {
    isolated(|| {
        let Some(ends) = connected() else {
            skip!("this kernel has no MPTCP");
        };
        let pair = pair_of(&ends.server);
        let mut table = table();
        let found = table.find(&pair.into()).unwrap();
        assert_eq!(found.mptcp, Some(true));
        let peer = tcp::blocked_in_recv(&ends.client);
        assert_eq!(
            table.check(&found, &Options::default()).unwrap(),
            Method::Borrow
        );
        let deleted = table.delete(&found, &Options::default()).unwrap();
        assert_eq!(deleted.method, Method::Borrow);
        assert_eq!(tcp::errno(peer.result()), Errno::CONNRESET);
        assert_eq!(not_found(pair), ErrorKind::NotFound);
        assert!(!lives(&ends.server, &ends.client));
    });
}

#[test]
fn one_that_only_a_thread_holds_ends_too() {
    isolated(|| {
        let Some(ends) = connected() else {
            skip!("this kernel has no MPTCP");
        };
        if !is_at_least(6, 9) {
            skip!("this kernel has no PIDFD_THREAD");
        }
        let pair = pair_of(&ends.server);
        let holder = Holder::in_table_of_thread(&ends.server, None);
        let tcp::Ends { client, server } = ends;
        drop(server);
        let found = find(pair);
        let deleted = table().delete(&found, &Options::default()).unwrap();
        assert_eq!(deleted.method, Method::Borrow);
        assert_reset(&client);
        drop(holder);
    });
}

#[test]
fn of_one_that_no_process_holds_the_subflow_is_destroyed_and_the_rest_is_not_known() {
    isolated(|| {
        let Some(ends) = connected() else {
            skip!("this kernel has no MPTCP");
        };
        if !user::sees_all_holders() {
            skip!("{}", user::NOT_ALL_HOLDERS);
        }
        let pair = pair_of(&ends.server);
        let flight = InFlight::sending(&ends.server);
        let tcp::Ends { client, server } = ends;
        drop(server);
        let found = find(pair);
        let expected = table().check(&found, &Options::default()).unwrap_err();
        assert_eq!(expected.kind(), ErrorKind::NotSupported);
        assert_eq!(find(pair).cookie, found.cookie, "only looked at");
        let error = table().delete(&found, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        assert!(
            error.cause().contains("subflow has been destroyed"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("close_timeout"));
        assert_eq!(not_found(pair), ErrorKind::NotFound);
        drop((flight, client));
    });
}

#[test]
fn it_is_known_as_mptcp_however_it_was_listed() {
    isolated(|| {
        let Some(ends) = connected() else {
            skip!("this kernel has no MPTCP");
        };
        let mut table = table();
        let plain = table
            .connections(&Query::default())
            .unwrap()
            .map(Result::unwrap)
            .find(|row| row.pair == pair_of(&ends.server))
            .unwrap();
        assert_eq!(plain.mptcp, None);
        let deleted = table.delete(&plain, &Options::default()).unwrap();
        assert_eq!(deleted.method, Method::Borrow);
        assert_reset(&ends.client);
    });
}

#[test]
fn sock_diag_alone_is_refused_and_the_connection_lives_on() {
    isolated(|| {
        let Some(ends) = connected() else {
            skip!("this kernel has no MPTCP");
        };
        let found = find(pair_of(&ends.server));
        let options = Options::default().with_method(MethodChoice::SockDiag);
        let error = table().delete(&found, &options).unwrap_err();
        assert_eq!((error.kind(), error.win32()), (ErrorKind::NotSupported, 50));
        assert!(error.cause().contains("MPTCP"), "{error}");
        let error = table().check(&found, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        assert!(lives(&ends.client, &ends.server) && lives(&ends.server, &ends.client));
    });
}

#[test]
fn a_plain_client_of_an_mptcp_listener_is_a_plain_connection() {
    isolated(|| {
        let Some(listener) = listener() else {
            skip!("this kernel has no MPTCP");
        };
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let ends = tcp::Ends::new(client, server);
        assert!(lives(&ends.client, &ends.server));
        let found = find(pair_of(&ends.server));
        assert_eq!(found.mptcp, Some(false));
        delete(pair_of(&ends.server), State::Established);
        assert_reset(&ends.client);
    });
}

#[test]
fn one_not_yet_accepted_is_not_reported_as_deleted() {
    isolated(|| {
        let (Some(listener), Some(client)) = (listener(), socket()) else {
            skip!("this kernel has no MPTCP");
        };
        client.connect(&tcp::reachable(&listener).into()).unwrap();
        let client = TcpStream::from(client);
        tcp::bound(&client);
        let (local, peer) = tcp::addresses(&client);
        tcpentry_testkit::proc_net::await_state(peer, local, 1);
        let found = find(crate::util::pair(peer, local));
        assert_eq!((found.mptcp, found.inode), (Some(true), None));
        let error = table().delete(&found, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        let (server, _) = listener.accept().unwrap();
        tcp::bound(&server);
        assert!(lives(&client, &server));
    });
}

#[test]
fn a_row_from_before_the_accept_is_not_taken_for_plain_tcp() {
    isolated(|| {
        let (Some(listener), Some(client)) = (listener(), socket()) else {
            skip!("this kernel has no MPTCP");
        };
        tcp::defer_accept(&listener);
        client.connect(&tcp::reachable(&listener).into()).unwrap();
        let client = TcpStream::from(client);
        tcp::bound(&client);
        let (local, peer) = tcp::addresses(&client);
        let name = crate::util::pair(peer, local);
        let query = Query::in_states(tcpentry::States::ALL_ACTIVE).with_info();
        let mut table = table();
        let mut rows = table.connections(&query).unwrap().map(Result::unwrap);
        let request = rows.find(|row| row.pair == name).unwrap();
        drop(rows);
        assert_eq!((request.state, request.mptcp), (State::SynRecv, None));

        (&client).write_all(b"y").unwrap();
        let (server, _) = listener.accept().unwrap();
        tcp::bound(&server);
        assert_eq!(find(name).cookie, request.cookie, "it is the same socket");
        let deleted = table.delete(&request, &Options::default()).unwrap();
        assert_eq!(deleted.method, Method::Borrow);
        assert_eq!(
            deleted.connection.state,
            State::Established,
            "as it was just before"
        );
        assert_reset(&client);
    });
}

/// Returns the rows of the server's end.
fn subflows_on(port: u16) -> Vec<Connection> {
    let mut table = table();
    let rows = table.connections(&Query::default().with_info()).unwrap();
    let rows = rows.map(Result::unwrap);
    rows.filter(|row| row.local().port() == port).collect()
}

#[test]
fn the_subflows_of_a_connection_are_known_to_belong_together() {
    isolated(|| {
        let (ends, _listener) = match mptcp::with_two_subflows() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let rows = subflows_on(ends.server.local_addr().unwrap().port());
        assert!(rows[0].mptcp_token.is_some());
        assert_eq!(rows[0].mptcp_token, rows[1].mptcp_token);
        let mut table = table();
        for (one, other) in [(&rows[0], &rows[1]), (&rows[1], &rows[0])] {
            let others = table.other_subflows(one).unwrap();
            assert_eq!(others.len(), 1, "{others:?}");
            assert_eq!(others[0].cookie, other.cookie);
        }
        let plain = tcp::connected();
        let plain = find(pair_of(&plain.server));
        assert_eq!(table.other_subflows(&plain).unwrap(), []);
    });
}

#[test]
fn a_subflow_is_deleted_by_a_filter_only_if_it_holds_for_all() {
    isolated(|| {
        let (ends, _listener) = match mptcp::with_two_subflows() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let port = ends.server.local_addr().unwrap().port();
        let rows = subflows_on(port);
        let mut table = table();
        let options = |filter: &str, table: &mut TcpTable| {
            let filter = Filter::parse(filter, &SystemNames::new(table)).unwrap();
            let selection = Selection::new(filter, States::CONNECTIONS, table).unwrap();
            Options::default().while_selected(Arc::new(selection))
        };
        let second = rows
            .iter()
            .find(|row| row.peer().address().to_string() == mptcp::SECOND);
        let second = second.unwrap();
        let one = options(&format!("dst {}", mptcp::SECOND), &mut table);
        for result in [
            table.check(second, &one).map(|_| ()),
            table.delete(second, &one).map(|_| ()),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused(Guard::Subflow));
            assert!(error.cause().contains("is not selected"), "{error}");
        }
        assert!(lives(&ends.client, &ends.server) && lives(&ends.server, &ends.client));

        let both = options(&format!("sport = :{port}"), &mut table);
        let mut outcomes = Vec::new();
        table.delete_all(rows, &both, |_, result| {
            outcomes.push(
                result
                    .map(|it| it.method)
                    .map_err(|error| error.to_string()),
            );
            ControlFlow::Continue(())
        });
        assert_eq!(outcomes, [Ok(Method::Borrow), Ok(Method::Borrow)]);
        assert_reset(&ends.client);
    });
}

#[test]
fn all_subflows_of_one_that_no_process_holds_are_destroyed_if_the_filter_holds_for_all() {
    isolated(|| {
        let (ends, _listener) = match mptcp::with_two_subflows() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        if !user::sees_all_holders() {
            skip!("{}", user::NOT_ALL_HOLDERS);
        }
        let port = ends.server.local_addr().unwrap().port();
        let tcp::Ends { client, server } = ends;
        let flight = InFlight::sending(&server);
        drop(server);
        let rows = subflows_on(port);
        assert_eq!(rows.len(), 2, "{rows:?}");
        let mut table = table();
        let options = |filter: &str, table: &mut TcpTable| {
            let filter = Filter::parse(filter, &SystemNames::new(table)).unwrap();
            let selection = Selection::new(filter, States::CONNECTIONS, table).unwrap();
            Options::default().while_selected(Arc::new(selection))
        };
        let is_second = |row: &&Connection| row.peer().address().to_string() == mptcp::SECOND;
        let second = rows.iter().find(is_second).unwrap();
        let one = options(&format!("dst {}", mptcp::SECOND), &mut table);
        for result in [
            table.check(second, &one).map(|_| ()),
            table.delete(second, &one).map(|_| ()),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused(Guard::Subflow), "{error}");
        }
        assert_eq!(subflows_on(port).len(), 2);

        let both = options(&format!("sport = :{port}"), &mut table);
        let mut errors = Vec::new();
        table.delete_all(rows, &both, |_, result| {
            errors.push(result.unwrap_err());
            ControlFlow::Continue(())
        });
        assert_eq!(errors.len(), 2);
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::NotSupported, "{error}");
            let destroyed = error.cause().contains("2 subflows have been destroyed");
            assert!(destroyed, "{error}");
        }
        assert_eq!(subflows_on(port), []);
        drop((flight, client));
    });
}
