//! Limits of a rule: the fuse, the pace, rehearsals and pauses; and what the service says of them.

use std::time::{Duration, Instant};

use serde_json::Value;
use tcpentry_testkit::tcp::Ends;
use tcpentry_testkit::{isolated, skip, stage, until};

use super::{Service, rule};
use crate::util::{connections, is_alive, program, run};

/// Runs a test with a `/run` of its own, or skips it.
fn alone(body: impl FnOnce() + Send + 'static) {
    isolated(|| match stage::bare() {
        Ok(()) => body(),
        Err(error) => skip!("no mounts of a test's own: {error}"),
    });
}

fn status() -> Value {
    let status = run("guard status --json");
    assert_eq!(status.code, 0, "{}", status.err);
    status.objects().remove(0)
}

fn number(name: &str, key: &str) -> u64 {
    rule(&status(), name)[key].as_u64().unwrap()
}

fn alive(all: &[Ends]) -> usize {
    all.iter().filter(|it| is_alive(it)).count()
}

#[test]
fn more_than_max_is_left_alone_until_it_is_less() {
    alone(|| {
        let (mut all, _listener, port) = connections(4);
        let rules =
            format!("[rule.fuse]\nevery = \"100ms\"\ndelete = \"dport = :{port}\"\nmax = 3\n");
        let service = Service::start(program(), &rules);
        service.logs_times(
            "rule fuse: 4 connections match, more than max = 3: nothing is deleted in this round",
            2,
        );
        assert_eq!(alive(&all), 4);
        assert!(number("fuse", "fuse_blown") >= 2);
        all.pop();
        until("three are ended", || number("fuse", "deleted") == 3);
        assert_eq!(alive(&all), 0);
    });
}

#[test]
fn the_pace_is_kept_also_over_reloads() {
    alone(|| {
        let (all, _listener, port) = connections(7);
        let rules =
            format!("[rule.slow]\nevery = \"1s\"\ndelete = \"dport = :{port}\"\nrate = \"4/s\"\n");
        let service = Service::start(program(), &rules);
        let begin = Instant::now();
        until("the first has ended", || number("slow", "deleted") >= 1);
        for _ in 0..3 {
            service.reload(&rules);
        }
        until("all have ended", || number("slow", "deleted") == 7);
        // The seventh of four a second: six gaps of 250 ms.
        assert!(
            begin.elapsed() > Duration::from_millis(1400),
            "{:?}",
            begin.elapsed()
        );
        assert_eq!(alive(&all), 0);
        assert_eq!(service.counts("deleted: "), 7);
    });
}

#[test]
fn a_spread_round_takes_its_time() {
    alone(|| {
        let (all, _listener, port) = connections(10);
        let rules = format!(
            "[rule.even]\nevery = \"10s\"\ndelete = \"dport = :{port}\"\nspread = \"2s\"\n"
        );
        let _service = Service::start(program(), &rules);
        let begin = Instant::now();
        until("some have ended", || number("even", "deleted") > 0);
        assert!(number("even", "waiting") > 0, "not all at once");
        until("all have ended", || number("even", "deleted") == 10);
        let took = begin.elapsed();
        assert!(took > Duration::from_secs(1), "{took:?}");
        assert_eq!(alive(&all), 0);
    });
}

