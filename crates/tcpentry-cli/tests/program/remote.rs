//! `--on HOST,...`: the command on other hosts, over a real OpenSSH to hosts that are namespaces; and over a program in its
//! place that sends what no host should.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tcpentry_testkit::link::ip;
use tcpentry_testkit::pty::Terminal;
use tcpentry_testkit::signals::none_ignored;
use tcpentry_testkit::sshd::SshServer;
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::{Namespace, isolated, skip, until};

use crate::own_session::server;
use crate::util::{ELSEWHERE, Run, is_alive, local, program, with_input};

/// Hosts `h1`, `h2` ... with a server each, connections over their loopback, and an ssh that knows them.
pub(crate) struct Fleet {
    pub(crate) hosts: Vec<Host>,
    here: SshServer,
}

pub(crate) struct Host {
    pub(crate) there: Namespace,
    pub(crate) server: Option<SshServer>,
}

/// The port to which the connections of the hosts go.
const PORT: u16 = 7000;
pub(crate) const SSH: &str = "/usr/bin/ssh -F /run/ssh_config";

/// Runs a test on so many hosts, or skips it.
pub(crate) fn on_a_fleet(count: usize, body: impl FnOnce(&mut Fleet) + Send + 'static) {
    isolated(move || match server() {
        Ok(server) => body(&mut Fleet::new(count, server)),
        Err(reason) => skip!("{reason}"),
    });
}

impl Fleet {
    fn new(count: usize, here: SshServer) -> Self {
        let mut config = "\
            Host *\n User root\n IdentityFile /run/user\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n \
            LogLevel ERROR\n BatchMode yes\n ConnectTimeout 20\n\
            Host nobody\n HostName 127.0.0.1\n Port 1\n"
            .to_owned();
        let hosts = (1..=count).map(|number| {
            let there = Namespace::fresh();
            let tid = there.tid();
            ip(&[
                &format!("link add h{number} type veth peer name eth0 netns {tid}"),
                &format!("addr add 10.99.{number}.1/24 dev h{number}"),
                &format!("link set h{number} up"),
            ]);
            there.run(move || {
                ip(&[
                    &format!("addr add 10.99.{number}.2/24 dev eth0"),
                    "link set eth0 up",
                ]);
            });
            let host = format!("Host h{number}\n HostName 10.99.{number}.2\n");
            config.push_str(&host);
            let server = here.another_in(&there);
            Host {
                there,
                server: Some(server),
            }
        });
        let hosts = hosts.collect();
        fs::write("/run/ssh_config", config).unwrap();
        Self { hosts, here }
    }

    /// Opens connections on a host, the first of which is 0.
    pub(crate) fn connect(&self, host: usize, count: usize) -> Vec<Ends> {
        self.hosts[host].there.run(move || {
            let listener = tcp::listen(tcp::loopback(PORT));
            (0..count).map(|_| tcp::connect_to(&listener)).collect()
        })
    }

    /// Starts the server of a host again.
    pub(crate) fn restart(&mut self, host: usize) {
        let host = &mut self.hosts[host];
        host.server = Some(self.here.another_in(&host.there));
    }

    /// Returns the program with words; what it deletes is held by the test, from which the servers descend.
    fn command(words: &str) -> Command {
        let words = words.replace("delete", "delete --own-session");
        Self::guarded(&words)
    }

    /// Returns the program with words, under every guard.
    pub(crate) fn guarded(words: &str) -> Command {
        let mut command = program();
        command
            .args(words.split_whitespace())
            .env("TCPENTRY_SSH", SSH);
        command
    }

    #[expect(clippy::unused_self, reason = "the hosts have to be there")]
    pub(crate) fn run(&self, words: &str) -> Run {
        Self::command(words).output().unwrap().into()
    }
}

pub(crate) fn all_live(all: &[Ends]) -> bool {
    all.iter().all(is_alive)
}

fn none_lives(all: &[Ends]) -> bool {
    !all.iter().any(is_alive)
}

