//! Selecting by filter: what is listed, what is deleted, what is refused, and what is said of it.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::signals::none_ignored;
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{Raised, isolated, skip, tcp, until};

use crate::util::{
    Run, connections, ends, identity, is_alive, local, opened, program, run, run_opened,
};

fn locals(run: &Run) -> HashSet<String> {
    run.rows().iter().map(|row| row[3].to_owned()).collect()
}

#[test]
fn a_listing_takes_a_filter_with_or_without_its_name() {
    isolated(|| {
        let (wanted, _listener, port) = connections(3);
        let _others = connections(2);
        let expected: HashSet<_> = wanted.iter().map(local).collect();
        for words in [
            format!("list dport = :{port}"),
            format!("dport = :{port}"),
            format!("--no-header=false dport = :{port}").replace("--no-header=false ", ""),
            format!("state established dport {port} --color never"),
            format!("-a ( dport = :{port} ) and not sport = :{port}"),
        ] {
            let listed = run(&words);
            assert_eq!(listed.code, 0, "{words}: {}", listed.err);
            assert_eq!(locals(&listed), expected, "{words}");
        }
        let quoted: Run = program()
            .arg(format!("state established ( dport = :{port} )"))
            .output()
            .unwrap()
            .into();
        assert_eq!(locals(&quoted), expected);
        let none = run("state time-wait dport = :1");
        assert_eq!((none.code, none.rows().len()), (0, 0));
    });
}

#[test]
fn a_deletion_takes_all_that_match_and_nothing_else() {
    isolated(|| {
        let (doomed, listener, port) = connections(5);
        let (spared, _other, _) = connections(3);
        let words = format!("dport = :{port}");
        let rehearsed = run(&format!("delete -n --yes {words}"));
        assert_eq!(rehearsed.code, 0, "{}", rehearsed.err);
        assert!(doomed.iter().all(is_alive), "it was a dry run");

        let done = run(&format!("delete --yes {words}"));
        assert_eq!(done.code, 0, "{}", done.err);
        assert_eq!(done.rows(), rehearsed.rows(), "the same output");
        assert!(done.rows().iter().all(|row| row[0] == "deleted"));
        let reported: HashSet<_> = done.rows().iter().map(|row| row[2].to_owned()).collect();
        assert_eq!(reported, doomed.iter().map(local).collect());
        assert!(done.err.contains("5 deleted"), "{}", done.err);
        assert!(doomed.iter().all(|ends| !is_alive(ends)));
        assert!(spared.iter().all(is_alive));
        assert!(is_alive(&tcp::connect_to(&listener)), "its listener lives");

        let again = run(&format!("delete --yes {words} state established"));
        assert_eq!(again.code, 2, "states stand first: {}", again.err);
    });
}

#[test]
fn more_than_one_needs_a_word_of_consent() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        let refused = run(&format!("delete dport = :{port}"));
        assert_eq!((refused.code, refused.out.as_str()), (3, ""));
        assert!(
            refused.err.contains("2 connections match") && refused.err.contains("--yes"),
            "{}",
            refused.err
        );
        let rehearsed = run(&format!("delete -n dport = :{port}"));
        assert_eq!(rehearsed.code, 0, "the code to be expected after a yes");
        assert_eq!(rehearsed.rows().len(), 2);
        assert!(
            rehearsed.err.contains("this needs --yes") && !rehearsed.err.contains("not confirmed"),
            "{}",
            rehearsed.err
        );
        assert!(ends.iter().all(is_alive));

        let one = local(&ends[0]);
        assert_eq!(
            run(&format!("delete src {one}")).code,
            0,
            "one is what it is"
        );
        assert!(!is_alive(&ends[0]) && is_alive(&ends[1]));
    });
}

