//! Deleting from every state, and who is told what.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{SockRef, TcpKeepalive};
use tcpentry::{Connection, ErrorKind, MethodChoice, Options, Pair, State};
use tcpentry_testkit::link::{self, Neighbour};
use tcpentry_testkit::proc_net::{await_orphan, await_state, resets_sent};
use tcpentry_testkit::{isolated, kernel, skip, tcp, until};

use crate::util::{
    assert_reset, assert_told, delete, delete_orphan, find, listener_at, lives, pair, pair_of,
    table,
};

const IN_ERR_HUP_RDHUP: u32 = 0x2019;

/// Deletes what a pair names, and sees whether a reset is sent, be it lost on its way.
fn delete_sending(resets: u64, pair: Pair, state: State) -> Connection {
    let before = resets_sent();
    let deleted = delete(pair, state);
    assert_eq!(resets_sent() - before, resets, "resets");
    deleted
}

#[test]
fn established_both_ends_are_told() {
    isolated(|| {
        let ends = tcp::connected();
        let owner = tcp::blocked_in_recv(&ends.server);
        delete_sending(1, pair_of(&ends.server), State::Established);
        assert_eq!(tcp::errno(owner.result()), Errno::CONNABORTED);
        assert_eq!((&ends.server).read(&mut [0]).unwrap(), 0);
        assert_eq!(tcp::errno((&ends.server).write(b"x")), Errno::PIPE);
        assert_reset(&ends.client);
    });
}

#[test]
fn established_epoll_shows_it_to_the_owner() {
    isolated(|| {
        let ends = tcp::connected();
        assert_eq!(tcp::events(&ends.server), 0);
        delete(pair_of(&ends.server), State::Established);
        assert_eq!(tcp::events(&ends.server), IN_ERR_HUP_RDHUP);
        assert_eq!(tcp::pending_error(&ends.server), Some(Errno::CONNABORTED));
    });
}

#[test]
fn established_the_owners_next_send_fails() {
    isolated(|| {
        let ends = tcp::connected();
        delete(pair_of(&ends.server), State::Established);
        assert_eq!(
            tcp::errno((&ends.server).write(b"x")),
            Errno::CONNABORTED,
            "the first call is told why"
        );
        assert_eq!(tcp::errno((&ends.server).write(b"x")), Errno::PIPE);
    });
}

#[test]
fn established_what_had_arrived_can_still_be_read() {
    isolated(|| {
        let ends = tcp::connected();
        (&ends.client).write_all(b"last words").unwrap();
        let (local, peer) = tcp::addresses(&ends.server);
        until("it has arrived", || {
            find(pair(local, peer)).recv_queue == 10
        });
        delete(pair(local, peer), State::Established);
        let mut words = [0; 32];
        let count = (&ends.server).read(&mut words).unwrap();
        assert_eq!(&words[..count], b"last words");
        assert_told(&ends.server, Errno::CONNABORTED);
    });
}

#[test]
fn established_its_descriptor_can_not_be_connected_again() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let ends = tcp::connect_to(&listener);
        delete(pair_of(&ends.client), State::Established);
        let client = socket2::Socket::from(ends.client);
        let to = tcp::reachable(&listener).into();
        assert_eq!(tcp::errno(client.connect(&to)), Errno::ISCONN);
    });
}

#[test]
fn established_its_four_tuple_can_be_used_again_at_once() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let ends = tcp::connect_to(&listener);
        let (local, _) = tcp::addresses(&ends.client);
        delete(pair_of(&ends.client), State::Established);
        drop(ends);
        let socket = tcp::socket(local);
        socket.bind(&local.into()).unwrap();
        let again = tcp::connect_from(socket, &listener);
        assert!(lives(&again.client, &again.server));
    });
}

#[test]
fn established_the_peer_in_another_namespace_is_reset() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        let peer = tcp::blocked_in_recv(&ends.client);
        delete(pair_of(&ends.server), State::Established);
        assert_eq!(tcp::errno(peer.result()), Errno::CONNRESET);
    });
}

