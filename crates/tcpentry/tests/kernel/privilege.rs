//! Privileges: which users may delete what, and the errors that the others get.

use std::net::TcpStream;
use std::process::Command;

use rustix::io::Errno;
use tcpentry::support::Support;
use tcpentry::{Error, ErrorKind, Method, MethodChoice, Options, Outcome, Pair, State};
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::proc_net::{await_orphan, await_state};
use tcpentry_testkit::user::{self, User, without_capabilities};
use tcpentry_testkit::{isolated, seccomp, skip, tcp};

use crate::util::{assert_reset, find, lives, pair, pair_of, table};

const ONE_USER: &str = "only one user is mapped here (unshare -Ur); run it as root";

/// A connection one end of which is held by another process.
struct Held {
    holder: Holder,
    peer: TcpStream,
    name: Pair,
}

impl Held {
    /// Opens a connection that is made and held by this user, or by the caller.
    fn by(user: Option<User>, hold: impl Fn(TcpStream, Option<User>) -> Holder) -> Self {
        let ends = match user {
            Some(user) => user.run(tcp::connected),
            None => tcp::connected(),
        };
        let name = pair_of(&ends.server);
        let holder = hold(ends.server, user);
        Self {
            holder,
            peer: ends.client,
            name,
        }
    }

    fn dumpable(user: Option<User>) -> Self {
        Self::by(user, Holder::of)
    }

    fn undumpable(user: Option<User>) -> Self {
        Self::by(user, Holder::undumpable)
    }

    fn delete(&self) -> Result<Method, Error> {
        let mut table = table();
        let connection = table.find(&self.name.into()).unwrap();
        let foreseen = table.check(&connection, &Options::default());
        let done = table.delete(&connection, &Options::default());
        let done = done.map(|deleted| deleted.method);
        match (&foreseen, &done) {
            (Ok(foreseen), Ok(done)) => assert_eq!(foreseen, done),
            (Err(foreseen), Err(done)) => assert_eq!(foreseen.kind(), done.kind()),
            (foreseen, done) => panic!("foreseen {foreseen:?}, but {done:?}"),
        }
        done
    }

    fn assert_alive(&self) {
        assert_eq!(find(self.name).state, State::Established);
        assert_eq!(tcp::pending_error(&self.peer), None);
    }
}

fn assert_denied(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    assert_eq!(error.win32(), 5);
    assert_eq!(error.errno(), Some(Errno::PERM.raw_os_error()));
    assert!(error.hint().unwrap().contains("sudo"), "{error:?}");
}

fn assert_not_elevated(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::NotElevated, "{error}");
    assert_eq!(error.win32(), 317);
    assert_eq!(error.errno(), Some(Errno::PERM.raw_os_error()));
    let hint = error.hint().unwrap();
    assert!(hint.contains("with all capabilities"), "{error:?}");
}

#[test]
fn root_deletes_everybodys_connections() {
    isolated(|| {
        if !user::others() {
            skip!("{ONE_USER}");
        }
        let held = Held::undumpable(Some(User::new(60101)));
        assert_eq!(find(held.name).uid, 60101);
        assert_eq!(held.delete().unwrap(), Method::SockDiag);
        assert_reset(&held.peer);
    });
}

#[test]
fn a_user_deletes_the_connections_of_their_other_processes() {
    isolated(|| {
        if !user::others() {
            skip!("{ONE_USER}");
        }
        let user = User::new(60102);
        let held = Held::dumpable(Some(user));
        assert_eq!(user.run(|| held.delete()).unwrap(), Method::Borrow);
        assert_reset(&held.peer);
    });
}

#[test]
fn one_without_capabilities_deletes_the_connections_of_their_other_processes() {
    isolated(|| {
        // The process that holds it has all capabilities: then it takes CAP_SYS_PTRACE. Both
        // without: the same rights.
        let (holder, peer, name) = without_capabilities(|| {
            let ends = tcp::connected();
            let name = pair_of(&ends.server);
            let holder = Holder::of(&ends.server, None);
            drop(ends.server);
            let held = Held {
                holder,
                peer: ends.client,
                name,
            };
            assert_eq!(held.delete().unwrap(), Method::Borrow);
            (held.holder, held.peer, held.name)
        });
        assert_eq!(crate::util::not_found(name), ErrorKind::NotFound);
        assert_reset(&peer);
        drop(holder);
    });
}

#[test]
fn a_user_may_not_delete_somebody_elses() {
    isolated(|| {
        if !user::others() {
            skip!("{ONE_USER}");
        }
        let held = Held::dumpable(Some(User::new(60103)));
        let error = User::new(60104).run(|| held.delete()).unwrap_err();
        assert_denied(&error);
        assert!(error.cause().contains("uid 60103"), "{error}");
        held.assert_alive();
    });
}

