//! Names of containers, units and users: what each means, what it doesn't, and what is said where it means nothing here.

use std::fs;
use std::os::unix::fs::chown;
use std::process::{Child, Command, Stdio};

use tcpentry_testkit::cgroup::Cgroup;
use tcpentry_testkit::named::Named;
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::{isolated, skip, user};

use crate::util::{ELSEWHERE, Run, is_alive, local, run};

/// A connection whose client's socket was made in a cgroup of this name.
struct Inside {
    ends: Ends,
    cgroup: Cgroup,
}

impl Inside {
    fn of(cgroup: std::io::Result<Cgroup>) -> Result<Self, String> {
        let cgroup = cgroup.map_err(|error| format!("no cgroup: {error}"))?;
        let sockets = cgroup.sockets(socket2::Domain::IPV4, 1);
        let socket = sockets.unwrap().pop().unwrap();
        let ends = tcp::connect_from(socket, &tcp::listen(tcp::loopback(0)));
        Ok(Self { ends, cgroup })
    }

    fn named(name: &str) -> Result<Self, String> {
        Self::of(Cgroup::fresh(name))
    }

    /// Starts a process in it, so that it is running.
    fn resident(&self) -> Ended {
        let process = Ended(Command::new("sleep").arg("1000").spawn().unwrap());
        let file = self.cgroup.folder().join("cgroup.procs");
        fs::write(file, process.0.id().to_string()).unwrap();
        process
    }

    /// Opens a connection in a cgroup of this name that was made where this user may make any.
    fn named_by(uid: u32, name: &str) -> Result<Self, String> {
        let inside = Self::named(name)?;
        let tree = inside.cgroup.folder().parent().unwrap();
        chown(tree, Some(uid), Some(uid))
            .map_err(|error| format!("only root is mapped: {error}"))?;
        Ok(inside)
    }
}

fn locals(words: &str) -> Vec<String> {
    let listed = run(&format!("list {words}"));
    assert_eq!(listed.code, 0, "{}", listed.err);
    let mut locals: Vec<_> = listed.rows().iter().map(|row| row[3].to_owned()).collect();
    locals.sort();
    locals
}

