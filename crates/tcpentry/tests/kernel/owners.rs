//! Owners of sockets: names that lie, processes that come and go, and what others may see.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tcpentry::filter::Truth;
use tcpentry::process::{Owner, Owners, Process};
use tcpentry::{Filter, Inode, Selection, States, SystemNames};
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::proc_net::await_orphan;
use tcpentry_testkit::user::{self, User, without_capabilities};
use tcpentry_testkit::{Raised, isolated, skip, tcp, until};

use crate::util::{find, pair, pair_of, table};

fn inode(socket: impl AsFd) -> Inode {
    let number = rustix::fs::fstat(socket).unwrap().st_ino;
    Inode::new(u32::try_from(number).unwrap()).unwrap()
}

fn pids(owners: &Owners, socket: impl AsFd) -> Vec<i32> {
    let owners = owners.of(inode(socket));
    owners.map(|owner| owner.process.pid()).collect()
}

fn this() -> Process {
    Process::current().unwrap()
}

/// A process that holds a socket under number 0, and ends with this value.
struct Running(Child);

impl Running {
    fn start(command: &mut Command, socket: impl AsFd) -> Self {
        let socket: OwnedFd = socket.as_fd().try_clone_to_owned().unwrap();
        Self(command.stdin(socket).spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Programs of any name, removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("tcpentry-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Returns a command that runs `sleep` by another name.
    fn program(&self, name: &[u8]) -> Command {
        let path = self.0.join(OsStr::from_bytes(name));
        // A copy, since a long name is that of the executable.
        tcpentry_testkit::named::copy_program("/bin/sleep", &path);
        let mut command = Command::new(path);
        // Where it is one of many programs in a single file, it is chosen by this.
        command.arg0("sleep");
        command.arg("1000");
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_shared_socket_has_all_its_owners_each_once() {
    isolated(|| {
        let (shared, own) = (tcp::connected(), tcp::connected());
        let copy = shared.server.try_clone().unwrap();
        let holders = [
            Holder::of(&shared.server, None),
            Holder::of(&shared.server, None),
        ];
        let mut expected = vec![this().pid(), holders[0].pid(), holders[1].pid()];
        expected.sort_unstable();
        let owners = Owners::of_all().unwrap();
        assert_eq!(pids(&owners, &shared.server), expected);
        assert_eq!(pids(&owners, &own.client), [this().pid()]);
        let owner = owners.of(inode(&own.client)).next().unwrap();
        assert_eq!(owner.process, this());
        assert_eq!(Some(&owner.name), this().name().as_ref());
        assert_eq!(owner.uid, this().uid());
        assert_eq!(owner.cgroup, None, "it was not asked for");
        drop(copy);
    });
}

#[test]
fn a_thread_with_a_table_to_itself_and_one_that_outlives_the_first_hold_what_they_hold() {
    isolated(|| {
        let ends = tcp::connected();
        let holders = [
            Holder::without_first_thread(&ends.server, None),
            Holder::in_table_of_thread(&ends.client, None),
        ];
        let sockets = [inode(&ends.server), inode(&ends.client)];
        drop(ends);
        let owners = Owners::of_all().unwrap();
        for (socket, holder) in sockets.iter().zip(&holders) {
            let found: Vec<_> = owners.of(*socket).collect();
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].process.pid(), holder.pid());
            // Also of one whose own file of /proc does not show it any more.
            assert_eq!(found[0].executable, Some(own_executable()));
            assert_eq!(found[0].process.sockets().unwrap(), [*socket]);
        }
        let name = owners.of(sockets[0]).next().unwrap().name.clone();
        let by_name = |_: i32, it: &[u8]| it == name;
        let search = Owners::search().of_processes(&by_name).of_sockets(sockets);
        let owners = search.run().unwrap();
        assert!(sockets.iter().all(|it| owners.of(*it).count() == 1));
    });
}

/// Returns the numbers in a directory of descriptors that are this socket, in ascending order.
fn numbers(directory: &str, socket: Inode) -> Vec<i32> {
    let link = format!("socket:[{}]", socket.number());
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let is_socket = |path: &PathBuf| fs::read_link(path).is_ok_and(|it| it.as_os_str() == &*link);
    let paths = entries.map(|entry| entry.path()).filter(is_socket);
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let mut numbers: Vec<_> = paths.map(name).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn each_descriptor_of_a_holder_is_known_by_its_number() {
    isolated(|| {
        let ends = tcp::connected();
        let copies = [(); 3].map(|()| ends.client.try_clone().unwrap());
        let plain = Holder::of(&ends.client, None);
        let in_thread = Holder::in_table_of_thread(&ends.client, None);
        let (client, server) = (inode(&ends.client), inode(&ends.server));
        let owners = Owners::of_all().unwrap();
        let found = |socket: Inode| -> Vec<(i32, Vec<i32>)> {
            let holders = owners.with_descriptors(socket);
            holders
                .map(|(owner, numbers)| (owner.process.pid(), numbers.collect()))
                .collect()
        };
        let threads = fs::read_dir(format!("/proc/{}/task", in_thread.pid())).unwrap();
        let threads = threads.map(|entry| entry.unwrap().path().join("fd"));
        let tables: Vec<_> = threads
            .map(|table| numbers(table.to_str().unwrap(), client))
            .filter(|numbers| !numbers.is_empty())
            .collect();
        assert_eq!(tables.len(), 1, "{tables:?}");
        let of = |pid: i32, socket| numbers(&format!("/proc/{pid}/fd"), socket);
        let mut expected = vec![
            (this().pid(), of(this().pid(), client)),
            (plain.pid(), of(plain.pid(), client)),
            (in_thread.pid(), tables[0].clone()),
        ];
        expected.sort_unstable();
        assert_eq!(found(client), expected);
        assert_eq!(expected.len(), 3);
        assert_eq!(of(this().pid(), client).len(), 1 + copies.len());
        assert_eq!(found(server), [(this().pid(), of(this().pid(), server))]);
    });
}

/// An ordinary user could keep whoever looks for holders for as long as it takes to read a table for each of many threads.
#[test]
fn what_the_threads_of_an_ordinary_user_hold_is_read_up_to_a_limit() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let ends = tcp::connected();
        let other = User::new(4021);
        let roots = Holder::in_large_table_of_thread(&ends.server, None);
        // As much as is read of one user; whoever has a higher pid is not.
        let others = [(); 2].map(|()| Holder::in_large_table_of_thread(&ends.server, Some(other)));
        let last = Holder::in_large_table_of_thread(&ends.client, Some(other));
        let (server, client) = (inode(&ends.server), inode(&ends.client));
        let name = Process::find(last.pid()).unwrap().unwrap().name();
        let name = String::from_utf8(name.unwrap()).unwrap();
        let local = ends.client.local_addr().unwrap().port();
        drop(ends);
        let owners = Owners::of_all().unwrap();
        let pids_of = |socket| -> Vec<_> {
            let owners = owners.of(socket);
            owners.map(|owner| owner.process.pid()).collect()
        };
        let [first, second] = others.each_ref().map(Holder::pid);
        assert_eq!(pids_of(server), [roots.pid(), first, second]);
        assert!(pids_of(client).is_empty());
        let partly_seen = owners.partly_seen().iter();
        let partly_seen: Vec<_> = partly_seen.map(|it| it.process.pid()).collect();
        assert_eq!(partly_seen, [last.pid()]);
        assert!(
            owners
                .hidden()
                .iter()
                .all(|it| it.process.pid() != last.pid())
        );

        // By its holder's name it is left alone, and for its sake nothing else is.
        let mut table = table();
        let mut judged = |filter: &str| {
            let filter = format!("sport = :{local} and {filter}");
            let filter = Filter::parse(&filter, &SystemNames::new(&table)).unwrap();
            let selection = Selection::new(filter, States::CONNECTIONS, &mut table).unwrap();
            let mut attribution = selection.attribution();
            let mut rows = table.connections(selection.query()).unwrap();
            let row = rows.next().unwrap().unwrap();
            selection.judge(&row, &mut attribution).unwrap()
        };
        assert_eq!(judged(&format!("process \"{name}\"")), Truth::Unknown);
        assert_eq!(judged(&format!("not process \"{name}\"")), Truth::Unknown);
        assert_eq!(judged("process another"), Truth::False);
        assert_eq!(judged("not process another"), Truth::True);
    });
}

fn own_executable() -> Vec<u8> {
    let path = std::env::current_exe().unwrap();
    path.into_os_string().into_encoded_bytes()
}

#[test]
fn a_process_of_ones_own_whose_first_thread_has_ended_hides_nothing() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here (unshare -Ur); run it as root");
        }
        let ends = tcp::connected();
        let me = User::new(60113);
        let holder = Holder::without_first_thread(&ends.server, Some(me));
        let owners = me.run(|| Owners::of_all().unwrap());
        assert!(pids(&owners, &ends.server).contains(&holder.pid()));
        let hides = |owner: &&Owner| owner.process.pid() == holder.pid();
        assert_eq!(owners.hidden().iter().find(hides), None);
    });
}

