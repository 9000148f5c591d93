//! Both ends of a connection that is not there, while others are between the same addresses: a mistyped port, or one of
//! yesterday.

use tcpentry_testkit::link::Neighbour;
use tcpentry_testkit::{isolated, tcp};

use crate::util::run;

const NONE: &str = "no such connection\n";

#[test]
fn a_wrong_port_gets_the_connection_between_the_same_addresses() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(7001));
        let ends = tcp::connect_to(&listener);
        let (client, server) = tcp::addresses(&ends.client);
        let found = "hint: there ";
        for dry in ["", "-n "] {
            let wrong = run(&format!("delete {dry}{server} 127.0.0.1:1"));
            let expected = format!(
                "{NONE}{found}are other connections between these addresses: {server} {client}, and 1 more\n"
            );
            assert_eq!(wrong.code, 1);
            assert!(wrong.err.contains(&expected), "{}", wrong.err);
        }
        let wrong = run(&format!("delete 127.0.0.1:1 {server}"));
        let expected = format!(
            "{NONE}{found}are other connections between these addresses: {client} {server}, and 1 more\n"
        );
        assert!(wrong.err.contains(&expected), "{}", wrong.err);
    });
}

#[test]
fn a_single_one_is_named_without_a_number() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        let (local, peer) = tcp::addresses(&ends.server);
        let wrong = run(&format!("delete {local} {}:1", peer.ip()));
        let expected = format!(
            "{NONE}hint: there is another connection between these addresses: {local} {peer}\n"
        );
        assert!(wrong.err.contains(&expected), "{}", wrong.err);
    });
}

#[test]
fn where_there_is_none_or_nobody_reads_it_nothing_more_is_said() {
    isolated(|| {
        let ends = tcp::connected();
        let (client, server) = tcp::addresses(&ends.client);
        let elsewhere = run("delete 127.0.0.2:1 127.0.0.3:2");
        assert!(elsewhere.err.ends_with(NONE), "{}", elsewhere.err);
        let quiet = run(&format!("delete -q {client} 127.0.0.1:1"));
        assert!(quiet.err.ends_with(NONE), "{}", quiet.err);
        let object = run(&format!("delete --json {client} 127.0.0.1:1"));
        assert_eq!(object.err, "");
        // The hint of the library is better.
        let swapped = run(&format!("delete -n {server} {client}"));
        assert!(!swapped.err.contains("between these"), "{}", swapped.err);
    });
}
