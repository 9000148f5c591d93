//! Reloads: the state survives them, a wrong file changes nothing, and neither is hurried by load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tcpentry_testkit::{Raised, isolated, skip, stage, tcp, until};

use super::{KEPT, RELOADED, Service, rule};
use crate::util::{connections, is_alive, program, run};

#[test]
fn a_wrong_file_keeps_the_rules_that_were_there_and_the_status_says_so() {
    isolated(|| {
        if let Err(error) = stage::bare() {
            skip!("no mounts of a test's own: {error}");
        }
        let (all, _listener, port) = connections(2);
        let right =
            format!("[rule.one]\nevery = \"100ms\"\ndelete = \"dport = :{port}\"\nmax = 1\n");
        let service = Service::start(program(), &right);
        service.logs("more than max = 1");
        service.reload(&right.replace("max", "maxx"));
        service.logs(KEPT);
        service.logs("rules.toml:4:1: the rule `one` has no key `maxx`");
        let status = run("guard status --json").objects().remove(0);
        let error = status["last_reload_error"].as_str().unwrap();
        assert!(error.contains("no key `maxx`"), "{error}");
        assert!(
            run("guard status --metrics")
                .out
                .contains("reload_successful 0\n")
        );
        let before = rule(&status, "one")["looks"].as_u64().unwrap();
        assert!(all.iter().all(is_alive));
        service.reload(&right.replace("max = 1", "max = 2"));
        service.logs_times("rule one: deleted: ", 2);
        let status = run("guard status --json").objects().remove(0);
        assert!(status["last_reload_error"].is_null(), "{status}");
        assert!(
            rule(&status, "one")["looks"].as_u64().unwrap() > before,
            "the numbers go on"
        );
    });
}

#[test]
fn reloads_while_connections_come_and_go_lose_no_state_and_no_descriptors() {
    isolated(|| {
        if let Err(error) = stage::bare() {
            skip!("no mounts of a test's own: {error}");
        }
        let (held, _kept, port) = connections(1);
        let listener = tcp::listen(tcp::loopback(0));
        let rules = format!(
            "[rule.held]\nevery = \"50ms\"\ndelete = \"dport = :{port}\"\nmatched-for = \"4s\"\n\
             [rule.churn]\nevery = \"20ms\"\ndelete = \"dport = :{}\"\n\
             [rule.nothing]\nevery = \"10ms\"\ndelete = \"dport = :1\"\n",
            tcp::reachable(&listener).port()
        );
        let service = Service::start(program(), &rules);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let to = tcp::reachable(&listener);
                while !over.load(Ordering::Relaxed) {
                    let client = std::net::TcpStream::connect(to);
                    let server = listener.accept();
                    drop((client, server));
                    thread::sleep(std::time::Duration::from_millis(2));
                }
            });
            let over = Raised(&over);
            let descriptors = || {
                let folder = format!("/proc/{}/fd", service.pid);
                std::fs::read_dir(folder).unwrap().count()
            };
            let at_first = descriptors();
            let mut reloads = 0;
            until("what matches throughout has ended", || {
                reloads += 1;
                service.reload(&rules);
                !is_alive(&held[0])
            });
            assert!(reloads > 10, "{reloads}");
            let status = run("guard status --json").objects().remove(0);
            assert_eq!(rule(&status, "held")["deleted"], 1, "{status}");
            assert!(
                rule(&status, "nothing")["looks"].as_u64().unwrap() > 20,
                "{status}"
            );
            assert!(
                descriptors() < at_first + 10,
                "{} and {at_first}",
                descriptors()
            );
            drop(over);
        });
        assert_eq!(service.counts(KEPT), 0);
        assert!(service.counts(RELOADED) > 10);
        assert!(service.end().0.success());
    });
}