#[test]
fn established_with_a_silent_peer_and_data_queued() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        neighbour.mute_here();
        neighbour.mute_there();
        tcp::fill(&ends.server);
        let pair = pair_of(&ends.server);
        // As much as the kernel takes in: 6.1 takes less than its successors.
        assert!(find(pair).send_queue > 8192, "{}", find(pair).send_queue);
        assert!(tcp::send_memory(&ends.server) > 8192);
        delete_sending(1, pair, State::Established);
        assert_eq!(tcp::pending_error(&ends.server), Some(Errno::CONNABORTED));
        assert_eq!(tcp::send_memory(&ends.server), 0, "its buffers are freed");
        let (local, peer) = tcp::addresses(&ends.client);
        neighbour.there.run(move || {
            assert_eq!(
                find(crate::util::pair(local, peer)).state,
                State::Established
            );
        });
    });
}

#[test]
fn established_with_its_device_down() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        link::ip(&["link set veth0 down"]);
        delete_sending(1, pair_of(&ends.server), State::Established);
        assert_told(&ends.server, Errno::CONNABORTED);
    });
}

#[test]
fn syn_sent_connect_fails() {
    isolated(|| {
        let (listener, _in_queue) = tcp::full_listener();
        let full = tcp::reachable(&listener);
        let socket = tcp::socket(tcp::loopback(0));
        socket.bind(&tcp::loopback(0).into()).unwrap();
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        let connecting = tcp::blocked_in_connect(socket, full);
        await_state(local, full, 2);
        delete_sending(0, pair(local, full), State::SynSent);
        let (_socket, result) = connecting.result();
        assert_eq!(tcp::errno(result), Errno::CONNABORTED);
    });
}

#[test]
fn syn_sent_epoll_shows_it_to_the_owner() {
    isolated(|| {
        let (listener, _in_queue) = tcp::full_listener();
        let full = tcp::reachable(&listener);
        let socket = tcp::socket(tcp::loopback(0));
        socket.set_nonblocking(true).unwrap();
        let started = socket.connect(&full.into());
        assert_eq!(tcp::errno(started), Errno::INPROGRESS);
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        delete(pair(local, full), State::SynSent);
        // EPOLLOUT was not asked for.
        assert_eq!(tcp::events(&socket), IN_ERR_HUP_RDHUP);
        assert_eq!(tcp::pending_error(&socket), Some(Errno::CONNABORTED));
    });
}

#[test]
fn syn_recv_a_request_is_deleted_and_its_client_finds_out_when_it_sends() {
    isolated(|| {
        let (listener, client) = tcp::half_open();
        let (local, peer) = tcp::addresses(&client);
        assert_eq!(find(pair(peer, local)).inode, None);
        delete_sending(0, pair(peer, local), State::SynRecv);
        assert_eq!(find(pair(local, peer)).state, State::Established);
        assert_eq!(tcp::pending_error(&client), None, "no packet was sent");
        (&client).write_all(b"x").unwrap();
        assert_eq!(tcp::errno((&client).read(&mut [0])), Errno::CONNRESET);
        // The listener serves the next one.
        let next = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (&next).write_all(b"x").unwrap();
        assert!(listener.accept().is_ok());
    });
}

#[test]
fn syn_recv_a_fast_open_connection_is_reset() {
    isolated(|| {
        let neighbour = Neighbour::new();
        // Without cookies, on both sides.
        link::sysctl("net/ipv4/tcp_fastopen", "0x207");
        neighbour
            .there
            .run(|| link::sysctl("net/ipv4/tcp_fastopen", "0x207"));
        let listener = neighbour.listener();
        tcp::allow_fast_open(&listener);
        neighbour.mute_here();
        let to = listener.local_addr().unwrap();
        let client = neighbour.there.run(move || {
            let client = tcp::socket(to);
            client.set_nonblocking(true).unwrap();
            let sent = client.send_to_with_flags(b"early", &to.into(), libc::MSG_FASTOPEN);
            assert_eq!(sent.unwrap(), 5);
            client
        });
        let (mut server, peer) = listener.accept().unwrap();
        tcp::bound(&server);
        let deleted = delete(pair(to, peer), State::SynRecv);
        assert!(deleted.inode.is_some());
        let mut early = [0; 8];
        assert_eq!(server.read(&mut early).unwrap(), 5);
        assert_told(&server, Errno::CONNABORTED);
        drop(client);
    });
}

