//! Deletions after the local address has left the host: what is said of the peers.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use serde_json::Value;
use tcpentry_testkit::isolated;
use tcpentry_testkit::link::{Neighbour, ip};
use tcpentry_testkit::tcp::{self, Ends};

use crate::util::{ends, run};

const FLOATING: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 50);

fn with_floating_address() -> (Neighbour, TcpListener) {
    let neighbour = Neighbour::new();
    ip(&["addr add 10.0.0.50/24 dev veth0"]);
    let listener = tcp::listen((FLOATING, 0).into());
    (neighbour, listener)
}

fn lose_address() {
    ip(&["addr del 10.0.0.50/24 dev veth0"]);
}

fn dial(neighbour: &Neighbour, listener: &TcpListener) -> TcpStream {
    let to: SocketAddr = listener.local_addr().unwrap();
    neighbour.there.run(move || TcpStream::connect(to).unwrap())
}

fn accepted(neighbour: &Neighbour, listener: &TcpListener) -> Ends {
    let client = dial(neighbour, listener);
    let (server, _) = listener.accept().unwrap();
    Ends::new(client, server)
}

#[test]
fn json_says_whether_the_peer_was_told() {
    isolated(|| {
        let (neighbour, listener) = with_floating_address();
        let held = accepted(&neighbour, &listener);
        let _queued = dial(&neighbour, &listener);
        let here = accepted(&neighbour, &neighbour.listener());
        lose_address();
        let plain = run(&format!("delete --json {}", ends(&here.server)));
        assert_eq!(plain.objects()[0]["peer_told"], true);
        let words = format!("delete --yes --json src {FLOATING}");
        let rehearsed = run(&format!("{words} -n"));
        let untold = |it: &Value| it["peer_told"].is_null();
        assert!(rehearsed.objects().iter().all(untold));
        let deleted = run(&words);
        assert_eq!((deleted.code, deleted.err.as_str()), (0, ""));
        let objects = deleted.objects();
        let peer = held.client.local_addr().unwrap().to_string();
        let (told, others): (Vec<_>, Vec<_>) = objects.iter().partition(|it| it["peer"] == peer);
        assert_eq!(told[0]["peer_told"], true);
        assert_eq!(told[0]["method"], "sock-diag");
        assert_eq!(others.len(), 1);
        assert_eq!(others[0]["peer_told"], false);
        let missing = run(&words);
        assert_eq!(missing.code, 1);
    });
}

#[test]
fn peers_that_were_not_told_are_counted() {
    isolated(|| {
        let (neighbour, listener) = with_floating_address();
        let _held = accepted(&neighbour, &listener);
        let _queued: Vec<_> = (0..3).map(|_| dial(&neighbour, &listener)).collect();
        lose_address();
        let deleted = run(&format!("delete --yes src {FLOATING}"));
        assert_eq!(deleted.code, 0);
        assert_eq!(
            deleted.err,
            "tcpentry: 3 peers were not notified: their local addresses are no longer on this host, and no process was \
             found to borrow the descriptor from\ntcpentry: 4 deleted\n"
        );
    });
}

#[test]
fn one_is_named_and_with_v_also_that_it_was_told() {
    isolated(|| {
        let (neighbour, listener) = with_floating_address();
        let [first, second, third] = [(); 3].map(|()| accepted(&neighbour, &listener));
        lose_address();
        let quiet = run(&format!("delete {}", ends(&first.server)));
        assert_eq!((quiet.code, quiet.err.as_str()), (0, ""));
        let loud = run(&format!("delete -v {}", ends(&second.server)));
        let peer = |ends: &Ends| ends.client.local_addr().unwrap();
        let told = format!(
            "the peer {} was notified although {FLOATING} is",
            peer(&second)
        );
        assert!(loud.err.contains(&told), "{}", loud.err);
        let words = ends(&third.server);
        let not = run(&format!("delete --method sock-diag {words}"));
        let not_told = format!(
            "tcpentry: the peer {} was not notified: the local address {FLOATING} is no longer on this host, and --method \
             sock-diag borrows no descriptor\n",
            peer(&third)
        );
        assert_eq!((not.code, not.err), (0, not_told));
    });
}
