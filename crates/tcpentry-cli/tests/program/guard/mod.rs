//! `tcpentry guard run`: the service with its rules, on real namespaces, sets, names and sockets.

mod addresses;
mod bans;
mod leak;
mod life;
mod limits;
mod names;
mod reload;
mod rights;
mod sets;
mod ssh;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tcpentry_testkit::{isolated, skip, stage, until};

/// Runs a test with a `/run` of its own, or skips it.
fn alone(body: impl FnOnce() + Send + 'static) {
    isolated(|| match stage::bare() {
        Ok(()) => body(),
        Err(error) => skip!("no mounts of a test's own: {error}"),
    });
}

/// A running service, with its rules, its state and its log in a folder of its own.
pub(crate) struct Service {
    child: Child,
    /// The service, which a child that entered a world has started.
    pid: Pid,
    folder: ServiceFolder,
}

/// The folder of a service, which goes with the test.
struct ServiceFolder(PathBuf);

impl ServiceFolder {
    fn new(rules: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tcpentry-guard-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("rules.toml"), rules).unwrap();
        fs::write(folder.join("log"), "").unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Starts the service by a command of the program, and returns at once.
    fn start(self, program: Command) -> Service {
        self.start_with(program, &[])
    }

    fn start_with(self, mut program: Command, options: &[&str]) -> Service {
        let log = fs::OpenOptions::new().append(true).open(self.path("log"));
        program
            .args(["guard", "run", "--config"])
            .arg(self.path("rules.toml"))
            .args(options)
            .env("STATE_DIRECTORY", &self.0)
            .stdin(Stdio::null())
            .stderr(log.unwrap());
        let child = program.spawn().unwrap();
        let pid = Pid::from_child(&child);
        Service {
            child,
            pid,
            folder: self,
        }
    }
}

impl Drop for ServiceFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Service {
    /// Starts the service with these rules, and waits until it runs.
    pub(crate) fn start(program: Command, rules: &str) -> Self {
        Self::start_in(ServiceFolder::new(rules), program)
    }

    /// Starts the service with these rules and options.
    fn start_with(program: Command, rules: &str, options: &[&str]) -> Self {
        let service = ServiceFolder::new(rules).start_with(program, options);
        service.awaited(0)
    }

    /// Starts the service in a folder that is prepared, and waits until it runs.
    fn start_in(folder: ServiceFolder, program: Command) -> Self {
        let before = folder.log().len();
        folder.start(program).awaited(before)
    }

    /// Waits until it runs: the log has said so behind that many bytes.
    fn awaited(self, before: usize) -> Self {
        let mut service = self;
        until("the service runs", || {
            let ended = service.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", service.log());
            service.log()[before..].contains("runs ")
        });
        service.pid = service.of_child();
        service
    }

    /// Returns the service's pid: that of the child, or of the only child of one that entered other namespaces.
    fn of_child(&self) -> Pid {
        let own = Pid::from_child(&self.child);
        let path = format!("/proc/{own}/comm");
        if fs::read_to_string(path).unwrap() != "nsenter\n" {
            return own;
        }
        let path = format!("/proc/{own}/task/{own}/children");
        let children = fs::read_to_string(path).unwrap();
        Pid::from_raw(children.trim().parse().unwrap()).unwrap()
    }

    /// Returns the service's pid, as this process sees it.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the path of a file in the service's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    pub(crate) fn log(&self) -> String {
        self.folder.log()
    }

    /// Waits until the log has this text.
    fn logs(&self, text: &str) {
        self.logs_times(text, 1);
    }

    /// Waits until the log has this text so many times.
    fn logs_times(&self, text: &str, times: usize) {
        until(&format!("the log has `{text}`, {times} times"), || {
            self.counts(text) >= times
        });
    }

    fn counts(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Writes other rules, and waits until the service has read them, or has refused them.
    fn reload(&self, rules: &str) {
        let count = |log: &str| log.matches(RELOADED).count() + log.matches(KEPT).count();
        let before = count(&self.log());
        fs::write(self.folder.path("rules.toml"), rules).unwrap();
        self.send(Signal::HUP);
        until("the service has read its rules", || {
            count(&self.log()) > before
        });
    }

    /// Returns its status once it has ended.
    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Ends the service as its manager does, and returns its status and its log.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        self.send(Signal::TERM);
        let status = self.child.wait().unwrap();
        (status, self.log())
    }

    /// Ends the service as its manager does, and returns its folder for another one.
    fn end_for_another(mut self) -> ServiceFolder {
        self.send(Signal::TERM);
        self.child.wait().unwrap();
        let nothing = ServiceFolder(PathBuf::from("/nonexistent/tcpentry"));
        std::mem::replace(&mut self.folder, nothing)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|it| it.is_none()) {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            if let Ok(log) = fs::read_to_string(self.folder.path("log")) {
                eprintln!("the log of the service:\n{log}");
            }
        }
    }
}

/// Returns what `guard status --json` says of a rule.
fn rule<'s>(status: &'s Value, name: &str) -> &'s Value {
    let rules = status["rules"].as_array().unwrap();
    let found = rules.iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("{name}: {status}"))
}

/// Returns the time that the threads of a process have been woken up for, as they count it themselves.
fn wake_ups(pid: Pid) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of = |path: &Path| {
        let text = fs::read_to_string(path.join("status")).unwrap();
        let line = text
            .lines()
            .find_map(|it| it.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    threads.map(|it| of(&it.unwrap().path())).sum()
}

const RELOADED: &str = "has read its configuration again";
const KEPT: &str = "the new configuration is wrong: the rules that were there stay";