#[test]
fn fin_wait_1_with_owner() {
    isolated(|| {
        let ends = ends_that_close_behind_queued_data();
        ends.server.shutdown(Shutdown::Write).unwrap();
        let owner = tcp::blocked_in_recv(&ends.server);
        delete_sending(1, pair_of(&ends.server), State::FinWait1);
        assert_eq!(tcp::errno(owner.result()), Errno::CONNABORTED);
        assert_eq!((&ends.server).read(&mut [0]).unwrap(), 0);
        until("the peer is told", || {
            tcp::pending_error(&ends.client) == Some(Errno::CONNRESET)
        });
    });
}

#[test]
fn fin_wait_1_without_owner() {
    isolated(|| {
        let ends = ends_that_close_behind_queued_data();
        let (local, peer) = tcp::addresses(&ends.server);
        drop(ends.server);
        await_orphan(local, peer, 4);
        let Some(deleted) = delete_orphan(pair(local, peer), State::FinWait1) else {
            skip!("{}", kernel::NO_ORPHANS);
        };
        assert_eq!(deleted.inode, None);
        until("the peer is told", || {
            tcp::pending_error(&ends.client) == Some(Errno::CONNRESET)
        });
    });
}

#[test]
fn fin_wait_1_its_fin_was_lost() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        neighbour.mute_here();
        ends.server.shutdown(Shutdown::Write).unwrap();
        delete(pair_of(&ends.server), State::FinWait1);
        assert_eq!(tcp::pending_error(&ends.server), Some(Errno::CONNABORTED));
    });
}

/// Opens a connection whose client does not read, so that its window is closed: a FIN of the server waits behind the data.
fn ends_that_close_behind_queued_data() -> tcp::Ends {
    let ends = tcp::connected();
    tcp::fill(&ends.server);
    ends
}

#[test]
fn fin_wait_2_with_owner() {
    isolated(|| {
        let ends = tcp::connected();
        ends.server.shutdown(Shutdown::Write).unwrap();
        let (local, peer) = tcp::addresses(&ends.server);
        await_state(local, peer, 5);
        let owner = tcp::blocked_in_recv(&ends.server);
        delete_sending(1, pair(local, peer), State::FinWait2);
        assert_eq!(tcp::errno(owner.result()), Errno::CONNABORTED);
        assert_peer_in_close_wait_is_told(&ends.client);
    });
}

#[test]
fn fin_wait_2_without_owner_ends_and_the_peer_hears_nothing() {
    isolated(|| {
        if !kernel::destroys_time_wait() {
            skip!("{}", kernel::NO_TIME_WAIT);
        }
        let ends = tcp::connected();
        let (local, peer) = tcp::orphan(ends.server);
        let deleted = delete_sending(0, pair(local, peer), State::FinWait2);
        assert_eq!(deleted.inode, None);
        assert_eq!(tcp::pending_error(&ends.client), None);
        assert_eq!(find(pair(peer, local)).state, State::CloseWait);
    });
}

#[test]
fn close_wait() {
    isolated(|| {
        let ends = in_close_wait();
        delete_sending(1, pair_of(&ends.server), State::CloseWait);
        assert_eq!(tcp::events(&ends.server), IN_ERR_HUP_RDHUP);
        assert_eq!(tcp::pending_error(&ends.server), Some(Errno::CONNABORTED));
        assert_eq!(tcp::errno((&ends.server).write(b"x")), Errno::PIPE);
        assert_reset(&ends.client);
    });
}

#[test]
fn close_wait_the_owners_recv_goes_on_giving_end_of_file() {
    isolated(|| {
        let ends = in_close_wait();
        assert_eq!((&ends.server).read(&mut [0]).unwrap(), 0);
        delete(pair_of(&ends.server), State::CloseWait);
        for _ in 0..2 {
            assert_eq!((&ends.server).read(&mut [0]).unwrap(), 0);
        }
        let sent = (&ends.server).write(b"x");
        assert_eq!(tcp::errno(sent), Errno::CONNABORTED, "the first send");
        let sent = (&ends.server).write(b"x");
        assert_eq!(tcp::errno(sent), Errno::PIPE, "each one after it");
        assert_eq!((&ends.server).read(&mut [0]).unwrap(), 0);
        assert_reset(&ends.client);
    });
}

