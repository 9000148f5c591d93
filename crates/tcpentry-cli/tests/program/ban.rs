//! `tcpentry ban`: what banned peers hold ends, here and behind published ports, and nothing else.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tcpentry_testkit::link::ip;
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::{skip, until};

use crate::guard::Service;
use crate::lab::{
    CLIENT, CLIENT_V6, CONTAINER, HERE, HERE_V6, OTHER, RESET, Stage, listen, on_a_stage, told,
    with_two_subflows,
};
use crate::util::{Run, is_alive};

#[test]
fn what_a_peer_holds_ends_on_its_ports_in_both_families_and_nothing_else_does() {
    on_a_stage(|stage| {
        let (ssh, web, v6) = (listen(HERE, 22), listen(HERE, 8000), listen(HERE_V6, 22));
        let banned = stage.connect(CLIENT, HERE, 22, &ssh);
        let other_port = stage.connect(CLIENT, HERE, 8000, &web);
        let other_peer = stage.connect(OTHER, HERE, 22, &ssh);
        let banned_v6 = stage.connect(CLIENT_V6, HERE_V6, 22, &v6);
        let rehearsed = stage.run(&format!("ban -n {CLIENT} --port ssh,9000:9010"));
        assert_eq!(
            (rehearsed.code, rehearsed.rows().len()),
            (0, 1),
            "{}",
            rehearsed.err
        );
        assert!(is_alive(&banned));
        let ban = stage.run(&format!("ban {CLIENT} --port ssh,9000:9010"));
        assert_eq!((ban.code, ban.rows().len()), (0, 1), "{}", ban.err);
        assert_eq!(told(&banned), RESET);
        assert!(is_alive(&other_port) && is_alive(&other_peer) && is_alive(&banned_v6));
        // Again, nothing is there, and nothing is said.
        let again = stage.run(&format!("ban {CLIENT} --port ssh,9000:9010"));
        assert_eq!(
            (again.code, again.out.as_str(), again.err.as_str()),
            (0, "", "")
        );
        let ban = stage.run("ban fd98::/112");
        assert_eq!((ban.code, told(&banned_v6)), (0, RESET), "{}", ban.err);
        let ban = stage.run(&format!("ban {CLIENT} [{CLIENT_V6}] --json"));
        assert_eq!((ban.code, told(&other_port)), (0, RESET), "{}", ban.err);
        assert_eq!(ban.objects()[0]["outcome"], "deleted");
        assert!(is_alive(&other_peer));
        // The listeners go on.
        assert!(is_alive(&stage.connect(CLIENT, HERE, 22, &ssh)));
    });
}

#[test]
fn behind_a_published_port_the_port_is_the_one_that_the_client_asked_for() {
    on_a_stage(|stage| {
        Stage::publish(8080, 80);
        Stage::publish(9090, 80);
        let listener = stage.listen_in_container(80);
        let asked_for_8080 = stage.connect(CLIENT, HERE, 8080, &listener);
        let asked_for_9090 = stage.connect(CLIENT, HERE, 9090, &listener);
        let direct = stage.connect(CLIENT, CONTAINER, 80, &listener);
        let other_peer = stage.connect(OTHER, HERE, 8080, &listener);
        let own_only = stage.run(&format!("ban {CLIENT} --port 8080 --own-netns-only"));
        assert_eq!((own_only.code, own_only.out.as_str()), (0, ""));
        let begin = Instant::now();
        let ban = stage.run(&format!("ban {CLIENT} --port 8080"));
        assert_eq!(
            (ban.code, ban.rows().len()),
            (0, 1),
            "{}{}",
            ban.out,
            ban.err
        );
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert_eq!(told(&asked_for_8080), RESET);
        assert!(is_alive(&asked_for_9090) && is_alive(&direct) && is_alive(&other_peer));
        let ban = stage.run(&format!("ban {CLIENT} --port 80"));
        assert_eq!(
            (ban.code, ban.rows().len()),
            (0, 1),
            "{}{}",
            ban.out,
            ban.err
        );
        assert_eq!(told(&direct), RESET);
        assert!(is_alive(&asked_for_9090) && is_alive(&other_peer));
        // Without a list of ports, none has to be known.
        let ban = stage.run(&format!("ban {CLIENT}"));
        assert_eq!((ban.code, told(&asked_for_9090)), (0, RESET), "{}", ban.err);
        assert!(is_alive(&other_peer));
    });
}

