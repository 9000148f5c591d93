//! The life of a service: what its manager hears, how it ends, what it may, and what it costs when nothing happens.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use rustix::process::Signal;
use tcpentry_testkit::link::sysctl;
use tcpentry_testkit::seccomp::without_nftables;
use tcpentry_testkit::until;

use super::{Service, ServiceFolder, alone, wake_ups};
use crate::util::{connections, is_alive, program, run};

const JOURNAL: &str = "/run/systemd/journal/socket";
const WAITS: &str = "[rule.bans]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n";

#[test]
fn its_manager_hears_of_its_start_its_reloads_its_health_and_its_end() {
    alone(|| {
        let (_all, _listener, port) = connections(1);
        let manager = UnixDatagram::bind("/run/notify").unwrap();
        manager
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let next = |what: &str| {
            let mut text = [0; 4096];
            loop {
                let length = manager
                    .recv(&mut text)
                    .unwrap_or_else(|it| panic!("{what}: {it}"));
                let text = String::from_utf8_lossy(&text[..length]).into_owned();
                if text.contains(what) {
                    return text;
                }
            }
        };
        let mut command = program();
        command
            .env("NOTIFY_SOCKET", "/run/notify")
            .env("WATCHDOG_USEC", "400000");
        let rules = format!("[rule.one]\nevery = \"1h\"\ndelete = \"dport = :{port}\"\n{WAITS}");
        let service = Service::start(command, &rules);
        assert_eq!(next("READY=1"), "READY=1\nSTATUS=2 rules");
        assert_eq!(next(" deleted"), "STATUS=2 rules, 1 deleted");
        for _ in 0..3 {
            assert_eq!(next("WATCHDOG=1"), "WATCHDOG=1");
        }
        service.reload(WAITS);
        assert!(next("RELOADING=1").contains("\nMONOTONIC_USEC="));
        assert!(next("READY=1").contains("\nSTATUS=1 rule"));
        service.reload("no rule");
        next("RELOADING=1");
        assert!(next("READY=1").contains("; the new configuration is wrong"));
        let (status, log) = service.end();
        assert!(status.success(), "{status}");
        next("STOPPING=1");
        assert!(log.ends_with("has ended\n"), "{log}");
    });
}

#[test]
fn a_journal_that_goes_away_holds_up_neither_its_rules_nor_its_end() {
    alone(|| {
        fs::create_dir_all("/run/systemd/journal").unwrap();
        let bind = || {
            let journal = UnixDatagram::bind(JOURNAL).unwrap();
            journal
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            journal
        };
        let next = |journal: &UnixDatagram, what: &str| {
            let mut record = vec![0; 65536];
            loop {
                let length = journal.recv(&mut record).unwrap();
                let text = String::from_utf8_lossy(&record[..length]);
                if text.contains(what) {
                    return;
                }
            }
        };
        let journal = bind();
        let (all, _listener, port) = connections(1);
        let folder = ServiceFolder::new(WAITS);
        let log = fs::metadata(folder.path("log")).unwrap();
        let mut command = program();
        command.env("JOURNAL_STREAM", format!("{}:{}", log.dev(), log.ino()));
        let mut service = folder.start(command);
        next(&journal, "MESSAGE=runs ");
        drop(journal);
        // Nobody takes that it has read them, nor what it deletes by them.
        let rules = format!("[rule.one]\nevery = \"1h\"\ndelete = \"dport = :{port}\"\n");
        fs::write(service.path("rules.toml"), rules).unwrap();
        service.send(Signal::HUP);
        until("the rule has deleted", || !is_alive(&all[0]));
        let lost = || {
            let status = run("guard status --json");
            let status: serde_json::Value = serde_json::from_str(&status.out).unwrap_or_default();
            status["lost_log_records"].as_u64().unwrap_or(0)
        };
        until("the records are lost", || lost() >= 2);
        fs::remove_file(JOURNAL).unwrap();
        let journal = bind();
        service.send(Signal::HUP);
        next(&journal, "\nTCPENTRY_LOST=");
        drop(journal);
        service.send(Signal::TERM);
        until("it has ended", || service.ended().is_some());
        assert!(service.ended().unwrap().success());
    });
}

