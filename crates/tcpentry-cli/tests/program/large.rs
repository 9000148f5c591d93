//! A table so large that two processors share the work.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use socket2::Socket;
use tcpentry_testkit::{isolated, skip, tcp};

use crate::long::ONE_CROWD;
use crate::util::{Run, run};

/// The number of sockets from which on the program makes two dumps.
const LARGE: u32 = 10_000;

/// Returns the two ends of each row, in columns from this one on.
fn ends(run: &Run, column: usize) -> Vec<String> {
    let rows = run.rows();
    let ends = rows.iter().map(|row| row[column..column + 2].join(" "));
    ends.collect()
}

fn held(crowd: &[Socket]) -> impl Iterator<Item = (String, bool)> {
    crowd.iter().map(|socket| {
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        // Of one that was aborted nothing but its local end is left.
        let peer = socket.peer_addr().is_ok();
        (format!("{local} 127.200.0.1:80"), peer)
    })
}

#[test]
fn every_connection_is_listed_once_and_all_that_match_are_deleted() {
    let _alone = ONE_CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    isolated(|| {
        if !tcp::room_for(LARGE.into()) {
            skip!("too few descriptors for {LARGE} connections (ulimit -n)");
        }
        let crowd = tcp::imagined_crowd(LARGE);
        let all: BTreeSet<_> = held(&crowd).map(|(ends, _)| ends).collect();
        let listed = run("list");
        let shown = ends(&listed, 3);
        assert_eq!(shown.len(), crowd.len());
        assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), all);

        // What is confirmed later, and what is deleted at once.
        for (words, ports) in [
            (
                "delete --own-session --yes --max 10000 sport lt :11000",
                ..11_000,
            ),
            ("delete --own-session --yes sport lt :13000", ..13_000),
        ] {
            let alive = |crowd: &[Socket]| held(crowd).filter(|(_, alive)| *alive).count();
            let before = alive(&crowd);
            let deleted = run(words);
            assert_eq!(deleted.code, 0, "{}", deleted.err);
            let told: BTreeSet<_> = ends(&deleted, 2).into_iter().collect();
            assert_eq!(told.len(), before - alive(&crowd));
            for (ends, alive) in held(&crowd) {
                let port = ends.split([':', ' ']).nth(1).unwrap().parse().unwrap();
                assert_eq!(alive, !ports.contains(&port), "{ends}");
                assert!(!(alive && told.contains(&ends)), "{ends}");
            }
        }
        // Those that are left would stay for minutes, waiting for a peer that is not there.
        run("delete --own-session --yes dst 127.200.0.1:80");
    });
}
