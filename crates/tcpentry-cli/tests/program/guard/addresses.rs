//! Addresses that leave the host: both ends of what was on them hear of it, and one that only moves ends nothing.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, prlimit};
use tcpentry_testkit::link::{Neighbour, ip};
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::{isolated, skip, stage, until};

use super::Service;
use crate::util::{is_alive, program};

/// Runs a test next to a neighbour, with a `/run` of its own, or skips it.
///
/// The service has to see the process that holds the connections: this one.
fn beside_a_neighbour(body: impl FnOnce(&Neighbour) + Send + 'static) {
    isolated(|| match stage::bare() {
        Ok(()) => body(&Neighbour::new()),
        Err(error) => skip!("no mounts of a test's own: {error}"),
    });
}

fn listen(address: &str) -> TcpListener {
    tcp::listen(SocketAddr::new(address.parse().unwrap(), 0))
}

fn connect(neighbour: &Neighbour, listener: &TcpListener) -> Ends {
    let to = listener.local_addr().unwrap();
    let client = neighbour.there.run(move || TcpStream::connect(to).unwrap());
    let (server, _) = listener.accept().unwrap();
    Ends::new(client, server)
}

/// Waits until both ends of a connection have an error.
fn both_know(ends: &Ends) {
    for (stream, end) in [(&ends.server, "the local end"), (&ends.client, "the peer")] {
        until(&format!("{end} knows"), || {
            tcp::pending_error(stream).is_some()
        });
    }
}

const RULE: &str = "[rule.left]\nwhen = \"address-removed\"\ndelete = \"src $address\"\n";

#[test]
fn when_an_address_has_left_both_ends_know_in_both_families() {
    beside_a_neighbour(|neighbour| {
        ip(&[
            "addr add 10.0.0.50/24 dev veth0",
            "addr add fd00::1/64 dev veth0 nodad",
            "addr add fd00::50/64 dev veth0 nodad",
        ]);
        neighbour
            .there
            .run(|| ip(&["addr add fd00::2/64 dev veth0 nodad"]));
        let v4 = connect(neighbour, &listen("10.0.0.50"));
        let v6 = connect(neighbour, &listen("fd00::50"));
        let others = [
            connect(neighbour, &listen("10.0.0.1")),
            connect(neighbour, &listen("fd00::1")),
        ];
        let service = Service::start(program(), RULE);
        ip(&["addr del 10.0.0.50/24 dev veth0"]);
        both_know(&v4);
        ip(&["addr del fd00::50/64 dev veth0"]);
        both_know(&v6);
        service.logs_times("rule left: deleted: ", 2);
        assert!(others.iter().all(is_alive));
        assert_eq!(service.counts("deleted: "), 2, "{}", service.log());
    });
}

#[test]
fn while_it_is_not_known_which_addresses_are_here_nothing_is_taken_and_then_all_is() {
    beside_a_neighbour(|neighbour| {
        ip(&["addr add 10.0.0.50/24 dev veth0"]);
        let leaving = connect(neighbour, &listen("10.0.0.50"));
        let rules = format!("{RULE}[rule.bans]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n");
        let service = Service::start(program(), &rules);
        // It can open nothing more.
        let limit = |current| {
            let mut limits = getrlimit(Resource::Nofile);
            limits.current = Some(current);
            prlimit(Some(service.pid()), Resource::Nofile, limits).unwrap();
        };
        limit(5);
        ip(&[
            "addr add 10.0.0.60/24 dev veth0",
            "addr del 10.0.0.50/24 dev veth0",
        ]);
        service.logs("nothing is taken from an event until it is known which are its own");
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(tcp::pending_error(&leaving.server), None);
        assert_eq!(service.counts("nothing is taken from an event"), 1);
        let own = tcp::connect_to(&listen("10.0.0.60"));
        limit(1024);
        let mut control = UnixStream::connect("/run/tcpentry/guard.sock").unwrap();
        control.write_all(b"ban\nadd 10.0.0.60\n\n").unwrap();
        let mut reply = String::new();
        control.read_to_string(&mut reply).unwrap();
        both_know(&leaving);
        // Refused as a whole before its addresses were read again, or that one behind them.
        let is_refused = reply.contains("can't be read");
        until("it is not taken", || {
            is_refused
                || service
                    .log()
                    .contains("10.0.0.60 is an address of this host")
        });
        assert!(is_alive(&own), "{reply}{}", service.log());
    });
}