#[test]
fn a_search_for_some_sockets_tells_all_their_owners_but_no_others() {
    isolated(|| {
        let (wanted, other) = (tcp::connected(), tcp::connected());
        let holder = Holder::of(&wanted.server, None);
        let sockets = [inode(&wanted.server), inode(&wanted.server)];
        let search = Owners::search().of_sockets(sockets);
        let owners = search.run().unwrap();
        assert_eq!(pids(&owners, &wanted.server).len(), 2);
        assert!(pids(&owners, &other.server).is_empty());

        let sockets = [inode(&wanted.server), inode(&wanted.client)];
        let search = Owners::search().of_sockets(sockets).one_holder_each();
        let owners = search.run().unwrap();
        assert_eq!(pids(&owners, &wanted.client), [this().pid()]);
        assert!(!pids(&owners, &wanted.server).is_empty());
        drop(holder);
    });
}

#[test]
fn a_search_is_not_over_before_the_last_wanted_socket_has_an_owner() {
    // Nobody else may hold them.
    isolated(|| {
        let ends = tcp::connected();
        // Somebody who comes before or behind this process, whatever the pids are.
        let holder = Holder::of(&ends.server, None);
        let sockets = [inode(&ends.server), inode(&ends.client)];
        drop(ends.server);
        for wanted in [&sockets[..], &sockets[..1], &sockets[1..]] {
            let search = Owners::search().of_sockets(wanted.iter().copied());
            let owners = search.one_holder_each().run().unwrap();
            for (socket, pid) in sockets.iter().zip([holder.pid(), this().pid()]) {
                let found = owners.of(*socket).map(|owner| owner.process.pid());
                let expected = wanted.contains(socket).then_some(pid);
                assert_eq!(found.collect::<Vec<_>>(), Vec::from_iter(expected));
            }
        }
        let nothing = Owners::search().of_sockets([]).one_holder_each().run();
        assert_eq!(nothing.unwrap().of(sockets[0]).count(), 0);
    });
}

