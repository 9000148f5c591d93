//! A part of the machine by itself: processes that see no others, with mounts of their own.
//!
//! What looks at *every* network namespace sees those of the world only, and what deletes in all of them
//! reaches none of the host's.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::cgroup::Cgroup;
use crate::netns::Namespace;
use crate::wait::until;

/// Processes, mounts and `/run` of its own, in the network namespace of the thread that made it. All of it ends
/// when it is dropped.
#[derive(Debug)]
pub struct World {
    holder: Child,
    /// The first of its processes, as the host knows it.
    first: u32,
    /// True if its cgroups are its own, too.
    has_cgroups: bool,
}

impl World {
    /// Creates a world; the error is the reason to skip the test.
    pub fn fresh() -> Result<Self, String> {
        Self::start("", &[])
    }

    /// Creates a world whose root of the cgroups (version 2) is this one.
    pub fn in_cgroup(cgroup: &Cgroup) -> Result<Self, String> {
        let folder = cgroup.folder().display();
        let mount = "umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && ";
        Self::start(
            mount,
            &[
                "sh",
                "-c",
                &format!("echo 0 > {folder}/cgroup.procs && exec \"$@\""),
                "sh",
                "unshare",
                "--cgroup",
            ],
        )
    }

    fn start(more_mounts: &str, before: &[&str]) -> Result<Self, String> {
        let script = format!(
            "mount -t tmpfs none /run && {more_mounts}mkdir /run/netns && echo ready && exec sleep 1000"
        );
        let words = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "sh",
            "-c",
            &script,
        ];
        let mut words = before.iter().copied().chain(words);
        let mut holder = Command::new(words.next().expect("there are some"))
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start unshare");
        let mut ready = [0; 6];
        let out = holder.stdout.as_mut().expect("it is a pipe");
        if out.read_exact(&mut ready).is_err() {
            let output = holder.wait_with_output().expect("it has ended");
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("no processes and mounts of a test's own: {why}"));
        }
        let first = only_child(holder.id());
        Ok(Self {
            holder,
            first,
            has_cgroups: !before.is_empty(),
        })
    }

    /// Returns a command in this world; its network namespace is that of the thread that starts it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--pid", "--wd=/", "--target"])
            .arg(self.first.to_string())
            .args(self.has_cgroups.then_some("--cgroup"))
            .arg(program)
            .stdin(Stdio::null());
        command
    }

    /// Returns the beginning of a line for a shell that runs a program in this world, in the network namespace of that shell.
    pub fn prefix(&self) -> String {
        format!("nsenter --mount --pid --wd=/ --target {}", self.first)
    }

    /// Runs a script of the shell.
    pub fn shell(&self, script: &str) -> Output {
        let output = self.command("sh").args(["-c", script]).output();
        output.expect("start nsenter")
    }

    /// Runs a script that must not fail, and returns its output.
    pub fn must(&self, script: &str) -> String {
        let output = self.shell(script);
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Starts a script that goes on; its last command has to be an `exec`.
    pub fn start_shell(&self, script: &str) -> Inhabitant {
        let mut command = self.command("sh");
        let script = format!("echo $$; {script}");
        // Killed as a group: nsenter stays behind as the parent.
        let child = command
            .args(["-c", &script])
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.expect("start nsenter");
        let mut pid = String::new();
        let out = child.stdout.as_mut().expect("it is a pipe");
        let mut byte = [0];
        while out.read_exact(&mut byte).is_ok() && byte != *b"\n" {
            pid.push(byte[0].into());
        }
        let pid = pid.parse().expect("its pid");
        Inhabitant { child, pid }
    }

    /// Returns the path of one of its files, as seen from outside.
    pub fn path(&self, path: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.first)).join(path.trim_start_matches('/'))
    }

    /// Creates a network namespace with `lo` up that iproute2 knows by a name, and a thread of this process in it.
    pub fn named(&self, name: &str) -> Namespace {
        self.mounted(&format!("/run/netns/{name}"))
    }

    /// Creates a network namespace of which only this file is a mount, and a thread of this process in it.
    pub fn mounted(&self, path: &str) -> Namespace {
        self.must(&format!("touch '{path}' && unshare --net='{path}' true"));
        Namespace::at(&self.path(path))
    }

    /// Enters the network namespace of one of its processes with a thread of this process.
    pub fn of_process(&self, pid: u32) -> Namespace {
        Namespace::at(&self.path(&format!("/proc/{pid}/ns/net")))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // With its first process all others end.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        until("all processes have ended", || {
            !Path::new(&format!("/proc/{}", self.first)).exists()
        });
    }
}

/// A process that lives in a [`World`], and ends with it.
#[derive(Debug)]
pub struct Inhabitant {
    /// The child, with its output.
    pub child: Child,
    /// Its pid in that world.
    pub pid: u32,
}

impl Drop for Inhabitant {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
}

fn only_child(parent: u32) -> u32 {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.trim().parse().expect("one child")
}
