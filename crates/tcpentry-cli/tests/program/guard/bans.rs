//! Bans that are handed over on the control socket.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use tcpentry_testkit::until;

use super::{Service, rule};
use crate::lab::{CLIENT, HERE, OTHER, RESET, Stage, listen, on_a_stage, told, with_two_subflows};
use crate::util::is_alive;

const RULE: &str = "[rule.bans]\nwhen = \"ban\"\ndelete = \"dst $elements\"\nnetns = \"all\"\n";

/// Hands lines over, and returns the reply.
fn ban(stage: &Stage, lines: &str) -> String {
    let mut socket = UnixStream::connect(stage.world.path("/run/tcpentry/guard.sock")).unwrap();
    let request = format!("ban\n{lines}\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    let _ = socket.shutdown(Shutdown::Both);
    reply
}

fn number(stage: &Stage, key: &str) -> u64 {
    let status = stage.run("guard status --json").objects().remove(0);
    rule(&status, "bans")[key].as_u64().unwrap()
}

#[test]
fn what_is_handed_over_ends_here_and_behind_published_ports() {
    on_a_stage(|stage| {
        Stage::publish(8080, 80);
        let (ssh, web) = (listen(HERE, 22), stage.listen_in_container(80));
        let here = stage.connect(CLIENT, HERE, 22, &ssh);
        let behind = stage.connect(CLIENT, HERE, 8080, &web);
        let kept = stage.connect(OTHER, HERE, 22, &ssh);
        let service = Service::start(stage.command(&[]), RULE);
        let reply = ban(stage, &format!("add {CLIENT} 600\nadd 192.0.2.0/24\n"));
        assert_eq!(reply, "{\"done\":\"2 changes of the bans were taken\"}\n");
        until("both have ended", || {
            told(&here) == RESET && told(&behind) == RESET
        });
        assert_eq!(number(stage, "bans"), 2);
        let wrong = ban(stage, &format!("add {OTHER}\nwhat?\n"));
        assert!(wrong.starts_with("{\"error\":\"line 3: "), "{wrong}");
        ban(stage, &format!("add {HERE}\n"));
        service.logs("not taken: 10.98.0.1 is an address of this host");
        assert!(is_alive(&kept));
        ban(stage, "flush\n");
        assert_eq!(number(stage, "bans"), 0);
    });
}

#[test]
fn what_is_never_taken_is_not_ended_by_another_subflow() {
    with_two_subflows(|stage, ends| {
        let rules = format!("[guard]\nnever = [\"{OTHER}\"]\n{RULE}");
        let service = Service::start(stage.command(&[]), &rules);
        ban(stage, &format!("add {CLIENT}\n"));
        service.logs(&format!("guarded: {HERE}:8080 {CLIENT}:"));
        service.logs("is not selected");
        assert_eq!(number(stage, "guarded"), 1);
        assert!(is_alive(ends));
    });
}

#[test]
fn the_subflows_that_end_with_a_banned_one_are_named() {
    with_two_subflows(|stage, ends| {
        let service = Service::start(stage.command(&[]), RULE);
        ban(stage, &format!("add {CLIENT}\n"));
        service.logs(&format!("deleted: {HERE}:8080 {CLIENT}:"));
        service.logs(&format!(
            "with the other subflows of its MPTCP connection: {HERE}:8080 {OTHER}:"
        ));
        assert!(!is_alive(ends));
    });
}

#[test]
fn bans_and_their_expiry_survive_a_reload_and_a_restart() {
    on_a_stage(|stage| {
        let ssh = listen(HERE, 22);
        let service = Service::start(stage.command(&[]), RULE);
        ban(
            stage,
            &format!("add {CLIENT} 600\nadd 192.0.2.1 1\nadd 192.0.2.2\n"),
        );
        until("it has looked", || number(stage, "looks") > 0);
        let later = stage.connect(CLIENT, HERE, 22, &ssh);
        service.reload(&format!("{RULE}max = 10\n"));
        assert!(number(stage, "bans") >= 2);
        until("the short one has expired", || number(stage, "bans") == 2);
        assert!(
            is_alive(&later),
            "what was taken is nothing new after a reload"
        );
        // One that is handed over just before the end is written, too.
        ban(stage, "add 192.0.2.3\n");
        let folder = service.end_for_another();
        let written = std::fs::read_to_string(folder.path("guard-bans")).unwrap();
        assert!(written.contains("10.98.0.2 "), "{written}");
        let service = Service::start_in(folder, stage.command(&[]));
        until("it is taken at the start", || told(&later) == RESET);
        assert_eq!(number(stage, "bans"), 3);
        // A rule that comes with a reload takes the bans as well.
        let again = stage.connect(CLIENT, HERE, 22, &ssh);
        service.reload(&RULE.replace("[rule.bans]", "[rule.others]"));
        until("the other rule takes it", || told(&again) == RESET);
        // So does one that was not enabled.
        let off = RULE.replace("[rule.bans]", "[rule.others]\nenabled = false");
        service.reload(&off);
        let third = stage.connect(CLIENT, HERE, 22, &ssh);
        let refused = ban(stage, "add 192.0.2.9\n");
        assert!(refused.contains("no rule has"), "{refused}");
        service.reload(&RULE.replace("[rule.bans]", "[rule.others]"));
        until("the enabled rule takes it", || told(&third) == RESET);
    });
}
