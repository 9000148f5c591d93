//! Other network namespaces. What looks at all of them runs in a world of its own, where those of the host are not
//! seen, let alone deleted from.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use rustix::io::Errno;
use tcpentry_testkit::rootless::Rootless;
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::world::World;
use tcpentry_testkit::{Namespace, isolated, link, skip};

use crate::util::{self, ELSEWHERE, Run, is_alive, opened, run_opened};

/// Runs a test in a world of its own, or skips it.
macro_rules! in_a_world {
    ($body:expr) => {
        isolated(|| match World::fresh() {
            Ok(world) => $body(&world),
            Err(reason) => skip!("{reason}"),
        })
    };
}

#[test]
fn named_ones_are_offered_to_complete_an_option_and_a_filter() {
    in_a_world!(|world: &World| {
        let _namespaces = ["blue", "black", "green"].map(|name| world.named(name));
        for (words, offered) in [
            ("-N bl", "black\tip netns\nblue\tip netns\n"),
            ("list netns g", "green\tip netns\n"),
            ("delete -N /run/netns/g", "/run/netns/green\t\n"),
        ] {
            let run = run(world, &format!("complete-words {words}"));
            let mut lines: Vec<_> = run.out.lines().collect();
            lines.sort_unstable();
            let shown = lines.iter().map(|line| format!("{line}\n"));
            assert_eq!(shown.collect::<String>(), offered, "{words}: {}", run.err);
        }
    });
}

#[test]
fn all_are_shown_side_by_side_and_one_connection_dies_in_the_named_one() {
    in_a_world!(|world: &World| {
        let process = world.start_shell("exec unshare --net sleep 1000");
        let pid = process.pid;
        let blue = world.named("blue");
        let green = world.mounted("/run/green file");
        tcpentry_testkit::until("it has a namespace of its own", || {
            world.must(&format!("readlink /proc/{pid}/ns/net"))
                != world.must("readlink /proc/self/ns/net")
        });
        let lone = world.of_process(pid);
        let here = connect();
        let ends: Vec<_> = [&blue, &green, &lone].map(|it| it.run(connect)).into();

        let listed = run(world, "--all-netns sport = :40000");
        assert_eq!(
            (listed.code, listed.err.as_str()),
            (0, ""),
            "{}",
            listed.out
        );
        let mut rows = listed.rows();
        rows.sort_by_key(|row| row[5].to_owned());
        let names: Vec<_> = rows.iter().map(|row| row[5]).collect();
        let pid = pid.to_string();
        let by_pid = format!("pid:{pid}");
        assert_eq!(names, ["/run/green file", "blue", "pid:1", &by_pid]);
        for row in &rows {
            assert_eq!(row[3..5], ["127.0.0.1:40000", "127.0.0.1:8080"]);
        }

        // Which of them is not said.
        let ambiguous = run(world, "delete --all-netns 127.0.0.1:40000 127.0.0.1:8080");
        assert_eq!(ambiguous.code, 3, "{}", ambiguous.err);
        assert_eq!(
            ambiguous.err.matches(" is --id ").count(),
            4,
            "{}",
            ambiguous.err
        );
        let ambiguous = run(
            world,
            "delete --json --all-netns 127.0.0.1:40000 127.0.0.1:8080",
        );
        assert_eq!(
            ambiguous.objects()[0]["candidates"]
                .as_array()
                .unwrap()
                .len(),
            4
        );
        assert!(ends.iter().chain([&here]).all(is_alive));

        // By name, by pid, by path; the program's own stays.
        for (name, ends) in [
            ("blue", &ends[0]),
            ("/run/green file", &ends[1]),
            (&by_pid, &ends[2]),
        ] {
            let listed = words(world, &["list", "-N", name]);
            assert_eq!(listed.rows().len(), 2, "{}", listed.out);
            assert!(
                listed.rows().iter().all(|row| row[5] == name),
                "{}",
                listed.out
            );
            let deleted = words(
                world,
                &["delete", "-N", name, "127.0.0.1:40000", "127.0.0.1:8080"],
            );
            assert_eq!(deleted.code, 0, "{}", deleted.err);
            assert!(!is_alive(ends));
        }
        assert!(is_alive(&here));
    });
}

