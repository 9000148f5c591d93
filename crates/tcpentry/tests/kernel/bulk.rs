//! Many connections at once: exactly the selected ones, each told once, whatever goes on beside.

use std::collections::{HashMap, HashSet};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::io::Errno;
use socket2::Socket;
use tcpentry::delete::Ending;
use tcpentry::error::Guard;
use tcpentry::{
    Action, Connection, Error, ErrorKind, Method, MethodChoice, Options, Pair, Query, State,
    States, TcpTable,
};
use tcpentry_testkit::user::without_capabilities;
use tcpentry_testkit::{Namespace, Raised, isolated, kernel, netns, skip, tcp};

use crate::util::{
    assert_reset, assert_told, cookie, find, listener_at, lives, pair, pair_of, table,
};

const TOO_FEW: &str = "too few descriptors (ulimit -Hn)";

/// The result for each, in order.
type Fact = Vec<(Connection, Result<Method, Error>)>;

fn delete_matching(
    table: &mut TcpTable,
    states: States,
    options: &Options,
    select: impl FnMut(&Connection) -> Action,
) -> Fact {
    let mut told = Fact::new();
    table
        .delete_matching(&Query::in_states(states), options, select, |row, result| {
            told.push((row.clone(), result.map(|it| it.method)));
            ControlFlow::Continue(())
        })
        .unwrap();
    told
}

fn delete_all(table: &mut TcpTable, connections: Vec<Connection>, options: &Options) -> Fact {
    let mut told = Fact::new();
    table.delete_all(connections, options, |row, result| {
        told.push((row.clone(), result.map(|it| it.method)));
        ControlFlow::Continue(())
    });
    told
}

/// Lists the table, without what is only bound: a socket whose owner chose its port keeps it when it is destroyed. Each once:
/// one is shown again where another comes into the hash chain in which the dump has paused.
fn rows(table: &mut TcpTable) -> Vec<Connection> {
    let query = Query::in_states(States::ALL_ACTIVE).with_info();
    let mut seen = HashSet::new();
    table
        .connections(&query)
        .unwrap()
        .map(Result::unwrap)
        .filter(|row| seen.insert(row.cookie))
        .collect()
}

fn cookies(told: &Fact) -> HashSet<u64> {
    let cookies: HashSet<u64> = told.iter().map(|(row, _)| row.cookie.value()).collect();
    assert_eq!(cookies.len(), told.len(), "each once");
    cookies
}

/// A choice that looks random and is the same every time.
struct Dice(u64);

impl Dice {
    fn one_in(&mut self, count: u64) -> bool {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % count == 0
    }
}

fn is_connected(socket: &Socket) -> bool {
    socket.peer_addr().is_ok()
}

fn take_if(selected: bool) -> Action {
    if selected {
        Action::Delete
    } else {
        Action::Skip
    }
}

/// Returns true if the owner of the socket gets the error of a destroyed one.
fn was_aborted(socket: impl AsFd) -> bool {
    tcp::pending_error(socket) == Some(Errno::CONNABORTED)
}

/// Five hundred sockets in each chain: a dump that pauses in a chain of which sockets are destroyed
/// skips as many others.
///
/// A datagram has some 75 rows with their counters, and 300 without. So only with counters are as many as a chain has
/// as many datagrams as are waited for: without, whatever has been destroyed is of another chain than the one in which the kernel has paused, however near it is.
#[test]
fn of_thousands_in_few_hash_chains_none_is_missed() {
    isolated(|| {
        if !tcp::room_for(4000) {
            skip!("{TOO_FEW}");
        }
        if !netns::hash_of_the_next(8) {
            skip!("this kernel gives no namespace a hash table of its own");
        }
        for query in [Query::default(), Query::default().with_info()] {
            Namespace::fresh().run(move || assert_none_is_missed(&query));
        }
    });
}

fn assert_none_is_missed(query: &Query) {
    let crowd = tcp::imagined_crowd(4000);
    let mut table = table();
    let mut told = Fact::new();
    let options = Options::default();
    let take = |_: &Connection| Action::Delete;
    let report = |row: &Connection, result: Result<Ending, Error>| {
        told.push((row.clone(), result.map(|it| it.method)));
        ControlFlow::Continue(())
    };
    table
        .delete_matching(query, &options, take, report)
        .unwrap();
    assert_eq!(told.len(), crowd.len());
    let is_done = |result: &Result<_, _>| matches!(result, Ok(Method::SockDiag));
    assert!(told.iter().all(|(_, result)| is_done(result)));
    assert_eq!(cookies(&told), crowd.iter().map(cookie).collect());
    assert!(crowd.iter().all(was_aborted));
    assert_eq!(rows(&mut table).len(), 0);
}

