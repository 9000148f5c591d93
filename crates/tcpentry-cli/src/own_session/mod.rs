//! The operator's own session: the connections that would cut off the hand that deletes.
//!
//! They are found by structure ([`path`]): whatever carries the program's input and output carries its operator.
//! `SSH_CONNECTION` can only add. Where the path is not known, every connection of an SSH server may be it.

mod path;
mod pipes;
mod proc;
mod servers;
mod sockets;
mod unix_peer;
mod variable;

use std::cell::OnceCell;
use std::collections::HashSet;
use std::path::Path as FilePath;
use std::time::{Duration, Instant};

use tcpentry::error::{CallerGuard, Guard};
use tcpentry::escape::escape_for_terminal;
use tcpentry::{Connection, Error, Inode, Pair, State};

use crate::message::print_error;
use path::{Hidden, LooseEnd, Path};
pub(crate) use proc::{blind_spot, is_in_first_namespace};
use servers::Servers;
use sockets::Table;

static SURELY: CallerGuard = guard("it carries your own session");
static PERHAPS: CallerGuard = guard("it may carry your own session");
static DECLINED: CallerGuard = CallerGuard {
    hint: "--yes deletes it without asking",
    ..guard("not confirmed, and it may carry your own session")
};

const fn guard(cause: &'static str) -> CallerGuard {
    CallerGuard {
        name: "own-session",
        cause,
        hint: "--own-session deletes it anyway",
        win32: ERROR_ACCESS_DENIED,
    }
}

/// The time for which the connection that carries the session is taken to be the same.
const MAX_SESSION_AGE: Duration = Duration::from_secs(1);
/// `winerror.h`
const ERROR_ACCESS_DENIED: u32 = 5;

static OF_A_SERVER: CallerGuard = CallerGuard {
    name: "ssh-session",
    cause: "an SSH server holds it",
    hint: "ssh-sessions = true in the rule deletes it",
    win32: ERROR_ACCESS_DENIED,
};
static OF_NOBODY_SEEN: CallerGuard = CallerGuard {
    cause: "who holds it can't be seen, and may be an SSH server",
    ..OF_A_SERVER
};

/// Makes the error of a connection that carries the own session.
pub(crate) fn refused(pair: Pair) -> Error {
    Error::refused(Guard::Caller(&SURELY), pair)
}

/// Makes the error of a connection that may carry it, and whose deletion was not confirmed.
pub(crate) fn declined(pair: Pair) -> Error {
    Error::refused(Guard::Caller(&DECLINED), pair)
}

/// The guard that only the program can keep.
#[derive(Debug)]
pub(crate) struct SessionGuard {
    /// The session, which is looked for when the first connection is found.
    session: Option<OwnSession>,
    /// The time from which its age counts.
    since: Option<Instant>,
    protects: Protection,
    /// Set while it may still report on standard error, once.
    speaks: bool,
    doubts: bool,
}

/// The connections that a guard protects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Protection {
    Nothing,
    /// Those that carry the session for certain.
    Certain,
    /// Those too that may carry it.
    Possible,
    /// Every connection of an SSH server: whoever has no session of its own protects everybody's.
    Servers,
}

impl SessionGuard {
    pub(crate) const fn new(lifted: bool) -> Self {
        Self {
            session: None,
            since: None,
            protects: if lifted {
                Protection::Nothing
            } else {
                Protection::Possible
            },
            speaks: false,
            doubts: false,
        }
    }

    /// Lets it say on standard error, once, what is not known.
    #[must_use]
    pub(crate) fn speaking(self) -> Self {
        Self {
            speaks: true,
            doubts: true,
            ..self
        }
    }

    /// Lets it say on standard error, once, that the session can't be followed.
    #[must_use]
    pub(crate) fn doubting(self) -> Self {
        Self {
            doubts: true,
            ..self
        }
    }

    /// Admits every connection of which it is not certain that it carries the session: whoever bans a peer means its connections
    /// to an SSH server, too.
    #[must_use]
    pub(crate) fn certain(self) -> Self {
        self.protecting(Protection::Certain)
    }

    /// Protects every connection of an SSH server, whoever's session it carries.
    #[must_use]
    pub(crate) fn of_servers(self) -> Self {
        self.protecting(Protection::Servers)
    }

    /// Protects others than before, unless that is lifted.
    fn protecting(self, others: Protection) -> Self {
        let protects = match self.protects {
            Protection::Nothing => Protection::Nothing,
            _ => others,
        };
        Self { protects, ..self }
    }

    /// Looks for the session again: who works in tmux may have come back by another connection.
    pub(crate) fn forget(&mut self) {
        self.session = None;
    }

    /// Looks for the session again unless that was just done: for deletions that are made one after the other.
    pub(crate) fn forget_if_old(&mut self, now: Instant) {
        let age = self.since.map(|since| now.saturating_duration_since(since));
        if age.is_none_or(|age| age > MAX_SESSION_AGE) {
            self.since = Some(now);
            self.forget();
        }
    }