#[test]
fn a_list_has_all_hosts_in_their_order() {
    on_a_fleet(2, |fleet| {
        let (first, second) = (fleet.connect(0, 2), fleet.connect(1, 1));
        let listed = fleet.run("--on h2,h1 list --id dport = :7000");
        assert_eq!((listed.code, &*listed.err), (0, ""));
        let head = "HOST\tSTATE\tRECV-Q\tSEND-Q\tLOCAL\tPEER\tID";
        assert_eq!(listed.out.lines().next(), Some(head));
        let rows = listed.rows();
        let hosts: Vec<_> = rows.iter().map(|row| row[0]).collect();
        assert_eq!(hosts, ["h2", "h1", "h1"]);
        assert_eq!(rows[0][4], local(&second[0]));
        assert!(rows[0][6].starts_with("h2/1/"));

        let objects = fleet
            .run("list dport = :7000 --on h1,h2 --json -p")
            .objects();
        let hosts: Vec<_> = objects
            .iter()
            .map(|it| it["host"].as_str().unwrap())
            .collect();
        assert_eq!(hosts, ["h1", "h1", "h2"]);
        assert!(objects[0]["processes"].is_array());
        let text = fleet.run("list dport = :7000 --on h1 --json").out;
        assert!(text.starts_with("{\"host\":\"h1\",\"id\":\"1/"), "{text}");

        let shown = fleet.run("--on h1 list -p -u -i -c dport = :7000");
        assert_eq!(shown.rows()[0].len(), 6 + 8, "{}", shown.out);
        assert!(all_live(&first) && all_live(&second));
    });
}

#[test]
fn a_host_that_fails_is_named_and_the_rest_goes_on() {
    on_a_fleet(1, |fleet| {
        let ends = fleet.connect(0, 1);
        let listed = fleet.run("--on nobody,h1 list dport = :7000");
        assert_eq!((listed.code, listed.rows().len()), (7, 1), "{}", listed.err);
        assert!(
            listed
                .err
                .contains("tcpentry: nobody: the connection of ssh has failed or ended"),
            "{}",
            listed.err
        );
        let deleted = fleet.run("--on nobody,h1 delete --yes dport = :7000");
        assert_eq!(deleted.code, 6, "{}", deleted.err);
        assert!(none_lives(&ends));
        let again = fleet.run("--on nobody,h1 delete --yes dport = :7000");
        assert_eq!(again.code, 7, "{}", again.err);
        // The stage's program is moved away.
        fs::rename("/run/tcpentry", "/run/elsewhere").unwrap();
        let absent = fleet.run("--on h1 list");
        assert_eq!(absent.code, 7);
        assert!(
            absent.err.contains("h1: tcpentry is not there"),
            "{}",
            absent.err
        );
    });
}

#[test]
fn a_filter_deletes_on_all_hosts_and_nothing_else() {
    on_a_fleet(3, |fleet| {
        let all: Vec<_> = (0..3).map(|host| fleet.connect(host, 2)).collect();
        let others: Vec<_> = fleet
            .hosts
            .iter()
            .map(|host| host.there.run(tcp::connected))
            .collect();
        let dry = fleet.run("--on h1,h2,h3 delete -n dport = :7000");
        assert_eq!((dry.code, dry.rows().len()), (0, 6), "{}", dry.err);
        assert!(
            dry.out
                .starts_with("HOST\tDRY-RUN\tSTATE\tLOCAL\tPEER\tMETHOD\n"),
            "{}",
            dry.out
        );
        assert!(
            dry.err.contains("would be: 6 deleted") && dry.err.contains("dry run"),
            "{}",
            dry.err
        );
        assert!(all.iter().all(|ends| all_live(ends)));

        let deleted = fleet.run("--on h1,h2,h3 delete --yes dport = :7000");
        assert_eq!((deleted.code, &*deleted.err), (0, "tcpentry: 6 deleted\n"));
        let hosts: Vec<_> = deleted
            .rows()
            .iter()
            .map(|row| format!("{} {}", row[0], row[1]))
            .collect();
        assert_eq!(
            hosts,
            [
                "h1 deleted",
                "h1 deleted",
                "h2 deleted",
                "h2 deleted",
                "h3 deleted",
                "h3 deleted"
            ]
        );
        assert!(all.iter().all(|ends| none_lives(ends)));
        assert!(all_live(&others));
        assert_eq!(
            fleet.run("--on h1,h2,h3 delete --yes dport = :7000").code,
            1
        );
        assert_eq!(
            fleet
                .run("--on h1,h2,h3 delete --yes --ok-if-none dport = :7000")
                .code,
            0
        );
    });
}