#[test]
fn where_the_port_cannot_be_known_the_connection_is_spared_and_that_is_said() {
    on_a_stage(|stage| {
        // Nothing tracks connections here.
        let listener = stage.listen_in_container(80);
        let unknown = stage.connect(CLIENT, CONTAINER, 80, &listener);
        let ban = stage.run(&format!("ban {CLIENT} --port 8080 --json"));
        assert_eq!(ban.code, 0, "{}", ban.err);
        let spared = &ban.objects()[0];
        assert_eq!(spared["outcome"], "spared", "{spared}");
        let error = spared["error"].as_str().unwrap();
        assert!(
            error.contains("the port that its client asked for is not known"),
            "{error}"
        );
        assert!(is_alive(&unknown));
        let ban = stage.run(&format!(
            "ban {CLIENT} --port 8080 --all-ports-in-containers"
        ));
        assert_eq!((ban.code, told(&unknown)), (0, RESET), "{}", ban.err);
        // Where it is one of all, it need not be known.
        let unknown = stage.connect(CLIENT, CONTAINER, 80, &listener);
        let ban = stage.run(&format!("ban {CLIENT} --port 0:65535"));
        assert_eq!((ban.code, told(&unknown)), (0, RESET), "{}", ban.err);
    });
}

#[test]
fn this_host_its_gateways_and_the_excepted_are_refused_or_spared() {
    on_a_stage(|stage| {
        ip(&["route add default via 10.98.0.254"]);
        let ssh = listen(HERE, 22);
        let kept = stage.connect(OTHER, HERE, 22, &ssh);
        for (words, said) in [
            (HERE, "10.98.0.1 is an address of this host"),
            (
                "10.98.0.254",
                "10.98.0.254 is a default gateway of this host",
            ),
            ("127.0.0.1", "127.0.0.1 is an address of this host"),
            ("::1", "::1 is an address of this host"),
            (HERE_V6, "fd98::1 is an address of this host"),
            ("0.0.0.0/0", "0.0.0.0/0 is every address"),
            ("::/0", "::/0 is every address"),
            (
                "10.98.0.3 --except 10.98.0.0/24",
                "--except spares 10.98.0.3",
            ),
        ] {
            let refused = stage.run(&format!("ban {words}"));
            assert_eq!((refused.code, refused.out.as_str()), (3, ""), "{words}");
            assert!(refused.err.contains(said), "{words}: {}", refused.err);
        }
        let banned = stage.connect(CLIENT, HERE, 22, &ssh);
        stage
            .world
            .must("printf '10.98.0.3 # a friend\\n' > /run/friends");
        let ban = stage.run("ban 10.98.0.0/24 --except @/run/friends");
        assert_eq!((ban.code, told(&banned)), (0, RESET), "{}", ban.err);
        assert!(
            ban.err
                .contains("10.98.0.1 is an address of this host, and is spared"),
            "{}",
            ban.err
        );
        assert!(is_alive(&kept));
        let mixed = stage.run(&format!("ban {HERE} {CLIENT}"));
        assert_eq!(mixed.code, 3, "{}", mixed.err);
        let banned = stage.connect(CLIENT, HERE, 22, &ssh);
        let mixed = stage.run(&format!("ban {HERE} {CLIENT}"));
        assert_eq!((mixed.code, told(&banned)), (6, RESET), "{}", mixed.err);
        for words in [
            "ban",
            "ban nobody",
            "ban 10.0.0.0/33",
            "ban 10.98.0.2 --port x",
            "ban 10.98.0.2 --except @/no/file",
            "ban 10.98.0.2:22",
            "ban 10.98.0.2 --stdin",
            "ban --format sshguard 10.98.0.2",
            "ban --file /no/file",
        ] {
            let refused = stage.run(words);
            assert_eq!(
                (refused.code, refused.out.as_str()),
                (2, ""),
                "{words}: {}",
                refused.err
            );
        }
        assert!(is_alive(&kept));
    });
}

