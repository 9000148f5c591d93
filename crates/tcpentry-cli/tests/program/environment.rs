//! Variables of the environment: none adds to what is selected, or changes what becomes of it. Which are read, and what
//! for, is in SECURITY.md.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::process::Command;

use tcpentry_testkit::{isolated, skip};

use crate::util::{Run, connections, is_alive, local, program};

/// Runs the program with these variables and no other.
fn run<'v>(words: &str, variables: impl IntoIterator<Item = (&'v str, &'v OsStr)>) -> Run {
    let mut command: Command = program();
    command
        .env_clear()
        .envs(variables)
        .args(words.split_whitespace())
        .output()
        .unwrap()
        .into()
}

fn said(run: &Run) -> (i32, &str, &str) {
    (run.code, &run.out, &run.err)
}

#[test]
fn no_variable_changes_what_is_listed_or_would_be_deleted() {
    isolated(|| {
        let (_ends, _listener, port) = connections(3);
        let questions = [
            format!("list -a -p --id sport = :{port} or dport = :{port}"),
            format!("delete -n --yes dport = :{port}"),
            // Refused, for nobody has said yes.
            format!("delete dport = :{port}"),
        ];
        let plain = questions.each_ref().map(|words| run(words, []));
        assert_eq!(plain.each_ref().map(|it| it.code), [0, 0, 3]);
        if plain[1].err.contains("this may cut you off") {
            skip!("what runs the tests leads nowhere, which SSH_CONNECTION answers");
        }
        let same = |variables: &[(&str, &OsStr)]| {
            for (words, plain) in questions.iter().zip(&plain) {
                let done = run(words, variables.iter().copied());
                assert_eq!(said(&done), said(plain), "{words}: {variables:?}");
            }
        };
        let values = values(port);
        for value in &values {
            let all: Vec<_> = NAMES
                .iter()
                .map(|name| (*name, value.as_os_str()))
                .collect();
            same(&all);
        }
        // Each alone, so that none hides what another does.
        for (name, value) in NAMES.iter().zip(values.iter().cycle()) {
            same(&[(*name, value)]);
        }
    });
}

#[test]
fn whatever_the_environment_says_exactly_what_was_named_is_deleted() {
    isolated(|| {
        let (ends, _listener, port) = connections(12);
        let mut left: Vec<_> = ends.iter().collect();
        for value in values(port) {
            let variables = || NAMES.iter().map(|name| (*name, value.as_os_str()));
            let doomed = left.pop().unwrap();
            let words = format!("delete --yes src {} dport = :{port}", local(doomed));
            let rehearsed = run(&words.replace("--yes", "--yes -n"), []);
            let done = run(&words, variables());
            assert_eq!(
                (done.code, done.rows()),
                (0, rehearsed.rows()),
                "{}",
                done.err
            );
            assert!(!is_alive(doomed), "{value:?}");
            assert!(left.iter().copied().all(is_alive), "{value:?}");
        }
    });
}

/// Variables that programs and libraries of all kinds read: those of this one, and those that it may be thought to read.
const NAMES: &[&str] = &[
    "BASH_ENV",
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORFGBG",
    "COLORTERM",
    "COLUMNS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "EDITOR",
    "ENV",
    "HOME",
    "HOSTALIASES",
    "IFS",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LINES",
    "LOCALDOMAIN",
    "LOGNAME",
    "NETNS_RUN_DIR",
    "NO_COLOR",
    "NOTIFY_SOCKET",
    "PAGER",
    "PATH",
    "POSIXLY_CORRECT",
    "PROC_NET_TCP",
    "PROC_ROOT",
    "RES_OPTIONS",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_LOG",
    "RUST_MIN_STACK",
    "SHELL",
    "SSH_AUTH_SOCK",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "SUDO_COMMAND",
    "SUDO_GID",
    "SUDO_UID",
    "SUDO_USER",
    "TCPENTRY",
    "TCPENTRY_ARGS",
    "TCPENTRY_CONFIG",
    "TCPENTRY_FILTER",
    "TCPENTRY_OPTIONS",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
];

/// Returns values of all kinds; none is that of a connection which is to be deleted, for `SSH_CONNECTION` protects that.
fn values(port: u16) -> Vec<OsString> {
    let mut values: Vec<OsString> = [
        "",
        "0",
        "1",
        "-1",
        "18446744073709551615",
        "dumb",
        "--all-netns --yes --own-session --listeners",
        "../../../../dev/null",
        "\u{1b}[2J\n\u{202e}",
        "127.0.0.1 1 127.0.0.1 2",
    ]
    .map(OsString::from)
    .into();
    values.push(format!("sport = :{port}").into());
    values.push(OsString::from_vec(vec![0xff; 5000]));
    values
}