#[test]
fn the_limit_and_the_question_are_about_the_sum() {
    on_a_fleet(2, |fleet| {
        let all = [fleet.connect(0, 2), fleet.connect(1, 2)];
        for (words, part) in [
            (
                "--max 3 --yes",
                "4 connections match on 2 hosts, more than --max 3",
            ),
            (
                "--max 3",
                "4 connections match on 2 hosts, more than --max 3",
            ),
            (
                "",
                "not confirmed: 4 connections match on 2 hosts, and stdin is not a terminal",
            ),
            ("--max 4", "not confirmed"),
            ("-n --max 3", "more than --max 3"),
        ] {
            let refused = fleet.run(&format!("--on h1,h2 delete {words} dport = :7000"));
            assert_eq!(refused.code, 3, "{words}: {}", refused.err);
            assert!(refused.err.contains(part), "{words}: {}", refused.err);
        }
        assert!(all.iter().all(|ends| all_live(ends)));
        let deleted = fleet.run("--on h1,h2 delete --max 4 --yes dport = :7000");
        assert_eq!(
            (deleted.code, deleted.rows().len()),
            (0, 4),
            "{}",
            deleted.err
        );
        assert!(all.iter().all(|ends| none_lives(ends)));
    });
}

#[test]
fn a_yes_at_a_terminal_deletes_exactly_what_was_shown() {
    on_a_fleet(2, |fleet| {
        let shown = [fleet.connect(0, 1), fleet.connect(1, 1)];
        let terminal = Terminal::open();
        let mut child = terminal
            .command(env!("CARGO_BIN_EXE_tcpentry"))
            .args("--on h1,h2 delete --own-session dport = :7000".split(' '))
            .env("SSH_CONNECTION", ELSEWHERE)
            .env("TCPENTRY_SSH", SSH)
            .env("NO_COLOR", "1")
            .spawn()
            .unwrap();
        terminal.await_text("Delete these 2 connections on 2 hosts? [y/N] ");
        assert!(terminal.screen().contains("HOST"));
        // It comes after what was shown.
        let later = fleet.hosts[0].there.run(|| {
            let listener = tcp::listen_from(
                tcp::socket(tcp::loopback(0)),
                "127.0.0.2:7000".parse().unwrap(),
                8,
            );
            vec![tcp::connect_to(&listener)]
        });
        terminal.type_in("y\n");
        let mut code = None;
        until("it ends", || {
            terminal.screen();
            code = child.try_wait().unwrap();
            code.is_some()
        });
        assert_eq!(code.unwrap().code(), Some(0), "{}", terminal.screen());
        assert!(shown.iter().all(|ends| none_lives(ends)));
        assert!(all_live(&later));
    });
}

#[test]
fn an_identity_goes_to_its_host_only() {
    on_a_fleet(2, |fleet| {
        let (first, second) = (fleet.connect(0, 2), fleet.connect(1, 2));
        let listed = fleet.run("--on h1,h2 list --json dport = :7000");
        let objects = listed.objects();
        let id = |index: usize| {
            format!(
                "{}/{}",
                objects[index]["host"].as_str().unwrap(),
                objects[index]["id"].as_str().unwrap()
            )
        };
        let one = fleet.run(&format!("--on h1,h2 delete --id {}", id(2)));
        assert_eq!(
            (one.code, one.rows().len(), one.rows()[0][0]),
            (0, 1, "h2"),
            "{}",
            one.err
        );
        assert!(!is_alive(&second[0]) && is_alive(&second[1]) && all_live(&first));
        // On the other host it names nothing; as both are one machine here, that host knows that it is of elsewhere.
        let wrong = id(3).replace("h2/", "h1/");
        let wrong = fleet.run(&format!("--on h1,h2 delete --id {wrong}"));
        assert_eq!((wrong.code, wrong.rows()[0][0]), (3, "h1"), "{}", wrong.err);
        assert!(is_alive(&second[1]));
        let refused = fleet.run("--on h1,h2 delete --id h3/1/x");
        assert_eq!(refused.code, 2, "{}", refused.err);

        let piped = with_input(
            &mut Fleet::command("--on h2,h1 delete --json --id -"),
            &listed.out,
        );
        assert_eq!((piped.code, piped.objects().len()), (0, 4), "{}", piped.err);
        assert_eq!(piped.objects()[0]["host"], "h2");
        assert!(none_lives(&first) && none_lives(&second));
    });
}

