//! Other network namespaces: found, entered from outside, with or without a right.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tcpentry::netns::{Namespace, Namespaces};
use tcpentry::support::Support;
use tcpentry::{ErrorKind, Options, Query, TcpTable};
use tcpentry_testkit::cgroup::Cgroup;
use tcpentry_testkit::rootless::Rootless;
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{Raised, isolated, skip, stage, tcp, until};

use crate::util::pair_of;

#[test]
fn each_namespace_is_found_once_and_its_own_comes_first() {
    isolated(|| {
        let here = Namespace::own().unwrap();
        let other = tcpentry_testkit::Namespace::fresh();
        let there = other.run(|| Namespace::own().unwrap());
        let found = Namespaces::all().unwrap().found;
        assert_eq!(found[0].inode(), here.inode());
        let inodes: Vec<_> = found.iter().map(Namespace::inode).collect();
        let count = |inode| inodes.iter().filter(|it| **it == inode).count();
        assert_eq!((count(here.inode()), count(there.inode())), (1, 1));
        let there = found.iter().find(|it| it.inode() == there.inode()).unwrap();
        let pid = std::process::id().to_string();
        assert!(
            there.matches_name(&pid),
            "a thread of this process is in it"
        );
        assert_eq!(Namespace::named(&pid).unwrap().files().len(), 0);
    });
}

/// As a pod has them: the one that comes first gives the namespace its label.
#[test]
fn a_namespace_is_named_by_any_container_in_it() {
    isolated(|| {
        // Another run of this on the same machine has others.
        let id = |first: &str| format!("{first}{:06x}", std::process::id()).repeat(8);
        let ids = ["a1", "b2"].map(id);
        let scope = |id: &String| Cgroup::fresh(&format!("docker-{id}.scope"));
        let cgroups: Vec<_> = match ids.iter().map(scope).collect() {
            Ok(cgroups) => cgroups,
            Err(error) => skip!("no cgroup can be made here: {error}"),
        };
        let other = tcpentry_testkit::Namespace::fresh();
        let folders = cgroups.iter().map(|it| it.folder().to_owned());
        let folders: Vec<_> = folders.collect();
        let (mut processes, there) = other.run(move || {
            let start = |folder: &PathBuf| {
                let enter = format!(
                    "echo $$ > '{}/cgroup.procs' && exec sleep 1000",
                    folder.display()
                );
                Command::new("sh").args(["-c", &enter]).spawn().unwrap()
            };
            let processes: Vec<_> = folders.iter().map(start).collect();
            (processes, Namespace::own().unwrap())
        });
        for (id, process) in ids.iter().zip(&processes) {
            let cgroup = format!("/proc/{}/cgroup", process.id());
            until("it is in its cgroup", || {
                std::fs::read_to_string(&cgroup).unwrap().contains(id)
            });
        }
        let named = |name: &str| Namespace::named(name).map(|it| it.inode());
        let results: Vec<_> = ids
            .iter()
            .flat_map(|id| [named(id), named(&id[..12])])
            .collect();
        let none = named(&id("c3")).unwrap_err();
        for process in &mut processes {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        for result in results {
            assert_eq!(result.unwrap(), there.inode());
        }
        assert_eq!(none.kind(), ErrorKind::InvalidParameter);
    });
}

#[test]
fn of_identical_connections_only_that_of_the_named_namespace_dies() {
    isolated(|| {
        let connect = || (connect(), Namespace::own().unwrap());
        let (mine, here) = connect();
        let other = tcpentry_testkit::Namespace::fresh();
        let (theirs, there) = other.run(connect);
        let mut table = TcpTable::open_in(&there).unwrap();
        let (local, peer) = tcp::addresses(&theirs.client);
        let pair = tcpentry::Pair::new(local.into(), peer.into()).unwrap();
        let found = table.find(&pair.into()).unwrap();
        let _ = table.delete(&found, &Options::default()).unwrap();
        assert!(!is_alive(&theirs));
        assert!(is_alive(&mine));

        let mut own = TcpTable::open_in(&here).unwrap();
        assert_eq!(own.netns(), TcpTable::open().unwrap().netns());
        let mine = own.find(&pair.into()).unwrap();
        let id = own.identity(&mine).unwrap();
        let refused = table.find(&id.into()).unwrap_err();
        assert_eq!(refused.win32(), 1168, "an identity is of one namespace");
    });
}

#[test]
fn a_table_stays_with_its_namespace_when_all_others_have_left_it() {
    isolated(|| {
        let other = tcpentry_testkit::Namespace::fresh();
        let there = other.run(|| Namespace::own().unwrap());
        let mut table = TcpTable::open_in(&there).unwrap();
        drop((other, there));
        let rows = table.connections(&Query::default()).unwrap();
        assert_eq!(rows.count(), 0);
    });
}

#[test]
fn what_is_no_namespace_is_said_to_be_none() {
    for (name, cause) in [
        (
            "no-such-name",
            "no network namespace `/run/netns/no-such-name`",
        ),
        (
            "4194305",
            "no network namespace `4194305`: there is no process with this pid, and no visible namespace with this name or inode",
        ),
        (
            "4194303",
            "no network namespace `4194303`: there is no process with this pid, and no visible namespace with this name or inode",
        ),
        ("/dev/null", "`/dev/null` is not a network namespace"),
        (
            "/proc/self/ns/uts",
            "`/proc/self/ns/uts` is not a network namespace",
        ),
        ("/\u{1b}[2J", "no network namespace `/\\u{1b}[2J`"),
    ] {
        let error = Namespace::named(name).unwrap_err();
        assert_eq!(error.cause(), cause);
        assert_eq!(error.win32(), 87, "{name}");
    }
}

#[test]
fn who_made_the_user_namespace_of_a_container_needs_no_right_to_delete_in_it() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        User::new(4021).run(|| {
            let Some(container) = Rootless::serving(8080) else {
                skip!("this user may not make user namespaces here");
            };
            let namespace = Namespace::named(&container.pid()).unwrap();
            let mut table = TcpTable::open_in(&namespace).unwrap();
            let rows = table.connections(&Query::default()).unwrap();
            let rows: Vec<_> = rows.map(Result::unwrap).collect();
            assert_eq!(rows.len(), 2, "{rows:?}");
            let client = rows.iter().find(|row| row.peer().port() == 8080).unwrap();
            let deleted = table.delete(client, &Options::default()).unwrap();
            assert_eq!(deleted.method.to_string(), "sock-diag");
            assert_aborted(container);
        });
    });
}

