//! The vocabulary of a run: who deletes, how a connection is named, what is reported, and what is a fault.

/// The product that deletes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum By {
    /// The library.
    Library,
    /// The C library.
    CLibrary,
    /// The program.
    Program,
    /// The service: `tcpentry guard run`.
    Guard,
}

impl By {
    /// All of them, with the text of the final table.
    pub const WORDS: [(Self, &str); 4] = [
        (Self::Library, "library"),
        (Self::CLibrary, "C library"),
        (Self::Program, "program"),
        (Self::Guard, "guard"),
    ];
}

/// A rule of the service, which is about tuples of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GuardRule {
    /// `every`, at a rate.
    Paced,
    /// `every`, of what has matched for a while.
    Lasting,
    /// `when = "ban"`.
    Bans,
    /// `when = "set ..."`.
    Set,
    /// `when = "address-removed"`.
    Removed,
}

impl GuardRule {
    /// All of them, with their names in the configuration.
    pub const WORDS: [(Self, &str); 5] = [
        (Self::Paced, "paced"),
        (Self::Lasting, "lasting"),
        (Self::Bans, "bans"),
        (Self::Set, "set"),
        (Self::Removed, "removed"),
    ];
}

/// The way in which the connection is named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum How {
    /// From a table listed just now.
    Fresh,
    /// From one listed a while ago.
    Stale,
    /// By both its ends, whoever has them now.
    Pair,
    /// By a filter.
    Filter,
}

/// The reported outcome of a deletion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Report {
    Deleted,
    Gone,
    /// By a filter: it no longer matched.
    Spared,
    /// Anything else, in words.
    Other(String),
}

/// A fault that must never happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "`WORDS` says it")]
pub enum Wrong {
    NeverNamed,
    DeletedButAlive,
    DiedOtherwise,
    AliveButDeleted,
    GoneButAlive,
    DeletedTwice,
    ListenerLost,
    Crossed,
    PeerNotNotified,
}

impl Wrong {
    /// All faults, with the text of the final table.
    pub const WORDS: [(Self, &str); 9] = [
        (Self::NeverNamed, "died though never named"),
        (Self::DeletedButAlive, "reported deleted but alive"),
        (Self::DiedOtherwise, "reported deleted but ended otherwise"),
        (Self::AliveButDeleted, "deleted but reported by nobody"),
        (Self::GoneButAlive, "reported gone but alive"),
        (Self::DeletedTwice, "reported deleted twice"),
        (Self::ListenerLost, "listener lost"),
        (Self::Crossed, "data of another connection"),
        (
            Self::PeerNotNotified,
            "one end dead, the other not notified",
        ),
    ];
}