#[test]
fn max_refuses_before_the_first() {
    isolated(|| {
        let (ends, _listener, port) = connections(3);
        for words in ["--yes --max 2", "--max 2", "-n --yes --max 2"] {
            let refused = run(&format!("delete {words} dport = :{port}"));
            assert_eq!(refused.code, 3, "{words}: {}", refused.err);
            assert!(
                refused.err.contains("3 connections match"),
                "{}",
                refused.err
            );
            // A dry run does not claim what would not happen.
            assert!(
                !refused.out.contains("deleted\t"),
                "{words}: {}",
                refused.out
            );
            assert!(ends.iter().all(is_alive));
        }
        assert_eq!(
            run(&format!("delete --yes --max 3 dport = :{port}")).code,
            0
        );
        assert_eq!(
            run(&format!("delete --yes --max 0 dport = :{port}")).code,
            1
        );
    });
}

#[test]
fn nothing_that_matches_is_said() {
    isolated(|| {
        let nothing = run("delete dst 192.0.2.1 dport = :443");
        assert_eq!(nothing.code, 1);
        assert!(
            nothing
                .err
                .contains("no connection matches: dst 192.0.2.1 and dport = :443"),
            "{}",
            nothing.err
        );
    });
}

#[test]
fn listeners_are_selected_only_when_allowed() {
    isolated(|| {
        let (ends, listener, port) = connections(1);
        let words = format!("sport = :{port}");
        assert_eq!(
            run(&format!("delete -a {words}")).code,
            0,
            "the server's end"
        );
        assert!(!is_alive(&ends[0]));
        for options in ["", "--yes", "--yes --max 1 --for 300ms"] {
            for (asked, code) in [
                ("state listening", 3),
                ("state all", 3),
                ("-l", 3),
                ("-a", 3),
                // Nobody asked for it.
                ("", 1),
                ("-n", 1),
                ("-n -a", 3),
            ] {
                let hinted = run(&format!("delete {options} {asked} {words}"));
                assert_eq!(hinted.code, code, "{options} {asked}: {}", hinted.err);
                let said = hinted.err.matches("only a listener matches").count();
                assert_eq!(said, 1, "{options} {asked}: {}", hinted.err);
            }
            let none = run(&format!("delete {options} state established {words}"));
            assert_eq!(none.code, 1, "{}", none.err);
            assert!(none.err.contains("no connection matches"), "{}", none.err);
        }
        assert!(is_alive(&tcp::connect_to(&listener)));
        let done = run(&format!("delete --listeners -l {words}"));
        assert_eq!(done.code, 0, "{}", done.err);
        assert_eq!(done.rows()[0][..2], ["deleted", "listening"]);
    });
}

#[test]
fn a_listing_says_that_only_a_listener_matches() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let listed = run(&format!("list sport = :{port}"));
        assert_eq!(listed.code, 0);
        assert_eq!(
            listed.err,
            "tcpentry: only a listener matches; use -l to list it\n"
        );
        assert_eq!(run(&format!("list -l sport = :{port}")).rows().len(), 1);
        for words in [
            "state established sport = :",
            "--json sport = :",
            "-l dport = :",
        ] {
            let other = run(&format!("list {words}{port}"));
            assert_eq!((other.code, &*other.err), (0, ""), "{words}");
        }
    });
}

#[test]
fn a_filter_that_makes_no_sense_shows_the_place_and_deletes_nothing() {
    isolated(|| {
        let (ends, _listener, port) = connections(1);
        for words in [
            format!("delete --yes dport = :{port} or dport = :1 src 127.0.0.1"),
            format!("delete --yes dport = :{port} nonsense"),
            format!("delete --yes sport = :{port} idle"),
            "delete --yes state".to_owned(),
            "list dprt = :80".to_owned(),
        ] {
            let refused = run(&words);
            assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{words}");
            assert!(refused.err.contains('^'), "{words}: {}", refused.err);
        }
        let command = run("delet 127.0.0.1:1 127.0.0.1:2");
        assert_eq!(command.code, 2);
        assert!(command.err.contains("delete"), "{}", command.err);
        assert!(is_alive(&ends[0]));
    });
}

