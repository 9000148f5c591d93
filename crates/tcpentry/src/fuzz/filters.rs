//! Text that is a filter, and what a filter says of sockets.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroI32;
use std::str;
use std::sync::Arc;

use crate::connection::Connection;
use crate::connection::endpoint::Interface;
use crate::connection::state::{State, States};
use crate::filter::{
    Compiler, Expr, Filter, Judge, Names, Plan, Prefix, PrefixSet, Subject, Truth,
};
use crate::fuzz::texts::pair;
use crate::netns::LocalPorts;
use crate::process::Process;
use crate::select::Nothing;
use crate::sock_diag::Pass;
use crate::sock_diag::bytecode::Program;
use crate::sock_diag::bytecode::interpreter::{self, Entry};
use crate::sock_diag::read_socket;

/// Parses and evaluates a filter: the text up to the first byte that no text has (255), and behind it a socket, as the kernel describes it.
pub fn filter(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == 255);
    let (text, socket) = data.split_at(end.unwrap_or(data.len()));
    let Ok(text) = str::from_utf8(text) else {
        return;
    };
    let filter = match Filter::parse(text, &AnyNames) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(error.column() + error.length() <= text.chars().count());
            let shown = [Some(error.to_string()), error.hint().map(str::to_owned)];
            let mut shown = shown.iter().flatten();
            assert!(shown.all(|line| !line.contains(char::is_control)));
            assert_eq!(error.excerpt(text).lines().count(), 2);
            return;
        }
    };
    let canonical = filter.to_string();
    let again = Filter::parse(&canonical, &AnyNames);
    assert_eq!(again.as_ref().ok(), Some(&filter), "{canonical}");
    assert_eq!(again.map(|it| it.to_string()).ok(), Some(canonical));

    let both = [filter.clone().only_ipv4(), filter.only_ipv6()];
    let stranger = socket.get(1..).and_then(|it| read_socket(it, true).ok());
    for expr in both.iter().filter_map(|filter| filter.expr.as_ref()) {
        for marks in [false, true] {
            said(expr, marks, stranger.as_ref());
        }
    }
}

/// Checks that the kernel yields each selected socket once, and that its part and the rest agree with the whole.
fn said(expr: &Expr, marks: bool, stranger: Option<&Connection>) {
    let compiler = Compiler {
        states: States::ALL,
        marks,
        local_ports: LOCAL_PORTS,
        netns: 1,
    };
    let plan = compiler.compile(expr);
    for program in plan.passes.iter().filter_map(|pass| pass.program.as_ref()) {
        assert_eq!(interpreter::audit(&program.bytes(), marks), Ok(()));
    }
    let judge = Judge {
        facts: &Nothing,
        marks,
        local_ports: LOCAL_PORTS,
        users: true,
        netns: 1,
    };
    let judged = |connection, autobound| {
        judge.judge(
            expr,
            Subject {
                connection,
                autobound,
            },
        )
    };
    if let Some(connection) = stranger {
        judged(connection, None);
    }
    for (entry, connection) in &sockets() {
        let whole = judged(connection, Some(entry.auto));
        let mut passes = plan.passes.iter().filter(|pass| yields(&plan, pass, entry));
        let Some(pass) = passes.next() else {
            assert!(
                matches!(whole, Truth::False | Truth::Unknown),
                "{connection} is not yielded"
            );
            continue;
        };
        assert!(passes.next().is_none(), "{connection} is yielded twice");
        let now = judged(connection, pass.autobound);
        assert_eq!(now == Truth::True, whole == Truth::True, "{connection}");
    }
}

fn yields(plan: &Plan, pass: &Pass, entry: &Entry) -> bool {
    let [local, peer] = entry.ports;
    let is_port = |asked, port| asked == 0 || asked == port;
    let accepts = |program: &Program| interpreter::run(&program.bytes(), entry);
    is_port(plan.ports.0, local)
        && is_port(plan.ports.1, peer)
        && pass.program.as_ref().is_none_or(accepts)
}

