//! `delete --syslog`: one line for each, a daemon that is not there, and one that does not read.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, skip, stage, tcp};

use crate::util::{Run, connections, ends, is_alive, local, opened, program, run, run_opened};

/// Runs a test where no system log is, or skips it.
macro_rules! without_log {
    ($body:expr) => {
        isolated(|| match stage::without_devices() {
            Ok(()) => $body(),
            Err(reason) => skip!("no mount namespace: {reason}"),
        })
    };
}

/// Creates a log that everybody may write to.
fn log() -> UnixDatagram {
    let log = UnixDatagram::bind("/dev/log").unwrap();
    fs::set_permissions("/dev/log", Permissions::from_mode(0o666)).unwrap();
    log.set_nonblocking(true).unwrap();
    log
}

/// Returns the lines that have been written to it.
fn lines(log: &UnixDatagram) -> Vec<String> {
    let mut line = [0; 4096];
    std::iter::from_fn(|| {
        let length = log.recv(&mut line).ok()?;
        Some(String::from_utf8(line[..length].to_vec()).unwrap())
    })
    .collect()
}

#[test]
fn each_is_told_whatever_became_of_it() {
    without_log!(|| {
        let log = log();
        let (ends, _listener, port) = connections(3);
        let (own, peer) = tcp::addresses(&ends[1].client);
        let variable = [peer, own].map(|end| format!("{} {}", end.ip(), end.port()));
        let done: Run = program()
            .args(format!("delete --yes --syslog dport = :{port}").split(' '))
            .env("SSH_CONNECTION", variable.join(" "))
            .output()
            .unwrap()
            .into();
        assert_eq!(done.code, 6, "{}", done.err);
        let lines = lines(&log);
        assert_eq!(lines.len(), 3, "{lines:?}");
        for (index, ends) in ends.iter().enumerate() {
            let name = format!(
                "{} {} (established)",
                local(ends),
                ends.client.peer_addr().unwrap_or(peer)
            );
            let said = if index == 1 {
                format!("guarded {name} because it carries your own session, asked by ")
            } else {
                format!("deleted {name} by sock-diag, asked by ")
            };
            let told = lines.iter().filter(|line| line.contains(&said)).count();
            assert_eq!(told, 1, "{said} is not in {lines:?}");
        }
    });
}

#[test]
fn what_is_denied_is_told_with_the_user_who_asked() {
    without_log!(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let log = log();
        let connection = tcp::connected();
        let holder = Holder::of(&connection.client, None);
        let words = format!("delete --syslog src {}", local(&connection));
        let program = opened();
        let denied = User::new(4021).run(|| run_opened(&program, &words));
        assert_eq!(denied.code, 4, "{}", denied.err);
        let lines = lines(&log);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("<84>tcpentry["), "{lines:?}");
        assert!(lines[0].contains("]: denied "), "{lines:?}");
        assert!(lines[0].contains("(uid 4021, login uid "), "{lines:?}");
        drop(holder);
    });
}

#[test]
fn where_no_log_is_kept_nothing_is_deleted() {
    without_log!(|| {
        let (doomed, _listener, port) = connections(2);
        for words in [
            format!("delete --yes --syslog dport = :{port}"),
            format!("delete --yes --for 1h --syslog dport = :{port}"),
            format!("delete --syslog {}", ends(&doomed[0].client)),
        ] {
            let failed = run(&words);
            assert_eq!((failed.code, failed.out.as_str()), (7, ""), "{words}");
            let said = "tcpentry: --syslog: cannot reach /dev/log: No such file or directory";
            assert!(failed.err.starts_with(said), "{}", failed.err);
            assert!(doomed.iter().all(is_alive));
        }
        let rehearsed = run(&format!("delete -n --yes --syslog dport = :{port}"));
        assert_eq!(rehearsed.code, 0, "{}", rehearsed.err);
    });
}

#[test]
fn a_daemon_that_does_not_read_holds_nothing_up_for_long() {
    without_log!(|| {
        let _unread = log();
        let kept = fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen");
        if kept.is_ok_and(|kept| kept.trim().parse() != Ok(10)) {
            skip!("the log holds more than ten lines here");
        }
        let (doomed, _listener, port) = connections(40);
        let start = Instant::now();
        let done = run(&format!("delete --yes --syslog dport = :{port}"));
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!((done.code, done.rows().len()), (0, 40), "{}", done.err);
        assert!(doomed.iter().all(|ends| !is_alive(ends)));
        let said = "cannot write to the system log: its daemon is not reading";
        let heard = done
            .err
            .matches(&format!("tcpentry: {said}: deleted "))
            .count();
        assert_eq!(heard, 10, "{}", done.err);
        assert!(done.err.contains(&format!(" more: {said}")), "{}", done.err);
    });
}