#[test]
fn namespaces_that_are_made_meanwhile_are_looked_at_and_those_that_ended_are_let_go() {
    in_a_world!(|world: &World| {
        let blue = world.named("blue");
        let first = blue.run(connect);
        let mut child = world
            .command(PROGRAM)
            .args("delete --yes --for 1h --all-netns dport = :8080".split(' '))
            .env("SSH_CONNECTION", ELSEWHERE)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || out.next().unwrap().unwrap();
        assert!(next().starts_with("OUTCOME"));
        assert!(next().ends_with("\tblue"));
        assert!(!is_alive(&first));
        let green = world.named("green");
        let second = green.run(connect);
        assert!(next().ends_with("\tgreen"));
        assert!(!is_alive(&second));

        let inode = green.run(|| std::fs::read_link("/proc/thread-self/ns/net").unwrap());
        drop((second, green));
        world.must("umount /run/netns/green; rm /run/netns/green");
        let id = child.id();
        tcpentry_testkit::until("it holds the ended one no more", || {
            let held = format!("ls -l /proc/{id}/fd | grep -cF '{}'", inode.display());
            let held = Command::new("sh").args(["-c", &held]).output().unwrap();
            held.stdout == b"0\n"
        });
        child.kill().unwrap();
        child.wait().unwrap();
    });
}

#[test]
fn an_identity_finds_its_namespace_and_no_other() {
    in_a_world!(|world: &World| {
        let (blue, green) = (world.named("blue"), world.named("green"));
        let [here, in_blue, in_green] = [connect(), blue.run(connect), green.run(connect)];
        let objects = run(world, "list --json --all-netns sport = :40000").objects();
        let of = |name: &str| {
            let mut these = objects.iter().filter(|it| it["netns_name"] == name);
            let this = these.next().unwrap_or_else(|| panic!("{objects:?}"));
            assert!(these.next().is_none());
            this
        };
        let id = of("blue")["id"].as_str().unwrap();
        let netns = of("blue")["netns"].as_str().unwrap();
        assert!(id.contains(&format!("/{netns}/")), "{id}");
        assert_ne!(of("green")["netns"], of("blue")["netns"]);

        for elsewhere in ["", "-N green", "-N /run/netns/green"] {
            let refused = run(world, &format!("delete {elsewhere} --json --id {id}"));
            assert_eq!(refused.code, 3, "{}", refused.err);
            assert_eq!(refused.objects()[0]["guard"], "other-netns");
        }
        let refused = run(world, &format!("delete --id {id}"));
        assert!(refused.err.contains("--all-netns"), "{}", refused.err);
        let deleted = run(world, &format!("delete --all-netns --json --id {id}"));
        assert_eq!(deleted.code, 0, "{}", deleted.out);
        assert_eq!(deleted.objects()[0]["netns_name"], "blue");
        assert!(!is_alive(&in_blue));
        assert!(is_alive(&here) && is_alive(&in_green));
        assert_eq!(
            run(world, &format!("delete --all-netns --id {id}")).code,
            1,
            "gone"
        );
    });
}

