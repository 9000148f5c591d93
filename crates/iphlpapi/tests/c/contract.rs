//! The contract of `SetTcpEntry`, line by line and in its order, from C.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream};

use rustix::io::Errno;
use rustix::net::AddressFamily;
use socket2::{Domain, Protocol, Socket, Type};
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::proc_net::await_state;
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, link, seccomp, skip, tcp};

use crate::call::{Row, delete_id};
use crate::compiler::{Build, Opened, Run, program, without_capabilities};

const ONE_USER: &str = "only one user is mapped here (unshare -Ur); run it as root";
const SOCK_DIAG: &str = "TCPENTRY_METHOD_SOCK_DIAG";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn zeros() -> Row {
    Row::new(at("0.0.0.0:0"), at("0.0.0.0:0"))
}

fn missing() -> Row {
    Row::new(at("127.0.0.1:4000"), at("127.0.0.1:5000"))
}

fn missing6() -> Row {
    Row::new(at("[::1]:4000"), at("[::1]:5000"))
}

/// Runs `refusing` for the sockets of a family.
fn without<T: Send>(family: AddressFamily, errno: Errno, body: impl FnOnce() -> T + Send) -> T {
    let family = Some(family.as_raw().into());
    seccomp::refusing(SYS_SOCKET, family, errno.raw_os_error(), body)
}

fn lives(ends: &tcp::Ends) -> bool {
    use std::io::{Read as _, Write as _};
    (&ends.client).write_all(b"x").is_ok() && (&ends.server).read_exact(&mut [0]).is_ok()
}

#[track_caller]
fn assert_reset(peer: &TcpStream) {
    use std::io::Read as _;
    let mut peer = peer;
    assert_eq!(tcp::errno(peer.read(&mut [0])), Errno::CONNRESET);
}

#[test]
fn a_state_other_than_12_is_87() {
    isolated(|| {
        let (four, six) = (
            tcp::connected(),
            tcp::connect_to(&tcp::listen(at("[::1]:0"))),
        );
        for state in (0..=11).chain([13, 0x0c00_0000, 0x8000_000c, u32::MAX]) {
            for row in [
                Row::of(&four.server),
                Row::of(&six.server),
                missing(),
                missing6(),
            ] {
                let answer = Row { state, ..row }.set();
                answer.is(87, "TCPENTRY_INVALID", Errno::INVAL.raw_os_error());
            }
        }
        assert!(lives(&four) && lives(&six));
    });
}

#[test]
fn the_row_is_looked_at_before_the_system() {
    isolated(|| {
        let _ = program("call", Build::Plain);
        let states = || {
            for row in [missing(), missing6()] {
                let row = Row { state: 5, ..row };
                row.set()
                    .is(87, "TCPENTRY_INVALID", Errno::INVAL.raw_os_error());
            }
            let mixed = Row::exactly(at("[::ffff:127.0.0.1]:1"), at("[::1]:2"));
            mixed
                .set()
                .is(87, "TCPENTRY_INVALID", Errno::INVAL.raw_os_error());
            delete_id("nonsense").is(87, "TCPENTRY_INVALID", Errno::INVAL.raw_os_error());
        };
        seccomp::without_ipv4(states);
        without(AddressFamily::NETLINK, Errno::MFILE, states);
        without(AddressFamily::NETLINK, Errno::AFNOSUPPORT, states);
    });
}

#[test]
fn without_ipv4_it_is_50() {
    isolated(|| {
        let ends = tcp::connected();
        let six = tcp::connect_to(&tcp::listen(at("[::1]:0")));
        let _ = program("call", Build::Plain);
        let answers =
            seccomp::without_ipv4(|| [Row::of(&ends.server), missing(), zeros()].map(Row::set));
        for answer in answers {
            answer.is(
                50,
                "TCPENTRY_UNSUPPORTED",
                Errno::AFNOSUPPORT.raw_os_error(),
            );
        }
        assert!(lives(&ends));
        seccomp::without_ipv4(|| Row::of(&six.server).set()).is_deleted(SOCK_DIAG);
    });
}

#[test]
fn without_ipv6_its_twin_is_50() {
    isolated(|| {
        let ends = tcp::connected();
        let _ = program("call", Build::Plain);
        let (six, four) = without(AddressFamily::INET6, Errno::AFNOSUPPORT, || {
            (missing6().set(), Row::of(&ends.server).set())
        });
        six.is(
            50,
            "TCPENTRY_UNSUPPORTED",
            Errno::AFNOSUPPORT.raw_os_error(),
        );
        four.is_deleted(SOCK_DIAG);
    });
}