#[test]
fn with_prompt_reports_each_batch_is_reported_before_the_next_is_deleted() {
    isolated(|| {
        if !tcp::room_for(3000) {
            skip!("{TOO_FEW}");
        }
        let crowd = tcp::imagined_crowd(3000);
        let options = Options::default().with_prompt_reports();
        let (mut reported, mut most_ahead) = (0, 0);
        let take = |_: &Connection| Action::Delete;
        let report = |_: &Connection, result: Result<Ending, Error>| {
            assert_eq!(result.unwrap().method, Method::SockDiag);
            if reported % 64 == 0 {
                let gone = crowd.iter().filter(|socket| !is_connected(socket)).count();
                most_ahead = most_ahead.max(gone - reported);
            }
            reported += 1;
            ControlFlow::Continue(())
        };
        let mut table = table();
        table
            .delete_matching(&Query::default(), &options, take, report)
            .unwrap();
        assert_eq!(reported, crowd.len());
        assert!(
            most_ahead <= 256,
            "{most_ahead} were deleted and not reported"
        );
    });
}

#[test]
fn exactly_a_random_part_of_thousands_is_deleted() {
    isolated(|| {
        if !tcp::room_for(3000) {
            skip!("{TOO_FEW}");
        }
        let crowd = tcp::imagined_crowd(3000);
        let mut dice = Dice(4);
        for one_in in [2, 3, 50] {
            let selected: HashSet<u64> = crowd
                .iter()
                .filter(|socket| is_connected(socket) && dice.one_in(one_in))
                .map(cookie)
                .collect();
            let before: HashSet<u64> = rows(&mut table())
                .iter()
                .map(|row| row.cookie.value())
                .collect();
            let told = delete_matching(
                &mut table(),
                States::CONNECTIONS,
                &Options::default(),
                |row| take_if(selected.contains(&row.cookie.value())),
            );
            assert!(told.iter().all(|(_, result)| result.is_ok()));
            assert_eq!(cookies(&told), selected);
            let after: HashSet<u64> = rows(&mut table())
                .iter()
                .map(|row| row.cookie.value())
                .collect();
            assert_eq!(after, before.difference(&selected).copied().collect());
            for socket in &crowd {
                assert_eq!(was_aborted(socket), selected.contains(&cookie(socket)));
            }
        }
    });
}

/// Connects, talks and closes, again and again, until it is told to stop; how often.
fn come_and_go(stop: &AtomicBool, turns: &AtomicUsize) {
    let listener = tcp::listen(tcp::loopback(0));
    while !stop.load(Ordering::Relaxed) {
        let some: Vec<_> = (0..8).map(|_| tcp::connect_to(&listener)).collect();
        for ends in &some {
            assert!(lives(&ends.client, &ends.server) && lives(&ends.server, &ends.client));
        }
        turns.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn while_others_come_and_go_both_ends_see_what_is_told() {
    isolated(|| {
        // Both ends of each are held here.
        let many = if tcp::room_for(2000) { 600 } else { 60 };
        let (stop, turns) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| come_and_go(&stop, &turns));
            let _over = Raised(&stop);
            let listener = tcp::listen(tcp::loopback(0));
            let mut dice = Dice(7);
            for named_earlier in [false, true] {
                let pairs: Vec<_> = (0..many).map(|_| tcp::connect_to(&listener)).collect();
                let selected: HashSet<u64> = pairs
                    .iter()
                    .filter(|_| dice.one_in(3))
                    .map(|ends| cookie(&ends.server))
                    .collect();
                let is_selected = |row: &Connection| selected.contains(&row.cookie.value());
                let mut table = table();
                // As the program does: where others go, a dump may miss one that stays.
                let told = (0..3).flat_map(|_| {
                    if named_earlier {
                        let named = rows(&mut table).into_iter().filter(is_selected).collect();
                        delete_all(&mut table, named, &Options::default())
                    } else {
                        delete_matching(&mut table, States::ALL, &Options::default(), |row| {
                            take_if(is_selected(row))
                        })
                    }
                });
                let told: Fact = told.collect();
                assert_eq!(cookies(&told), selected);
                for (row, result) in &told {
                    assert_eq!(*result.as_ref().unwrap(), Method::SockDiag, "{row}");
                }
                for ends in &pairs {
                    if selected.contains(&cookie(&ends.server)) {
                        assert_told(&ends.server, Errno::CONNABORTED);
                        assert_reset(&ends.client);
                    } else {
                        assert!(lives(&ends.client, &ends.server));
                        assert!(lives(&ends.server, &ends.client));
                    }
                }
            }
        });
        assert!(turns.load(Ordering::Relaxed) > 0);
    });
}