#[test]
fn terms_of_owners_select_by_process_pid_and_user() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        let holder = Holder::of(&ends[0].client, None);
        let pid = holder.pid();
        let shown = run(&format!("list -p -u dport = :{port} pid {pid}"));
        assert_eq!(shown.rows().len(), 1, "{}", shown.out);
        assert!(shown.out.contains(&format!("{pid} ")), "{}", shown.out);
        let mine = format!("{} ", std::process::id());
        assert!(
            shown.out.contains(&mine),
            "it is held by both: {}",
            shown.out
        );
        let object = &run(&format!("list -p --json dport = :{port} pid {pid}")).objects()[0];
        let pids: Vec<_> = object["processes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| &p["pid"])
            .collect();
        assert!(pids.contains(&&serde_json::json!(pid)), "{object}");
        let uid = rustix::process::getuid().as_raw();
        assert_eq!(run(&format!("user {uid} dport = :{port}")).rows().len(), 2);
        assert_eq!(
            run(&format!("not user {uid} dport = :{port}")).rows().len(),
            0
        );
        let done = run(&format!("delete dport = :{port} pid {pid}"));
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(!is_alive(&ends[0]) && is_alive(&ends[1]));
    });
}

#[test]
fn a_deletion_shows_the_columns_that_are_asked_for() {
    isolated(|| {
        let (_ends, _listener, port) = connections(2);
        let words = format!("-puic --yes dport = :{port}");
        let heading = [
            "STATE",
            "LOCAL",
            "PEER",
            "METHOD",
            "PROCESS",
            "USER",
            "CONTAINER",
            "UNIT",
            "IDLE_MS",
            "RTT_US",
            "RETRANS",
            "TOTAL",
        ]
        .join("\t");
        let rehearsed = run(&format!("delete -n {words}"));
        let first = rehearsed.out.lines().next().unwrap();
        assert_eq!(first, format!("DRY-RUN\t{heading}"));
        let done = run(&format!("delete --no-header -v {words}"));
        assert_eq!(
            (done.code, done.out.lines().count()),
            (0, 2),
            "{}",
            done.err
        );
        let said = format!("tcpentry: selects dport = :{port}\ntcpentry: 2 deleted\n");
        assert_eq!(done.err, said);
        for line in done.out.lines() {
            let cells: Vec<&str> = line.split('\t').collect();
            assert_eq!(cells.len(), 13, "{line}");
            assert!(
                cells[5].starts_with(&format!("{} ", std::process::id())),
                "{line}"
            );
            let numbers = [9, 10, 11, 12].map(|index| cells[index].parse::<u64>());
            assert!(numbers.iter().all(Result::is_ok), "{line}");
        }
        let (_ends, _listener, port) = connections(2);
        let quiet = run(&format!("delete -q --yes dport = :{port}"));
        assert_eq!(
            (quiet.code, quiet.out.as_str(), quiet.err.as_str()),
            (0, "", "")
        );
    });
}

#[test]
fn a_process_that_lets_go_at_once_is_shown_all_the_same() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        for one_by_one in [false, true] {
            // It reads until it is told that its connection is gone, and ends.
            let mut reader = std::process::Command::new("bash")
                .args(["-c", &format!("exec cat <>/dev/tcp/127.0.0.1/{port}")])
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let server = listener.accept().unwrap().0;
            let (at, client) = tcp::addresses(&server);
            let holder = format!("{} cat", reader.id());
            until("it reads", || {
                run(&format!("-p src {client}")).out.contains(&holder)
            });
            let done = run(&if one_by_one {
                format!("delete --own-session -p {client} {at}")
            } else {
                format!("delete --own-session -p --yes src {client}")
            });
            assert_eq!(done.code, 0, "{}", done.err);
            assert!(done.out.contains(&holder), "{}", done.out);
            reader.wait().unwrap();
        }
    });
}