#[test]
fn a_missing_connection_is_317_and_gone() {
    isolated(|| {
        for row in [missing(), missing6(), zeros()] {
            row.set()
                .is(317, "TCPENTRY_GONE", Errno::NOENT.raw_os_error());
            let answer = row.set_without_capabilities();
            answer.is(317, "TCPENTRY_GONE", Errno::NOENT.raw_os_error());
        }
    });
}

#[test]
fn zeros_are_values() {
    isolated(|| {
        let listener = tcp::listen(at("0.0.0.0:0"));
        let ends = tcp::connect_to(&listener);
        let whole = Row::of(&ends.server);
        let mut rows = vec![zeros()];
        for (ip, port) in [(true, false), (false, true), (true, true)] {
            let zeroed = |mut end: SocketAddr| {
                if ip {
                    end.set_ip([0, 0, 0, 0].into());
                }
                if port {
                    end.set_port(0);
                }
                end
            };
            rows.push(Row::new(zeroed(whole.local), whole.remote));
            rows.push(Row::new(whole.local, zeroed(whole.remote)));
        }
        for row in rows {
            assert_eq!(row.set().code, 317, "{row:?}");
        }
        assert!(lives(&ends));
        assert!(lives(&tcp::connect_to(&listener)));
    });
}

#[test]
fn a_listener_is_317_with_an_outcome_of_its_own() {
    isolated(|| {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = tcp::listen(at(address));
            let ends = tcp::connect_to(&listener);
            let row = Row::new(
                listener.local_addr().unwrap(),
                match at(address) {
                    SocketAddr::V4(_) => at("0.0.0.0:0"),
                    SocketAddr::V6(_) => at("[::]:0"),
                },
            );
            row.set().is(317, "TCPENTRY_LISTENER", 0);
            row.set_without_capabilities()
                .is(317, "TCPENTRY_LISTENER", 0);
            let id = row.identify();
            assert_eq!(id.code, 0, "{}", id.text);
            delete_id(&id.text).is(317, "TCPENTRY_LISTENER", 0);
            assert!(lives(&ends) && lives(&tcp::connect_to(&listener)));
        }
    });
}

#[test]
fn a_listener_of_both_families_is_one_by_its_ipv4_row_too() {
    isolated(|| {
        let listener = tcp::listen(at("[::]:0"));
        let port = listener.local_addr().unwrap().port();
        let row = Row::new(SocketAddr::from(([0, 0, 0, 0], port)), at("0.0.0.0:0"));
        row.set().is(317, "TCPENTRY_LISTENER", 0);
        let id = row.identify();
        assert_eq!(id.code, 0, "{}", id.text);
        delete_id(&id.text).is(317, "TCPENTRY_LISTENER", 0);
        assert!(TcpStream::connect(tcp::loopback(port)).is_ok());

        let only = tcp::socket(at("[::]:0"));
        only.set_only_v6(true).unwrap();
        let only = tcp::listen_from(only, at("[::]:0"), 8);
        let port = only.local_addr().unwrap().port();
        let row = Row::new(SocketAddr::from(([0, 0, 0, 0], port)), at("0.0.0.0:0"));
        row.set()
            .is(317, "TCPENTRY_GONE", Errno::NOENT.raw_os_error());
    });
}

#[test]
fn several_listeners_are_317_as_well() {
    isolated(|| {
        let mut address = tcp::loopback(0);
        let listeners = [(); 2].map(|()| {
            let socket = tcp::socket(address);
            socket.set_reuse_port(true).unwrap();
            let listener = tcp::listen_from(socket, address, 8);
            address = listener.local_addr().unwrap();
            listener
        });
        let row = Row::new(address, at("0.0.0.0:0"));
        row.set().is(317, "TCPENTRY_LISTENER", 0);
        for listener in &listeners {
            assert!(!listener.local_addr().unwrap().ip().is_unspecified());
        }
        assert!(TcpStream::connect(address).is_ok());
    });
}

