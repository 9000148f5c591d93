//! Sockets bound to a device, and four-tuples that several sockets share.

use std::net::SocketAddr;

use socket2::Socket;
use tcpentry::set_entry::TcpRow;
use tcpentry::{ErrorKind, Interface, Method, MethodChoice, Options, Pair, State};
use tcpentry_testkit::{isolated, kernel, link, skip, tcp};

use crate::util::{assert_reset, cookie, delete, find, not_found, pair, pair_of, table};

fn bound_to_lo() -> tcp::Ends {
    let at = tcp::loopback(0);
    let socket = tcp::socket(at);
    socket.bind_device(Some(b"lo")).unwrap();
    tcp::connect_to(&tcp::listen_from(socket, at, 1))
}

fn lo() -> Interface {
    Interface::new(1).unwrap()
}

#[test]
fn a_bound_socket_is_found_without_its_device() {
    isolated(|| {
        let ends = bound_to_lo();
        let found = find(pair_of(&ends.server));
        assert_eq!(found.cookie.value(), cookie(&ends.server));
        assert_eq!(found.interface(), Some(lo()));
        delete(pair_of(&ends.server), State::Established);
        assert_reset(&ends.client);
    });
}

#[test]
fn a_bound_socket_is_found_with_its_device() {
    isolated(|| {
        let ends = bound_to_lo();
        let name = pair_of(&ends.server).on(Some(lo()));
        let wrong = name.on(Interface::new(99));
        assert_eq!(not_found(wrong), ErrorKind::NotFound);
        delete(name, State::Established);
        assert_reset(&ends.client);
    });
}

#[test]
fn a_bound_socket_is_settable() {
    isolated(|| {
        let ends = bound_to_lo();
        let row = row(&pair_of(&ends.server));
        let deleted = table().set_entry(&row).unwrap();
        assert_eq!(deleted.connection.interface(), Some(lo()));
        assert_reset(&ends.client);
    });
}

#[test]
fn a_bound_socket_in_time_wait() {
    isolated(|| {
        if !kernel::destroys_time_wait() {
            skip!("{}", kernel::NO_TIME_WAIT);
        }
        let ends = bound_to_lo();
        let (local, peer) = tcp::time_wait(ends.server, ends.client);
        let deleted = delete(pair(local, peer), State::TimeWait);
        assert_eq!(deleted.interface(), Some(lo()));
    });
}