    pub(crate) fn admit(&mut self, found: &Connection) -> Result<(), Error> {
        if self.protects == Protection::Nothing || found.state == State::Listening {
            return Ok(());
        }
        if self.protects == Protection::Servers {
            let session = self.session.get_or_insert_with(OwnSession::of_a_service);
            return match session.guard_of_a_server(found) {
                Some(guard) => Err(Error::refused(Guard::Caller(guard), found.pair)),
                None => Ok(()),
            };
        }
        let session = self.session.get_or_insert_with(OwnSession::find);
        let carries = match self.protects {
            // What would be admitted all the same is not looked for: that takes a look at every process.
            Protection::Certain if !session.surely_carries(found) => Carries::No,
            _ => session.carries(found),
        };
        match carries {
            Carries::No => {
                if let Some(doubt) = session.doubt().filter(|_| self.doubts) {
                    print_error(&doubt);
                    self.doubts = false;
                }
                Ok(())
            }
            Carries::Surely => Err(refused(found.pair)),
            Carries::Maybe(why) => {
                if self.speaks {
                    print_error(&format!(
                        "every connection of an SSH server is protected: {why}"
                    ));
                    self.speaks = false;
                }
                Err(Error::refused(Guard::Caller(&PERHAPS), found.pair))
            }
        }
    }

    /// Returns true if a deletion may cut the operator off though nothing shows it: their path leads out of what can be
    /// followed.
    pub(crate) fn is_in_doubt(&mut self) -> bool {
        self.doubt().is_some()
    }

    /// Returns why a deletion may do so, in words.
    pub(crate) fn doubt(&mut self) -> Option<String> {
        if matches!(self.protects, Protection::Nothing | Protection::Servers) {
            return None;
        }
        let session = self.session.get_or_insert_with(OwnSession::find);
        session.doubt()
    }

    /// Returns true if an SSH server holds a connection: it may be somebody's session.
    pub(crate) fn is_of_a_server(&mut self, found: &Connection) -> bool {
        if self.protects == Protection::Nothing {
            return false;
        }
        let session = self.session.get_or_insert_with(OwnSession::find);
        found.inode.is_some_and(|inode| {
            session.may_be_a_servers(found.uid) && session.servers().hold(inode)
        })
    }
}

/// The answer to whether a connection carries the session.
enum Carries {
    No,
    Surely,
    /// The path is not known, for this reason.
    Maybe(&'static str),
}

/// The connections that must not be deleted by mistake.
#[derive(Debug)]
struct OwnSession {
    path: Path,
    /// The connection that `SSH_CONNECTION` names.
    variable: Option<Pair>,
    /// The user who logged in to this session, who is asked for where the path is not known.
    login: OnceCell<Option<u32>>,
    users: [u32; 2],
    table: Table,
    /// The servers, which are looked for where the path is not known.
    servers: OnceCell<Servers>,
    held_by_others: OnceCell<HashSet<Inode>>,
    /// Set for a service that can't see the processes of others.
    is_blind: bool,
}

impl OwnSession {
    fn find() -> Self {
        let mut table = Table::default();
        let path = Path::find(&mut table);
        Self::on(path, table)
    }

    /// Returns the session of a service, which has none: only the sessions of others are asked about.
    fn of_a_service() -> Self {
        Self {
            is_blind: blind_spot().is_some(),
            ..Self::on(Path::default(), Table::default())
        }
    }

    fn on(path: Path, table: Table) -> Self {
        Self {
            path,
            variable: variable::connection(),
            login: OnceCell::new(),
            users: [rustix::process::getuid(), rustix::process::geteuid()]
                .map(rustix::process::Uid::as_raw),
            table,
            servers: OnceCell::new(),
            held_by_others: OnceCell::new(),
            is_blind: false,
        }
    }

    fn login(&self) -> Option<u32> {
        *self.login.get_or_init(proc::own_login_user)
    }

    fn servers(&self) -> &Servers {
        self.servers.get_or_init(Servers::find)
    }

    fn surely_carries(&self, found: &Connection) -> bool {
        let is_named = |pair: Pair| is_either_end(&pair, &found.pair);
        if self.variable.is_some_and(is_named) {
            return true;
        }
        // Nobody holds it who could read or write it.
        let Some(inode) = found.inode else {
            return false;
        };
        // In this namespace the other end was looked for; one in another namespace of this host carries the session as well.
        let seen_from_there = path::ends(found.pair.local(), found.pair.peer());
        self.path.carriers.contains(&inode)
            || self.path.feeders.contains(&inode)
            || self.path.far_ends.contains(&seen_from_there)
    }