#[test]
fn the_first_holder_of_a_socket_is_that_with_the_lowest_pid_however_early_the_search_ends() {
    isolated(|| {
        let ends = tcp::connected();
        let holders = [(); 5].map(|()| Holder::of(&ends.server, None));
        let sockets = [inode(&ends.server), inode(&ends.client)];
        drop(ends.server);
        let lowest = holders.iter().map(Holder::pid).min();
        for wanted in [&sockets[..1], &sockets[..]] {
            let search = Owners::search().of_sockets(wanted.iter().copied());
            let owners = search.one_holder_each().run().unwrap();
            let first = owners.of(sockets[0]).next();
            assert_eq!(first.map(|owner| owner.process.pid()), lowest);
        }
    });
}

#[test]
fn a_search_among_some_processes_looks_into_no_others() {
    isolated(|| {
        let ends = tcp::connected();
        let holder = Holder::of(&ends.server, None);
        let by_pid = |pid: i32, _: &[u8]| pid == holder.pid();
        let owners = Owners::search().of_processes(&by_pid).run().unwrap();
        assert_eq!(pids(&owners, &ends.server), [holder.pid()]);

        let folder = Folder::new("some");
        let named = Running::start(&mut folder.program(b"tcpentry-a-long-name"), &ends.client);
        until("it runs", || {
            let named = Process::find(named.pid()).unwrap().unwrap();
            named.name().unwrap() == b"tcpentry-a-long-name"
        });
        let by_name = |_: i32, name: &[u8]| name == b"tcpentry-a-long-name";
        let owners = Owners::search().of_processes(&by_name).run().unwrap();
        assert_eq!(pids(&owners, &ends.client), [named.pid()]);
        assert_eq!(pids(&owners, &ends.server), [] as [i32; 0]);
        assert!(owners.hidden().is_empty());
    });
}

