//! Values that this system has now: connections' ends, users, processes, devices, network namespaces, cgroups.
//!
//! Each is a help, not an answer: what can't be read is left out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tcpentry::connection::Endpoint;
use tcpentry::netns::Namespaces;
use tcpentry::process::{CgroupPath, Container, Process, Unit};
use tcpentry::{Attribution, Connection, Query, TcpTable};
use uzers::UsersCache;

use super::candidate::Candidate;
use crate::output;

/// Returns the values that the keyword of a term can have here. An address or a port is one of a connection.
pub(super) fn of_term(keyword: &str) -> Vec<Candidate> {
    match keyword {
        "src" => of_connections(|row| vec![address(row.local())]),
        "dst" => of_connections(|row| vec![address(row.peer())]),
        "host" => of_connections(|row| vec![address(row.local()), address(row.peer())]),
        "sport" => of_connections(|row| vec![port(row.local())]),
        "dport" => of_connections(|row| vec![port(row.peer())]),
        "port" => of_connections(|row| vec![port(row.local()), port(row.peer())]),
        "user" => {
            let users = UsersCache::new();
            of_connections(|row| {
                let name = output::user_name(row, &users);
                let name = name.and_then(|name| name.into_string().ok());
                name.into_iter().collect()
            })
        }
        "process" => processes(|_, name| Candidate::new(name, "")),
        "pid" => processes(|process, name| Candidate::new(process.pid().to_string(), name)),
        "dev" => entries(Path::new("/sys/class/net"), ""),
        "netns" => namespaces(),
        "unit" => in_cgroups(|path| Unit::from_cgroup(path).map(|it| it.to_string())),
        "container" => in_cgroups(|path| Container::from_cgroup(path).map(|it| it.to_string())),
        "cgroup" => in_cgroups(|path| Some(path.as_str().to_owned())),
        _ => Vec::new(),
    }
}

/// Returns the local ends of connections, or the peers behind a local end.
pub(super) fn ends(named: &[&str]) -> Vec<Candidate> {
    match named {
        [] => of_connections(|row| vec![row.local().to_string()]),
        [local] => of_connections(|row| {
            let is_named = row.local().to_string() == *local;
            Some(row.peer().to_string())
                .filter(|_| is_named)
                .into_iter()
                .collect()
        }),
        _ => Vec::new(),
    }
}

/// Returns the values of `-N`: names, and the files of a folder once a path has been begun.
pub(super) fn netns_option(typed: &str) -> Vec<Candidate> {
    match typed.rfind('/') {
        Some(at) => entries(Path::new(&typed[..=at]), &typed[..=at]),
        None => namespaces(),
    }
}

/// Returns the values of `--in`, once the name of the set is there: files.
pub(super) fn set_option(typed: &str) -> Vec<Candidate> {
    let Some((name, path)) = typed.split_once('=') else {
        return Vec::new();
    };
    let folder = path.rfind('/').map_or("", |at| &path[..=at]);
    let read = if folder.is_empty() { "." } else { folder };
    entries(Path::new(read), &format!("{name}={folder}"))
}

/// Returns what the cgroups of connections say, where they are read in time.
///
/// By a thread that is left behind where a file system keeps it: what is typed goes on.
fn in_cgroups(value: impl Fn(CgroupPath<'_>) -> Option<String> + Send + 'static) -> Vec<Candidate> {
    let (found, values) = mpsc::channel();
    thread::spawn(move || {
        let attribution = RefCell::new(Attribution::new());
        let candidates = of_connections(|row| {
            let mut attribution = attribution.borrow_mut();
            let path = attribution.cgroup(row).ok().flatten();
            path.and_then(&value).into_iter().collect()
        });
        let _ = found.send(candidates);
    });
    values.recv_timeout(LONGEST).unwrap_or_default()
}

fn of_connections(values: impl Fn(&Connection) -> Vec<String>) -> Vec<Candidate> {
    let mut found = BTreeMap::new();
    let Ok(mut table) = TcpTable::open() else {
        return Vec::new();
    };
    let Ok(connections) = table.connections(&Query::default()) else {
        return Vec::new();
    };
    for connection in connections.map_while(Result::ok) {
        for value in values(&connection) {
            *found.entry(value).or_insert(0_u64) += 1;
        }
    }
    let counted = |(value, count)| match count {
        1 => Candidate::new(value, "1 connection"),
        _ => Candidate::new(value, format!("{count} connections")),
    };
    found.into_iter().map(counted).collect()
}

fn address(end: Endpoint) -> String {
    match end.address() {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn port(end: Endpoint) -> String {
    end.port().to_string()
}

fn processes(candidate: impl Fn(Process, String) -> Candidate) -> Vec<Candidate> {
    let all = Process::all().unwrap_or_default().into_iter();
    let mut found: Vec<_> = all
        .filter_map(|process| {
            let name = String::from_utf8(process.name()?).ok()?;
            Some(candidate(process, name))
        })
        .collect();
    found.sort_by(|a, b| a.word.cmp(&b.word));
    found.dedup();
    found
}

fn namespaces() -> Vec<Candidate> {
    let all = Namespaces::all().map(|all| all.found).unwrap_or_default();
    let named = all.iter().filter_map(|namespace| {
        let container = namespace.container().map(|_| "container");
        let meaning = namespace.name().map(|_| "ip netns").or(container)?;
        Some(Candidate::new(namespace.label(), meaning))
    });
    named.collect()
}

/// Returns the files of a folder, as they are typed behind `prefix`; a folder ends with a slash.
fn entries(folder: &Path, prefix: &str) -> Vec<Candidate> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_folder = !prefix.is_empty() && entry.path().is_dir();
            let end = if is_folder { "/" } else { "" };
            Some(Candidate::new(format!("{prefix}{name}{end}"), ""))
        })
        .collect();
    found.sort_by(|a, b| a.word.cmp(&b.word));
    found
}

/// The longest time for which somebody waits for a list.
const LONGEST: Duration = Duration::from_secs(2);
