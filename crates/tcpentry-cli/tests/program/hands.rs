//! Connections that change hands between their listing and their deletion, and those that are part of something larger.

use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tcpentry_testkit::hands::Hands;
use tcpentry_testkit::{isolated, skip, tcp};

use crate::util::{ends, is_alive, run};

/// Runs a deletion in a loop while clients come, and returns how many it reported deleted and how many of them the
/// worker lost.
fn beside_an_acceptor(filter: &str) -> (u64, u64, u64) {
    let listener = tcp::listen(tcp::loopback(0));
    let address = listener.local_addr().unwrap();
    let hands = Hands::accepting(&listener);
    drop(listener);
    let words = format!("delete --yes --json {filter} and sport = :{}", address.port());
    let (end, start) = (AtomicBool::new(false), Instant::now());
    let namespace = tcpentry_testkit::netns::current();
    let mut deleted = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            namespace.enter();
            let mut clients = std::collections::VecDeque::new();
            while !end.load(Relaxed) {
                clients.extend(TcpStream::connect(address));
                if clients.len() > 200 {
                    clients.pop_front();
                }
                thread::sleep(Duration::from_micros(200));
            }
        });
        while start.elapsed() < Duration::from_secs(4) {
            let objects = run(&words).objects();
            deleted += objects.iter().filter(|it| it["outcome"] == "deleted").count() as u64;
        }
        end.store(true, Relaxed);
    });
    thread::sleep(Duration::from_millis(50));
    (deleted, hands.aborted_at_worker(), hands.handed_over())
}

#[test]
fn an_acceptor_hands_over_and_the_worker_keeps_what_it_got() {
    isolated(|| {
        for filter in ["not process worker", "process acceptor"] {
            let (deleted, lost, handed_over) = beside_an_acceptor(filter);
            eprintln!("{filter}: {deleted} deleted, {lost} in the worker's hands, {handed_over} handed over");
            assert!(handed_over > 100, "{handed_over}");
            // Some microseconds are left between the look at the descriptor and the end.
            assert!(lost * 50 <= deleted.max(50), "{filter}: {lost} of {deleted}");
        }
    });
}