#[test]
fn a_stale_row_never_hits_the_listener() {
    isolated(|| {
        for listening in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
            let listener = tcp::listen(at(listening));
            let to = SocketAddr::from(([127, 0, 0, 1], listener.local_addr().unwrap().port()));
            let client = TcpStream::connect(to).unwrap();
            let (server, _) = listener.accept().unwrap();
            let row = Row::of(&server);
            row.set().is_deleted(SOCK_DIAG);
            assert_reset(&client);
            for _ in 0..3 {
                row.set()
                    .is(317, "TCPENTRY_GONE", Errno::NOENT.raw_os_error());
            }
            assert!(TcpStream::connect(to).is_ok());
        }
    });
}

#[test]
fn several_sockets_under_one_name_are_1168() {
    isolated(|| {
        link::ip(&[
            "link add one type veth peer name two",
            "addr add 10.1.0.1/24 dev one",
            "link set one up",
            "link set two up",
        ]);
        let (local, peer) = (at("10.1.0.1:4000"), at("10.1.0.2:5000"));
        let twins = [&b"one"[..], b"two"].map(|device| {
            let socket = tcp::socket(local);
            socket.set_reuse_address(true).unwrap();
            socket.bind_device(Some(device)).unwrap();
            tcp::imagined(&socket, local, peer);
            socket
        });
        let row = Row::new(local, peer);
        row.set().is(1168, "TCPENTRY_AMBIGUOUS", 0);
        row.set_without_capabilities()
            .is(1168, "TCPENTRY_AMBIGUOUS", 0);
        row.identify().is(1168, "TCPENTRY_AMBIGUOUS", 0);
        for twin in twins {
            assert!(twin.peer_addr().is_ok());
        }
    });
}

#[test]
fn what_can_not_be_deleted_is_50() {
    isolated(|| {
        let bound = tcp::socket(tcp::loopback(0));
        bound.bind(&tcp::loopback(0).into()).unwrap();
        let row = Row::new(
            bound.local_addr().unwrap().as_socket().unwrap(),
            at("0.0.0.0:0"),
        );
        // No connection to the contract; but an identity says more than a row.
        row.set()
            .is(317, "TCPENTRY_GONE", Errno::NOENT.raw_os_error());
        let id = row.identify();
        if id.code == 0 {
            delete_id(&id.text).is(50, "TCPENTRY_UNSUPPORTED", Errno::OPNOTSUPP.raw_os_error());
        }

        let mptcp = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP));
        let (Ok(listener), Ok(client)) = (mptcp(), mptcp()) else {
            skip!("this kernel has no MPTCP");
        };
        let listener = tcp::listen_from(listener, tcp::loopback(0), 8);
        client.connect(&tcp::reachable(&listener).into()).unwrap();
        let client = TcpStream::from(client);
        let (local, peer) = tcp::addresses(&client);
        await_state(peer, local, 1);
        // Not accepted yet: nobody has a descriptor, and without it the connection would live on.
        let answer = Row::new(peer, local).set();
        answer.is(50, "TCPENTRY_UNSUPPORTED", Errno::OPNOTSUPP.raw_os_error());
        let (server, _) = listener.accept().unwrap();
        let ends = tcp::Ends::new(client, server);
        assert!(lives(&ends));
        Row::of(&ends.server)
            .set()
            .is_deleted("TCPENTRY_METHOD_BORROW");
        assert_reset(&ends.client);
    });
}

#[test]
fn a_caller_without_permission_gets_5() {
    isolated(|| {
        if !user::others() {
            skip!("{ONE_USER}");
        }
        let four = tcp::connected();
        let six = tcp::connect_to(&tcp::listen(at("[::1]:0")));
        let call = Opened::new("call");
        for ends in [&four, &six] {
            let holder = Holder::of(&ends.server, None);
            let answer = User::new(60301).run(|| Row::of(&ends.server).set_opened(&call));
            answer.is(5, "TCPENTRY_DENIED", Errno::PERM.raw_os_error());
            assert!(answer.text.contains("sudo"), "{}", answer.text);
            drop(holder);
            assert!(lives(ends));
        }
    });
}

