//! The contract of `SetTcpEntry`, line by line and in its order.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, TcpStream};

use tcpentry::error::{Guard, Operation};
use tcpentry::set_entry::{MIB_TCP_STATE_DELETE_TCB, Tcp6Row, TcpRow};
use tcpentry::{Error, ErrorKind, Outcome, State};
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::user::{self, User, without_capabilities};
use tcpentry_testkit::{isolated, kernel, link, seccomp, skip, tcp};

use crate::util::{assert_reset, find, lives, pair_of, table};

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address.ip().to_canonical() {
        std::net::IpAddr::V4(ip) => SocketAddrV4::new(ip, address.port()),
        std::net::IpAddr::V6(_) => panic!("{address} is not IPv4"),
    }
}

fn row_of(stream: &TcpStream) -> TcpRow {
    let (local, peer) = tcp::addresses(stream);
    TcpRow::deleting(v4(local), v4(peer))
}

fn set(row: &TcpRow) -> Result<(), (ErrorKind, u32)> {
    table()
        .set_entry(row)
        .map(|_| ())
        .map_err(|error| (error.kind(), error.win32()))
}

const NOTHING: TcpRow = TcpRow {
    state: MIB_TCP_STATE_DELETE_TCB,
    local_address: 0,
    local_port: 0,
    remote_address: 0,
    remote_port: 0,
};

#[test]
fn state_12_deletes() {
    isolated(|| {
        let ends = tcp::connected();
        let row = row_of(&ends.server);
        let deleted = table().set_entry(&row).unwrap();
        assert_eq!(deleted.connection.state, State::Established);
        assert_reset(&ends.client);
        assert_eq!(set(&row), Err((ErrorKind::NotFound, 317)));
    });
}

#[test]
fn any_other_state_is_an_invalid_parameter() {
    isolated(|| {
        let ends = tcp::connected();
        for state in (0..=11).chain([13, 0x0c00_0000, 100, u32::MAX]) {
            let row = TcpRow {
                state,
                ..row_of(&ends.server)
            };
            assert_eq!(set(&row), Err((ErrorKind::InvalidParameter, 87)), "{state}");
        }
        assert!(lives(&ends.client, &ends.server));
    });
}

#[test]
fn the_state_is_looked_at_before_the_rest() {
    isolated(|| {
        // Neither IPv4 nor a connection nor the right.
        let missing = TcpRow {
            state: 0,
            ..NOTHING
        };
        let answer = seccomp::without_ipv4(|| without_capabilities(|| set(&missing)));
        assert_eq!(answer, Err((ErrorKind::InvalidParameter, 87)));
    });
}

#[test]
fn without_ipv4_it_is_not_supported() {
    isolated(|| {
        let ends = tcp::connected();
        for row in [row_of(&ends.server), NOTHING] {
            let error: Error = seccomp::without_ipv4(|| table().set_entry(&row).unwrap_err());
            assert_eq!((error.kind(), error.win32()), (ErrorKind::NotSupported, 50));
            assert_eq!(error.errno(), Some(libc::EAFNOSUPPORT));
            assert_eq!(error.outcome(), Outcome::Unsupported);
        }
        assert!(lives(&ends.client, &ends.server));
    });
}

#[test]
fn whether_there_is_ipv4_is_asked_once_per_table() {
    isolated(|| {
        let ends = tcp::connected();
        let mut table = table();
        assert_eq!(table.set_entry(&NOTHING).unwrap_err().win32(), 317);
        let _deleted = seccomp::without_ipv4(|| table.set_entry(&row_of(&ends.server)).unwrap());
    });
}

#[test]
fn a_namespace_without_ipv4_addresses_has_ipv4() {
    isolated(|| {
        link::ip(&["addr flush dev lo"]);
        assert_eq!(set(&NOTHING), Err((ErrorKind::NotFound, 317)));
    });
}

#[test]
fn a_missing_connection_is_317() {
    isolated(|| {
        let row = TcpRow::deleting(
            "127.0.0.1:4000".parse().unwrap(),
            "127.0.0.1:5000".parse().unwrap(),
        );
        let error = table().set_entry(&row).unwrap_err();
        assert_eq!((error.kind(), error.win32()), (ErrorKind::NotFound, 317));
        assert_eq!(error.outcome(), Outcome::Gone);
        assert_eq!(error.operation(), Operation::SetEntry);
        assert_eq!(
            error.to_string(),
            "cannot set the TCP entry 127.0.0.1:4000 127.0.0.1:5000: no such connection"
        );
    });
}