#[test]
fn a_filter_selects_in_all_of_them_by_name_and_by_device() {
    in_a_world!(|world: &World| {
        let (blue, green) = (world.named("blue"), world.named("green"));
        let _here = connect();
        let (in_blue, in_green) = (blue.run(connect), green.run(connect));

        let count = |words: &str| {
            let run = run(world, words);
            assert_eq!(run.code, 0, "{words}");
            // A namespace that was not read is explained.
            let is_explained = run.rows().is_empty() && words == "netns blue";
            assert_eq!(
                run.err.contains("add -N blue"),
                is_explained,
                "{words}: {}",
                run.err
            );
            run.rows().len()
        };
        assert_eq!(count("--all-netns port = :8080"), 6);
        assert_eq!(count("--all-netns netns blue"), 2);
        assert_eq!(count("--all-netns netns /run/netns/blue"), 2);
        assert_eq!(count("--all-netns netns blue or netns green"), 4);
        assert_eq!(count("--all-netns not netns blue"), 4);
        assert_eq!(count("-N blue -N green port = :8080"), 4);
        assert_eq!(count("-N blue -N /run/netns/blue port = :8080"), 2);
        assert_eq!(count("-N blue netns green"), 0);
        assert_eq!(
            count("netns blue"),
            0,
            "of the program's own nothing is in it"
        );
        assert_eq!(count("--all-netns -6"), 0);
        assert_eq!(count("--all-netns -4 netns green"), 2);

        // A device that is in one of them only.
        let device = green.run(|| {
            link::ip(&["link add tcpentry0 type veth peer name tcpentry1"]);
            let server = tcp::socket(tcp::loopback(0));
            server.bind_device(Some(b"tcpentry0")).unwrap();
            server.bind(&tcp::loopback(7070).into()).unwrap();
            server.listen(1).unwrap();
            server
        });
        let bound = run(world, "--all-netns -l dev tcpentry0");
        assert_eq!((bound.code, bound.rows().len()), (0, 1), "{}", bound.err);
        assert_eq!(bound.rows()[0][3], "127.0.0.1%tcpentry0:7070");
        let nowhere = run(world, "--all-netns -l dev tcpentry9");
        assert_eq!(nowhere.code, 2, "{}", nowhere.err);
        drop(device);

        let nobody = run(world, "delete --all-netns netns purple");
        assert_eq!(nobody.code, 2, "{}", nobody.err);
        assert!(
            nobody.err.contains("no network namespace"),
            "{}",
            nobody.err
        );
        let none = run(world, "delete --all-netns netns blue dport = :9");
        assert_eq!(none.code, 1, "{}", none.err);
        let many = run(world, "delete --all-netns port = :8080");
        assert_eq!(many.code, 3, "not confirmed: {}", many.err);
        let max = run(world, "delete --all-netns --yes --max 5 port = :8080");
        assert_eq!(max.code, 3, "{}", max.err);
        let dry = run(world, "delete -n --all-netns --yes port = :8080");
        assert_eq!((dry.code, dry.rows().len()), (0, 6), "{}", dry.err);
        assert!(is_alive(&in_blue) && is_alive(&in_green));
        let deleted = run(world, "delete --all-netns netns blue sport = :40000");
        assert_eq!(
            (deleted.code, deleted.rows().len()),
            (0, 1),
            "{}",
            deleted.err
        );
        assert!(!is_alive(&in_blue) && is_alive(&in_green));
        let rest = run(world, "delete --all-netns --yes port = :8080");
        assert_eq!(
            (rest.code, rest.rows().len()),
            (0, 4),
            "{}{}",
            rest.out,
            rest.err
        );
        assert!(!is_alive(&in_green));
    });
}

/// A number that no process and no namespace has selects nothing, and as an exclusion spares nothing.
#[test]
fn a_number_that_nothing_has_is_an_error_in_a_filter_too() {
    isolated(|| {
        for number in [
            "0",
            "4194303",
            "4194305",
            "4294967299",
            "99999999999999999999",
        ] {
            for words in [
                &["list", "netns", number][..],
                &["list", "--all-netns", "netns", number],
                &["delete", "--yes", "not", "netns", number],
                &["list", "-N", number],
            ] {
                let run: Run = util::program().args(words).output().unwrap().into();
                assert_eq!(run.code, 2, "{words:?}: {}{}", run.out, run.err);
                assert!(
                    run.err.contains("there is no process with this pid"),
                    "{}",
                    run.err
                );
            }
        }
        let own = std::fs::metadata("/proc/thread-self/ns/net")
            .unwrap()
            .ino()
            .to_string();
        let run: Run = util::program()
            .args(["list", "netns", &own])
            .output()
            .unwrap()
            .into();
        assert_eq!((run.code, run.err.as_str()), (0, ""));
    });
}