#[test]
fn both_ends_name_the_connection_that_each_host_has_between_them() {
    on_a_fleet(2, |fleet| {
        let (first, second) = (fleet.connect(0, 2), fleet.connect(1, 1));
        let (named, server) = tcp::addresses(&first[0].client);
        let words = format!("{named} {server}");
        let dry = fleet.run(&format!("--on h1,h2 delete -n {words}"));
        let outcomes = |run: &Run| -> Vec<_> {
            let rows = run.rows().into_iter();
            rows.map(|row| format!("{} {}", row[0], row[1])).collect()
        };
        assert_eq!(outcomes(&dry), ["h1 deleted", "h2 gone"], "{}", dry.err);
        assert!(all_live(&first) && all_live(&second));
        let done = fleet.run(&format!("--on h1,h2 delete {words}"));
        assert_eq!(outcomes(&done), ["h1 deleted", "h2 gone"], "{}", done.err);
        assert_eq!((dry.code, done.code), (0, 0), "{}", done.err);
        assert!(!is_alive(&first[0]) && is_alive(&first[1]) && all_live(&second));
        let none = fleet.run(&format!("--on h1,h2 delete {words}"));
        assert_eq!((none.code, none.rows().len()), (1, 2), "{}", none.err);
        // Of a filter only.
        let refused = fleet.run(&format!("--on h1,h2 delete --until-quiet 1s {words}"));
        assert_eq!(refused.code, 2, "{}", refused.err);
    });
}

#[test]
fn a_set_is_read_here_and_sent_along() {
    on_a_fleet(2, |fleet| {
        let all = [fleet.connect(0, 1), fleet.connect(1, 1)];
        fs::write("/run/bad", "127.0.0.0/8\n").unwrap();
        let listed = fleet.run("--on h1,h2 list --in bad=/run/bad dst @bad dport = :7000");
        assert_eq!((listed.code, listed.rows().len()), (0, 2), "{}", listed.err);
        for words in ["--in bad=/nowhere", "--in bad=/run/bad --in more=/run/bad"] {
            let refused = fleet.run(&format!(
                "--on h1,h2 delete --yes {words} dst @bad dport = :7000"
            ));
            assert_eq!(refused.code, 2, "{}", refused.err);
        }
        assert!(all.iter().all(|ends| all_live(ends)));
        let mut command =
            Fleet::command("--on h1,h2 delete --yes --in bad=- dst @bad dport = :7000");
        let deleted = with_input(&mut command, "127.0.0.0/8\n");
        assert_eq!(
            (deleted.code, deleted.rows().len()),
            (0, 2),
            "{}",
            deleted.err
        );
        assert!(all.iter().all(|ends| none_lives(ends)));
    });
}

#[test]
fn the_session_that_carries_it_is_spared_on_each_host() {
    on_a_fleet(2, |_| {
        let mut spared = Fleet::guarded("--on h1,h2 delete --yes sport = :22");
        let spared: Run = spared.output().unwrap().into();
        assert_eq!(spared.code, 3, "{} {}", spared.out, spared.err);
        let rows = spared.rows();
        assert!(rows.iter().all(|row| row[1] == "guarded"), "{}", spared.out);
        assert_eq!(rows.len(), 2);
        assert!(
            spared.err.contains("h2: cannot delete 10.99.2.2:22 "),
            "{}",
            spared.err
        );
    });
}