#[test]
fn lines_on_standard_input_are_bans_and_a_bad_one_ends_nothing() {
    on_a_stage(|stage| {
        let ssh = listen(HERE, 22);
        for (form, input) in [
            (
                "plain",
                format!("add {CLIENT} 600\ndel {OTHER}\nwhat?\nflush\n"),
            ),
            (
                "crowdsec",
                format!(
                    "{}\n{}\n{{\"cut",
                    r#"{"duration":"-3s","id":1,"scope":"Ip","type":"ban","value":"10.98.0.3","action":"del"}"#,
                    format_args!(
                        r#"{{"duration":"59m58.7s","id":1,"origin":"cscli","scenario":"x","scope":"Ip","type":"ban","value":"{CLIENT}","action":"add"}}"#
                    ),
                ),
            ),
            (
                "sshguard",
                format!("flushonexit\nrelease {OTHER} 4 32\nblock\nblock {CLIENT} 4 32\n"),
            ),
            (
                "wazuh",
                format!(
                    r#"{{"command":"delete","parameters":{{"alert":{{"data":{{"srcip":"{OTHER}"}}}}}}}}
{{"command":"enable","source":{{}}}}
{{"command":"add","parameters":{{"alert":{{"data":{{"srcip":"{CLIENT}"}}}}}}}}
"#
                ),
            ),
        ] {
            let banned = stage.connect(CLIENT, HERE, 22, &ssh);
            let kept = stage.connect(OTHER, HERE, 22, &ssh);
            let fed = stage.run_with_input(&format!("ban --stdin --format {form}"), &input);
            assert_eq!((fed.code, told(&banned)), (0, RESET), "{form}: {}", fed.err);
            assert_eq!(
                fed.err.matches("the line is skipped").count(),
                1,
                "{}",
                fed.err
            );
            assert!(is_alive(&kept), "{form}");
        }
    });
}