#[test]
fn the_name_of_a_container_is_exact_but_for_its_stars() {
    isolated(|| {
        let made: Result<Vec<_>, _> = ["c1", "c10", "c1-staging", "101"]
            .map(|name| Inside::named(&format!("lxc.payload.{name}")))
            .into_iter()
            .collect();
        let made = match made {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let first = local(&made[0].ends);
        for name in ["c1", "lxc:c1"] {
            assert_eq!(
                locals(&format!("container {name}")),
                [first.as_str()],
                "{name}"
            );
        }
        assert_eq!(locals("container c1*").len(), 3);
        assert!(locals("container 10").is_empty());
        let done = run("delete container c1");
        assert_eq!((done.code, done.rows().len()), (0, 1), "{}", done.err);
        assert!(!is_alive(&made[0].ends));
        assert!(made[1..].iter().all(|it| is_alive(&it.ends)));
    });
}

#[test]
fn a_prefix_of_two_containers_deletes_in_neither() {
    isolated(|| {
        let ids = ["abcd1", "abcd2"].map(|start| format!("{start}{}", "0".repeat(59)));
        let made: Result<Vec<_>, _> = ids
            .iter()
            .map(|id| Inside::named(&format!("docker-{id}.scope")))
            .collect();
        let made = match made {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        assert_eq!(locals("container abcd").len(), 2, "to list, both");
        for words in [
            "delete container abcd",
            "delete --yes container abcd",
            "delete -n container abcd",
        ] {
            let refused = run(words);
            assert_eq!((refused.code, refused.out.as_str()), (3, ""), "{words}");
            for id in &ids {
                assert!(
                    refused.err.contains(&format!("docker:{id}")),
                    "{}",
                    refused.err
                );
            }
        }
        assert!(made.iter().all(|it| is_alive(&it.ends)));
        let done = run("delete container abcd1");
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(!is_alive(&made[0].ends) && is_alive(&made[1].ends));
        drop(made);
    });
}

/// Whoever has a tree of cgroups can name one as they like: `docker-ID.scope`, `nginx.service`.
#[test]
fn a_name_that_a_user_gave_neither_selects_nor_spares() {
    isolated(|| {
        let id = "d".repeat(64);
        let scope = format!("docker-{id}.scope");
        let service = "tcpentry-web.service";
        let made = || {
            Ok::<_, String>([
                Inside::named(&scope)?,
                Inside::named_by(4005, &scope)?,
                Inside::named(service)?,
                Inside::named_by(4005, service)?,
            ])
        };
        let made = match made() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let [container, forged, unit, forged_unit] = made.each_ref().map(|it| local(&it.ends));
        for (term, roots, users) in [
            ("container dddd", &container, &forged),
            ("container docker:dddddddddddd", &container, &forged),
            ("unit tcpentry-web", &unit, &forged_unit),
        ] {
            assert_eq!(locals(term), [roots.as_str()], "{term}");
            let spared = locals(&format!("not {term}"));
            assert!(spared.contains(users), "not {term}");
        }
        for (term, users, shown) in [
            (
                "container user:4005:docker:dddddddddddd",
                &forged,
                "user:4005:docker:dddddddddddd",
            ),
            (
                "unit user:4005:tcpentry-web",
                &forged_unit,
                "user:4005:tcpentry-web.service",
            ),
        ] {
            assert_eq!(locals(term), [users.as_str()], "{term}");
            let listed = run(&format!("list -c {term}"));
            assert!(listed.rows()[0].contains(&shown), "{}", listed.out);
        }
        let object = &run(&format!("list -c --json src {forged}")).objects()[0];
        assert_eq!(object["container"]["user"], 4005);
        let done = run("delete --yes container dddd");
        assert_eq!((done.code, done.rows().len()), (0, 1), "{}", done.err);
        assert!(is_alive(&made[1].ends));
    });
}

/// Runs the program where these accounts exist, too.
fn run_with_accounts(accounts: &str, words: &str) -> Run {
    let file = std::env::temp_dir().join(format!("tcpentry-passwd-{}", std::process::id()));
    let all = fs::read_to_string("/etc/passwd").unwrap() + accounts;
    fs::write(&file, all).unwrap();
    let script = format!(
        "mount --bind {} /etc/passwd && export SSH_CONNECTION='{ELSEWHERE}' && exec {} {words}",
        file.display(),
        env!("CARGO_BIN_EXE_tcpentry")
    );
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .output();
    fs::remove_file(&file).unwrap();
    output.unwrap().into()
}

#[test]
fn an_account_that_is_called_by_a_number_comes_before_the_number() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let ends = tcp::connected();
        let socket = local(&ends);
        let count = |accounts: &str, user: u32| {
            let listed = run_with_accounts(accounts, &format!("list src {socket} user {user}"));
            assert_eq!(listed.code, 0, "{}", listed.err);
            listed.rows().len()
        };
        // The socket is root's.
        assert_eq!(count("", 7501), 0);
        assert_eq!(count("", 0), 1);
        let called = "7501:x:0:0::/:/bin/sh\n";
        assert_eq!(count(called, 7501), 1);
        let other = format!("{called}bob:x:7501:7501::/:/bin/sh\n");
        assert_eq!(count(&other, 7501), 1);

        let refused = run_with_accounts(&other, &format!("delete src {socket} user 7501"));
        assert_eq!(refused.code, 3, "{}", refused.err);
        let both = "`7501` is both the name of an account (uid 0) and the uid of `bob`";
        assert!(refused.err.contains(both), "{}", refused.err);
        assert!(is_alive(&ends));
        let done = run_with_accounts(called, &format!("delete src {socket} user 7501"));
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(!is_alive(&ends));
    });
}