#[test]
fn an_interruption_ends_it_there_too() {
    on_a_fleet(1, |fleet| {
        let ends = fleet.connect(0, 1);
        let child = Fleet::command("--on h1 delete --yes --json --for 10m dport = :7000")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("the first is deleted", || none_lives(&ends));
        assert!(is_running_there());
        let output = end_with(child, Signal::INT);
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        until("it has ended there", || !is_running_there());
        let child = Fleet::command("--on h1 delete --yes --for 10m dport = :7000")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("it runs there", is_running_there);
        let output = end_with(child, Signal::KILL);
        assert_eq!(output.status.signal(), Some(9));
        until("it has ended there, too", || !is_running_there());
        let later = fleet.connect(0, 1);
        assert!(all_live(&later));
    });
}

fn end_with(child: Child, signal: Signal) -> Output {
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait_with_output().unwrap()
}

/// Returns true while the remote program runs that was to go on for long.
fn is_running_there() -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let text = String::from_utf8_lossy(&line);
        text.starts_with("tcpentry\0delete") && text.contains("--for")
    })
}

#[test]
fn doctor_says_it_of_each_host() {
    on_a_fleet(2, |fleet| {
        let checked = fleet.run("--on h1,h2 doctor");
        assert_eq!(checked.code, 0, "{}", checked.err);
        assert!(checked.out.starts_with("HOST\tSTATUS\tCHECK\tDETAIL\n"));
        let objects = fleet.run("--on h1,h2 doctor --json --need all").objects();
        let needs = objects.iter().filter(|it| it["check"] == "need");
        let hosts: Vec<_> = needs.map(|it| it["host"].as_str().unwrap()).collect();
        assert_eq!(hosts, ["h1", "h2"]);
    });
}

#[test]
fn top_of_one_host_is_on_a_terminal_there() {
    on_a_fleet(1, |fleet| {
        let ends = fleet.connect(0, 1);
        let once = fleet.run("--on h1 top --once dport = :7000");
        assert_eq!(once.code, 0, "{}", once.err);
        assert!(once.out.contains(&local(&ends[0])), "{}", once.out);
        let terminal = Terminal::open();
        let mut child = terminal
            .command(env!("CARGO_BIN_EXE_tcpentry"))
            .args("--on h1 top dport = :7000".split(' '))
            .env("TCPENTRY_SSH", SSH)
            .env("TERM", "xterm")
            .spawn()
            .unwrap();
        terminal.await_text(&local(&ends[0]));
        terminal.type_in("q");
        until("it ends", || {
            terminal.screen();
            child.try_wait().unwrap().is_some()
        });
    });
}

/// A program in the place of ssh.
pub(crate) struct FakeSsh {
    pub(crate) path: PathBuf,
}

impl FakeSsh {
    /// Makes one of a script, in which `$host` is the host and `$command` the line for its shell.
    pub(crate) fn new(script: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("tcpentry-ssh-{}-{number}", std::process::id()));
        fs::write(
            &path,
            format!(
                "batch=\ncase $1 in -o) batch=$2; shift 2 ;; esac\nhost=$2 command=$3\n{script}\n"
            ),
        )
        .unwrap();
        Self { path }
    }

    /// Returns the program with so little memory that it can't keep what it is sent.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -v 1000000; exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_tcpentry"))
            .args(words.split_whitespace())
            .env("SSH_CONNECTION", ELSEWHERE)
            .env("TCPENTRY_SSH", format!("sh {}", self.path.display()))
            // The limit is about addresses, of which each arena takes 64 MB.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::null());
        none_ignored(&mut command);
        command
    }

    pub(crate) fn run(&self, words: &str) -> Run {
        self.command(words).output().unwrap().into()
    }
}

