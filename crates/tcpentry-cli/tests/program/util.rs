//! Running the program, and looking at what it said.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Command, Output, Stdio};

use rustix::net::{AddressFamily, SocketType};
use serde_json::Value;
use tcpentry_testkit::signals::none_ignored;
use tcpentry_testkit::tcp::{self, Ends};

/// The result of a run of the program.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// Returns standard output without the line of column names, each line split at its tabs.
    pub(crate) fn rows(&self) -> Vec<Vec<&str>> {
        self.out
            .lines()
            .skip(1)
            .map(|line| line.split('\t').collect())
            .collect()
    }

    /// Parses standard output as JSON lines.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        self.out.lines().map(parse).collect()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it ended by itself"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// `SSH_CONNECTION` of somebody whose connection is in no table. With it nothing is asked about the terminal or the
/// pipes of whoever runs the tests, which may lead nowhere.
pub(crate) const ELSEWHERE: &str = "192.0.2.1 49152 192.0.2.2 22";

/// Returns a command of the program, for a caller who adds words and more.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpentry"));
    command
        .env("SSH_CONNECTION", ELSEWHERE)
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    none_ignored(&mut command);
    command
}

/// Runs the program with words, split at blanks.
pub(crate) fn run(words: &str) -> Run {
    program()
        .args(words.split_whitespace())
        .output()
        .unwrap()
        .into()
}

/// Runs it with something on standard input.
pub(crate) fn run_with_input(words: &str, input: &str) -> Run {
    with_input(program().args(words.split_whitespace()), input)
}

/// Runs a command with something on standard input.
pub(crate) fn with_input(command: &mut Command, input: &str) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let written = child.stdin.take().unwrap().write_all(input.as_bytes());
    // Words that are refused end the program before it reads; what it has not read, its outcome shows.
    if let Err(error) = written {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
    }
    child.wait_with_output().unwrap().into()
}

/// Opens the program's file, so that a user can run it who may not enter the folder it is in.
pub(crate) fn opened() -> File {
    File::open(env!("CARGO_BIN_EXE_tcpentry")).unwrap()
}

/// Runs the opened program with words.
pub(crate) fn run_opened(program: &File, words: &str) -> Run {
    Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()))
        .args(words.split_whitespace())
        .env("SSH_CONNECTION", ELSEWHERE)
        .stdin(Stdio::null())
        .output()
        .unwrap()
        .into()
}

/// Returns both ends of a stream as the program takes them, its own first.
pub(crate) fn ends(stream: &TcpStream) -> String {
    format!(
        "{} {}",
        stream.local_addr().unwrap(),
        stream.peer_addr().unwrap()
    )
}

/// Returns the identity of the socket with this local end, from `list -a --id`.
pub(crate) fn identity(local: SocketAddr) -> String {
    let listed = run("list -a --id");
    let rows = listed.rows();
    let row = rows.iter().find(|row| row[3] == local.to_string());
    row.unwrap_or_else(|| panic!("{local} is not in\n{}", listed.out))[5].to_owned()
}

/// Opens connections to a listener; returns both, and its port.
pub(crate) fn connections(count: usize) -> (Vec<Ends>, TcpListener, u16) {
    let listener = tcp::listen(tcp::loopback(0));
    let port = listener.local_addr().unwrap().port();
    let all = (0..count).map(|_| tcp::connect_to(&listener)).collect();
    (all, listener, port)
}

/// Returns the client's own end.
pub(crate) fn local(ends: &Ends) -> String {
    ends.client.local_addr().unwrap().to_string()
}

/// Sends until nothing more is taken: its peer does not read.
pub(crate) fn fill(stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let mut stream = stream;
    let block = vec![7; 65536];
    let mut refused = 0;
    while refused < 20 {
        match stream.write(&block) {
            Ok(taken) => refused = if taken == 0 { refused + 1 } else { 0 },
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                refused += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    }
}

/// Returns true if a connection still carries data.
pub(crate) fn is_alive(ends: &Ends) -> bool {
    use std::io::Read as _;
    let mut byte = [0];
    (&ends.client).write_all(b"x").is_ok() && (&ends.server).read_exact(&mut byte).is_ok()
}

/// Returns the index of a device of this thread's namespace.
pub(crate) fn index_of(device: &str) -> u32 {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
    rustix::net::netdevice::name_to_index(socket, device).unwrap()
}
