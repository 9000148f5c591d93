//! The operator's own session: the connection that would cut off the hand that deletes.
//!
//! It is found by the process tree up to the SSH server, and by `SSH_CONNECTION`, which can only
//! add protection. Where the tree does not reach a server (tmux, sudo in a new session, systemd-run),
//! every SSH connection of the user who logged in is protected, or of the user this runs as where nobody
//! knows who logged in; and where a server can't be looked into, every connection to its port.

use std::collections::HashSet;

use tcpentry::error::Guard;
use tcpentry::process::Process;
use tcpentry::{Connection, Endpoint, Error, Inode, Pair, State};

/// The guard that only the program can keep.
#[derive(Debug)]
pub(crate) struct SessionGuard {
    /// Looked for when the first connection is found.
    session: Option<OwnSession>,
    lifted: bool,
}

impl SessionGuard {
    pub(crate) const fn new(lifted: bool) -> Self {
        Self {
            session: None,
            lifted,
        }
    }

    /// Looks for the session again: who works in tmux may have come back by another connection.
    pub(crate) fn forget(&mut self) {
        self.session = None;
    }

    pub(crate) fn admit(&mut self, found: &Connection) -> Result<(), Error> {
        if self.lifted {
            return Ok(());
        }
        let session = self.session.get_or_insert_with(OwnSession::find);
        if session.is_carried_by(found) {
            Err(Error::refused(Guard::OwnSession, found.pair))
        } else {
            Ok(())
        }
    }
}

/// What must not be deleted by mistake.
#[derive(Debug, Default)]
struct OwnSession {
    sockets: HashSet<Inode>,
    pair: Option<Pair>,
    /// The ports of SSH servers, where one could not be looked into: any connection to them may be it.
    ports: Vec<u16>,
}

impl OwnSession {
    /// Looks for the session this process runs in.
    fn find() -> Self {
        let mut servers = Servers::default();
        ancestors()
            .filter(|process| is_ssh_server(*process))
            .for_each(|process| servers.look_into(process));
        if servers.sockets.is_empty() {
            if let Ok(processes) = Process::of_names(SERVERS) {
                let users = login_users();
                processes
                    .into_iter()
                    .filter(|process| {
                        let user = process.login_uid().or_else(|| process.uid());
                        user.is_some_and(|user| users.contains(&user))
                    })
                    .for_each(|process| servers.look_into(process));
            }
        }
        let variable = std::env::var("SSH_CONNECTION").ok();
        let pair = variable.as_deref().and_then(from_variable);
        let ports = if servers.unseen {
            let named = pair.map(|pair| pair.local().port());
            named.into_iter().chain([SSH]).collect()
        } else {
            Vec::new()
        };
        Self {
            sockets: servers.sockets,
            pair,
            ports,
        }
    }

    /// Whether the connection is (or may be) the one that carries the session.
    fn is_carried_by(&self, connection: &Connection) -> bool {
        if connection.state == State::Listening {
            return false;
        }
        let is_held = connection
            .inode
            .is_some_and(|inode| self.sockets.contains(&inode));
        is_held
            || self.ports.contains(&connection.local().port())
            || self
                .pair
                .is_some_and(|pair| is_either_end(&pair, &connection.pair))
    }
}

/// What the SSH servers that were looked into hold.
#[derive(Default)]
struct Servers {
    sockets: HashSet<Inode>,
    /// One of them hides its descriptors: who has `CAP_NET_ADMIN` alone may delete its connection
    /// without being shown which one it is.
    unseen: bool,
}

impl Servers {
    fn look_into(&mut self, process: Process) {
        match process.sockets() {
            Ok(sockets) => self.sockets.extend(sockets),
            Err(_) => self.unseen = true,
        }
    }
}

/// Of a session from this host to itself, the client's end carries it as well.
fn is_either_end(session: &Pair, other: &Pair) -> bool {
    let mirrored = Pair::new(session.peer(), session.local());
    session.same_ends(other) || mirrored.is_ok_and(|mirrored| mirrored.same_ends(other))
}

/// Without the first process, who adopts whoever has lost his parent: where it is the SSH server itself,
/// as in a container, that says nothing about a session.
fn ancestors() -> impl Iterator<Item = Process> {
    let mut next = Process::current().and_then(Process::parent);
    // No tree is this high.
    std::iter::from_fn(move || {
        let process = next?;
        next = process.parent();
        Some(process)
    })
    .take_while(|process| process.pid() != 1)
    .take(1000)
}

fn is_ssh_server(process: Process) -> bool {
    let name = process.name().unwrap_or_default();
    SERVERS.contains(&name.as_slice())
}

/// The users behind this process, whoever it runs as since: the one who logged in, and the one whom sudo
/// names. Where neither is known (PAM was not asked, the kernel keeps no login uid) it is its own.
fn login_users() -> Vec<u32> {
    let login = Process::current().and_then(Process::login_uid);
    let by_sudo = std::env::var("SUDO_UID").ok();
    let by_sudo = by_sudo.and_then(|uid| uid.parse().ok());
    let mut users: Vec<u32> = login.into_iter().chain(by_sudo).collect();
    if users.is_empty() {
        users.push(rustix::process::getuid().as_raw());
    }
    users
}

/// `SSH_CONNECTION`: client address, client port, server address, server port.
fn from_variable(text: &str) -> Option<Pair> {
    let mut words = text.split_ascii_whitespace();
    let mut end = || -> Option<Endpoint> {
        // A link-local address comes with its scope.
        let address = words.next()?.split('%').next()?.parse().ok()?;
        Some(Endpoint::new(address, words.next()?.parse().ok()?))
    };
    let (client, server) = (end()?, end()?);
    Pair::new(server, client).ok()
}

/// SSH servers by name: OpenSSH (since 9.8 a session is `sshd-session`), dropbear.
const SERVERS: &[&[u8]] = &[b"sshd", b"sshd-session", b"sshd-auth", b"dropbear"];
/// `ssh` in services(5).
const SSH: u16 = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_the_pair_as_the_server_sees_it() {
        let pair = |text| from_variable(text).map(|pair| pair.to_string());
        assert_eq!(
            pair("198.51.100.7 51034 192.0.2.1 22").as_deref(),
            Some("192.0.2.1:22 198.51.100.7:51034")
        );
        assert_eq!(
            pair("fe80::2%eth0 51034 fe80::1%eth0 22").as_deref(),
            Some("[fe80::1]:22 [fe80::2]:51034")
        );
        assert_eq!(
            pair("::ffff:198.51.100.7 51034 ::ffff:192.0.2.1 22").as_deref(),
            Some("192.0.2.1:22 198.51.100.7:51034")
        );
        for nonsense in ["", "a b c d", "192.0.2.1 1 2", "192.0.2.1 1 ::1 2"] {
            assert_eq!(pair(nonsense), None);
        }
    }

    #[test]
    fn the_tree_ends() {
        assert!(ancestors().count() < 1000);
    }
}
