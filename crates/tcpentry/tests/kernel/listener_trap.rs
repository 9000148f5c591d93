//! The trap that a deletion by four-tuple alone falls into: the listener behind a dead connection.

use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use rustix::io::Errno;
use tcpentry::error::Guard;
use tcpentry::set_entry::TcpRow;
use tcpentry::{
    Connection, ErrorKind, MethodChoice, Options, Pair, Query, State, States, TcpTable,
};
use tcpentry_testkit::proc_net;
use tcpentry_testkit::{isolated, kernel, skip, tcp, until};

use crate::util::{cookie, delete, find, listener_at, lives, not_found, pair, table};

/// A server with a connection that must survive whatever is asked.
struct Server {
    listener: TcpListener,
    bystander: tcp::Ends,
    /// The address to which clients connect, over IPv4 unless it is for IPv6 only.
    address: SocketAddr,
}

impl Server {
    fn new(listener: TcpListener) -> Self {
        let address = tcp::reachable(&listener);
        Self {
            bystander: tcp::connect_to(&listener),
            address,
            listener,
        }
    }

    /// Starts a dual-stack server, reached over IPv4.
    fn dual_stack() -> Self {
        let listener = tcp::listen((Ipv6Addr::UNSPECIFIED, 0).into());
        let address = tcp::loopback(listener.local_addr().unwrap().port());
        let client = TcpStream::connect(address).unwrap();
        let (server, _) = listener.accept().unwrap();
        Self {
            bystander: tcp::Ends::new(client, server),
            address,
            listener,
        }
    }

    /// Returns the pair and the row of a connection that has been and is no more, as its server saw it.
    fn dead_connection(&self) -> (Pair, Connection) {
        let client = TcpStream::connect(self.address).unwrap();
        let peer = client.local_addr().unwrap();
        let (server, _) = self.listener.accept().unwrap();
        let pair = pair(self.address, peer);
        let connection = find(pair);
        delete(pair, State::Established);
        drop((client, server));
        (pair, connection)
    }

    fn assert_unharmed(&self) {
        assert!(lives(&self.bystander.client, &self.bystander.server));
        assert!(lives(&self.bystander.server, &self.bystander.client));
        let client = TcpStream::connect(self.address).unwrap();
        let (server, _) = self.listener.accept().unwrap();
        let next = tcp::Ends::new(client, server);
        assert!(lives(&next.client, &next.server));
    }

    /// Asserts that everything that names no connection of this server is "gone", by every way there is.
    fn assert_trap_is_avoided(&self) {
        let (dead, connection) = self.dead_connection();
        let identity = table().identity(&connection).unwrap();
        let port = self.address.port();
        let mut stale = vec![dead];
        for peer in [
            "127.0.0.1:1",
            "192.0.2.9:40000",
            "0.0.0.0:40000",
            "127.0.0.1:0",
        ] {
            stale.push(Pair::new(self.address.into(), peer.parse().unwrap()).unwrap());
        }
        // Not the address it is bound to, or one of those that a wildcard stands for.
        let elsewhere = format!("127.9.9.9:{port}").parse().unwrap();
        stale.push(Pair::new(elsewhere, dead.peer()).unwrap());
        for pair in stale {
            assert_eq!(not_found(pair), ErrorKind::NotFound, "{pair}");
            if let (SocketAddr::V4(local), SocketAddr::V4(peer)) =
                (socket_address(pair.local()), socket_address(pair.peer()))
            {
                let error = table()
                    .set_entry(&TcpRow::deleting(local, peer))
                    .unwrap_err();
                assert_eq!((error.kind(), error.win32()), (ErrorKind::NotFound, 317));
            }
            // As if it had been listed just before it ended, with and without listeners allowed.
            let mut connection = connection.clone();
            connection.pair = pair;
            for options in [Options::default(), Options::default().with_listeners()] {
                for mptcp in [None, Some(false)] {
                    connection.mptcp = mptcp;
                    let error = table().delete(&connection, &options).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{pair}");
                    let error = table().check(&connection, &options).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{pair}");
                }
            }
        }
        let gone = table().find(&identity.into()).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
        self.assert_unharmed();
        self.assert_guarded();
    }

