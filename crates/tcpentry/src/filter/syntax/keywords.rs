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

/// What a condition can be about, but the state.
pub(crate) const TERMS: [&str; 21] = [
    "src",
    "dst",
    "host",
    "sport",
    "dport",
    "port",
    "dev",
    "fwmark",
    "cgroup",
    "autobound",
    "pid",
    "process",
    "user",
    "unit",
    "container",
    "netns",
    "idle",
    "rtt",
    "retrans",
    "sendq",
    "recvq",
];

/// The kind of value that a keyword takes: how a word of its own is read behind it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operand {
    /// Of a clause of states: no operator stands before it.
    State,
    /// An address, a port or another number: none begins with an operator, so that one may be glued to it.
    Plain,
    /// A counter, whose comparison has to be written.
    Counter,
    /// A name, which may be any text.
    Name,
}

/// The kind of value that this word takes; `None` where it is no keyword or takes none.
pub(super) fn operand(word: &str) -> Option<Operand> {
    Some(match word {
        "state" | "exclude" | "excl" => Operand::State,
        "src" | "dst" | "host" | "sport" | "dport" | "port" | "fwmark" | "pid" => Operand::Plain,
        "idle" | "rtt" | "retrans" | "sendq" | "recvq" => Operand::Counter,
        "dev" | "cgroup" | "process" | "user" | "unit" | "container" | "netns" => Operand::Name,
        _ => return None,
    })
}

/// The states that a word names, in any case.
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

pub(super) fn state_words() -> impl Iterator<Item = String> {
    let states = State::NAMED.into_iter().map(|state| state.to_string());
    states.chain(GROUPS.iter().map(|(name, _)| (*name).to_owned()))
}

/// Whether the word is one of the language; as a name it needs quotes.
pub(crate) fn is_word(word: &str) -> bool {
    let is_operator = || {
        lex(word).is_ok_and(|tokens| {
            matches!(tokens[..], [Token { kind, .. }] if !matches!(kind, Kind::Word(_) | Kind::Quoted(_)))
        })
    };
    TERMS.contains(&word)
        || matches!(word, "state" | "exclude" | "excl")
        || word.starts_with(char::is_alphabetic) && is_operator()
}