#[test]
fn an_address_that_moves_to_another_device_ends_nothing() {
    beside_a_neighbour(|neighbour| {
        ip(&[
            "link add other type veth peer name beyond",
            "link set other up",
            "addr add 10.0.0.50/32 dev veth0",
            "addr add 10.0.0.51/32 dev veth0",
            "addr add 10.0.0.52/32 dev veth0",
        ]);
        let kept = ["10.0.0.50", "10.0.0.51"].map(|it| connect(neighbour, &listen(it)));
        let witness = connect(neighbour, &listen("10.0.0.52"));
        let service = Service::start(program(), RULE);
        // It leaves first, or it comes first.
        ip(&[
            "addr del 10.0.0.50/32 dev veth0",
            "addr add 10.0.0.50/32 dev other",
            "addr add 10.0.0.51/32 dev other",
            "addr del 10.0.0.51/32 dev veth0",
        ]);
        // A later event that does end something has the earlier ones behind it.
        ip(&["addr del 10.0.0.52/32 dev veth0"]);
        both_know(&witness);
        service.logs("deleted: ");
        assert!(kept.iter().all(is_alive), "{}", service.log());
        assert_eq!(service.counts("deleted: "), 1, "{}", service.log());
    });
}

#[test]
fn only_the_devices_that_a_rule_names_matter() {
    beside_a_neighbour(|neighbour| {
        ip(&[
            "link add other7 type veth peer name beyond",
            "link set other7 up",
            "addr add 10.0.0.50/32 dev veth0",
            "addr add 10.0.0.51/32 dev other7",
        ]);
        let kept = connect(neighbour, &listen("10.0.0.50"));
        let witness = connect(neighbour, &listen("10.0.0.51"));
        let service = Service::start(program(), &format!("{RULE}device = \"other*\"\n"));
        ip(&[
            "addr del 10.0.0.50/32 dev veth0",
            "addr del 10.0.0.51/32 dev other7",
        ]);
        both_know(&witness);
        service.logs("deleted: ");
        assert_eq!(service.counts("deleted: "), 1, "{}", service.log());
        assert_eq!(tcp::pending_error(&kept.server), None);
    });
}

#[test]
fn an_address_that_has_gone_before_the_start_is_found() {
    beside_a_neighbour(|neighbour| {
        ip(&["addr add 10.0.0.50/32 dev veth0"]);
        let gone = connect(neighbour, &listen("10.0.0.50"));
        let kept = connect(neighbour, &listen("10.0.0.1"));
        ip(&["addr del 10.0.0.50/32 dev veth0"]);
        let service = Service::start(program(), RULE);
        both_know(&gone);
        service.logs("deleted: ");
        assert!(is_alive(&kept));
    });
}

#[test]
fn an_address_that_is_back_before_its_look_ends_nothing() {
    beside_a_neighbour(|neighbour| {
        ip(&["addr add 10.0.0.50/24 dev veth0"]);
        let ends = connect(neighbour, &listen("10.0.0.50"));
        let service = Service::start(program(), RULE);
        let guard = |words: &[&str]| {
            let done = program().arg("guard").args(words).output().unwrap();
            assert!(done.status.success(), "{done:?}");
            String::from_utf8(done.stderr).unwrap()
        };
        guard(&["pause", "left"]);
        ip(&["addr del 10.0.0.50/24 dev veth0"]);
        // Longer than an address may take to another device.
        std::thread::sleep(Duration::from_millis(300));
        ip(&["addr add 10.0.0.50/24 dev veth0"]);
        guard(&["pause"]);
        let still = guard(&["resume", "left"]);
        assert!(still.contains("all rules are paused"), "{still}");
        guard(&["resume"]);
        std::thread::sleep(Duration::from_millis(300));
        assert!(is_alive(&ends), "{}", service.log());
        ip(&["addr del 10.0.0.50/24 dev veth0"]);
        both_know(&ends);
    });
}

#[test]
fn an_address_that_flaps_ends_nothing() {
    beside_a_neighbour(|neighbour| {
        ip(&["addr add 10.0.0.50/32 dev veth0"]);
        let ends = connect(neighbour, &listen("10.0.0.50"));
        let service = Service::start(program(), RULE);
        let turns: Vec<_> = (0..60)
            .flat_map(|_| {
                [
                    "addr del 10.0.0.50/32 dev veth0",
                    "addr add 10.0.0.50/32 dev veth0",
                ]
            })
            .collect();
        for _ in 0..5 {
            ip(&turns);
        }
        std::thread::sleep(Duration::from_millis(300));
        assert!(is_alive(&ends), "{}", service.log());
        assert_eq!(service.counts("deleted: "), 0, "{}", service.log());
    });
}

#[test]
fn a_dry_run_by_either_name_ends_nothing() {
    beside_a_neighbour(|neighbour| {
        let ends = connect(neighbour, &listen("10.0.0.1"));
        let rule = "[rule.all]\nevery = \"100ms\"\ndelete = \"src 10.0.0.1\"\n";
        for option in ["-n", "--dry-run"] {
            let service = Service::start_with(program(), rule, &[option]);
            service.logs("would be deleted: ");
            assert!(is_alive(&ends), "{option}: {}", service.log());
        }
    });
}