    /// Asserts that the listener itself is found by its own name, and refused.
    fn assert_guarded(&self) {
        let name = listener_at(self.listener.local_addr().unwrap());
        let found = find(name);
        assert_eq!(found.state, State::Listening);
        assert_eq!(found.cookie.value(), cookie(&self.listener));
        let error = table().delete(&found, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused(Guard::Listener));
        assert_eq!(error.win32(), 317);
        self.assert_unharmed();
    }
}

fn socket_address(end: tcpentry::Endpoint) -> SocketAddr {
    SocketAddr::new(end.address(), end.port())
}

#[test]
fn a_listener_on_the_exact_address() {
    isolated(|| Server::new(tcp::listen(tcp::loopback(0))).assert_trap_is_avoided());
}

#[test]
fn a_wildcard_listener() {
    isolated(|| {
        let any = SocketAddr::from(([0, 0, 0, 0], 0));
        Server::new(tcp::listen(any)).assert_trap_is_avoided();
    });
}

#[test]
fn a_dual_stack_listener() {
    isolated(|| Server::dual_stack().assert_trap_is_avoided());
}

#[test]
fn an_ipv6_listener() {
    isolated(|| {
        let listener = tcp::listen((Ipv6Addr::UNSPECIFIED, 0).into());
        let server = Server::new(listener);
        let (dead, connection) = server.dead_connection();
        assert_eq!(not_found(dead), ErrorKind::NotFound);
        let error = table().delete(&connection, &Options::default());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
        let local = server.address;
        for peer in ["[::1]:1", "[::]:40000", "[2001:db8::1]:1"] {
            let pair = Pair::new(local.into(), peer.parse().unwrap()).unwrap();
            assert_eq!(not_found(pair), ErrorKind::NotFound, "{pair}");
        }
        server.assert_guarded();
    });
}

#[test]
fn listeners_that_share_a_port() {
    isolated(|| {
        let group = sharing(tcp::loopback(0), 3);
        let address = group[0].local_addr().unwrap();
        for peer in ["127.0.0.1:1", "127.0.0.1:2", "192.0.2.1:3", "0.0.0.0:4"] {
            let pair = Pair::new(address.into(), peer.parse().unwrap()).unwrap();
            assert_eq!(not_found(pair), ErrorKind::NotFound);
        }
        assert_eq!(listening(address), 3);
        // Their common name does not say which.
        let error = table().find(&listener_at(address).into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ambiguous);
        assert_eq!(error.candidates().len(), 3);
        assert_eq!(listening(address), 3);
    });
}

#[test]
fn a_row_that_names_a_listener_is_refused() {
    isolated(|| {
        let server = Server::new(tcp::listen(tcp::loopback(0)));
        let SocketAddr::V4(local) = server.address else {
            unreachable!("it is 127.0.0.1")
        };
        let row = TcpRow::deleting(local, "0.0.0.0:0".parse().unwrap());
        let error = table().set_entry(&row).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused(Guard::Listener));
        assert_eq!(error.win32(), 317);
        server.assert_unharmed();
    });
}

#[test]
fn a_thousand_stale_deletions_harm_nothing() {
    isolated(|| {
        let server = Server::dual_stack();
        let mut table = table();
        let mut stale = Vec::new();
        for _ in 0..10 {
            stale.push(server.dead_connection());
        }
        for round in 0..100 {
            for (pair, connection) in &stale {
                let gone = |error: tcpentry::Error| error.kind() == ErrorKind::NotFound;
                if round % 2 == 0 {
                    assert!(gone(table.find(&(*pair).into()).unwrap_err()));
                }
                let deleted = table.delete(connection, &Options::default());
                assert!(gone(deleted.unwrap_err()));
            }
        }
        server.assert_unharmed();
    });
}

