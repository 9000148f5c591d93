//! The words of the language: terms, states and their groups.

use super::lex::{Kind, Token, lex};
use crate::connection::state::{State, States};

pub(crate) const GROUPS: [(&str, States); 5] = [
    ("all", States::ALL_ACTIVE),
    ("connected", States::CONNECTED),
    ("synchronized", States::SYNCHRONIZED),
    ("bucket", States::BUCKET),
    ("big", States::BIG),
];

/// Other names of states: `ss` takes the first three and prints the last two.
const ALIASES: [(&str, State); 5] = [
    ("close", State::Closed),
    ("unconnected", State::Closed),
    ("syn-rcv", State::SynRecv),
    ("listen", State::Listening),
    ("estab", State::Established),
];

/// A keyword of the language.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Keyword {
    pub(super) word: &'static str,
    /// The kind of its value; `None` where it takes none.
    pub(super) operand: Option<Operand>,
    pub(super) meaning: &'static str,
}

/// The keywords of clauses, which come before every term.
pub(super) const CLAUSES: [Keyword; 3] = [
    keyword("state", Operand::State, "in this state"),
    keyword("exclude", Operand::State, "not in this state"),
    keyword("excl", Operand::State, "not in this state"),
];

/// The keywords of terms.
pub(super) const TERMS: [Keyword; 21] = [
    keyword(
        "src",
        Operand::Plain,
        "local end: ADDRESS[/LENGTH][:PORT], or @SET",
    ),
    keyword(
        "dst",
        Operand::Plain,
        "peer: ADDRESS[/LENGTH][:PORT], or @SET",
    ),
    keyword(
        "host",
        Operand::Plain,
        "either end: ADDRESS[/LENGTH][:PORT], or @SET",
    ),
    keyword("sport", Operand::Port, "local port"),
    keyword("dport", Operand::Port, "port of the peer"),
    keyword("port", Operand::Port, "either port"),
    keyword("dev", Operand::Name, "bound to this device"),
    keyword("fwmark", Operand::Plain, "SO_MARK: VALUE[/MASK]"),
    keyword("cgroup", Operand::Name, "in this cgroup, by its path"),
    Keyword {
        word: "autobound",
        operand: None,
        meaning: "local port chosen by the kernel",
    },
    keyword("pid", Operand::Plain, "held by the process with this pid"),
    keyword("process", Operand::Name, "held by a process with this name"),
    keyword("user", Operand::Name, "owned by this user"),
    keyword("unit", Operand::Name, "in this systemd unit"),
    keyword(
        "container",
        Operand::Name,
        "in the container with this name or id",
    ),
    keyword("netns", Operand::Name, "in this network namespace"),
    keyword("idle", Operand::Counter, "time since data last moved"),
    keyword("rtt", Operand::Counter, "round-trip time"),
    keyword(
        "retrans",
        Operand::Counter,
        "retransmissions of the segment in flight",
    ),
    keyword(
        "sendq",
        Operand::Counter,
        "bytes sent and not yet acknowledged",
    ),
    keyword("recvq", Operand::Counter, "bytes received and not yet read"),
];

const fn keyword(word: &'static str, operand: Operand, meaning: &'static str) -> Keyword {
    Keyword {
        word,
        operand: Some(operand),
        meaning,
    }
}

/// The kind of value that a keyword takes: how a word of its own is read behind it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operand {
    /// The name of a state: no operator stands before it.
    State,
    /// A port, which can be compared. Like the next two it never begins with an operator, so that one may be glued to it.
    Port,
    /// An address or a number that is equal or not.
    Plain,
    /// A counter, whose comparison has to be written.
    Counter,
    /// A name, which may be any text.
    Name,
}

impl Operand {
    /// Returns true where the value can be less or greater than another.
    pub(super) const fn is_ordered(self) -> bool {
        matches!(self, Self::Port | Self::Counter)
    }
}

/// Finds the keyword that this word is.
pub(super) fn keyword_of(word: &str) -> Option<&'static Keyword> {
    let mut all = CLAUSES.iter().chain(&TERMS);
    all.find(|keyword| keyword.word == word)
}

/// Returns true for the keyword of a clause.
pub(super) fn is_clause(word: &str) -> bool {
    CLAUSES.iter().any(|clause| clause.word == word)
}

/// Returns the words that begin a term.
pub(crate) fn term_words() -> impl Iterator<Item = &'static str> {
    TERMS.iter().map(|term| term.word)
}

/// Returns the states that a word names, in any case.
pub(super) fn states_of(word: &str) -> Option<States> {
    let word = word.to_ascii_lowercase();
    if let Some((_, states)) = GROUPS.iter().find(|(name, _)| *name == word) {
        return Some(*states);
    }
    let state = match ALIASES.iter().find(|(name, _)| *name == word) {
        Some((_, state)) => *state,
        None => word.parse().ok()?,
    };
    // No set has a state whose number is beyond its bits.
    Some(States::NONE.with(state)).filter(|states| states.contains(state))
}

/// Returns the name here of a state that netstat, BSD or conntrack write otherwise: `CLOSE_WAIT`, `FIN_WAIT1`.
pub(super) fn state_name(word: &str) -> Option<String> {
    if states_of(word).is_some() {
        return Some(word.to_owned());
    }
    let name = word.to_ascii_lowercase().replace('_', "-");
    let name = match &*name {
        "fin-wait1" => "fin-wait-1",
        "fin-wait2" => "fin-wait-2",
        "syn-rcvd" | "syn-received" => "syn-recv",
        name => name,
    };
    states_of(name).map(|_| name.to_owned())
}

/// Returns the names of states and of their groups.
pub(super) fn state_words() -> impl Iterator<Item = &'static str> {
    let states = State::NAMED.into_iter().filter_map(State::name);
    states.chain(GROUPS.iter().map(|(name, _)| *name))
}

/// Returns true for a word of the language; as a name it needs quotes.
pub(crate) fn is_word(word: &str) -> bool {
    let is_operator = || {
        lex(word).is_ok_and(|tokens| {
            matches!(tokens[..], [Token { kind, .. }] if !matches!(kind, Kind::Word(_) | Kind::Quoted(_)))
        })
    };
    keyword_of(word).is_some() || word.starts_with(char::is_alphabetic) && is_operator()
}