#[test]
fn a_user_may_not_delete_roots_by_the_kernels_method_either() {
    isolated(|| {
        if !user::others() {
            skip!("{ONE_USER}");
        }
        let held = Held::dumpable(None);
        let (diag, borrow) = User::new(60105).run(|| {
            let mut table = table();
            let connection = table.find(&held.name.into()).unwrap();
            let mut by = |method| {
                let options = Options::default().with_method(method);
                table.delete(&connection, &options).unwrap_err()
            };
            (by(MethodChoice::SockDiag), by(MethodChoice::Borrow))
        });
        assert_denied(&diag);
        assert_denied(&borrow);
        held.assert_alive();
    });
}

#[test]
fn a_process_that_is_not_dumpable_is_named() {
    isolated(|| {
        if !user::others() {
            skip!("{ONE_USER}");
        }
        let user = User::new(60106);
        let held = Held::undumpable(Some(user));
        let error = user.run(|| held.delete()).unwrap_err();
        assert_denied(&error);
        let pid = format!("pid {}", held.holder.pid());
        assert!(error.cause().contains(&pid), "{error}");
        assert!(error.cause().contains("not dumpable"), "{error}");
        held.assert_alive();
    });
}

#[test]
fn root_without_capabilities_is_not_elevated() {
    isolated(|| {
        // Held by a process with all of them.
        let held = Held::dumpable(None);
        let error = without_capabilities(|| held.delete()).unwrap_err();
        assert_not_elevated(&error);
        // Its descriptors can be counted, but not looked at.
        assert!(error.cause().contains("capabilities"), "{error}");
        assert!(!error.cause().contains("no process seen"), "{error}");
        let error = without_capabilities(|| {
            let options = Options::default().with_method(MethodChoice::Borrow);
            table().delete(&find(held.name), &options).unwrap_err()
        });
        assert_not_elevated(&error);
        held.assert_alive();
    });
}

#[test]
fn a_member_of_sudo_is_not_elevated() {
    isolated(|| {
        if !user::others() {
            skip!("{ONE_USER}");
        }
        let Some(sudo) = user::group("sudo").or_else(|| user::group("wheel")) else {
            skip!("this machine has neither a group sudo nor wheel");
        };
        let held = Held::dumpable(None);
        let member = User::new(60107).in_group(sudo);
        let error = member.run(|| held.delete()).unwrap_err();
        assert_not_elevated(&error);
        held.assert_alive();
    });
}

#[test]
fn what_nobody_holds_takes_the_right() {
    isolated(|| {
        let ends = tcp::connected();
        let (local, peer) = tcp::orphan(ends.client);
        let orphan = pair(local, peer);
        let denied = |name: Pair| {
            without_capabilities(|| {
                let mut table = table();
                let connection = table.find(&name.into()).unwrap();
                table.delete(&connection, &Options::default()).unwrap_err()
            })
        };
        let error = denied(orphan);
        assert_not_elevated(&error);
        assert!(error.cause().contains("fin-wait-2"), "{error}");
        drop(ends.server);
        await_state(local, peer, 6);
        let error = denied(orphan);
        assert_not_elevated(&error);
        assert!(error.cause().contains("time-wait"), "{error}");
        assert_eq!(find(orphan).state, State::TimeWait);
        let listener = tcp::listen(tcp::loopback(0));
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (local, peer) = tcp::addresses(&client);
        await_state(peer, local, 1);
        assert_not_elevated(&denied(pair(peer, local)));
        let (server, _) = listener.accept().unwrap();
        tcp::bound(&server);
        assert!(lives(&client, &server));
    });
}

#[test]
fn what_is_in_repair_mode_is_ended_with_a_reset_or_not_at_all() {
    isolated(|| {
        let in_repair = || {
            let ends = tcp::connected();
            tcp::put_into_repair(&ends.client);
            ends
        };
        let by = |method| Options::default().with_method(method);
        for method in [MethodChoice::SockDiag, MethodChoice::Borrow] {
            let ends = in_repair();
            let connection = find(pair_of(&ends.client));
            let _deleted = table().delete(&connection, &by(method)).unwrap();
            assert_reset(&ends.server);
        }
        // Who may not end that mode would leave the peer with a connection that is none.
        for method in [MethodChoice::Auto, MethodChoice::Borrow] {
            let ends = in_repair();
            let connection = find(pair_of(&ends.client));
            let error =
                without_capabilities(|| table().delete(&connection, &by(method)).unwrap_err());
            assert_eq!(error.outcome(), Outcome::Denied);
            assert!(error.cause().contains("TCP_REPAIR"), "{error}");
            assert!(error.hint().unwrap().contains("sudo"), "{error}");
            assert_eq!(find(pair_of(&ends.client)).cookie, connection.cookie);
        }
    });
}

#[test]
fn time_wait_is_denied_to_a_user() {
    isolated(|| {
        if !user::others() {
            skip!("{ONE_USER}");
        }
        let ends = tcp::connected();
        let (local, peer) = tcp::time_wait(ends.client, ends.server);
        let error = User::new(60108).run(|| {
            let mut table = table();
            let connection = table.find(&pair(local, peer).into()).unwrap();
            table.delete(&connection, &Options::default()).unwrap_err()
        });
        assert_denied(&error);
    });
}