/// One of everything, and what is told of it.
#[test]
fn every_kind_of_socket_in_one_run() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let plain: Vec<_> = (0..100).map(|_| tcp::connect_to(&listener)).collect();
        // A TIME_WAIT and a FIN_WAIT2 that nobody holds.
        let waits = tcp::connect_to(&listener);
        let (local, peer) = tcp::time_wait(waits.client, waits.server);
        let time_wait = pair(local, peer);
        let orphaned = tcp::connect_to(&listener);
        let (local, peer) = tcp::orphan(orphaned.client);
        let orphan = pair(local, peer);
        // One that connects to nobody.
        let (full, _in_queue) = tcp::full_listener();
        let connecting = tcp::socket(tcp::loopback(0));
        connecting.set_nonblocking(true).unwrap();
        connecting.bind(&tcp::loopback(0).into()).unwrap();
        let _ = connecting.connect(&full.local_addr().unwrap().into());
        let local = connecting.local_addr().unwrap().as_socket().unwrap();
        let syn_sent = pair(local, full.local_addr().unwrap());
        let mptcp = crate::mptcp::connected();
        // And what is only bound.
        let bound = tcp::socket(tcp::loopback(0));
        bound.bind(&tcp::loopback(0).into()).unwrap();

        let mut table = table();
        let everything = |table: &mut TcpTable| {
            let rows = table.connections(&Query::in_states(States::ALL)).unwrap();
            rows.count()
        };
        let before = everything(&mut table);
        let mut foreseen = HashMap::new();
        let take = |_: &Connection| Action::Delete;
        table
            .check_matching(
                &Query::in_states(States::ALL),
                &Options::default(),
                take,
                |row, result| {
                    let result = result.map_err(|error| error.kind());
                    assert_eq!(foreseen.insert(row.cookie, result), None);
                    ControlFlow::Continue(())
                },
            )
            .unwrap();
        assert_eq!(foreseen.len(), before);
        assert_eq!(everything(&mut table), before, "nothing has changed");

        let told = delete_matching(&mut table, States::ALL, &Options::default(), take);
        assert_eq!(told.len(), before);
        let of = |name: Pair| {
            let (row, result) = told.iter().find(|(row, _)| row.pair == name).unwrap();
            (row.state, result.as_ref().map_err(Error::kind).copied())
        };
        let done = Ok(Method::SockDiag);
        assert_eq!(of(time_wait), (State::TimeWait, of_time_wait()));
        // Where its peer comes first, that one's reset ends it.
        let (state, result) = of(orphan);
        assert_eq!(state, State::FinWait2);
        assert!([of_time_wait(), Err(ErrorKind::NotFound)].contains(&result));
        assert_eq!(of(syn_sent), (State::SynSent, done));
        let guarded = (State::Listening, Err(ErrorKind::Refused(Guard::Listener)));
        assert_eq!(of(listener_at(listener.local_addr().unwrap())), guarded);
        let local = bound.local_addr().unwrap().as_socket().unwrap();
        if kernel::shows_bound() {
            let left = (State::BoundInactive, Err(ErrorKind::NotSupported));
            assert_eq!(of(listener_at(local)), left);
        }
        for ends in &plain {
            // Of a connection to itself here, whichever end came first resets the other.
            let results = [pair_of_ends(ends).0, pair_of_ends(ends).1].map(|name| of(name).1);
            assert!(results.contains(&done), "{results:?}");
            for result in results {
                assert!(matches!(
                    result,
                    Ok(Method::SockDiag) | Err(ErrorKind::NotFound)
                ));
            }
        }
        if let Some(ends) = &mptcp {
            assert!(!lives(&ends.client, &ends.server));
            let borrowed =
                told.iter()
                    .filter(|(row, _)| row.mptcp == Some(true))
                    .all(|(_, result)| {
                        matches!(
                            result.as_ref().map_err(Error::kind),
                            Ok(Method::Borrow) | Err(ErrorKind::NotFound)
                        )
                    });
            assert!(borrowed);
        }
        for (row, result) in &told {
            let foreseen = foreseen[&row.cookie].map(|it: Ending| it.method);
            assert_as_foreseen(row, result, foreseen);
        }
        let next = tcp::connect_to(&listener);
        assert!(lives(&next.client, &next.server), "the listener lives");
    });
}