#[test]
fn who_may_not_enter_is_told_so() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let other = tcpentry_testkit::Namespace::fresh();
        let there = other.run(|| Namespace::own().unwrap());
        User::new(4022).run(move || {
            let refused = TcpTable::open_in(&there).unwrap_err();
            assert_eq!(refused.outcome().to_string(), "denied");
            assert!(refused.hint().unwrap().contains("sudo"), "{refused}");
            assert!(!Namespaces::all().unwrap().hidden.is_empty());
        });
    });
}

#[test]
fn fifty_namespaces_of_all_kinds_are_found_and_only_in_the_named_one_a_connection_dies() {
    isolated(|| {
        if let Err(error) = stage::bare() {
            skip!("no mounts of a test's own: {error}");
        }
        std::fs::create_dir("/run/netns").unwrap();
        std::fs::create_dir("/run/elsewhere").unwrap();
        let mut living = Vec::new();
        let mut processes = Vec::new();
        let mut all = Vec::new();
        for number in 0..50 {
            let made = tcpentry_testkit::Namespace::fresh();
            let (ends, inode) = made.run(|| (connect(), Namespace::own().unwrap().inode()));
            match number % 4 {
                0 => made.mount_on(Path::new(&format!("/run/netns/name-{number}"))),
                1 => made.mount_on(Path::new(&format!("/run/elsewhere/{number}"))),
                2 => processes.push(made.run(|| Sleeper::start("sleep"))),
                _ => {}
            }
            if number % 4 == 3 {
                living.push(made);
            }
            all.push((inode, ends));
        }
        let found = Namespaces::all().unwrap().found;
        let of = |inode: u64| {
            let mut these = found.iter().filter(|it| it.inode() == inode);
            let this = these.next().expect("it is found");
            assert!(these.next().is_none(), "it is found once");
            this
        };
        for (number, (inode, _)) in all.iter().enumerate() {
            let namespace = of(*inode);
            let shown = namespace.to_string();
            match number % 4 {
                0 => {
                    assert_eq!(shown, format!("name-{number}"));
                    assert_eq!(Namespace::named(&shown).unwrap().inode(), *inode);
                }
                1 => {
                    assert_eq!(shown, format!("/run/elsewhere/{number}"));
                    assert_eq!(Namespace::named(&shown).unwrap().inode(), *inode);
                }
                2 => {
                    let pid = processes[number / 4].0.id().to_string();
                    assert_eq!(shown, format!("pid:{pid}"));
                    assert!(namespace.matches_name(&pid));
                    assert_eq!(Namespace::named(&pid).unwrap().inode(), *inode);
                }
                _ => {
                    let pid = std::process::id();
                    assert!(
                        namespace
                            .processes()
                            .iter()
                            .any(|it| it.pid() == i32::try_from(pid).unwrap())
                    );
                }
            }
        }
        for doomed in [4, 9, 14, 19] {
            let (inode, ends) = &all[doomed];
            let mut table = TcpTable::open_in(of(*inode)).unwrap();
            let pair = pair_of(&ends.client);
            let found = table.find(&pair.into()).unwrap();
            let _ = table.delete(&found, &Options::default()).unwrap();
            for (number, (_, ends)) in all.iter().enumerate() {
                let alive = !([4, 9, 14, 19].contains(&number) && number <= doomed);
                assert_eq!(is_alive(ends), alive, "{number}");
            }
        }
    });
}