#[test]
fn it_ends_between_two_deletions_and_all_that_was_done_is_in_the_log() {
    alone(|| {
        let (all, _listener, port) = connections(20);
        let rules = format!(
            "[rule.slow]\nevery = \"1h\"\ndelete = \"dport = :{port}\"\nrate = \"10/s\"\n\
             [rule.later]\nevery = \"1h\"\ndelete = \"dport = :1\"\n"
        );
        let service = Service::start(program(), &rules);
        service.logs_times("rule slow: deleted: ", 3);
        let (status, log) = service.end();
        assert!(status.success(), "{status}");
        let gone = all.iter().filter(|it| !is_alive(it)).count();
        assert_eq!(log.matches("deleted: ").count(), gone, "{log}");
        assert!((3..10).contains(&gone), "{gone}");
        assert!(log.ends_with("has ended\n"), "{log}");
    });
}

#[test]
fn a_second_service_is_refused_with_the_pid_of_the_first() {
    alone(|| {
        let first = Service::start(program(), WAITS);
        let second = ServiceFolder::new(WAITS);
        let mut refused = ServiceFolder(second.0.clone()).start(program());
        let status = refused.child.wait().unwrap();
        let log = second.log();
        assert_eq!(status.code(), Some(7), "{log}");
        let said = format!("already runs (pid {})", first.pid);
        assert!(log.contains(&said), "{log}");
        assert_eq!(run("guard status").code, 0, "the first goes on");
    });
}

#[test]
fn the_socket_of_a_later_service_outlasts_an_earlier_one() {
    alone(|| {
        let first = Service::start(program(), WAITS);
        fs::remove_dir_all("/run/tcpentry").unwrap();
        let second = Service::start(program(), WAITS);
        assert!(first.end().0.success());
        assert_eq!(run("guard status").code, 0, "the second is asked");
        assert!(second.end().0.success());
        assert!(!fs::exists("/run/tcpentry/guard.sock").unwrap());
    });
}

#[test]
fn without_the_socket_of_its_manager_it_runs_and_warns() {
    alone(|| {
        let mut command = program();
        command.env("NOTIFY_SOCKET", "/run/no-manager");
        let service = Service::start(command, WAITS);
        assert_eq!(run("guard status").code, 0);
        let (status, log) = service.end();
        assert!(status.success(), "{status}");
        assert_eq!(
            log.matches("NOTIFY_SOCKET=/run/no-manager: ").count(),
            1,
            "{log}"
        );
    });
}

#[test]
fn a_pause_that_was_given_up_while_it_stood_still_is_not_carried_out() {
    alone(|| {
        let service = Service::start(program(), WAITS);
        service.send(Signal::STOP);
        let late = run("guard pause");
        assert_eq!(late.code, 7, "{}", late.err);
        let said =
            "does not answer (/run/tcpentry/guard.sock); it may still do what it was asked to";
        assert!(late.err.contains(said), "{}", late.err);
        service.send(Signal::CONT);
        let status = run("guard status --json").objects().remove(0);
        assert_eq!(status["paused"], false, "{status}");
    });
}

#[test]
fn nothing_wakes_it_up_that_no_rule_has_asked_for() {
    alone(|| {
        let rules = "[rule.left]\nwhen = \"address-removed\"\ndelete = \"src $address\"\n\
                     [rule.banned]\nwhen = \"set inet t s\"\ndelete = \"dst $elements\"\n";
        let service = Service::start(program(), &format!("{rules}{WAITS}"));
        // What was asked at the start is over once this is answered, and what it has changed a second later.
        assert_eq!(run("guard status").code, 0);
        std::thread::sleep(Duration::from_secs(2));
        let before = wake_ups(service.pid);
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(wake_ups(service.pid), before);
    });
}