fn assert_as_foreseen(
    row: &Connection,
    result: &Result<Method, Error>,
    foreseen: Result<Method, ErrorKind>,
) {
    match (result, foreseen) {
        (Ok(method), foreseen) => assert_eq!(foreseen, Ok(*method)),
        (Err(error), Err(foreseen)) => assert_eq!(error.kind(), foreseen),
        // Its other end was deleted before; or only the deletion finds out that the kernel can't.
        (Err(error), Ok(_)) => {
            let kinds = [Err(ErrorKind::NotFound), of_time_wait()];
            assert!(kinds.contains(&Err(error.kind())), "{row}: {error}");
        }
    }
}

/// Returns the result for a socket in TIME_WAIT, or in FIN_WAIT2 without an owner.
fn of_time_wait() -> Result<Method, ErrorKind> {
    if kernel::destroys_time_wait() {
        Ok(Method::SockDiag)
    } else {
        Err(ErrorKind::NotSupported)
    }
}

/// Returns both names of a connection whose ends may be reset already.
fn pair_of_ends(ends: &tcp::Ends) -> (Pair, Pair) {
    // A destroyed socket keeps its own address; the peer's is the other one's.
    let client = ends.client.local_addr().unwrap();
    let server = ends.server.local_addr().unwrap();
    (pair(client, server), pair(server, client))
}

#[test]
fn what_was_listed_long_ago_harms_nobody() {
    // What is dropped has to be closed.
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let mut ends: Vec<_> = (0..300).map(|_| tcp::connect_to(&listener)).collect();
        let servers: Vec<Pair> = ends.iter().map(|ends| pair_of(&ends.server)).collect();
        let mut table = table();
        let listed: Vec<_> = rows(&mut table)
            .into_iter()
            .filter(|row| servers.contains(&row.pair))
            .collect();
        assert_eq!(listed.len(), 300);
        // Of two thirds nothing is left, and of one third of those a listener has the name.
        let kept = ends.split_off(200);
        for ends in &ends {
            socket2::SockRef::from(&ends.server)
                .set_linger(Some(std::time::Duration::ZERO))
                .unwrap();
        }
        drop(ends);
        let alive: HashSet<u64> = kept.iter().map(|ends| cookie(&ends.server)).collect();
        let told = delete_all(&mut table, listed.clone(), &Options::default());
        let order = |row: &Connection| row.pair;
        assert_eq!(
            told.iter().map(|(row, _)| order(row)).collect::<Vec<_>>(),
            listed.iter().map(order).collect::<Vec<_>>(),
        );
        for (row, result) in &told {
            match result {
                Ok(method) => {
                    assert_eq!(*method, Method::SockDiag);
                    assert!(alive.contains(&row.cookie.value()));
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
                    assert!(!alive.contains(&row.cookie.value()));
                }
            }
        }
        let next = tcp::connect_to(&listener);
        assert!(lives(&next.client, &next.server));
        for ends in &kept {
            assert_reset(&ends.client);
        }
    });
}