#[test]
fn a_connection_that_ends_between_look_up_and_deletion_by_itself() {
    isolated(|| {
        let server = Server::new(tcp::listen(tcp::loopback(0)));
        let ends = tcp::connect_to(&server.listener);
        let (local, peer) = tcp::addresses(&ends.server);
        let mut table = table();
        let connection = table.find(&pair(local, peer).into()).unwrap();
        socket2::SockRef::from(&ends.client)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
        drop(ends.client); // a reset
        until("it has ended", || proc_net::row(local, peer).is_none());
        let error = table.delete(&connection, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        server.assert_unharmed();
    });
}

#[test]
fn a_reused_four_tuple_is_another_connection() {
    isolated(|| {
        let server = Server::new(tcp::listen(tcp::loopback(0)));
        let (name, old) = server.dead_connection();
        let identity = table().identity(&old).unwrap();
        let client = socket_address(name.peer());
        let socket = tcp::socket(client);
        socket.bind(&client.into()).unwrap();
        let again = tcp::connect_from(socket, &server.listener);
        assert_eq!(crate::util::pair_of(&again.server), name);
        let error = table().find(&identity.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = table().delete(&old, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(lives(&again.client, &again.server));
        assert_ne!(find(name).cookie, old.cookie);
        server.assert_unharmed();
    });
}

#[test]
fn neither_row_nor_identity_reaches_a_listener_made_of_its_socket() {
    isolated(|| {
        // The owner disconnects its socket, whose port it chose, and listens with it: the same cookie
        // at the same local end, where the kernel's look-up of the old four-tuple finds it.
        let server = tcp::listen(tcp::loopback(0));
        let socket = tcp::socket(tcp::loopback(0));
        socket.set_reuse_address(true).unwrap();
        socket.bind(&tcp::loopback(4567).into()).unwrap();
        socket
            .connect(&server.local_addr().unwrap().into())
            .unwrap();
        let stream = TcpStream::from(socket);
        let connection = find(crate::util::pair_of(&stream));
        assert!(connection.mptcp.is_some(), "a row that knows everything");
        let identity = table().identity(&connection).unwrap();
        rustix::net::connect_unspec(&stream).unwrap();
        let listener = socket2::Socket::from(stream);
        listener.listen(1).unwrap();
        let listener = TcpListener::from(listener);
        assert_eq!(listener.local_addr().unwrap(), tcp::loopback(4567));
        assert_eq!(cookie(&listener), connection.cookie.value());

        for options in [Options::default(), Options::default().with_listeners()] {
            let error = table().delete(&connection, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
        }
        let error = table().find(&identity.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let _client = TcpStream::connect(tcp::reachable(&listener)).unwrap();
        assert!(listener.accept().is_ok());
    });
}

#[test]
fn a_listener_is_deleted_when_it_is_asked_for_by_name() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let other = tcp::listen(tcp::loopback(0));
        let address = listener.local_addr().unwrap();
        let accepted = tcp::connect_to(&listener);
        let waiting = tcp::blocked_in_accept(&listener);
        let name = listener_at(address);
        let mut table = table();
        let found = table.find(&name.into()).unwrap();
        let options = Options::default().with_listeners();
        let deleted = table.delete(&found, &options).unwrap();
        assert_eq!(deleted.connection.cookie.value(), cookie(&listener));
        assert_eq!(tcp::errno(waiting.result()), Errno::INVAL);
        assert_eq!(tcp::pending_error(&listener), Some(Errno::CONNABORTED));
        assert_eq!(not_found(name), ErrorKind::NotFound);
        let refused = TcpStream::connect(address);
        assert_eq!(tcp::errno(refused), Errno::CONNREFUSED);
        assert!(lives(&accepted.client, &accepted.server));
        assert!(TcpStream::connect(other.local_addr().unwrap()).is_ok());
    });
}

#[test]
fn a_listener_keeps_the_port_that_its_owner_chose_and_is_deleted_all_the_same() {
    isolated(|| {
        for method in [MethodChoice::SockDiag, MethodChoice::Borrow] {
            let listener = tcp::listen(tcp::loopback(4242));
            let name = listener_at(tcp::loopback(4242));
            let mut table = table();
            let found = table.find(&name.into()).unwrap();
            let options = Options::default().with_listeners().with_method(method);
            let _deleted = table.delete(&found, &options).unwrap();
            let refused = TcpStream::connect(tcp::loopback(4242));
            assert_eq!(tcp::errno(refused), Errno::CONNREFUSED);
            match table.find(&name.into()) {
                Ok(left) => {
                    assert_eq!(left.state, State::BoundInactive);
                    assert_eq!(left.cookie, found.cookie);
                }
                // It is there, but not shown.
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NotFound);
                    assert!(!kernel::shows_bound());
                }
            }
            let error = table.delete(&found, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            let error = table.check(&found, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            drop(listener);
        }
    });
}

#[test]
fn the_queue_of_a_deleted_listener_is_reset() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let address = listener.local_addr().unwrap();
        let queued = TcpStream::connect(address).unwrap();
        tcp::bound(&queued);
        let options = Options::default().with_listeners();
        let _deleted = table()
            .delete(&find(listener_at(address)), &options)
            .unwrap();
        crate::util::assert_reset(&queued);
    });
}

