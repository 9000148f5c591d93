//! JSON lines, and that the manual documents exactly their fields.

use std::collections::BTreeSet;
use std::os::fd::AsRawFd as _;
use std::time::SystemTime;

use serde_json::Value;
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, skip, tcp};

use crate::util::{ELSEWHERE, connections, ends, is_alive, local, opened, run, run_opened};

#[test]
fn a_socket_of_the_table() {
    isolated(|| {
        let connection = tcp::connected();
        let (local, peer) = tcp::addresses(&connection.client);
        let objects = run("list --json -u -i").objects();
        assert_eq!(objects.len(), 2);
        let object = objects
            .iter()
            .find(|it| it["local"] == local.to_string())
            .unwrap();
        assert_eq!(object["family"], "ipv4");
        assert_eq!(object["state"], "established");
        assert_eq!(object["peer"], peer.to_string());
        assert_eq!(object["mapped"], false);
        assert_eq!(object["interface"], Value::Null);
        assert_eq!(object["uid"], 0);
        assert_eq!(object["user"], "root");
        assert_eq!(object["mptcp"], false);
        assert!(object["inode"].as_u64().unwrap() > 0);
        assert!(object["idle_ms"].as_u64().unwrap() < 60_000);
        let id = object["id"].as_str().unwrap();
        let cookie = object["cookie"].as_str().unwrap();
        let netns = object["netns"].as_str().unwrap();
        assert!(id.contains(&format!("/{netns}/{cookie}/0/")), "{id}");
    });
}

#[test]
fn a_socket_without_owner_has_no_user() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let _queued = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let objects = run("list --json -u").objects();
        let local = listener.local_addr().unwrap().to_string();
        let object = objects.iter().find(|it| it["local"] == local).unwrap();
        assert_eq!(
            (&object["inode"], &object["uid"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(object.get("user"), Some(&Value::Null));
    });
}

#[test]
fn a_deletion_and_a_refusal() {
    isolated(|| {
        let connection = tcp::connected();
        let words = ends(&connection.client);
        let rehearsed = run(&format!("delete -n --json {words}"));
        assert_eq!(rehearsed.err, "", "everything is in the object");
        let object = &rehearsed.objects()[0];
        assert_eq!(
            (&object["outcome"], &object["dry_run"]),
            (&"deleted".into(), &true.into())
        );

        let object = &run(&format!("delete --json {words}")).objects()[0];
        assert_eq!(object["outcome"], "deleted");
        assert_eq!(object["dry_run"], false);
        assert_eq!(object["method"], "sock-diag");
        assert_eq!((&object["errno"], &object["win32"]), (&0.into(), &0.into()));
        assert_eq!(
            (&object["error"], &object["hint"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(object["state"], "established", "as it was before");

        let object = &run(&format!("delete --json {words}")).objects()[0];
        assert_eq!(object["outcome"], "gone");
        assert_eq!(
            (&object["errno"], &object["win32"]),
            (&2.into(), &317.into())
        );
        assert_eq!(object["error"], "no such connection");
        assert_eq!(object["method"], Value::Null);
        assert_eq!(
            object["local"],
            connection
                .client
                .local_addr()
                .unwrap_or_else(|_| { words.split(' ').next().unwrap().parse().unwrap() })
                .to_string()
        );
    });
}

#[test]
fn a_deletion_by_a_filter_shows_what_is_asked_for() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        let filter = format!("dport = :{port}");
        let plain = run(&format!("delete -n --yes --json {filter}"));
        let shown = run(&format!("delete --yes --json {filter} -p -u -i -c"));
        assert_eq!((shown.code, shown.err.as_str()), (0, ""));
        assert_eq!(shown.objects().len(), 2);
        let asked_for = [
            "processes",
            "user",
            "idle_ms",
            "unit",
            "container",
            "cgroup_path",
        ];
        for object in plain.objects() {
            assert!(
                asked_for
                    .iter()
                    .all(|field| object.get(field) == Some(&Value::Null)),
                "{object}"
            );
        }
        for object in shown.objects() {
            assert!(
                asked_for.iter().all(|field| object.get(field).is_some()),
                "{object}"
            );
            assert_eq!(object["outcome"], "deleted");
            let pids = object["processes"].as_array().unwrap().iter();
            assert!(
                pids.clone()
                    .any(|process| process["pid"] == std::process::id()),
                "{object}"
            );
            assert!(object["idle_ms"].as_u64().unwrap() < 60_000);
        }
        assert!(ends.iter().all(|ends| !is_alive(ends)));
    });
}

