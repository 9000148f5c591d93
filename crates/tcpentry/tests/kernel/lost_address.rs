//! Connections whose local address has left the host: the reset of an IPv4 one is not routed, unless by way of the borrowed
//! descriptor.

use std::io::ErrorKind as IoError;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use socket2::SockRef;
use tcpentry::delete::{Ending, NoReset, PeerReset};
use tcpentry::netns::Namespace;
use tcpentry::{
    Action, Connection, Deleted, Filter, Method, MethodChoice, Options, Query, Selection, State,
    States, SystemNames, TcpTable,
};
use tcpentry_testkit::link::{Neighbour, ip};
use tcpentry_testkit::proc_net::await_orphan;
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::user::without_capabilities;
use tcpentry_testkit::{isolated, skip};

use crate::util::{find, pair_of, table};

/// An address that comes and goes, as that of a cluster manager.
const FLOATING: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 50);
const FLOATING6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x50);
const FIN_WAIT_1: u8 = 4;

/// Creates a namespace next to this one, which reaches addresses of this one that others here do not depend on.
fn neighbour() -> Neighbour {
    let neighbour = Neighbour::new();
    ip(&[
        "addr add fd00::1/64 dev veth0 nodad",
        "addr add fd00::50/64 dev veth0 nodad",
        "addr add 10.0.0.50/24 dev veth0",
    ]);
    neighbour
        .there
        .run(|| ip(&["addr add fd00::2/64 dev veth0 nodad"]));
    neighbour
}

fn lose_address() {
    ip(&["addr del 10.0.0.50/24 dev veth0"]);
}

/// Makes a connection from the neighbour to a listener, by the floating address; its listener is closed.
fn connected(neighbour: &Neighbour, listener: TcpListener, address: impl Into<SocketAddr>) -> Ends {
    let ends = connect(neighbour, &listener, address);
    tcp::end_listening(listener);
    ends
}

fn connect(neighbour: &Neighbour, listener: &TcpListener, address: impl Into<SocketAddr>) -> Ends {
    let client = dial(neighbour, listener, address);
    let (server, _) = listener.accept().unwrap();
    Ends::new(client, server)
}

fn dial(
    neighbour: &Neighbour,
    listener: &TcpListener,
    address: impl Into<SocketAddr>,
) -> TcpStream {
    let mut to = address.into();
    to.set_port(listener.local_addr().unwrap().port());
    neighbour.there.run(move || TcpStream::connect(to).unwrap())
}

fn floating() -> Ends {
    let neighbour = neighbour();
    let listener = tcp::listen((FLOATING, 0).into());
    connected(&neighbour, listener, (FLOATING, 0))
}

fn delete(stream: &TcpStream, options: &Options) -> Deleted {
    table().delete(&find(pair_of(stream)), options).unwrap()
}

fn is_transparent(stream: &TcpStream) -> bool {
    SockRef::from(stream).ip_transparent_v4().unwrap()
}

/// Checks that the peer hears nothing: its `recv` waits on.
fn assert_waits(mut peer: &TcpStream) {
    use std::io::Read as _;
    peer.set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let error = peer.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), IoError::WouldBlock, "{error}");
}

#[test]
fn a_peer_that_waits_is_told_though_the_address_has_gone() {
    for method in [MethodChoice::Auto, MethodChoice::Borrow] {
        isolated(move || {
            let neighbour = neighbour();
            let make = |address: SocketAddr, at: SocketAddr| {
                connected(&neighbour, tcp::listen(at), address)
            };
            let (v4, v6) = ((FLOATING, 0).into(), (FLOATING6, 0).into());
            let all = [
                (make(v4, v4), PeerReset::SentFromLostAddress),
                // A dual-stack server's.
                (
                    make(v4, (Ipv6Addr::UNSPECIFIED, 0).into()),
                    PeerReset::SentFromLostAddress,
                ),
                (make(v6, v6), PeerReset::Sent),
            ];
            lose_address();
            ip(&["addr del fd00::50/64 dev veth0"]);
            for (ends, expected) in all {
                let waiting = tcp::blocked_in_recv(&ends.client);
                let deleted = delete(&ends.server, &Options::default().with_method(method));
                assert_eq!(deleted.reset, expected, "{}", deleted.connection);
                assert_eq!(deleted.reset.is_sent(), Some(true));
                assert_eq!(tcp::errno(waiting.result()), Errno::CONNRESET);
                let (owner, by) = match method {
                    MethodChoice::Borrow => (Errno::CONNRESET, Method::Borrow),
                    _ => (Errno::CONNABORTED, Method::SockDiag),
                };
                assert_eq!(deleted.method, by);
                assert_eq!(tcp::pending_error(&ends.server), Some(owner));
                assert!(!is_transparent(&ends.server), "it is put back");
            }
        });
    }
}