#[test]
fn a_row_of_zeros_is_317_and_no_wildcard() {
    isolated(|| {
        let ends = tcp::connected();
        let listener = tcp::listen(SocketAddr::from(([0, 0, 0, 0], 0)));
        assert_eq!(set(&NOTHING), Err((ErrorKind::NotFound, 317)));
        let whole = row_of(&ends.server);
        for row in [
            TcpRow {
                local_address: 0,
                ..whole
            },
            TcpRow {
                local_port: 0,
                ..whole
            },
            TcpRow {
                remote_address: 0,
                ..whole
            },
            TcpRow {
                remote_port: 0,
                ..whole
            },
            TcpRow {
                local_address: 0,
                local_port: 0,
                ..whole
            },
            TcpRow {
                remote_address: 0,
                remote_port: 0,
                ..whole
            },
        ] {
            assert_eq!(set(&row), Err((ErrorKind::NotFound, 317)), "{row:?}");
        }
        assert!(lives(&ends.client, &ends.server));
        assert!(TcpStream::connect(tcp::reachable(&listener)).is_ok());
    });
}

#[test]
fn a_row_of_zeros_beside_a_bound_socket_is_317() {
    isolated(|| {
        // A socket that is bound to a port at 0.0.0.0 has a row of its port and zeros.
        let socket = tcp::socket(tcp::loopback(0));
        socket
            .bind(&SocketAddr::from(([0, 0, 0, 0], 0)).into())
            .unwrap();
        assert_eq!(set(&NOTHING), Err((ErrorKind::NotFound, 317)));
    });
}

#[test]
fn a_listeners_row_is_317_and_harms_nothing() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let ends = tcp::connect_to(&listener);
        let row = TcpRow {
            remote_address: 0,
            remote_port: 0,
            ..row_of(&ends.server)
        };
        let error = table().set_entry(&row).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused(Guard::Listener));
        assert_eq!((error.win32(), error.outcome()), (317, Outcome::Guarded));
        assert!(lives(&ends.client, &ends.server));
        assert!(TcpStream::connect(tcp::reachable(&listener)).is_ok());
    });
}

#[test]
fn a_listener_is_refused_before_any_right_is_asked_for() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let ends = tcp::connect_to(&listener);
        let row = TcpRow {
            remote_address: 0,
            remote_port: 0,
            ..row_of(&ends.server)
        };
        let answer = without_capabilities(|| set(&row));
        assert_eq!(answer, Err((ErrorKind::Refused(Guard::Listener), 317)));
    });
}

#[test]
fn an_ambiguous_row_is_1168_before_any_right_is_asked_for() {
    isolated(|| {
        link::ip(&[
            "link add one type veth peer name two",
            "addr add 10.1.0.1/24 dev one",
            "link set one up",
            "link set two up",
        ]);
        let (local, peer): (SocketAddr, SocketAddr) = (
            "10.1.0.1:4000".parse().unwrap(),
            "10.1.0.2:5000".parse().unwrap(),
        );
        let twins = [&b"one"[..], b"two"].map(|device| {
            let socket = tcp::socket(local);
            socket.set_reuse_address(true).unwrap();
            socket.bind_device(Some(device)).unwrap();
            tcp::imagined(&socket, local, peer);
            socket
        });
        let row = TcpRow::deleting(v4(local), v4(peer));
        assert_eq!(set(&row), Err((ErrorKind::Ambiguous, 1168)));
        let answer = without_capabilities(|| set(&row));
        assert_eq!(answer, Err((ErrorKind::Ambiguous, 1168)));
        for twin in twins {
            assert!(twin.peer_addr().is_ok());
        }
    });
}