#[test]
fn a_name_that_selects_nothing_is_explained_in_a_line() {
    isolated(|| {
        let ends = tcp::connected();
        let holder = Named::holding(&ends.client, b"tcpentry-long-n");
        let made = Inside::named("lxc.payload.c10")
            .and_then(|it| Ok([it, Inside::named("session-77.scope")?]));
        let _residents: Vec<_> = made.iter().flatten().map(Inside::resident).collect();
        let mut asked = vec![
            ("container no-such", "no container `no-such` is running here: `tcpentry --all-netns -c`".to_owned()),
            ("unit no-such", "no unit `no-such` is running here".to_owned()),
            ("pid 4194303", "no process has the pid 4194303".to_owned()),
            ("process no-such", "no process is called `no-such`".to_owned()),
            ("process no-such*", "no process has a name like `no-such*`".to_owned()),
            (
                "process /usr/bin/tcpentry-long-name-of",
                "no process is called `/usr/bin/tcpentry-long-name-of`; did you mean: process tcpentry-long-n".to_owned(),
            ),
        ];
        if made.is_ok() {
            asked.push(("container c1", "similar names: lxc:c10".to_owned()));
            asked.push((
                "unit session-77",
                "similar names: session-77.scope".to_owned(),
            ));
            // It is here, in another network namespace as a rule.
            asked.push(("container c10 dport = :1", "lxc:c10 is running here, but its connections are usually in a network namespace of their own: add --all-netns".to_owned()));
        }
        for (words, line) in &asked {
            let listed = run(&format!("list {words}"));
            assert_eq!(listed.code, 0, "{words}");
            assert!(listed.err.contains(line), "{words}: {}", listed.err);
            assert_eq!(listed.err.lines().count(), 1, "{words}: {}", listed.err);
            let deleted = run(&format!("delete {words}"));
            assert_eq!(deleted.code, 1, "{words}");
            assert!(deleted.err.contains(line), "{words}: {}", deleted.err);
            let objects = run(&format!("list --json {words}"));
            assert_eq!(
                (objects.out.as_str(), objects.err.as_str()),
                ("", ""),
                "{words}"
            );
            let quiet = run(&format!("delete -q {words}"));
            assert_eq!(quiet.err, "", "{words}");
        }
        // Nothing is said where something is found, or where the name is not to blame.
        for words in [
            "process tcpentry-long-n",
            "not process no-such",
            "process tcpentry-long-n dport = :1",
        ] {
            assert_eq!(run(&format!("list {words}")).err, "", "{words}");
        }
        drop(holder);
    });
}

