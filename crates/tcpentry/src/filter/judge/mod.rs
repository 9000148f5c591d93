//! The evaluation of a filter for one socket.
//!
//! - A mapped address (`::ffff:a.b.c.d`) is IPv4, also in an IPv6 socket. No IPv6 network contains an
//!   IPv4 address, not even `::/0`. To the kernel's conditions a mapped address is both.
//! - The peer of what has none (a listener, a bound socket) is `0.0.0.0:0` or `[::]:0`. It is an address
//!   and a port like others: `not dst 10.0.0.0/8` holds for a listener.
//! - A term about either end holds if it holds for one of them; so its opposite means neither.
//! - `autobound` is true of every socket whose owner did not name the port to `bind`, if its port is one
//!   that the kernel would choose. That is how `ss` has it: without the second half it would be true of
//!   each connection that a server has accepted.
//! - `process` and `pid` are about those that hold the socket now and that the caller may look at. A socket
//!   that is held by a process that may be looked at, and by one that may not, is evaluated by the first alone.
//!   Where none that may be looked at holds it, one of the others might, and their names show if it can be
//!   the one that is meant. That it is not meant is nothing to act upon: the holder may also have come
//!   by it since the look, so `not process nginx` is hidden then. Where every process was looked into, and none holds
//!   it, no process does: it is in flight in a unix socket, registered with io_uring, or the kernel's own (NFS).
//!   Of what a sandbox hides even from the root of the host nobody could know more than the name, so that decides.
//! - Of a process whose threads have very many descriptors not all are read. A socket that no process was seen to hold is
//!   unknown, if that one is meant: it is left alone, and whatever else is selected is not.
//!
//! # Not all can be seen
//!
//! A term is true or false, or one of two things beside. It is *unknown* where a socket has no such
//! property: a TIME_WAIT socket has no process and no idle time. It is *hidden* where it has, and this
//! caller may not know. Neither is ever selected, nor is its opposite; but where an expression is hidden,
//! it might be true, so an action on all that is selected must not go on.
//!
//! An expression is hidden only if it could still be true for a caller that sees more. So negations are
//! moved to the terms before they are weighed: of `not (pid 1 or cgroup /a)`, with a hidden process and an
//! unknown cgroup, the second half can't come true, and the whole is unknown.

use std::time::Duration;

use super::expr::{Comparison, End, Expr, Term};
use crate::connection::endpoint::Endpoint;
use crate::connection::state::State;
use crate::connection::{Connection, Inode};
use crate::netns::LocalPorts;
use crate::process::Process;
use crate::process::cgroup_path::CgroupPath;
use crate::process::container::Container;
use crate::process::unit::Unit;

/// The truth of a filter for a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Truth {
    /// It holds: the only one that selects.
    True,
    /// It does not.
    False,
    /// There is no such property.
    Unknown,
    /// This caller may not see it.
    Hidden,
}

/// A socket that is evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'s> {
    pub(crate) connection: &'s Connection,
    /// The kernel's word that its owner did not name the port; `None` when it was not
    /// asked. No answer shows it, only a program can ask for it.
    pub(crate) autobound: Option<bool>,
}

/// The facts that a socket's own row does not have.
pub(crate) trait Facts {
    /// Returns the processes that hold a socket, of those whose descriptors the caller may see.
    /// `None` where nobody has looked.
    fn holders(&self, inode: Inode) -> Option<impl Iterator<Item = NamedProcess<'_>>>;

    /// Returns the processes whose descriptors the caller may not see; without a name where that is hidden too.
    fn hidden(&self) -> impl Iterator<Item = NamedProcess<'_>>;

    /// Returns the processes that may hold more than was read of them.
    fn partly_seen(&self) -> impl Iterator<Item = NamedProcess<'_>>;

    /// Returns true if there may be others, of which the caller sees nothing at all.
    fn are_withheld(&self) -> bool;

    /// Returns true if the names of the hidden are all that anybody could know.
    fn are_known_by_right(&self) -> bool;

    /// Returns the paths of a socket's cgroups: the one that it was made in, or those of the processes that hold it.
    fn cgroups(&self, connection: &Connection) -> Fact<Vec<CgroupPath<'_>>>;
}

/// A process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedProcess<'k> {
    pub(crate) process: Process,
    pub(crate) name: &'k [u8],
    /// The path of its executable, where the caller may see that.
    pub(crate) executable: Option<&'k [u8]>,
}

/// A fact, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fact<T> {
    Known(T),
    /// It does not exist for anybody: a cgroup that has been removed, or lies outside of this cgroup namespace.
    Absent,
    /// This caller may not look, or nobody has looked.
    Hidden,
}

/// The evaluator of expressions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge<'j, K> {
    pub(crate) facts: &'j K,
    /// Set when the kernel shows this caller the marks of sockets (`CAP_NET_ADMIN`).
    pub(crate) marks: bool,
    pub(crate) local_ports: LocalPorts,
    /// Set when the users of sockets are shown in the caller's own numbers.
    pub(crate) users: bool,
    /// The inode of the network namespace that the sockets are in.
    pub(crate) netns: u64,
}

