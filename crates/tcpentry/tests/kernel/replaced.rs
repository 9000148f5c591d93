//! The moment in which the kernel replaces one entry of a connection by another: a look-up may find neither, but "gone" is
//! never said of it.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};
use tcpentry::{Connection, ErrorKind, Options, Pair};
use tcpentry_testkit::{isolated, kernel, skip, tcp};

use crate::util::{cookie, find, pair_of, table};

/// A connection to look for: what the exact look-up of the kernel is asked.
#[derive(Clone, Copy)]
struct Name {
    local: SocketAddr,
    peer: SocketAddr,
    cookie: u64,
}

/// A bare netlink socket, so that no look-up is repeated.
struct Looker {
    socket: OwnedFd,
    sequence: u32,
}

/// The result of one look-up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shown {
    There,
    /// In the state CLOSE, or without its port.
    Leaving,
    Missed,
}

impl Looker {
    fn new() -> Self {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        );
        let socket = socket.unwrap();
        bind(&socket, &SocketAddrNetlink::new(0, 0)).unwrap();
        Self {
            socket,
            sequence: 0,
        }
    }

    /// Looks an IPv4 connection up: `SOCK_DIAG_BY_FAMILY` without `NLM_F_DUMP`.
    fn look(&mut self, name: Name) -> Shown {
        let (SocketAddr::V4(local), SocketAddr::V4(peer)) = (name.local, name.peer) else {
            unreachable!("both are IPv4");
        };
        self.sequence += 1;
        let mut request = Vec::with_capacity(72);
        request.extend(72_u32.to_ne_bytes());
        request.extend(20_u16.to_ne_bytes());
        request.extend(1_u16.to_ne_bytes()); // NLM_F_REQUEST
        request.extend(self.sequence.to_ne_bytes());
        request.extend([0; 4]);
        request.extend([2, 6, 0, 0]); // AF_INET, IPPROTO_TCP
        request.extend(u32::MAX.to_ne_bytes());
        request.extend(local.port().to_be_bytes());
        request.extend(peer.port().to_be_bytes());
        for end in [local, peer] {
            request.extend(end.ip().octets());
            request.extend([0; 12]);
        }
        request.extend([0; 4]);
        request.extend(name.cookie.to_ne_bytes());
        sendto(
            &self.socket,
            &request,
            SendFlags::empty(),
            &SocketAddrNetlink::new(0, 0),
        )
        .unwrap();
        let mut answer = [0_u8; 4096];
        recv(&self.socket, &mut answer[..], RecvFlags::DONTWAIT).unwrap();
        if answer[4..6] == 2_u16.to_ne_bytes() {
            let errno = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
            assert_eq!(errno, -Errno::NOENT.raw_os_error());
            return Shown::Missed;
        }
        let (state, port) = (answer[17], &answer[20..22]);
        if state == CLOSE || *port != local.port().to_be_bytes() {
            Shown::Leaving
        } else {
            Shown::There
        }
    }
}

/// The counts of the looker.
#[derive(Debug, Default)]
struct Seen {
    looks: u32,
    /// Answers that the next look contradicted.
    missed: u32,
    leaving: u32,
    /// The most looks in a row that missed one that was there.
    most_in_a_row: u32,
}

/// Closes connections, which is done at once only where no other test starts a process ([`alone`]), while somebody does something with the end that goes to TIME_WAIT. That end's entry is there from
/// before until this returns.
fn close_many(begin: impl Fn(&tcp::Ends), end: impl Fn(u32)) -> u32 {
    // Nobody else takes an entry of TIME_WAIT away.
    for (name, value) in [("tcp_tw_reuse", "0"), ("tcp_max_tw_buckets", "65536")] {
        let _ = std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value);
    }
    let listener = tcp::listen(tcp::loopback(0));
    let until = Instant::now() + LONG_ENOUGH;
    let mut turn = 0_u32;
    // As many as have a port while each keeps one in TIME_WAIT.
    while turn < 20_000 && Instant::now() < until {
        turn += 1;
        let ends = tcp::connect_to(&listener);
        begin(&ends);
        spin(turn.wrapping_mul(37) % 3000);
        drop(ends.client);
        spin(turn.wrapping_mul(53) % 3000);
        drop(ends.server);
        spin(500);
        end(turn);
    }
    turn
}