#[test]
fn what_is_no_namespace_is_a_usage_error() {
    isolated(|| {
        for name in ["no-such", "4194305", "/dev/null", "/\u{1b}[2J"] {
            for command in ["list", "delete"] {
                let mut program = util::program();
                program.args([command, "-N", name, "127.0.0.1:1", "127.0.0.1:2"]);
                if command == "list" {
                    program = util::program();
                    program.args([command, "-N", name]);
                }
                let run: Run = program.output().unwrap().into();
                assert_eq!(run.code, 2, "{command} {name}: {}", run.err);
                assert!(
                    !run.err.contains('\u{1b}') && run.err.contains("network namespace"),
                    "{}",
                    run.err
                );
            }
        }
        let both = util::run("list --all-netns -N 1");
        assert_eq!(both.code, 2, "{}", both.err);
    });
}

#[test]
fn a_process_that_is_not_shown_is_there_all_the_same() {
    in_a_world!(|world: &World| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let process = world.start_shell("exec unshare --net sleep 1000");
        world.must("mount -t proc -o hidepid=2 proc /proc");
        // The user may not enter the folder that the program is in.
        let copy = format!("/tmp/tcpentry-hidepid-{}", std::process::id());
        world.must(&format!("install -m 755 {PROGRAM} {copy}"));
        let list = |pid: u32| {
            let user = "setpriv --reuid 4035 --regid 4035 --clear-groups";
            world.shell(&format!("{user} {copy} list -N {pid}"))
        };
        let (denied, none): (Run, Run) = (list(process.pid).into(), list(4_000_000).into());
        world.must(&format!("rm {copy}"));
        assert_eq!(denied.code, 4, "{}", denied.err);
        assert!(denied.err.contains("hidepid"), "{}", denied.err);
        assert_eq!(none.code, 2, "{}", none.err);
        assert!(none.err.contains("no network namespace"), "{}", none.err);
    });
}

#[test]
fn hostile_names_are_escaped() {
    in_a_world!(|world: &World| {
        let name = "\u{1b}[2J";
        let hostile = world.named(name);
        let _ends = hostile.run(connect);
        let listed = run(world, "--all-netns sport = :40000");
        assert_eq!(listed.rows()[0][5], "\\u{1b}[2J");
        let listed = words(world, &["list", "-N", name, "--json"]);
        assert_eq!(listed.objects()[0]["netns_name"], name, "{}", listed.err);
        assert!(
            run(world, "doctor")
                .out
                .contains("\\u{1b}[2J: every connection can be deleted")
        );
    });
}

#[test]
fn without_ipv4_and_with_nothing_up() {
    in_a_world!(|world: &World| {
        let (six, down) = (world.named("six"), world.named("down"));
        let ends = six.run(|| {
            link::ip(&["addr del 127.0.0.1/8 dev lo"]);
            tcp::connect_to(&tcp::listen("[::1]:8080".parse().unwrap()))
        });
        let dead = down.run(|| {
            let ends = connect();
            link::ip(&["link set lo down"]);
            ends
        });
        let listed = run(world, "--all-netns -6 dport = :8080");
        assert_eq!(listed.rows().len(), 1, "{}", listed.out);
        assert_eq!(listed.rows()[0][5], "six");
        assert_eq!(run(world, "--all-netns dport = :8080").rows().len(), 2);
        let deleted = run(world, "delete --all-netns --yes dport = :8080");
        assert_eq!(
            (deleted.code, deleted.rows().len()),
            (0, 2),
            "{}",
            deleted.err
        );
        assert!(!is_alive(&ends));
        assert_eq!(
            tcp::errno((&dead.client).read(&mut [0])),
            Errno::CONNABORTED
        );
    });
}

