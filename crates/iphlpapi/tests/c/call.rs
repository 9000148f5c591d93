//! One call of one function, through `call.c`.

use std::net::{SocketAddr, SocketAddrV6, TcpStream};
use std::process::Command;

use crate::compiler::{Build, Opened, Run, program, without_capabilities};

/// The code that a function returned, with `tcpentry_last_detail`.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u32,
    pub(crate) outcome: u32,
    pub(crate) method: u32,
    pub(crate) errno: i32,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn of(command: &mut Command) -> Self {
        let out = Run::of(command).success();
        let mut words = out.trim_end_matches('\n').splitn(5, ' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("{out}"));
        Self {
            code: word().parse().unwrap(),
            outcome: word().parse().unwrap(),
            method: word().parse().unwrap(),
            errno: word().parse().unwrap(),
            text: word().to_owned(),
        }
    }

    /// Returns the code, the name of the outcome in the header, and the errno.
    #[track_caller]
    pub(crate) fn is(&self, code: u32, outcome: &str, errno: i32) {
        let expected = (code, constant(outcome), errno);
        assert_eq!(
            (self.code, self.outcome, self.errno),
            expected,
            "{}",
            self.text
        );
        assert!(!self.text.is_empty());
    }

    /// Returns the answer for a deletion by this method.
    #[track_caller]
    pub(crate) fn is_deleted(&self, method: &str) {
        self.is(0, "TCPENTRY_DELETED", 0);
        assert_eq!(self.method, constant(method), "{}", self.text);
    }
}

/// Returns the number of a name in the headers.
pub(crate) fn constant(name: &str) -> u32 {
    let header = include_str!("../../include/iphlpapi.h");
    let number = header.lines().find_map(|line| {
        let line = line.trim_start().strip_prefix(name)?;
        let number = line.strip_prefix(" = ")?;
        let end = number.find(|c: char| !c.is_ascii_digit());
        number[..end.unwrap_or(number.len())].parse().ok()
    });
    number.unwrap_or_else(|| panic!("{name} is not in the header"))
}

/// A row as `call` takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) state: u32,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// The upper half of the port fields.
    pub(crate) junk: u16,
}

impl Row {
    /// Returns a row for a deletion; of IPv4 if both ends are, also v4-mapped ones.
    pub(crate) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        let canonical = |end: SocketAddr| match end.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => SocketAddr::from((ip, end.port())),
            std::net::IpAddr::V6(_) => end,
        };
        Self::exactly(canonical(local), canonical(remote))
    }

    /// Returns a row for a deletion, with the addresses as they are.
    pub(crate) fn exactly(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            state: 12,
            local,
            remote,
            junk: 0,
        }
    }

    /// Returns the row of a connected socket.
    pub(crate) fn of(stream: &TcpStream) -> Self {
        let (local, remote) = tcpentry_testkit::tcp::addresses(stream);
        Self::new(local, remote)
    }

    /// Returns the arguments that make `call` do this (`set`, `identify`) with the row.
    pub(crate) fn words(self, what: &str) -> Vec<String> {
        let Self { state, junk, .. } = self;
        match (self.local, self.remote) {
            (SocketAddr::V4(local), SocketAddr::V4(remote)) => format!(
                "{what} {state} {} {} {} {} {junk}",
                local.ip(),
                local.port(),
                remote.ip(),
                remote.port()
            ),
            (SocketAddr::V6(local), SocketAddr::V6(remote)) => {
                let end =
                    |end: SocketAddrV6| format!("{} {} {}", end.ip(), end.scope_id(), end.port());
                format!("{what}6 {state} {} {} {junk}", end(local), end(remote))
            }
            mixed => panic!("{mixed:?}"),
        }
        .split(' ')
        .map(str::to_owned)
        .collect()
    }

    /// Calls `SetTcpEntry`, or `SetTcp6Entry`.
    pub(crate) fn set(self) -> Answer {
        Answer::of(Command::new(program("call", Build::Plain)).args(self.words("set")))
    }

    /// Calls it without any capability.
    pub(crate) fn set_without_capabilities(self) -> Answer {
        let program = program("call", Build::Plain);
        Answer::of(without_capabilities(&program).args(self.words("set")))
    }

    /// Calls it as the user of this thread.
    pub(crate) fn set_opened(self, call: &Opened) -> Answer {
        Answer::of(call.command().args(self.words("set")))
    }

    /// Calls `tcpentry_identify`, or `tcpentry_identify6`; the text of the answer is the identity.
    pub(crate) fn identify(self) -> Answer {
        Answer::of(Command::new(program("call", Build::Plain)).args(self.words("identify")))
    }
}

/// Calls `tcpentry_delete_id`.
pub(crate) fn delete_id(id: &str) -> Answer {
    Answer::of(Command::new(program("call", Build::Plain)).args(["delete-id", id]))
}