#[test]
fn options_stand_anywhere_and_the_filter_is_one_word_or_many() {
    isolated(|| {
        let words: Vec<[&str; 2]> = vec![
            ["delete --yes", ""],
            ["delete", "--yes"],
            ["--yes delete", ""],
            ["kill -y", ""],
            ["drop --yes --", ""],
            ["close", "-y --color never"],
            ["--max 9 -y kill", "--method sock-diag"],
        ];
        for [before, after] in words {
            let (ends, _listener, port) = connections(2);
            let done = run(&format!(
                "{before} state established ( dport = :{port} ) {after}"
            ));
            assert_eq!(done.code, 0, "{before} {after}: {}", done.err);
            assert!(ends.iter().all(|ends| !is_alive(ends)));
        }
        let (ends, _listener, port) = connections(2);
        let quoted = |words: &[&str]| -> Run { program().args(words).output().unwrap().into() };
        let filter = format!("!( dport != :{port} )");
        for words in [
            &["delete", &filter, "-n", "-y"][..],
            &["delete", "-ny", "--", &filter],
            &["-n", "kill", "(dport", &format!("=:{port})"), "--yes"],
        ] {
            let shown = quoted(words);
            assert_eq!(
                (shown.code, shown.rows().len()),
                (0, 2),
                "{words:?}: {}",
                shown.err
            );
        }
        // Behind the dashes nothing is an option.
        let filter = format!("dport = :{port}");
        let refused = quoted(&["delete", "--", &filter, "--yes"]);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(ends.iter().all(is_alive));
    });
}

#[test]
fn options_that_need_a_filter_say_so() {
    isolated(|| {
        let connection = tcp::connected();
        let named = ends(&connection.client);
        let id = identity(connection.client.local_addr().unwrap());
        for option in [
            "--for 1s",
            "--until-quiet 1s",
            "--explain",
            "--all",
            "--listening",
            "--ipv4",
            "--ipv6",
        ] {
            for words in [format!("{named} {option}"), format!("{option} --id {id}")] {
                let refused = run(&format!("delete {words}"));
                assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{words}");
                let said = format!(
                    "tcpentry: {} needs a filter",
                    &option.split(' ').next().unwrap()
                );
                assert!(refused.err.starts_with(&said), "{}", refused.err);
            }
        }
        for words in ["--for 10 dport = :1", "--max x dport = :1", "--yes"] {
            assert_eq!(run(&format!("delete {words}")).code, 2, "{words}");
        }
        assert!(is_alive(&connection));
    });
}

#[test]
fn what_may_not_be_seen_makes_a_deletion_refuse() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let (ends, _listener, port) = connections(2);
        let program = opened();
        let name = std::fs::read_to_string("/proc/self/comm").unwrap();
        let name = name.trim().split('-').next().unwrap().to_owned() + "*";
        let as_user = |words: &str| User::new(4011).run(|| run_opened(&program, words));
        let refused = as_user(&format!("delete --yes dport = :{port} process {name}"));
        assert_eq!(
            (refused.code, refused.out.as_str()),
            (4, ""),
            "{}",
            refused.err
        );
        assert!(refused.err.contains("sudo"), "{}", refused.err);
        let listed = as_user(&format!("list dport = :{port} process {name}"));
        assert_eq!((listed.code, listed.rows().len()), (0, 0));
        assert!(listed.err.contains("2 "), "{}", listed.err);
        // Where the rest of the filter decides, nothing is missing.
        let decided = as_user(&format!("delete --yes dport = :1 process {name}"));
        assert_eq!(decided.code, 1, "{}", decided.err);
        assert!(ends.iter().all(is_alive));
    });
}

#[test]
fn all_means_the_same_to_list_and_to_delete() {
    isolated(|| {
        let bound = tcp::socket(tcp::loopback(0));
        bound.bind(&tcp::loopback(0).into()).unwrap();
        let port = bound.local_addr().unwrap().as_socket().unwrap().port();
        let listed = run(&format!("list -a sport = :{port}"));
        if listed.rows().is_empty() {
            skip!("kernels before 6.8 don't show sockets that are only bound");
        }
        let rehearsed = run(&format!("delete -n -a sport = :{port}"));
        assert_eq!(rehearsed.code, 5, "{}", rehearsed.err);
        assert_eq!(rehearsed.rows()[0][..2], ["unsupported", "bound-inactive"]);
    });
}