#[test]
fn close_wait_an_owner_that_has_not_read_yet_gets_end_of_file_too() {
    isolated(|| {
        let ends = in_close_wait();
        delete(pair_of(&ends.server), State::CloseWait);
        assert_eq!((&ends.server).read(&mut [0]).unwrap(), 0);
        assert_eq!(tcp::pending_error(&ends.server), Some(Errno::CONNABORTED));
        assert_eq!((&ends.server).read(&mut [0]).unwrap(), 0);
    });
}

/// Ends of which the client has closed its half.
fn in_close_wait() -> tcp::Ends {
    let ends = tcp::connected();
    ends.client.shutdown(Shutdown::Write).unwrap();
    let (local, peer) = tcp::addresses(&ends.server);
    await_state(local, peer, 8);
    ends
}

/// Opens a connection whose server is in CLOSING: both ends have sent a FIN, and nothing that this one sends since arrives.
fn closing() -> (Neighbour, tcp::Ends) {
    let neighbour = Neighbour::new();
    let ends = neighbour.connected();
    let (local, peer) = tcp::addresses(&ends.server);
    neighbour.mute_here();
    ends.server.shutdown(Shutdown::Write).unwrap();
    ends.client.shutdown(Shutdown::Write).unwrap();
    await_state(local, peer, 11);
    (neighbour, ends)
}

#[test]
fn closing_with_owner() {
    isolated(|| {
        let (neighbour, ends) = closing();
        let (local, peer) = tcp::addresses(&ends.server);
        // What it sends again would be answered once the socket is gone.
        neighbour.mute_there();
        delete_sending(0, pair(local, peer), State::Closing);
        assert_eq!(tcp::pending_error(&ends.server), Some(Errno::CONNABORTED));
        // The peer still waits for the acknowledgement of its FIN.
        neighbour.there.run(move || {
            assert_eq!(find(pair(peer, local)).state, State::FinWait1);
        });
    });
}

#[test]
fn closing_the_peer_is_reset_at_its_next_packet() {
    isolated(|| {
        let (neighbour, ends) = closing();
        let (local, peer) = tcp::addresses(&ends.server);
        delete(pair(local, peer), State::Closing);
        assert_eq!(tcp::pending_error(&ends.client), None);
        neighbour.unmute_here();
        // It sends its FIN again.
        until("the peer is told", || {
            tcp::pending_error(&ends.client) == Some(Errno::CONNRESET)
        });
    });
}

#[test]
fn closing_without_owner() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        let (local, peer) = tcp::addresses(&ends.server);
        neighbour.mute_here();
        drop(ends.server);
        // A process forked meanwhile may hold it a little longer.
        await_orphan(local, peer, 4);
        ends.client.shutdown(Shutdown::Write).unwrap();
        await_orphan(local, peer, 11);
        let Some(deleted) = delete_orphan(pair(local, peer), State::Closing) else {
            skip!("{}", kernel::NO_ORPHANS);
        };
        assert_eq!(deleted.inode, None);
    });
}

#[test]
fn last_ack() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        let (local, peer) = tcp::addresses(&ends.server);
        ends.client.shutdown(Shutdown::Write).unwrap();
        await_state(local, peer, 8);
        neighbour.mute_here();
        ends.server.shutdown(Shutdown::Write).unwrap();
        await_state(local, peer, 9);
        delete_sending(0, pair(local, peer), State::LastAck);
        assert_eq!(tcp::pending_error(&ends.server), Some(Errno::CONNABORTED));
    });
}

#[test]
fn last_ack_the_peer_is_reset_at_its_next_packet() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        let (local, peer) = tcp::addresses(&ends.server);
        // It has closed, so that all it sends is whether anybody is there.
        let second = Duration::from_secs(1);
        let probes = TcpKeepalive::new().with_time(second).with_interval(second);
        SockRef::from(&ends.client)
            .set_tcp_keepalive(&probes)
            .unwrap();
        ends.client.shutdown(Shutdown::Write).unwrap();
        await_state(local, peer, 8);
        neighbour.mute_here();
        ends.server.shutdown(Shutdown::Write).unwrap();
        await_state(local, peer, 9);
        delete(pair(local, peer), State::LastAck);
        neighbour.unmute_here();
        until("the peer is told", || {
            tcp::pending_error(&ends.client) == Some(Errno::CONNRESET)
        });
    });
}