#[test]
fn a_holder_is_shown_with_the_numbers_of_its_descriptors() {
    isolated(|| {
        let connection = tcp::connected();
        let copy = connection.client.try_clone().unwrap();
        let in_thread = Holder::in_table_of_thread(&connection.client, None);
        let words = ends(&connection.client);
        let local = words.split(' ').next().unwrap();
        let list = format!("list --json -p src {local}");
        for words in [list, format!("delete --json -p {words}")] {
            let objects = run(&words).objects();
            assert_eq!(objects.len(), 1, "{words}");
            let holders = objects[0]["processes"].as_array().unwrap();
            let of = |pid: i32| {
                let holder = holders.iter().find(|holder| holder["pid"] == pid).unwrap();
                holder["descriptors"].clone()
            };
            let mut own = [connection.client.as_raw_fd(), copy.as_raw_fd()];
            own.sort_unstable();
            let this = i32::try_from(std::process::id()).unwrap();
            assert_eq!(of(this), Value::from(own.to_vec()), "{words}");
            let of_thread = of(in_thread.pid());
            assert_eq!(of_thread.as_array().map(Vec::len), Some(1), "{words}");
        }
    });
}

/// No process is not the same as one that is out of sight.
#[test]
fn holders_that_may_not_be_seen_are_null() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let connection = tcp::connected();
        let words = format!("list --json -p src {}", local(&connection));
        let (program, holders) = (opened(), "/processes");
        let seen = run_opened(&program, &words).objects();
        assert_eq!(seen[0].pointer(holders).unwrap()[0]["uid"], 0);
        let unseen = User::new(4019).run(|| run_opened(&program, &words).objects());
        assert_eq!(unseen[0].pointer(holders), Some(&Value::Null));
        // It is without an owner, which everybody sees.
        let waiting = tcp::connected();
        let ended = local(&waiting);
        drop(waiting.client);
        drop(waiting.server);
        let words = format!("list --json -a -p src {ended}");
        let unseen = User::new(4019).run(|| run_opened(&program, &words).objects());
        assert_eq!(unseen[0]["state"], "time-wait");
        assert_eq!(unseen[0].pointer(holders), Some(&Value::Array(Vec::new())));
    });
}

/// Each object of a deletion has the moment of its outcome, in a form that sorts as it passes.
#[test]
fn an_outcome_has_its_time() {
    isolated(|| {
        let (pairs, _listener, port) = connections(3);
        let now = || humantime::format_rfc3339_micros(SystemTime::now()).to_string();
        let gone = ends(&pairs[0].client);
        for (words, outcome, count) in [
            (
                format!("delete --yes --rate 10/s --json dport = :{port}"),
                "deleted",
                3,
            ),
            (format!("delete --json {gone}"), "gone", 1),
            (format!("delete -n --json {gone}"), "gone", 1),
            (
                format!("delete --json 127.0.0.1:{port} 0.0.0.0:0"),
                "guarded",
                1,
            ),
        ] {
            let before = now();
            let objects = run(&words).objects();
            let after = now();
            assert_eq!(objects.len(), count, "{words}");
            let mut last = before.clone();
            for object in &objects {
                assert_eq!(object["outcome"], outcome, "{words}");
                let time = object["time"].as_str().unwrap();
                assert_eq!(time.len(), "2026-01-02T03:04:05.678901Z".len(), "{time}");
                assert!(*last <= *time && *time <= *after, "{last} {time} {after}");
                last = time.to_owned();
            }
            let first = objects[0]["time"].as_str().unwrap();
            assert!(count == 1 || *first < *last, "each has its own");
        }
    });
}

#[test]
fn no_key_is_missing() {
    isolated(|| {
        let connection = tcp::connected();
        let keys = |words: &str| -> Vec<BTreeSet<String>> {
            let objects = run(words).objects();
            let keys = |object: &Value| object.as_object().unwrap().keys().cloned().collect();
            objects.iter().map(keys).collect()
        };
        let listed = keys("list --json -a");
        assert!(listed.len() > 1);
        for words in ["list --json -a", "list --json -a -p -u -i -c --id"] {
            assert!(keys(words).iter().all(|keys| *keys == listed[0]), "{words}");
        }
        let words = format!("delete --json {}", ends(&connection.client));
        let deleted = keys(&words);
        assert!(deleted[0].is_superset(&listed[0]));
        // By now it is gone.
        let gone = keys(&words);
        assert_eq!(gone, deleted);
    });
}

