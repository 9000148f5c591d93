//! A process in user and network namespaces of its own, which takes no root.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A process of the calling user, alone in its namespaces, with a connection to itself whose client waits in
/// `recv`.
#[derive(Debug)]
pub struct Rootless {
    child: Child,
    out: ChildStdout,
}

impl Rootless {
    /// Starts it with a connection to this port of 127.0.0.1. `None` if this user may not create such namespaces.
    pub fn serving(port: u16) -> Option<Self> {
        let script = format!(
            "ip link set lo up && exec python3 -c '
import os, socket
l = socket.create_server((\"127.0.0.1\", {port}))
c = socket.create_connection((\"127.0.0.1\", {port})); s = l.accept()
os.write(2, b\"ready\\n\")
try: print(c.recv(1))
except OSError as error: print(error)'"
        );
        let mut child = Command::new("unshare")
            .args(["-Urn", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start unshare");
        let out = child.stdout.take().expect("it is a pipe");
        let mut ready = String::new();
        let mut told = BufReader::new(child.stderr.take().expect("it is a pipe"));
        told.read_line(&mut ready).expect("read what it tells");
        let rootless = Self { child, out };
        (ready == "ready\n").then_some(rootless)
    }

    /// Returns its pid, as text.
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Waits for its client to end, and returns the error that the client got.
    pub fn seen(mut self) -> String {
        let mut seen = String::new();
        self.out
            .read_to_string(&mut seen)
            .expect("read what it saw");
        seen
    }
}

impl Drop for Rootless {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