#[test]
fn a_peer_of_a_socket_that_is_bound_to_a_device_is_told() {
    isolated(|| {
        let neighbour = neighbour();
        let socket = tcp::socket((FLOATING, 0).into());
        socket.bind_device(Some(b"veth0")).unwrap();
        let listener = tcp::listen_from(socket, (FLOATING, 0).into(), 8);
        let ends = connected(&neighbour, listener, (FLOATING, 0));
        lose_address();
        let mut table = table();
        let rows = table.connections(&Query::default()).unwrap();
        let row = rows.map(Result::unwrap).next().unwrap();
        assert!(row.interface().is_some());
        let deleted = table.delete(&row, &Options::default()).unwrap();
        assert_eq!(deleted.reset, PeerReset::SentFromLostAddress);
        crate::util::assert_reset(&ends.client);
    });
}

#[test]
fn an_option_that_the_owner_has_set_stays() {
    isolated(|| {
        let ends = floating();
        SockRef::from(&ends.server)
            .set_ip_transparent_v4(true)
            .unwrap();
        lose_address();
        let deleted = delete(&ends.server, &Options::default());
        assert_eq!(deleted.reset, PeerReset::SentFromLostAddress);
        assert!(is_transparent(&ends.server));
        crate::util::assert_reset(&ends.client);
    });
}

/// It is local as long as any device has it, or a local route covers it: nothing is borrowed then.
#[test]
fn an_address_that_is_elsewhere_on_this_host_has_not_gone() {
    for way in [
        "addr add 10.0.0.50/32 dev lo",
        "route add local 10.0.0.50/31 dev lo",
    ] {
        isolated(move || {
            let ends = floating();
            lose_address();
            ip(&[way]);
            // No process could be borrowed from here.
            let deleted = without_borrowing(|| delete(&ends.server, &Options::default()));
            assert_eq!(deleted.reset, PeerReset::Sent, "{way}");
            crate::util::assert_reset(&ends.client);
        });
    }
}

/// Runs a deletion by the kernel's own method alone, which says so where it needed more.
fn without_borrowing(delete: impl FnOnce() -> Deleted) -> Deleted {
    let deleted = delete();
    assert_eq!(deleted.method, Method::SockDiag);
    deleted
}

#[test]
fn what_nobody_holds_is_deleted_and_its_peer_is_not_told() {
    isolated(|| {
        let neighbour = neighbour();
        let listener = tcp::listen((FLOATING, 0).into());
        let orphan = connect(&neighbour, &listener, (FLOATING, 0));
        let name = pair_of(&orphan.server);
        let (local, peer) = tcp::addresses(&orphan.server);
        tcp::fill(&orphan.server);
        drop(orphan.server);
        await_orphan(local, peer, FIN_WAIT_1);
        let unaccepted = dial(&neighbour, &listener, (FLOATING, 0));
        let (its_peer, its_local) = tcp::addresses(&unaccepted);
        lose_address();
        let not_told = PeerReset::NotSent(NoReset::NoHolder);
        let queued = crate::util::pair(its_local, its_peer);
        let deleted = table().delete(&find(queued), &Options::default()).unwrap();
        assert_eq!(deleted.reset, not_told);
        assert_waits(&unaccepted);
        match table().delete(&find(name), &Options::default()) {
            Ok(deleted) => assert_eq!(deleted.reset, not_told),
            // An old kernel says yes and leaves it there.
            Err(error) => assert!(!tcpentry_testkit::kernel::destroys_orphans(), "{error}"),
        }
    });
}

#[test]
fn without_the_right_it_is_deleted_all_the_same() {
    isolated(|| {
        let ends = floating();
        lose_address();
        let deleted = without_capabilities(|| delete(&ends.server, &Options::default()));
        assert_eq!(deleted.method, Method::Borrow);
        assert_eq!(deleted.reset, PeerReset::NotSent(NoReset::NotPermitted));
        assert_waits(&ends.client);
        assert!(!is_transparent(&ends.server));
    });
}

#[test]
fn nothing_is_borrowed_where_that_is_not_allowed() {
    isolated(|| {
        let ends = floating();
        lose_address();
        let only = Options::default().with_method(MethodChoice::SockDiag);
        let deleted = delete(&ends.server, &only);
        assert_eq!(deleted.reset, PeerReset::NotSent(NoReset::Method));
        assert_waits(&ends.client);
    });
}

#[test]
fn without_a_route_no_reset_is_claimed() {
    isolated(|| {
        let ends = floating();
        ip(&["addr flush dev veth0 scope global"]);
        let deleted = delete(&ends.server, &Options::default());
        assert_eq!(deleted.reset, PeerReset::NotSent(NoReset::NoRoute));
        assert_waits(&ends.client);
    });
}