#[test]
fn the_own_session_is_guarded_from_another_namespace() {
    in_a_world!(|world: &World| {
        let (blue, green) = (world.named("blue"), world.named("green"));
        let listener = blue.run(|| tcp::listen(tcp::loopback(8080)));
        let other = green.run(connect);
        // A shell that is called as an SSH server, whose connection is in one namespace, starts the program in
        // another.
        let script = format!(
            "ln -s /bin/bash /run/sshd && nsenter --net=/run/netns/blue /run/sshd -c '
                exec 3<>/dev/tcp/127.0.0.1/8080
                nsenter --net=/run/netns/green {PROGRAM} delete --json --all-netns --yes dport = :8080 3<&-
                exit $?'"
        );
        let run: Run = world.shell(&script).into();
        assert_eq!(run.code, 6, "{}{}", run.out, run.err);
        let mut outcomes: Vec<_> = run
            .objects()
            .iter()
            .map(|it| (it["netns_name"].to_string(), it["guard"].to_string()))
            .collect();
        outcomes.sort();
        assert_eq!(
            outcomes,
            [("\"blue\"", "\"own-session\""), ("\"green\"", "null")]
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert!(!is_alive(&other));
        drop(listener);
    });
}

#[test]
fn the_far_end_of_the_own_session_is_guarded_in_another_namespace() {
    isolated(|| {
        let neighbour = link::Neighbour::new();
        let own = neighbour.connected();
        let filter = format!("dport = :{}", own.server.local_addr().unwrap().port());
        let there = neighbour.there.tid();
        let command = || {
            let mut command = util::program();
            command.args(["delete", "--json", "--yes", "-N", &there.to_string()]);
            command.arg(&filter).stdout(Stdio::piped());
            command.stdin(std::os::fd::OwnedFd::from(own.server.try_clone().unwrap()));
            command
        };
        let run: Run = command().output().unwrap().into();
        assert_eq!(run.code, 3, "{}{}", run.out, run.err);
        assert_eq!(run.objects()[0]["guard"], "own-session");
        assert!(is_alive(&own));
        let run: Run = command().arg("--own-session").output().unwrap().into();
        assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    });
}

#[test]
fn the_doctor_tells_of_each_what_can_be_deleted_there() {
    in_a_world!(|world: &World| {
        let _named = world.named("blue");
        let findings = run(world, "doctor --json").objects();
        let netns: Vec<_> = findings
            .iter()
            .filter(|it| it["check"] == "netns")
            .collect();
        assert_eq!(netns.len(), 1, "{netns:?}");
        assert_eq!(netns[0]["status"], "ok");
        assert_eq!(
            netns[0]["detail"],
            "blue: every connection can be deleted, by CAP_NET_ADMIN over it"
        );
    });
}

#[test]
fn fifty_are_listed_and_few_descriptors_are_enough_or_an_error() {
    in_a_world!(|world: &World| {
        let made: Vec<_> = (0..50)
            .map(|number| {
                let made = world.named(&format!("n{number}"));
                let ends = made.run(connect);
                (made, ends)
            })
            .collect();
        let listed = run(world, "--all-netns sport = :40000");
        assert_eq!(
            (listed.code, listed.rows().len()),
            (0, 50),
            "{}",
            listed.err
        );
        let limited = |limit: &str, words: &str| -> Run {
            world
                .shell(&format!("ulimit {limit}; exec {PROGRAM} {words}"))
                .into()
        };
        // A low limit is raised as far as that is allowed.
        let soft = limited("-S -n 30", "--all-netns sport = :40000");
        assert_eq!((soft.code, soft.rows().len()), (0, 50), "{}", soft.err);
        // Part of an answer is none.
        for limit in ["-n 30", "-n 100"] {
            let hard = limited(limit, "--all-netns sport = :40000");
            assert_eq!((hard.code, hard.out.as_str()), (7, ""), "{}", hard.err);
            assert!(
                hard.err.contains("Too many open files") && hard.err.contains("ulimit -n"),
                "{}",
                hard.err
            );
            let hard = limited(limit, "delete --yes --all-netns sport = :40000");
            assert_eq!((hard.code, hard.out.as_str()), (7, ""), "{}", hard.err);
        }
        assert!(made.iter().all(|(_, ends)| is_alive(ends)));
    });
}

#[test]
fn whoever_is_not_root_is_told_what_they_do_not_see() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let program = opened();
        let _others = Namespace::fresh();
        User::new(4031).run(|| {
            let listed = run_opened(&program, "--all-netns dport = :1");
            assert_eq!(listed.code, 0, "{}", listed.err);
            assert!(listed.err.contains("are hidden from you"), "{}", listed.err);
            assert!(listed.err.contains("sudo"), "{}", listed.err);
            let named = run_opened(&program, "list -N 1");
            assert_eq!(named.code, 4, "{}", named.err);
            assert!(named.err.contains("sudo"), "{}", named.err);
            let doctor = run_opened(&program, "doctor");
            assert!(
                doctor.out.contains("processes are hidden"),
                "{}",
                doctor.out
            );
        });
    });
}