/// The kernel does this, and no fault of ours: were it not so, there would be nothing to guard against.
#[test]
fn a_look_up_misses_a_connection_whose_entry_is_being_replaced() {
    isolated(|| {
        if thread::available_parallelism().is_ok_and(|count| count.get() < 2) {
            skip!("one processor: nothing is looked up while another thing happens");
        }
        let (names, queue) = mpsc::channel::<(u32, Name)>();
        let done: &'static AtomicU32 = Box::leak(Box::default());
        let looker = thread::spawn(move || {
            let (mut looker, mut seen) = (Looker::new(), Seen::default());
            while let Some((turn, name)) = next(&queue) {
                let mut unsettled = None;
                let mut in_a_row = 0;
                while done.load(SeqCst) < turn {
                    let shown = looker.look(name);
                    seen.looks += 1;
                    match (shown, unsettled) {
                        (Shown::There, Some(Shown::Missed)) => seen.missed += 1,
                        (Shown::There, Some(Shown::Leaving)) => seen.leaving += 1,
                        _ => {}
                    }
                    if shown == Shown::There {
                        seen.most_in_a_row = seen.most_in_a_row.max(in_a_row);
                        (unsettled, in_a_row) = (None, 0);
                    } else {
                        unsettled = unsettled.or(Some(shown));
                        in_a_row += 1;
                    }
                }
            }
            seen
        });
        let turns = close_many(
            |ends| {
                let (local, peer) = tcp::addresses(&ends.client);
                let cookie = cookie(&ends.client);
                let number = done.load(SeqCst) + 1;
                let name = Name {
                    local,
                    peer,
                    cookie,
                };
                names.send((number, name)).unwrap();
            },
            |turn| done.store(turn, SeqCst),
        );
        drop(names);
        let seen = looker.join().unwrap();
        // How often is a matter of chance and of the kernel: this is printed, not demanded.
        println!("{turns} turns: {seen:?}");
    });
}

/// Every answer of the library, while the connection goes from ESTABLISHED to TIME_WAIT.
#[test]
fn gone_is_never_said_of_a_connection_that_becomes_time_wait() {
    isolated(|| {
        let (listed, queue) = mpsc::channel::<(u32, Connection)>();
        let done: &'static AtomicU32 = Box::leak(Box::default());
        let looker = thread::spawn(move || {
            let mut table = table();
            let origin = table.origin().unwrap();
            while let Some((turn, connection)) = next(&queue) {
                let pair = connection.pair;
                while done.load(SeqCst) < turn {
                    let by_pair = table.find(&pair.into());
                    assert_eq!(by_pair.unwrap().cookie, connection.cookie);
                    let by_identity = table.find(&origin.identity(&connection).into());
                    assert_eq!(by_identity.unwrap().cookie, connection.cookie);
                    let checked = table.check(&connection, &Options::default());
                    assert!(checked.is_ok(), "{checked:?}");
                    let mut results = Vec::new();
                    table.check_all([connection.clone()], &Options::default(), |_, result| {
                        results.push(result);
                        std::ops::ControlFlow::Continue(())
                    });
                    assert!(matches!(results[..], [Ok(_)]), "{results:?}");
                }
            }
        });
        close_many(
            |ends| {
                let connection = find(pair_of(&ends.client));
                listed.send((done.load(SeqCst) + 1, connection)).unwrap();
            },
            |turn| done.store(turn, SeqCst),
        );
        drop(listed);
        looker.join().unwrap();
    });
}

/// The deletion comes at any moment of that, and ends it: there was something to end the whole time.
#[test]
fn a_connection_that_becomes_time_wait_is_deleted_at_any_moment_of_it() {
    isolated(|| {
        if !kernel::destroys_time_wait() {
            skip!("{}", kernel::NO_TIME_WAIT);
        }
        let (listed, queue) = mpsc::channel::<(u32, Connection)>();
        let (deleted, results) = mpsc::channel::<Pair>();
        let deleter = thread::spawn(move || {
            let mut table = table();
            while let Some((turn, connection)) = next(&queue) {
                spin(turn.wrapping_mul(71) % 6000);
                let result = if turn % 2 == 0 {
                    let result = table.delete(&connection, &Options::default());
                    result.map(|deleted| deleted.method)
                } else {
                    let mut results = Vec::new();
                    table.delete_all([connection.clone()], &Options::default(), |_, result| {
                        results.push(result);
                        std::ops::ControlFlow::Continue(())
                    });
                    results.pop().unwrap().map(|ending| ending.method)
                };
                assert!(result.is_ok(), "{result:?}");
                if turn % 64 == 0 {
                    // It takes a grace period to say so.
                    let again = table.delete(&connection, &Options::default());
                    assert_eq!(again.unwrap_err().kind(), ErrorKind::NotFound);
                }
                deleted.send(connection.pair).unwrap();
            }
        });
        close_many(
            |ends| {
                let connection = find(pair_of(&ends.client));
                let turn = connection.pair.local().port().into();
                listed.send((turn, connection)).unwrap();
            },
            |_| {
                results.recv_timeout(Duration::from_secs(30)).unwrap();
            },
        );
        drop(listed);
        deleter.join().unwrap();
    });
}

fn spin(turns: u32) {
    for _ in 0..turns {
        std::hint::spin_loop();
    }
}

/// Returns the next of a queue, without sleeping: what happens at once would be missed.
fn next<T>(queue: &mpsc::Receiver<T>) -> Option<T> {
    loop {
        match queue.try_recv() {
            Ok(next) => return Some(next),
            Err(TryRecvError::Empty) => thread::yield_now(),
            Err(TryRecvError::Disconnected) => return None,
        }
    }
}

const LONG_ENOUGH: Duration = Duration::from_secs(2);
const CLOSE: u8 = 7;