#[test]
fn namespaces_that_come_and_go_disturb_no_search() {
    isolated(|| {
        let lasting = tcpentry_testkit::Namespace::fresh();
        let inode = lasting.run(|| Namespace::own().unwrap().inode());
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // Held by a thread, by a process, and by one that nobody has waited for yet.
                    let short = tcpentry_testkit::Namespace::fresh();
                    let ended = short.run(|| Sleeper::start("true"));
                    let held = short.run(|| Sleeper::start("sleep"));
                    drop((short, held, ended));
                }
            });
            let _over = Raised(&stop);
            // A hundred times; a kernel that takes long to make and end namespaces has had its share by then.
            let enough = Instant::now() + Duration::from_secs(20);
            for _ in (0..100).take_while(|_| Instant::now() < enough) {
                let found = Namespaces::all().unwrap().found;
                assert!(
                    found.iter().any(|it| it.inode() == inode),
                    "what stays is found"
                );
                for namespace in &found {
                    // It is held by now: whatever has become of its processes, it can be looked at.
                    let mut table = match TcpTable::open_in(namespace) {
                        Ok(table) => table,
                        // Without root, those of the machine.
                        Err(error) if error.kind() == ErrorKind::AccessDenied => continue,
                        Err(error) => panic!("{error}"),
                    };
                    assert!(
                        table
                            .connections(&Query::default())
                            .unwrap()
                            .all(|row| row.is_ok())
                    );
                }
            }
        });
    });
}

#[test]
fn a_namespace_of_another_user_namespace_is_its_elders_to_delete_in() {
    isolated(|| {
        let Some(container) = Rootless::serving(8080) else {
            skip!("no user namespaces here");
        };
        let found = Namespaces::all().unwrap().found;
        let there = found
            .iter()
            .find(|it| it.matches_name(&container.pid()))
            .unwrap();
        let mut table = TcpTable::open_in(there).unwrap();
        let rows: Vec<_> = table
            .connections(&Query::default())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let client = rows.iter().find(|row| row.peer().port() == 8080).unwrap();
        assert!(Support::probe(&mut table).unwrap().net_admin);
        let _ = table.delete(client, &Options::default()).unwrap();
        assert_aborted(container);
    });
}

