//! A daemon that forgets to close: of two of the same name, only the one that is named, and only what stays so.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use tcpentry_testkit::{isolated, skip, stage, until};

use super::Service;
use crate::util::{program, run};

/// A daemon that accepts connections and never closes one, whatever its peers do.
struct Leak {
    child: Child,
    port: u16,
}

impl Leak {
    fn start() -> Self {
        let script = "import socket, sys, time\n\
            s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n\
            kept = []\n\
            while True: kept.append(s.accept())\n";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Self { child, port }
    }

    /// Returns the number of its connections that its peers have closed, and it has not.
    fn leaked(&self) -> usize {
        run(&format!("list state close-wait sport = :{}", self.port))
            .rows()
            .len()
    }

    /// Opens connections to it, and closes them.
    fn call(&self, times: usize) {
        for _ in 0..times {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
            stream.write_all(b"hello").unwrap();
        }
    }
}

impl Drop for Leak {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn of_two_daemons_of_a_name_the_one_that_leaks_is_relieved_after_a_while() {
    isolated(|| {
        if let Err(error) = stage::bare() {
            skip!("no mounts of a test's own: {error}");
        }
        if Command::new("python3").arg("-V").output().is_err() {
            skip!("there is no python3, of which both daemons are");
        }
        let (leak, other) = (Leak::start(), Leak::start());
        leak.call(3);
        other.call(2);
        until("all have been left alone by their peers", || {
            leak.leaked() == 3 && other.leaked() == 2
        });
        let rules = format!(
            "[rule.leak]\nevery = \"200ms\"\ndelete = \"state close-wait process python3 pid {}\"\nmatched-for = \"3s\"\n",
            leak.child.id()
        );
        let service = Service::start(program(), &rules);
        let begin = std::time::Instant::now();
        until("they are ended", || leak.leaked() == 0);
        let took = begin.elapsed();
        assert!(took.as_secs_f64() > 2.5, "{took:?}");
        service.logs_times("rule leak: deleted: ", 3);
        assert_eq!(other.leaked(), 2);
        assert_eq!(service.counts("deleted: "), 3);
    });
}
