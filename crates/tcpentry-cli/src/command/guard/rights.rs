//! The capabilities that rules need, and those that this caller lacks.

use std::fmt;

use rustix::thread::CapabilitySet;
use tcpentry::filter::Mentioned;
use tcpentry::support::Support;
use tcpentry::{Error, TcpTable};

use crate::own_session::blind_spot;

use super::rules::{self, NetnsScope, Rule, Trigger};

/// The capabilities that a rule needs.
#[derive(Clone, Copy)]
pub(super) struct Rights(CapabilitySet);

/// The caller, and the system, as far as rules can act here.
pub(super) struct CallerRights {
    held: CapabilitySet,
    support: Result<Support, Error>,
    /// The reason why it may not see the processes of others.
    blind_spot: Option<&'static str>,
}

impl Rights {
    pub(super) const NONE: Self = Self(CapabilitySet::empty());

    pub(super) fn of(rule: &Rule) -> Self {
        let mut rights = CapabilitySet::NET_ADMIN;
        if needs_owners(rule) {
            rights |= OWNERS;
        }
        if rule.netns != NetnsScope::Own {
            // That of a process is entered over its folder in /proc.
            rights |= CapabilitySet::SYS_ADMIN | CapabilitySet::SYS_PTRACE;
        }
        Self(rights)
    }

    /// Returns true where the rule is about other network namespaces.
    pub(super) fn enter_namespaces(self) -> bool {
        self.0.contains(CapabilitySet::SYS_ADMIN)
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Rights {
    /// Writes their names with blanks between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed = NAMES.iter().filter(|(it, ..)| self.0.contains(*it));
        let names: Vec<_> = needed.map(|(_, name, _)| *name).collect();
        f.write_str(&names.join(" "))
    }
}

impl CallerRights {
    /// Asks the kernel, without deleting anything.
    pub(super) fn probe() -> Self {
        let held = rustix::thread::capabilities(None).map(|sets| sets.effective);
        let mut held = held.unwrap_or(CapabilitySet::empty());
        if held.contains(CapabilitySet::DAC_OVERRIDE) {
            held |= CapabilitySet::DAC_READ_SEARCH;
        }
        let support = TcpTable::open().and_then(|mut table| Support::probe(&mut table));
        if support.as_ref().is_ok_and(|it| !it.net_admin) {
            // That of a user namespace is none over this table.
            held.remove(CapabilitySet::NET_ADMIN);
        }
        Self {
            held,
            support,
            blind_spot: blind_spot(),
        }
    }

    /// Returns what this caller can't do for a rule with these needs.
    pub(super) fn lacking(&self, rights: Rights) -> Vec<String> {
        let lacking = NAMES.iter().filter(|(capability, ..)| {
            rights.0.contains(*capability) && !self.held.contains(*capability)
        });
        let lines = lacking
            .map(|(_, name, consequence)| format!("whoever runs this lacks {name}: {consequence}"));
        let blind_spot = self.blind_spot.filter(|_| rights.0.contains(OWNERS));
        let blind_spot = blind_spot
            .map(|why| format!("it can't see who holds the connections of others: {why}"));
        lines.chain(blind_spot).collect()
    }

    /// Returns what this system can't do for any rule.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.support {
            Err(error) => lines.push(error.to_string()),
            Ok(found) if !found.tcp_diag => lines.push(
                "this kernel answers no question about TCP sockets: see `tcpentry doctor`"
                    .to_owned(),
            ),
            Ok(found) if !found.destroy => lines.push(
                "this kernel destroys no sockets (CONFIG_INET_DIAG_DESTROY): only what a process holds can end here"
                    .to_owned(),
            ),
            Ok(_) => {}
        }
        lines
    }
}

/// Returns true where a rule asks who holds a connection: its filter does, an SSH server's is spared, or the peer has to be
/// told by a borrowed descriptor.
fn needs_owners(rule: &Rule) -> bool {
    let is_of_bans = matches!(rule.trigger, Trigger::Set { .. } | Trigger::Ban);
    let is_of_address = matches!(rule.trigger, Trigger::AddressRemoved { .. });
    let filters = std::iter::once(&rule.delete).chain(&rule.except);
    let asks = |text: &String| {
        let filter = rules::parse_filter(text, &rule.trigger);
        filter.is_some_and(|filter| {
            let mentions = filter.mentions();
            let mut names = mentions.iter().map(|it| it.name);
            names.any(|name| {
                matches!(
                    name,
                    Mentioned::Pid(..)
                        | Mentioned::Process(_)
                        | Mentioned::Unit(_)
                        | Mentioned::Container(_)
                )
            })
        })
    };
    is_of_address || (!is_of_bans && !rule.ssh_sessions) || filters.into_iter().any(asks)
}

const OWNERS: CapabilitySet = CapabilitySet::SYS_PTRACE.union(CapabilitySet::DAC_READ_SEARCH);

/// The capabilities, their names, and what goes wrong without.
const NAMES: [(CapabilitySet, &str, &str); 4] = [
    (
        CapabilitySet::NET_ADMIN,
        "CAP_NET_ADMIN",
        "it ends connections of its own processes only",
    ),
    (
        CapabilitySet::SYS_PTRACE,
        "CAP_SYS_PTRACE",
        "it can't see who holds the connections of others",
    ),
    (
        CapabilitySet::DAC_READ_SEARCH,
        "CAP_DAC_READ_SEARCH",
        "it can't look into the processes of others",
    ),
    (
        CapabilitySet::SYS_ADMIN,
        "CAP_SYS_ADMIN",
        "it can't enter other network namespaces",
    ),
];