#[test]
fn a_name_is_what_it_is_however_hostile() {
    isolated(|| {
        let ends = tcp::connected();
        let folder = Folder::new("hostile");
        let names = [
            &b"\x1b[2J\x1b[31m"[..],
            b"two\nlines",
            b"line\n",
            b") S 1 (",
            b"\xff\xfe\x80\xc3",
            b" ",
            b"a b\tc",
            b"exactly-fifteen",
            b"sixteen-bytes-16",
            b"a-name-far-longer-than-the-kernel-keeps",
            b"cut-in-the-midd\xc3\xa9",
            "Uid: 0\u{202e}".as_bytes(),
        ];
        let running = names.map(|name| Running::start(&mut folder.program(name), &ends.server));
        let mut liar = folder.program(b"honest-but-long-name");
        let liar = Running::start(liar.arg0("/bin/nginx"), &ends.server);
        let owners = || {
            let owners = Owners::of_all().unwrap();
            let owners = owners.of(inode(&ends.server)).cloned();
            owners.collect::<Vec<Owner>>()
        };
        until("all of them run", || {
            let has_started =
                |owner: &Owner| owner.process == this() || owner.process.name() != this().name();
            let owners = owners();
            owners.len() == names.len() + 2 && owners.iter().all(has_started)
        });
        let owners = owners();
        let owner = |pid| {
            owners
                .iter()
                .find(|owner| owner.process.pid() == pid)
                .unwrap()
        };
        for (name, running) in names.into_iter().zip(&running) {
            let owner = owner(running.pid());
            assert_eq!(
                owner.name.escape_ascii().to_string(),
                name.escape_ascii().to_string()
            );
            assert_eq!(owner.uid, this().uid());
            assert_eq!(owner.process.parent(), Some(this()));
            assert_eq!(Process::find(running.pid()).unwrap(), Some(owner.process));
        }
        // What it says of itself in its arguments counts for nothing.
        assert_eq!(owner(liar.pid()).name, b"honest-but-long-name");
    });
}

#[test]
fn a_name_can_be_changed_into_anything() {
    isolated(|| {
        let ends = tcp::connected();
        for (name, expected) in [
            ("\\0", &b""[..]),
            ("\\n", b"\n"),
            (") S 1 (", b") S 1 ("),
            ("\\377", b"\xff"),
        ] {
            let script = format!("printf '{name}' > /proc/$$/comm; echo; read");
            let mut command = Command::new("bash");
            command.args(["-c", &script]).stdout(Stdio::piped());
            let mut running = Running::start(&mut command, &ends.server);
            let said = running.0.stdout.as_mut().unwrap();
            said.read_exact(&mut [0]).unwrap();
            let process = Process::find(running.pid()).unwrap().unwrap();
            assert_eq!(process.name().as_deref(), Some(expected));
            assert_eq!(process.parent(), Some(this()));
            assert_eq!(process.uid(), this().uid());
        }
    });
}

#[test]
fn a_socket_that_nobody_holds_has_no_owner() {
    isolated(|| {
        let ends = tcp::connected();
        let (local, peer) = tcp::addresses(&ends.client);
        let closed = inode(&ends.client);
        assert_eq!(find(pair_of(&ends.client)).inode, Some(closed));
        drop(ends.client);
        await_orphan(local, peer, 5);
        assert_eq!(find(pair(local, peer)).inode, None);
        assert_eq!(Owners::of_all().unwrap().of(closed).count(), 0);
    });
}

#[test]
fn processes_that_come_and_go_do_not_disturb() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        drop(Holder::of(tcp::listen(tcp::loopback(0)), None));
                    }
                });
            }
            let _over = Raised(&over);
            for _ in 0..50 {
                let owners = Owners::search().with_cgroups().run().unwrap();
                // So does each of those processes for a moment, of which nothing may be known when it has ended.
                let own = owners.of(inode(&listener));
                let own: Vec<_> = own.filter(|owner| owner.process == this()).collect();
                assert!(own.len() == 1 && own[0].uid.is_some(), "{own:?}");
                let all = Process::all().unwrap();
                assert!(all.is_sorted() && all.contains(&this()));
            }
        });
    });
}

