//! The typed form of a filter: what a text means, before anybody judges a socket by it.

use std::sync::Arc;
use std::time::Duration;

use super::pattern::Pattern;
use super::prefix::Prefix;
use super::prefix_set::PrefixSet;
use crate::connection::endpoint::Interface;
use crate::connection::state::States;
use crate::process::Process;

/// A selection of sockets: the states, and an expression over everything else.
///
/// The language is that of `ss` for TCP with more terms. Two things differ: `or` mixed with `and`
/// needs parentheses, and what is misspelt is an error, never a name to be looked up somewhere.
///
/// It prints in a canonical form that parses to an equal filter, with every name that was looked up
/// still in it, host names excepted: those print as the addresses they had. The form is fit for a
/// shell up to its parentheses and `*`, and for `ss` where `ss` has the terms.
///
/// ```
/// use tcpentry::{Filter, SystemNames, TcpTable};
/// let table = TcpTable::open()?;
/// let names = SystemNames::new(&table);
/// let filter = Filter::parse("state close-wait idle>10m (dport=:80|dport=:https)", &names)?;
/// assert_eq!(
///     filter.to_string(),
///     "state close-wait idle gt 10m and ( dport = :80 or dport = :443 )"
/// );
///
/// let error = Filter::parse("state close_wait", &names).unwrap_err();
/// assert_eq!(error.column(), 6);
/// assert_eq!(error.to_string(), "`close_wait` is not a state");
/// assert_eq!(error.hint(), Some("did you mean `close-wait`?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Filter {
    pub(crate) states: Option<States>,
    pub(crate) expr: Option<Expr>,
}

/// An expression over terms.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Expr {
    /// All of them; at least two.
    And(Vec<Expr>),
    /// One of them at least; at least two.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Term(Term),
}

/// A statement about one socket. What a text says with `!=` is a [`Expr::Not`] here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Term {
    /// `src`, `dst`, `host`: the address of an end and, where one is given, its port.
    Host {
        end: End,
        network: Prefix,
        port: Option<u16>,
    },
    /// `src @NAME`, `dst @NAME`, `host @NAME`: the address of an end is in this set.
    Set {
        end: End,
        name: String,
        set: Arc<PrefixSet>,
    },
    /// `sport`, `dport`, `port`: also what a text says with `src :80` or `src *:80`.
    Port {
        end: End,
        comparison: Comparison,
        port: u16,
    },
    /// `src *`, `dst *`, `host *`: every socket.
    Anything { end: End },
    /// `dev`: bound to this device (`SO_BINDTODEVICE`), which is not the device it is routed through.
    Device { name: String, interface: Interface },
    /// `fwmark`: `SO_MARK & mask == value`; a text without a mask means all bits.
    Mark { value: u32, mask: u32 },
    /// `cgroup`: exactly this one (version 2), by the inode of its directory.
    Cgroup { path: String, id: u64 },
    /// `autobound`: the kernel chose the local port.
    Autobound,
    /// `pid`: the process that has it when the filter is read, and no later one; `None` is nobody.
    Pid { pid: i32, process: Option<Process> },
    /// `process`
    Process(Pattern),
    /// `user`, by name or number.
    User { name: String, uid: u32 },
    /// `unit`
    Unit(String),
    /// `container`: its name, a pattern, the beginning of its id, or the text that is shown.
    Container(Pattern),
    /// `netns`, by the inode of its file.
    Netns { name: String, inode: u64 },
    /// `idle`
    Idle(Comparison, Duration),
    /// `rtt`
    Rtt(Comparison, Duration),
    /// `retrans`
    Retransmits(Comparison, u64),
    /// `sendq`, in bytes.
    SendQueue(Comparison, u64),
    /// `recvq`, in bytes.
    ReceiveQueue(Comparison, u64),
}

/// The end that a term is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Local,
    Peer,
    Either,
}

/// A comparison of two numbers; "not equal" is a [`Expr::Not`] of `Equal`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Expr {
    /// Returns the depth to which its canonical text is nested, at most.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::And(exprs) | Self::Or(exprs) => {
                1 + exprs.iter().map(Self::depth).max().unwrap_or(0)
            }
            Self::Not(expr) => 1 + expr.depth(),
            Self::Term(_) => 0,
        }
    }
}

/// Joins all of these, at least one, by `and`, without an `and` within the `and`.
pub(super) fn all_of(exprs: Vec<Expr>) -> Expr {
    joined(exprs, Expr::And, |expr| match expr {
        Expr::And(inner) => Ok(inner),
        other => Err(other),
    })
}

/// Joins them by `or`, likewise.
pub(super) fn any_of(exprs: Vec<Expr>) -> Expr {
    joined(exprs, Expr::Or, |expr| match expr {
        Expr::Or(inner) => Ok(inner),
        other => Err(other),
    })
}

fn joined(
    exprs: Vec<Expr>,
    join: fn(Vec<Expr>) -> Expr,
    same: fn(Expr) -> Result<Vec<Expr>, Expr>,
) -> Expr {
    let mut flat: Vec<Expr> = Vec::new();
    for expr in exprs {
        match same(expr) {
            // The first one grows, so that a long list is no pile of copies.
            Ok(inner) if flat.is_empty() => flat = inner,
            Ok(inner) => flat.extend(inner),
            Err(other) => flat.push(other),
        }
    }
    match flat.len() {
        1 => flat.remove(0),
        _ => join(flat),
    }
}

/// Returns the opposite; that of an opposite is the thing itself.
pub(super) fn negated(expr: Expr) -> Expr {
    match expr {
        Expr::Not(inner) => *inner,
        other => Expr::Not(Box::new(other)),
    }
}