#[test]
fn what_was_left_out_is_not_said_to_be_gone() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let program = opened();
        let others = Namespace::fresh();
        let ends = others.run(connect);
        User::new(4033).run(|| {
            let exact = run_opened(
                &program,
                "delete --all-netns 127.0.0.1:40000 127.0.0.1:8080",
            );
            assert_eq!(exact.code, 4, "{}{}", exact.out, exact.err);
            assert_eq!(exact.rows()[0][0], "denied");
            assert!(exact.err.contains("others were left out"), "{}", exact.err);
            let filter = run_opened(
                &program,
                "delete --yes --all-netns sport = :40000 dport = :1",
            );
            assert_eq!(
                (filter.code, filter.out.as_str()),
                (4, ""),
                "{}",
                filter.err
            );
        });
        assert!(is_alive(&ends));
    });
}

#[test]
fn a_device_that_is_elsewhere_is_one_to_which_no_socket_is_bound() {
    in_a_world!(|world: &World| {
        let (blue, green) = (world.named("blue"), world.named("green"));
        let _ends = [blue.run(connect), green.run(connect)];
        world.must("nsenter --net=/run/netns/blue ip link add only0 type veth peer name only1");
        for (filter, names) in [
            ("dport = :8080 not dev only0", &["blue", "green"][..]),
            ("( dport = :8080 or dev only0 )", &["blue", "green"]),
            ("dport = :8080 dev only0", &[]),
        ] {
            let listed = run(world, &format!("list --all-netns {filter}"));
            let mut shown: Vec<_> = listed.rows().iter().map(|row| row[5]).collect();
            shown.sort_unstable();
            assert_eq!(shown, names, "{filter}: {}", listed.err);
        }
        let nowhere = run(world, "list --all-netns dev nowhere0");
        assert_eq!(nowhere.code, 2, "{}", nowhere.err);
        let explained = run(world, "--explain --all-netns netns blue dport = :8080");
        assert!(
            explained.out.contains("no socket can match"),
            "{}",
            explained.out
        );
        assert!(
            explained.out.contains("netns    blue\n"),
            "{}",
            explained.out
        );
    });
}

#[test]
fn a_number_that_is_a_name_and_a_pid_is_nobodys_choice() {
    in_a_world!(|world: &World| {
        let one = world.named("1");
        let ends = one.run(connect);
        let refused = run(world, "delete -N 1 127.0.0.1:40000 127.0.0.1:8080");
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(
            refused.err.contains("/run/netns/1 or /proc/1/ns/net"),
            "{}",
            refused.err
        );
        assert!(is_alive(&ends));
        let by_name = world.named("4000000");
        let ends = by_name.run(connect);
        assert_eq!(run(world, "delete -N 4000000 dport = :8080").code, 0);
        assert!(!is_alive(&ends));
    });
}