#[test]
fn a_caller_without_permission_gets_5() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here (unshare -Ur); run it as root");
        }
        let ends = tcp::connected();
        let row = row_of(&ends.server);
        let holder = Holder::of(&ends.server, None);
        drop(ends.server);
        let answer = User::new(60201).run(|| set(&row));
        assert_eq!(answer, Err((ErrorKind::AccessDenied, 5)));
        assert_eq!(tcp::pending_error(&ends.client), None);
        drop(holder);
    });
}

#[test]
fn an_administrator_who_is_not_elevated_gets_317() {
    isolated(|| {
        let ends = tcp::connected();
        let row = row_of(&ends.server);
        let holder = Holder::of(&ends.server, None);
        drop(ends.server);
        let answer = without_capabilities(|| set(&row));
        assert_eq!(answer, Err((ErrorKind::NotElevated, 317)));
        assert_eq!(tcp::pending_error(&ends.client), None);
        drop(holder);
    });
}

#[test]
fn an_unprivileged_caller_may_set_their_own() {
    isolated(|| {
        let ends = tcp::connected();
        let row = row_of(&ends.server);
        assert_eq!(without_capabilities(|| set(&row)), Ok(()));
        assert_reset(&ends.client);
    });
}

#[test]
fn junk_in_the_upper_half_of_the_ports_is_ignored() {
    isolated(|| {
        for junk in [0xffff_0000, 0x0001_0000, 0xdead_0000] {
            let ends = tcp::connected();
            let mut row = row_of(&ends.server);
            row.local_port |= junk;
            row.remote_port |= junk;
            assert_eq!(set(&row), Ok(()));
            assert_reset(&ends.client);
        }
    });
}

#[test]
fn a_dual_stack_servers_end_is_settable() {
    isolated(|| {
        let listener = tcp::listen((Ipv6Addr::UNSPECIFIED, 0).into());
        let to = tcp::loopback(listener.local_addr().unwrap().port());
        let client = TcpStream::connect(to).unwrap();
        let (server, _) = listener.accept().unwrap();
        let ends = tcp::Ends::new(client, server);
        assert!(find(pair_of(&ends.server)).mapped);
        assert_eq!(set(&row_of(&ends.server)), Ok(()));
        assert_reset(&ends.client);
        assert!(TcpStream::connect(to).is_ok());
    });
}

#[test]
fn time_wait_is_settable() {
    isolated(|| {
        let ends = tcp::connected();
        let row = row_of(&ends.client);
        tcp::time_wait(ends.client, ends.server);
        if !kernel::destroys_time_wait() {
            assert_eq!(set(&row), Err((ErrorKind::NotSupported, 50)));
            return;
        }
        assert_eq!(set(&row), Ok(()));
        assert_eq!(set(&row), Err((ErrorKind::NotFound, 317)));
    });
}

#[test]
fn a_stale_row_never_hits_the_listener() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let ends = tcp::connect_to(&listener);
        let row = row_of(&ends.server);
        assert_eq!(set(&row), Ok(()));
        for _ in 0..100 {
            assert_eq!(set(&row), Err((ErrorKind::NotFound, 317)));
        }
        assert!(TcpStream::connect(tcp::reachable(&listener)).is_ok());
    });
}

#[test]
fn two_scopes_in_a_row_are_87_and_one_is_enough() {
    isolated(|| {
        let ends = tcp::connect_to(&tcp::listen("[::1]:0".parse().unwrap()));
        let (SocketAddr::V6(local), SocketAddr::V6(remote)) = tcp::addresses(&ends.client) else {
            panic!("IPv6");
        };
        let set = |local_scope: u32, remote_scope: u32| {
            let row = Tcp6Row {
                local_scope,
                remote_scope,
                ..Tcp6Row::deleting(local, remote)
            };
            let result = table().set_entry6(&row);
            result
                .map(drop)
                .map_err(|error| (error.kind(), error.win32()))
        };
        for (one, other) in [(LOOPBACK, 7), (7, LOOPBACK)] {
            assert_eq!(set(one, other), Err((ErrorKind::InvalidParameter, 87)));
        }
        // It is bound to no device, so that one that is named is another socket's.
        assert_eq!(set(LOOPBACK, 0), Err((ErrorKind::NotFound, 317)));
        assert_eq!(set(0, 0), Ok(()));
    });
}

/// The index of the loopback device in every namespace.
const LOOPBACK: u32 = 1;
