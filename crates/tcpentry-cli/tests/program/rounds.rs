//! `--for` and `--until-quiet`: what comes while it goes on.

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tcpentry_testkit::named::Named;
use tcpentry_testkit::{isolated, tcp};

use crate::util::{Run, connections, is_alive, program, run};

/// Starts a deletion that goes on, in one of the ways in which a round can be made.
fn start(words: &str) -> Child {
    program()
        .args(words.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(child: Child) -> Run {
    child.wait_with_output().unwrap().into()
}

/// Waits for the next round, which comes the later the longer the last one took: on a busy machine after ten seconds.
fn await_round(what: &str, is_over: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_over() {
        assert!(start.elapsed() < Duration::from_secs(25), "not yet: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The ways in which rounds are made: while the table is dumped, or, with a limit, after it.
const WAYS: [&str; 2] = ["", "--max 100"];

#[test]
fn until_quiet_counts_from_the_last_match_and_not_from_the_start() {
    for way in WAYS {
        isolated(move || {
            let listener = tcp::listen(tcp::loopback(0));
            let at: SocketAddr = listener.local_addr().unwrap();
            let quiet = Duration::from_millis(1500);
            let begin = Instant::now();
            let words = format!(
                "delete --yes --until-quiet 1500ms {way} dport = :{}",
                at.port()
            );
            let running = start(&words);
            // One after the other, together longer than the time for which nothing may match.
            let mut last = begin;
            let mut count = 0;
            while begin.elapsed() < quiet * 2 {
                let ends = tcp::connect_to(&listener);
                last = Instant::now();
                count += 1;
                await_round("it is deleted", || !is_alive(&ends));
                thread::sleep(Duration::from_millis(100));
            }
            let run = end(running);
            assert_eq!((run.code, run.rows().len()), (0, count), "{}", run.err);
            assert!(last.elapsed() >= quiet, "{way}: {:?}", last.elapsed());
        });
    }
}

#[test]
fn a_process_that_starts_later_is_seen_by_its_name() {
    for way in WAYS {
        isolated(move || {
            let (mut all, _listener, port) = connections(2);
            let (held, other) = (all.remove(0), all.remove(0));
            let words = format!(
                "delete --yes --own-session --for 50s {way} process later-one sport = :{port}"
            );
            let running = start(&words);
            // It has made its first rounds, with the processes of that time.
            thread::sleep(Duration::from_millis(400));
            let tcp::Ends { client, server } = held;
            let named = Named::holding(&server, b"later-one");
            // Also what this process holds is held by that one; it has the word alone.
            drop(server);
            await_round("the peer is told", || {
                client.take_error().unwrap().is_some()
            });
            assert!(is_alive(&other), "{way}");
            drop(named);
            let pid = rustix::process::Pid::from_child(&running);
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
            let run = end(running);
            assert_eq!((run.code, run.rows().len()), (130, 1), "{}", run.err);
        });
    }
}

#[test]
fn of_a_process_that_has_let_go_nothing_is_deleted_any_more() {
    for way in WAYS {
        isolated(move || {
            let (mut all, _listener, port) = connections(2);
            let (held, later) = (all.remove(0), all.remove(0));
            let named = Named::holding(&held.server, b"one-that-ends");
            let words = format!(
                "delete --yes --own-session --for 1500ms {way} process one-that-ends sport = :{port}"
            );
            let running = start(&words);
            await_round("its own is deleted", || !is_alive(&held));
            // Another process holds what comes now.
            drop(named);
            let other = Named::holding(&later.server, b"another");
            let run = end(running);
            assert_eq!((run.code, run.rows().len()), (0, 1), "{}", run.err);
            assert!(is_alive(&later));
            drop(other);
        });
    }
}

#[test]
fn max_counts_the_names_that_are_given() {
    isolated(|| {
        let (ends, _listener, port) = connections(3);
        let listed = run(&format!("list --id sport = :{port}"));
        let ids: Vec<_> = listed.rows().iter().map(|row| row[5].to_owned()).collect();
        assert_eq!(ids.len(), 3, "{}", listed.out);
        let refused = run(&format!("delete --yes --max 2 --id {}", ids.join(" ")));
        assert_eq!(refused.code, 3, "{}", refused.err);
        assert!(refused.err.contains("more than --max 2"), "{}", refused.err);
        assert!(ends.iter().all(is_alive), "not one of them");
        let done = run(&format!("delete --max 2 --id {} {}", ids[0], ids[1]));
        assert_eq!((done.code, done.rows().len()), (0, 2), "{}", done.err);
        let input = ids.join("\n");
        let refused = crate::util::run_with_input("delete --max 2 --id -", &input);
        assert_eq!(refused.code, 3, "{}", refused.err);
        assert_eq!(ends.iter().filter(|it| is_alive(it)).count(), 1);
        let pair = crate::util::ends(&ends.iter().find(|it| is_alive(it)).unwrap().server);
        let refused = run(&format!("delete --max 0 {pair}"));
        assert_eq!(refused.code, 3, "{}", refused.err);
        assert_eq!(run(&format!("delete --max 1 {pair}")).code, 0);
    });
}