#[test]
fn last_ack_without_owner() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        let (local, peer) = tcp::addresses(&ends.server);
        ends.client.shutdown(Shutdown::Write).unwrap();
        await_state(local, peer, 8);
        neighbour.mute_here();
        drop(ends.server);
        await_orphan(local, peer, 9);
        let Some(deleted) = delete_orphan(pair(local, peer), State::LastAck) else {
            skip!("{}", kernel::NO_ORPHANS);
        };
        assert_eq!(deleted.inode, None);
    });
}

#[test]
fn time_wait_frees_its_four_tuple() {
    isolated(|| {
        if !kernel::destroys_time_wait() {
            skip!("{}", kernel::NO_TIME_WAIT);
        }
        let listener = tcp::listen(tcp::loopback(0));
        let ends = tcp::connect_to(&listener);
        let (local, peer) = tcp::time_wait(ends.client, ends.server);
        let deleted = delete_sending(0, pair(local, peer), State::TimeWait);
        assert_eq!((deleted.inode, deleted.uid), (None, 0));
        let socket = tcp::socket(local);
        socket.bind(&local.into()).unwrap();
        let again = tcp::connect_from(socket, &listener);
        assert!(lives(&again.client, &again.server));
    });
}

#[test]
fn a_connection_not_yet_accepted() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        tcp::bound(&client);
        let (local, peer) = tcp::addresses(&client);
        await_state(peer, local, 1);
        let deleted = delete_sending(1, pair(peer, local), State::Established);
        assert_eq!(deleted.inode, None);
        assert_reset(&client);
        let (server, address) = listener.accept().unwrap();
        assert_eq!(address, local, "accept() still hands it out");
        assert_told(&server, Errno::CONNABORTED);
    });
}

#[test]
fn a_socket_that_is_only_bound_can_not_be_deleted() {
    isolated(|| {
        if !kernel::shows_bound() {
            skip!("{}", kernel::NO_BOUND);
        }
        let socket = tcp::socket(tcp::loopback(0));
        socket.bind(&tcp::loopback(0).into()).unwrap();
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        let mut table = table();
        let bound = table.find(&listener_at(local).into()).unwrap();
        assert_eq!(bound.state, State::BoundInactive);
        for method in [
            MethodChoice::Auto,
            MethodChoice::SockDiag,
            MethodChoice::Borrow,
        ] {
            let options = Options::default().with_listeners().with_method(method);
            let error = table.delete(&bound, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotSupported);
            assert_eq!(error.win32(), 50);
        }
        socket.listen(1).unwrap();
    });
}

/// Asserts that a peer that had read the end of the stream learns of the reset: it may go on sending until it is told that
/// nobody reads.
fn assert_peer_in_close_wait_is_told(mut peer: &TcpStream) {
    until("the reset arrives", || tcp::events(peer) & 0x18 == 0x18);
    assert_eq!(tcp::errno(peer.write(b"x")), Errno::PIPE);
}

#[test]
fn borrowing_tells_the_owner_reset() {
    isolated(|| {
        let ends = tcp::connected();
        let owner = tcp::blocked_in_recv(&ends.server);
        let pair = pair_of(&ends.server);
        borrow(pair);
        match owner.result() {
            // It had to be woken first.
            Ok(end) if !kernel::is_at_least(6, 8) => assert_eq!(end, 0),
            woken => assert_eq!(tcp::errno(woken), Errno::PIPE),
        }
        assert_eq!(tcp::pending_error(&ends.server), Some(Errno::CONNRESET));
        assert_reset(&ends.client);
    });
}

#[test]
fn borrowing_shows_in_epoll() {
    isolated(|| {
        let ends = tcp::connected();
        borrow(pair_of(&ends.server));
        assert_eq!(tcp::events(&ends.server) & 0x18, 0x18);
        assert_eq!(tcp::pending_error(&ends.server), Some(Errno::CONNRESET));
        let read = (&ends.server).read(&mut [0]);
        assert_eq!(tcp::errno(read), Errno::NOTCONN);
    });
}

#[test]
fn borrowing_the_owners_next_recv_is_reset_and_then_not_connected() {
    isolated(|| {
        let ends = tcp::connected();
        borrow(pair_of(&ends.server));
        let read = || tcp::errno((&ends.server).read(&mut [0]));
        assert_eq!(read(), Errno::CONNRESET);
        assert_eq!(read(), Errno::NOTCONN);
        assert_eq!(tcp::errno((&ends.server).write(b"x")), Errno::PIPE);
        assert_eq!(read(), Errno::NOTCONN);
    });
}

