//! The typed form of a filter: what a text means, before anybody judges a socket by it.

use std::time::Duration;

use super::network::Network;
use crate::endpoint::Interface;
use crate::process::Process;

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
        network: Network,
        port: Option<u16>,
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
    /// `container`: the beginning of its id or name.
    Container(String),
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

/// Which end a term speaks of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Local,
    Peer,
    Either,
}

/// How two numbers compare; "not equal" is a [`Expr::Not`] of `Equal`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// The name of a process: exact, or with `*` for any bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pattern(pub(crate) String);