#[test]
fn a_ban_on_standard_input_is_acted_upon_while_it_is_open() {
    on_a_stage(|stage| {
        let ssh = listen(HERE, 22);
        let mut command = stage.command(&["ban", "--stdin"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        for _ in 0..3 {
            let banned = stage.connect(CLIENT, HERE, 22, &ssh);
            writeln!(input, "add {CLIENT}").unwrap();
            until("it has ended", || told(&banned) == RESET);
        }
        assert!(child.try_wait().unwrap().is_none());
        drop(input);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    });
}

#[test]
fn twenty_thousand_decisions_are_some_walks_and_a_file_is_one() {
    on_a_stage(|stage| {
        let ssh = listen(HERE, 22);
        let banned = stage.connect(CLIENT, HERE, 22, &ssh);
        let kept = stage.connect(OTHER, HERE, 22, &ssh);
        let mut decisions = String::new();
        for number in 0..20_000_u32 {
            let address = std::net::Ipv4Addr::from(0xc633_0000 + number);
            let value = if number == 12_345 {
                CLIENT.to_owned()
            } else {
                address.to_string()
            };
            let decision = format!(
                r#"{{"duration":"1h","id":{number},"origin":"lists","scenario":"x","scope":"Ip","type":"ban","value":"{value}","action":"add"}}"#
            );
            decisions.push_str(&decision);
            decisions.push('\n');
        }
        let fed = stage.run_with_input("ban --stdin --format crowdsec", &decisions);
        assert_eq!(
            (fed.code, fed.rows().len(), told(&banned)),
            (0, 1, RESET),
            "{}",
            fed.err
        );
        let banned = stage.connect(CLIENT, HERE, 22, &ssh);
        let list: Vec<_> = (0..124_000_u32)
            .map(|number| std::net::Ipv4Addr::from(0x0100_0000 + number * 7).to_string())
            .chain([CLIENT.to_owned(), "what?".to_owned()])
            .collect();
        std::fs::write(stage.world.path("/run/list"), list.join("\n")).unwrap();
        let file = stage.run("ban --file /run/list");
        assert_eq!(
            (file.code, file.rows().len(), told(&banned)),
            (0, 1, RESET),
            "{}",
            file.err
        );
        assert!(file.err.contains("line 124002: "), "{}", file.err);
        assert!(is_alive(&kept));
    });
}

#[test]
fn lingering_goes_on_in_the_background_and_is_logged() {
    on_a_stage(|stage| {
        let log = UnixDatagram::bind(stage.world.path("/run/log")).unwrap();
        stage.world.must(
            "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && ln -s /run/log /dev/log",
        );
        log.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let ssh = listen(HERE, 22);
        let first = stage.connect(CLIENT, HERE, 22, &ssh);
        let begin = Instant::now();
        let ban = stage.run(&format!("ban {CLIENT} --linger 4s"));
        assert_eq!((ban.code, told(&first)), (0, RESET), "{}", ban.err);
        assert!(begin.elapsed() < Duration::from_secs(3), "it does not wait");
        let second = stage.connect(CLIENT, HERE, 22, &ssh);
        until("the second has ended", || told(&second) == RESET);
        let mut line = [0; 2048];
        let length = log.recv(&mut line).unwrap();
        let line = String::from_utf8_lossy(&line[..length]);
        assert!(
            line.contains(&format!("deleted {HERE}:22 {CLIENT}:")),
            "{line}"
        );
        thread::sleep(Duration::from_secs(5));
        let third = stage.connect(CLIENT, HERE, 22, &ssh);
        thread::sleep(Duration::from_millis(500));
        assert!(is_alive(&third), "it is over");
    });
}

#[test]
fn the_callers_own_session_is_spared_and_no_other_one_is() {
    on_a_stage(|stage| {
        let ssh = listen(HERE, 22);
        let own = stage.connect(CLIENT, HERE, 22, &ssh);
        let other = stage.connect(CLIENT, HERE, 22, &ssh);
        let mut command = stage.command(&["ban", CLIENT, "--linger", "2s"]);
        let input = OwnedFd::from(own.server.try_clone().unwrap());
        let ban = Run::from(command.stdin(input).output().unwrap());
        assert_eq!((ban.code, told(&other)), (6, RESET), "{}", ban.err);
        assert!(
            ban.err.contains("it carries your own session"),
            "{}",
            ban.err
        );
        assert!(
            ban.err.contains("--linger leaves that address alone"),
            "{}",
            ban.err
        );
        thread::sleep(Duration::from_secs(1));
        assert!(is_alive(&own));
        let mut command = stage.command(&["ban", CLIENT, "--own-session"]);
        let input = OwnedFd::from(own.server.try_clone().unwrap());
        let ban = Run::from(command.stdin(input).output().unwrap());
        assert_eq!((ban.code, told(&own)), (0, RESET), "{}", ban.err);
    });
}

/// By the tracking, a connection that a container has opened has the peer's port as the one that was asked for.
#[test]
fn what_a_container_has_opened_is_of_no_port_that_was_asked_for() {
    on_a_stage(|stage| {
        // Connections are tracked where something is translated.
        Stage::publish(8080, 80);
        let server = stage
            .client
            .run(|| tcp::listen(SocketAddr::new(CLIENT.parse().unwrap(), 443)));
        let to = server.local_addr().unwrap();
        let opened = stage.container.run(move || TcpStream::connect(to).unwrap());
        let (accepted, _) = server.accept().unwrap();
        let outgoing = Ends::new(opened, accepted);
        let ban = stage.run(&format!("ban {CLIENT} --port 443,80"));
        assert_eq!((ban.code, ban.out.as_str()), (0, ""), "{}", ban.err);
        assert!(is_alive(&outgoing));
        let ban = stage.run(&format!("ban {CLIENT}"));
        assert_eq!((ban.code, ban.rows().len()), (0, 1), "{}", ban.err);
    });
}

#[test]
fn lingering_spares_what_was_read_and_keeps_nothing_of_its_caller() {
    on_a_stage(|stage| {
        let ssh = listen(HERE, 22);
        let spared = stage.connect(OTHER, HERE, 22, &ssh);
        let banned = stage.connect(CLIENT, HERE, 22, &ssh);
        stage.world.must(&format!(
            "echo {OTHER} >/run/spared; echo {CLIENT} >/run/list"
        ));
        // The list is a pipe, the other is emptied at once, and a lock is held across the command.
        let script = format!(
            "cat /run/list | flock /run/lock {} ban --file - --except @/run/spared --linger 4s; \
             : >/run/spared; flock -n /run/lock true && echo free",
            env!("CARGO_BIN_EXE_tcpentry")
        );
        let done = stage.world.shell(&script);
        let text = String::from_utf8_lossy(&done.stdout);
        assert!(text.ends_with("free\n"), "{done:?}");
        assert_eq!(told(&banned), RESET);
        let again = stage.connect(CLIENT, HERE, 22, &ssh);
        until("who came back has been ended", || told(&again) == RESET);
        assert!(is_alive(&spared));
    });
}

#[test]
fn what_goes_on_coming_holds_back_neither_a_ban_nor_a_signal() {
    on_a_stage(|stage| {
        let ssh = listen(HERE, 22);
        let banned = stage.connect(CLIENT, HERE, 22, &ssh);
        let program = env!("CARGO_BIN_EXE_tcpentry");
        let flood = stage.world.start_shell(&format!(
            "exec sh -c '(echo add {CLIENT}; exec yes del {OTHER}) | {program} ban --stdin; echo $? >/run/code'"
        ));
        until("it has ended", || told(&banned) == RESET);
        stage.world.must("pkill -TERM -x tcpentry");
        let code = stage.world.path("/run/code");
        until("the signal has ended it", || {
            std::fs::read_to_string(&code).is_ok_and(|code| code == "143\n")
        });
        drop(flood);
    });
}

#[test]
fn who_may_not_see_all_namespaces_is_told() {
    on_a_stage(|stage| {
        let ssh = listen(HERE, 22);
        let banned = stage.connect(CLIENT, HERE, 22, &ssh);
        let words = [
            "--reuid=4005",
            "--regid=4005",
            "--clear-groups",
            env!("CARGO_BIN_EXE_tcpentry"),
            "ban",
            CLIENT,
        ];
        let ban = stage.world.command("setpriv").args(words).output().unwrap();
        if String::from_utf8_lossy(&ban.stderr).contains("Permission denied") {
            skip!("the program can't be run by another user here");
        }
        let ban = Run::from(ban);
        assert_eq!(ban.code, 4, "{}", ban.err);
        assert!(is_alive(&banned));
    });
}

impl Stage {
    /// Starts the service with rules, and returns once it runs.
    fn guard(&self, rules: &str) -> Guard<'_> {
        let mut command = self.command(&[]);
        // As the packaged unit has it.
        command
            .env("MALLOC_MMAP_THRESHOLD_", "131072")
            .env("MALLOC_ARENA_MAX", "1");
        Guard {
            service: Service::start(command, rules),
            stage: self,
        }
    }
}

/// A running service that can be asked on this stage.
struct Guard<'s> {
    service: Service,
    stage: &'s Stage,
}

