//! Every way of writing a connection down names the same one.

use std::net::{Ipv6Addr, SocketAddr, TcpStream};

use tcpentry::{ErrorKind, Pair, ScopedEndpoint, State};
use tcpentry_testkit::link::{LINK_LOCAL_HERE, Neighbour};
use tcpentry_testkit::{isolated, tcp};

use crate::util::{assert_reset, cookie, delete, find, pair_of, table};

/// Opens a connection from a client over IPv4 to a dual-stack server.
fn dual_stack() -> tcp::Ends {
    let listener = tcp::listen((Ipv6Addr::UNSPECIFIED, 0).into());
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(tcp::loopback(port)).unwrap();
    let (server, _) = listener.accept().unwrap();
    tcp::Ends::new(client, server)
}

fn read(local: &str, peer: &str) -> Pair {
    let scoped = |text: &str| text.parse::<ScopedEndpoint>().unwrap();
    table().resolve(&scoped(local), &scoped(peer)).unwrap()
}

#[test]
fn a_mapped_server_end_is_found_in_both_notations() {
    isolated(|| {
        let ends = dual_stack();
        let (local, peer) = tcp::addresses(&ends.server);
        assert!(local.to_string().starts_with("[::ffff:127.0.0.1]"));
        let (short, long) = (
            format!("127.0.0.1:{}", local.port()),
            format!("[::ffff:127.0.0.1]:{}", local.port()),
        );
        let (peer_short, peer_long) = (
            format!("127.0.0.1:{}", peer.port()),
            format!("[::ffff:127.0.0.1]:{}", peer.port()),
        );
        for local in [&short, &long] {
            for peer in [&peer_short, &peer_long] {
                let found = find(read(local, peer));
                assert_eq!(found.cookie.value(), cookie(&ends.server));
                assert!(found.mapped);
                let client = find(read(peer, local));
                assert_eq!(client.cookie.value(), cookie(&ends.client));
                assert!(!client.mapped);
            }
        }
        delete(read(&long, &peer_long), State::Established);
        assert_reset(&ends.client);
    });
}

#[test]
fn a_mapped_server_end_is_deleted_by_its_ipv4_name() {
    isolated(|| {
        let ends = dual_stack();
        let (local, peer) = tcp::addresses(&ends.server);
        let name = read(
            &format!("127.0.0.1:{}", local.port()),
            &format!("127.0.0.1:{}", peer.port()),
        );
        delete(name, State::Established);
        assert_reset(&ends.client);
    });
}

#[test]
fn the_ipv4_end_is_deleted_by_its_mapped_name() {
    isolated(|| {
        let ends = dual_stack();
        let (local, peer) = tcp::addresses(&ends.client);
        let name = read(
            &format!("[::ffff:127.0.0.1]:{}", local.port()),
            &format!("[::ffff:127.0.0.1]:{}", peer.port()),
        );
        delete(name, State::Established);
        assert_reset(&ends.server);
    });
}

#[test]
fn ipv6_ends() {
    isolated(|| {
        let ends = tcp::connect_to(&tcp::listen((Ipv6Addr::LOCALHOST, 0).into()));
        delete(pair_of(&ends.client), State::Established);
        assert_reset(&ends.server);
    });
}

#[test]
fn a_link_local_connection_with_and_without_its_scope() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let connect = || {
            let scoped =
                |address, port| std::net::SocketAddrV6::new(address, port, 0, index_of_veth0());
            let listener = tcp::listen(scoped(LINK_LOCAL_HERE, 0).into());
            let port = listener.local_addr().unwrap().port();
            let client = neighbour.there.run(move || {
                let to = std::net::SocketAddrV6::new(LINK_LOCAL_HERE, port, 0, index_of_veth0());
                TcpStream::connect(SocketAddr::from(to)).unwrap()
            });
            let (server, _) = listener.accept().unwrap();
            tcp::Ends::new(client, server)
        };
        for notation in [
            "[fe80::1%veth0]:P",
            "[fe80::1]%veth0:P",
            "[fe80::1]:P",
            "[fe80::1%I]:P",
        ] {
            let ends = connect();
            let (local, peer) = tcp::addresses(&ends.server);
            let local = notation
                .replace('P', &local.port().to_string())
                .replace('I', &index_of_veth0().to_string());
            let name = read(&local, &format!("[{}]:{}", peer.ip(), peer.port()));
            let found = find(name);
            assert_eq!(found.cookie.value(), cookie(&ends.server), "{notation}");
            assert_eq!(
                found.interface().map(tcpentry::Interface::index),
                Some(index_of_veth0())
            );
            delete(name, State::Established);
            assert_reset(&ends.client);
        }
        // On another device there is no such connection.
        let ends = connect();
        let (local, peer) = tcp::addresses(&ends.server);
        let name = read(
            &format!("[fe80::1%lo]:{}", local.port()),
            &format!("[{}]:{}", peer.ip(), peer.port()),
        );
        assert_eq!(crate::util::not_found(name), ErrorKind::NotFound);
    });
}

#[test]
fn a_device_that_does_not_exist_is_said_so() {
    isolated(|| {
        let scoped = |text: &str| text.parse::<ScopedEndpoint>().unwrap();
        let error = table()
            .resolve(&scoped("10.0.0.1%nosuch0:1"), &scoped("10.0.0.2:2"))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        assert!(error.cause().contains("nosuch0"), "{error}");
        assert!(error.hint().is_some());
    });
}

#[test]
fn a_device_is_printed_so_that_it_can_be_pasted_back() {
    isolated(|| {
        let mut devices = table().devices();
        let lo = tcpentry::Interface::new(1).unwrap();
        assert_eq!(devices.name(lo).to_string(), "lo");
        let missing = tcpentry::Interface::new(4711).unwrap();
        assert_eq!(devices.name(missing).to_string(), "4711");
    });
}

fn index_of_veth0() -> u32 {
    let socket = tcp::socket(tcp::loopback(0));
    rustix::net::netdevice::name_to_index(&socket, "veth0").unwrap()
}