#[test]
fn what_is_left_of_a_deleted_socket_is_not_reported_again() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let client = tcp::socket(tcp::loopback(0));
        client.bind(&tcp::loopback(0).into()).unwrap();
        let ends = tcp::connect_from(client, &listener);
        let port = ends.client.local_addr().unwrap().port();
        let deleted = run(&format!("delete --yes -a --for 500ms sport = :{port}"));
        let outcomes: Vec<_> = deleted.rows().iter().map(|row| row[0].to_owned()).collect();
        assert_eq!((deleted.code, outcomes), (0, vec!["deleted".to_owned()]));
    });
}

#[test]
fn a_client_that_reconnects_is_held_off() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let at: SocketAddr = listener.local_addr().unwrap();
        let (over, connected) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                use std::io::Read as _;
                while !over.load(Ordering::Relaxed) {
                    // So that no dump finds the next one which is still busy with the last.
                    std::thread::sleep(Duration::from_millis(100));
                    let mut client = std::net::TcpStream::connect(at).unwrap();
                    let _server = listener.accept().unwrap();
                    connected.fetch_add(1, Ordering::Relaxed);
                    client
                        .set_read_timeout(Some(Duration::from_secs(3)))
                        .unwrap();
                    let _ = client.read(&mut [0]);
                }
            });
            let raised = Raised(&over);
            let start = Instant::now();
            let held = run(&format!("delete --yes --for 2s dport = :{}", at.port()));
            assert!(start.elapsed() >= Duration::from_secs(2));
            drop(raised);
            // The last one is let go.
            let _ = run(&format!("delete --yes sport = :{}", at.port()));
            assert_eq!(held.code, 0, "{}", held.err);
            let rows = held.rows().len();
            // On a busy machine there are fewer rounds.
            assert!(rows >= 2, "{}", held.out);
            // The last one may have come when it was over.
            let connected = connected.load(Ordering::Relaxed) as usize;
            assert!(rows <= connected && connected <= rows + 1, "{connected}");
        });
    });
}

#[test]
fn until_quiet_ends_when_nothing_has_matched_for_so_long() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        let start = Instant::now();
        let done = run(&format!("delete --yes --until-quiet 400ms dport = :{port}"));
        assert_eq!((done.code, done.rows().len()), (0, 2), "{}", done.err);
        assert!(start.elapsed() >= Duration::from_millis(400));
        assert!(ends.iter().all(|ends| !is_alive(ends)));
        assert_eq!(run("delete --yes --until-quiet 10ms dport = :1").code, 1);
        let refused = run("delete --for 10ms dport = :1");
        assert_eq!(refused.code, 3, "{}", refused.err);
        let exact = run("delete --for 10ms 127.0.0.1:1 127.0.0.1:2");
        assert_eq!(exact.code, 2, "{}", exact.err);
    });
}

#[test]
fn max_holds_for_the_total_of_all_rounds() {
    isolated(|| {
        let (_ends, _listener, port) = connections(2);
        let done = run(&format!(
            "delete --yes --max 2 --until-quiet 200ms dport = :{port}"
        ));
        assert_eq!(done.code, 0, "{}", done.err);
        let (_ends, _listener, port) = connections(3);
        let refused = run(&format!(
            "delete --yes --max 2 --until-quiet 200ms dport = :{port}"
        ));
        assert_eq!(
            (refused.code, refused.rows().len()),
            (3, 0),
            "{}",
            refused.err
        );
    });
}

