//! Identities: that socket or none, in this namespace and boot.

use tcpentry::error::Guard;
use tcpentry::{ErrorKind, Identity, Options, State};
use tcpentry_testkit::proc_net::{await_orphan, await_state};
use tcpentry_testkit::{Namespace, isolated, kernel, skip, tcp};

use crate::util::{cookie, find, not_found, pair, pair_of, table};

#[test]
fn it_is_carried_as_a_word_and_finds_the_same_socket() {
    isolated(|| {
        let ends = tcp::connected();
        let word = table()
            .identity(&find(pair_of(&ends.server)))
            .unwrap()
            .to_string();
        let identity: Identity = word.parse().unwrap();
        let found = table().find(&identity.into()).unwrap();
        assert_eq!(found.cookie.value(), cookie(&ends.server));
        let _deleted = table().delete(&found, &Options::default()).unwrap();
        let error = table().find(&identity.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn it_survives_into_time_wait() {
    isolated(|| {
        if !kernel::destroys_time_wait() {
            skip!("{}", kernel::NO_TIME_WAIT);
        }
        let ends = tcp::connected();
        let (local, peer) = tcp::addresses(&ends.client);
        let mut table = table();
        let connection = table.find(&pair(local, peer).into()).unwrap();
        let identity = table.identity(&connection).unwrap();
        drop(ends.client);
        await_orphan(local, peer, 5);
        assert_eq!(table.find(&identity.into()).unwrap().state, State::FinWait2);
        drop(ends.server);
        await_state(local, peer, 6);
        let waiting = table.find(&identity.into()).unwrap();
        assert_eq!(waiting.state, State::TimeWait);
        assert_eq!(waiting.cookie, connection.cookie);
        // Listed while established, it is deleted all the same.
        let deleted = table.delete(&connection, &Options::default()).unwrap();
        assert_eq!(deleted.connection.cookie, connection.cookie);
        assert_eq!(not_found(pair(local, peer)), ErrorKind::NotFound);
    });
}

#[test]
fn it_is_refused_in_another_namespace() {
    isolated(|| {
        let ends = tcp::connected();
        let identity = table().identity(&find(pair_of(&ends.server))).unwrap();
        let elsewhere = Namespace::fresh();
        let error = elsewhere.run(move || table().find(&identity.into()).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::OtherNetns);
        assert_eq!(error.win32(), 1168);
    });
}

#[test]
fn under_another_boot_id_it_is_refused_while_its_socket_lives() {
    isolated(|| {
        let ends = tcp::connected();
        let mut identity = table().identity(&find(pair_of(&ends.server))).unwrap();
        identity.boot = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let error = table().find(&identity.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused(Guard::OtherBoot));
        identity.cookie = tcpentry::Cookie::new(identity.cookie.value() + 1).unwrap();
        let error = table().find(&identity.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.cause().contains("another boot"), "{error}");
    });
}

#[test]
fn another_cookie_on_the_same_four_tuple_is_not_found() {
    isolated(|| {
        let ends = tcp::connected();
        let mut identity = table().identity(&find(pair_of(&ends.server))).unwrap();
        for other in [0, 1, identity.cookie.value() + 1, u64::MAX - 1] {
            identity.cookie = tcpentry::Cookie::new(other).unwrap();
            let error = table().find(&identity.into()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
        }
        // The very cookie of the other end, under this end's name.
        identity.cookie = find(pair_of(&ends.client)).cookie;
        let error = table().find(&identity.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_handle_keeps_its_namespace_when_its_thread_moves_on() {
    isolated(|| {
        let ends = tcp::connected();
        let pair = pair_of(&ends.server);
        let mut here = table();
        let netns = here.netns();
        let elsewhere = Namespace::fresh();
        let found = elsewhere.run(move || {
            assert_eq!(not_found(pair), ErrorKind::NotFound);
            assert_ne!(table().netns(), netns);
            assert_eq!(here.netns(), netns);
            let found = here.find(&pair.into()).unwrap();
            let identity = here.identity(&found).unwrap();
            assert_eq!(identity.netns, netns);
            let deleted = here.delete(&found, &Options::default()).unwrap();
            deleted.connection.cookie.value()
        });
        assert_eq!(found, cookie(&ends.server));
        crate::util::assert_reset(&ends.client);
    });
}