impl Guard<'_> {
    /// Returns the number of bans that its rule has.
    fn bans(&self) -> u64 {
        let status = self.stage.run("guard status --json").objects().remove(0);
        status["rules"][0]["bans"].as_u64().unwrap()
    }

    /// Returns the memory of its own that it uses, in bytes.
    fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.service.pid());
        let status = std::fs::read_to_string(path).unwrap();
        let (_, behind) = status.split_once("RssAnon:").unwrap();
        let kilobytes = behind.split_whitespace().next().unwrap();
        kilobytes.parse::<u64>().unwrap() * 1024
    }
}

const RULE: &str = "[rule.bans]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n";

#[test]
fn bans_go_to_the_service_where_it_has_a_rule_for_them() {
    on_a_stage(|stage| {
        let listener = listen(HERE, 22);
        let guard = stage.guard(RULE);
        let banned = stage.connect(CLIENT, HERE, 22, &listener);
        let other = stage.connect(OTHER, HERE, 22, &listener);
        let input = format!("add {CLIENT} 600\nadd {HERE}\n203.0.113.0/24\n");
        let ban = stage.run_with_input("ban --stdin", &input);
        assert_eq!((ban.code, ban.out.as_str()), (0, ""), "{}", ban.err);
        assert!(
            ban.err.contains("handed over to tcpentry guard: 2 bans"),
            "{}",
            ban.err
        );
        assert!(ban.err.contains("refused:"), "{}", ban.err);
        assert_eq!(told(&banned), RESET, "{}", guard.service.log());
        assert!(is_alive(&other));
        assert_eq!(guard.bans(), 2);
        // Who bans again means what has come since.
        let again = stage.connect(CLIENT, HERE, 22, &listener);
        let ban = stage.run_with_input("ban --stdin -q", &input);
        assert!(!ban.err.contains("handed over"), "{}", ban.err);
        assert_eq!(told(&again), RESET, "{}", guard.service.log());
        let decision = format!(
            r#"{{"duration":"-1s","scope":"Ip","type":"ban","value":"{CLIENT}","action":"del"}}"#
        );
        let ban = stage.run_with_input("ban --stdin --format crowdsec", &decision);
        assert_eq!((ban.code, ban.err.as_str()), (0, ""));
        assert_eq!(guard.bans(), 1);
        let ban = stage.run_with_input("ban --stdin --format sshguard", "flush\n");
        assert_eq!((ban.code, guard.bans()), (0, 0), "{}", ban.err);
        // A file, of which a part is refused.
        let list = stage.run_with_input("ban --file -", &input);
        assert_eq!(list.code, 6, "{}", list.err);
        let list = stage.run_with_input("ban --file -", &format!("{HERE}\n"));
        assert_eq!(list.code, 3, "{}", list.err);
        let list = stage.run_with_input("ban --file -", &format!("{OTHER}\n"));
        assert_eq!(list.code, 0, "{}", list.err);
        assert_eq!(told(&other), RESET, "{}", guard.service.log());
        assert!(is_alive(&stage.connect(OTHER, HERE, 22, &listener)));
    });
}