#[test]
fn a_name_by_which_another_is_shown_is_nobodys_choice() {
    in_a_world!(|world: &World| {
        // The column NETNS has it for the world's own.
        let named = world.named("pid:1");
        let ends = named.run(connect);
        for words in [
            "delete -N pid:1 127.0.0.1:40000 127.0.0.1:8080",
            "delete --yes --all-netns netns pid:1",
        ] {
            let refused = run(world, words);
            assert_eq!(refused.code, 2, "{words}: {}", refused.err);
            let cause = "both a name in `ip netns` and that of another network namespace";
            assert!(refused.err.contains(cause), "{words}: {}", refused.err);
        }
        let refused = run(world, "list -N pid:1");
        let files = "/run/netns/pid:1 or /proc/1/ns/net";
        assert!(refused.err.contains(files), "{}", refused.err);
        assert!(is_alive(&ends));
        let by_path = run(world, "delete -N /run/netns/pid:1 dport = :8080");
        assert_eq!(by_path.code, 0, "{}", by_path.err);
        assert!(!is_alive(&ends));
    });
}

#[test]
fn a_filter_may_not_look_at_another_users_process_either() {
    in_a_world!(|world: &World| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let process = world.start_shell("exec unshare --net sleep 1000");
        let copy = format!("/tmp/tcpentry-netns-pid-{}", std::process::id());
        world.must(&format!("install -m 755 {PROGRAM} {copy}"));
        let user = "setpriv --reuid 4035 --regid 4035 --clear-groups";
        let as_user = |words: &str| -> Run {
            let words = format!("{words} {}", process.pid);
            world.shell(&format!("{user} {copy} {words}")).into()
        };
        let words = ["list -N", "list netns", "delete --yes netns"];
        let runs = words.map(|words| (words, as_user(words)));
        world.must(&format!("rm {copy}"));
        for (words, run) in runs {
            assert_eq!(run.code, 4, "{words}: {}", run.err);
            assert!(run.err.contains("not permitted"), "{words}: {}", run.err);
            assert!(run.err.contains("\nhint: "), "{words}: {}", run.err);
        }
    });
}

/// The descriptors of all processes are looked at once, not for each network namespace.
#[test]
fn the_doctors_work_does_not_grow_with_namespaces_times_descriptors() {
    in_a_world!(|world: &World| {
        let holder = "import os, time; x = [os.dup(0) for _ in range(4000)]; time.sleep(1000)";
        let _holders = [(); 6]
            .map(|()| world.start_shell(&format!("ulimit -n 4100; exec python3 -c '{holder}'")));
        let count = "ls /proc/[0-9]*/fd | wc -l";
        tcpentry_testkit::until("they hold them", || {
            world.must(count).trim().parse::<u32>().unwrap() > 24_000
        });
        let time = || {
            let times = [(); 2].map(|()| {
                let start = std::time::Instant::now();
                assert_eq!(run(world, "doctor").code, 0);
                start.elapsed()
            });
            times.into_iter().min().unwrap()
        };
        let few = time();
        let names: Vec<_> = (0..40).map(|number| format!("n{number}")).collect();
        let _many: Vec<_> = names.iter().map(|name| world.named(name)).collect();
        let many = time();
        let limit = 6 * few + std::time::Duration::from_millis(400);
        assert!(many < limit, "{few:?} without them, {many:?} with 40");
    });
}

