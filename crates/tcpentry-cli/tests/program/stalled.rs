//! Output that nobody reads: it holds the deletions back, and a signal ends them all the same.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, kill_process};
use tcpentry_testkit::{isolated, tcp, until};

use crate::util::{connections, program};

/// Creates a pipe that takes nothing more. Its reader has to be kept.
fn full_pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    // A page at a time, so that no page has room for another byte.
    let full = loop {
        if let Err(errno) = rustix::io::write(&writer, &[b'x'; 4096]) {
            break errno;
        }
    };
    assert_eq!(full, Errno::AGAIN);
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}

/// Sends a signal to a program that is blocked in a write, and returns the exit code.
fn code_after(mut child: Child, signal: Signal) -> Option<i32> {
    thread::sleep(Duration::from_millis(300));
    assert_eq!(child.try_wait().unwrap(), None, "it waits for its reader");
    kill_process(Pid::from_child(&child), signal).unwrap();
    let sent = Instant::now();
    while sent.elapsed() < Duration::from_secs(1) {
        if let Some(status) = child.try_wait().unwrap() {
            // Before the first deletion it ends at once, with the code that a shell gives to that.
            return status.code().or(status.signal().map(|number| 128 + number));
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

const SIGNALS: [(Signal, i32); 4] = [
    (Signal::TERM, 143),
    (Signal::INT, 130),
    (Signal::HUP, 129),
    (Signal::QUIT, 131),
];

#[test]
fn a_signal_ends_it_while_nobody_reads_its_report() {
    for (signal, code) in SIGNALS {
        for way in ["", "-n", "--json", "--for 60s", "--for 60s --max 100"] {
            isolated(move || {
                let (ends, _listener, port) = connections(3);
                let (_reader, writer) = full_pipe();
                let child = program()
                    .args(format!("delete --yes {way} sport = :{port}").split_whitespace())
                    .stdout(writer)
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                if way != "-n" {
                    until("the first is deleted", || {
                        ends.iter()
                            .any(|ends| tcp::pending_error(&ends.server).is_some())
                    });
                }
                assert_eq!(code_after(child, signal), Some(code), "{way}");
            });
        }
    }
}

#[test]
fn a_signal_ends_it_while_nobody_reads_what_it_says() {
    for (signal, code) in SIGNALS {
        for words in [
            // Nothing matches, several do and nobody can be asked, one is no more.
            "delete sport = :1",
            "delete --yes --json sport = :1",
            "delete -4 state listening",
            "delete 127.0.0.1:1 127.0.0.1:2",
            "delete --yes --verbose --for 60s sport = :1",
        ] {
            isolated(move || {
                let (_reader, writer) = full_pipe();
                let mut command = program();
                command
                    .args(words.split_whitespace())
                    .stdout(Stdio::null())
                    .stderr(writer);
                let child = command.spawn().unwrap();
                drop(command);
                assert_eq!(code_after(child, signal), Some(code), "{words}");
            });
        }
    }
}

#[test]
fn both_streams_may_be_one_pipe_that_nobody_reads() {
    isolated(|| {
        let (_ends, _listener, port) = connections(2);
        let (_reader, writer) = full_pipe();
        let child = program()
            .args(["delete", "--yes", "sport", "=", &format!(":{port}")])
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .spawn()
            .unwrap();
        assert_eq!(code_after(child, Signal::TERM), Some(143));
    });
}

#[test]
fn a_reader_that_is_only_slow_gets_the_whole_report() {
    isolated(|| {
        let (_ends, _listener, port) = connections(3);
        let (reader, writer) = full_pipe();
        let mut command = program();
        command
            .args(["delete", "--yes", "sport", "=", &format!(":{port}")])
            .stdout(writer)
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        drop(command);
        thread::sleep(Duration::from_millis(300));
        let text = std::io::read_to_string(std::fs::File::from(reader)).unwrap();
        let report = text.trim_start_matches('x');
        assert_eq!(report.matches("deleted\t").count(), 3, "{report}");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    });
}
