//! The rules of a configuration: when, which, and how much at most.

mod canonical;
mod document;
mod error;
mod file;
mod filter;
mod read;
mod rule;
mod section;
#[cfg(test)]
mod tests;
mod trigger;
mod variables;

use std::path::PathBuf;
use std::time::Duration;

use tcpentry::filter::PrefixSet;
use tcpentry::watch::TableFamily;

use crate::args::pace::Rate;

pub(super) use error::report;
pub(super) use filter::parse_filter;
pub(super) use read::{FOLDER, read};

/// A whole configuration that is in order.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_field_names, reason = "they are what it has")]
pub(super) struct Rules {
    /// In the order of the files and of their places in them.
    pub(super) rules: Vec<Rule>,
    /// The addresses that are never taken from an event.
    pub(super) never: PrefixSet,
    /// The file that the metrics are written to.
    pub(super) metrics: Option<PathBuf>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each key")]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) trigger: Trigger,
    /// The filter, in its canonical form; what the event brings is a set of prefixes in it: `dst @elements`.
    pub(super) delete: String,
    /// The filter of what is spared, likewise.
    pub(super) except: Option<String>,
    /// Set where the filter may be true of nearly everything.
    pub(super) everything: bool,
    pub(super) netns: NetnsScope,
    pub(super) matched_for: Option<Duration>,
    pub(super) max: Option<u64>,
    pub(super) rate: Option<Rate>,
    pub(super) spread: Option<Duration>,
    pub(super) enabled: bool,
    pub(super) dry_run: bool,
    pub(super) listeners: bool,
    pub(super) ssh_sessions: bool,
}

/// The time or the event at which a rule looks at the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trigger {
    /// Again and again, after so long.
    Every(Duration),
    /// An address has left this host; on a device of this name (a glob), if there is one.
    AddressRemoved { device: Option<String> },
    /// Elements of a set of nftables: `table` and `set` are globs.
    Set {
        family: TableFamily,
        table: String,
        set: String,
    },
    /// A host name has other addresses than before; former is what has been in no answer for so long.
    NameChanged { name: String, absent_for: Duration },
    /// `tcpentry ban` has handed it over.
    Ban,
}

/// The network namespaces that a rule looks into.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum NetnsScope {
    #[default]
    Own,
    All,
    Named(Vec<String>),
}