#[test]
fn a_dead_connection_of_a_bound_listener_harms_nothing() {
    isolated(|| {
        let at = tcp::loopback(0);
        let socket = tcp::socket(at);
        socket.bind_device(Some(b"lo")).unwrap();
        let listener = tcp::listen_from(socket, at, 8);
        let ends = tcp::connect_to(&listener);
        let connection = find(pair_of(&ends.server));
        delete(pair_of(&ends.server), State::Established);
        for options in [Options::default(), Options::default().with_listeners()] {
            let error = table().delete(&connection, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
        }
        let next = tcp::connect_to(&listener);
        assert!(crate::util::lives(&next.client, &next.server));
    });
}

/// Two devices with the same address, and on each a connection of the same four-tuple.
struct Twins {
    first: Socket,
    second: Socket,
    name: Pair,
}

const LOCAL: ([u8; 4], u16) = ([10, 1, 0, 1], 4000);
const PEER: ([u8; 4], u16) = ([10, 1, 0, 2], 5000);

impl Twins {
    /// Creates two of the same four-tuple, each bound to its device, or to none.
    fn on(first: Option<&[u8]>, second: Option<&[u8]>) -> Self {
        link::ip(&[
            "link add one type veth peer name two",
            "addr add 10.1.0.1/24 dev one",
            "link set one up",
            "link set two up",
        ]);
        let make = |device| {
            let socket = tcp::socket(LOCAL.into());
            socket.set_reuse_address(true).unwrap();
            socket.bind_device(device).unwrap();
            tcp::imagined(&socket, LOCAL.into(), PEER.into());
            socket
        };
        Self {
            first: make(first),
            second: make(second),
            name: pair(SocketAddr::from(LOCAL), SocketAddr::from(PEER)),
        }
    }

    /// Creates the first bound, the second not: the order in which the kernel lets them be.
    fn bound_and_unbound() -> Self {
        Self::on(Some(b"one"), None)
    }
}

/// Creates two sockets of the same four-tuple, the first bound to a device, the second to none.
pub(crate) fn twins() -> (Socket, Socket) {
    let twins = Twins::bound_and_unbound();
    (twins.first, twins.second)
}

/// Returns the device a socket is bound to, by its own word.
fn interface(name: &str) -> Interface {
    let socket = tcp::socket(tcp::loopback(0));
    Interface::new(rustix::net::netdevice::name_to_index(&socket, name).unwrap()).unwrap()
}

fn is_alive(socket: &Socket) -> bool {
    socket.peer_addr().is_ok()
}

#[test]
fn a_four_tuple_on_two_devices_is_ambiguous() {
    isolated(|| {
        let twins = Twins::on(Some(b"one"), Some(b"two"));
        let error = table().find(&twins.name.into()).unwrap_err();
        assert_eq!((error.kind(), error.win32()), (ErrorKind::Ambiguous, 1168));
        assert!(error.hint().unwrap().contains("%DEVICE"));
        let mut candidates: Vec<u64> = error
            .candidates()
            .iter()
            .map(|candidate| candidate.cookie.value())
            .collect();
        candidates.sort_unstable();
        let mut twins_cookies = [cookie(&twins.first), cookie(&twins.second)];
        twins_cookies.sort_unstable();
        assert_eq!(candidates, twins_cookies);
        let error = table().set_entry(&row(&twins.name)).unwrap_err();
        assert_eq!((error.kind(), error.win32()), (ErrorKind::Ambiguous, 1168));
        assert!(is_alive(&twins.first) && is_alive(&twins.second));
    });
}

#[test]
fn each_twin_is_deleted_by_naming_its_device() {
    isolated(|| {
        let twins = Twins::on(Some(b"one"), Some(b"two"));
        let deleted = delete(twins.name.on(Some(interface("two"))), State::Established);
        assert_eq!(deleted.cookie.value(), cookie(&twins.second));
        assert!(is_alive(&twins.first));
        // Now the ends say enough.
        let deleted = delete(twins.name, State::Established);
        assert_eq!(deleted.cookie.value(), cookie(&twins.first));
    });
}

#[test]
fn each_twin_is_deleted_by_its_identity() {
    isolated(|| {
        let twins = Twins::on(Some(b"one"), Some(b"two"));
        let mut table = table();
        let error = table.find(&twins.name.into()).unwrap_err();
        for candidate in error.candidates() {
            let identity = table.identity(candidate).unwrap();
            let found = table.find(&identity.into()).unwrap();
            let deleted = table.delete(&found, &Options::default()).unwrap();
            assert_eq!(deleted.connection.cookie, candidate.cookie);
            assert_eq!(deleted.method, Method::SockDiag);
        }
        assert!(!is_alive(&twins.first) && !is_alive(&twins.second));
    });
}

#[test]
fn without_a_device_the_unbound_twin_is_meant() {
    isolated(|| {
        let twins = Twins::bound_and_unbound();
        let found = find(twins.name);
        assert_eq!(found.cookie.value(), cookie(&twins.second));
        let deleted = table().set_entry(&row(&twins.name)).unwrap();
        assert_eq!(deleted.connection.cookie.value(), cookie(&twins.second));
        assert!(is_alive(&twins.first));
        assert!(!is_alive(&twins.second));
    });
}

#[test]
fn with_its_device_the_bound_twin_is_meant() {
    isolated(|| {
        let twins = Twins::bound_and_unbound();
        let name = twins.name.on(Some(interface("one")));
        let mut table = table();
        let found = table.find(&name.into()).unwrap();
        assert_eq!(found.cookie.value(), cookie(&twins.first));
        let foreseen = table.check(&found, &Options::default()).unwrap();
        let deleted = table.delete(&found, &Options::default()).unwrap();
        assert_eq!(deleted.method, foreseen);
        assert!(!is_alive(&twins.first));
        assert!(is_alive(&twins.second), "the unbound one is untouched");
        assert_eq!(find(twins.name).cookie.value(), cookie(&twins.second));
    });
}

#[test]
fn the_bound_twins_identity_means_the_bound_one() {
    isolated(|| {
        let twins = Twins::bound_and_unbound();
        let mut table = table();
        let name = twins.name.on(Some(interface("one")));
        let bound = table.find(&name.into()).unwrap();
        let identity = table.identity(&bound).unwrap();
        let found = table.find(&identity.into()).unwrap();
        assert_eq!(found.cookie.value(), cookie(&twins.first));
        let _deleted = table.delete(&found, &Options::default()).unwrap();
        assert!(!is_alive(&twins.first));
        let error = table.find(&identity.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = table.delete(&found, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(is_alive(&twins.second));
    });
}

#[test]
fn where_the_kernel_can_not_reach_the_bound_twin_it_is_not_reported_gone() {
    isolated(|| {
        let twins = Twins::bound_and_unbound();
        let mut table = table();
        let name = twins.name.on(Some(interface("one")));
        let bound = table.find(&name.into()).unwrap();
        let only = Options::default().with_method(MethodChoice::SockDiag);
        match table.delete(&bound, &only) {
            // The kernel has looked at the bound one first.
            Ok(deleted) => assert_eq!(deleted.connection.cookie, bound.cookie),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotSupported);
                assert!(error.cause().contains("unbound"), "{error}");
                assert!(is_alive(&twins.first));
                let _deleted = table.delete(&bound, &Options::default()).unwrap();
            }
        }
        assert!(!is_alive(&twins.first));
        assert!(is_alive(&twins.second));
    });
}

fn row(pair: &Pair) -> TcpRow {
    let address = |end: tcpentry::Endpoint| match SocketAddr::new(end.address(), end.port()) {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => unreachable!("the pair is IPv4"),
    };
    TcpRow::deleting(address(pair.local()), address(pair.peer()))
}