#[test]
fn borrowing_the_owners_next_send_is_reset_and_then_a_broken_pipe() {
    isolated(|| {
        let ends = tcp::connected();
        borrow(pair_of(&ends.server));
        let write = || tcp::errno((&ends.server).write(b"x"));
        assert_eq!(write(), Errno::CONNRESET);
        assert_eq!(write(), Errno::PIPE);
        let read = (&ends.server).read(&mut [0]);
        assert_eq!(tcp::errno(read), Errno::NOTCONN);
    });
}

#[test]
fn borrowing_an_owner_that_waited_is_reset_at_its_next_recv() {
    isolated(|| {
        if !kernel::is_at_least(6, 8) {
            skip!("on this kernel an owner that waits has to be woken first");
        }
        let ends = tcp::connected();
        let owner = tcp::blocked_in_recv(&ends.server);
        borrow(pair_of(&ends.server));
        assert_eq!(tcp::errno(owner.result()), Errno::PIPE);
        let read = || tcp::errno((&ends.server).read(&mut [0]));
        assert_eq!(read(), Errno::CONNRESET);
        assert_eq!(read(), Errno::NOTCONN);
    });
}

#[test]
fn borrowing_ends_every_state_that_has_an_owner() {
    isolated(|| {
        let ends = tcp::connected();
        let (local, peer) = tcp::addresses(&ends.server);
        ends.server.shutdown(Shutdown::Write).unwrap();
        await_state(local, peer, 5);
        await_state(peer, local, 8);
        borrow(pair(peer, local)); // CLOSE_WAIT
        let ends = tcp::connected();
        let (local, peer) = tcp::addresses(&ends.server);
        ends.server.shutdown(Shutdown::Write).unwrap();
        await_state(local, peer, 5);
        borrow(pair(local, peer)); // FIN_WAIT2
        let (listener, _in_queue) = tcp::full_listener();
        let full = tcp::reachable(&listener);
        let socket = tcp::socket(tcp::loopback(0));
        socket.set_nonblocking(true).unwrap();
        let started = socket.connect(&full.into());
        assert_eq!(tcp::errno(started), Errno::INPROGRESS);
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        borrow(pair(local, full)); // SYN_SENT
    });
}

#[test]
fn borrowing_can_not_end_what_has_no_owner() {
    isolated(|| {
        let ends = tcp::connected();
        let (local, peer) = tcp::orphan(ends.server);
        let mut table = table();
        let orphan = table.find(&pair(local, peer).into()).unwrap();
        let options = Options::default().with_method(MethodChoice::Borrow);
        let error = table.delete(&orphan, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        assert!(error.cause().contains("no process holds"), "{error}");
        assert_eq!(find(pair(local, peer)).cookie, orphan.cookie);
    });
}

fn borrow(pair: tcpentry::Pair) {
    let mut table = table();
    let connection = table.find(&pair.into()).unwrap();
    let options = Options::default().with_method(MethodChoice::Borrow);
    let deleted = table.delete(&connection, &options).unwrap();
    assert_eq!(deleted.method, tcpentry::Method::Borrow);
    assert_eq!(crate::util::not_found(pair), ErrorKind::NotFound);
}

#[test]
fn a_connection_that_only_sends_or_only_receives_is_not_idle() {
    isolated(|| {
        let ends = tcp::connected();
        let quiet = tcp::connected();
        let pause = Duration::from_millis(600);
        std::thread::sleep(pause);
        (&ends.client).write_all(b"x").unwrap();
        (&ends.server).read_exact(&mut [0]).unwrap();
        // One has sent and the other received; in the other direction nothing has ever moved.
        for stream in [&ends.client, &ends.server] {
            let found = find(pair_of(stream));
            let info = found.info.as_ref().unwrap();
            let (sent, received) = (info.last_data_sent, info.last_data_received);
            assert!(sent.max(received) >= pause, "{info:?}");
            assert_eq!(found.idle(), Some(sent.min(received)));
            assert!(sent.min(received) < sent.max(received), "{info:?}");
        }
        let idle = find(pair_of(&quiet.client)).idle();
        assert!(idle.unwrap() >= pause, "{idle:?}");
    });
}