/// The kernel takes the option of an MPTCP socket only before it is connected.
#[test]
fn the_peer_of_an_mptcp_connection_is_not_told() {
    isolated(|| {
        let neighbour = neighbour();
        let mptcp = Some(socket2::Protocol::MPTCP);
        let socket =
            || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, mptcp).ok();
        let Some(listener) = socket() else {
            skip!("this kernel has no MPTCP");
        };
        let listener = tcp::listen_from(listener, (FLOATING, 0).into(), 8);
        let to = listener.local_addr().unwrap();
        let client: TcpStream = neighbour.there.run(move || {
            let mptcp = Some(socket2::Protocol::MPTCP);
            let client =
                socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, mptcp).unwrap();
            client.connect(&to.into()).unwrap();
            client.into()
        });
        let (server, _) = listener.accept().unwrap();
        let ends = Ends::new(client, server);
        assert!(crate::util::lives(&ends.client, &ends.server));
        lose_address();
        let row = find(pair_of(&ends.server));
        let Ok(deleted) = table().delete(&row, &Options::default()) else {
            skip!("this kernel does not disconnect MPTCP");
        };
        assert_eq!(deleted.method, Method::Borrow);
        let reset = deleted.reset;
        assert_eq!(reset, PeerReset::NotSent(NoReset::Mptcp));
        assert_waits(&ends.client);
    });
}

#[test]
fn the_peer_of_a_connection_in_another_namespace_is_told() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let listener = neighbour.there.run(|| {
            ip(&["addr add 10.0.0.50/24 dev veth0"]);
            tcp::listen((FLOATING, 0).into())
        });
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let ends = Ends::new(client, server);
        neighbour.there.run(lose_address);
        let its = format!("/proc/self/task/{}/ns/net", neighbour.there.tid());
        let its = Namespace::named(&its).unwrap();
        let Ok(mut table) = TcpTable::open_in(&its) else {
            skip!("another network namespace may not be entered here");
        };
        let row = table.find(&pair_of(&ends.server).into()).unwrap();
        let deleted = table.delete(&row, &Options::default()).unwrap();
        assert_eq!(deleted.reset, PeerReset::SentFromLostAddress);
        crate::util::assert_reset(&ends.client);
    });
}

/// The plain ones go together, the others one by one, all in their order, and whether they are listed or selected.
#[test]
fn among_many_each_peer_is_told() {
    for how in ["all", "matching", "selected"] {
        isolated(move || {
            if !tcp::room_for(1400) {
                skip!("too few descriptors (ulimit -Hn)");
            }
            let neighbour = neighbour();
            let listener = tcp::listen((Ipv4Addr::UNSPECIFIED, 0).into());
            let to = |number: usize| match number % 6 {
                0 => Ipv4Addr::new(10, 0, 0, 1),
                _ => FLOATING,
            };
            let many: Vec<_> = (0..600)
                .map(|number| connect(&neighbour, &listener, (to(number), 0)))
                .collect();
            lose_address();
            let mut table = table();
            let mut resets = Vec::new();
            let mut report = |row: &Connection, result: Result<Ending, _>| {
                resets.push((row.local().address(), result.unwrap().reset));
                ControlFlow::Continue(())
            };
            let options = Options::default();
            let query = Query::default();
            match how {
                "all" => {
                    let rows: Vec<_> = table.connections(&query).unwrap().collect();
                    let rows: Vec<_> = rows.into_iter().map(Result::unwrap).collect();
                    table.delete_all(rows, &options, &mut report);
                }
                "matching" => {
                    let take = |_: &Connection| Action::Delete;
                    let deleted = table.delete_matching(&query, &options, take, &mut report);
                    deleted.unwrap();
                }
                _ => {
                    let pid = std::process::id();
                    let text = format!("pid {pid} dst 10.0.0.2");
                    let filter = Filter::parse(&text, &SystemNames::new(&table)).unwrap();
                    let selection = Selection::new(filter, States::CONNECTIONS, &mut table);
                    let options = options.while_selected(Arc::new(selection.unwrap()));
                    let take = |_: &Connection| Action::Delete;
                    let deleted = table.delete_matching(&query, &options, take, &mut report);
                    deleted.unwrap();
                }
            }
            assert_eq!(resets.len(), many.len());
            for (address, reset) in resets {
                assert_eq!(
                    reset,
                    if address == FLOATING {
                        PeerReset::SentFromLostAddress
                    } else {
                        PeerReset::Sent
                    }
                );
            }
            for ends in &many {
                assert_eq!(tcp::pending_error(&ends.server), Some(Errno::CONNABORTED));
                assert!(!is_transparent(&ends.server));
                crate::util::assert_reset(&ends.client);
            }
        });
    }
}

#[test]
fn of_states_that_send_no_reset_none_is_claimed() {
    isolated(|| {
        let (_listener, client) = tcp::half_open();
        let (local, peer) = tcp::addresses(&client);
        let request = find(crate::util::pair(peer, local));
        assert_eq!(request.state, State::SynRecv);
        let deleted = table().delete(&request, &Options::default()).unwrap();
        assert_eq!(deleted.reset, PeerReset::NotSent(NoReset::State));
        assert_eq!(deleted.reset.is_sent(), Some(false));
        assert_eq!(deleted.reset.kept_back(), None);
        let listener = tcp::listen(tcp::loopback(0));
        let row = find(crate::util::listener_at(listener.local_addr().unwrap()));
        let options = Options::default().with_listeners();
        let deleted = table().delete(&row, &options).unwrap();
        assert_eq!(deleted.reset.is_sent(), None);
        let plain = tcp::connected();
        let deleted = delete(&plain.server, &Options::default());
        assert_eq!(deleted.reset, PeerReset::Sent);
    });
}