impl Drop for FakeSsh {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

const ROW: &str = r#"{"local":"127.0.0.1:1","peer":"127.0.0.1:2","state":"established"}"#;

#[test]
fn what_is_wrong_with_the_words_gets_to_no_host() {
    let touched = std::env::temp_dir().join(format!("tcpentry-touched-{}", std::process::id()));
    let ssh = FakeSsh::new(&format!("touch {}", touched.display()));
    for words in [
        "--on -oProxyCommand=x list",
        "--on a,,b list",
        "--on a,a list",
        "--on a list nonsense",
        "--on a list dport = :80 or dport = :81 state established",
        "--on a list --explain",
        "--on a delete",
        "--on a delete 127.0.0.1:80",
        "--on a delete --yes dst @bad",
        // A list that never ends.
        "--on a delete --yes --in bad=/dev/zero dst @bad",
        "--on a delete --for 1m dport 80",
        "--on a delete --until-quiet 1m dport 80",
        "--on a delete --id 1/x",
        "--on a delete --all 127.0.0.1:1 127.0.0.1:2",
        "--on a,b top --once nonsense",
        "--on a,b top --record -",
        "--on a,b top --replay f",
        "--on a top --in bad=/dev/null",
        "--on a demo",
        "--on a ban 192.0.2.1",
        "list --on",
    ] {
        let refused = ssh.run(words);
        assert_eq!(refused.code, 2, "{words}: {}", refused.err);
        assert!(!refused.err.is_empty());
    }
    assert!(!touched.exists());
}

#[cfg(feature = "tui")]
#[test]
fn a_recording_of_another_host_makes_no_file_there() {
    let ssh = FakeSsh::new("printf '%s\\n' \"$command\"");
    for (words, hint) in [
        (
            "--on h top --record f",
            "`tcpentry --on h top --record - > f`",
        ),
        ("--on h top --replay f", "leave out --on"),
    ] {
        let refused = ssh.run(words);
        assert_eq!((refused.code, &*refused.out), (2, ""), "{words}");
        assert!(refused.err.contains(hint), "{}", refused.err);
    }
    let sent = ssh.run("--on h top --record - --once");
    assert_eq!(
        (sent.code, &*sent.out),
        (0, "tcpentry top --record - --once\n")
    );
}

#[test]
fn the_words_arrive_as_they_were_typed() {
    let ssh = FakeSsh::new(r#"printf '%s\n' "$command" >&2; exit 0"#);
    let mut command = ssh.command("--on h list -p --netns=x");
    let sent: Run = command
        .args(["process", "a b; reboot", "-u"])
        .output()
        .unwrap()
        .into();
    let expected = "tcpentry: h: tcpentry list --json -p --netns=x -u -- process 'a b; reboot'\n";
    assert_eq!(sent.err, expected);
    let sent = ssh.run("--on h --color never doctor --no-header --need all");
    assert_eq!(sent.err, "tcpentry: h: tcpentry doctor --json --need all\n");
    let deleted = ssh.run("--on h delete --max 3 -y --for 1m -q dport = :80 --syslog");
    let expected = "tcpentry delete --json --yes --max=3 --for 1m --syslog -- dport = :80\n";
    assert!(deleted.err.ends_with(expected), "{}", deleted.err);
    let deleted = ssh.run("--on h delete 10.0.0.1:80 10.0.0.2:81 --netns x");
    assert!(
        deleted
            .err
            .contains("tcpentry delete --json --netns x -- 10.0.0.1:80 10.0.0.2:81\n"),
        "{}",
        deleted.err
    );
}

#[test]
fn nothing_that_a_host_sends_reaches_the_terminal_as_it_is() {
    let ssh = FakeSsh::new(
        r#"
        printf '{"local":"\\u001b[2J\\u009b\\u202e","peer":"x\\ty","state":"\\n","new":[{}]}\n'
        printf 'Welcome \033[2J\n'
        printf 'tcpentry: \033]0;x\007\r\n' >&2
        head -c 100000 /dev/zero | tr '\0' 'x' >&2
        "#,
    );
    for words in [
        "--on h list --color always",
        "--on h list",
        "--on h list --json",
    ] {
        let listed = ssh.run(words);
        assert_eq!(listed.code, 7);
        let both = listed.out.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "") + &listed.err;
        assert!(
            !both.contains(|c: char| c.is_control() && c != '\n' && c != '\t'),
            "{both:?}"
        );
        assert!(!both.contains('\u{202e}'), "{both:?}");
        assert!(
            listed
                .err
                .contains(r"h: a line of its output is not JSON of tcpentry (`Welcome \u{1b}[2J`)"),
            "{}",
            listed.err
        );
        assert!(listed.err.len() < 6000, "{}", listed.err.len());
    }
    let object = &ssh.run("--on h list --json").objects()[0];
    assert_eq!(object["local"], "\u{1b}[2J\u{9b}\u{202e}");
}

#[test]
fn output_without_end_takes_neither_memory_nor_the_other_hosts() {
    let ssh = FakeSsh::new(&format!(
        r"
        case $host in
            line) exec cat /dev/zero ;;
            noise) exec yes Welcome ;;
            errors) yes error | head -n 100000 >&2; exit 0 ;;
            *) echo '{ROW}' ;;
        esac
        "
    ));
    let listed = ssh.run("--on line,noise,errors,good list");
    assert_eq!((listed.code, listed.rows().len()), (7, 1), "{}", listed.err);
    assert!(
        listed.err.contains("line: a line of its output")
            && listed.err.contains("noise: 1000 lines"),
        "{}",
        listed.err
    );
    assert!(
        listed
            .err
            .contains("errors: it says more on standard error"),
        "{}",
        listed.err
    );
    assert!(listed.err.lines().count() < 300);

    // One that never ends leaves room for nobody, but takes no memory, and is ended by a reader who has seen enough.
    let endless = FakeSsh::new(&format!("exec yes '{ROW}'"));
    let mut child = endless
        .command("--on a,b,c list")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    std::io::copy(
        &mut std::io::Read::take(&mut out, 5_000_000),
        &mut std::io::sink(),
    )
    .unwrap();
    drop(out);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_hundred_thousand_rows_stream_in_their_order() {
    let ssh = FakeSsh::new(&format!("yes '{ROW}' | head -n 40000"));
    for words in ["list", "list --json"] {
        let listed = ssh.run(&format!("--on a,b,c --no-header {words}"));
        assert_eq!((listed.code, &*listed.err), (0, ""));
        let lines: Vec<_> = listed.out.lines().collect();
        assert_eq!(lines.len(), 120_000);
        for (index, host) in ["a", "b", "c"].into_iter().enumerate() {
            let part = &lines[index * 40_000..(index + 1) * 40_000];
            let begins = if words == "list" {
                format!("{host}\t")
            } else {
                format!("{{\"host\":\"{host}\",")
            };
            assert!(part.iter().all(|line| line.starts_with(&begins)), "{host}");
        }
    }
}

