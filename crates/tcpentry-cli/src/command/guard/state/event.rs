//! Events that the state hears, and commands that it gives.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tcpentry::filter::{Prefix, PrefixSet};
use tcpentry::netns::HostAddresses;
use tcpentry::watch::SetName;

use super::entry::GuardEntry;
use super::found::{Done, FoundConnection, LookFailure, LookResult};
use crate::command::bans::BanChange;
use crate::command::guard::rules::Rule;
use crate::tables::sets::Sets;

/// Event that the state hears.
#[derive(Debug)]
pub(crate) enum Event {
    /// Addresses have left devices, and may be on their way to others.
    AddressesLeaving(Vec<(IpAddr, String)>),
    /// Addresses have left the host, each from a device; they are on no other.
    AddressesRemoved(Vec<(IpAddr, String)>),
    /// By addresses that have left devices nothing is ended.
    AddressesStayed(Vec<IpAddr>),
    /// Local addresses of connections that were on no device at the start.
    AddressesMissing(Vec<IpAddr>),
    /// Elements of a set were added.
    Elements(SetName, Vec<(Prefix, Option<Duration>)>),
    /// An element was removed.
    ElementsGone(SetName, Vec<Prefix>),
    /// A set was read: all of its elements.
    SetRead(SetName, Vec<(Prefix, Option<Duration>)>),
    /// A set is no more.
    SetGone(SetName),
    /// The answer of the resolver; empty where it failed.
    Name(String, Vec<IpAddr>),
    /// Changes of the bans were handed over. Who bans again means what has come since, too.
    Bans(Vec<BanChange>),
    /// Bans that are known from before; new only to a rule that does not have them.
    KnownBans(Vec<(Prefix, Option<Duration>)>),
    /// A look is over.
    Looked {
        id: u64,
        round: u64,
        looked: Result<LookResult, LookFailure>,
    },
    /// Deletions are over.
    Done {
        id: u64,
        round: u64,
        /// The name of the rule, which a reload may have removed.
        rule: String,
        is_dry_run: bool,
        done: Vec<Done>,
    },
    /// The addresses of this host are these now.
    Host(HostAddresses),
}

/// Command of the state to the loop.
#[derive(Debug)]
pub(crate) enum StateCommand {
    /// Look which connections a rule selects.
    Look {
        id: u64,
        round: u64,
        rule: Arc<Rule>,
        sets: Sets,
        /// The peers whose connections no other subflow takes along.
        never: Arc<PrefixSet>,
    },
    /// Delete these, which the rule's look has found, if they still match.
    Delete {
        id: u64,
        round: u64,
        these: Vec<FoundConnection>,
        is_dry_run: bool,
    },
    /// Nothing more comes of this look.
    Forget {
        id: u64,
        round: u64,
    },
    Log(Box<GuardEntry>),
}
