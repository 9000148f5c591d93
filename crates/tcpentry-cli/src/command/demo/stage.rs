//! The processes of the demo: started, waited for, and ended.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::peer::{ACCEPTED, PEER};

/// The server and its clients.
pub(super) struct Stage {
    pub(super) server: Actor,
    pub(super) address: SocketAddr,
    pub(super) clients: Vec<Client>,
}

/// A client and its end of the connection.
pub(super) struct Client {
    pub(super) actor: Actor,
    pub(super) local: SocketAddr,
}

impl Stage {
    pub(super) fn start() -> Result<Self, String> {
        let mut server = Actor::start(&[])?;
        let address = server.expect_address()?;
        let mut clients = Vec::new();
        for _ in 0..3 {
            let client = Actor::client(address)?;
            server.expect_line(&format!("{} {ACCEPTED}", client.local))?;
            clients.push(client);
        }
        Ok(Self {
            server,
            address,
            clients,
        })
    }
}

/// A process of the demo.
pub(super) struct Actor {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Actor {
    pub(super) fn client(server: SocketAddr) -> Result<Client, String> {
        let mut actor = Self::start(&[server.to_string()])?;
        let local = actor.expect_address()?;
        Ok(Client { actor, local })
    }

    fn start(words: &[String]) -> Result<Self, String> {
        let program = std::env::current_exe()
            .map_err(|error| format!("cannot find this program: {error}"))?;
        let mut child = Command::new(program)
            .arg(PEER)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start a process: {error}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a process without standard input and output".to_owned());
        };
        let (sender, lines) = channel();
        let read = move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .spawn(read)
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Self {
            child,
            input,
            lines,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn send(&mut self, line: &str) -> Result<(), String> {
        writeln!(self.input, "{line}").map_err(|error| format!("pid {}: {error}", self.pid()))
    }

    /// Waits for the next line that starts so, and returns its rest.
    pub(super) fn expect_line(&mut self, start: &str) -> Result<String, String> {
        let deadline = Instant::now() + LINE_TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Disconnected => format!("pid {} has ended", self.pid()),
                RecvTimeoutError::Timeout => {
                    format!("pid {} said nothing for {LINE_TIMEOUT:?}", self.pid())
                }
            })?;
            if let Some(rest) = line.strip_prefix(start) {
                return Ok(rest.to_owned());
            }
        }
    }

    fn expect_address(&mut self) -> Result<SocketAddr, String> {
        let line = self.expect_line("")?;
        line.parse()
            .map_err(|_| format!("pid {} said {line:?}", self.pid()))
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // It has nothing to lose, and may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const LINE_TIMEOUT: Duration = Duration::from_secs(5);