#[test]
fn another_version_is_understood() {
    let row = r#"{"id":null,"local":"127.0.0.1:1","peer":"127.0.0.1:2","outcome":"evaporated","new":{"a":[1]}}"#;
    let ssh = FakeSsh::new(&format!("echo '{row}'; exit 7"));
    let deleted = ssh.run("--on h delete --yes dport 2");
    assert_eq!((deleted.code, deleted.rows()[0][1]), (7, "evaporated"));
    // One that lacks an option says so by itself.
    let ssh = FakeSsh::new("echo 'tcpentry: there is no option --new' >&2; exit 2");
    let refused = ssh.run("--on h,i delete --yes dport 2");
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("h: there is no option --new"),
        "{}",
        refused.err
    );
    assert_eq!(ssh.run("--on h,i list").code, 2);
}

#[test]
fn many_hosts_are_asked_at_once() {
    let ssh = FakeSsh::new(&format!("sleep 1; echo '{ROW}'"));
    let hosts: Vec<_> = (0..30).map(|number| format!("h{number}")).collect();
    let begun = Instant::now();
    let listed = ssh.run(&format!("--on {} list", hosts.join(",")));
    assert_eq!((listed.code, listed.rows().len()), (0, 30));
    assert!(
        begun.elapsed() < Duration::from_secs(25),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn an_interruption_ends_every_ssh() {
    let ssh = FakeSsh::new("echo started >&2; exec sleep 1000");
    for (words, signal, code) in [
        ("list", Signal::INT, 130),
        ("delete --yes dport 1", Signal::TERM, 143),
    ] {
        let mut child = ssh
            .command(&format!("--on a,b {words}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let parent = child.id();
        until("both run", || children(parent).len() == 2);
        // They are sleep by now.
        thread::sleep(Duration::from_millis(200));
        let sleeping = children(parent);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let lives = |pid: &String| fs::exists(format!("/proc/{pid}")).unwrap();
        until("both have ended", || !sleeping.iter().any(lives));
    }
}

/// Returns the pids of the children of all threads of a process.
fn children(parent: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task"))
        .unwrap()
        .flatten();
    let lists =
        tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}
