//! Connections that are no longer what they were when they were looked at: they have changed hands, or have begun to
//! work.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use tcpentry_testkit::hands::Hands;
use tcpentry_testkit::named::Named;
use tcpentry_testkit::{isolated, tcp};

use crate::terminal::Sitting;
use crate::util::{connections, is_alive, local, run};

/// The connections that were deleted beside an acceptor.
#[derive(Debug, Default)]
struct Tally {
    deleted: u64,
    spared: u64,
    /// Those that the worker had.
    lost: u64,
    handed_over: u64,
}

/// Deletes in a loop, while so many clients come at a time and an acceptor hands each connection to a worker after a pause.
fn beside_an_acceptor(filter: &str, pause: Duration, burst: usize) -> Tally {
    let listener = tcp::listen(tcp::loopback(0));
    let address = listener.local_addr().unwrap();
    let hands = Hands::accepting(&listener, pause);
    drop(listener);
    let words = format!(
        "delete --yes --own-session --json {filter} and sport = :{}",
        address.port()
    );
    let (end, start) = (AtomicBool::new(false), Instant::now());
    let mut tally = Tally::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut clients = VecDeque::new();
            while !end.load(Relaxed) {
                clients.extend((0..burst).map_while(|_| TcpStream::connect(address).ok()));
                while clients.len() > 200 {
                    clients.pop_front();
                }
                thread::sleep(pause * u32::try_from(burst).unwrap());
            }
        });
        while start.elapsed() < Duration::from_secs(3) {
            for object in run(&words).objects() {
                match object["outcome"].as_str().unwrap() {
                    "deleted" => tally.deleted += 1,
                    "spared" => tally.spared += 1,
                    _ => {}
                }
            }
        }
        end.store(true, Relaxed);
    });
    // The worker looks at what it has every millisecond.
    thread::sleep(Duration::from_millis(50));
    Tally {
        lost: hands.aborted_at_worker(),
        handed_over: hands.handed_over(),
        ..tally
    }
}

#[test]
fn what_an_acceptor_has_handed_over_is_left_to_the_worker() {
    isolated(|| {
        for (filter, pause, burst) in [
            ("process acceptor", 500, 1),
            ("not process worker", 500, 20),
            ("not process worker", 5000, 1),
        ] {
            let tally = beside_an_acceptor(filter, Duration::from_micros(pause), burst);
            let what = format!("{filter}, {burst} at a time, for {pause} us each: {tally:?}");
            assert!(tally.handed_over > 50, "{what}");
            // Judged once, a hundred are lost. Some microseconds are left before the kernel's deletion.
            assert!(tally.lost <= 2, "{what}");
        }
    });
}

#[test]
fn what_works_while_the_question_stands_is_spared() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        let sitting = Sitting::asked_after(
            Duration::from_millis(600),
            &format!("delete idle gt 500ms and dport = :{port}"),
        );
        for _ in 0..200 {
            assert!(ends.iter().all(is_alive));
        }
        sitting.types("y\n");
        let (code, lines) = sitting.end();
        assert_eq!(code, 1, "{lines:?}");
        for ends in &ends {
            let row = format!("{} ", local(ends));
            let mut rows = lines.iter().filter(|line| line.contains(&row));
            assert!(rows.any(|it| it.starts_with("spared ")), "{lines:?}");
        }
        let why = "tcpentry: cannot delete 2 connections, each because it no longer matches";
        assert!(lines.contains(&why.to_owned()), "{lines:?}");
        assert!(
            lines.contains(&"tcpentry: 2 spared".to_owned()),
            "{lines:?}"
        );
        assert!(ends.iter().all(is_alive));
    });
}

#[test]
fn what_changes_while_the_question_stands_is_spared_and_the_rest_is_deleted() {
    isolated(|| {
        let (ends, _listener, port) = connections(3);
        let [idle, busy, closing] = ends.as_slice() else {
            panic!("there are three")
        };
        let filter = format!("delete state established recvq = 0 and sport = :{port}");
        let sitting = Sitting::asked(&filter);
        (&busy.client).write_all(b"a query").unwrap();
        closing.client.shutdown(std::net::Shutdown::Write).unwrap();
        let (server, client) = tcp::addresses(&closing.server);
        tcpentry_testkit::proc_net::await_state(server, client, 8);
        sitting.types("y\n");
        let (code, lines) = sitting.end();
        assert_eq!(code, 0, "{lines:?}");
        assert!(
            lines.contains(&"tcpentry: 1 deleted, 2 spared".to_owned()),
            "{lines:?}"
        );
        assert!(!is_alive(idle) && is_alive(busy));
    });
}

#[test]
fn what_goes_to_another_process_while_the_question_stands_is_spared() {
    isolated(|| {
        let (mut ends, _listener, port) = connections(2);
        let sitting = Sitting::asked(&format!("delete not process worker and sport = :{port}"));
        let moved = ends.pop().unwrap();
        let worker = Named::holding(&moved.server, b"worker");
        sitting.types("y\n");
        let (code, lines) = sitting.end();
        assert_eq!(code, 0, "{lines:?}");
        assert!(
            lines.contains(&"tcpentry: 1 deleted, 1 spared".to_owned()),
            "{lines:?}"
        );
        assert!(!is_alive(&ends[0]) && is_alive(&moved));
        drop(worker);
    });
}
