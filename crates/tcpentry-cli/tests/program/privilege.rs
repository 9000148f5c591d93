//! The rights of the running program: no more than its command needs.

use std::fs;
use std::process::{Child, Command, Stdio};

use tcpentry_testkit::pty::Terminal;
use tcpentry_testkit::{isolated, skip, until};

use crate::util::{ELSEWHERE, connections, is_alive, program, run};
use crate::wine::stage::WineStage;

/// The numbers of linux/capability.h.
const DAC_OVERRIDE: u64 = 1 << 1;
const DAC_READ_SEARCH: u64 = 1 << 2;
const NET_ADMIN: u64 = 1 << 12;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
const TABLE: u64 = DAC_READ_SEARCH | NET_ADMIN | SYS_PTRACE;

/// A process as `/proc/PID/status` shows it: what it has, what it could take, what it would pass on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Rights {
    effective: u64,
    permitted: u64,
    inheritable: u64,
    ambient: u64,
    gains_none: bool,
}

impl Rights {
    fn of(pid: u32) -> Self {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
        };
        Self {
            effective: field("CapEff:"),
            permitted: field("CapPrm:"),
            inheritable: field("CapInh:"),
            ambient: field("CapAmb:"),
            gains_none: field("NoNewPrivs:") == 1,
        }
    }

    fn only(capabilities: u64) -> Self {
        Self {
            effective: capabilities,
            permitted: capabilities,
            inheritable: 0,
            ambient: 0,
            gains_none: true,
        }
    }

    /// Returns those of this test, which tell what can be given up.
    fn ours() -> u64 {
        Self::of(std::process::id()).effective
    }
}

/// One that goes on until it is ended.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(quiet.spawn().unwrap())
    }

    fn words(words: &str) -> Self {
        let mut command = program();
        command.args(words.split(' '));
        Self::start(command)
    }

    fn await_rights(&self, rights: Rights) {
        until(&format!("it has {rights:x?}"), || {
            Rights::of(self.0.id()) == rights
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn when_it_asks_it_has_given_up_what_it_does_not_need() {
    isolated(|| {
        if Rights::ours() & TABLE != TABLE {
            skip!("these are not all rights of root");
        }
        let (ends, _listener, port) = connections(3);
        let terminal = Terminal::open();
        let mut child = terminal
            .command(env!("CARGO_BIN_EXE_tcpentry"))
            .args(["delete", "--own-session", "dport", "=", &format!(":{port}")])
            .env("SSH_CONNECTION", ELSEWHERE)
            .spawn()
            .unwrap();
        terminal.await_text("[y/N] ");
        assert_eq!(Rights::of(child.id()), Rights::only(TABLE));
        terminal.type_in("y\n");
        until("it ends", || {
            terminal.screen();
            child.try_wait().unwrap().is_some()
        });
        assert!(!ends.iter().any(is_alive), "what it kept is enough");
    });
}

#[test]
fn only_where_namespaces_are_to_be_entered_it_keeps_the_right_to() {
    isolated(|| {
        if Rights::ours() & (TABLE | SYS_ADMIN) != TABLE | SYS_ADMIN {
            skip!("these are not all rights of root");
        }
        let own = format!("-N {}", std::process::id());
        for (netns, kept) in [("", TABLE), (own.as_str(), TABLE | SYS_ADMIN)] {
            let words = format!("delete --yes --for 1m sport = :1 and dport = :1 {netns}");
            let running = Running::words(words.trim_end());
            running.await_rights(Rights::only(kept));
        }
    });
}

/// A service of another user is asked with the right to write to its socket.
#[test]
fn lists_of_bans_keep_the_right_to_hand_them_over() {
    isolated(|| {
        let all = TABLE | SYS_ADMIN | DAC_OVERRIDE;
        if Rights::ours() & all != all {
            skip!("these are not all rights of root");
        }
        for (words, kept) in [
            ("ban --stdin", all),
            ("ban --stdin --own-netns-only", TABLE),
        ] {
            let mut command = program();
            command.args(words.split(' ')).stdin(Stdio::piped());
            Running::start(command).await_rights(Rights::only(kept));
        }
    });
}

/// All namespaces are one key away, and it goes on for hours: each of its threads has what that takes, and no more.
#[test]
fn what_is_watched_is_watched_with_few_rights() {
    isolated(|| {
        if Rights::ours() & (TABLE | SYS_ADMIN) != TABLE | SYS_ADMIN {
            skip!("these are not all rights of root");
        }
        let terminal = Terminal::open();
        let mut child = terminal
            .command(env!("CARGO_BIN_EXE_tcpentry"))
            .arg("top")
            .spawn()
            .unwrap();
        // The table and the keys have their own.
        let threads = || -> Vec<u32> {
            let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
            let names = tasks.map(|task| task.unwrap().file_name().into_string().unwrap());
            names.map(|name| name.parse().unwrap()).collect()
        };
        until("it has its threads", || {
            terminal.screen();
            threads().len() > 2
        });
        for thread in threads() {
            assert_eq!(Rights::of(thread), Rights::only(TABLE | SYS_ADMIN));
        }
        terminal.type_in("q");
        until("it ends", || {
            terminal.screen();
            child.try_wait().unwrap().is_some()
        });
    });
}

#[test]
fn who_can_only_borrow_by_having_as_much_as_the_owner_keeps_it_all() {
    isolated(|| {
        let left = Rights::ours() & !SYS_PTRACE;
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-sys_ptrace", "--inh-caps=-all"]);
        command.arg(env!("CARGO_BIN_EXE_tcpentry"));
        command.args("delete --yes --for 1m sport = :1 and dport = :1".split(' '));
        Running::start(command).await_rights(Rights::only(left));
    });
}

#[test]
fn the_peers_of_the_demo_have_no_rights() {
    let mut command = program();
    command.arg("demo-peer").stdin(Stdio::piped());
    Running::start(command).await_rights(Rights::only(0));
}

/// Wine's own programs, which it runs, are not restricted.
#[test]
fn what_changes_a_prefix_has_no_rights() {
    for words in ["install", "status", "remove"] {
        let stage = WineStage::new(&format!("rights-{words}"));
        stage.let_wine_hang();
        let running = Running::start(stage.command(&[words], &stage.path("prefix")));
        running.await_rights(Rights {
            gains_none: false,
            ..Rights::only(0)
        });
    }
}

#[test]
fn a_sandbox_that_refuses_it_is_told_and_stops_nothing() {
    isolated(|| {
        if Rights::ours() & TABLE != TABLE {
            skip!("these are not all rights of root");
        }
        let refusing = |body: fn() -> crate::util::Run| {
            tcpentry_testkit::seccomp::refusing(libc::SYS_capset, None, libc::EPERM, body)
        };
        let listed = refusing(|| run("list"));
        assert_eq!(listed.code, 0);
        assert_eq!(
            listed.err,
            "tcpentry: cannot drop the capabilities that are not needed (Operation not permitted (os error 1)); \
             continuing with them\n"
        );
    });
}