#[test]
fn an_administrator_who_is_not_elevated_gets_317() {
    isolated(|| {
        let ends = tcp::connected();
        let answer = Row::of(&ends.server).set_without_capabilities();
        answer.is(317, "TCPENTRY_NOT_ELEVATED", Errno::PERM.raw_os_error());
        assert!(
            answer.text.contains("with all capabilities"),
            "{}",
            answer.text
        );
        assert!(lives(&ends));
        if !user::others() {
            skip!("{ONE_USER}");
        }
        let Some(sudo) = user::group("sudo").or_else(|| user::group("wheel")) else {
            skip!("this machine has neither a group sudo nor wheel");
        };
        let call = Opened::new("call");
        let member = User::new(60302).in_group(sudo);
        let answer = member.run(|| Row::of(&ends.server).set_opened(&call));
        answer.is(317, "TCPENTRY_NOT_ELEVATED", Errno::PERM.raw_os_error());
        assert!(lives(&ends));
    });
}

#[test]
fn anybody_deletes_the_connections_of_their_own_process() {
    isolated(|| {
        let own = program("own", Build::Plain);
        assert_eq!(Run::of(&mut without_capabilities(&own)).success(), "2 2\n");
        assert_eq!(
            Run::of(&mut std::process::Command::new(own)).success(),
            "1 1\n"
        );
        if !user::others() {
            skip!("{ONE_USER}");
        }
        let own = Opened::new("own");
        let out = User::new(60303).run(|| Run::of(&mut own.command()).success());
        assert_eq!(out, "2 2\n");
    });
}

#[test]
fn anything_else_has_the_nearest_code() {
    isolated(|| {
        let _ = program("call", Build::Plain);
        let answer = without(AddressFamily::NETLINK, Errno::MFILE, || missing().set());
        answer.is(4, "TCPENTRY_FAILED", Errno::MFILE.raw_os_error());
        let answer = without(AddressFamily::NETLINK, Errno::NOMEM, || missing().set());
        answer.is(8, "TCPENTRY_FAILED", Errno::NOMEM.raw_os_error());
        let answer = without(AddressFamily::NETLINK, Errno::IO, || missing().set());
        answer.is(31, "TCPENTRY_FAILED", Errno::IO.raw_os_error());
        let answer = without(AddressFamily::NETLINK, Errno::AFNOSUPPORT, || {
            missing().set()
        });
        answer.is(
            50,
            "TCPENTRY_UNSUPPORTED",
            Errno::AFNOSUPPORT.raw_os_error(),
        );
    });
}

#[test]
fn a_deletion_is_0() {
    isolated(|| {
        for listening in ["127.0.0.1:0", "[::1]:0"] {
            let ends = tcp::connect_to(&tcp::listen(at(listening)));
            Row::of(&ends.server).set().is_deleted(SOCK_DIAG);
            assert_reset(&ends.client);
        }
    });
}

#[test]
fn the_upper_half_of_a_port_is_ignored() {
    isolated(|| {
        for (listening, junk) in [
            ("127.0.0.1:0", 0xffff),
            ("127.0.0.1:0", 1),
            ("[::1]:0", 0xdead),
        ] {
            let ends = tcp::connect_to(&tcp::listen(at(listening)));
            let row = Row::of(&ends.server);
            Row { junk, ..row }.set().is_deleted(SOCK_DIAG);
            assert_reset(&ends.client);
        }
    });
}

#[test]
fn a_dual_stack_servers_end_goes_by_either_name() {
    isolated(|| {
        let listener = tcp::listen(at("[::]:0"));
        let to = tcp::loopback(listener.local_addr().unwrap().port());
        for by_ipv6 in [false, true] {
            let client = TcpStream::connect(to).unwrap();
            let (server, _) = listener.accept().unwrap();
            let (local, remote) = tcp::addresses(&server);
            assert!(local.is_ipv6(), "it is v4-mapped");
            let row = if by_ipv6 {
                Row::exactly(local, remote)
            } else {
                Row::new(local, remote)
            };
            row.set().is_deleted(SOCK_DIAG);
            assert_reset(&client);
        }
        // The client's end is an IPv4 socket, and has a v4-mapped name all the same.
        let ends = tcp::connected();
        let mapped = |end: SocketAddr| match end {
            SocketAddr::V4(end) => SocketAddr::from((end.ip().to_ipv6_mapped(), end.port())),
            SocketAddr::V6(_) => end,
        };
        let (local, remote) = tcp::addresses(&ends.client);
        Row::exactly(mapped(local), mapped(remote))
            .set()
            .is_deleted(SOCK_DIAG);
        assert_reset(&ends.server);
    });
}