#[test]
fn the_ends_also_stand_apart() {
    isolated(|| {
        let connection = tcp::connected();
        let client = connection.client.local_addr().unwrap();
        let server = connection.client.peer_addr().unwrap();
        let objects = run("list --json").objects();
        let is_client = |object: &&Value| object["local"] == client.to_string();
        let object = objects.iter().find(is_client).unwrap();
        assert_eq!(object["local_address"], client.ip().to_string());
        assert_eq!(object["local_port"], client.port());
        assert_eq!(object["peer_address"], server.ip().to_string());
        assert_eq!(object["peer_port"], server.port());
    });
}

#[test]
fn the_manual_documents_exactly_the_fields() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let at = listener.local_addr().unwrap();
        let connection = tcp::connect_to(&listener);
        let mut fields = BTreeSet::new();
        for words in [
            "list --json -a -p -u -i -c -N /proc/thread-self/ns/net".to_owned(),
            format!("delete -n --yes --json -p -u -i -c dport = :{}", at.port()),
            format!("delete --json {at} 0.0.0.0:0"),
            format!("delete --json {}", ends(&connection.client)),
            "doctor --json".to_owned(),
            format!("why --json --watch 0s {}", ends(&tcp::connected().client)),
        ] {
            for object in run(&words).objects() {
                fields.extend(object.as_object().unwrap().keys().cloned());
            }
        }
        let (_, text) = tcpentry_cli::manual()
            .iter()
            .find(|(heading, _)| *heading == "JSON")
            .unwrap();
        let mut documented: BTreeSet<String> = text
            .lines()
            .filter_map(|line| line.split_once(" -- "))
            .flat_map(|(terms, _)| terms.split(", "))
            .map(str::to_owned)
            .collect();
        // Those of the doctor stand in a sentence.
        // Those of processes and containers as well.
        for field in ["pid", "start", "name", "uid", "descriptors", "runtime"] {
            assert!(text.contains(field));
        }
        for field in ["check", "status", "detail", "fix"] {
            assert!(text.contains(field));
            documented.insert(field.to_owned());
        }
        assert_eq!(fields, documented);
    });
}

#[test]
fn a_refusal_of_a_dry_run_says_that_it_was_one() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let at = listener.local_addr().unwrap();
        for (words, outcome) in [
            (format!("{at} 0.0.0.0:0"), "guarded"),
            ("127.0.0.1:1 127.0.0.1:2".to_owned(), "gone"),
        ] {
            for (dry, is_dry) in [(" -n", true), ("", false)] {
                let objects = run(&format!("delete --json{dry} {words}")).objects();
                assert_eq!(objects.len(), 1, "{words}");
                assert_eq!(objects[0]["outcome"], outcome, "{words}");
                assert_eq!(objects[0]["dry_run"], is_dry, "{dry} {words}");
            }
        }
    });
}

#[test]
fn what_has_ended_during_the_question_shows_no_queues() {
    isolated(|| {
        let (ends, _listener, port) = connections(2);
        std::io::Write::write_all(&mut &ends[0].server, b"unread").unwrap();
        let terminal = tcpentry_testkit::pty::Terminal::open();
        let words = format!("delete --json --own-session dport = :{port}");
        let mut child = terminal
            .command(env!("CARGO_BIN_EXE_tcpentry"))
            .args(words.split(' '))
            .env("SSH_CONNECTION", ELSEWHERE)
            .spawn()
            .unwrap();
        terminal.await_text("[y/N] ");
        let ended = ends[0].client.local_addr().unwrap().to_string();
        assert_eq!(
            run(&format!("delete {}", crate::util::ends(&ends[0].client))).code,
            0
        );
        terminal.type_in("y\n");
        tcpentry_testkit::until("it ends", || {
            // A terminal that nobody reads takes no more.
            terminal.screen();
            child.try_wait().unwrap().is_some()
        });
        let screen = terminal.screen();
        let objects: Vec<Value> = screen
            .lines()
            .filter_map(|line| serde_json::from_str(line.trim()).ok())
            .collect();
        assert_eq!(objects.len(), 2, "{screen}");
        for object in &objects {
            let is_gone = object["local"] == ended;
            let outcome = if is_gone { "gone" } else { "deleted" };
            assert_eq!(object["outcome"], outcome, "{object}");
            for queue in ["send_queue", "recv_queue"] {
                let value = object.get(queue).unwrap();
                assert_eq!(value.is_null(), is_gone, "{queue}: {object}");
            }
        }
    });
}