#[test]
fn the_hidden_are_told_by_name() {
    isolated(|| {
        let ends = tcp::connected();
        // The processes that hold it have all capabilities: their descriptors are hidden from one
        // without any.
        let folder = Folder::new("hidden");
        let long = b"tcpentry-hidden-\x1b[2J";
        let running = Running::start(&mut folder.program(long), &ends.server);
        let holder = Holder::undumpable(&ends.server, None);
        until("it runs", || {
            let process = Process::find(running.pid()).unwrap().unwrap();
            process.name().is_some_and(|name| name == long)
        });
        without_capabilities(|| {
            let owners = Owners::search().with_cgroups().run().unwrap();
            let hidden = |pid| {
                let mut hidden = owners.hidden().iter();
                hidden.find(|owner| owner.process.pid() == pid)
            };
            let owner = hidden(running.pid()).unwrap();
            // The rest of it is the executable's, which is hidden too.
            assert_eq!(owner.name, &long[..15]);
            assert_eq!(owner.executable, None);
            assert_eq!(owner.uid, this().uid());
            assert!(owner.cgroup.is_some());
            assert!(hidden(holder.pid()).is_some());
            assert!(!pids(&owners, &ends.server).contains(&holder.pid()));
            assert!(owners.hidden().is_sorted_by_key(|owner| owner.process));

            let named = |_: i32, name: &[u8]| name == long;
            let owners = Owners::search().of_processes(&named).run().unwrap();
            let pids: Vec<_> = owners.hidden().iter().map(|it| it.process.pid()).collect();
            assert!(pids.contains(&running.pid()));
            let is_cut = |owner: &Owner| owner.name.len() == 15;
            assert!(owners.hidden().iter().all(is_cut), "{owners:?}");
            let nobody = |_: i32, _: &[u8]| false;
            let owners = Owners::search().of_processes(&nobody).run().unwrap();
            assert!(owners.hidden().iter().all(is_cut));
        });
    });
}

/// As every process does that executes a program, at a moment of the search.
#[test]
fn a_process_that_changes_its_name_has_the_one_by_which_it_was_accepted() {
    isolated(|| {
        let ends = tcp::connected();
        let script = "while :; do printf exactly-fifteen > /proc/$$/comm; printf other > /proc/$$/comm; done";
        let mut command = Command::new("bash");
        let running = Running::start(command.args(["-c", script]), &ends.server);
        let accepts = |_: i32, name: &[u8]| name == b"exactly-fifteen";
        let (mut seen, mut hidden) = (0, 0);
        until("it was met by that name", || {
            let owners = Owners::search().of_processes(&accepts).run().unwrap();
            for owner in owners.of(inode(&ends.server)) {
                assert_eq!(owner.process.pid(), running.pid());
                assert_eq!(owner.name, b"exactly-fifteen");
                seen += 1;
            }
            without_capabilities(|| {
                let owners = Owners::search().of_processes(&accepts).run().unwrap();
                for owner in owners.hidden() {
                    assert_eq!(owner.name.len(), 15, "{owner:?}");
                    hidden += i32::from(owner.process.pid() == running.pid());
                }
            });
            seen > 30 && hidden > 30
        });
    });
}

#[test]
fn a_user_sees_the_owners_of_their_own_sockets_and_the_names_of_others() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here (unshare -Ur); run it as root");
        }
        let (me, other) = (User::new(60111), User::new(60112));
        let (mine, theirs) = (tcp::connected(), tcp::connected());
        let holders = [
            Holder::of(&mine.server, Some(me)),
            Holder::of(&theirs.server, Some(other)),
        ];
        let owners = me.run(|| Owners::of_all().unwrap());
        assert!(pids(&owners, &mine.server).contains(&holders[0].pid()));
        assert!(!pids(&owners, &theirs.server).contains(&holders[1].pid()));
        let mut hidden = owners.hidden().iter();
        let owner = hidden.find(|owner| owner.process.pid() == holders[1].pid());
        let owner = owner.unwrap();
        assert_eq!(owner.uid, Some(60112));
        assert_eq!(Some(&owner.name), owner.process.name().as_ref());
        // Kernel threads, which hold nothing.
        let kthreadd = Process::find(2)
            .unwrap()
            .filter(|it| it.name().unwrap() == b"kthreadd");
        assert!(
            owners
                .hidden()
                .iter()
                .all(|owner| Some(owner.process) != kthreadd)
        );
    });
}

#[test]
fn without_descriptors_nothing_is_said_of_owners() {
    isolated(|| {
        let ends = tcp::connected();
        let refused =
            tcpentry_testkit::seccomp::refusing(libc::SYS_openat, None, libc::EMFILE, || {
                let wanted = [inode(&ends.client)];
                [
                    Owners::of_all().map(drop),
                    Owners::search().of_sockets(wanted).run().map(drop),
                    Process::all().map(drop),
                    Process::find(1).map(drop),
                ]
            });
        for result in refused {
            assert_eq!(tcp::errno(result), Errno::MFILE);
        }
    });
}

