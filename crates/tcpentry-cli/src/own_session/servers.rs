//! SSH servers: which processes are some, and what they hold.
//!
//! A name alone says nothing: anybody can have it. Where a server has to be known, it runs as root from a file of root's.

use std::collections::HashSet;

use rustix::io::Errno;
use tcpentry::{Inode, Pair};

use super::proc::{self, Folder};
use super::sockets::{self, Socket, Table};

/// Returns true if a process is an SSH server, or one that such a server has started for a session and that has become
/// the user's since.
///
/// Where its executable may not be seen, the name and the user are all that is known.
pub(super) fn is_one(folder: &Folder) -> bool {
    let is_called_so = |folder: &Folder| {
        let name = folder.name();
        name.is_some_and(|name| NAMES.contains(&name.as_slice()))
            && folder.has_executable_of_root().unwrap_or(true)
    };
    if !is_called_so(folder) {
        return false;
    }
    if folder.user() == Some(0) {
        return true;
    }
    let parent = folder.stat().map(|stat| Folder::of(stat.parent));
    parent
        .and_then(Result::ok)
        .is_some_and(|parent| parent.user() == Some(0) && is_called_so(&parent))
}

/// Returns those of a server's connections that carry its sessions: accepted, and not from a listener of its own, as
/// what it forwards backwards (`ssh -R`, X11) is. What it forwards to elsewhere (`ssh -L`) it has connected.
///
/// Where no listener is left to tell, all may be.
pub(super) fn sessions_of(
    held: &[(Inode, Pair)],
    all: &HashSet<Inode>,
    table: &mut Table,
) -> Vec<(Inode, Pair)> {
    // Of another network namespace nothing is known.
    let is_here = |table: &mut Table, inode, pair| {
        table.find(pair).is_some_and(|row| row.inode == Some(inode))
    };
    let mut unknown = Vec::new();
    let mut accepted = Vec::new();
    for &(inode, pair) in held {
        if !is_here(table, inode, pair) {
            unknown.push((inode, pair));
            continue;
        }
        let is_accepted = table.listeners().iter().any(|(port, listener)| {
            *port == pair.local().port() && listener.is_none_or(|listener| !all.contains(&listener))
        });
        if is_accepted {
            accepted.push((inode, pair));
        }
    }
    if accepted.is_empty() {
        return held.to_vec();
    }
    accepted.extend(unknown);
    accepted
}

/// The SSH servers of this host, as far as they can be seen.
#[derive(Debug, Default)]
pub(super) struct Servers {
    seen: Vec<Server>,
    /// True where there is one whose descriptors may not be seen.
    pub(super) hidden: bool,
}

#[derive(Debug)]
struct Server {
    pid: i32,
    login: Option<u32>,
    sockets: Vec<(i32, Inode)>,
}

impl Servers {
    /// Looks at every process of root's: a look at the owner for each of the others.
    pub(super) fn find() -> Self {
        let mut servers = Self::default();
        for pid in proc::pids().unwrap_or_default() {
            // One that has hidden is root's here, too.
            if proc::owner(pid) != Some(0) {
                continue;
            }
            let name = proc::name(pid);
            if name.is_empty() {
                // Unless it has ended, it does not say what it is.
                servers.hidden |= proc::owner(pid).is_some();
            }
            if !NAMES.contains(&name.as_slice()) {
                continue;
            }
            let folder = match Folder::of(pid) {
                Ok(folder) => folder,
                Err(errno) => {
                    servers.hidden |= !matches!(errno, Errno::NOENT | Errno::SRCH);
                    continue;
                }
            };
            if !is_one(&folder) {
                continue;
            }
            let Ok(descriptors) = folder.descriptors() else {
                servers.hidden = true;
                continue;
            };
            let sockets = descriptors
                .into_iter()
                .filter_map(|(number, file)| Some((number, file.socket()?)));
            servers.seen.push(Server {
                pid,
                login: folder.login_user(),
                sockets: sockets.collect(),
            });
        }
        servers
    }

    /// Returns true if one of them holds a socket.
    pub(super) fn hold(&self, inode: Inode) -> bool {
        self.seen.iter().any(|server| server.holds(inode))
    }

    /// Returns true if a connection may carry a session of this user; of anybody, where none is named.
    pub(super) fn may_carry(&self, inode: Inode, user: Option<u32>, table: &mut Table) -> bool {
        let may_be_theirs = |server: &&Server| {
            // Only root can have set another's.
            let differs = user.is_some_and(|user| server.login.is_some_and(|login| login != user));
            server.holds(inode) && !differs
        };
        self.seen
            .iter()
            .filter(may_be_theirs)
            .any(|server| server.carries(inode, table))
    }
}

/// Returns the sockets of all processes that can be seen and are not called like an SSH server: no hidden server holds
/// those.
pub(super) fn held_by_others() -> HashSet<Inode> {
    let mut held = HashSet::new();
    for pid in proc::pids().unwrap_or_default() {
        if NAMES.contains(&proc::name(pid).as_slice()) {
            continue;
        }
        let descriptors = Folder::of(pid).and_then(|folder| folder.descriptors());
        let files = descriptors.unwrap_or_default().into_iter();
        held.extend(files.filter_map(|(_, file)| file.socket()));
    }
    held
}

impl Server {
    fn holds(&self, inode: Inode) -> bool {
        self.sockets.iter().any(|(_, held)| *held == inode)
    }

    fn carries(&self, inode: Inode, table: &mut Table) -> bool {
        let (sockets, is_all) = sockets::of_process(self.pid, &self.sockets);
        let connections: Vec<_> = sockets
            .into_iter()
            .filter_map(|socket| match socket {
                Socket::Tcp(inode, pair) => Some((inode, pair)),
                _ => None,
            })
            .collect();
        let all = self.sockets.iter().map(|(_, inode)| *inode).collect();
        let sessions = sessions_of(&connections, &all, table);
        let is_forwarded = |held: &(Inode, Pair)| held.0 == inode && !sessions.contains(held);
        !(is_all && connections.iter().any(is_forwarded))
    }
}

/// SSH servers by name: OpenSSH (since 9.8 a session is `sshd-session`), dropbear, TinySSH.
const NAMES: &[&[u8]] = &[
    b"sshd",
    b"sshd-session",
    b"sshd-auth",
    b"dropbear",
    b"tinysshd",
    b"tinysshnoneauth",
];