#[test]
fn a_name_of_several_is_nobodys_choice() {
    in_a_world!(|world: &World| {
        // A process with a thread elsewhere gives both namespaces its name.
        let process = world.start_shell(
            "exec unshare --net python3 -c '\
             import ctypes, threading, time\n\
             leave = lambda: (ctypes.CDLL(None).unshare(0x40000000), time.sleep(1000))\n\
             threading.Thread(target=leave).start()'",
        );
        let pid = process.pid;
        let elsewhere = format!("/proc/{pid}/task/*/ns/net");
        let several = format!("readlink {elsewhere} /proc/self/ns/net | sort -u | wc -l");
        tcpentry_testkit::until("both have left", || world.must(&several).trim() == "3");
        let thread = world.must(&format!("ls /proc/{pid}/task | grep -vx {pid}"));
        let thread = format!("/proc/{pid}/task/{}/ns/net", thread.trim());
        let both = [world.of_process(pid), Namespace::at(&world.path(&thread))];
        let ends = [0, 1].map(|number: usize| both[number].run(connect));
        for words in [
            format!("delete --yes -N pid:{pid} dport = :8080"),
            format!("delete --yes --all-netns netns pid:{pid} dport = :8080"),
        ] {
            let refused = run(world, &words);
            assert_eq!(refused.code, 2, "{words}: {}{}", refused.out, refused.err);
            let cause = format!("several network namespaces are called `pid:{pid}`");
            assert!(refused.err.contains(&cause), "{words}: {}", refused.err);
            let files = [format!("/proc/{pid}/ns/net"), thread.clone()];
            // A filter says that the path of a file will do.
            assert!(
                words.contains("-N") == files.iter().all(|file| refused.err.contains(file)),
                "{words}: {}",
                refused.err
            );
        }
        assert!(ends.iter().all(is_alive));
        let hinted = run(world, &format!("delete --yes -N {thread} dport = :8080"));
        assert_eq!(hinted.code, 0, "{}{}", hinted.out, hinted.err);
        assert!(is_alive(&ends[0]) && !is_alive(&ends[1]));
    });
}

#[test]
fn the_own_container_needs_no_root() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let program = opened();
        User::new(4032).run(|| {
            let Some(container) = Rootless::serving(8091) else {
                skip!("this user may not make user namespaces here");
            };
            let pid = container.pid();
            let listed = run_opened(&program, "--all-netns --json port = :8091");
            assert_eq!(listed.objects().len(), 2, "{}{}", listed.out, listed.err);
            let name = format!("pid:{pid}");
            assert!(
                listed
                    .objects()
                    .iter()
                    .all(|it| it["netns_name"] == name.as_str()),
                "{}",
                listed.out
            );
            // Its root is not the caller's, nor anybody's here.
            let users = run_opened(&program, &format!("-N {pid} -u dport = :8091"));
            assert_eq!(users.rows()[0][6], "?", "{}", users.out);
            let refused = run_opened(
                &program,
                &format!("delete --yes -N {pid} dport = :8091 user root"),
            );
            assert_eq!(refused.code, 4, "{}{}", refused.out, refused.err);
            let doctor = run_opened(&program, "doctor");
            let line = format!("{name}: every connection can be deleted, by CAP_NET_ADMIN over it");
            assert!(doctor.out.contains(&line), "{}", doctor.out);
            // As root, this would see what is not its own.
            let deleted = run_opened(
                &program,
                &format!("delete --json --all-netns netns {pid} dport = :8091"),
            );
            assert_eq!(deleted.code, 0, "{}{}", deleted.out, deleted.err);
            assert_eq!(deleted.objects()[0]["method"], "sock-diag");
            let seen = container.seen();
            assert!(seen.contains("Software caused connection abort"), "{seen}");
        });
    });
}

/// Opens a connection whose ends are identical in every namespace.
fn connect() -> Ends {
    let listener = tcp::listen(tcp::loopback(8080));
    let socket = tcp::socket(tcp::loopback(0));
    socket.bind(&tcp::loopback(40_000).into()).unwrap();
    tcp::connect_from(socket, &listener)
}

fn run(world: &World, text: &str) -> Run {
    words(world, &text.split_whitespace().collect::<Vec<_>>())
}

/// Runs the program in a world, with words that may have blanks.
fn words(world: &World, words: &[&str]) -> Run {
    let mut command = world.command(PROGRAM);
    command.args(words).env("SSH_CONNECTION", ELSEWHERE);
    command.output().unwrap().into()
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpentry");