/// In a pid namespace of its own, where pids can be chosen.
#[test]
fn a_pid_that_is_used_again_is_another_process() {
    const INSIDE: &str = "TCPENTRY_INSIDE_PID_NAMESPACE";
    if std::env::var_os(INSIDE).is_none() {
        let output = Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("owners::a_pid_that_is_used_again_is_another_process")
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("unshare:") {
            skip!("no pid namespace with its own /proc here: {said}");
        }
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}{said}");
        assert!(told.contains("1 passed"), "{told}{said}");
        return;
    }
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let first = Holder::of(&listener, None);
        let pid = first.pid();
        let earlier = Process::find(pid).unwrap().unwrap();
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty()).unwrap();
        drop(first);
        assert_eq!(Process::find(pid).unwrap(), None);
        let Some(second) = again(pid, &listener) else {
            skip!("this kernel has no ns_last_pid (CONFIG_CHECKPOINT_RESTORE)");
        };
        let later = Process::find(pid).unwrap().unwrap();
        assert_eq!(later.pid(), earlier.pid());
        assert_ne!(later, earlier);
        assert!(later.start() > earlier.start());
        assert_eq!((earlier.name(), earlier.uid()), (None, None));
        assert_eq!(earlier.parent(), None);
        assert_eq!(tcp::errno(earlier.sockets()), Errno::SRCH);
        assert_eq!(later.sockets().unwrap(), [inode(&listener)]);
        let owners = Owners::of_all().unwrap();
        let mut owners = owners.of(inode(&listener));
        assert!(owners.any(|owner| owner.process == later));
        // What that rests on.
        for file in ["stat", "comm", "fd"] {
            let opened = rustix::fs::openat(&directory, file, OFlags::CLOEXEC, Mode::empty());
            assert_eq!(opened.unwrap_err(), Errno::SRCH, "{file}");
        }
        drop(second);
    });
}

/// Starts a process of this pid, later; `None` where pids can't be chosen.
fn again(pid: i32, socket: &TcpListener) -> Option<Holder> {
    // The time of a start is kept in hundredths of a second.
    thread::sleep(Duration::from_millis(30));
    for _ in 0..100 {
        fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).ok()?;
        let holder = Holder::of(socket, None);
        if holder.pid() == pid {
            return Some(holder);
        }
    }
    panic!("the pid {pid} is not free");
}

#[test]
fn a_filter_takes_a_long_name_and_a_path_of_an_executable() {
    isolated(|| {
        let ends = tcp::connected();
        let folder = Folder::new("executable");
        let mut program = folder.program(b"tcpentry-long-executable");
        let path = program.get_program().to_str().unwrap().to_owned();
        let link = folder.0.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        // By its name alone the kernel can't tell it from that one.
        let other = Running::start(&mut folder.program(b"tcpentry-long-ex"), &ends.client);
        let running = Running::start(&mut program, &ends.server);
        let (client, server) = (find(pair_of(&ends.client)), find(pair_of(&ends.server)));
        drop(ends);
        until("they run", || {
            [&running, &other].iter().all(|it| {
                let process = Process::find(it.pid()).unwrap().unwrap();
                process.name().unwrap().starts_with(b"tcpentry-long-ex")
            })
        });
        let mut table = table();
        for (text, expected) in [
            ("process tcpentry-long-executable", true),
            ("process tcpentry-long-ex*", true),
            ("process tcpentry-long-executables", false),
            ("process tcpentry-long-e", false),
            (&format!("process {path}"), true),
            (&format!("process {}", link.display()), true),
            (&format!("process {}/*", folder.0.display()), true),
            ("process /bin/tcpentry-long-executable", false),
        ] {
            let filter = Filter::parse(text, &SystemNames::new(&table)).unwrap();
            let selection = Selection::new(filter, States::ALL, &mut table).unwrap();
            let mut attribution = selection.attribution();
            let judged = selection.judge(&server, &mut attribution).unwrap();
            assert_eq!(judged == Truth::True, expected, "{text}");
            let is_glob = text.contains('*');
            let judged = selection.judge(&client, &mut attribution).unwrap();
            assert_eq!(judged == Truth::True, is_glob, "{text}");
        }
    });
}