#[test]
fn a_list_that_is_handed_over_says_where_the_own_session_cannot_be_followed() {
    on_a_stage(|stage| {
        let guard = stage.guard(RULE);
        let ssh = listen(HERE, 22);
        let banned = stage.connect(OTHER, HERE, 22, &ssh);
        std::fs::write(stage.world.path("/run/list"), format!("{OTHER}\n")).unwrap();
        let mut command = stage.command(&["ban", "--file", "/run/list"]);
        // As with `kubectl exec -i`: it comes from outside its pid namespace.
        let (input, _speaker) = std::io::pipe().unwrap();
        command.env_remove("SSH_CONNECTION").stdin(input);
        let ban = Run::from(command.output().unwrap());
        assert_eq!(ban.code, 0, "{}", ban.err);
        assert!(
            ban.err.contains("handed over to tcpentry guard: 1 ban"),
            "{}",
            ban.err
        );
        assert_eq!(
            ban.err.matches("this may cut you off: ").count(),
            1,
            "{}",
            ban.err
        );
        assert_eq!(told(&banned), RESET, "{}", guard.service.log());
    });
}

#[test]
fn the_ban_of_ones_own_address_is_not_handed_over() {
    on_a_stage(|stage| {
        let guard = stage.guard(RULE);
        let ssh = listen(HERE, 22);
        let own = stage.connect(CLIENT, HERE, 22, &ssh);
        let beside = stage.connect(CLIENT, HERE, 22, &ssh);
        let other = stage.connect(OTHER, HERE, 22, &ssh);
        let list = format!("{CLIENT}/31\n{OTHER}\n");
        std::fs::write(stage.world.path("/run/list"), list).unwrap();
        let mut command = stage.command(&["ban", "--file", "/run/list"]);
        let input = OwnedFd::from(own.server.try_clone().unwrap());
        let ban = Run::from(command.stdin(input).output().unwrap());
        assert_eq!(ban.code, 6, "{}", ban.err);
        assert!(
            ban.err.contains("its ban is not handed over"),
            "{}",
            ban.err
        );
        assert!(
            ban.err.contains("it carries your own session"),
            "{}",
            ban.err
        );
        assert_eq!((told(&beside), told(&other)), (RESET, RESET), "{}", ban.err);
        assert_eq!(guard.bans(), 1);
        assert!(is_alive(&own));
    });
}