impl<K: Facts> Judge<'_, K> {
    pub(crate) fn judge(&self, expr: &Expr, subject: Subject<'_>) -> Truth {
        self.weigh(expr, true, subject)
    }

    /// Returns the truth of the expression, or of its opposite.
    fn weigh(&self, expr: &Expr, positive: bool, subject: Subject<'_>) -> Truth {
        let each = |expr: &Expr| self.weigh(expr, positive, subject);
        match expr {
            Expr::Not(expr) => self.weigh(expr, !positive, subject),
            Expr::And(all) if positive => Truth::all(all.iter().map(each)),
            Expr::And(any) => Truth::any(any.iter().map(each)),
            Expr::Or(any) if positive => Truth::any(any.iter().map(each)),
            Expr::Or(all) => Truth::all(all.iter().map(each)),
            Expr::Term(term) if positive => self.term(term, positive, subject),
            Expr::Term(term) => self.term(term, positive, subject).opposite(),
        }
    }

    /// Returns the truth of a term, which is asked for itself or for its opposite.
    fn term(&self, term: &Term, positive: bool, subject: Subject<'_>) -> Truth {
        let connection = subject.connection;
        match term {
            Term::Host { end, network, port } => of_ends(*end, connection, |end| {
                network.contains(end.address()) && port.is_none_or(|port| port == end.port())
            }),
            Term::Set { end, set, .. } => {
                of_ends(*end, connection, |end| set.contains(end.address()))
            }
            Term::Port {
                end,
                comparison,
                port,
            } => of_ends(*end, connection, |end| comparison.holds(&end.port(), port)),
            Term::Anything { .. } => Truth::True,
            Term::Device { interface, .. } => {
                Truth::from(connection.interface() == Some(*interface))
            }
            Term::Mark { value, mask } => match connection.mark {
                Some(mark) => Truth::from(mark & mask == *value),
                None if self.marks => Truth::Unknown,
                None => Truth::Hidden,
            },
            Term::Cgroup { id, .. } => Truth::known(connection.cgroup.map(|cgroup| cgroup == *id)),
            Term::Autobound => {
                if !self.local_ports.contain(connection.local().port()) {
                    Truth::False
                } else if is_no_full_socket(connection) {
                    Truth::Unknown
                } else {
                    Truth::known(subject.autobound)
                }
            }
            Term::Pid { process, .. } => {
                let is_meant = |holder: NamedProcess<'_>| Some(holder.process) == *process;
                self.held(connection, positive, is_meant, is_meant)
            }
            Term::Process(pattern) => {
                // A process can call itself by a path, but not choose that of its executable.
                let is_meant = |holder: NamedProcess<'_>| {
                    if pattern.is_of_executable() {
                        let path = holder.executable;
                        path.is_some_and(|path| pattern.matches_executable(path))
                    } else {
                        pattern.matches(holder.name)
                    }
                };
                let may_be_meant = |hidden: NamedProcess<'_>| {
                    hidden.name.is_empty()
                        || is_meant(hidden)
                        || pattern.may_match_unseen(hidden.name)
                };
                self.held(connection, positive, is_meant, may_be_meant)
            }
            Term::User { .. } if !self.users && connection.inode.is_some() => Truth::Hidden,
            Term::User { uid, .. } => {
                Truth::known(connection.inode.map(|_| connection.uid == *uid))
            }
            Term::Netns { inode, .. } => Truth::from(*inode == self.netns),
            Term::Unit(name) => self.in_cgroup(connection, name, |path| {
                Unit::from_cgroup(path).is_some_and(|unit| unit.matches_name(name))
            }),
            Term::Container(pattern) => self.in_cgroup(connection, pattern.text(), |path| {
                let container = Container::from_cgroup(path);
                let is = |name: &str| pattern.matches(name.as_bytes());
                container.is_some_and(|container| container.matches(pattern.text(), is))
            }),
            Term::Idle(comparison, limit) => compared(*comparison, connection.idle(), limit),
            Term::Rtt(comparison, limit) => compared(*comparison, rtt(connection), limit),
            Term::Retransmits(comparison, limit) => {
                compared(*comparison, retransmits(connection), limit)
            }
            Term::SendQueue(comparison, limit) => {
                compared(*comparison, Some(connection.send_queue.into()), limit)
            }
            Term::ReceiveQueue(comparison, limit) => {
                compared(*comparison, Some(connection.recv_queue.into()), limit)
            }
        }
    }

    /// Returns the truth of a term about the cgroups of the socket: it is in all of them.
    fn in_cgroup(
        &self,
        connection: &Connection,
        name: &str,
        is_meant: impl Fn(CgroupPath<'_>) -> bool,
    ) -> Truth {
        let of_path = |path: CgroupPath<'_>| {
            // Which user's it is then is not known either.
            let may_be_users = path.is_ownership_unseen() && name.starts_with(OF_USER);
            let holds = path.holds(&is_meant).filter(|_| !may_be_users);
            holds.map_or(Truth::Hidden, Truth::from)
        };
        match self.facts.cgroups(connection) {
            Fact::Known(paths) => Truth::any(paths.into_iter().map(of_path)),
            Fact::Absent => Truth::Unknown,
            Fact::Hidden => Truth::Hidden,
        }
    }

    /// Returns the truth of a term about the holders of the socket.
    fn held(
        &self,
        connection: &Connection,
        positive: bool,
        is_meant: impl Fn(NamedProcess<'_>) -> bool,
        may_be_meant: impl Fn(NamedProcess<'_>) -> bool,
    ) -> Truth {
        let Some(inode) = connection.inode else {
            return Truth::Unknown;
        };
        let Some(holders) = self.facts.holders(inode) else {
            return Truth::Hidden;
        };
        let mut holders = holders.peekable();
        if holders.peek().is_some() {
            return Truth::from(holders.any(is_meant));
        }
        if self.facts.are_withheld() {
            return Truth::Hidden;
        }
        let mut hidden = self.facts.hidden().peekable();
        let are_all_seen = hidden.peek().is_none();
        if !are_all_seen
            && (hidden.any(&may_be_meant) || !(positive || self.facts.are_known_by_right()))
        {
            Truth::Hidden
        } else if self.facts.partly_seen().any(may_be_meant) {
            // Not hidden: anybody could have such a process, and an action on others must go on.
            Truth::Unknown
        } else {
            // Every process was looked into: it is in flight between two, io_uring's, or the kernel's own.
            Truth::False
        }
    }
}

/// The beginning of a name that is a user's, as it is shown.
const OF_USER: &str = "user:";

fn of_ends(end: End, connection: &Connection, holds: impl Fn(Endpoint) -> bool) -> Truth {
    let (local, peer) = (connection.local(), connection.peer());
    Truth::from(match end {
        End::Local => holds(local),
        End::Peer => holds(peer),
        End::Either => holds(local) || holds(peer),
    })
}

fn compared<T: Ord>(comparison: Comparison, value: Option<T>, limit: &T) -> Truth {
    Truth::known(value.map(|value| comparison.holds(&value, limit)))
}

/// Returns true for TIME_WAIT, the ownerless FIN_WAIT2 like it, and what is only a request yet: nobody's port any more, or
/// that of a listener. The kernel says "autobound" of all of them. An ownerless socket that is still a
/// full one (FIN_WAIT2 with `TCP_LINGER2`, SYN_RECV by fast open) can't be distinguished from them.
fn is_no_full_socket(connection: &Connection) -> bool {
    match connection.state {
        State::TimeWait => true,
        State::SynRecv | State::FinWait2 => connection.inode.is_none(),
        _ => false,
    }
}

fn rtt(connection: &Connection) -> Option<Duration> {
    let info = connection.info.as_ref()?;
    let measured = connection.state.is_synchronized() && !info.rtt.is_zero();
    measured.then_some(info.rtt)
}

fn retransmits(connection: &Connection) -> Option<u64> {
    let info = connection.info.as_ref()?;
    let state = connection.state;
    let sends = state.is_synchronized() || matches!(state, State::SynSent | State::SynRecv);
    sends.then_some(info.retransmits.into())
}

impl Truth {
    fn known(value: Option<bool>) -> Self {
        value.map_or(Self::Unknown, Self::from)
    }

    const fn opposite(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown | Self::Hidden => self,
        }
    }

    /// Returns the truth of a conjunction. One that is false settles it. What is unknown stays so whoever looks, so it
    /// can't be true any more.
    fn all(truths: impl Iterator<Item = Self>) -> Self {
        let mut all = Self::True;
        for truth in truths {
            all = match (all, truth) {
                (_, Self::False) => return Self::False,
                (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
                (Self::Hidden, _) | (_, Self::Hidden) => Self::Hidden,
                _ => Self::True,
            };
        }
        all
    }

    /// Returns the truth of a disjunction. One that is true settles it. What is hidden might be.
    fn any(truths: impl Iterator<Item = Self>) -> Self {
        let mut any = Self::False;
        for truth in truths {
            any = match (any, truth) {
                (_, Self::True) => return Self::True,
                (Self::Hidden, _) | (_, Self::Hidden) => Self::Hidden,
                (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
                _ => Self::False,
            };
        }
        any
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl Comparison {
    pub(super) fn holds<T: Ord>(self, value: &T, limit: &T) -> bool {
        match self {
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
            Self::Equal => value == limit,
            Self::GreaterOrEqual => value >= limit,
            Self::Greater => value > limit,
        }
    }
}

#[cfg(test)]
mod tests;