#[test]
fn without_nftables_the_other_rules_act_and_that_of_a_set_is_said_to_do_nothing() {
    alone(|| {
        let (all, _listener, port) = connections(2);
        let rules = format!(
            "[rule.banned]\nwhen = \"set inet t s\"\ndelete = \"dst $elements\"\n\
             [rule.look]\nevery = \"200ms\"\ndelete = \"dport = :{port}\"\n{WAITS}"
        );
        let service = without_nftables(|| Service::start(program(), &rules));
        service.logs_times("rule look: deleted: ", 2);
        let nothing = "rules about what it announces do nothing";
        service.logs(nothing);
        let status = run("guard status --json").objects().remove(0);
        assert!(status["failures"][0].as_str().unwrap().contains(nothing));
        assert!(all.iter().all(|it| !is_alive(it)));
        assert!(service.end().0.success());
    });
}

#[test]
fn bans_that_cannot_be_written_are_written_once_they_can() {
    alone(|| {
        let service = Service::start(program(), WAITS);
        let file = service.path("guard-bans");
        fs::create_dir_all(file.join("in the way")).unwrap();
        let mut control = UnixStream::connect("/run/tcpentry/guard.sock").unwrap();
        control.write_all(b"ban\nadd 192.0.2.1\n\n").unwrap();
        let mut reply = String::new();
        control.read_to_string(&mut reply).unwrap();
        let said = "unless the bans can be written there, a restart forgets them";
        service.logs(said);
        let failures = || run("guard status --json").objects().remove(0)["failures"].clone();
        assert!(failures()[0].as_str().unwrap().ends_with(said));
        fs::remove_dir_all(&file).unwrap();
        service.logs("has all bans again");
        assert_eq!(fs::read_to_string(&file).unwrap(), "192.0.2.1\n");
        assert!(failures().as_array().unwrap().is_empty());
    });
}

#[test]
fn without_ipv6_it_works() {
    alone(|| {
        sysctl("net/ipv6/conf/all/disable_ipv6", "1");
        let (all, _listener, port) = connections(2);
        let rules = format!(
            "[rule.left]\nwhen = \"address-removed\"\ndelete = \"src $address\"\n\
             [rule.look]\nevery = \"200ms\"\ndelete = \"dport = :{port}\"\n{WAITS}"
        );
        let service = Service::start(program(), &rules);
        service.logs_times("rule look: deleted: ", 2);
        assert!(all.iter().all(|it| !is_alive(it)));
        let (_, log) = service.end();
        assert!(
            !log.contains("can't") && !log.contains("do nothing"),
            "{log}"
        );
    });
}

#[test]
fn a_signal_within_a_batch_leaves_no_deletion_out_of_the_log() {
    alone(|| {
        for delay in [2, 10, 30] {
            let (all, _listener, port) = connections(800);
            let rules = format!("[rule.all]\nevery = \"1h\"\ndelete = \"dport = :{port}\"\n");
            let service = Service::start(program(), &rules);
            std::thread::sleep(Duration::from_millis(delay));
            let (status, log) = service.end();
            assert!(status.success(), "{status}");
            let gone = all.iter().filter(|it| !is_alive(it)).count();
            assert_eq!(log.matches("rule all: deleted: ").count(), gone, "{delay}");
        }
    });
}

#[test]
fn where_there_is_no_folder_for_its_socket_it_says_so() {
    alone(|| {
        let folder = ServiceFolder::new(WAITS);
        let mut command = program();
        command.env("RUNTIME_DIRECTORY", "/run/no/such/folder");
        let shared = ServiceFolder(folder.0.clone());
        let mut refused = shared.start(command);
        assert_eq!(refused.child.wait().unwrap().code(), Some(7));
        assert!(folder.log().contains("/run/no/such"), "{}", folder.log());
    });
}