#[test]
fn where_no_rule_is_about_bans_or_an_option_asks_for_more_they_act_here() {
    on_a_stage(|stage| {
        let (listener, web) = (listen(HERE, 22), listen(HERE, 8000));
        let guard = stage.guard(RULE);
        let banned = stage.connect(CLIENT, HERE, 22, &listener);
        let spared = stage.connect(CLIENT, HERE, 8000, &web);
        let input = format!("add {CLIENT}\ndel {CLIENT}\nflush\n");
        let ban = stage.run_with_input("ban --stdin --port 22", &input);
        assert_eq!((ban.code, ban.rows().len()), (0, 1), "{}", ban.err);
        assert_eq!((told(&banned), guard.bans()), (RESET, 0));
        assert!(is_alive(&spared));
        assert!(guard.service.end().0.success());
        stage.guard("[rule.leak]\nevery = \"1h\"\ndelete = \"state close-wait\"\n");
        let ban = stage.run_with_input("ban --stdin", &input);
        assert_eq!((ban.code, ban.rows().len()), (0, 1), "{}", ban.err);
        assert!(!ban.err.contains("guard"), "{}", ban.err);
        assert_eq!(told(&spared), RESET);
    });
}

#[test]
fn a_service_that_does_not_answer_keeps_no_ban_waiting() {
    on_a_stage(|stage| {
        let listener = listen(HERE, 22);
        let guard = stage.guard(RULE);
        guard.service.send(Signal::STOP);
        let (first, second) = (
            stage.connect(CLIENT, HERE, 22, &listener),
            stage.connect(OTHER, HERE, 22, &listener),
        );
        let mut command = stage.command(&["ban", "--stdin"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let begin = Instant::now();
        writeln!(input, "add {CLIENT}").unwrap();
        until("the first ends", || told(&first) == RESET);
        assert!(begin.elapsed() < Duration::from_secs(10));
        writeln!(input, "add {OTHER}").unwrap();
        until("the second ends", || told(&second) == RESET);
        drop(input);
        let run = Run::from(child.wait_with_output().unwrap());
        assert_eq!(run.code, 0, "{}", run.err);
        let said = run.err.matches("does not answer").count();
        assert_eq!(said, 1, "{}", run.err);
        assert_eq!(run.rows().len(), 2, "{}", run.out);
    });
}

#[test]
fn a_blocklist_goes_to_the_service_as_a_whole_and_takes_15_mb_at_most() {
    on_a_stage(|stage| {
        let guard = stage.guard(RULE);
        let before = guard.memory();
        // As far apart as those of a real list, a fifth of IPv6.
        let mut random = 1_u64;
        let mut next = || {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            random >> 33
        };
        let mut list = BTreeSet::new();
        while list.len() < 150_000 {
            let (first, second) = (u128::from(next()), u128::from(next()));
            let address: IpAddr = if first % 5 == 0 {
                Ipv6Addr::from_bits((0x2001 << 112) | (first << 64) | second).into()
            } else {
                let offset = u32::try_from(second % (100 << 24)).unwrap();
                Ipv4Addr::from_bits(0x0b00_0000 + offset).into()
            };
            list.insert(address);
        }
        let mut lines = String::new();
        for address in &list {
            writeln!(lines, "add {address} 86400").unwrap();
        }
        let ban = stage.run_with_input("ban --file -", &lines);
        assert_eq!((ban.code, ban.out.as_str()), (0, ""), "{}", ban.err);
        assert_eq!(
            ban.err,
            "tcpentry: handed over to tcpentry guard: 150000 bans\n"
        );
        assert_eq!(guard.bans(), 150_000);
        until("what the bans take is at most 15 MB", || {
            guard.memory().saturating_sub(before) <= 15_000_000
        });
        until("they are written down", || {
            let written = std::fs::read_to_string(guard.service.path("guard-bans"));
            written.is_ok_and(|it| it.lines().count() == 150_000)
        });
    });
}

#[test]
fn an_mptcp_connection_ends_by_any_subflow_but_not_beside_an_excepted_one() {
    with_two_subflows(|stage, ends| {
        let refused = stage.run(&format!("ban {CLIENT} --except {OTHER}"));
        assert_eq!(refused.code, 3, "{} {}", refused.out, refused.err);
        let why = "ends with all its subflows";
        assert!(refused.err.contains(why), "{}", refused.err);
        assert!(is_alive(ends));

        let ended = stage.run(&format!("ban {CLIENT}"));
        assert_eq!(ended.code, 0, "{} {}", ended.out, ended.err);
        let also = format!("ends with all its subflows, including {HERE}:8080 {OTHER}:");
        assert!(ended.err.contains(&also), "{} {}", ended.out, ended.err);
        assert!(!is_alive(ends));
    });
}