/// Returns some sockets: as the kernel's programs see them, and as its answers describe them.
fn sockets() -> [(Entry, Connection); 5] {
    [
        ("10.0.0.1:40000 10.0.0.2:443", State::Established),
        ("[2001:db8::1]:80 [fe80::2]:65535", State::CloseWait),
        ("127.0.0.1:22 127.0.0.1:40001", State::SynSent),
        ("10.0.0.1:80 10.0.0.2:5000", State::TimeWait),
        ("0.0.0.0:80 0.0.0.0:*", State::Listening),
    ]
    .map(|(ends, state)| {
        let pair = pair(ends);
        let ends = [pair.local(), pair.peer()];
        let mapped = state == State::SynSent;
        let addresses = ends.map(|end| match end.address() {
            IpAddr::V4(address) if mapped => address.to_ipv6_mapped().into(),
            address => address,
        });
        let mini = state == State::TimeWait;
        let entry = Entry {
            interface: u32::from(mapped),
            mark: 7,
            cgroup: if mini { 0 } else { 9 },
            auto: mini || pair.local().port() == 40000,
            ..Entry::new(addresses, ends.map(|end| end.port()))
        };
        let mut bytes = vec![entry.family, state.to_kernel(), 0, 0];
        bytes.extend(entry.ports.map(u16::to_be_bytes).concat());
        bytes.extend(entry.addresses.concat());
        for word in [entry.interface, 1, 0, 0, 3, 5, 1000, u32::from(!mini)] {
            bytes.extend(word.to_ne_bytes());
        }
        let mut connection = read_socket(&bytes, true).expect("it is one");
        connection.mark = Some(entry.mark).filter(|_| !mini);
        connection.cgroup = Some(entry.cgroup).filter(|_| !mini);
        (entry, connection)
    })
}

/// Names without a system: every one is there, except where it begins with `no-`.
pub(super) struct AnyNames;

impl Names for AnyNames {
    fn service(&self, name: &str) -> Option<u16> {
        match name {
            "ssh" => Some(22),
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        }
    }

    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match host {
            "both.example" => Ok(vec![
                IpAddr::from([10, 0, 0, 2]),
                Ipv6Addr::LOCALHOST.into(),
            ]),
            _ => Err(io::Error::other("Name or service not known")),
        }
    }

    fn device(&self, name: &str) -> Option<Interface> {
        Interface::new(number(name)?)
    }

    fn user(&self, name: &str) -> Option<u32> {
        number(name)
    }

    fn netns(&self, name: &str) -> io::Result<u64> {
        number(name).map(u64::from).ok_or_else(not_found)
    }

    fn process(&self, pid: i32) -> Option<Process> {
        NonZeroI32::new(pid).map(Process::hidden)
    }

    fn cgroup(&self, path: &str) -> io::Result<u64> {
        number(path).map(u64::from).ok_or_else(not_found)
    }

    /// Makes one, two or a hundred prefixes: a small set is the kernel's, a large one is looked up here.
    fn set(&self, name: &str) -> Option<Arc<PrefixSet>> {
        let mut set = PrefixSet::new();
        set.insert(Prefix::new([10, 0, 0, 0].into(), 8)?);
        match number(name)? % 3 {
            0 => {}
            1 => {
                set.insert(Prefix::new(Ipv6Addr::UNSPECIFIED.into(), 64)?);
            }
            _ => set.extend((0..100).map(|last| Prefix::from(IpAddr::from([192, 0, 2, last])))),
        }
        Some(Arc::new(set))
    }
}

/// Returns a number that is always the same for a name.
fn number(name: &str) -> Option<u32> {
    let sum = |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte));
    let is_there = !name.starts_with("no-");
    is_there.then(|| 1 + name.bytes().fold(0, sum) % 16)
}

const LOCAL_PORTS: LocalPorts = LocalPorts {
    first: 32768,
    last: 60999,
};

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}