#[test]
fn a_listener_made_of_a_listed_socket_is_not_hit() {
    isolated(|| {
        let server = tcp::listen(tcp::loopback(0));
        let made: Vec<_> = (0..10)
            .map(|number| {
                let socket = tcp::socket(tcp::loopback(0));
                socket.set_reuse_address(true).unwrap();
                socket.bind(&tcp::loopback(4500 + number).into()).unwrap();
                socket
                    .connect(&server.local_addr().unwrap().into())
                    .unwrap();
                socket
            })
            .collect();
        let mut table = table();
        let listed: Vec<_> = rows(&mut table)
            .into_iter()
            .filter(|row| row.peer() == server.local_addr().unwrap().into())
            .collect();
        assert_eq!(listed.len(), made.len());
        for socket in &made {
            rustix::net::connect_unspec(socket).unwrap();
            socket.listen(1).unwrap();
        }
        let told = delete_all(&mut table, listed, &Options::default().with_listeners());
        assert_eq!(told.len(), made.len());
        for (_, result) in told {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound);
        }
        for socket in &made {
            let at = socket.local_addr().unwrap().as_socket().unwrap();
            assert!(TcpStream::connect(at).is_ok(), "it still listens");
        }
    });
}

/// The clients' connections of a listener are deleted by borrowing.
#[test]
fn without_the_right_many_are_borrowed() {
    isolated(|| {
        without_capabilities(|| {
            let listener = tcp::listen(tcp::loopback(0));
            let pairs: Vec<_> = (0..400).map(|_| tcp::connect_to(&listener)).collect();
            let port = listener.local_addr().unwrap().port();
            let is_server = |row: &Connection| take_if(row.local().port() == port);
            let mut table = table();
            let mut foreseen = 0;
            let options = Options::default();
            table
                .check_matching(&Query::default(), &options, is_server, |_, result| {
                    assert_eq!(result.unwrap().method, Method::Borrow);
                    foreseen += 1;
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert_eq!(foreseen, pairs.len());
            let only = Options::default().with_method(MethodChoice::SockDiag);
            let told = delete_matching(&mut table, States::CONNECTIONS, &only, is_server);
            assert_eq!(told.len(), pairs.len());
            for (_, result) in told {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::NotElevated);
            }
            let told = delete_matching(&mut table, States::CONNECTIONS, &options, is_server);
            assert_eq!(told.len(), pairs.len());
            assert_eq!(cookies(&told).len(), pairs.len());
            for (row, result) in told {
                assert_eq!(result.unwrap(), Method::Borrow, "{row}");
            }
            for ends in &pairs {
                assert_reset(&ends.client);
            }
        });
    });
}

#[test]
fn a_twin_on_a_device_is_not_taken_for_the_other() {
    isolated(|| {
        let (bound, unbound) = crate::devices::twins();
        let crowd = tcp::imagined_crowd(100);
        let named = find_by_cookie(cookie(&unbound));
        // The unbound one hides the other from the kernel's look-up; its cookie protects it.
        let other = find_by_cookie(cookie(&bound));
        let told = delete_all(
            &mut table(),
            vec![named.clone(), other],
            &Options::default(),
        );
        assert!(told[0].1.is_ok());
        assert!(matches!(told[1].1, Ok(Method::SockDiag | Method::Borrow)));
        assert!(!is_connected(&unbound) || was_aborted(&unbound));
        assert!(crowd.iter().all(is_connected));
    });
}

fn find_by_cookie(cookie: u64) -> Connection {
    rows(&mut table())
        .into_iter()
        .find(|row| row.cookie.value() == cookie)
        .unwrap()
}

/// A report that is broken off leaves the rest alone.
#[test]
fn it_stops_where_it_is_told_to() {
    isolated(|| {
        if !tcp::room_for(3000) {
            skip!("{TOO_FEW}");
        }
        let crowd = tcp::imagined_crowd(3000);
        let mut table = table();
        let mut told = HashSet::new();
        table
            .delete_matching(
                &Query::default(),
                &Options::default(),
                |_| Action::Delete,
                |row, result| {
                    result.unwrap();
                    assert!(told.insert(row.cookie.value()));
                    ControlFlow::Break(())
                },
            )
            .unwrap();
        // As many batches as may be sent before the first is told, where a second processor is slow.
        assert!(told.len() <= 9 * 256, "{}", told.len());
        for socket in &crowd {
            assert_eq!(was_aborted(socket), told.contains(&cookie(socket)));
        }
        // The table can be dumped and asked as before.
        assert_eq!(rows(&mut table).len(), crowd.len() - told.len());
        assert_eq!(find(rows(&mut table)[0].pair).state, State::Established);
    });
}