#[test]
fn max_is_reached_by_those_that_come_later() {
    isolated(|| {
        let (_ends, listener, port) = connections(2);
        let child = repeating(&format!("--max 2 dport = :{port}"));
        let later = tcp::connect_to(&listener);
        let ended: Run = child.wait_with_output().unwrap().into();
        assert_eq!(ended.code, 6, "{}", ended.err);
        let said = "tcpentry: refused: 1 connection matches, after 2 earlier, more than --max 2; \
                    nothing more was deleted\n";
        assert!(ended.err.starts_with(said), "{}", ended.err);
        assert!(is_alive(&later));
    });
}

#[test]
fn a_signal_that_nohup_ignores_ends_nothing() {
    isolated(|| {
        let (ends, listener, port) = connections(1);
        let mut shell = Command::new("sh");
        let mut child = none_ignored(&mut shell)
            .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
            .arg(program().get_program())
            .args(format!("delete --yes --for 1h dport = :{port}").split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || out.next().unwrap().unwrap();
        assert!(next().starts_with("OUTCOME") && next().starts_with("deleted\t"));
        assert!(!is_alive(&ends[0]));
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::HUP).unwrap();
        let _later = tcp::connect_to(&listener);
        assert!(next().starts_with("deleted\t"), "it goes on");
        rustix::process::kill_process(pid, Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
    });
}

#[test]
fn an_interruption_ends_the_rounds_with_what_was_done() {
    // The last two are the first and the last of real time.
    for signal in [2, 15, 1, 34, 64] {
        isolated(move || {
            let (ends, _listener, port) = connections(2);
            let child = repeating(&format!("dport = :{port}"));
            let kill = format!("kill -{signal} {}", child.id());
            let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
            assert!(sent.success(), "{kill}");
            let ended: Run = child.wait_with_output().unwrap().into();
            assert_eq!(ended.code, 128 + signal, "{signal}");
            let said = "tcpentry: interrupted: nothing more was deleted\ntcpentry: 2 deleted\n";
            assert_eq!(ended.err, said);
            assert!(ends.iter().all(|ends| !is_alive(ends)));
        });
    }
}

/// Starts the program, which deletes for an hour, and returns when it has reported the first two.
fn repeating(words: &str) -> std::process::Child {
    let mut child = program()
        .args(format!("delete --yes --for 1h {words}").split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let lines: Vec<_> = (0..3).map(|_| out.next().unwrap().unwrap()).collect();
    assert!(lines[2].starts_with("deleted\t"), "{lines:?}");
    child
}

#[test]
fn the_split_between_kernel_and_program_is_shown() {
    isolated(|| {
        let (ends, _listener, port) = connections(1);
        let shown = run(&format!(
            "delete --explain state established dport = :{port} process nginx idle gt 10m"
        ));
        assert_eq!(shown.code, 0, "{}", shown.err);
        for line in [
            "states   state established\n",
            &format!("filter   dport = :{port} and process nginx and idle gt 10m\n"),
            &format!("kernel   dport = :{port}\n"),
            "here     process nginx and idle gt 10m\n",
        ] {
            assert!(shown.out.contains(line), "{line} is not in\n{}", shown.out);
        }
        assert!(is_alive(&ends[0]));
        let all = run("list --explain");
        assert_eq!(all.code, 0, "{}", all.err);
    });
}

#[test]
fn a_fatal_mistake_of_the_shell_is_named() {
    let refused = run("delete --yes idle");
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("makes the shell write to a file"),
        "{}",
        refused.err
    );
    let named = run("delete 192.0.2.1");
    assert!(named.err.contains("host 192.0.2.1"), "{}", named.err);
}

#[test]
fn one_family_only() {
    isolated(|| {
        let four = tcp::connected();
        let six = tcp::connect_to(&tcp::listen("[::1]:0".parse().unwrap()));
        let listed = run("-6 state established");
        assert_eq!(listed.rows().len(), 2, "{}", listed.out);
        assert_eq!(run("delete -4 --yes state established").code, 0);
        assert!(!is_alive(&four) && is_alive(&six));
        assert_eq!(run(&format!("delete {}", ends(&six.client))).code, 0);
    });
}