#[test]
fn half_mapped_is_87() {
    isolated(|| {
        for (local, remote) in [
            ("[::ffff:127.0.0.1]:1", "[::1]:2"),
            ("[::1]:1", "[::ffff:127.0.0.1]:2"),
        ] {
            let answer = Row::exactly(at(local), at(remote)).set();
            answer.is(87, "TCPENTRY_INVALID", Errno::INVAL.raw_os_error());
        }
    });
}

#[test]
fn scopes_are_honoured() {
    isolated(|| {
        let there = link::Neighbour::new();
        let socket = rustix::net::socket(AddressFamily::INET, rustix::net::SocketType::DGRAM, None);
        let here = rustix::net::netdevice::name_to_index(socket.unwrap(), "veth0").unwrap();
        let scoped = |ip: Ipv6Addr, port: u16, scope: u32| {
            SocketAddr::from(SocketAddrV6::new(ip, port, 0, scope))
        };
        let listener = tcp::listen(scoped(link::LINK_LOCAL_HERE, 0, here));
        let port = listener.local_addr().unwrap().port();
        let connected = || {
            let client = there.there.run(move || {
                let socket =
                    rustix::net::socket(AddressFamily::INET, rustix::net::SocketType::DGRAM, None);
                let index =
                    rustix::net::netdevice::name_to_index(socket.unwrap(), "veth0").unwrap();
                let to = SocketAddrV6::new(link::LINK_LOCAL_HERE, port, 0, index);
                TcpStream::connect(SocketAddr::from(to)).unwrap()
            });
            tcp::Ends::new(client, listener.accept().unwrap().0)
        };
        let row = |ends: &tcp::Ends, local: u32, remote: u32| {
            let peer = ends.server.peer_addr().unwrap().port();
            Row::exactly(
                scoped(link::LINK_LOCAL_HERE, port, local),
                scoped(link::LINK_LOCAL_THERE, peer, remote),
            )
        };
        let ends = connected();
        let wrong = row(&ends, here + 1, here + 1).set();
        wrong.is(317, "TCPENTRY_GONE", Errno::NOENT.raw_os_error());
        let differing = row(&ends, here, here + 1).set();
        differing.is(87, "TCPENTRY_INVALID", Errno::INVAL.raw_os_error());
        assert!(lives(&ends));
        row(&ends, here, here).set().is_deleted(SOCK_DIAG);
        assert_reset(&ends.client);
        // One scope is enough, and so is none while only one socket can be meant.
        for (local, remote) in [(here, 0), (0, here), (0, 0)] {
            let ends = connected();
            row(&ends, local, remote).set().is_deleted(SOCK_DIAG);
            assert_reset(&ends.client);
        }
    });
}

#[test]
fn time_wait_is_settable() {
    isolated(|| {
        let ends = tcp::connected();
        let row = Row::of(&ends.client);
        tcp::time_wait(ends.client, ends.server);
        row.set().is_deleted(SOCK_DIAG);
        row.set()
            .is(317, "TCPENTRY_GONE", Errno::NOENT.raw_os_error());
    });
}

#[test]
fn an_identity_of_another_namespace_is_1168() {
    isolated(|| {
        let ends = tcp::connected();
        let id = Row::of(&ends.server).identify().text;
        let elsewhere = tcpentry_testkit::Namespace::fresh();
        let asked = id.clone();
        let answer = elsewhere.run(move || delete_id(&asked));
        answer.is(1168, "TCPENTRY_OTHER_NETNS", 0);
        assert!(lives(&ends));
        delete_id(&id).is_deleted(SOCK_DIAG);
        assert_reset(&ends.client);
    });
}

#[test]
fn an_identity_of_another_boot_is_1168_while_its_socket_lives() {
    isolated(|| {
        let ends = tcp::connected();
        let id = Row::of(&ends.server).identify().text;
        let (version, rest) = id.split_once('/').unwrap();
        let (_boot, rest) = rest.split_once('/').unwrap();
        let elsewhere = format!("{version}/{:032x}/{rest}", 1);
        delete_id(&elsewhere).is(1168, "TCPENTRY_OTHER_BOOT", 0);
        assert!(lives(&ends));
        delete_id(&id).is_deleted(SOCK_DIAG);
        delete_id(&elsewhere).is(317, "TCPENTRY_GONE", Errno::NOENT.raw_os_error());
    });
}

/// The system call that creates sockets.
const SYS_SOCKET: libc::c_long = libc::SYS_socket;