#[test]
fn what_is_in_another_network_namespace_is_said_to_be() {
    isolated(|| {
        let there = Command::new("unshare")
            .args(["-n", "sleep", "1000"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let there = Ended(there.unwrap());
        let pid = there.0.id();
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        tcpentry_testkit::until("it has a namespace of its own", || {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name == "sleep\n"
                && fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|it| it != own)
        });
        for (words, line) in [
            (
                format!("pid {pid}"),
                format!("process {pid} is in another network namespace: add -N {pid}"),
            ),
            (
                format!("netns {pid}"),
                format!("`{pid}` is not the network namespace that was read: add -N {pid}"),
            ),
        ] {
            let listed = run(&format!("list {words}"));
            assert!(listed.err.contains(&line), "{words}: {}", listed.err);
            for netns in ["--all-netns".to_owned(), format!("-N {pid}")] {
                let listed = run(&format!("list {netns} {words}"));
                assert!(!listed.err.contains("hint:"), "{words}: {}", listed.err);
            }
        }
        drop(there);
    });
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A cgroup that its processes have left is nothing that runs.
#[test]
fn an_empty_cgroup_is_no_container_that_runs() {
    isolated(|| {
        let id = "5eed".repeat(16);
        let cgroup = match Cgroup::fresh(&format!("docker-{id}.scope")) {
            Ok(cgroup) => cgroup,
            Err(error) => skip!("no cgroup can be made here: {error}"),
        };
        assert!(cgroup.folder().exists());
        let listed = run("list container 5eed5eed");
        let said = "no container `5eed5eed` is running here";
        assert!(listed.err.contains(said), "{}", listed.err);
        assert!(!listed.err.contains("similar"), "{}", listed.err);
    });
}

#[test]
fn no_name_is_offered_that_finds_nothing_when_pasted() {
    isolated(|| {
        let ends = tcp::connected();
        // Like no process that another test has at the same time.
        let _holder = Named::holding(&ends.client, b"qwzxjv\nX");
        let listed = run("list process qwzxjv");
        assert!(
            listed.err.contains("no process is called `qwzxjv`"),
            "{}",
            listed.err
        );
        assert!(!listed.err.contains("did you mean"), "{}", listed.err);
    });
}

#[test]
fn a_namespace_is_found_by_what_its_link_in_proc_shows() {
    isolated(|| {
        let _ends = tcp::connected();
        let link = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        let link = link.to_str().unwrap();
        for words in [format!("list -N {link}"), format!("list netns {link}")] {
            let listed = run(&words);
            assert_eq!(listed.code, 0, "{words}: {}", listed.err);
            assert_eq!(listed.rows().len(), 2, "{words}: {}", listed.err);
        }
    });
}

/// A misspelt exclusion selects everything: that is said before it is deleted.
#[test]
fn an_exclusion_that_nothing_has_is_said() {
    isolated(|| {
        let ends = tcp::connected();
        let port = ends.server.local_addr().unwrap().port();
        for (excluded, line) in [
            ("process ngnix-2", "no process is called `ngnix-2`"),
            ("pid 4194300", "4194300"),
            ("unit no-such-unit", "no-such-unit"),
            (
                "container ngnix-2",
                "no container `ngnix-2` is running here",
            ),
        ] {
            let shown = run(&format!("delete -n dport = :{port} and not {excluded}"));
            let said = "tcpentry: `not` excludes nothing here: ";
            let mut lines = shown.err.lines().filter_map(|it| it.strip_prefix(said));
            assert!(
                lines.any(|it| it.contains(line)),
                "{excluded}: {}",
                shown.err
            );
        }
        let own = std::process::id();
        let shown = run(&format!("delete -n dport = :{port} and not pid {own}"));
        assert!(!shown.err.contains("excludes nothing"), "{}", shown.err);
    });
}

#[test]
fn containers_units_and_cgroups_of_connections_are_completed() {
    isolated(|| {
        let id = format!("{:08x}", std::process::id()).repeat(8);
        let made = (|| {
            Ok::<_, String>([
                Inside::named(&format!("docker-{id}.scope"))?,
                Inside::named("tcpentry-web.service")?,
            ])
        })();
        let made = match made {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let words = |term: &str| {
            let done = run(&format!("complete-words delete state established {term}"));
            assert_eq!((done.code, done.err.as_str()), (0, ""));
            let words = done.out.lines().filter_map(|line| line.split('\t').next());
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(words("container d").contains(&format!("docker:{}", &id[..12])));
        assert!(words("unit tcp").contains(&"tcpentry-web.service".to_owned()));
        let cgroups = words("cgroup /");
        assert!(
            cgroups
                .iter()
                .any(|it| it.ends_with("/tcpentry-web.service"))
        );
        // What is offered selects.
        let offered = format!(
            "cgroup {}",
            cgroups.iter().find(|it| it.contains("web")).unwrap()
        );
        assert_eq!(locals(&offered), [local(&made[1].ends)]);
        assert_eq!(locals("unit tcpentry-web.service"), [local(&made[1].ends)]);
    });
}
