//! `check`: it deletes nothing, and foresees what `delete` does.

use std::net::Shutdown;

use tcpentry::{ErrorKind, MethodChoice, Options, Pair, State};
use tcpentry_testkit::proc_net::await_state;
use tcpentry_testkit::user::without_capabilities;
use tcpentry_testkit::{isolated, kernel, skip, tcp};

use crate::util::{find, listener_at, lives, pair, pair_of, table};

/// Rehearses by every method, sees that nothing has changed, then does it by the open choice.
fn rehearse(name: Pair, state: State) {
    let mut table = table();
    let before = table.find(&name.into()).unwrap();
    assert_eq!(before.state, state);
    let choices = [
        MethodChoice::Auto,
        MethodChoice::SockDiag,
        MethodChoice::Borrow,
    ];
    for choice in choices {
        let options = Options::default().with_listeners().with_method(choice);
        for _ in 0..3 {
            let foreseen = table.check(&before, &options);
            if choice == MethodChoice::Borrow && before.inode.is_none() {
                assert_eq!(foreseen.unwrap_err().kind(), ErrorKind::NotSupported);
            } else {
                foreseen.unwrap();
            }
            let after = table.find(&name.into()).unwrap();
            assert_eq!((after.state, after.cookie), (state, before.cookie));
        }
    }
    let options = Options::default().with_listeners();
    let foreseen = table.check(&before, &options).unwrap();
    let deleted = table.delete(&before, &options).unwrap();
    assert_eq!(deleted.method, foreseen);
    let error = table.check(&before, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn of_a_connection() {
    isolated(|| {
        let ends = tcp::connected();
        let name = pair_of(&ends.server);
        let mut table = table();
        let connection = table.find(&name.into()).unwrap();
        for _ in 0..100 {
            table.check(&connection, &Options::default()).unwrap();
        }
        assert!(lives(&ends.client, &ends.server) && lives(&ends.server, &ends.client));
        rehearse(name, State::Established);
    });
}

#[test]
fn of_one_that_nobody_holds() {
    isolated(|| {
        if !kernel::destroys_time_wait() {
            skip!("{}", kernel::NO_TIME_WAIT);
        }
        let ends = tcp::connected();
        let (local, peer) = tcp::orphan(ends.server);
        rehearse(pair(local, peer), State::FinWait2);
    });
}

#[test]
fn of_time_wait() {
    isolated(|| {
        if !kernel::destroys_time_wait() {
            skip!("{}", kernel::NO_TIME_WAIT);
        }
        let ends = tcp::connected();
        let (local, peer) = tcp::time_wait(ends.server, ends.client);
        rehearse(pair(local, peer), State::TimeWait);
    });
}

#[test]
fn of_close_wait_and_of_a_request() {
    isolated(|| {
        let ends = tcp::connected();
        let (local, peer) = tcp::addresses(&ends.server);
        ends.client.shutdown(Shutdown::Write).unwrap();
        await_state(local, peer, 8);
        rehearse(pair(local, peer), State::CloseWait);
        let (_listener, client) = tcp::half_open();
        let (local, peer) = tcp::addresses(&client);
        rehearse(pair(peer, local), State::SynRecv);
    });
}

#[test]
fn of_a_listener() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let name = listener_at(listener.local_addr().unwrap());
        let connection = find(name);
        let refused = table().check(&connection, &Options::default());
        assert_eq!(refused.unwrap_err().win32(), 317);
        rehearse(name, State::Listening);
    });
}

#[test]
fn of_one_of_several_listeners() {
    isolated(|| {
        let mut at = tcp::loopback(0);
        let listeners = [(); 8].map(|()| {
            let socket = tcp::socket(at);
            socket.set_reuse_port(true).unwrap();
            let listener = tcp::listen_from(socket, at, 1);
            at = listener.local_addr().unwrap();
            listener
        });
        let mut table = table();
        let error = table.find(&listener_at(at).into()).unwrap_err();
        assert_eq!(error.candidates().len(), listeners.len());
        let options = Options::default()
            .with_listeners()
            .with_method(MethodChoice::SockDiag);
        for candidate in error.candidates() {
            table.check(candidate, &options).unwrap();
        }
        let error = table.find(&listener_at(at).into()).unwrap_err();
        assert_eq!(error.candidates().len(), listeners.len());
    });
}

#[test]
fn without_the_right() {
    isolated(|| {
        let ends = tcp::connected();
        let name = pair_of(&ends.server);
        without_capabilities(|| {
            let mut table = table();
            let connection = table.find(&name.into()).unwrap();
            let options = Options::default();
            let foreseen = table.check(&connection, &options).unwrap();
            assert_eq!(foreseen, tcpentry::Method::Borrow);
            let only = options.clone().with_method(MethodChoice::SockDiag);
            let error = table.check(&connection, &only).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotElevated);
            assert!(lives(&ends.client, &ends.server));
            let deleted = table.delete(&connection, &options).unwrap();
            assert_eq!(deleted.method, foreseen);
        });
    });
}