#[test]
fn one_of_several_listeners_is_deleted_by_its_identity() {
    isolated(|| {
        let group = sharing(tcp::loopback(0), 16);
        let address = group[0].local_addr().unwrap();
        let mut table = table();
        let options = Options::default().with_listeners();
        let mut left = group.len();
        for listener in &group {
            let query = Query::in_states(States::LISTENING);
            let found = rows(&mut table, &query)
                .into_iter()
                .find(|row| row.cookie.value() == cookie(listener))
                .unwrap();
            let identity = table.identity(&found).unwrap();
            let again = table.find(&identity.into()).unwrap();
            assert_eq!(again.cookie, found.cookie);
            let _deleted = table.delete(&again, &options).unwrap();
            left -= 1;
            assert_eq!(listening(address), left);
            assert_eq!(tcp::pending_error(listener), Some(Errno::CONNABORTED));
            let error = table.delete(&again, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
    });
}

#[test]
fn a_dual_stack_listener_is_deleted_by_name() {
    isolated(|| {
        let listener = tcp::listen((Ipv6Addr::UNSPECIFIED, 0).into());
        let found = find(listener_at(listener.local_addr().unwrap()));
        let options = Options::default().with_listeners();
        let _deleted = table().delete(&found, &options).unwrap();
        assert_eq!(tcp::pending_error(&listener), Some(Errno::CONNABORTED));
    });
}

#[test]
fn an_orphan_of_a_live_server_is_deleted_and_the_server_lives() {
    isolated(|| {
        if !kernel::destroys_time_wait() {
            skip!("{}", kernel::NO_TIME_WAIT);
        }
        let server = Server::new(tcp::listen(tcp::loopback(0)));
        let ends = tcp::connect_to(&server.listener);
        let (local, peer) = tcp::orphan(ends.server);
        delete(pair(local, peer), State::FinWait2);
        server.assert_unharmed();
    });
}

fn sharing(at: SocketAddr, count: usize) -> Vec<TcpListener> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    for _ in 0..count {
        let at = listeners
            .first()
            .map_or(at, |first| first.local_addr().unwrap());
        let socket = tcp::socket(at);
        socket.set_reuse_port(true).unwrap();
        listeners.push(tcp::listen_from(socket, at, 16));
    }
    listeners
}

fn rows(table: &mut TcpTable, query: &Query) -> Vec<Connection> {
    table
        .connections(query)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn listening(address: SocketAddr) -> usize {
    rows(&mut table(), &Query::in_states(States::LISTENING))
        .iter()
        .filter(|row| row.local() == address.into())
        .count()
}