#[test]
fn a_rehearsal_a_disabled_rule_and_a_pause_delete_nothing() {
    alone(|| {
        let (all, _listener, port) = connections(1);
        let text = |name: &str, more: &str| {
            format!("[rule.{name}]\nevery = \"100ms\"\ndelete = \"dport = :{port}\"\n{more}\n")
        };
        let rehearsed = text("rehearsed", "dry-run = true");
        let disabled = text("disabled", "enabled = false");
        let service = Service::start(program(), &format!("{rehearsed}{disabled}"));
        service.logs("rule rehearsed: would be deleted: ");
        let state = status();
        assert_eq!(rule(&state, "rehearsed")["dry_run"], true);
        assert_eq!(rule(&state, "disabled")["enabled"], false);
        assert_eq!(rule(&state, "disabled")["looks"], 0);
        assert_eq!(
            rule(&state, "rehearsed")["deleted"],
            0,
            "a rehearsal counts as none"
        );
        assert_eq!(alive(&all), 1);
        // Paused, a rule does not even look.
        let paused = run("guard pause rehearsed");
        assert_eq!(
            (paused.code, paused.out.as_str()),
            (0, ""),
            "{}",
            paused.err
        );
        service.reload(&text("rehearsed", ""));
        assert_eq!(
            rule(&status(), "rehearsed")["paused"],
            true,
            "a reload keeps the pause"
        );
        let looks = number("rehearsed", "looks");
        std::thread::sleep(Duration::from_millis(300));
        assert!(number("rehearsed", "looks") <= looks + 1);
        assert_eq!(alive(&all), 1);
        assert_eq!(run("guard pause").code, 0);
        assert_eq!(run("guard resume rehearsed").code, 0);
        assert_eq!(status()["paused"], true);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(alive(&all), 1);
        let unknown = run("guard pause nothing");
        assert_eq!(unknown.code, 2, "{}", unknown.err);
        assert!(
            unknown.err.contains("there is no rule `nothing`"),
            "{}",
            unknown.err
        );
        assert_eq!(run("guard resume").code, 0);
        until("it has ended", || number("rehearsed", "deleted") == 1);
        service.logs("paused the rule rehearsed");
        service.logs("resumed all rules");
    });
}

#[test]
fn the_whole_service_can_be_rehearsed() {
    alone(|| {
        let (all, _listener, port) = connections(1);
        let rules = format!("[rule.all]\nevery = \"1s\"\ndelete = \"dport = :{port}\"\n");
        let folder = super::ServiceFolder::new(&rules);
        let mut words = std::process::Command::new("sh");
        // The option stands behind the words that start the service.
        words.args([
            "-c",
            "exec \"$0\" \"$@\" --dry-run",
            env!("CARGO_BIN_EXE_tcpentry"),
        ]);
        let service = Service::start_in(folder, words);
        service.logs("rule all: would be deleted: ");
        assert_eq!(status()["dry_run"], true);
        assert_eq!(alive(&all), 1);
    });
}

#[test]
fn metrics_that_could_not_be_written_are_written_later_although_nothing_changes() {
    alone(|| {
        let rules = "[guard]\nmetrics = \"/tmp/tcpentry-late/x.prom\"\n[rule.b]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n";
        let folder = std::env::temp_dir().join(format!("tcpentry-late-{}", std::process::id()));
        let rules = rules.replace("/tmp/tcpentry-late", folder.to_str().unwrap());
        let service = Service::start(program(), &rules);
        service.logs("x.prom: No such file or directory");
        // More than one attempt, and still one line.
        std::thread::sleep(std::time::Duration::from_secs(5));
        assert_eq!(service.counts("x.prom: "), 1);
        let failures = || run("guard status --json").objects().remove(0)["failures"].clone();
        let said =
            "x.prom: No such file or directory (os error 2): the metrics can't be written there";
        assert!(failures()[0].as_str().unwrap().ends_with(said));
        std::fs::create_dir(&folder).unwrap();
        until("the metrics are written", || folder.join("x.prom").exists());
        assert!(failures().as_array().unwrap().is_empty());
        std::fs::remove_dir_all(folder).unwrap();
    });
}

#[test]
fn metrics_are_those_of_the_status_and_come_to_rest_in_the_file() {
    alone(|| {
        let (_all, _listener, port) = connections(5);
        let folder = super::ServiceFolder::new("");
        let file = folder.path("guard.prom");
        let rules = format!(
            "[guard]\nmetrics = \"{}\"\n[rule.some]\nevery = \"1h\"\ndelete = \"dport = :{port}\"\nrate = \"10/s\"\n",
            file.display()
        );
        std::fs::write(folder.path("rules.toml"), rules).unwrap();
        let service = Service::start_in(folder, program());
        let deleted = "tcpentry_guard_deleted_total{rule=\"some\"} 5\n";
        until("the file has the last of them", || {
            std::fs::read_to_string(&file).is_ok_and(|text| text.contains(deleted))
        });
        let printed = run("guard status --metrics");
        assert!(printed.out.contains(deleted), "{}", printed.out);
        until("the file says no more and no less", || {
            let now = run("guard status --metrics").out;
            std::fs::read_to_string(&file).unwrap() == now
        });
        let shown = run("guard status").out;
        assert!(shown.lines().any(|it| it.starts_with("some\t")), "{shown}");
        drop(service);
        let nobody = run("guard status");
        assert_ne!(nobody.code, 0, "{}", nobody.out);
    });
}
