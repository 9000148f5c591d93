//! Text of people and of `/proc`.

use std::net::SocketAddr;
use std::str;

use crate::connection::endpoint::{Endpoint, Pair};
use crate::connection::identity::{BootId, Identity};
use crate::connection::notation::ScopedEndpoint;
use crate::escape::escape_for_terminal;
use crate::filter::{Filter, PrefixSet, parse_duration};
use crate::netns::LocalPorts;
use crate::process::container::Container;
use crate::process::hierarchy::Hierarchies;
use crate::process::mounts::{cgroup_mount_of, mount_of};
use crate::process::proc;
use crate::process::unit::Unit;
use crate::set_entry::{Tcp6Row, TcpRow};

/// Parses the notations of endpoints and identities, and the bytes as rows.
pub fn notation(data: &[u8]) {
    rows(data);
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(endpoint) = text.parse::<ScopedEndpoint>() {
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }
    if let Ok(endpoint) = text.parse::<Endpoint>() {
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }
    if let Some((address, port)) = text.split_once(' ') {
        if let Ok(endpoint) = ScopedEndpoint::from_words(address, port) {
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
        if let (Ok(local), Ok(peer)) = (address.parse(), port.parse()) {
            if let Ok(pair) = Pair::new(local, peer) {
                assert_eq!(pair.mirrored().mirrored(), pair);
            }
        }
    }
    if let Ok(identity) = text.parse::<Identity>() {
        assert_eq!(identity.to_string().parse(), Ok(identity));
        // `TCPENTRY_ID_SIZE`
        assert!(identity.to_string().len() < 256);
    }
    if let Ok(boot) = text.parse::<BootId>() {
        assert_eq!(boot.to_string().parse(), Ok(boot));
    }
    let _ = parse_duration(text);
    let _ = Filter::starts_with_keyword(text);
    assert!(!escape_for_terminal(data).contains(char::is_control));
}

/// Reads a list of prefixes, and what it prints of one.
pub fn prefixes(data: &[u8]) {
    match PrefixSet::read(data) {
        Ok(set) => {
            let lines: Vec<_> = set.iter().map(|prefix| prefix.to_string()).collect();
            let printed = lines.join("\n");
            assert_eq!(PrefixSet::read(printed.as_bytes()).ok(), Some(set.clone()));
            for prefix in set.iter() {
                assert!(set.contains(prefix.address()) && prefix.contains(prefix.address()));
            }
        }
        Err(error) => {
            let lines = data.split(|&byte| byte == b'\n');
            assert!(error.line() <= Some(lines.count() as u64) && error.column() >= Some(1));
            assert!(!error.to_string().contains(char::is_control));
        }
    }
}

fn rows(data: &[u8]) {
    let word = |at: usize| {
        let word = data.get(4 * at..4 * at + 4)?;
        Some(u32::from_ne_bytes(word.try_into().ok()?))
    };
    let address = |at: usize| data.get(4 * at..4 * at + 16)?.try_into().ok();
    let row = || {
        Some(TcpRow {
            state: word(0)?,
            local_address: word(1)?,
            local_port: word(2)?,
            remote_address: word(3)?,
            remote_port: word(4)?,
        })
    };
    if let Some(row) = row() {
        let pair = row.pair();
        let ends = [pair.local(), pair.peer()].map(|end| (end.address(), end.port()).into());
        let [SocketAddr::V4(local), SocketAddr::V4(peer)] = ends else {
            panic!("a row of IPv4 names {pair}");
        };
        assert_eq!(TcpRow::deleting(local, peer).pair(), pair);
    }
    let row6 = || {
        Some(Tcp6Row {
            state: word(0)?,
            local_address: address(1)?,
            local_scope: word(5)?,
            local_port: word(6)?,
            remote_address: address(7)?,
            remote_scope: word(11)?,
            remote_port: word(12)?,
        })
    };
    if let Some(row) = row6() {
        let _ = row.pair();
    }
}

/// Parses the text of a file of `/proc` or of the cgroups. The first byte says which.
pub fn proc_text(data: &[u8]) {
    let Some((&file, text)) = data.split_first() else {
        return;
    };
    match file % 8 {
        0 => drop(proc::state_flags_and_start(text)),
        1 => {
            for key in ["Uid:", "PPid:", "NSpid:"] {
                let _: Option<u32> = proc::status_field(text, key);
                let _: Option<i32> = proc::status_field(text, key);
            }
        }
        2 => {
            let (name, arguments) = text.split_at(text.len().min(15));
            if let Some(whole) = proc::whole_name(name, arguments) {
                assert!(whole.starts_with(name) && whole.len() < 256);
            }
        }
        3 => {
            if let Some(path) = Hierarchies::of_none().of_process(text) {
                in_cgroup(path.as_path().as_str());
                path.as_path()
                    .holds(|path| Container::from_cgroup(path).is_some());
            }
        }
        4 => in_cgroup(&String::from_utf8_lossy(text)),
        5 => {
            for line in text.split(|&byte| byte == b'\n') {
                let _ = cgroup_mount_of(line);
                for kind in [&b"cgroup2"[..], b"nsfs"] {
                    if let Some(mount) = mount_of(line, kind) {
                        assert!(mount.root.len() + mount.point.len() < line.len());
                    }
                }
            }
        }
        6 => {
            let _ = proc::netns_inode(text);
            let _ = proc::socket_inode(text);
        }
        _ => drop(LocalPorts::parse(text)),
    }
}

fn in_cgroup(path: &str) {
    if let Some(unit) = Unit::from_cgroup(path) {
        assert!(unit.matches_name(&unit.to_string()), "{unit}");
    }
    if let Some(container) = Container::from_cgroup(path) {
        let names = [&container.id, &container.name];
        for name in names
            .into_iter()
            .flatten()
            .filter(|_| container.user.is_none())
        {
            assert!(container.matches_name(name), "{container}");
        }
        assert!(container.matches_name(&container.to_string()));
    }
}

/// Parses `LOCAL PEER`.
pub(super) fn pair(text: &str) -> Pair {
    let ends = text.split_once(' ').and_then(|(local, peer)| {
        let [local, peer] = [local, peer].map(|end| end.parse().ok());
        Pair::new(local?, peer?).ok()
    });
    ends.expect("two ends")
}