    fn carries(&mut self, found: &Connection) -> Carries {
        if self.surely_carries(found) {
            return Carries::Surely;
        }
        let Some(inode) = found.inode else {
            return Carries::No;
        };
        let why = match self.path.hidden {
            Some(Hidden::Server) => "the descriptors of your session's server are hidden",
            Some(hidden) if self.path.carriers.is_empty() => match hidden {
                Hidden::NoProc => "there is no /proc that shows your session",
                Hidden::PidNamespace => "your session may be in another pid namespace",
                Hidden::Ancestor | Hidden::Server => "/proc does not show all of your processes",
            },
            None if self.path.carriers.is_empty() && !self.path.is_local => {
                "no connection was found that carries your session"
            }
            _ => return Carries::No,
        };
        if !self.may_be_a_servers(found.uid) {
            return Carries::No;
        }
        let by_port = match self.path.hidden {
            Some(_) => true,
            None => self.servers().hidden,
        };
        if by_port && self.may_be_a_hidden_servers(found, inode) {
            return Carries::Maybe(why);
        }
        // Taken out, so that the table can be asked meanwhile.
        let servers = self.servers.take().unwrap_or_else(Servers::find);
        let carries = servers.may_carry(inode, self.login(), &mut self.table);
        self.servers = OnceCell::from(servers);
        if carries {
            Carries::Maybe(why)
        } else {
            Carries::No
        }
    }

    /// Returns the guard of a connection that an SSH server holds, or somebody who can't be seen may hold as one.
    fn guard_of_a_server(&self, found: &Connection) -> Option<&'static CallerGuard> {
        let inode = found.inode?;
        if self.servers().hold(inode) {
            return Some(&OF_A_SERVER);
        }
        let may_be_a_servers =
            found.uid == 0 || found.uid == OVERFLOW || found.local().port() == SSH;
        if !may_be_a_servers || !(self.is_blind || self.servers().hidden) {
            return None;
        }
        let others = self.held_by_others.get_or_init(servers::held_by_others);
        (!others.contains(&inode)).then_some(&OF_NOBODY_SEEN)
    }

    /// Returns true if an SSH server may have accepted a connection of this user's: it is root's then, or of somebody
    /// who is here, unless users are not mapped.
    fn may_be_a_servers(&self, uid: u32) -> bool {
        uid == 0
            || uid == OVERFLOW
            || self.users.contains(&uid)
            || self.login() == Some(uid)
            || FilePath::new(&format!("/run/systemd/users/{uid}")).exists()
    }

    /// Returns true if a connection may be that of a server whose descriptors can't be seen: root has accepted it, and
    /// nobody else is seen to hold it.
    fn may_be_a_hidden_servers(&mut self, found: &Connection, inode: Inode) -> bool {
        let others = self.held_by_others.get_or_init(servers::held_by_others);
        if others.contains(&inode) {
            return false;
        }
        let port = found.local().port();
        if port == SSH
            || self
                .variable
                .is_some_and(|pair| pair.local().port() == port)
        {
            return true;
        }
        let is_roots = found.uid == 0 || found.uid == OVERFLOW;
        is_roots && self.table.listeners().iter().any(|(of, _)| *of == port)
    }

    fn doubt(&self) -> Option<String> {
        let why = self.path.loose_end.filter(|_| self.variable.is_none())?;
        let why = match why {
            LooseEnd::Terminal(pid) => format!(
                "process {} controls your terminal, and no connection was found behind it",
                named(pid)
            ),
            LooseEnd::SeveredTerminal => {
                "the process that controls your terminal can't be seen".to_owned()
            }
            LooseEnd::Pipe(pid) => format!(
                "process {} has the other end of a pipe, and no connection was found behind it",
                named(pid)
            ),
            LooseEnd::SeveredPipe => {
                "the process at the other end of a pipe can't be seen".to_owned()
            }
            LooseEnd::Datagrams(pid) => format!(
                "process {} has the other end of your terminal or of a pipe, and receives datagrams, whose senders can't be followed",
                named(pid)
            ),
            LooseEnd::Socket => {
                "standard input, output or error is a socket that can't be followed".to_owned()
            }
            LooseEnd::Orphan => {
                "the process that started this one has ended, and nothing shows which connection carries your session"
                    .to_owned()
            }
        };
        Some(format!("this may cut you off: {why}"))
    }
}

/// Returns the pid of a process and its name.
fn named(pid: i32) -> String {
    match proc::name(pid).as_slice() {
        [] => pid.to_string(),
        name => format!("{pid} ({})", escape_for_terminal(name)),
    }
}

/// Compares with both ends: of a session from this host to itself, the client's end carries it as well.
fn is_either_end(session: &Pair, other: &Pair) -> bool {
    let mirrored = Pair::new(session.peer(), session.local());
    session.same_ends(other) || mirrored.is_ok_and(|mirrored| mirrored.same_ends(other))
}

/// `ssh` in services(5).
const SSH: u16 = 22;
/// The uid of a user that this user namespace does not map (`/proc/sys/kernel/overflowuid`).
const OVERFLOW: u32 = 65534;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_whom_this_namespace_does_not_map_may_be_anybody() {
        let session = OwnSession::find();
        assert!(session.may_be_a_servers(0));
        assert!(session.may_be_a_servers(OVERFLOW));
        // Nobody logs in as this one.
        assert!(!session.may_be_a_servers(u32::MAX - 7));
    }
}