#[test]
fn without_ipv4_and_without_a_device_that_is_up() {
    isolated(|| {
        let only_ipv6 = tcpentry_testkit::Namespace::fresh();
        let ends = only_ipv6.run(|| {
            let flushed = Command::new("ip")
                .args(["-4", "addr", "flush", "dev", "lo"])
                .status();
            assert!(flushed.unwrap().success());
            tcp::connect_to(&tcp::listen("[::1]:0".parse().unwrap()))
        });
        let there = only_ipv6.run(|| Namespace::own().unwrap());
        let mut table = TcpTable::open_in(&there).unwrap();
        let rows = table.connections(&Query::default()).unwrap();
        assert_eq!(rows.count(), 2);
        let found = table.find(&pair_of(&ends.client).into()).unwrap();
        let _ = table.delete(&found, &Options::default()).unwrap();
        assert!(!is_alive(&ends));

        let down = tcpentry_testkit::Namespace::fresh();
        let (ends, there) = down.run(|| {
            let ends = tcp::connected();
            let down = Command::new("ip")
                .args(["link", "set", "lo", "down"])
                .status();
            assert!(down.unwrap().success());
            (ends, Namespace::own().unwrap())
        });
        let mut table = TcpTable::open_in(&there).unwrap();
        let found = table.find(&pair_of(&ends.client).into()).unwrap();
        let _ = table.delete(&found, &Options::default()).unwrap();
        let error = tcp::errno((&ends.client).read(&mut [0]));
        assert_eq!(error, rustix::io::Errno::CONNABORTED);
    });
}

#[test]
fn a_hundred_handles_from_four_threads() {
    isolated(|| {
        let made: Vec<_> = (0..100)
            .map(|_| tcpentry_testkit::Namespace::fresh())
            .collect();
        let all: Vec<_> = made
            .iter()
            .map(|it| it.run(|| (connect(), Namespace::own().unwrap())))
            .collect();
        let tables = Mutex::new(Vec::new());
        // Opened on one thread, used on others.
        for (ends, namespace) in &all {
            let table = TcpTable::open_in(namespace).unwrap();
            tables.lock().unwrap().push((table, ends));
        }
        drop(made);
        let deleted = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let taken = tables.lock().unwrap().pop();
                        let Some((mut table, ends)) = taken else {
                            return;
                        };
                        let rows = table.connections(&Query::default()).unwrap();
                        assert_eq!(rows.count(), 2);
                        let found = table.find(&pair_of(&ends.client).into()).unwrap();
                        let _ = table.delete(&found, &Options::default()).unwrap();
                        assert!(!is_alive(ends));
                        deleted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(deleted.into_inner(), 100);
    });
}

#[test]
fn a_hostile_name_is_shown_escaped_and_found_all_the_same() {
    isolated(|| {
        if let Err(error) = stage::bare() {
            skip!("no mounts of a test's own: {error}");
        }
        std::fs::create_dir("/run/netns").unwrap();
        let mut made = Vec::new();
        for (name, shown) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("two\nlines", "two\\nlines"),
            ("with blank", "with blank"),
            ("back\\slash", "back\\\\slash"),
            ("tab\there", "tab\\there"),
        ] {
            let namespace = tcpentry_testkit::Namespace::fresh();
            namespace.mount_on(&Path::new("/run/netns").join(name));
            made.push((
                name,
                shown,
                namespace.run(|| Namespace::own().unwrap().inode()),
            ));
        }
        let found = Namespaces::all().unwrap().found;
        for (name, shown, inode) in made {
            let namespace = found.iter().find(|it| it.inode() == inode).unwrap();
            assert_eq!(namespace.name(), Some(name));
            assert_eq!(namespace.to_string(), shown);
            assert_eq!(Namespace::named(name).unwrap().inode(), inode);
        }
    });
}

fn is_alive(ends: &tcp::Ends) -> bool {
    let mut byte = [0];
    (&ends.client).write_all(b"x").is_ok() && (&ends.server).read_exact(&mut byte).is_ok()
}

/// Opens a connection whose ends are identical in every namespace.
fn connect() -> tcp::Ends {
    let listener = tcp::listen(tcp::loopback(8080));
    let socket = tcp::socket(tcp::loopback(0));
    socket.bind(&tcp::loopback(40_000).into()).unwrap();
    tcp::connect_from(socket, &listener)
}

/// A process, killed when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start(program: &str) -> Self {
        Self(Command::new(program).arg("1000").spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn assert_aborted(container: Rootless) {
    let seen = container.seen();
    assert!(seen.contains("Software caused connection abort"), "{seen}");
}

/// An agent may hold a handle for each namespace, and use them from any thread.
const _: fn() = || {
    fn from_any_thread<T: Send + Sync>() {}
    from_any_thread::<TcpTable>();
    from_any_thread::<Namespace>();
    from_any_thread::<Namespaces>();
};
