//! Filters: which sockets are meant, in the language of `ss`.
//!
//! A text is parsed once into a [`Filter`]; whoever judges sockets by it never sees the text.

mod compile;
mod error;
mod expr;
mod host;
mod judge;
mod lex;
mod local_ports;
mod names;
mod network;
mod number;
mod parse;
mod print;
mod processes;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use compile::{Compiler, Needs, Pass, Plan};
pub use error::FilterError;
pub use judge::Truth;
pub(crate) use judge::{Fact, Facts, Holder, Judge, Subject};
pub(crate) use local_ports::LocalPorts;
pub use names::{Names, SystemNames};
pub(crate) use processes::Processes;

use std::time::Duration;

use crate::state::States;
pub(crate) use expr::Expr;
use expr::{End, Term};
use network::Network;

/// Which sockets are meant: the states, and an expression over everything else.
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
/// assert_eq!(error.to_string(), "`close_wait` is no state");
/// assert_eq!(error.hint(), Some("did you mean `close-wait`?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Filter {
    pub(crate) states: Option<States>,
    pub(crate) expr: Option<Expr>,
}

impl Filter {
    /// Reads a filter. Names of hosts, services, devices, users and cgroups are looked up now, and so are
    /// pids: a later process of the same pid is not meant.
    ///
    /// The words of a command line are to be joined by blanks.
    ///
    /// # Errors
    /// The first thing that is wrong with it. An empty text is no filter: "everything" is
    /// `state all`.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Self, FilterError> {
        parse::parse(text, names)
    }

    /// The filter that every socket passes which is in a state that is asked for.
    pub const fn any() -> Self {
        Self {
            states: None,
            expr: None,
        }
    }

    /// Whether this word begins a filter: by a keyword, a parenthesis or a negation.
    ///
    /// ```
    /// use tcpentry::Filter;
    /// assert!(["state", "dport=:80", "(src", "!dev", "host 192.0.2.1"].iter().all(|it| Filter::starts_with_keyword(it)));
    /// assert!(!Filter::starts_with_keyword("192.0.2.1:80") && !Filter::starts_with_keyword("[::1]:80"));
    /// ```
    pub fn starts_with_keyword(word: &str) -> bool {
        let end = word.find(|character: char| !character.is_ascii_alphabetic());
        let (first, rest) = word.split_at(end.unwrap_or(word.len()));
        if first.is_empty() {
            return word.starts_with(['(', '!']);
        }
        // What goes on with a letter's like is another word.
        parse::is_word(first) && !rest.starts_with(['-', '.', '_', ':', '%'])
    }

    /// The same filter, of IPv4 only: also that in IPv6 sockets (`::ffff:a.b.c.d`).
    #[must_use]
    pub fn only_ipv4(self) -> Self {
        self.only_in(Network::V4)
    }

    /// The same filter, of IPv6 only.
    #[must_use]
    pub fn only_ipv6(self) -> Self {
        self.only_in(Network::V6)
    }

    fn only_in(self, network: Network) -> Self {
        let family = Expr::Term(Term::Host {
            end: End::Local,
            network,
            port: None,
        });
        let both = self.expr.into_iter().chain([family]).collect();
        Self {
            expr: Some(parse::all_of(both)),
            ..self
        }
    }

    /// The states that its `state` and `exclude` clauses name; `None` where it has none.
    pub const fn states(&self) -> Option<States> {
        self.states
    }
}

/// Reads a duration in the units of filters: `500ms`, `30s`, `10m`, `2h`, `1d`.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(tcpentry::filter::parse_duration("10m"), Ok(Duration::from_secs(600)));
/// assert_eq!(tcpentry::filter::parse_duration("10").unwrap_err().hint(), Some("units of time are us ms s m h d"));
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, FilterError> {
    number::time(error::Piece { text, column: 0 })
}