#[test]
fn a_connection_accepted_since_it_was_listed_has_an_owner() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        tcp::bound(&client);
        let (local, peer) = tcp::addresses(&client);
        await_state(peer, local, 1);
        let listed = find(pair(peer, local));
        assert_eq!((listed.inode, listed.mptcp), (None, Some(false)));
        let (_server, _) = listener.accept().unwrap();
        let method = without_capabilities(|| {
            let mut table = table();
            let foreseen = table.check(&listed, &Options::default()).unwrap();
            assert_eq!(foreseen, Method::Borrow);
            table.delete(&listed, &Options::default()).unwrap().method
        });
        assert_eq!(method, Method::Borrow);
        assert_reset(&client);
    });
}

#[test]
fn a_connection_closed_since_it_was_listed_has_none() {
    isolated(|| {
        let ends = tcp::connected();
        let (local, peer) = tcp::addresses(&ends.server);
        let listed = find(pair(local, peer));
        drop(ends.server);
        await_orphan(local, peer, 5);
        let error =
            without_capabilities(|| table().delete(&listed, &Options::default()).unwrap_err());
        assert_not_elevated(&error);
        assert!(error.cause().contains("no process holds"), "{error}");
    });
}

#[test]
fn a_missing_connection_is_not_found_before_any_right_is_asked_for() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let ends = tcp::connect_to(&listener);
        let connection = find(pair_of(&ends.server));
        let _deleted = table().delete(&connection, &Options::default()).unwrap();
        let error = without_capabilities(|| {
            let mut table = table();
            let missing = table.find(&connection.pair.into()).unwrap_err();
            assert_eq!(missing.kind(), ErrorKind::NotFound);
            for method in [MethodChoice::Auto, MethodChoice::SockDiag] {
                let options = Options::default().with_method(method);
                let missing = table.delete(&connection, &options).unwrap_err();
                assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
            }
            table.check(&connection, &Options::default()).unwrap_err()
        });
        assert_eq!((error.kind(), error.win32()), (ErrorKind::NotFound, 317));
    });
}

#[test]
fn without_pidfd_getfd_the_owner_is_denied_too() {
    isolated(|| {
        let call = libc::SYS_pidfd_getfd;
        let ends = tcp::connected();
        let error = seccomp::refusing(call, None, libc::ENOSYS, || {
            without_capabilities(|| {
                let mut table = table();
                let connection = table.find(&pair_of(&ends.server).into()).unwrap();
                table.delete(&connection, &Options::default()).unwrap_err()
            })
        });
        assert_not_elevated(&error);
        assert!(error.cause().contains("pidfd_getfd"), "{error}");
        assert!(lives(&ends.client, &ends.server));
    });
}

#[test]
fn a_sandbox_is_not_taken_for_the_owners_will() {
    isolated(|| {
        let held = Held::dumpable(None);
        let refused = seccomp::refusing(libc::SYS_pidfd_getfd, None, libc::EPERM, || {
            let mut table = table();
            let connection = table.find(&held.name.into()).unwrap();
            let options = Options::default().with_method(MethodChoice::Borrow);
            table.delete(&connection, &options).unwrap_err()
        });
        assert_eq!(refused.kind(), ErrorKind::NotSupported, "{refused}");
        assert!(refused.cause().contains("seccomp"), "{refused}");
        held.assert_alive();
    });
}

#[test]
fn the_survey_says_what_holds_here() {
    isolated(|| {
        let all = Support::probe(&mut table()).unwrap();
        assert!(all.tcp_diag && all.one_dump && all.destroy && all.net_admin && all.borrow);
        assert!(all.all() && all.own());
        let less = without_capabilities(|| Support::probe(&mut table()).unwrap());
        assert!(less.tcp_diag && less.destroy && less.borrow);
        assert!(!less.net_admin && !less.sys_ptrace && !less.all());
        assert!(less.processes.unwrap().shown > 0);
    });
}

#[test]
fn ones_own_user_namespace_is_right_enough() {
    const INSIDE: &str = "TCPENTRY_INSIDE_USER_NAMESPACE";
    if std::env::var_os(INSIDE).is_none() && user::others() {
        // Again, as an ordinary user with a user namespace of their own.
        let this = std::fs::File::open("/proc/self/exe").unwrap();
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args(["unshare", "--user", "--map-root-user", "--net"])
            // Opened here: the path to it may be closed to others.
            .args(["/proc/self/fd/0", "--exact", "--nocapture"])
            .arg("privilege::ones_own_user_namespace_is_right_enough")
            .env(INSIDE, "1")
            .stdin(this)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("unshare failed") {
            skip!("users may not make user namespaces here: {said}");
        }
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}{said}");
        assert!(told.contains("1 passed"), "{told}{said}");
        return;
    }
    isolated(|| {
        assert!(user::in_a_user_namespace_of_one());
        let ends = tcp::connected();
        let mut table = table();
        let connection = table.find(&pair_of(&ends.server).into()).unwrap();
        let deleted = table.delete(&connection, &Options::default()).unwrap();
        assert_eq!(deleted.method, Method::SockDiag);
        assert_reset(&ends.client);
    });
}
